# shell.S -- the first program: a prompt on the console, and a few commands.
#
# Ring 3, 64-bit. Entered by the kernel with every register zero but rdi, which is
# START_FIRST, or START_FAULT after a fault of the program itself (kernel/abi.py).
# It has its own stack and never returns. Code, strings, data and stack are four
# sections with four kinds of access (images/dev.toml).
#
# A call to the kernel keeps every register but rax, rcx and r11.

shell:
        lea     rsp, [rip + stack_top]
        test    edi, edi
        jnz     prompt                  # START_FAULT: the kernel has said why
        lea     rsi, [rip + text_banner]
        call    print

prompt:
        lea     rsi, [rip + text_prompt]
        call    print
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
        call    print
        mov     rsi, rbp
        call    print
        lea     rsi, [rip + text_try_help]
        call    print
        jmp     prompt

# The commands. rsi: what comes after the name, without spaces in front.

help:
        lea     rsi, [rip + text_help]
        jmp     print

echo:
        call    print
        jmp     end_line

# The fraction is exact: there are TIMER_HZ = 100 ticks a second.
uptime:
        mov     eax, SYS_TICKS
        syscall
        mov     rbp, rax
        lea     rsi, [rip + text_up]
        call    print
        mov     rax, rbp
        xor     edx, edx
        mov     ecx, TIMER_HZ
        div     rcx
        mov     rbx, rdx                # hundredths of a second
        call    print_decimal
        mov     edi, '.'
        call    put
        mov     eax, ebx
        cmp     eax, 10
        jae     uptime_fraction
        mov     edi, '0'
        call    put
        mov     eax, ebx
uptime_fraction:
        call    print_decimal
        lea     rsi, [rip + text_seconds]
        call    print
        mov     rax, rbp
        call    print_decimal
        lea     rsi, [rip + text_ticks]
        jmp     print

exit:
        call    parse_byte
        jc      exit_usage
        mov     edi, eax
        mov     eax, SYS_EXIT
        syscall
exit_usage:
        lea     rsi, [rip + text_exit_usage]
        jmp     print

poweroff:
        mov     eax, SYS_POWER_OFF
        syscall

# fault [KIND]: do what ring 3 must not.
fault:
        cmp     byte ptr [rsi], 0
        je      fault_pf
        lea     rbx, [rip + faults]
try_fault:
        mov     rdi, [rbx]
        test    rdi, rdi
        jz      fault_usage
        call    match_word
        je      fault_found
        add     rbx, 16
        jmp     try_fault
fault_found:
        jmp     qword ptr [rbx + 8]
fault_usage:
        lea     rsi, [rip + text_fault_usage]
        jmp     print
fault_pf:                               # write to the kernel, which is mapped and not for us
        mov     rax, KERNEL_VIRTUAL
        mov     qword ptr [rax], rax
fault_null:                             # read where nothing is mapped
        xor     eax, eax
        mov     rax, [rax]
fault_nx:                               # execute the stack
        push    0xc3
        jmp     rsp
fault_wx:                               # write to our own code
        lea     rax, [rip + shell]
        mov     byte ptr [rax], 0
fault_ud:
        ud2
fault_gp:                               # a privileged instruction
        cli
fault_de:
        xor     ecx, ecx
        div     ecx

.section rodata
.balign 8
commands:                               # name, routine; a zero ends the table
        .quad   word_help, help
        .quad   word_echo, echo
        .quad   word_uptime, uptime
        .quad   word_fault, fault
        .quad   word_exit, exit
        .quad   word_poweroff, poweroff
        .quad   0
faults:
        .quad   word_pf, fault_pf
        .quad   word_ud, fault_ud
        .quad   word_gp, fault_gp
        .quad   word_de, fault_de
        .quad   word_null, fault_null
        .quad   word_nx, fault_nx
        .quad   word_wx, fault_wx
        .quad   0

word_help:       .asciz "help"
word_echo:       .asciz "echo"
word_uptime:     .asciz "uptime"
word_fault:      .asciz "fault"
word_exit:       .asciz "exit"
word_poweroff:   .asciz "poweroff"
word_pf:         .asciz "pf"
word_ud:         .asciz "ud"
word_gp:         .asciz "gp"
word_de:         .asciz "de"
word_null:       .asciz "null"
word_nx:         .asciz "nx"
word_wx:         .asciz "wx"

text_banner:     .asciz "\r\nVectorOS ready. Type help for the commands.\r\n"
text_prompt:     .asciz "vectoros> "
text_unknown:    .asciz "unknown command: "
text_try_help:   .asciz "; type help for the commands\r\n"
text_up:         .asciz "up "
text_seconds:    .asciz " s ("
text_ticks:      .asciz " ticks)\r\n"
text_exit_usage: .asciz "usage: exit CODE, a number from 0 to 255\r\n"
text_fault_usage:
        .asciz  "usage: fault [pf|ud|gp|de|null|nx|wx]\r\n"
text_help:
        .ascii  "help          this list\r\n"
        .ascii  "echo TEXT     print TEXT\r\n"
        .ascii  "uptime        time since the timer was started\r\n"
        .ascii  "fault [KIND]  break a rule of ring 3: pf (default) ud gp de null nx wx\r\n"
        .ascii  "exit CODE     stop the machine with status CODE, 0 to 255\r\n"
        .asciz  "poweroff      switch the machine off\r\n"

.section guard
        .zero   PAGE
.section stack
        .zero   2 * PAGE
stack_top:
