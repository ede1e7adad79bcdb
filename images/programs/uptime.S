# uptime.S -- the command: how long the machine has been on, by the time-stamp counter.

.set MICROSECONDS,   1000000    # in a second

uptime:
        rdtsc
        shl     rdx, 32
        lea     rbx, [rdx + rax]        # ticks
        lea     rsi, [rip + text_up]
        call    put_string
        mov     rcx, [rip + boot_info]
        mov     rcx, [rcx + INFO_TICK_FREQUENCY]
        mov     rax, rbx
        xor     edx, edx
        div     rcx
        mov     rbp, rdx
        push    rcx
        call    put_decimal
        mov     al, '.'
        call    put_char
        pop     rcx
        imul    rax, rbp, MICROSECONDS
        xor     edx, edx
        div     rcx
        add     rax, MICROSECONDS       # so that zeros in front are there, after a 1
        lea     rdi, [rip + number]
        call    write_decimal
        lea     rsi, [rip + number + 1]
        call    put_string
        lea     rsi, [rip + text_seconds]
        call    put_string
        mov     rax, rbx
        call    put_decimal
        lea     rsi, [rip + text_ticks]
        jmp     put_string

.section rodata
text_up:         .asciz "up "
text_seconds:    .asciz " s ("
text_ticks:      .asciz " ticks)\r\n"
