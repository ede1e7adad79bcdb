# stage2.S -- from real mode to the kernel in long mode: the order of things.
#
# Entered from boot_sector.S in real mode, interrupts on, ds = es = ss = 0, sp
# below 7c00, dl the disk, the first sector of the directory at DIRECTORY. Leaves
# in long mode, ring 0, interrupts off, at the address that the directory names,
# with rdi the physical address of the boot record and the stack below 7c00. The
# first 2 MiB are mapped, twice, readable, writable and executable: at 0 and at
# -2 GiB. The kernel goes on to the address space that is built for it, at once.
#
# Physical memory used:
#   DIRECTORY    0x0600  the directory
#   PML4         0x2000  entries 0 and 511      -> PDPT
#   PDPT         0x3000  entries 0 and 510      -> PD
#   PD           0x4000  entry 0                -> a 2 MiB page at 0
#   BOOT_RECORD  0x5000  what the kernel is told (kernel/boot_record.py)
#   stack        below 0x7c00
#   BOUNCE      0x10000  sectors on their way to where they belong
#   KERNEL_TABLES
#               0x20000  the kernel's page tables (kernel_space.S)
#   and what the directory's entries say, from 1 MiB on
#
# Source: Intel SDM Vol. 3A, "Initializing IA-32e Mode": the order PAE, then
# EFER.LME, then CR0.PG is required, not a preference.

.set PML4,       0x2000
.set PDPT,       0x3000
.set PD,         0x4000
.set TABLE_FLAGS, PTE_P | PTE_W
.set BOOT_CODE32, 0x08
.set BOOT_DATA,   0x10
.set BOOT_CODE64, 0x18

.code16
stage2:
        mov     [boot_disk], dl
        call    start_uart
        mov     si, message_stage2
        call    print
        call    check_processor
        call    open_a20
        call    read_directory
        call    start_record
        call    read_memory_map
        call    read_command_line
        call    boot_menu
        call    load_all
        call    set_screen

        # No BIOS from here on.
        cli
        lgdt    [boot_gdtr]
        mov     eax, cr0
        or      al, CR0_PE
        mov     cr0, eax
        .byte   0xea                    # jmp BOOT_CODE32:protected; only now is the mode 32-bit
        .word   protected, BOOT_CODE32

# check_processor: give up unless there are long mode and no-execute pages.
check_processor:
        mov     eax, CPUID_EXTENDED
        cpuid
        and     edx, CPUID_LM | CPUID_NX
        cmp     edx, CPUID_LM | CPUID_NX
        mov     si, message_processor
        jne     give_up
        ret

# open_a20: ask the BIOS, and then system control port A, which every PC has had
# since the PS/2. Where both are in vain the line is open anyway.
.set PORT_A20,    0x92
open_a20:
        mov     ax, 0x2401
        int     0x15
        in      al, PORT_A20
        or      al, 2
        and     al, 0xfe                # bit 0 would reset the machine
        out     PORT_A20, al
        ret

# read_directory: read all of it; its first sector says how long it is.
read_directory:
        mov     cx, [DIRECTORY + HEADER_SECTORS]
        mov     eax, DIRECTORY_SECTOR
        mov     di, DIRECTORY
        mov     dl, [boot_disk]
        jmp     read_sectors

.code32
protected:
        mov     ax, BOOT_DATA
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     esp, BOOT_SECTOR
        mov     esi, message_protected
        call    say
        call    zero_all
        call    draw_logo

        # Zero the three tables, then link them.
        mov     edi, PML4
        mov     ecx, 3 * PAGE / 4
        xor     eax, eax
        rep     stosd
        mov     dword ptr [PML4 + 0 * 8], PDPT + TABLE_FLAGS
        mov     dword ptr [PML4 + 511 * 8], PDPT + TABLE_FLAGS
        mov     dword ptr [PDPT + 0 * 8], PD + TABLE_FLAGS
        mov     dword ptr [PDPT + 510 * 8], PD + TABLE_FLAGS
        mov     dword ptr [PD], TABLE_FLAGS | PDE_PS

        mov     eax, cr4                # 1. PAE
        or      eax, CR4_PAE
        mov     cr4, eax
        mov     eax, PML4
        mov     cr3, eax
        mov     ecx, MSR_EFER           # 2. LME
        rdmsr
        or      eax, EFER_LME | EFER_NXE | EFER_SCE
        wrmsr
        mov     eax, cr0                # 3. PG: the CPU sets EFER.LMA
        or      eax, CR0_PG
        mov     cr0, eax
        .byte   0xea                    # jmp BOOT_CODE64:long_mode
        .long   long_mode
        .word   BOOT_CODE64

.code64
long_mode:
        mov     rsp, BOOT_SECTOR        # the upper half was undefined until now
        call    make_kernel_space
        mov     edi, BOOT_RECORD        # also clears the upper half of rdi
        mov     eax, DIRECTORY
        mov     rax, [rax + HEADER_ENTRY]
        jmp     rax

.code16                                 # for the sources that come next
.balign 8
boot_gdt:                               # base 0, limit 4 GiB: segmentation does nothing
        .quad   0                       # 0x00 null
        .quad   0x00cf9a000000ffff      # 0x08 code, 32-bit
        .quad   0x00cf92000000ffff      # 0x10 data
        .quad   0x00af9a000000ffff      # 0x18 code, 64-bit
boot_gdtr:
        .word   boot_gdtr - boot_gdt - 1
        .long   boot_gdt
boot_disk:
        .byte   0x80

message_stage2:
        .asciz  "[boot] stage 2: read from disk"
message_protected:
        .asciz  "[boot] protected mode: 32 bits, flat segments"
message_processor:
        .asciz  "boot: this processor has no long mode, or no no-execute pages"
