# console.S -- one line to the serial port and to the debug console, without a BIOS.
#
# Assembles as 32-bit code. Interrupts off. No memory is used but the stack.
#
# Every line is a milestone: the host reads the debug console and notes the time
# at which the line ended. There it ends in "\n", on the serial port in "\r\n".

.code32
# say: print the line at esi, which ends in a zero byte. Changes ax, dx, esi.
say:
        lodsb
        test    al, al
        jz      say_end
        out     PORT_DEBUG_CONSOLE, al
        call    send
        jmp     say
say_end:
        mov     al, '\r'
        call    send
        mov     al, '\n'
        out     PORT_DEBUG_CONSOLE, al

# send: send al to the serial port, when it is ready. Changes ax, dx.
send:
        mov     ah, al
        mov     dx, PORT_COM1 + UART_LSR
send_wait:
        in      al, dx
        test    al, LSR_THRE
        jz      send_wait
        mov     al, ah
        mov     dx, PORT_COM1 + UART_DATA
        out     dx, al
        ret
