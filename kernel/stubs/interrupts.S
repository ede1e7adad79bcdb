# interrupts.S -- interrupt controllers, timer and serial port: set-up and handlers.
#
# 64-bit code, ring 0. Sources: Intel 8259A and 8254 data sheets; PC16550D.

.set PIC1_COMMAND,   PORT_PIC1
.set PIC1_DATA,      PORT_PIC1 + 1
.set PIC2_COMMAND,   PORT_PIC2
.set PIC2_DATA,      PORT_PIC2 + 1
.set ICW1,           0x11       # edge triggered, cascaded, ICW4 follows
.set ICW4,           0x01       # 8086 mode
.set EOI,            0x20       # non-specific end of interrupt

.set PIT_COUNTER0,   PORT_PIT
.set PIT_CONTROL,    PORT_PIT + 3
.set PIT_RATE,       0x34       # counter 0, low byte then high, mode 2 (rate generator)
.set PIT_HZ,         1193182
.set PIT_DIVISOR,    (PIT_HZ + TIMER_HZ / 2) / TIMER_HZ

.set RING,           256        # bytes of input that wait for a reader; byte indices wrap

.macro outb port, value
        mov     al, \value
        out     \port, al
.endm

# start_interrupts: vectors 0x20 to 0x2f, timer and COM1 unmasked. Changes al, dx.
# The timer comes first: its output rises as it is programmed, and ICW1 makes the
# controller forget that edge, so that the first tick is a whole period away.
start_interrupts:
        outb    PIT_CONTROL, PIT_RATE
        outb    PIT_COUNTER0, PIT_DIVISOR & 0xff
        outb    PIT_COUNTER0, PIT_DIVISOR >> 8

        outb    PIC1_COMMAND, ICW1
        outb    PIC2_COMMAND, ICW1
        outb    PIC1_DATA, VECTOR_IRQ
        outb    PIC2_DATA, VECTOR_IRQ + 8
        outb    PIC1_DATA, 1 << IRQ_CASCADE
        outb    PIC2_DATA, IRQ_CASCADE
        outb    PIC1_DATA, ICW4
        outb    PIC2_DATA, ICW4
        outb    PIC1_DATA, 0xff ^ (1 << IRQ_PIT | 1 << IRQ_COM1)
        outb    PIC2_DATA, 0xff

        mov     dx, PORT_COM1 + UART_MCR
        mov     al, MCR_DTR_RTS | MCR_OUT2
        out     dx, al
        mov     dx, PORT_COM1 + UART_IER
        mov     al, IER_RECEIVE
        out     dx, al
        ret

# interrupt: handle interrupt vector eax. Changes rax, rcx, rdx. An input that is
# masked can only be spurious (8259A data sheet, "default IR7"): nothing to end.
interrupt:
        cmp     eax, VECTOR_IRQ + IRQ_PIT
        je      timer_interrupt
        cmp     eax, VECTOR_IRQ + IRQ_COM1
        je      serial_interrupt
        ret

timer_interrupt:
        inc     qword ptr [rip + ticks]
        outb    PIC1_COMMAND, EOI
        ret

# Take every byte that there is: the controller sees edges only, and there is no
# other edge while one byte waits.
serial_interrupt:
        mov     dx, PORT_COM1 + UART_LSR
        in      al, dx
        test    al, LSR_DR
        jz      serial_end
        mov     dx, PORT_COM1 + UART_DATA
        in      al, dx
        movzx   ecx, byte ptr [rip + ring_head]
        lea     edx, [rcx + 1]
        cmp     dl, [rip + ring_tail]
        je      serial_interrupt        # full: the byte is lost, as on a real line
        mov     [rip + ring_head], dl
        lea     rdx, [rip + ring]
        mov     [rdx + rcx], al
        jmp     serial_interrupt
serial_end:
        outb    PIC1_COMMAND, EOI
        ret

# next_char: wait for a byte of input; return it in eax. The CPU halts meanwhile.
# Entered and left with interrupts off. Changes rcx.
next_char:
        movzx   eax, byte ptr [rip + ring_tail]
        cmp     al, [rip + ring_head]
        jne     next_char_take
        sti                             # no interrupt can come before the hlt
        hlt
        cli
        jmp     next_char
next_char_take:
        lea     rcx, [rip + ring]
        movzx   eax, byte ptr [rcx + rax]
        inc     byte ptr [rip + ring_tail]
        ret

.section data
.balign 8
ticks:                                  # timer interrupts since boot
        .quad   0
ring_head:                              # where the next byte goes in
        .byte   0
ring_tail:                              # where the next byte comes out; equal: empty
        .byte   0
ring:
        .zero   RING
