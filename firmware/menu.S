# menu.S -- the boot menu: what to start, and the words that the kernel is told.
#
# Assembles as 16-bit code. ds = es = 0, interrupts on: the timer keeps the time.
#
# The menu appears if the command line has the word `menu`, or if a key is pressed
# in the short time that it is waited for. What comes on the serial port before the
# first tick was typed ahead, for the system: then nothing is waited for. Both the
# BIOS's keyboard and the serial port count, for not every BIOS joins the two.

.set BDA_TICKS,      0x46c              # timer ticks, 18.2 a second
.set WINDOW_TICKS,   3                  # how long a key is waited for: 165 ms
.set MENU_TICKS,     91                 # how long the menu waits for the first one: 5 s
.set KEY_UP,         0x48               # scan codes
.set KEY_DOWN,       0x50
.set BACKSPACE,      8
.set DELETE,         0x7f

.code16
boot_menu:
        mov     si, word_menu
        call    has_word
        je      menu_show
        call    next_tick
        call    serial_ready
        jnz     menu_end                # typed ahead
        mov     cx, WINDOW_TICKS
menu_window:
        mov     ax, [BDA_TICKS]
menu_wait:
        hlt
        call    serial_ready
        jnz     menu_called
        push    ax
        mov     ah, 1                   # is there a key?
        int     0x16
        pop     ax
        jnz     menu_called
        cmp     ax, [BDA_TICKS]
        je      menu_wait
        loop    menu_window
menu_end:
        ret

menu_called:
        mov     word ptr [menu_left], MENU_TICKS
        call    get_key                 # it has said all that it had to say
menu_show:
        mov     word ptr [menu_left], MENU_TICKS
        mov     byte ptr [selected], 0
        mov     si, text_menu
        call    type
menu_redraw:
        mov     si, text_first
        cmp     byte ptr [selected], 0
        je      menu_line
        mov     si, text_second
menu_line:
        call    type
menu_key:
        call    get_key
        cmp     al, '\r'
        je      menu_start
        cmp     al, '\n'
        je      menu_start
        cmp     al, 'e'
        je      menu_edit
        cmp     al, '1'
        je      menu_first
        cmp     al, '2'
        je      menu_second
        cmp     ah, KEY_UP
        je      menu_other
        cmp     ah, KEY_DOWN
        jne     menu_key
menu_other:                             # of two, the other one is next in either direction
        xor     byte ptr [selected], 1
        jmp     menu_redraw
menu_first:
        mov     byte ptr [selected], 0
        mov     si, text_first
        jmp     menu_chosen
menu_second:
        mov     byte ptr [selected], 1
        mov     si, text_second
menu_chosen:
        call    type
menu_start:
        call    new_line
        cmp     byte ptr [selected], 0
        je      menu_end
        mov     si, word_recovery
        call    has_word
        je      menu_end
        call    line_end
        cmp     di, BOOT_RECORD + BOOT_COMMAND_LINE
        je      menu_append
        mov     byte ptr [di], ' '
        inc     di
menu_append:                            # the editor leaves room
        lodsb
        mov     [di], al
        inc     di
        test    al, al
        jnz     menu_append
        ret

# Edit the command line: characters at its end, and backspace.
.set LINE_LAST,      BOOT_RECORD + BOOT_COMMAND_LINE + BOOT_COMMAND_LINE_SIZE - 11
menu_edit:
        mov     si, text_edit
        call    type
        mov     si, BOOT_RECORD + BOOT_COMMAND_LINE
        call    type
edit_key:
        call    get_key
        call    line_end
        cmp     al, '\r'
        je      edit_done
        cmp     al, '\n'
        je      edit_done
        cmp     al, BACKSPACE
        je      edit_erase
        cmp     al, DELETE
        je      edit_erase
        cmp     al, ' '
        jb      edit_key
        cmp     al, '~'
        ja      edit_key
        cmp     di, LINE_LAST
        jae     edit_key
        mov     ah, 0
        mov     [di], ax                # the letter and the end
        call    put
        jmp     edit_key
edit_erase:
        cmp     di, BOOT_RECORD + BOOT_COMMAND_LINE
        je      edit_key
        mov     byte ptr [di - 1], 0
        mov     si, text_erase
        call    type
        jmp     edit_key
edit_done:
        call    new_line
        jmp     menu_redraw

# line_end: di = the zero byte at the end of the command line. Keeps ax.
line_end:
        mov     di, BOOT_RECORD + BOOT_COMMAND_LINE - 1
line_next:
        inc     di
        cmp     byte ptr [di], 0
        jne     line_next
        ret

# get_key: wait for a key: al the character, ah the scan code, 0 from a serial port
# that the BIOS does not know of. After menu_left ticks without one it is Enter.
get_key:
        mov     ah, 1
        int     0x16
        jnz     key_there
        call    serial_ready
        jnz     key_serial
        mov     bx, [BDA_TICKS]
        hlt
        cmp     bx, [BDA_TICKS]
        je      get_key
        cmp     word ptr [menu_left], 0 # 0: a key has come, and there is no hurry
        je      get_key
        dec     word ptr [menu_left]
        jnz     get_key
        mov     ax, '\r'
        ret
key_serial:
        mov     dx, PORT_BIOS_GATE      # our own BIOS joins the two: ask it again
        in      eax, dx
        cmp     eax, BIOS_GATE_VALUE
        je      get_key
        mov     dx, PORT_COM1 + UART_DATA
        in      al, dx
        mov     ah, 0
        jmp     key_end
key_there:
        mov     ah, 0
        int     0x16
key_end:
        mov     word ptr [menu_left], 0
        ret

# serial_ready: clear ZF if a byte waits at the serial port. Changes dx. Keeps ax.
serial_ready:
        push    ax
        mov     dx, PORT_COM1 + UART_LSR
        in      al, dx
        inc     al                      # no port reads as all ones
        jz      serial_end
        dec     al
        test    al, LSR_DR
serial_end:
        pop     ax
        ret

# next_tick: wait for the timer. Changes ax.
next_tick:
        mov     ax, [BDA_TICKS]
tick_wait:
        hlt
        cmp     ax, [BDA_TICKS]
        je      tick_wait
        ret

# type: print the text at si, which ends in a zero byte. Changes ax, bx, si.
type:
        lodsb
        test    al, al
        jz      type_end
        call    put
        jmp     type
type_end:
        ret

menu_left:
        .word   0
selected:
        .byte   0
word_menu:
        .asciz  "menu"
word_recovery:
        .asciz  "recovery"
text_menu:
        .ascii  "\r\nVectorOS boot menu\r\n\r\n"
        .ascii  "  1  VectorOS\r\n"
        .ascii  "  2  VectorOS, recovery: text mode, the first program only\r\n\r\n"
        .asciz  "Digits start, arrows choose, Enter starts, e edits the command line.\r\n"
text_first:
        .asciz  "\r> 1  VectorOS           \b\b\b\b\b\b\b\b\b\b"
text_second:
        .asciz  "\r> 2  VectorOS, recovery\b"
text_edit:
        .asciz  "\r\ncommand line: "
text_erase:
        .asciz  "\b \b"
