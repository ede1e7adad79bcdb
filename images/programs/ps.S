# ps.S -- the command: every process's thread, as TCB.Describe has it.

.set FAULTED,        6          # of text_states
.set PS_NAME,        16         # widths of columns
.set PS_STATE,       10

ps:
        lea     rsi, [rip + text_ps]
        call    put_string
        xor     ebp, ebp                # process number
ps_next:
        inc     ebp
        mov     rax, [rip + boot_info]
        cmp     rbp, [rax + INFO_PROCESS_COUNT]
        ja      ps_end
        mov     rax, rbp
        mov     ecx, 3
        call    put_right
        mov     al, ' '
        call    put_char
        mov     rax, rbp
        call    process_name
        mov     ecx, PS_NAME
        call    put_left
        lea     edi, [rbp + INIT_PROCESSES - 1]
        call_method METHOD_TCB_DESCRIBE, 0
        mov     r12, r10                # priority
        mov     r13, r8                 # ticks
        mov     r14, r9                 # fault
        mov     r15, rdx                # state
        call    put_state
        mov     rax, r12
        mov     ecx, 8
        call    put_right
        mov     rax, r13
        mov     ecx, MICROSECONDS
        mul     rcx
        mov     rcx, [rip + boot_info]
        div     qword ptr [rcx + INFO_TICK_FREQUENCY]
        mov     ecx, 12
        call    put_right
        lea     rsi, [rip + text_gap]
        call    put_string
        call    put_last_fault
        call    new_line
        jmp     ps_next
ps_end:
        ret

# put_state: print state r15 in its column; r14 fault. Changes rax, rcx, rdx, rsi.
put_state:
        lea     rsi, [rip + text_states]
        mov     ecx, r15d
        test    ecx, ecx                # STATE_INACTIVE: because of a fault?
        jnz     put_state_skip
        test    r14d, r14d
        jz      put_state_skip
        mov     ecx, FAULTED
put_state_skip:
        dec     ecx
        js      put_state_found
put_state_word:
        lodsb
        test    al, al
        jnz     put_state_word
        jmp     put_state_skip
put_state_found:
        mov     ecx, PS_STATE
        jmp     put_left

# put_last_fault: print the fault r14 that TCB.Describe has just told of. Changes rax,
# rcx, rdx, rsi, rdi.
put_last_fault:
        lea     rsi, [rip + text_no_fault]
        test    r14d, r14d
        jz      put_string
        lea     rsi, [rip + text_page_fault]
        cmp     r14d, FAULT_VM_FAULT
        je      put_fault_place
        lea     rsi, [rip + text_bad_call]
        cmp     r14d, FAULT_USER_EXCEPTION
        jne     put_fault_place
        lea     rsi, [rip + text_vector]
        call    put_string
        mov     edi, 5                  # its vector
        call    extra_word
        call    put_decimal
        lea     rsi, [rip + text_at]
put_fault_place:
        call    put_string
        mov     edi, 4                  # rip
        call    extra_word
        jmp     put_hex

# extra_word: word edi, 4 or more, of the message that came last, into rax.
extra_word:
        mov     rax, [rip + boot_info]
        mov     rax, [rax + INFO_IPC_BUFFER]
        mov     rax, [rax + rdi * 8 + IPC_MESSAGE]
        ret

# process_name: the name of process rax, from 1, into rsi. Changes rax.
process_name:
        dec     eax
        imul    eax, eax, INFO_NAME_SIZE
        mov     rsi, [rip + boot_info]
        lea     rsi, [rsi + rax + INFO_NAMES]
        ret

.section rodata
text_ps:         .asciz "  # name            state     priority   time (us)  last fault\r\n"
text_states:                            # in the order of STATE_*
        .asciz  "stopped"
        .asciz  "running"
        .asciz  "receiving"
        .asciz  "sending"
        .asciz  "calling"
        .asciz  "waiting"
        .asciz  "faulted"
text_gap:        .asciz "  "
text_no_fault:   .asciz "none"
text_page_fault: .asciz "page fault at "
text_bad_call:   .asciz "bad system call at "
text_vector:     .asciz "vector "
text_at:         .asciz " at "
