# Send lines for ever.

.set COM1, 0x3f8

        mov     dx, COM1
line:   mov     al, 'a'
        mov     cx, 70
again:  out     dx, al
        loop    again
        mov     al, 10
        out     dx, al
        jmp     line
