# glyph.S -- one character on the framebuffer.
#
# The font has one byte a row, the leftmost pixel in bit 7.

# draw_glyph: draw character al with its top left pixel at rdi, lines r9 bytes apart.
# Changes rax, rcx, rdx, rsi, rdi, r8, r10.
draw_glyph:
        movzx   eax, al
        sub     eax, FONT_FIRST
        cmp     eax, FONT_COUNT
        jb      draw_known
        mov     eax, '?' - FONT_FIRST
draw_known:
        shl     eax, 4                  # GLYPH_HEIGHT bytes each
        lea     rsi, [rip + font]
        add     rsi, rax
        mov     r8d, GLYPH_HEIGHT
draw_row:
        movzx   edx, byte ptr [rsi]
        inc     rsi
        mov     ecx, GLYPH_WIDTH
        mov     r10, rdi
draw_pixel:
        mov     eax, PAPER
        test    dl, 0x80
        jz      draw_store
        mov     eax, INK
draw_store:
        mov     [r10], eax
        add     r10, 4
        add     edx, edx
        dec     ecx
        jnz     draw_pixel
        add     rdi, r9
        dec     r8d
        jnz     draw_row
        ret
