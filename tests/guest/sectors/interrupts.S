# Sleep from one timer interrupt to the next; after three, say so and switch off.

.set COM1, 0x3f8
.set POWER, 0x604
.set SOFT_OFF, 0x2000                   # SLP_EN, SLP_TYP 0
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
        mov     al, 0
        out     PIT_COUNTER, al
        mov     al, 0x10                # 4096 periods: 3.4 ms
        out     PIT_COUNTER, al
        sti
sleep:  hlt
        cmp     bl, 3
        jb      sleep
        mov     dx, COM1
        mov     al, 't'
        out     dx, al
        mov     dx, POWER
        mov     ax, SOFT_OFF
        out     dx, ax
        cli
        hlt
tick:   inc     bx
        mov     al, 0x20                # end of interrupt
        out     PIC1, al
        iret
