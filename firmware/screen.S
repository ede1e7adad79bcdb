# screen.S -- a graphics mode of 640 x 480 pixels of 32 bits, if there is one.
#
# Assembles as 16-bit code. ds = es = 0. Fills the boot record's SCREEN fields, or
# leaves them zero: then there is the text screen only. The word `recovery` in the
# command line asks for that.
#
# Source: VESA BIOS Extension Core Functions Standard 3.0.

.set VBE_INFO,       0                  # where the answers go, in segment BOUNCE
.set VBE_MODES,      0x200              # the list of modes, copied
.set VBE_MODE,       0x800              # the description of one
.set VBE_MODES_PTR,  0x0e               # of VBE_INFO: offset, segment
.set VBE_MOST_MODES, 0x100
.set VBE_END,        0xffff             # ends the list
.set MODE_ATTRIBUTES, 0x00
.set MODE_PITCH,     0x10
.set MODE_WIDTH,     0x12
.set MODE_HEIGHT,    0x14
.set MODE_BPP,       0x19
.set MODE_BASE,      0x28
.set MODE_USABLE,    0x91               # supported, graphics, linear framebuffer
.set MODE_LINEAR,    1 << 14            # bx of function 02h
.set VBE_OK,         0x004f
.set WANTED_WIDTH,   640
.set WANTED_HEIGHT,  480
.set WANTED_BPP,     32

.code16
set_screen:
        mov     si, word_recovery
        call    has_word
        je      screen_end
        mov     ax, BOUNCE >> 4
        mov     es, ax
        mov     dword ptr es:[VBE_INFO], 0x32454256     # "VBE2": we know of version 2
        mov     di, VBE_INFO
        mov     ax, 0x4f00
        int     0x10
        cmp     ax, VBE_OK
        jne     screen_end

        push    ds                      # copy the list: functions may overwrite it
        mov     si, es:[VBE_INFO + VBE_MODES_PTR]
        mov     ds, es:[VBE_INFO + VBE_MODES_PTR + 2]
        mov     di, VBE_MODES
        mov     cx, VBE_MOST_MODES
        rep     movsw
        pop     ds
        mov     word ptr es:[VBE_MODES + 2 * VBE_MOST_MODES], VBE_END
        mov     si, VBE_MODES
screen_next:
        mov     cx, es:[si]
        add     si, 2
        cmp     cx, VBE_END
        je      screen_end
        mov     di, VBE_MODE
        mov     ax, 0x4f01
        push    si
        push    cx
        int     0x10
        pop     cx
        pop     si
        cmp     ax, VBE_OK
        jne     screen_next
        mov     ax, es:[di + MODE_ATTRIBUTES]
        and     ax, MODE_USABLE
        cmp     ax, MODE_USABLE
        jne     screen_next
        cmp     word ptr es:[di + MODE_WIDTH], WANTED_WIDTH
        jne     screen_next
        cmp     word ptr es:[di + MODE_HEIGHT], WANTED_HEIGHT
        jne     screen_next
        cmp     byte ptr es:[di + MODE_BPP], WANTED_BPP
        jne     screen_next

        mov     bx, cx
        or      bx, MODE_LINEAR
        push    di
        mov     ax, 0x4f02
        int     0x10
        pop     di
        cmp     ax, VBE_OK
        jne     screen_end
        mov     eax, es:[di + MODE_BASE]
        mov     [BOOT_RECORD + BOOT_SCREEN_BASE], eax
        movzx   eax, word ptr es:[di + MODE_PITCH]
        mov     [BOOT_RECORD + BOOT_SCREEN_PITCH], eax
        mov     dword ptr [BOOT_RECORD + BOOT_SCREEN_WIDTH], WANTED_WIDTH
        mov     dword ptr [BOOT_RECORD + BOOT_SCREEN_HEIGHT], WANTED_HEIGHT
        mov     dword ptr [BOOT_RECORD + BOOT_SCREEN_BPP], WANTED_BPP
screen_end:
        xor     ax, ax
        mov     es, ax
        ret
