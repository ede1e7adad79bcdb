# traps.S -- where every exception and interrupt arrives.
#
# The CPU enters one of 48 stubs, interrupts off. From ring 3 it has switched to the
# stack that TSS.rsp0 names, which is the end of the running thread's frame: so it
# pushes straight into the thread's TCB, and `trap` goes on there. From ring 0 the
# same frame goes to the stack in use, and only an interrupt of `idle` is welcome.

.macro vector number
.balign 16
        push    0                       # in place of the error code
        push    \number
        jmp     trap
.endm

.macro vector_with_error number
.balign 16
        push    \number
        jmp     trap
.endm

.macro vectors4 first
        vector  \first
        vector  \first + 1
        vector  \first + 2
        vector  \first + 3
.endm

.balign 16
vectors:                                # Intel SDM Vol. 3A, "Exceptions and Interrupts"
        vectors4 0
        vectors4 4
        vector_with_error 8
        vector  9
        vector_with_error 10
        vector_with_error 11
        vector_with_error 12
        vector_with_error 13
        vector_with_error 14
        vector  15
        vector  16
        vector_with_error 17
        vector  18
        vector  19
        vector  20
        vector_with_error 21
        vector  22
        vector  23
        vectors4 24
        vector  28
        vector_with_error 29
        vector_with_error 30
        vector  31
        vectors4 32                     # the interrupt controllers' 16 inputs
        vectors4 36
        vectors4 40
        vectors4 44

trap:
        push_registers
        cld                             # ring 3 may have set DF
        mov     eax, [rsp + FRAME_VECTOR]
        test    byte ptr [rsp + FRAME_CS], 3
        jz      from_ring0
        cmp     eax, VECTOR_IRQ
        jae     interrupt
        cmp     eax, VECTOR_DF          # these two have stacks of their own: their frames
        je      panic                   # are not in the TCB
        cmp     eax, VECTOR_NMI
        je      panic
        mov     rcx, [rsp + FRAME_ERROR]
        mov     [rip + gate_block + GATE_ERROR], rcx
        mov     rcx, cr2
        mov     [rip + gate_block + GATE_CR2], rcx
        mov     ecx, REASON_EXCEPTION
to_gate:
        mov     [rip + gate_block + GATE_VECTOR], rax
        mov     [rip + gate_block + GATE_REASON], rcx
        jmp     gate
interrupt:
        mov     ecx, REASON_INTERRUPT
        jmp     to_gate

from_ring0:
        cmp     eax, VECTOR_IRQ
        jb      panic
        lea     rcx, [rip + idle_woken]
        cmp     rcx, [rsp + FRAME_RIP]
        je      interrupt               # `gate` drops this frame: there is nothing to return to

# An exception in ring 0 is a bug of ours, and ends everything.
panic:
        mov     rbp, rsp                # the frame
        mov     r13, cr2
        lea     rsi, [rip + message_panic]
        call    put_string
        call    describe
        call    new_line
        call    put_registers
        jmp     halt

.section rodata
message_panic:
        .asciz  "panic: "
