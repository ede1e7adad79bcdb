# logo.S -- draw the module called `logo` into the framebuffer.
#
# Assembles as 32-bit code. The module is text (images/logo.txt): a letter is a
# square of LOGO_SCALE pixels, a line a row of squares; logo_colours says which
# letter is which colour, and every other one leaves the screen as it is. The
# text is trusted no further than its size: what falls off the screen is not drawn.

.set LOGO_SCALE,     4                  # pixels
.set LOGO_TOP,       48                 # pixels from the top of the screen

.code32
# draw_logo: draw it, if there are a framebuffer and a logo. Changes every register
# but esp.
draw_logo:
        cmp     dword ptr [BOOT_RECORD + BOOT_SCREEN_BASE], 0
        je      logo_end
        mov     ecx, [BOOT_RECORD + BOOT_MODULE_COUNT]
        mov     ebx, BOOT_RECORD + BOOT_MODULES
logo_find:
        test    ecx, ecx
        jz      logo_end
        cmp     dword ptr [ebx + BOOT_MODULE_NAME], 0x6f676f6c  # "logo"
        jne     logo_other
        cmp     byte ptr [ebx + BOOT_MODULE_NAME + 4], 0
        je      logo_found
logo_other:
        add     ebx, BOOT_MODULE_SIZE
        dec     ecx
        jmp     logo_find

logo_found:
        mov     esi, [ebx + BOOT_MODULE_START]
        mov     ecx, [ebx + BOOT_MODULE_SIZE_]
        add     ecx, esi                # its end
        call    logo_width
        mov     ebx, [BOOT_RECORD + BOOT_SCREEN_WIDTH]
        sub     ebx, eax
        shr     ebx, 1
        mov     [logo_left], ebx        # in the middle
        mov     edx, LOGO_TOP
logo_row:
        mov     ebx, [logo_left]
logo_next:
        cmp     esi, ecx
        jae     logo_end
        lodsb
        cmp     al, '\n'
        je      logo_row_end
        call    draw_square
        add     ebx, LOGO_SCALE
        jmp     logo_next
logo_row_end:
        add     edx, LOGO_SCALE
        jmp     logo_row
logo_end:
        ret

# logo_width: eax = pixels in the first row of the text from esi to ecx.
logo_width:
        xor     eax, eax
width_next:
        lea     edi, [esi + eax]
        cmp     edi, ecx
        jae     width_end
        cmp     byte ptr [edi], '\n'
        je      width_end
        inc     eax
        jmp     width_next
width_end:
        shl     eax, 2                  # LOGO_SCALE
        ret

# draw_square: the square of letter al at column ebx and row edx of the screen.
# Changes eax, edi.
draw_square:
        mov     edi, logo_colours
colour_next:
        cmp     [edi], al
        je      colour_found
        add     edi, 4
        cmp     edi, logo_colours_end
        jb      colour_next
        ret
colour_found:
        lea     eax, [ebx + LOGO_SCALE]
        cmp     eax, [BOOT_RECORD + BOOT_SCREEN_WIDTH]
        ja      square_end
        lea     eax, [edx + LOGO_SCALE]
        cmp     eax, [BOOT_RECORD + BOOT_SCREEN_HEIGHT]
        ja      square_end
        mov     eax, [edi]              # the colour is above the letter
        shr     eax, 8
        mov     edi, [BOOT_RECORD + BOOT_SCREEN_PITCH]
        imul    edi, edx
        add     edi, [BOOT_RECORD + BOOT_SCREEN_BASE]
        lea     edi, [edi + ebx * 4]
        push    ecx
        mov     ecx, LOGO_SCALE
square_line:
        mov     [edi], eax
        mov     [edi + 4], eax
        mov     [edi + 8], eax
        mov     [edi + 12], eax
        add     edi, [BOOT_RECORD + BOOT_SCREEN_PITCH]
        loop    square_line
        pop     ecx
square_end:
        ret

.balign 4
logo_left:
        .long   0
logo_colours:                           # a letter; its red, green and blue above it
        .long   0xe8ecf400 + 'W'        # the word
        .long   0x8a93a500 + 'w'        # its second part
        .long   0x35d0ff00 + 'A'        # the mark, from light to dark
        .long   0x1f9be000 + 'B'
        .long   0x2a63c800 + 'C'
        .long   0xff8a3d00 + 'O'        # its point
logo_colours_end:
