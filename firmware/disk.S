# disk.S -- read sectors of the disk that the BIOS has booted from.
#
# Assembles as 16-bit code. ds has base 0.
#
# Source: Phoenix, Enhanced Disk Drive Specification 1.1: INT 13h, AH=42h, and the
# disk address packet at ds:si.

.set READ_BLOCKS,    0x42

# read_sectors: read cx sectors (1 to 127) from sector eax on to es:di, from disk
# dl. Changes eax, si. Gives up on an error.
read_sectors:
        mov     [packet_sectors], cx
        mov     [packet_offset], di
        mov     [packet_segment], es
        mov     [packet_block], eax
        mov     si, packet
        mov     ah, READ_BLOCKS
        int     0x13
        mov     si, message_read_failed
        jc      give_up
        ret

packet:
        .byte   16, 0                   # its size
packet_sectors:
        .word   0
packet_offset:
        .word   0
packet_segment:
        .word   0
packet_block:
        .long   0, 0

message_read_failed:
        .asciz  "boot: cannot read the disk"
