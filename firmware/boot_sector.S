# boot_sector.S -- the first sector of the disk: load stage 2 and go there.
#
# Entered in real mode at 0000:7c00 (some BIOSes: 07c0:0000), dl the BIOS's number
# of the disk, nothing else known, as on every PC. Uses INT 10h and INT 13h with
# the extensions of EDD, which every BIOS since 1998 has. Leaves to stage 2 in real
# mode, interrupts on, ds = es = ss = 0, the stack below 7c00, dl the disk, and
# the first sector of the directory at DIRECTORY.
#
# Physical memory used:
#   DIRECTORY  0x0600  the first sector of the image's directory (sector 1)
#              0x7c00  this file; the stack grows down from here
#   stage 2    where its directory entry says, below 64 KiB; it is entry 0
#
# It must fit in 446 bytes, because the partition table comes after; the image
# builder adds the table and the signature 55 aa.

.code16
boot_sector:
        cli
        cld
        xor     ax, ax
        mov     ds, ax                  # addresses below are linear, so segment 0
        mov     es, ax
        mov     ss, ax
        mov     sp, BOOT_SECTOR
        .byte   0xea                    # jmp 0000:boot_start, so that cs is 0 in any case
        .word   boot_start, 0

boot_start:
        sti
        mov     si, message_boot_sector
        call    print

        mov     eax, DIRECTORY_SECTOR
        mov     di, DIRECTORY
        mov     cx, 1
        call    read_sectors
        mov     si, message_no_directory
        cmp     dword ptr [DIRECTORY + HEADER_MAGIC], MAGIC_LOW
        jne     give_up
        cmp     dword ptr [DIRECTORY + HEADER_MAGIC + 4], MAGIC_HIGH
        jne     give_up

        .set    STAGE2, DIRECTORY + HEADER_SIZE         # entry 0
        mov     ecx, [STAGE2 + ENTRY_LENGTH]
        add     ecx, SECTOR - 1
        shr     ecx, 9                  # bytes to sectors; the builder keeps it below 128
        mov     eax, [STAGE2 + ENTRY_LBA]
        mov     di, [STAGE2 + ENTRY_LOAD]
        call    read_sectors
        jmp     word ptr [STAGE2 + ENTRY_LOAD]

message_boot_sector:
        .asciz  "[boot] real mode: boot sector at 0000:7c00"
message_no_directory:
        .asciz  "boot: no VectorOS directory"
