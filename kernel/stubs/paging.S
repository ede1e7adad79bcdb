# paging.S -- the kernel's half of every address space.
#
# It has three parts: the kernel's sections, each with the access that the image's
# directory says; PHYSMAP, all of RAM, for data only; and the page of the kernel
# gate. The holes between the sections are the guard pages under the stacks, and
# the identity map that stage 2 left is gone afterwards. The user half is empty:
# each process gets tables of its own, whose upper half is a copy of this one's.
#
# Source: Intel SDM Vol. 3A, "4-Level Paging and 5-Level Paging". No page is both
# writable and executable because the image builder writes no such entry.

.set PAGE_SHIFT,     12
.set LARGE_SHIFT,    21
.set LARGE,          1 << LARGE_SHIFT
.set RAM_LIMIT,      4 << 30    # E820 may tell of RAM above; the kernel does without
.set E820_RAM,       1

.set E820_LENGTH,    8          # fields of a row, after its base (ACPI, "Int 15H, E820H")
.set E820_TYPE,      16

# map_memory: rdi physical address of the boot record. Builds the page tables, loads
# them, and turns on the protections that this processor has. Uses the identity
# map to reach the tables. Changes every register but rsp.
map_memory:
        mov     r14, rdi
        call    map_kernel
        call    map_ram
        mov     rsi, GATE_VIRTUAL
        mov     edx, MEMORY_KERNEL_GATE
        or      rdx, PTE_P | PTE_W | PTE_A | PTE_D | PTE_PCD
        bts     rdx, PTE_NX_BIT
        mov     r8d, PAGE_SHIFT
        call    map_page

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
        lea     rax, [rip + tables]     # the PML4 is the first table
        sub     rax, BIAS
        mov     cr3, rax                # from here on the map is ours, and 0 is unmapped
        mov     [rip + gate_block + GATE_CR3], rax
        mov     cr4, rdx
        mov     rax, cr0
        and     rax, -1 - CR0_EM
        or      rax, CR0_WP | CR0_NE | CR0_MP | CR0_TS  # nobody owns the FPU yet
        mov     cr0, rax
        ret

# map_kernel: map the kernel's entries of the image's directory; r14 boot record.
# Changes every register but rsp and r14.
map_kernel:
        mov     rbp, [r14 + BOOT_DIRECTORY]
        movzx   r12d, word ptr [rbp + HEADER_COUNT]
        add     rbp, HEADER_SIZE
map_entry:
        cmp     word ptr [rbp + ENTRY_KIND], KIND_KERNEL
        jne     map_next
        movzx   eax, word ptr [rbp + ENTRY_ACCESS]
        mov     rsi, [rbp + ENTRY_VIRTUAL]
        mov     r13d, [rbp + ENTRY_MEMORY]
        mov     edx, [rbp + ENTRY_LOAD]
        or      rdx, PTE_P | PTE_A | PTE_D
        test    al, ACCESS_WRITE
        jz      map_not_writable
        or      rdx, PTE_W
map_not_writable:
        test    al, ACCESS_EXECUTE
        jnz     map_page_next
        bts     rdx, PTE_NX_BIT
map_page_next:
        mov     r8d, PAGE_SHIFT
        call    map_page
        add     rsi, PAGE
        add     rdx, PAGE
        sub     r13, PAGE
        ja      map_page_next
map_next:
        add     rbp, ENTRY_SIZE
        dec     r12d
        jnz     map_entry
        ret

# map_ram: map physical memory up to the end of RAM at PHYSMAP; r14 boot record.
# Changes every register but rsp and r14.
map_ram:
        mov     r12d, [r14 + BOOT_MEMORY_COUNT]
        lea     rbp, [r14 + BOOT_MEMORY]
        mov     r11, RAM_LIMIT
        xor     r13d, r13d              # the end of RAM
ram_row:
        cmp     dword ptr [rbp + E820_TYPE], E820_RAM
        jne     ram_next
        mov     rax, [rbp]
        add     rax, [rbp + E820_LENGTH]
        cmp     rax, r11
        ja      ram_next
        cmp     rax, r13
        cmova   r13, rax
ram_next:
        add     rbp, BOOT_MEMORY_SIZE
        dec     r12d
        jnz     ram_row

        mov     rsi, PHYSMAP
        mov     edx, PTE_P | PTE_W | PTE_A | PTE_D | PDE_PS
        bts     rdx, PTE_NX_BIT
        mov     r8d, LARGE_SHIFT
map_large_next:
        call    map_page
        add     rsi, LARGE
        add     rdx, LARGE
        sub     r13, LARGE
        ja      map_large_next
        ret

# map_page: make rdx the entry that translates virtual address rsi at the level whose
# pages have 2^r8 bytes, adding tables as needed. Changes rax, rbx, rcx, rdi.
map_page:
        lea     rdi, [rip + tables]
        mov     ecx, 39                 # the PML4 is indexed by bits 47-39
map_level:
        mov     rax, rsi
        shr     rax, cl
        and     eax, 511
        lea     rbx, [rdi + rax * 8]
        cmp     ecx, r8d
        je      map_leaf
        mov     rdi, [rbx]
        test    rdi, rdi
        jnz     map_down
        mov     rdi, [rip + next_table]
        lea     rax, [rip + tables_end]
        cmp     rdi, rax
        je      no_tables
        add     qword ptr [rip + next_table], PAGE
        sub     rdi, BIAS
        or      rdi, PTE_P | PTE_W | PTE_A
        mov     [rbx], rdi
map_down:
        and     rdi, -PAGE              # the tables lie below 2 MiB, where physical
        sub     ecx, 9                  # addresses are mapped as they are
        jmp     map_level
map_leaf:
        mov     [rbx], rdx
        ret
no_tables:
        lea     rsi, [rip + message_no_tables]
        call    put_string
        call    new_line
        jmp     halt

.section rodata
message_no_tables:
        .asciz  "panic: no page tables left"
.section data
.balign 8
next_table:
        .quad   tables + PAGE
