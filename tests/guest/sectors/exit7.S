# End with status 7.

.set EXIT, 0xf4

        mov     al, 7
        out     EXIT, al
        cli
        hlt
