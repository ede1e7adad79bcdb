# pic.S -- interrupts of the PIT by the PIC, for subjects that want some.
#
# Source: Intel 8259A data sheet, "Programming the 8259A"; Intel 8254, "Programming the 8254".

.set IRQ0, 0x20
.set PIT_ONCE, 0x30                     # channel 0, both bytes, mode 0
.set PIT_RATE, 0x34                     # mode 2
.set SOON, 2                            # 2 us, in ticks of the PIT

# The master PIC with vectors from 20h, ending interrupts by itself, only IRQ0 let in.
.macro START_PIC
        mov     al, 0x11
        out     0x20, al
        mov     al, IRQ0
        out     0x21, al
        mov     al, 4
        out     0x21, al
        mov     al, 3
        out     0x21, al
        mov     al, 0xfe
        out     0x21, al
.endm
.macro START_PIT mode, count
        mov     al, \mode
        out     0x43, al
        mov     al, (\count) & 255
        out     0x40, al
        mov     al, (\count) >> 8
        out     0x40, al
.endm
# IRQ_PENDING: IRQ0 waits for IF; the PIC's request register says so. Clobbers al.
.macro IRQ_PENDING
        START_PIC
        START_PIT PIT_ONCE, SOON
        mov     al, 0x0a
        out     0x20, al
wait.\@:
        in      al, 0x20
        test    al, 1
        jz      wait.\@
.endm
.macro IRQ_LATER count
        START_PIC
        START_PIT PIT_ONCE, \count
.endm
.macro WANT_IRQ rip
WANT VECTOR, IRQ0
WANT ERROR, NONE
WANT RIP, \rip
WANT_BITS RFLAGS, FL_IF, FL_IF
WANT_BITS HFLAGS, FL_IF, 0
.endm
