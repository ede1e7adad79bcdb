# screen.S -- a text console on the framebuffer, below the picture that the boot code left.
#
# Nothing happens where there is no framebuffer of 32 bits a pixel (kernel/boot_info.py).

.set SCREEN_TOP,     160        # pixels that are the boot logo's

# start_screen: measure the screen and clear the console's part; rbx boot info.
# Changes rax, rcx, rdx, rdi.
start_screen:
        cmp     dword ptr [rbx + INFO_SCREEN_BPP], 32
        jne     start_screen_none
        mov     rax, [rbx + INFO_SCREEN_HEIGHT]
        sub     rax, SCREEN_TOP + GLYPH_HEIGHT
        jbe     start_screen_none
        shr     eax, 4                  # lines of GLYPH_HEIGHT
        inc     eax
        mov     [rip + screen_rows], eax
        mov     rax, [rbx + INFO_SCREEN_WIDTH]
        shr     eax, 3                  # columns of GLYPH_WIDTH
        mov     [rip + screen_columns], eax
        mov     rcx, [rbx + INFO_SCREEN_PITCH]
        mov     [rip + screen_pitch], rcx
        imul    rax, rcx, SCREEN_TOP
        add     rax, [rbx + INFO_SCREEN_BASE]
        mov     [rip + screen_base], rax
        mov     rdi, rax
        mov     ecx, [rip + screen_rows]
        jmp     clear_rows
start_screen_none:
        ret

# clear_rows: fill ecx rows of text from address rdi with PAPER. Changes rax, rcx, rdi.
clear_rows:
        shl     ecx, 4                  # lines of pixels
        imul    rcx, [rip + screen_pitch]
        shr     rcx, 2                  # pixels
        mov     eax, PAPER
        rep     stosd
        ret

# put_screen: show al. Changes rax, rcx, rdx, rsi, rdi, r8 to r10.
put_screen:
        cmp     dword ptr [rip + screen_rows], 0
        je      put_screen_end
        cmp     al, '\r'
        je      screen_return
        cmp     al, '\n'
        je      screen_line
        cmp     al, '\b'
        je      screen_back
        cmp     al, ' '
        jb      put_screen_end          # other control characters show nothing
        mov     edx, [rip + screen_column]
        cmp     edx, [rip + screen_columns]
        jb      put_screen_glyph
        push    rax
        call    screen_line
        mov     dword ptr [rip + screen_column], 0
        pop     rax
put_screen_glyph:
        mov     edi, [rip + screen_row]
        shl     edi, 4
        mov     r9, [rip + screen_pitch]
        imul    rdi, r9
        mov     edx, [rip + screen_column]
        inc     dword ptr [rip + screen_column]
        shl     edx, 5                  # GLYPH_BYTES
        add     rdi, rdx
        add     rdi, [rip + screen_base]
        jmp     draw_glyph
screen_return:
        mov     dword ptr [rip + screen_column], 0
put_screen_end:
        ret
screen_back:
        cmp     dword ptr [rip + screen_column], 0
        je      put_screen_end
        dec     dword ptr [rip + screen_column]
        ret
screen_line:
        mov     eax, [rip + screen_row]
        inc     eax
        cmp     eax, [rip + screen_rows]
        jae     scroll
        mov     [rip + screen_row], eax
        ret

# Move all rows up by one, and clear the last.
scroll:
        mov     rdi, [rip + screen_base]
        mov     rax, [rip + screen_pitch]
        shl     rax, 4                  # bytes of a row of text
        lea     rsi, [rdi + rax]
        mov     ecx, [rip + screen_rows]
        dec     ecx
        imul    rcx, rax
        shr     rcx, 3
        rep     movsq
        mov     ecx, 1
        jmp     clear_rows

.section data
.balign 8
screen_base:     .quad 0        # address of the console's first pixel
screen_pitch:    .quad 0        # bytes from one line of pixels to the next
screen_rows:     .long 0        # of text; 0 if there is no screen
screen_columns:  .long 0
screen_row:      .long 0        # where the next character goes
screen_column:   .long 0
