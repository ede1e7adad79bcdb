# long_mode.S -- the start of every benchmark program: a multiboot image that enters long mode.
#
# Read after firmware/x86.S and before the program itself, which begins at `main`.
# The image is loaded and entered at 1 MiB as the Multiboot Specification 0.6.96
# says (32-bit protected mode, flat segments, paging and interrupts off), by
# QEMU's -kernel option or by runners.py. `main` is entered in ring 0 of long
# mode, interrupts off, with a stack, an IDT of empty gates, and a TSS whose ring-0
# stack is that of `main`.
#
# Virtual memory, in pages of 2 MiB that ring 3 may use, too:
#   0x000000  the image                executable and writable; nothing stores there
#                                      while a benchmark runs
#   0x200000  data, stacks             never executed; if DATA_NX is 1, it could not be
#   0x400000  nothing                  an access is a page fault
#   0x600000  DEVICES                  the physical addresses of memory-mapped devices
#
# Constants from outside: those of image.py.

.set MULTIBOOT_MAGIC,   0x1badb002
.set MULTIBOOT_ADDRESS, 1 << 16         # flags: the address fields below are valid
.set TABLE,             PTE_P | PTE_W | PTE_U
.set LARGE,             PTE_P | PTE_W | PTE_U | PDE_PS | PTE_A | PTE_D
.set CR4_OSFXSR,        1 << 9          # SSE instructions are allowed
.set PORT_EXIT,         0xf4            # QEMU's isa-debug-exit, and ours

.set TSS,               0x220000
.set TSS_RSP0,          TSS + 4         # the stack that an exception in ring 3 switches to
.set IDT,               0x221000        # 256 gates of 16 bytes
.set STACK_TOP,         0x22f000        # of ring 0
.set USER_STACK_TOP,    0x22e000
.set UNMAPPED,          0x400000
.set DEVICE_PAGE,       0x600000        # linear address of physical DEVICES

.set KERNEL_CODE,       0x08
.set KERNEL_DATA,       0x10
.set USER_DATA,         0x18 | 3        # SYSRET wants ring 3's data below its code
.set USER_CODE,         0x20 | 3
.set TASK,              0x28
.set GATE_PRESENT,      0x8e            # a 64-bit interrupt gate, for ring 0
.set GATE_USER,         0xee            # the same, for INT n from ring 3

.code32
header:
        .long   MULTIBOOT_MAGIC, MULTIBOOT_ADDRESS, -(MULTIBOOT_MAGIC + MULTIBOOT_ADDRESS)
        .long   header, header, 0, 0, entry     # header, load, end of file, no bss, entry

entry:
        lgdt    [gdt_pointer]
        mov     eax, cr4                # 1. PAE (Intel SDM Vol. 3A, "Initializing IA-32e Mode")
        or      eax, CR4_PAE | CR4_OSFXSR
        mov     cr4, eax
        mov     eax, pml4
        mov     cr3, eax
        mov     ecx, MSR_EFER           # 2. LME
        rdmsr
        or      eax, EFER_LME | EFER_NXE | EFER_SCE
        wrmsr
        mov     eax, cr0                # 3. PG: the CPU sets EFER.LMA
        or      eax, CR0_PG
        mov     cr0, eax
        .byte   0xea                    # jmp KERNEL_CODE:long_mode
        .long   long_mode
        .word   KERNEL_CODE

.code64
long_mode:
        mov     ax, KERNEL_DATA
        mov     ss, ax
        mov     ds, ax
        mov     es, ax
        mov     rsp, STACK_TOP
        mov     ebx, TSS_RSP0
        mov     [rbx], rsp
        lidt    [rip + idt_pointer]
        mov     ax, TASK
        ltr     ax
        jmp     main

# finish: end the run with status al. QEMU's own is then 2 * al + 1.
finish:
        mov     dx, PORT_EXIT
        out     dx, al
finished:
        hlt                             # and here a bare CPU emulator stops by itself
        jmp     finished

# gate: let vector edi lead to rsi; edx is GATE_PRESENT or GATE_USER. Changes rdi, rax.
gate:
        shl     edi, 4
        add     edi, IDT
        mov     [rdi], si
        mov     word ptr [rdi + 2], KERNEL_CODE
        mov     byte ptr [rdi + 4], 0
        mov     [rdi + 5], dl
        mov     rax, rsi
        shr     rax, 16
        mov     [rdi + 6], ax
        shr     rax, 16
        mov     [rdi + 8], rax
        ret

.section tables
pml4:   .quad   pdpt + TABLE
        .zero   511 * 8
pdpt:   .quad   directory + TABLE
        .zero   511 * 8
directory:
        .quad   0x000000 | LARGE
        .quad   0x200000 | LARGE | DATA_NX << PTE_NX_BIT
        .quad   0
        .quad   DEVICES | LARGE | 1 << PTE_NX_BIT
        .zero   508 * 8
gdt:    .quad   0
        .quad   0x00209b0000000000      # ring 0, 64-bit code
        .quad   0x00cf93000000ffff      # data: the same for all
        .quad   0x00cff3000000ffff
        .quad   0x0020fb0000000000      # ring 3, 64-bit code
        .quad   0x0000890000000067 | (TSS % (1 << 24)) << 16   # the TSS, below 16 MiB
        .quad   0
gdt_pointer:
        .word   7 * 8 - 1
        .long   gdt
idt_pointer:
        .word   256 * 16 - 1
        .quad   IDT

.section text
