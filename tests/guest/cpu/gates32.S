# gates32.S -- INT n and exceptions through IDT gates in protected mode: types, 16-bit gates, DPL,
# code segments, and the inner stack from the TSS.
#
# Source: Intel SDM Vol. 2A, "INT n/INTO/INT3/INT1", PROTECTED-MODE part of its operation;
# Vol. 3A, 6.11 "IDT Descriptors", 6.12.1 "Exception- or Interrupt-Handler Procedures".

SUBJECT gates32

.set VEC, 0x40
.set REFUSED, VEC * 8 + 2
.set ABSENT_SEL, FREE_SEL + 8

# Types that no IDT may hold: #GP(vector * 8 + 2). Task gates: see tasks.S.
.macro TYPE_BAD type
CASE32 type.\type
        GATE32_TYPE VEC, 0x\type
        MARK
        int     VEC
WANT VECTOR, 13
WANT ERROR, REFUSED
WANT RIP, 0
.endm
TYPE_BAD 80
TYPE_BAD 81
TYPE_BAD 82
TYPE_BAD 83
TYPE_BAD 84
TYPE_BAD 88
TYPE_BAD 89
TYPE_BAD 8a
TYPE_BAD 8b
TYPE_BAD 8c
TYPE_BAD 8d
TYPE_BAD 92
TYPE_BAD 9e

# 32-bit gates.
.macro TYPE_32 type, flag
CASE32 type.\type
        sti
        GATE32_TYPE VEC, 0x\type
        MARK
        int     VEC
WANT VECTOR, VEC
WANT ERROR, NONE
WANT RIP, 2
WANT CS, CODE32
WANT RSP, STACK_TOP
WANT_BITS RFLAGS, FL_IF | FL_RF, FL_IF
WANT_BITS HFLAGS, FL_IF, \flag
.endm
TYPE_32 8e, 0
TYPE_32 8f, FL_IF

# 16-bit gates push words: the upper halves of EFLAGS and ESP are lost.
.macro GATE_16 vector, access
        GATE32_TO \vector, STUBS16 + (\vector) * 16
        GATE32_TYPE \vector, \access
.endm
.macro TYPE_16 type, flag
CASE32 type.\type
        GATE_16 VEC, 0x\type
        push    FL_AC | FL_IF | FL_CF | 2
        popfd
        int     VEC
WANT VECTOR, VEC
WANT ERROR, NONE
WANT CS, CODE32
WANT RSP, STACK_TOP
WANT FRAME, STACK_TOP
WANT RFLAGS, FL_IF | FL_CF | 2
WANT_BITS HFLAGS, FL_IF | FL_AC, \flag | FL_AC
.endm
TYPE_16 86, 0
TYPE_16 87, FL_IF
CASE32 gate16.ring3
        GATE_16 VEC, 0xe6
        TO_RING3_32 0
        int     VEC
WANT VECTOR, VEC
WANT CS, CODE32_3
WANT SS, DATA_3
WANT RSP, STACK3_TOP
WANT FRAME, RSP0_TOP
CASE32 gate16.error
        GATE_16 13, 0x86
        mov     eax, TSS32_SEL
        mov     ds, eax
WANT VECTOR, 13
WANT ERROR, TSS32_SEL
WANT FRAME, STACK_TOP
CASE32 gate16.error.ring3
        GATE_16 13, 0x86
        TO_RING3_32 0
        mov     eax, TSS32_SEL
        mov     ds, eax
WANT VECTOR, 13
WANT ERROR, TSS32_SEL
WANT RSP, STACK3_TOP
WANT FRAME, RSP0_TOP

# Not present: #NP(vector * 8 + 2 + EXT), behind the test of DPL.
CASE32 absent.int
        GATE32_TYPE VEC, 0x0e
        MARK
        int     VEC
WANT VECTOR, 11
WANT ERROR, REFUSED
WANT RIP, 0
CASE32 absent.gate16
        GATE32_TYPE VEC, 0x06
        int     VEC
WANT VECTOR, 11
WANT ERROR, REFUSED
CASE32 absent.dpl
        GATE32_TYPE VEC, 0x0e
        TO_RING3_32 0
        int     VEC
WANT VECTOR, 13
WANT ERROR, REFUSED
CASE32 absent.bp
        GATE32_TYPE 3, 0x0e
        int3
WANT VECTOR, 11
WANT ERROR, 3 * 8 + 2
CASE32 absent.into
        GATE32_TYPE 4, 0x0e
        mov     al, 0x7f
        inc     al
        .byte   0xce
WANT VECTOR, 11
WANT ERROR, 4 * 8 + 2
CASE32 absent.ud
        GATE32_TYPE 6, 0x0e
        MARK
        ud2
WANT VECTOR, 11
WANT ERROR, 6 * 8 + 3
WANT RIP, 0
CASE32 limit
        mov     word ptr [SCRATCH], VEC * 8 + 6
        mov     dword ptr [SCRATCH + 2], IDT
        lidt    [SCRATCH]
        int     VEC
WANT VECTOR, 13
WANT ERROR, REFUSED
CASE32 limit.last
        mov     word ptr [SCRATCH], VEC * 8 + 7
        mov     dword ptr [SCRATCH + 2], IDT
        lidt    [SCRATCH]
        int     VEC
WANT VECTOR, VEC

# DPL against CPL, for INT n only.
.macro TO_RING0
.endm
.macro TO_RING1
        mov     eax, DATA_1
        mov     ds, eax
        push    DATA_1
        push    STACK3_TOP
        push    0x1002                  # IOPL 1
        push    CODE32_1
        mov     eax, ring1.\@
        push    eax
        iretd
ring1.\@:
.endm
.macro TO_RING3
        TO_RING3_32 0
.endm
.macro DPL_CASE ring, dpl, vector, error
CASE32 dpl.int.ring\ring.gate\dpl
        GATE32_TYPE VEC, 0x8e + \dpl * 0x20
        TO_RING\ring
        int     VEC
WANT VECTOR, \vector
WANT ERROR, \error
.endm
DPL_CASE 0, 0, VEC, NONE
DPL_CASE 0, 3, VEC, NONE
DPL_CASE 1, 0, 13, REFUSED
DPL_CASE 1, 1, VEC, NONE
DPL_CASE 1, 2, VEC, NONE
DPL_CASE 3, 0, 13, REFUSED
DPL_CASE 3, 1, 13, REFUSED
DPL_CASE 3, 2, 13, REFUSED
DPL_CASE 3, 3, VEC, NONE
CASE32 dpl.bp.ring3
        TO_RING3_32 0
        MARK
        int3
WANT VECTOR, 13
WANT ERROR, 3 * 8 + 2
WANT RIP, 0
CASE32 dpl.into.ring3
        TO_RING3_32 0
        mov     al, 0x7f
        inc     al
        MARK
        .byte   0xce
WANT VECTOR, 13
WANT ERROR, 4 * 8 + 2
WANT RIP, 0
CASE32 dpl.bound.ring3                  # an exception
        TO_RING3_32 0
        mov     eax, 9
        .byte   0x62, 0x05
        .long   gates32_bounds
WANT VECTOR, 5

# The gate's selector.
.macro SELECTOR_CASE name, selector, vector, error
CASE32 selector.\name
        GATE32_SEL VEC, \selector
        MARK
        int     VEC
WANT VECTOR, \vector
WANT ERROR, \error
WANT RIP, 0
.endm
SELECTOR_CASE null, 0, 13, 0
SELECTOR_CASE limit, 0x1000, 13, 0x1000
SELECTOR_CASE ldt, CODE32 + 4, 13, CODE32 + 4
SELECTOR_CASE data, DATA, 13, DATA
SELECTOR_CASE tss, TSS32_SEL, 13, TSS32_SEL
SELECTOR_CASE outer, CODE32_3, 13, CODE32_3 - 3
CASE32 selector.rpl3
        GATE32_SEL VEC, CODE32 + 3
        int     VEC
WANT VECTOR, VEC
WANT HCS, CODE32
CASE32 selector.absent
        SEL_DESC FREE_SEL, 0x0000ffff, 0x00cf1b00
        GATE32_SEL VEC, FREE_SEL
        int     VEC
WANT VECTOR, 11
WANT ERROR, FREE_SEL
CASE32 selector.data.ud
        GATE32_SEL 6, DATA
        ud2
WANT VECTOR, 13
WANT ERROR, DATA + 1

# Where the handler runs.
CASE32 ring.conforming.3
        GATE32_TYPE VEC, 0xee
        GATE32_SEL VEC, CODE32_C
        GATE32_TO VEC, conforming32
        TO_RING3_32 0
        int     VEC
conforming32:
        mov     eax, cs
        mov     ebx, ss
        mov     ecx, esp
        HOME
WANT RAX, CODE32_C + 3
WANT RBX, DATA_3
WANT RCX, STACK3_TOP - 12               # no stack switch
CASE32 ring.3.to.1
        GATE32_TYPE VEC, 0xee
        GATE32_SEL VEC, CODE32_1
        GATE32_TO VEC, in_ring1_32
        TO_RING3_32 0
        int     VEC
in_ring1_32:
        mov     eax, cs
        mov     ebx, ss
        mov     ecx, esp
        HOME
WANT RAX, CODE32_1
WANT RBX, DATA_1
WANT RCX, STACK1_TOP - 20
WANT FRAME, RSP0_TOP
CASE32 ring.1.to.0
        TO_RING1
        int     DONE
WANT CS, CODE32_1
WANT SS, DATA_1
WANT FRAME, RSP0_TOP

# Flags in the handler.
CASE32 flags
        push    FL_NT | FL_AC | FL_DF | FL_OF | FL_CF | FL_IOPL | FL_IF | 2
        popfd
        int     VEC
WANT VECTOR, VEC
WANT RFLAGS, FL_NT | FL_AC | FL_DF | FL_OF | FL_CF | FL_IOPL | FL_IF | 2
WANT HFLAGS, FL_AC | FL_DF | FL_OF | FL_CF | FL_IOPL | 2

# SS of the inner ring: #TS(selector + EXT), #SS if it is not present.
.macro STACK_CASE name, ss, vector, error
CASE32 stack.\name
        SEL_DESC ABSENT_SEL, 0x0000ffff, 0x00cf1300
        mov     word ptr [TSS32 + 8], \ss
        GATE32_SEL 10, CODE32_C         # #TS and #SS must not need that stack
        GATE32_SEL 12, CODE32_C
        GATE32_TO 10, stack_ts
        GATE32_TO 12, stack_ss
        TO_RING3_32 0
        ud2
WANT RCX, \vector
WANT RAX, \error
.endm
.macro STACK_INT name, ss, vector, error
CASE32 stack.int.\name
        GATE32_TYPE VEC, 0xee
        SEL_DESC ABSENT_SEL, 0x0000ffff, 0x00cf1300
        mov     word ptr [TSS32 + 8], \ss
        GATE32_SEL 10, CODE32_C
        GATE32_SEL 12, CODE32_C
        GATE32_TO 10, stack_ts
        GATE32_TO 12, stack_ss
        TO_RING3_32 0
        int     VEC
WANT RCX, \vector
WANT RAX, \error
.endm
# Handlers in ring 3: the error code in eax. They mend the TSS to go home.
stack_ts:
        pop     eax
        mov     ecx, 10
        jmp     stack_home
stack_ss:
        pop     eax
        mov     ecx, 12
stack_home:
        mov     word ptr [TSS32 + 8], DATA
        HOME
STACK_CASE null, 0, 10, 1
STACK_CASE rpl, DATA + 3, 10, DATA + 1
STACK_CASE dpl, DATA_3 - 3, 10, DATA_3 - 3 + 1
STACK_CASE code, CODE32, 10, CODE32 + 1
STACK_CASE limit, 0x1000, 10, 0x1001
STACK_CASE absent, ABSENT_SEL, 12, ABSENT_SEL + 1
STACK_INT null, 0, 10, 0
STACK_INT dpl, DATA_3 - 3, 10, DATA_3 - 3
.section names
.balign 4
gates32_bounds: .long 0, 5
.section text
