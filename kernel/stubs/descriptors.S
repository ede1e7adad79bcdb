# descriptors.S -- GDT, TSS and IDT.
#
# Long mode uses little of them: the code and data descriptors set privilege and
# code size, the TSS holds the stacks that the CPU switches to, and the IDT the
# handlers. The GDT is in writable memory because the CPU sets bits in it: busy, in
# the descriptor of the TSS. All three lie in the page of the gate block: each page
# that a trap touches costs a walk of the page tables after a change of CR3.
#
# Source: Intel SDM Vol. 3A, "Interrupt and Exception Handling in 64-bit Mode"
# and "Task Management in 64-bit Mode".

# The order is SYSRET's: ring-3 data at STAR + 8, ring-3 64-bit code at STAR + 16.
.set KERNEL_CODE,    0x08
.set KERNEL_DATA,    0x10
.set SYSRET_BASE,    0x18
.set USER_DATA,      SYSRET_BASE + 8 | 3
.set USER_CODE,      SYSRET_BASE + 16 | 3
.set TASK,           0x30

.set VECTORS,        48         # 32 exceptions, 16 interrupts
.set VECTOR_NMI,     2
.set VECTOR_BP,      3
.set VECTOR_DF,      8
.set VECTOR_IRQ,     0x20       # of the first interrupt controller's first input
.set GATE_RING0,     0x8e       # present 64-bit interrupt gate
.set GATE_RING3,     0xee       # the same, and `int3` in ring 3 may use it
.set IST_FAULT,      1          # TSS stack 1: for a double fault, when rsp itself is bad
.set IST_NMI,        2

# load_descriptors: build what needs computing, and load all three tables.
# Changes rax, rcx, rdx, rdi.
load_descriptors:
        lea     rax, [rip + tss]
        lea     rdx, [rip + gdt + TASK]
        mov     [rdx + 2], ax           # the base of the TSS, in pieces
        shr     rax, 16
        mov     [rdx + 4], al
        mov     [rdx + 7], ah
        shr     rax, 16
        mov     [rdx + 8], eax

        lea     rdi, [rip + idt]        # the stubs are 16 bytes apart, as are the gates
        lea     rax, [rip + vectors]
        xor     ecx, ecx
load_gate:
        mov     [rdi], ax
        mov     word ptr [rdi + 2], KERNEL_CODE
        mov     word ptr [rdi + 4], GATE_RING0 << 8
        mov     rdx, rax
        shr     rdx, 16
        mov     [rdi + 6], dx
        shr     rdx, 16
        mov     [rdi + 8], edx
        add     rdi, 16
        add     rax, 16
        inc     ecx
        cmp     ecx, VECTORS
        jb      load_gate
        lea     rdi, [rip + idt]
        mov     byte ptr [rdi + VECTOR_DF * 16 + 4], IST_FAULT
        mov     byte ptr [rdi + VECTOR_NMI * 16 + 4], IST_NMI
        mov     byte ptr [rdi + VECTOR_BP * 16 + 5], GATE_RING3

        lgdt    [rip + gdtr]
        lidt    [rip + idtr]
        push    KERNEL_CODE
        lea     rax, [rip + load_segments]
        push    rax
        retfq                           # the far return loads cs
load_segments:
        mov     eax, KERNEL_DATA
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        xor     eax, eax
        mov     fs, eax
        mov     gs, eax
        mov     eax, TASK
        ltr     ax
        ret

.section cpu                            # behind the gate block (memory.S), in its page
.balign 16
gdt:
        .quad   0                       # 0x00 null
        .quad   0x00af9a000000ffff      # 0x08 ring 0 code, 64-bit
        .quad   0x00cf92000000ffff      # 0x10 ring 0 data
        .quad   0x00cffa000000ffff      # 0x18 ring 3 code, 32-bit: unused
        .quad   0x00cff2000000ffff      # 0x20 ring 3 data
        .quad   0x00affa000000ffff      # 0x28 ring 3 code, 64-bit
        .word   tss_end - tss - 1       # 0x30 TSS, of 16 bytes
        .word   0
        .byte   0, 0x89, 0, 0           # present, available 64-bit TSS
        .quad   0
gdtr:
        .word   gdtr - gdt - 1
        .quad   gdt
idtr:
        .word   VECTORS * 16 - 1
        .quad   idt

.balign 8
        .long   0                       # so that what follows the TSS's first word is aligned
tss:
        .long   0
tss_rsp0:                               # the end of the running thread's frame (leave.S)
        .quad   kernel_stack_top
        .quad   0, 0                    # rsp1, rsp2
        .quad   0
        .quad   fault_stack_top         # ist1
        .quad   nmi_stack_top           # ist2
        .quad   0, 0, 0, 0, 0           # ist3 to ist7
        .quad   0
        .word   0
        .word   tss_end - tss           # the I/O bitmap would start after the end:
tss_end:                                # ring 3 has no ports

.balign 16
idt:
        .zero   VECTORS * 16
