# kernel_space.S -- the address space that the kernel starts in, its half of every other.
#
# It has three parts: the kernel's sections, each with the access that the image's
# directory says; PHYSMAP, all of RAM, for data only; and the page of the kernel
# gate. The holes between the sections are the guard pages under the stacks. The user
# half is empty: each process gets tables of its own, whose upper half is a copy.
#
# Assembles as 64-bit code, run where physical memory is mapped as it is. The tables are
# from KERNEL_TABLES on, the PML4 first: 3 for the kernel, 2 for the gate, 5 for 4 GiB of
# RAM and 1 to spare.
#
# Source: Intel SDM Vol. 3A, "4-Level Paging and 5-Level Paging". No page is both
# writable and executable because the image builder writes no such entry.

.set TABLES,         12
.set PAGE_SHIFT,     12
.set LARGE_SHIFT,    21
.set LARGE,          1 << LARGE_SHIFT
.set RAM_LIMIT,      4 << 30    # E820 may tell of RAM above; the kernel does without
.set E820_RAM,       1

.set E820_LENGTH,    8          # fields of a row, after its base (ACPI, "Int 15H, E820H")
.set E820_TYPE,      16

.code64
# make_kernel_space: build it. Changes every register but rsp.
make_kernel_space:
        mov     edi, KERNEL_TABLES
        mov     ecx, TABLES * PAGE / 8
        xor     eax, eax
        rep     stosq
        mov     r15d, KERNEL_TABLES + PAGE      # the next free table
        mov     r14d, BOOT_RECORD
        mov     dword ptr [r14 + BOOT_KERNEL_SPACE], KERNEL_TABLES
        call    map_kernel
        call    map_ram
        mov     rsi, GATE_VIRTUAL
        mov     edx, MEMORY_KERNEL_GATE
        or      rdx, PTE_P | PTE_W | PTE_A | PTE_D | PTE_PCD
        bts     rdx, PTE_NX_BIT
        mov     r8d, PAGE_SHIFT
        jmp     map_page

# map_kernel: map the kernel's entries of the image's directory; r14 boot record.
# Changes every register but rsp and r14.
map_kernel:
        mov     rbp, [r14 + BOOT_DIRECTORY]
        movzx   r12d, word ptr [rbp + HEADER_COUNT]
        add     rbp, HEADER_SIZE
map_entry:
        cmp     word ptr [rbp + ENTRY_KIND], KIND_KERNEL
        jne     map_next_entry
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
map_next_entry:
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
        mov     edi, KERNEL_TABLES
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
        mov     rdi, r15
        add     r15, PAGE
        or      rdi, PTE_P | PTE_W | PTE_A
        mov     [rbx], rdi
map_down:
        and     rdi, -PAGE
        sub     ecx, 9
        jmp     map_level
map_leaf:
        mov     [rbx], rdx
        ret
