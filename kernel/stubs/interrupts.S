# interrupts.S -- interrupt controllers and timer: quiet until the kernel says more.
#
# 64-bit code, ring 0. Whom to unmask, when to end an interrupt and how long the
# timer runs is for the kernel to say (gate.S); here is what it starts from.
# Sources: Intel 8259A and 8254 data sheets.

.set PIC1_COMMAND,   PORT_PIC1
.set PIC1_DATA,      PORT_PIC1 + 1
.set PIC2_COMMAND,   PORT_PIC2
.set PIC2_DATA,      PORT_PIC2 + 1
.set ICW1,           0x11       # edge triggered, cascaded, ICW4 follows
.set ICW4,           0x01       # 8086 mode
.set ALL_MASKED,     0xff

.set PIT_COUNTER0,   PORT_PIT
.set PIT_CONTROL,    PORT_PIT + 3
.set PIT_ONE_SHOT,   0x30       # counter 0, low byte then high, mode 0: one interrupt at zero

.macro outb port, value
        mov     al, \value
        out     \port, al
.endm

# quiet_interrupts: vectors 0x20 to 0x2f, every input masked, the timer stopped.
# Changes al. The timer comes first: a counter in mode 0 without a count keeps its
# output low, and ICW1 makes the controller forget the edges before.
quiet_interrupts:
        outb    PIT_CONTROL, PIT_ONE_SHOT

        outb    PIC1_COMMAND, ICW1
        outb    PIC2_COMMAND, ICW1
        outb    PIC1_DATA, VECTOR_IRQ
        outb    PIC2_DATA, VECTOR_IRQ + 8
        outb    PIC1_DATA, 1 << IRQ_CASCADE
        outb    PIC2_DATA, IRQ_CASCADE
        outb    PIC1_DATA, ICW4
        outb    PIC2_DATA, ICW4
        outb    PIC1_DATA, ALL_MASKED
        outb    PIC2_DATA, ALL_MASKED
        ret

# set_timer: interrupt once, after eax periods of the 8254's clock. Changes al.
set_timer:
        mov     edx, eax
        outb    PIT_CONTROL, PIT_ONE_SHOT
        mov     al, dl
        out     PIT_COUNTER0, al
        mov     al, dh
        out     PIT_COUNTER0, al
        ret
