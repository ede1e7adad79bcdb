# console.S -- the console: serial line and screen, which show the same, and two inputs.

# put_char: show al. Changes rax and rdx.
put_char:
        push    rcx
        push    rsi
        push    rdi
        push    r8
        push    r9
        push    r10
        push    r11
        push    rax
        call    put_screen
        pop     rax
        call    put_serial
        pop     r11
        pop     r10
        pop     r9
        pop     r8
        pop     rdi
        pop     rsi
        pop     rcx
        ret

# next_char: wait for a character of input; return it in eax. A process's fault
# that comes meanwhile is reported. Changes rcx, rdx, rsi, rdi and r8 to r11.
next_char:
        call    get_serial
        jnc     next_char_end
        call    get_key
        jnc     next_char_end
        call    wait_for_message
        test    rbp, rbp
        jz      next_char
        call    report_fault
        call    show_prompt_again
        jmp     next_char
next_char_end:
        movzx   eax, al
        ret

# wait_for_message: wait for interrupts, which are acknowledged, or for a process's
# fault; rbp is then a frame that tells of it, else 0. Changes all but rbx and r12 to r15.
wait_for_message:
        receive TRAP_WAIT, INIT_ENDPOINT
        shr     rsi, MESSAGE_LABEL_SHIFT
        jnz     take_fault
        push    rdi
        test    edi, 1 << IRQ_COM1
        jz      wait_no_serial
        mov     edi, INIT_COM1_IRQ
        call    acknowledge
wait_no_serial:
        pop     rdi
        test    edi, 1 << KEYBOARD_LINE
        jz      wait_no_key
        mov     edi, INIT_KEYBOARD_IRQ
        call    acknowledge
wait_no_key:
        xor     ebp, ebp
        ret
