# serial.S -- the serial line, by the ports of COM1.
#
# Source: National Semiconductor PC16550D data sheet. The transmit FIFO takes 16
# bytes once it is empty, so that the status is read for every sixteenth only.

.set FIFO,           16         # bytes
.set FCR_ENABLE,     1          # FIFOs on; receive interrupts from the first byte

# start_serial: FIFOs on, interrupts for input. Changes what a trap does.
start_serial:
        mov     edx, PORT_COM1 + UART_FCR
        mov     r10d, FCR_ENABLE
        call    serial_out
        mov     edx, PORT_COM1 + UART_MCR
        mov     r10d, MCR_DTR_RTS | MCR_OUT2
        call    serial_out
        mov     edx, PORT_COM1 + UART_IER
        mov     r10d, IER_RECEIVE
serial_out:
        mov     edi, INIT_COM1
        jmp     port_out

# put_serial: send al. Changes what a trap does.
put_serial:
        cmp     byte ptr [rip + serial_room], 0
        jne     put_serial_ready
        push    rax
put_serial_wait:
        mov     edx, PORT_COM1 + UART_LSR
        mov     edi, INIT_COM1
        call    port_in
        test    al, LSR_THRE
        jz      put_serial_wait
        pop     rax
        mov     byte ptr [rip + serial_room], FIFO
put_serial_ready:
        dec     byte ptr [rip + serial_room]
        movzx   r10d, al
        mov     edx, PORT_COM1 + UART_DATA
        jmp     serial_out

# get_serial: take a byte of input into eax; CF if there is none. Changes what a trap does.
get_serial:
        mov     edx, PORT_COM1 + UART_LSR
        mov     edi, INIT_COM1
        call    port_in
        test    al, LSR_DR
        jz      get_serial_none
        cmp     al, 0xff                # no UART
        je      get_serial_none
        mov     edx, PORT_COM1 + UART_DATA
        mov     edi, INIT_COM1
        call    port_in
        clc
        ret
get_serial_none:
        stc
        ret

.section data
serial_room:                            # bytes that the transmit FIFO surely takes
        .byte   0
