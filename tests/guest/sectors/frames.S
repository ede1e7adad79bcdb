# In long mode: a program in ring 3 traps, its handler calls and is interrupted, too; halt.
#
# Every function keeps a frame pointer. Physical memory used: 0x1000 PML4, 0x2000 PDPT,
# 0x3000 PD with one page of 2 MiB; the IDT at 0x4000, the TSS at 0x5040; stacks below 0x6000 and 0x7000.

.set IDT, 0x4000
.set TSS, 0x5040
.set KERNEL_STACK, 0x6000
.set USER_STACK, 0x7000

        cli
        lgdt    [gdtr]
        mov     eax, 0x20               # CR4.PAE
        mov     cr4, eax
        mov     edi, 0x1000
        mov     cr3, edi
        mov     dword ptr [0x1000], 0x2007
        mov     dword ptr [0x2000], 0x3007
        mov     dword ptr [0x3000], 0x87
        mov     ecx, 0xc0000080         # EFER
        rdmsr
        or      eax, 0x100              # LME
        wrmsr
        mov     eax, cr0
        or      eax, 0x80000001         # PG and PE
        mov     cr0, eax
        ljmp    8:long_mode
.code64
long_mode:
        mov     eax, 0x10
        mov     ss, eax
        mov     esp, KERNEL_STACK
        lidt    [rip + idtr]
        mov     ebx, IDT
        mov     dword ptr [rbx + 3 * 16], 8 << 16 | 0x7c00
        mov     dword ptr [rbx + 3 * 16 + 4], 0xee00    # a gate for ring 3
        lea     eax, [rip + on_trap]
        mov     word ptr [rbx + 3 * 16], ax
        mov     dword ptr [rbx + 4 * 16], 8 << 16 | 0x7c00
        mov     dword ptr [rbx + 4 * 16 + 4], 0x8e00
        lea     eax, [rip + on_interrupt]
        mov     word ptr [rbx + 4 * 16], ax
        mov     dword ptr [rbx + TSS - IDT + 4], KERNEL_STACK
        mov     eax, 0x28
        ltr     ax
        push    0x23
        push    USER_STACK
        push    2
        push    0x1b
        lea     rax, [rip + program]
        push    rax
        iretq

program:                                # ring 3
        xor     ebp, ebp
        call    work
        nop
work:
        push    rbp
        mov     rbp, rsp
        call    trap
        nop
trap:
        push    rbp
        mov     rbp, rsp
        int3
        nop

on_trap:                                # ring 0
        push    rbp
        mov     rbp, rsp
        sub     rsp, 32
        call    helper
        nop
helper:
        push    rbp
        mov     rbp, rsp
        sub     rsp, 16
        int     4
        nop
on_interrupt:
        push    rbp
        mov     rbp, rsp
        hlt

.balign 8
gdt:    .quad   0, 0x00209a0000000000, 0x0000920000000000
        .quad   0x0020fa0000000000, 0x0000f20000000000
        .quad   0x00008900504000ff, 0
gdtr:   .word   55
        .long   gdt
idtr:   .word   0xff
        .quad   IDT
