# exceptions.S -- every exception by its most ordinary cause: vector, error code, pushed frame.
#
# Source: Intel SDM Vol. 3A, 6.15 "Exception and Interrupt Reference".

SUBJECT exceptions

# #UD: a fault without an error code; RF is set in the pushed image (6.15, 17.3.1.1).
CASE64 ud.ring0
        ud2
WANT VECTOR, 6
WANT ERROR, NONE
WANT RIP, 0
WANT CS, CODE64
WANT RSP, STACK_TOP
WANT_BITS RFLAGS, FL_RF | FL_IF, FL_RF

CASE64 ud.ring3
        TO_RING3_64 FL_IF
        MARK
        ud2
WANT VECTOR, 6
WANT ERROR, NONE
WANT RIP, 0
WANT CS, CODE64_3
WANT SS, DATA_3
WANT RSP, STACK3_TOP
WANT FRAME, RSP0_TOP
WANT HSS, 0
WANT_BITS RFLAGS, FL_RF | FL_IF, FL_RF | FL_IF
WANT_BITS HFLAGS, FL_RF | FL_IF, 0

CASE64 resumed
        RESUME64 resumed.next
        ud2
resumed.next:
        mov     ebx, 5
        HOME
WANT COUNT, 2
WANT VECTOR, 6
WANT E1 + VECTOR, DONE
WANT E1 + RBX, 5

CASE32 ud.32.ring0
        ud2
WANT VECTOR, 6
WANT ERROR, NONE
WANT RIP, 0
WANT CS, CODE32
WANT RSP, STACK_TOP

CASE32 ud.32.ring3
        TO_RING3_32 0
        MARK
        ud2
WANT VECTOR, 6
WANT ERROR, NONE
WANT RIP, 0
WANT CS, CODE32_3
WANT SS, DATA_3
WANT RSP, STACK3_TOP
WANT FRAME, RSP0_TOP

CASE16 bp.16
        int3
WANT VECTOR, 3
WANT RIP, 1

CASE_REAL ud.real
        ud2
WANT VECTOR, 6
WANT RIP, 0
WANT CS, ORIGIN / 16

CASE32 ud.v86
        TO_V86 0
        MARK
        ud2
WANT VECTOR, 6
WANT RIP, 0
WANT CS, ORIGIN / 16

CASE64 triple
        lidt    [rip + idtr_none]
        ud2
WANT VECTOR, SHUTDOWN

CASE64 np.gate
        GATE64_TYPE 0x40, 0x0e
        MARK
        int     0x40
WANT VECTOR, 11
WANT ERROR, 0x40 * 8 + 2
WANT RIP, 0

.section names
idtr_none:
        .word 0
        .quad 0
