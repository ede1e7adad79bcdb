# paging.S -- the address space: exactly what the directory lists, and nothing else.
#
# Each entry of the image's directory names a virtual address, a size, and the
# access it allows. That is the whole of the map: kernel and program are put in
# place by the same loop, the holes between entries are the guard pages under the
# stacks, and the identity map that stage 2 left is gone afterwards.
#
# Source: Intel SDM Vol. 3A, "4-Level Paging and 5-Level Paging". No page is both
# writable and executable because the image builder writes no such entry.

.set TABLES,         8          # page tables: PML4, and 3 each for kernel and program; 1 spare
.set BIAS,           PROGRAM_VIRTUAL - PROGRAM_LOAD     # of kernel addresses over physical ones

# map_memory: rdi physical address of the directory. Builds the page tables, loads
# them, and turns on the protections that this processor has. Uses the identity
# map to reach the tables. Changes every register but rsp.
map_memory:
        mov     rbp, rdi
        movzx   r12d, word ptr [rbp + HEADER_COUNT]
        add     rbp, HEADER_SIZE
map_entry:
        movzx   eax, word ptr [rbp + ENTRY_ACCESS]
        test    eax, eax
        jz      map_next                # stage 2 is loaded and never mapped
        mov     rsi, [rbp + ENTRY_VIRTUAL]
        mov     r13d, [rbp + ENTRY_MEMORY]
        mov     edx, [rbp + ENTRY_LOAD]
        or      rdx, PTE_P | PTE_A | PTE_D
        test    al, ACCESS_WRITE
        jz      map_not_writable
        or      rdx, PTE_W
map_not_writable:
        test    al, ACCESS_EXECUTE
        jnz     map_executable
        bts     rdx, PTE_NX_BIT
map_executable:
        test    al, ACCESS_USER
        jz      map_page_next
        or      rdx, PTE_U
        test    al, ACCESS_EXECUTE
        jz      map_page_next
        mov     [rip + program_entry], rsi      # the program starts where its code does
map_page_next:
        call    map_page
        add     rsi, PAGE
        add     rdx, PAGE
        sub     r13, PAGE
        ja      map_page_next
map_next:
        add     rbp, ENTRY_SIZE
        dec     r12d
        jnz     map_entry

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
        mov     cr4, rdx
        mov     rax, cr0
        or      rax, CR0_WP
        mov     cr0, rax
        ret

# map_page: make rdx the page-table entry for virtual address rsi, adding tables
# as needed. Changes rax, rbx, rcx, rdi.
map_page:
        lea     rdi, [rip + tables]
        mov     ecx, 39                 # the PML4 is indexed by bits 47-39
map_level:
        mov     rax, rsi
        shr     rax, cl
        and     eax, 511
        lea     rbx, [rdi + rax * 8]
        cmp     ecx, 12
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
        mov     eax, edx                # a table is for ring 3 if its first page is:
        and     eax, PTE_U              # no table serves both halves
        or      rdi, rax
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
program_entry:
        .quad   0
