# registers.S -- the general registers, to and from a trap frame (kernel/frame.py).
#
# Source: Intel SDM Vol. 2B, "PUSH" and "POP".

.macro push3 a, b, c
        push    \a
        push    \b
        push    \c
.endm

.macro pop3 a, b, c
        pop     \a
        pop     \b
        pop     \c
.endm

.macro push_registers
        push3   r9, r8, r10
        push3   rdx, rsi, rdi
        push3   rax, rcx, rbx
        push3   rbp, r11, r12
        push3   r13, r14, r15
.endm

.macro pop_registers
        pop3    r15, r14, r13
        pop3    r12, r11, rbp
        pop3    rbx, rcx, rax
        pop3    rdi, rsi, rdx
        pop3    r10, r8, r9
.endm
