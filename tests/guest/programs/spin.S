# spin.S -- counts in memory and in an FPU register, for ever, and never makes a trap.
#
# STEP is what a count adds; the two programs that are made of this differ in it alone.

spin:
        mov     eax, STEP
        movq    xmm1, rax
        pxor    xmm0, xmm0
spin_again:
        paddq   xmm0, xmm1
        add     qword ptr [rip + counter], STEP
        movq    qword ptr [rip + in_fpu], xmm0
        jmp     spin_again

.section data
.balign 8
counter:
        .quad   0
in_fpu:
        .quad   0
own:
        .quad   STEP
