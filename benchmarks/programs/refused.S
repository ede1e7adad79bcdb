# refused.S -- ring 3: invokes a capability that it does not have, for ever.

.set NO_SLOT,        31         # between the slots that a process may be given at boot

refused:
        mov     edi, NO_SLOT
        xor     esi, esi
        mov     eax, TRAP_CALL
        syscall
        jmp     refused

