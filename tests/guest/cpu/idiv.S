# idiv.S -- the one division by which a guest ends the process of an emulator that divides as it does.
#
# Source: Intel SDM Vol. 2A, "IDIV": #DE if the quotient does not fit.

SUBJECT idiv

.macro IDIV_LEAST                       # -2 ** 63 / -1
        mov     edx, 0x80000000
        mov     ecx, -1
        MARK
        idiv    ecx
.endm
FAULT least, NOTHING, IDIV_LEAST, 0, NONE, 0
FAULT_COMPAT least, NOTHING, IDIV_LEAST, 0, NONE, 0
