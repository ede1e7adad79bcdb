# Take interrupts 1 and 12 and send back what port 60h gave: "k" or "m", then the byte.
#
# As the AT's BIOS does, the keyboard is held while a code of its is handled. When
# Escape goes up, switch off.

.set COM1, 0x3f8
.set POWER, 0x604
.set SOFT_OFF, 0x2000                   # SLP_EN, SLP_TYP 0
.set PIC1, 0x20
.set PIC1_DATA, 0x21
.set PIC2, 0xa0
.set PIC2_DATA, 0xa1
.set VECTOR1, 0x20
.set VECTOR2, 0x28
.set EOI, 0x20
.set DATA, 0x60
.set CONTROL, 0x64
.set OBF, 1
.set ESCAPE_UP, 0x81

        mov     word ptr [(VECTOR1 + 1) * 4], keyboard
        mov     word ptr [(VECTOR2 + 4) * 4], mouse
        mov     al, 0x11                # ICW1 to ICW4 of both, then masks: 1, 2 and 12
        out     PIC1, al
        out     PIC2, al
        mov     al, VECTOR1
        out     PIC1_DATA, al
        mov     al, VECTOR2
        out     PIC2_DATA, al
        mov     al, 4
        out     PIC1_DATA, al
        mov     al, 2
        out     PIC2_DATA, al
        mov     al, 1
        out     PIC1_DATA, al
        out     PIC2_DATA, al
        mov     al, 0xf9
        out     PIC1_DATA, al
        mov     al, 0xef
        out     PIC2_DATA, al

        mov     al, 0x60                # configuration: translation, both interrupts
        out     CONTROL, al
        mov     al, 0x47
        out     DATA, al
        mov     al, 0xd4                # to the mouse: ENABLE
        out     CONTROL, al
        mov     al, 0xf4
        out     DATA, al
wait:   in      al, CONTROL
        test    al, OBF
        jz      wait
        in      al, DATA                # acknowledge
        mov     dx, COM1
        mov     al, '>'
        out     dx, al
        sti
sleep:  hlt
        jmp     sleep

keyboard:
        mov     al, 0xad
        out     CONTROL, al
        in      al, DATA
        mov     bl, al
        mov     al, 'k'
        call    put
        mov     al, 0xae
        out     CONTROL, al
        mov     al, EOI
        out     PIC1, al
        cmp     bl, ESCAPE_UP
        je      off
        iret

mouse:  in      al, DATA
        mov     bl, al
        mov     al, 'm'
        call    put
        mov     al, EOI
        out     PIC2, al
        out     PIC1, al
        iret

put:    mov     dx, COM1
        out     dx, al
        mov     al, bl
        out     dx, al
        ret

off:    mov     dx, POWER
        mov     ax, SOFT_OFF
        out     dx, ax
        cli
        hlt
