# A picture in the linear framebuffer: 320 by 200 pixels of 32 bits, red growing to
# the right, green downwards, blue with both; then it switches off.
# On entry: real mode, CS:IP = 0000:7C00.

        cli
        xor     ax, ax
        mov     ds, ax
        mov     si, modes
        mov     cx, 4
set:    mov     dx, 0x1ce
        lodsw
        out     dx, ax
        mov     dx, 0x1d0
        lodsw
        out     dx, ax
        loop    set
        lgdt    [table]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        mov     bx, 8
        mov     fs, bx                  # flat, also after the return to real mode
        and     al, 0xfe
        mov     cr0, eax

        mov     edi, 0xe0000000
        xor     ebx, ebx                # line
line:   xor     ecx, ecx                # column
pixel:  mov     eax, ecx
        shl     eax, 8                  # red, and what of it exceeds 255 is lost
        and     eax, 0xff00
        mov     al, bl
        shl     eax, 8
        mov     al, cl
        xor     al, bl
        .byte   0x64, 0x67, 0x66, 0x89, 0x07    # mov fs:[edi], eax
        add     edi, 4
        inc     ecx
        cmp     ecx, 320
        jb      pixel
        inc     ebx
        cmp     ebx, 200
        jb      line

        mov     dx, 0x604
        mov     ax, 0x2000              # SLP_EN, SLP_TYP 0
        out     dx, ax
        cli
        hlt

modes:  .word   1, 320, 2, 200, 3, 32, 4, 0x41
table:  .word   15
        .long   gdt
        .balign 8
gdt:    .quad   0
        .quad   0x00cf92000000ffff
