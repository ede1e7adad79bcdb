# console.S -- text to the serial port, and milestones to the debug console.
#
# 64-bit code, ring 0. Polls the UART; interrupts may be on or off.

# put_char: send al, when the UART is ready. Changes ax and dx.
put_char:
        mov     ah, al
        mov     dx, PORT_COM1 + UART_LSR
put_char_wait:
        in      al, dx
        test    al, LSR_THRE
        jz      put_char_wait
        mov     al, ah
        mov     dx, PORT_COM1 + UART_DATA
        out     dx, al
        ret

# put_string: send the bytes at rsi up to a zero. Changes ax, dx, rsi.
put_string:
        lodsb
        test    al, al
        jz      put_string_end
        call    put_char
        jmp     put_string
put_string_end:
        ret

# new_line: end the line. Changes ax and dx.
new_line:
        mov     al, '\r'
        call    put_char
        mov     al, '\n'
        jmp     put_char

# milestone: print the line at rsi, to the debug console too, where the host
# notes the time at which it ended. Changes ax, dx, rsi.
milestone:
        lodsb
        test    al, al
        jz      milestone_end
        out     PORT_DEBUG_CONSOLE, al
        call    put_char
        jmp     milestone
milestone_end:
        mov     al, '\n'
        out     PORT_DEBUG_CONSOLE, al
        jmp     new_line

# put_hex: print rax as 0x and the digits that it needs. Changes rax, rcx, rdx, rdi.
put_hex:
        mov     rdi, rax
        mov     al, '0'
        call    put_char
        mov     al, 'x'
        call    put_char
        mov     ecx, 64
put_hex_skip:                           # leading zeros, but not the last digit
        sub     ecx, 4
        jz      put_hex_digit
        mov     rax, rdi
        shr     rax, cl
        jz      put_hex_skip
put_hex_digit:
        mov     rax, rdi
        shr     rax, cl
        and     eax, 15
        lea     rdx, [rip + hex_digits]
        mov     al, [rdx + rax]
        call    put_char
        sub     ecx, 4
        jns     put_hex_digit
        ret

# put_decimal: print eax. Changes rax, rcx, rdx.
put_decimal:
        mov     ecx, 10
        xor     edx, edx
        div     ecx
        push    rdx
        test    eax, eax
        jz      put_decimal_digit
        call    put_decimal
put_decimal_digit:
        pop     rax
        add     al, '0'
        jmp     put_char

.section rodata
hex_digits:
        .ascii  "0123456789abcdef"
