# mix.S -- runs the compiled work of mix.c REPETITIONS times and exits: 0 if all was right.
#
# After long_mode.S. mix.bin lies at MIX (mix.ld) and begins with the C function
# `unsigned mix(unsigned repetitions)`.

main:
        mov     edi, REPETITIONS
        mov     eax, MIX
        call    rax
        test    eax, eax
        setne   al
        jmp     finish
