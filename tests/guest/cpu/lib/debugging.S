# debugging.S -- the debug registers, for subjects about them.
#
# Source: Intel SDM Vol. 3B, 17.2 "Debug Registers".

.set DR6_CLEAR, 0xffff0ff0
.set DR6_BS, 0x4000
.set DR6_BD, 0x2000
.set DR7_CLEAR, 0x400
.set DR7_GD, 0x2000
.set L0, 1
.set G0, 2
.set ON_WRITE, 1 << 16                  # R/W0 and LEN0
.set ON_PORT, 2 << 16
.set ON_ACCESS, 3 << 16
.set LEN_2, 1 << 18
.set LEN_4, 3 << 18
.set LEN_8, 2 << 18
.set NO_PORT, 0x1230

# The debug registers by EAX; N is 0 to 7.
.macro SET_DR number, value
        mov     eax, \value
        .byte   0x0f, 0x23, 0xc0 + \number * 8
.endm
.macro GET_DR number
        .byte   0x0f, 0x21, 0xc0 + \number * 8
.endm
.macro START_STEPS
        push    FL_TF | 2
        .byte   0x9d                    # popf
.endm
# SEE: the #DB, at MARK, and then DR6.
.macro SEE name, dr6
        HOME
see.\name:
        GET_DR  6
WANT VECTOR, 1
WANT ERROR, NONE
WANT RIP, 0
WANT_BITS HFLAGS, FL_TF | FL_RF, 0
WANT E1 + VECTOR, DONE
WANT E1 + RAX, DR6_CLEAR | \dr6
WANT COUNT, 2
.endm
