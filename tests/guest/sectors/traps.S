# Take one breakpoint after the other, for ever; 20 of them are followed by an access to a port.

.set BREAKPOINT, 3
.set DEBUG_CONSOLE, 0xe9

        mov     word ptr [BREAKPOINT * 4], handler
        mov     word ptr [BREAKPOINT * 4 + 2], 0
        mov     cx, 20
again:  int3
        out     DEBUG_CONSOLE, al
        loop    again
thick:  int3
        jmp     thick
handler:
        iret
