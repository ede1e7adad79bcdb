# uart.S -- set COM1 up.
#
# Assembles as 16-bit code. cs is the segment that this is assembled for; ds may be
# any. What the other end has sent and nobody has read is not lost: a terminal waits.
#
# Source: National Semiconductor PC16550D data sheet.

.set UART_STEPS,     7                  # rows of uart_setup

# start_uart: 115200 baud, 8 bits, no parity, no interrupts. Changes ax, cx, dx, si.
start_uart:
        mov     si, uart_setup
        mov     cx, UART_STEPS
uart_next:
        .byte   0x2e                    # cs:
        lodsw                           # al register, ah value
        xor     dx, dx
        mov     dl, al
        add     dx, PORT_COM1
        mov     al, ah
        out     dx, al
        loop    uart_next
        ret

uart_setup:                             # register, value
        .byte   UART_IER, 0             # no interrupts yet
        .byte   UART_LCR, 0x80          # the next two are the divisor latch
        .byte   UART_DATA, 1            # 1.8432 MHz / 16 / 1 = 115200 baud
        .byte   UART_IER, 0
        .byte   UART_LCR, 3             # 8 bits, no parity, 1 stop bit
        .byte   UART_FCR, 7             # FIFOs on and empty
        .byte   UART_MCR, MCR_DTR_RTS
