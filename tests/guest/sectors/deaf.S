# Halt with interrupts on and every one of them masked.

.set PIC1_DATA, 0x21

        mov     al, 0xff
        out     PIC1_DATA, al
        sti
        hlt
