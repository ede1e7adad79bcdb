# stage2.S -- from real mode to the kernel in long mode.
#
# Entered in real mode, interrupts off, ds = es = ss = 0, sp below 7c00, the first
# sector of the directory at DIRECTORY (boot_sector.S). Leaves in long mode, ring
# 0, interrupts off, at the address that the directory names, with rdi the
# physical address of the directory and the stack below 7c00. The first 2 MiB are
# mapped, twice, readable, writable and executable: at 0 and at -2 GiB. The kernel
# replaces that at once.
#
# Physical memory used:
#   DIRECTORY  0x0600  the directory
#   PML4       0x2000  entries 0 and 511      -> PDPT
#   PDPT       0x3000  entries 0 and 510      -> PD
#   PD         0x4000  entry 0                -> a 2 MiB page at 0
#   and every directory entry's own load address
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
.set PORT_A20,    0x92          # system control port A (IBM PS/2): bit 1 opens address line 20
.set CHUNK,       128           # sectors a command

.code16
stage2:
        in      al, PORT_A20
        or      al, 2
        and     al, 0xfe                # bit 0 would reset the machine
        out     PORT_A20, al
        lgdt    [boot_gdtr]
        mov     eax, cr0
        or      al, CR0_PE
        mov     cr0, eax
        .byte   0xea                    # jmp BOOT_CODE32:protected; only now is the mode 32-bit
        .word   protected, BOOT_CODE32

.code32
protected:
        mov     ax, BOOT_DATA
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     esp, BOOT_SECTOR
        mov     esi, message_protected
        call    say
        call    check_processor
        call    load_all
        mov     esi, message_loaded
        call    say

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

# check_processor: give up unless there are long mode and no-execute pages.
check_processor:
        mov     eax, CPUID_EXTENDED
        cpuid
        and     edx, CPUID_LM | CPUID_NX
        cmp     edx, CPUID_LM | CPUID_NX
        mov     esi, message_processor
        jne     give_up
        ret

# load_all: read the rest of the directory, then every entry but ourselves, to
# where it says. Changes every register but esp.
load_all:
        movzx   ebx, word ptr [DIRECTORY + HEADER_SECTORS]
        mov     eax, DIRECTORY_SECTOR
        mov     edi, DIRECTORY
        call    read_many
        movzx   ecx, word ptr [DIRECTORY + HEADER_COUNT]
        mov     ebp, DIRECTORY + HEADER_SIZE
load_next:
        push    ecx
        cmp     word ptr [ebp + ENTRY_KIND], KIND_STAGE2
        je      load_done
        mov     ebx, [ebp + ENTRY_LENGTH]
        add     ebx, SECTOR - 1
        shr     ebx, 9
        mov     eax, [ebp + ENTRY_LBA]
        mov     edi, [ebp + ENTRY_LOAD]
        call    read_many
        mov     edi, [ebp + ENTRY_LOAD] # zero what the file does not hold
        mov     ecx, [ebp + ENTRY_MEMORY]
        sub     ecx, [ebp + ENTRY_LENGTH]
        add     edi, [ebp + ENTRY_LENGTH]
        xor     eax, eax
        shr     ecx, 2                  # the builder rounds both up to 8 bytes
        rep     stosd
load_done:
        add     ebp, ENTRY_SIZE
        pop     ecx
        dec     ecx
        jnz     load_next
        ret

# read_many: read ebx sectors from sector eax on to edi. Changes eax, ebx, ecx, edx, edi.
read_many:
        test    ebx, ebx
        jz      read_end
        push    ebx
        push    eax
        cmp     ebx, CHUNK
        jbe     read_last
        mov     ebx, CHUNK
read_last:
        call    read_sectors
        pop     eax
        pop     ebx
        add     eax, CHUNK
        sub     ebx, CHUNK
        ja      read_many
read_end:
        ret

.code64
long_mode:
        mov     edi, DIRECTORY          # also clears the upper half of rdi
        mov     rsp, BOOT_SECTOR        # the upper half was undefined until now
        mov     rax, [rdi + HEADER_ENTRY]
        jmp     rax

.code32                                 # for console.S and ata.S, which come next
.balign 8
boot_gdt:                               # base 0, limit 4 GiB: segmentation does nothing
        .quad   0                       # 0x00 null
        .quad   0x00cf9a000000ffff      # 0x08 code, 32-bit
        .quad   0x00cf92000000ffff      # 0x10 data
        .quad   0x00af9a000000ffff      # 0x18 code, 64-bit
boot_gdtr:
        .word   boot_gdtr - boot_gdt - 1
        .long   boot_gdt

message_protected:
        .asciz  "[boot] protected mode: 32 bits, flat segments"
message_loaded:
        .asciz  "[boot] loaded: kernel and programs, by polled ATA"
message_processor:
        .asciz  "boot: this processor has no long mode, or no no-execute pages"
