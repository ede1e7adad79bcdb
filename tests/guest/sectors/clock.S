# Sleep from one timer interrupt to the next, 18.2 times a second, for ever.

.set PIC1, 0x20
.set PIC1_DATA, 0x21
.set PIT_CONTROL, 0x43
.set PIT_COUNTER, 0x40
.set VECTOR, 0x20

        mov     word ptr [VECTOR * 4], tick
        mov     al, 0x11                # ICW1 to ICW4, then a mask: only the timer
        out     PIC1, al
        mov     al, VECTOR
        out     PIC1_DATA, al
        mov     al, 4
        out     PIC1_DATA, al
        mov     al, 1
        out     PIC1_DATA, al
        mov     al, 0xfe
        out     PIC1_DATA, al
        mov     al, 0x34                # counter 0, both bytes, rate generator
        out     PIT_CONTROL, al
        mov     al, 0                   # 65,536 periods
        out     PIT_COUNTER, al
        out     PIT_COUNTER, al
        sti
sleep:  hlt
        jmp     sleep
tick:   mov     al, 0x20                # end of interrupt
        out     PIC1, al
        iret
