# Write the clock's bytes to the serial port, then those of the next second, and switch off.

.set COM1, 0x3f8
.set POWER, 0x604
.set SOFT_OFF, 0x2000                   # SLP_EN, SLP_TYP 0
.set RTC_INDEX, 0x70
.set RTC_DATA, 0x71
.set PIC1, 0x20
.set PIC2, 0xa0
.set VECTOR, 0x28                       # of IRQ 8
.set REGISTER_B, 0x0b
.set REGISTER_C, 0x0c

        mov     word ptr [VECTOR * 4], update
        mov     al, 0x11                # ICW1 to ICW4: edges, cascade on input 2, 8086
        out     PIC1, al
        out     PIC2, al
        mov     al, 0x20
        out     PIC1 + 1, al
        mov     al, VECTOR
        out     PIC2 + 1, al
        mov     al, 4
        out     PIC1 + 1, al
        mov     al, 2
        out     PIC2 + 1, al
        mov     al, 1
        out     PIC1 + 1, al
        out     PIC2 + 1, al
        mov     al, 0xfb                # only the cascade, and behind it only IRQ 8
        out     PIC1 + 1, al
        mov     al, 0xfe
        out     PIC2 + 1, al
        call    show
        mov     al, REGISTER_B
        out     RTC_INDEX, al
        mov     al, 0x12                # update-ended interrupt, 24 hours
        out     RTC_DATA, al
        sti
        hlt
        call    show
        mov     dx, POWER
        mov     ax, SOFT_OFF
        out     dx, ax
        cli
        hlt

update: mov     al, REGISTER_C          # or the line stays up
        out     RTC_INDEX, al
        in      al, RTC_DATA
        mov     al, 0x20                # end of interrupt
        out     PIC2, al
        out     PIC1, al
        iret

show:   mov     si, order
        mov     cx, 7
        mov     dx, COM1
each:   lodsb
        out     RTC_INDEX, al
        in      al, RTC_DATA
        mov     ah, al
        shr     al, 4
        add     al, '0'
        out     dx, al
        mov     al, ah
        and     al, 15
        add     al, '0'
        out     dx, al
        loop    each
        mov     al, '\n'
        out     dx, al
        ret

order:  .byte   0x32, 9, 8, 7, 4, 2, 0  # century, year, month, day, hours, minutes, seconds
