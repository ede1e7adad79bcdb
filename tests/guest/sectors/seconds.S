# Set the clock and the alarm as a table says; send what a second makes of it.
#
# The test appends the table: in each row register B, hours, minutes, seconds, weekday,
# day, month, century, year, then hours, minutes and seconds of the alarm. A row that
# begins with FFh ends it. For each row register C comes back, then eight bytes of time.

.set COM1, 0x3f8
.set COM1_STATUS, 0x3fd
.set POWER, 0x604
.set SOFT_OFF, 0x2000                   # SLP_EN, SLP_TYP 0
.set EXIT, 0xf4
.set RTC_INDEX, 0x70
.set RTC_DATA, 0x71
.set REGISTER_B, 0x0b
.set REGISTER_C, 0x0c
.set SET, 0x80
.set UIE, 0x10
.set PIC1, 0x20
.set PIC2, 0xa0
.set VECTOR, 0x28                       # of IRQ 8

        cli
        xor     ax, ax
        mov     ds, ax
        mov     word ptr [VECTOR * 4], update
        mov     word ptr [VECTOR * 4 + 2], ax
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
        mov     si, table
row:    lodsb
        cmp     al, 0xff
        je      off
        mov     bl, al                  # register B
        mov     ah, al
        or      ah, SET
        mov     al, REGISTER_B
        call    store
        mov     di, order
        mov     cx, 11
next:   lodsb
        mov     ah, al
        mov     al, byte ptr [di]
        inc     di
        call    store
        loop    next
        mov     al, REGISTER_B
        mov     ah, bl
        call    store
        mov     al, REGISTER_C          # forget what was
        call    load
        mov     al, REGISTER_B
        mov     ah, bl
        or      ah, UIE
        call    store
        sti
        hlt
        cli
        mov     al, bh
        and     al, 0x30                # AF and UF: the period is another matter
        call    send
        mov     di, order
        mov     cx, 8
show:   mov     al, byte ptr [di]
        inc     di
        call    load
        call    send
        loop    show
        jmp     row
off:    mov     al, 0
        out     EXIT, al
        mov     dx, POWER
        mov     ax, SOFT_OFF
        out     dx, ax
        hlt

store:  out     RTC_INDEX, al
        mov     al, ah
        out     RTC_DATA, al
        ret
load:   out     RTC_INDEX, al
        in      al, RTC_DATA
        ret
send:   mov     ah, al
busy:   mov     dx, COM1_STATUS
        in      al, dx
        test    al, 0x20
        jz      busy
        mov     dx, COM1
        mov     al, ah
        out     dx, al
        ret

update: mov     al, REGISTER_C
        call    load
        mov     bh, al
        mov     al, 0x20                # end of interrupt
        out     PIC2, al
        out     PIC1, al
        iret

order:  .byte   4, 2, 0, 6, 7, 8, 0x32, 9, 5, 3, 1
table:
