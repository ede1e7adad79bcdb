# Play a script on the keyboard controller; send back what it answers.
#
# The test appends the script: pairs of port and byte, then 0. After each pair all
# bytes that come are read, and sent as " BBSS": byte, and status before it was read.

.set DATA, 0x60
.set CONTROL, 0x64
.set OBF, 1
.set COM1, 0x3f8
.set EXIT, 0xf4
.set POWER, 0x604
.set SOFT_OFF, 0x2000                   # SLP_EN, SLP_TYP 0
.set PATIENCE, 4000                     # looks at an empty buffer
.set SHOWN, 0xf7                        # of the status: not CD, which QEMU leaves set

        cli
        xor     ax, ax
        mov     ds, ax
        mov     ss, ax
        mov     sp, 0x7000
        call    drain                   # what a BIOS may have left
        mov     si, script
next:   xor     dx, dx
        lodsb
        test    al, al
        jz      off
        mov     dl, al
        lodsb
        out     dx, al
        mov     bl, al
        mov     al, '\n'
        call    put
        mov     al, dl
        call    hex
        mov     al, bl
        call    hex
        call    drain
        jmp     next
off:    mov     dx, POWER
        mov     ax, SOFT_OFF
        out     dx, ax
        mov     dx, EXIT
        out     dx, al
        cli
        hlt

drain:  mov     cx, PATIENCE
look:   in      al, CONTROL
        mov     ah, al
        test    al, OBF
        jnz     take
        loop    look
        ret
take:   in      al, DATA
        push    ax
        mov     al, ' '
        call    put
        pop     ax
        call    hex
        mov     al, ah
        and     al, SHOWN
        call    hex
        jmp     drain

hex:    push    ax
        shr     al, 4
        call    digit
        pop     ax
        push    ax
        and     al, 15
        call    digit
        pop     ax
        ret
digit:  add     al, '0'
        cmp     al, '9'
        jbe     put
        add     al, 'a' - '9' - 1
put:    push    dx
        mov     dx, COM1
        out     dx, al
        pop     dx
        ret

script:
