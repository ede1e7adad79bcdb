# ata.S -- read sectors of the first disk, by programmed input and polling.
#
# Assembles as 16-bit or as 32-bit code. ds has base 0. Interrupts off; the drive
# is told to raise none, for there is nobody to take them.
#
# Source: ATA/ATAPI-6 (T13/1410D), "READ SECTOR(S)" and "PIO data-in command
# protocol". 28-bit block addresses: the first 128 GiB of a disk.

.set ATA_DATA,       PORT_ATA + 0       # 16 bits wide
.set ATA_COUNT,      PORT_ATA + 2       # sectors; then LBA low, middle and high, device
.set ATA_COMMAND,    PORT_ATA + 7       # read: status
.set DEVICE_LBA,     0xe0               # drive 0, addresses are blocks and not cylinders
.set READ_SECTORS,   0x20
.set CONTROL_NIEN,   1 << 1             # no interrupts
.set STATUS_ERR,     1 << 0
.set STATUS_DRQ,     1 << 3             # a sector is ready
.set STATUS_DF,      1 << 5             # drive fault
.set STATUS_BSY,     1 << 7             # no other bit counts
.set STATUS_NONE,    0xff               # no drive: nothing answers at the port

# read_sectors: read bl sectors (1 to 255) from sector eax on to es:edi.
# Changes eax, bl, ecx, dx; edi ends after the last byte. Gives up on an error.
read_sectors:
        mov     ecx, eax
        mov     dx, PORT_ATA_CONTROL
        mov     al, CONTROL_NIEN
        out     dx, al
        mov     dx, ATA_COUNT
        mov     al, bl
        out     dx, al
        mov     eax, ecx
        inc     dx                      # LBA low
        out     dx, al
        shr     eax, 8
        inc     dx                      # LBA middle
        out     dx, al
        shr     eax, 8
        inc     dx                      # LBA high
        out     dx, al
        shr     eax, 8
        or      al, DEVICE_LBA
        inc     dx                      # device, and LBA bits 24-27
        out     dx, al
        inc     dx                      # command
        mov     al, READ_SECTORS
        out     dx, al

        # A drive may take 400 ns to show that it is busy. A read of the
        # alternate status takes 100, and acknowledges nothing.
        mov     dx, PORT_ATA_CONTROL
        mov     ecx, 4
read_settle:
        in      al, dx
        loop    read_settle

read_next:
        mov     dx, ATA_COMMAND
read_wait:
        in      al, dx
        cmp     al, STATUS_NONE
        je      read_failed
        test    al, STATUS_BSY
        jnz     read_wait
        test    al, STATUS_ERR | STATUS_DF
        jnz     read_failed
        test    al, STATUS_DRQ
        jz      read_wait
        mov     dx, ATA_DATA
        mov     ecx, SECTOR / 2
        rep     insw
        dec     bl
        jnz     read_next
        ret
read_failed:
        mov     esi, message_read_failed
        jmp     give_up

message_read_failed:
        .asciz  "boot: cannot read the disk"
