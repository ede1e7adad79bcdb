# Say hello on the serial port and the debug console, and switch off.
#
# Entered as every sector here: real mode at 0000:7C00, segments zero.

.set DEBUG_CONSOLE, 0xe9
.set COM1, 0x3f8
.set POWER, 0x604
.set SOFT_OFF, 0x2000                   # SLP_EN, SLP_TYP 0

        mov     si, message
        mov     dx, COM1
say:    lodsb
        test    al, al
        jz      done
        out     dx, al
        out     DEBUG_CONSOLE, al
        jmp     say
done:   mov     dx, POWER
        mov     ax, SOFT_OFF
        out     dx, ax
        cli
        hlt

message:
        .asciz  "hello\n"
