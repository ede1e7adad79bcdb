# traps.S -- where every exception and interrupt arrives, and how it leaves.
#
# The CPU enters one of 48 stubs, interrupts off, on the stack that the TSS names
# if it came from ring 3. The stub completes what the CPU pushed to a frame that
# is the same for all vectors; `trap` saves the other registers below it.

.set FRAME_R15,      0          # the registers, in the order of `trap`
.set FRAME_RAX,      14 * 8
.set FRAME_VECTOR,   15 * 8     # pushed by the stub
.set FRAME_ERROR,    16 * 8     # by the CPU, or 0 by the stub
.set FRAME_RIP,      17 * 8     # by the CPU, and all that follow
.set FRAME_CS,       18 * 8
.set FRAME_RFLAGS,   19 * 8
.set FRAME_RSP,      20 * 8

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

.balign 16
vectors:                                # Intel SDM Vol. 3A, "Exceptions and Interrupts"
        vector  0
        vector  1
        vector  2
        vector  3
        vector  4
        vector  5
        vector  6
        vector  7
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
        vector  24
        vector  25
        vector  26
        vector  27
        vector  28
        vector_with_error 29
        vector_with_error 30
        vector  31
        vector  32                      # the interrupt controllers' 16 inputs
        vector  33
        vector  34
        vector  35
        vector  36
        vector  37
        vector  38
        vector  39
        vector  40
        vector  41
        vector  42
        vector  43
        vector  44
        vector  45
        vector  46
        vector  47

trap:
        push    rax
        push    rbx
        push    rcx
        push    rdx
        push    rsi
        push    rdi
        push    rbp
        push    r8
        push    r9
        push    r10
        push    r11
        push    r12
        push    r13
        push    r14
        push    r15
        cld                             # ring 3 may have set DF
        mov     rbp, rsp                # the frame
        mov     eax, [rbp + FRAME_VECTOR]
        cmp     eax, VECTOR_IRQ
        jb      exception
        call    interrupt
        pop     r15
        pop     r14
        pop     r13
        pop     r12
        pop     r11
        pop     r10
        pop     r9
        pop     r8
        pop     rbp
        pop     rdi
        pop     rsi
        pop     rdx
        pop     rcx
        pop     rbx
        pop     rax
        add     rsp, 16                 # vector and error code
        iretq

# An exception in ring 3 ends what the program did: it is reported, and the
# program starts again. One in ring 0 is a bug of ours, and ends everything.
exception:
        test    byte ptr [rbp + FRAME_CS], 3
        jz      panic
        lea     rsi, [rip + message_fault]
        call    put_string
        call    describe
        call    new_line
        mov     edi, START_FAULT
        jmp     enter_program

panic:
        lea     rsi, [rip + message_panic]
        call    put_string
        call    describe
        call    new_line
        call    put_registers
        jmp     halt

.section rodata
message_fault:
        .asciz  "fault: "
message_panic:
        .asciz  "panic: "
