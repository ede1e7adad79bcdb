# boot_sector.S -- the first sector of the disk: load stage 2 and go there.
#
# Entered in real mode at 0000:7c00 (some BIOSes: 07c0:0000) with nothing else
# known, as on every PC. No BIOS service is used, so none need exist. Leaves to
# stage 2 in real mode, interrupts off, ds = es = ss = 0, the stack below 7c00,
# and the first sector of the directory at DIRECTORY.
#
# Physical memory used:
#   DIRECTORY  0x0600  the first sector of the image's directory (sector 1)
#              0x7c00  this file; the stack grows down from here
#   stage 2    where its directory entry says, below 64 KiB; it is entry 0
#
# It must fit in 446 bytes, because the partition table comes after; the image
# builder adds the table and the signature 55 aa.

.set UART_STEPS, 7              # rows of uart_setup

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
        mov     si, uart_setup
        mov     cx, UART_STEPS
boot_uart:
        lodsw                           # al register, ah value
        xor     dx, dx
        mov     dl, al
        add     dx, PORT_COM1
        mov     al, ah
        out     dx, al
        loop    boot_uart

        mov     si, message_real_mode
        call    say

        mov     eax, DIRECTORY_SECTOR
        mov     edi, DIRECTORY
        mov     bl, 1
        call    read_sectors
        mov     si, message_no_directory
        cmp     dword ptr [DIRECTORY + HEADER_MAGIC], MAGIC_LOW
        jne     give_up
        cmp     dword ptr [DIRECTORY + HEADER_MAGIC + 4], MAGIC_HIGH
        jne     give_up

        .set    STAGE2, DIRECTORY + HEADER_SIZE         # entry 0
        mov     ebx, [STAGE2 + ENTRY_LENGTH]
        add     ebx, SECTOR - 1
        shr     ebx, 9                  # bytes to sectors; the builder keeps it below 128
        mov     eax, [STAGE2 + ENTRY_LBA]
        mov     edi, [STAGE2 + ENTRY_LOAD]
        call    read_sectors
        mov     si, message_stage2
        call    say
        jmp     word ptr [STAGE2 + ENTRY_LOAD]

uart_setup:                             # register, value
        .byte   UART_IER, 0             # no interrupts yet
        .byte   UART_LCR, 0x80          # the next two are the divisor latch
        .byte   UART_DATA, 1            # 1.8432 MHz / 16 / 1 = 115200 baud
        .byte   UART_IER, 0
        .byte   UART_LCR, 3             # 8 bits, no parity, 1 stop bit
        .byte   UART_FCR, 7             # FIFOs on and empty
        .byte   UART_MCR, MCR_DTR_RTS

message_real_mode:
        .asciz  "[boot] real mode: boot sector at 0000:7c00"
message_stage2:
        .asciz  "[boot] stage 2: read from disk"
message_no_directory:
        .asciz  "boot: no VectorOS directory"
