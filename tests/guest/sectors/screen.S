# The text screen and the keyboard: a colored greeting, then each scan code of the
# keyboard as two hexadecimal digits behind it, with the cursor following. Key Q
# (scan code 10h) switches off.
# On entry: real mode, CS:IP = 0000:7C00, the display in text mode 3.

        xor     ax, ax
        mov     ds, ax
        mov     ss, ax
        mov     sp, 0x7c00
        cld
        mov     ax, 0xb800
        mov     es, ax
        xor     di, di
        mov     cx, 80 * 25
        mov     ax, 0x1720              # grey on blue
        rep     stosw
        mov     di, 2 * (2 * 80 + 4)
        mov     si, greeting
        mov     ah, 0x1e                # yellow on blue
draw:   lodsb
        test    al, al
        jz      keys
        stosw
        jmp     draw

keys:   mov     bx, di                  # the cursor goes where the next character will be
        shr     bx, 1
        mov     dx, 0x3d4
        mov     al, 0x0e
        mov     ah, bh
        out     dx, ax
        mov     al, 0x0f
        mov     ah, bl
        out     dx, ax
wait:   in      al, 0x64
        test    al, 1
        jz      wait
        in      al, 0x60
        cmp     al, 0x10
        je      off
        mov     bl, al
        shr     al, 4
        call    digit
        mov     al, bl
        and     al, 15
        call    digit
        jmp     keys

digit:  add     al, '0'
        cmp     al, '9'
        jbe     show
        add     al, 7
show:   mov     ah, 0x1f                # white on blue
        stosw
        ret

off:    mov     dx, 0x604
        mov     ax, 0x2000                  # SLP_EN, SLP_TYP 0
        out     dx, ax
        cli
        hlt

greeting:
        .byte   0xc9, 0xcd, 0xcd, 0xb5
        .ascii  " screen "
        .byte   0xc6, 0xcd, 0xcd, 0xbb, 0x20, 0
