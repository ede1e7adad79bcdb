# invalid_opcodes.S -- encodings that raise #UD: undefined ones, those that 64-bit mode has dropped,
# LOCK where it may not be, and those for which a feature is off.
#
# The cases are rows of tests/conformance/tables/invalid_opcodes.py.

SUBJECT invalid_opcodes

# 6.15 "Interrupt 13": more than 15 bytes of instruction are #GP(0), not #UD.
.macro SIXTEEN_BYTES
        MARK
        .byte   0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e
        .byte   0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x90
.endm
.macro FIFTEEN_BYTES
        .byte   0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e
        .byte   0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x90
        MARK
        ud2
.endm
FAULT length.16, NOTHING, SIXTEEN_BYTES, 13, 0, 0
FAULT length.15, NOTHING, FIFTEEN_BYTES, 6, NONE, 0

.macro DEBUG_EXTENSIONS                 # CR4.DE: DR4 and DR5 are no aliases any more
        .byte   0x0f, 0x20, 0xe0        # mov eax, cr4; or al, 8; mov cr4, eax
        or      al, 8
        .byte   0x0f, 0x22, 0xe0
.endm

# RING0: as FAULT, but for ring 3.
.macro RING0 name, setup, body, vector, error, rip
CASE64 \name.64.ring0
        \setup
        \body
WANT_FRAME \vector, \error, \rip, CODE64, DATA, STACK_TOP, STACK_TOP, DATA
CASE32 \name.32.ring0
        \setup
        \body
WANT_FRAME \vector, \error, \rip, CODE32, DATA, STACK_TOP, STACK_TOP, DATA
.endm
