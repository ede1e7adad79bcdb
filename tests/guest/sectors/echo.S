# Ask for a key by polling, and send back its code in hexadecimal; q switches off.

.set COM1, 0x3f8
.set LSR, 0x3fd
.set POWER, 0x604
.set SOFT_OFF, 0x2000                   # SLP_EN, SLP_TYP 0

        mov     al, '?'
        call    put
wait:   mov     dx, LSR
        in      al, dx
        test    al, 1                   # data ready
        jz      wait
        mov     dx, COM1
        in      al, dx
        cmp     al, 'q'
        je      quit
        mov     bl, al
        shr     al, 4
        call    digit
        mov     al, bl
        and     al, 15
        call    digit
        mov     al, ' '
        call    put
        jmp     wait
quit:   mov     dx, POWER
        mov     ax, SOFT_OFF
        out     dx, ax
        cli
        hlt

digit:  cmp     al, 10
        jb      decimal
        add     al, 'a' - '0' - 10
decimal:
        add     al, '0'
put:    mov     dx, COM1
        out     dx, al
        ret
