# Say that we are here, and count for ever.

.set COM1, 0x3f8

        mov     dx, COM1
        mov     al, '!'
        out     dx, al
        mov     al, 10
        out     dx, al
count:  inc     bx
        jmp     count
