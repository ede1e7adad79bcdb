# paging.S -- into the address space that stage 2 has built, with every protection on.
#
# From here on each page is writable or executable and never both, nothing is mapped at 0,
# and ring 0 touches ring 3's pages only through PHYSMAP (firmware/kernel_space.S).
#
# Source: Intel SDM Vol. 3A, "4-Level Paging and 5-Level Paging", "Protection".

# start_paging: rdi physical address of the boot record. Changes rax, rbx, rcx, rdx.
start_paging:
        xor     eax, eax
        cpuid                           # eax: the last leaf there is
        mov     ebx, 0
        cmp     eax, 7
        jb      protect
        mov     eax, 7                  # leaf 7 tells of SMEP and SMAP
        xor     ecx, ecx
        cpuid
protect:
        mov     rax, cr4
        or      rax, CR4_OSFXSR | CR4_OSXMMEXCPT
        test    ebx, CPUID_7_SMEP
        jz      protect_no_smep
        or      rax, CR4_SMEP
protect_no_smep:
        test    ebx, CPUID_7_SMAP
        jz      protect_no_smap
        or      rax, CR4_SMAP
protect_no_smap:
        mov     rdx, rax
        mov     rax, [rdi + BOOT_KERNEL_SPACE]
        mov     cr3, rax
        mov     [rip + gate_block + GATE_CR3], rax
        mov     cr4, rdx
        mov     rax, cr0
        and     rax, -1 - CR0_EM
        or      rax, CR0_WP | CR0_NE | CR0_MP | CR0_TS  # nobody owns the FPU yet
        mov     cr0, rax
        ret

