# loader.S -- every entry of the directory, from the disk to its place above 1 MiB.
#
# INT 13h reaches the first MiB only. So sectors go to a bounce buffer, and INT 15h,
# AH=87h, moves them up. The kernel's sections go where they say; modules, which
# are whole files, one after the other from MODULES on, each at a page.
#
# Source: kernel/boot_record.py; Ralf Brown's Interrupt List, INT 15/AH=87h.

.set BOUNCE,         0x10000
.set CHUNK,          64                 # sectors; 87h moves 64 KiB at most
.set MOVE_BLOCK,     0x87
.set EXTENDED_KIB,   0x88               # INT 15h: ax = KiB above 1 MiB
.set DATA_ACCESS,    0x93               # present, ring 0, writable data, accessed

.code16
# load_all: load every entry but stage 2. Changes every register but sp.
load_all:
        mov     dword ptr [next_module], MODULES
        mov     cx, [DIRECTORY + HEADER_COUNT]
        mov     bp, DIRECTORY + HEADER_SIZE
load_next:
        push    cx
        mov     ax, ds:[bp + ENTRY_KIND]
        cmp     ax, KIND_STAGE2
        je      load_done
        mov     edx, ds:[bp + ENTRY_LOAD]
        cmp     ax, KIND_KERNEL
        je      load_entry
        call    describe_module
load_entry:
        call    load_sectors
load_done:
        add     bp, ENTRY_SIZE
        pop     cx
        dec     cx
        jnz     load_next
        mov     eax, [next_module]
        mov     [BOOT_RECORD + BOOT_KERNEL_END], eax
        mov     ah, EXTENDED_KIB        # is there RAM up to there? Else all was lost
        int     0x15
        movzx   eax, ax
        shl     eax, 10
        add     eax, 0x100000
        mov     si, message_memory
        cmp     eax, [next_module]
        jb      give_up
        mov     si, message_loaded
        jmp     print

# describe_module: enter the module at bp into the boot record; edx becomes its
# place. The builder allows no more modules than there is room for.
describe_module:
        mov     ax, BOOT_MODULE_SIZE
        mul     word ptr [BOOT_RECORD + BOOT_MODULE_COUNT]
        add     ax, BOOT_RECORD + BOOT_MODULES
        mov     di, ax
        inc     dword ptr [BOOT_RECORD + BOOT_MODULE_COUNT]
        mov     edx, [next_module]
        mov     [di + BOOT_MODULE_START], edx
        mov     eax, ds:[bp + ENTRY_LENGTH]
        mov     [di + BOOT_MODULE_SIZE_], eax
        mov     cx, ds:[bp + ENTRY_KIND]
        mov     [di + BOOT_MODULE_KIND], cx
        mov     cx, ds:[bp + ENTRY_PRIORITY]
        mov     [di + BOOT_MODULE_PRIORITY], cx
        mov     cx, ds:[bp + ENTRY_GRANTS]
        mov     [di + BOOT_MODULE_GRANTS], cx
        add     eax, edx
        add     eax, PAGE - 1
        and     eax, 0xfffff000
        mov     [next_module], eax
        mov     cx, 16 / 4              # the name
        lea     si, [bp + ENTRY_NAME]
        add     di, BOOT_MODULE_NAME
name_next:
        lodsd
        mov     [di], eax
        add     di, 4
        loop    name_next
        ret

# load_sectors: the sectors of the entry at bp, to physical address edx.
load_sectors:
        mov     [load_to], edx
        mov     ebx, ds:[bp + ENTRY_LENGTH]
        add     ebx, SECTOR - 1
        shr     ebx, 9                  # sectors
        jz      load_end
        mov     eax, ds:[bp + ENTRY_LBA]
load_chunk:
        mov     ecx, CHUNK
        cmp     ebx, ecx
        ja      load_whole
        mov     ecx, ebx
load_whole:
        push    eax
        push    ebx
        push    ecx
        mov     dx, BOUNCE >> 4
        mov     es, dx
        xor     di, di
        mov     dl, [boot_disk]
        call    read_sectors
        xor     dx, dx
        mov     es, dx
        pop     ecx
        push    ecx
        shl     ecx, 9
        mov     eax, BOUNCE
        mov     ebx, [load_to]
        add     [load_to], ecx
        call    move
        pop     ecx
        pop     ebx
        pop     eax
        add     eax, ecx
        sub     ebx, ecx
        jnz     load_chunk
load_end:
        ret

# move: copy ecx bytes (an even number, up to 64 KiB) from eax to ebx, physical
# addresses. Changes eax, ebx, ecx, si. Gives up if the BIOS cannot.
move:
        mov     si, move_source + 2
        call    put_base
        mov     eax, ebx
        mov     si, move_target + 2
        call    put_base
        shr     ecx, 1                  # words
        mov     si, move_table
        mov     ah, MOVE_BLOCK
        int     0x15
        mov     si, message_move
        jc      give_up
        ret

# put_base: eax as the base of the descriptor whose base is at si. Changes eax.
put_base:
        mov     [si], ax
        shr     eax, 16
        mov     [si + 2], al
        mov     [si + 5], ah
        ret

.code32
# zero_all: zero what the disk does not hold of the kernel's sections. Changes
# eax, ecx, edi, ebp.
zero_all:
        movzx   edx, word ptr [DIRECTORY + HEADER_COUNT]
        mov     ebp, DIRECTORY + HEADER_SIZE
zero_next:
        cmp     word ptr [ebp + ENTRY_KIND], KIND_KERNEL
        jne     zero_done
        mov     edi, [ebp + ENTRY_LOAD]
        mov     ecx, [ebp + ENTRY_MEMORY]
        sub     ecx, [ebp + ENTRY_LENGTH]
        add     edi, [ebp + ENTRY_LENGTH]
        xor     eax, eax
        shr     ecx, 2                  # the builder rounds both up to 8 bytes
        rep     stosd
zero_done:
        add     ebp, ENTRY_SIZE
        dec     edx
        jnz     zero_next
        ret

.code16
.balign 4
next_module:
        .long   0
load_to:
        .long   0
move_table:                             # descriptors; the BIOS fills in the first and last two
        .quad   0, 0
move_source:
        .word   0xffff, 0
        .byte   0, DATA_ACCESS, 0, 0
move_target:
        .word   0xffff, 0
        .byte   0, DATA_ACCESS, 0, 0
        .quad   0, 0

message_loaded:
        .asciz  "[boot] loaded: kernel and modules, by INT 13h"
message_memory:
        .asciz  "boot: too little memory for this image"
message_move:
        .asciz  "boot: the BIOS cannot move memory"
