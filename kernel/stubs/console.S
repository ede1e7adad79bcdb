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
