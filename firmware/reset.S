# reset.S -- the reset vector: the last 16 bytes of the ROM, at the top of 4 GiB.
#
# Entered at FFFFFFF0, in real mode with a CS whose base is FFFF0000 until it is
# loaded for the first time (Intel SDM Vol. 3A, "First Instruction Executed").
# The jump loads it, and so goes on in the copy of the ROM that the board has put
# at F0000, below 1 MiB, where real-mode code can be and stay.
#
# Assembled at FFF0. Source of the last bytes: IBM PC/AT Technical Reference.

.code16
reset:
        .byte   0xea                    # jmp BIOS_SEGMENT:post
        .word   BIOS_ENTRY, BIOS_SEGMENT
        .ascii  "11/21/26"              # date of this BIOS
        .byte   0
        .byte   0xfc                    # model: PC/AT
        .byte   0
