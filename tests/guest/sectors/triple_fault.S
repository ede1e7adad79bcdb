# In long mode, with no interrupt table, read where no page is.
#
# Physical memory used: 0x1000 PML4, 0x2000 PDPT, 0x3000 PD with one page of 2 MiB.

.set COM1, 0x3f8
.set NOWHERE, 0xdead000

        mov     dx, COM1
        mov     al, 'x'
        out     dx, al
        cli
        lgdt    [gdtr]
        mov     eax, 0x20               # CR4.PAE
        mov     cr4, eax
        mov     edi, 0x1000
        mov     cr3, edi
        mov     dword ptr [0x1000], 0x2003
        mov     dword ptr [0x2000], 0x3003
        mov     dword ptr [0x3000], 0x83
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
        lidt    [rip + idtr]
        mov     eax, NOWHERE
        mov     rbx, [rax]
        hlt

.balign 8
gdt:    .quad   0, 0x00209a0000000000
gdtr:   .word   15
        .long   gdt
idtr:   .word   0
        .quad   0
