# Reset the machine by port CF9h; after the third start say so and switch off.
# RAM tells how often it was started: the counter is in no sector, so none resets it.

.set COM1, 0x3f8
.set POWER, 0x604
.set SOFT_OFF, 0x2000                   # SLP_EN, SLP_TYP 0
.set RESET_CONTROL, 0xcf9
.set STARTS, 0x600

        inc     word ptr [STARTS]
        mov     dx, COM1
        mov     al, byte ptr [STARTS]
        add     al, '0'
        out     dx, al
        mov     al, '\n'
        out     dx, al
        cmp     byte ptr [STARTS], 3
        je      off
        mov     dx, RESET_CONTROL
        mov     al, 2                   # a hard reset
        out     dx, al
        mov     al, 6                   # now
        out     dx, al
        cli
        hlt
off:    mov     dx, POWER
        mov     ax, SOFT_OFF
        out     dx, ax
        cli
        hlt
