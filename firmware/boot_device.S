# boot_device.S -- INT 19h: load the first sector of the first disk, and go there.
#
# Leaves in real mode at 0000:7c00, interrupts on, dl the disk, all other
# registers and segments zero, the stack below 7c00.
#
# Source: IBM PC/AT Technical Reference; BIOS Boot Specification 1.01.

.set FIRST_DISK,     0x80
.set SIGNATURE_AT,   BOOT_SECTOR + 510
.set SIGNATURE,      0xaa55

int_19:
        xor     ax, ax
        mov     ss, ax
        mov     sp, BOOT_SECTOR
        mov     ds, ax
        mov     es, ax
        sti
        mov     ax, 0x0201              # read one sector
        mov     bx, BOOT_SECTOR
        mov     cx, 0x0001              # cylinder 0, sector 1
        mov     dx, FIRST_DISK          # head 0
        int     0x13
        jc      int_18
        cmp     word ptr [SIGNATURE_AT], SIGNATURE
        jne     int_18
        mov     si, message_sector
        call    announce
        xor     eax, eax
        xor     ebx, ebx
        xor     ecx, ecx
        mov     edx, FIRST_DISK
        xor     esi, esi
        xor     edi, edi
        xor     ebp, ebp
        .byte   0xea                    # jmp 0000:7c00
        .word   BOOT_SECTOR, 0

# INT 18h: nothing to boot from.
int_18:
        mov     si, message_nothing
        call    announce
int_18_stop:
        sti
        hlt
        jmp     int_18_stop

message_sector:
        .asciz  "[boot] boot sector: read from disk 80h to 0000:7c00"
message_nothing:
        .asciz  "BIOS: no bootable disk"
