# teletype.S -- one line through the BIOS and to the debug console, in real mode.
#
# Assembles as 16-bit code. ds has base 0. The BIOS puts the text on the screen,
# and one that knows of consoles on the serial port, too.
#
# Every line is a milestone: the host reads the debug console and notes the time
# at which the line ended. There it ends in "\n", on the screen in "\r\n".

.set TELETYPE,       0x0e               # INT 10h: write al, move the cursor on
.set ON_SCREEN,      0x0007             # bx: page 0, light grey

# print: print the line at si, which ends in a zero byte. Changes ax, bx, si.
print:
        lodsb
        test    al, al
        jz      print_end
        out     PORT_DEBUG_CONSOLE, al
        call    put
        jmp     print
print_end:
        mov     al, '\n'
        out     PORT_DEBUG_CONSOLE, al
new_line:
        mov     al, '\r'
        call    put
        mov     al, '\n'

# put: write al on the screen. Changes ah, bx. Some BIOSes lose bp as they scroll.
put:
        push    bp
        mov     ah, TELETYPE
        mov     bx, ON_SCREEN
        int     0x10
        pop     bp
        ret

# give_up: print the line at si and stop for good.
give_up:
        call    print
stopped:
        cli
        hlt
        jmp     stopped
