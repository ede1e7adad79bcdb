# yield.S -- ring 3: gives up the processor to nobody, for ever. The cheapest trap.

yield:
        mov     eax, TRAP_YIELD
        syscall
        jmp     yield
