# far_returns.S -- far returns in protected mode: to the same ring and outwards, and what they refuse.
#
# Source: Intel SDM Vol. 2B, "RET", operation of far returns; Vol. 3A, 5.8.6 "Returning from a
# Called Procedure". What is refused is a table: tests/conformance/tables/far_returns.py.

SUBJECT far_returns

.set ABSENT_CODE, FREE_SEL
.set OUTER_C, FREE_SEL + 8
.set ABSENT_DATA, FREE_SEL + 0x10

# Absent code of ring 0, conforming code of DPL 3, absent data of DPL 3.
.macro DESCRIPTORS.32
        SEL_DESC ABSENT_CODE, 0xffff, 0x00cf1b00
        SEL_DESC OUTER_C, 0xffff, 0x00cfff00
        SEL_DESC ABSENT_DATA, 0xffff, 0x00cf7300
.endm
.macro DESCRIPTORS.64
        SEL_DESC ABSENT_CODE, 0xffff, 0x00af1b00
        SEL_DESC OUTER_C, 0xffff, 0x00afff00
        SEL_DESC ABSENT_DATA, 0xffff, 0x00cf7300
.endm
.macro IN.0.32
.endm
.macro IN.3.32
        TO_RING3_32 0
.endm
.macro IN.0.64
.endm
.macro IN.3.64
        TO_RING3_64 0
.endm
# RETURN.BITS SS, CS: a frame for LANDED, and the return.
.macro RETURN.32 ss, cs
        push    \ss
        push    STACK3_TOP
        push    \cs
        mov     eax, landed.32
        push    eax
        mov     ecx, esp
        MARK
        retf
.endm
.macro RETURN.64 ss, cs
        push    \ss
        push    STACK3_TOP
        push    \cs
        mov     eax, landed.64
        push    rax
        mov     ecx, esp
        MARK
        retfq
.endm
.code32
landed.32:
        mov     eax, cs
        mov     ebx, ss
        mov     edx, esp
        mov     esi, ds
        mov     edi, es
        HOME
.code64
landed.64:
        mov     eax, cs
        mov     ebx, ss
        mov     rdx, rsp
        mov     esi, ds
        mov     edi, es
        HOME

.macro GOOD name, bits, ss, cs, wants, at
CASE\bits \name.\bits
        DESCRIPTORS.\bits
        RETURN.\bits \ss, \cs
WANT RAX, \cs
WANT RBX, \wants
WANT RDX, \at
.endm
GOOD same, 32, 0, CODE32, DATA, STACK_TOP - 8
GOOD same, 64, 0, CODE64, DATA, STACK_TOP - 16
GOOD same.conforming, 32, 0, CODE32_C, DATA, STACK_TOP - 8
GOOD same.conforming, 64, 0, CODE64_C, DATA, STACK_TOP - 16
GOOD outer.3, 32, DATA_3, CODE32_3, DATA_3, STACK3_TOP
GOOD outer.3, 64, DATA_3, CODE64_3, DATA_3, STACK3_TOP
GOOD outer.1, 32, DATA_1, CODE32_1, DATA_1, STACK3_TOP
GOOD outer.1, 64, DATA_1, CODE64_1, DATA_1, STACK3_TOP
GOOD outer.conforming, 32, DATA_3, CODE32_C + 3, DATA_3, STACK3_TOP
GOOD outer.conforming, 64, DATA_3, CODE64_C + 3, DATA_3, STACK3_TOP
GOOD outer.null.ss, 64, 1, CODE64_1, 1, STACK3_TOP      # not to ring 3

# Outwards, what DS to GS may not be used for any more becomes null.
CASE32 outer.segments
        mov     eax, DATA_3
        mov     es, eax
        RETURN.32 DATA_3, CODE32_3
WANT RSI, 0
WANT RDI, DATA_3
CASE32 outer.segments.conforming        # conforming code does not
        mov     eax, CODE32_C
        mov     es, eax
        RETURN.32 DATA_3, CODE32_3
WANT RSI, 0
WANT RDI, CODE32_C
CASE64 outer.segments.64
        mov     eax, DATA_3
        mov     es, eax
        RETURN.64 DATA_3, CODE64_3
WANT RSI, 0
WANT RDI, DATA_3

# RET n: of the inner stack, then of the outer one.
CASE32 imm.same
        push    0x11
        push    0x22
        push    CODE32
        mov     eax, landed.32
        push    eax
        .byte   0xca, 8, 0
WANT RDX, STACK_TOP
CASE32 imm.outer
        push    DATA_3
        push    STACK3_TOP - 0x20
        push    0x11
        push    0x22
        push    CODE32_3
        mov     eax, landed.32
        push    eax
        .byte   0xca, 8, 0
WANT RDX, STACK3_TOP - 0x18
CASE64 imm.outer.64
        push    DATA_3
        push    STACK3_TOP - 0x20
        push    0x11
        push    CODE64_3
        mov     eax, landed.64
        push    rax
        .byte   0x48, 0xca, 8, 0
WANT RBX, DATA_3
WANT RDX, STACK3_TOP - 0x18
# Operands of 32 and 16 bits in other code.
CASE64 width.32
        sub     rsp, 8
        mov     dword ptr [rsp + 4], CODE64
        mov     eax, landed.64
        mov     [rsp], eax
        .byte   0xcb
WANT RAX, CODE64
WANT RDX, STACK_TOP
CASE64 width.to_compat
        push    CODE32
        mov     eax, landed.32
        push    rax
        retfq
WANT RAX, CODE32
WANT RBX, DATA
WANT_BITS RDX, 0xffffffff, STACK_TOP
CASE32 width.16
        SEL_DESC FREE_SEL, (ORIGIN & 0xffff) << 16 | 0xffff, 0x00409b00 | ORIGIN >> 16
        mov     eax, landed.32 - ORIGIN
        sub     esp, 4
        mov     [esp], ax
        mov     word ptr [esp + 2], FREE_SEL
        .byte   0x66, 0xcb
WANT RAX, FREE_SEL
WANT RDX, STACK_TOP
