# shell.S -- the first program: a prompt on the console, and a few commands.
#
# Ring 3, 64-bit. Entered with rdi the address of the boot info, a stack, and every
# other register zero. Never returns. What it may do is what its capabilities allow:
# the console's ports and interrupts, the screen, the power switch, and the threads
# of all processes, whose faults come to its endpoint (images/dev.toml, `grants`).

shell:
        mov     rbx, rdi
        mov     [rip + boot_info], rdi
        call    start_screen
        call    start_serial
        call    start_keyboard
        mov     edi, INIT_COM1_IRQ      # masked until first acknowledged
        call    acknowledge
        mov     edi, INIT_KEYBOARD_IRQ
        call    acknowledge
        lea     rsi, [rip + text_banner]
        call    put_string

prompt:
        lea     rsi, [rip + text_prompt]
        call    put_string
        call    read_line
        lea     rsi, [rip + line]
        call    skip_spaces
        cmp     byte ptr [rsi], 0
        je      prompt

        lea     rbx, [rip + commands]
try_command:
        mov     rdi, [rbx]
        test    rdi, rdi
        jz      unknown
        call    match_word
        je      found
        add     rbx, 16
        jmp     try_command
found:
        call    qword ptr [rbx + 8]     # rsi: the rest of the line
        jmp     prompt
unknown:
        mov     rbp, rsi
        lea     rsi, [rip + text_unknown]
        call    put_string
        mov     rsi, rbp
        call    put_string
        lea     rsi, [rip + text_try_help]
        call    put_string
        jmp     prompt

# show_prompt_again: after lines that came in between. Changes rax, rcx, rdx, rsi.
show_prompt_again:
        lea     rsi, [rip + text_prompt]
        call    put_string
        jmp     put_line

# The commands. rsi: what comes after the name, without spaces in front. They may
# change every register but rsp.

help:
        lea     rsi, [rip + text_help]
        jmp     put_string

echo:
        call    put_string
        jmp     new_line

.section rodata
.balign 8
commands:                               # name, routine; a zero ends the table
        .quad   word_help, help
        .quad   word_echo, echo
        .quad   word_uptime, uptime
        .quad   word_mem, mem
        .quad   word_ps, ps
        .quad   word_fault, fault
        .quad   word_exit, exit
        .quad   word_poweroff, poweroff
        .quad   0

word_help:       .asciz "help"
word_echo:       .asciz "echo"
word_uptime:     .asciz "uptime"
word_mem:        .asciz "mem"
word_ps:         .asciz "ps"
word_fault:      .asciz "fault"
word_exit:       .asciz "exit"
word_poweroff:   .asciz "poweroff"

text_banner:     .asciz "\r\nVectorOS ready. Type help for the commands.\r\n"
text_prompt:     .asciz "vectoros> "
text_unknown:    .asciz "unknown command: "
text_try_help:   .asciz "; type help for the commands\r\n"
text_help:
        .ascii  "help          this list\r\n"
        .ascii  "echo TEXT     print TEXT\r\n"
        .ascii  "uptime        time since the machine was switched on\r\n"
        .ascii  "mem           memory: what it is used for\r\n"
        .ascii  "ps            processes: what they do, and their last fault\r\n"
        .ascii  "fault [KIND]  let the victim break a rule: pf (default) ud gp de null nx wx\r\n"
        .ascii  "exit CODE     stop the machine with status CODE, 0 to 255\r\n"
        .asciz  "poweroff      switch the machine off\r\n"

.section data
.balign 8
boot_info:                              # address of the page (kernel/boot_info.py)
        .quad   0
