# gates64.S -- INT n and exceptions through IDT gates in long mode: types, DPL, present bit,
# code segments, and what a handler finds in RFLAGS.
#
# Source: Intel SDM Vol. 2A, "INT n/INTO/INT3/INT1", IA-32e-MODE part of its operation;
# Vol. 3A, 6.14 "Exception and Interrupt Handling in 64-bit Mode" and 6.13 "Error Code".

SUBJECT gates64

.set VEC, 0x40

# Types. In long mode 64-bit interrupt and trap gates only; the rest is #GP(vector * 8 + 2).
.macro TYPE_BAD type
CASE64 type.\type
        GATE64_TYPE VEC, 0x\type
        MARK
        int     VEC
WANT VECTOR, 13
WANT ERROR, VEC * 8 + 2
WANT RIP, 0
.endm
TYPE_BAD 80
TYPE_BAD 81
TYPE_BAD 82
TYPE_BAD 83
TYPE_BAD 84
TYPE_BAD 85
TYPE_BAD 86
TYPE_BAD 87
TYPE_BAD 88
TYPE_BAD 89
TYPE_BAD 8a
TYPE_BAD 8b
TYPE_BAD 8c
TYPE_BAD 8d
TYPE_BAD 92
TYPE_BAD 9a
TYPE_BAD 9e

CASE64 type.8e
        sti
        GATE64_TYPE VEC, 0x8e
        MARK
        int     VEC
WANT VECTOR, VEC
WANT ERROR, NONE
WANT RIP, 2
WANT_BITS RFLAGS, FL_IF | FL_RF, FL_IF
WANT_BITS HFLAGS, FL_IF | FL_RF, 0
CASE64 type.8f
        sti
        GATE64_TYPE VEC, 0x8f
        MARK
        int     VEC
WANT VECTOR, VEC
WANT ERROR, NONE
WANT RIP, 2
WANT_BITS RFLAGS, FL_IF, FL_IF
WANT_BITS HFLAGS, FL_IF, FL_IF

# A gate that is not present: #NP(vector * 8 + 2); the DPL comes first.
CASE64 absent.int
        GATE64_TYPE VEC, 0x0e
        MARK
        int     VEC
WANT VECTOR, 11
WANT ERROR, VEC * 8 + 2
WANT RIP, 0
CASE64 absent.int.ring3
        GATE64_TYPE VEC, 0x6e
        TO_RING3_64 0
        MARK
        int     VEC
WANT VECTOR, 11
WANT ERROR, VEC * 8 + 2
WANT RIP, 0
CASE64 absent.dpl
        GATE64_TYPE VEC, 0x0e
        TO_RING3_64 0
        int     VEC
WANT VECTOR, 13
WANT ERROR, VEC * 8 + 2
CASE64 absent.bp
        GATE64_TYPE 3, 0x0e
        MARK
        int3
WANT VECTOR, 11
WANT ERROR, 3 * 8 + 2
WANT RIP, 0
# An exception in whose place another comes is an external event to that: EXT, bit 0.
CASE64 absent.ud
        GATE64_TYPE 6, 0x0e
        MARK
        ud2
WANT VECTOR, 11
WANT ERROR, 6 * 8 + 3
WANT RIP, 0

# The IDT's limit.
CASE64 limit
        mov     eax, SCRATCH
        mov     word ptr [rax], VEC * 16 + 14
        mov     dword ptr [rax + 2], IDT
        mov     dword ptr [rax + 6], 0
        lidt    [rax]
        MARK
        int     VEC
        HOME
WANT VECTOR, 13
WANT ERROR, VEC * 8 + 2
WANT RIP, 0
CASE64 limit.last
        mov     eax, SCRATCH
        mov     word ptr [rax], VEC * 16 + 15
        mov     dword ptr [rax + 2], IDT
        mov     dword ptr [rax + 6], 0
        lidt    [rax]
        int     VEC
WANT VECTOR, VEC

# DPL: INT n asks for a gate that is not more privileged than it; exceptions do not.
.macro DPL_CASE ring, dpl, vector, error
CASE64 dpl.int.ring\ring.gate\dpl
        GATE64_TYPE VEC, 0x8e + \dpl * 0x20
        TO_RING\ring
        MARK
        int     VEC
WANT VECTOR, \vector
WANT ERROR, \error
.endm
.macro TO_RING0
.endm
.macro TO_RING1
        push    DATA_1
        push    STACK3_TOP
        push    0x1002                  # IOPL 1
        push    CODE64_1
        lea     rax, [rip + ring1.\@]
        push    rax
        iretq
ring1.\@:
.endm
.macro TO_RING3
        TO_RING3_64 0
.endm
.set REFUSED, VEC * 8 + 2
DPL_CASE 0, 0, VEC, NONE
DPL_CASE 0, 1, VEC, NONE
DPL_CASE 0, 3, VEC, NONE
DPL_CASE 1, 0, 13, REFUSED
DPL_CASE 1, 1, VEC, NONE
DPL_CASE 1, 2, VEC, NONE
DPL_CASE 3, 0, 13, REFUSED
DPL_CASE 3, 1, 13, REFUSED
DPL_CASE 3, 2, 13, REFUSED
DPL_CASE 3, 3, VEC, NONE
CASE64 dpl.bp.ring3
        TO_RING3_64 0
        MARK
        int3
WANT VECTOR, 13
WANT ERROR, 3 * 8 + 2
WANT RIP, 0
CASE64 dpl.ud.ring3
        TO_RING3_64 0
        ud2
WANT VECTOR, 6
CASE64 dpl.compat
        TO_COMPAT_64 CODE32_3, DATA_3, 0
        MARK
        int     VEC
WANT VECTOR, 13
WANT ERROR, REFUSED
WANT RIP, 0

# INT n pushes no error code, even where the exception of that vector has one.
.macro INT_CASE vector
CASE64 int.\vector
        sti
        MARK
        int     \vector
WANT VECTOR, \vector
WANT ERROR, NONE
WANT RIP, 2
WANT CS, CODE64
WANT SS, DATA
WANT RSP, STACK_TOP
WANT_BITS RFLAGS, FL_RF | FL_IF, FL_IF
.endm
INT_CASE 0
INT_CASE 1
INT_CASE 2
INT_CASE 3
INT_CASE 4
INT_CASE 6
INT_CASE 8
INT_CASE 10
INT_CASE 13
INT_CASE 14
INT_CASE 17
INT_CASE 18
INT_CASE 31
INT_CASE 32
INT_CASE 255

# The gate's selector: #GP and #NP with it as error code, RPL left out; null is #GP(0).
.macro SELECTOR_CASE name, selector, vector, error
CASE64 selector.\name
        GATE64_SEL VEC, \selector
        MARK
        int     VEC
WANT VECTOR, \vector
WANT ERROR, \error
WANT RIP, 0
.endm
SELECTOR_CASE null, 0, 13, 0
SELECTOR_CASE null.rpl3, 3, 13, 0
SELECTOR_CASE limit, 0x1000, 13, 0x1000
SELECTOR_CASE ldt, CODE64 + 4, 13, CODE64 + 4
SELECTOR_CASE data, DATA, 13, DATA
SELECTOR_CASE tss, TSS64_SEL, 13, TSS64_SEL
SELECTOR_CASE code32, CODE32, 13, CODE32
SELECTOR_CASE code16, CODE16, 13, CODE16
SELECTOR_CASE outer, CODE64_3, 13, CODE64_3 - 3
SELECTOR_CASE empty, FREE_SEL, 13, FREE_SEL
CASE64 selector.rpl3                    # RPL does not matter
        GATE64_SEL VEC, CODE64 + 3
        int     VEC
WANT VECTOR, VEC
WANT ERROR, NONE
CASE64 selector.absent
        SEL_DESC FREE_SEL, 0x0000ffff, 0x00af1b00
        GATE64_SEL VEC, FREE_SEL
        MARK
        int     VEC
WANT VECTOR, 11
WANT ERROR, FREE_SEL
WANT RIP, 0
CASE64 selector.l.and.d
        SEL_DESC FREE_SEL, 0x0000ffff, 0x00ef9b00
        GATE64_SEL VEC, FREE_SEL
        MARK
        int     VEC
WANT VECTOR, 13
WANT ERROR, FREE_SEL
WANT RIP, 0
CASE64 selector.null.ud
        GATE64_SEL 6, 0
        ud2
WANT VECTOR, 13
WANT ERROR, 1
CASE64 selector.data.ud
        GATE64_SEL 6, DATA
        ud2
WANT VECTOR, 13
WANT ERROR, DATA + 1

# Where the handler runs: at the DPL of its segment, or at the caller's if that conforms.
CASE64 ring.conforming.3
        GATE64_TYPE VEC, 0xee
        GATE64_SEL VEC, CODE64_C
        GATE64_TO VEC, conforming
        TO_RING3_64 0
        int     VEC
conforming:
        mov     eax, cs
        mov     ebx, ss
        mov     rcx, rsp
        HOME
WANT CS, CODE64_C + 3
WANT SS, DATA_3
WANT RAX, CODE64_C + 3
WANT RBX, DATA_3
WANT RCX, STACK3_TOP - 40
CASE64 ring.3.to.1
        GATE64_TYPE VEC, 0xee
        GATE64_SEL VEC, CODE64_1
        GATE64_TO VEC, in_ring1
        TO_RING3_64 0
        int     VEC
in_ring1:
        mov     eax, cs
        mov     ebx, ss
        mov     rcx, rsp
        HOME
WANT RAX, CODE64_1
WANT RBX, 1                             # null, with the new CPL
WANT RCX, STACK1_TOP - 40
WANT CS, CODE64_1
WANT SS, 1
WANT FRAME, RSP0_TOP
CASE64 ring.1.to.0
        TO_RING1
        int     DONE
WANT CS, CODE64_1
WANT SS, DATA_1
WANT HSS, 0
WANT FRAME, RSP0_TOP

# Flags in the handler: TF, NT and RF are cleared, IF as the gate's type says, the rest stays.
CASE64 flags
        push    FL_NT | FL_AC | FL_DF | FL_OF | FL_CF | FL_IOPL | FL_IF | 2
        popfq
        int     VEC
WANT VECTOR, VEC
WANT RFLAGS, FL_NT | FL_AC | FL_DF | FL_OF | FL_CF | FL_IOPL | FL_IF | 2
WANT HFLAGS, FL_AC | FL_DF | FL_OF | FL_CF | FL_IOPL | 2
CASE64 flags.tf
        push    FL_TF | 2
        popfq
        int     VEC                     # no single step behind it, nor in the handler
WANT VECTOR, VEC
WANT_BITS RFLAGS, FL_TF, FL_TF
WANT_BITS HFLAGS, FL_TF, 0

# The frame always has SS and RSP, also from compatibility mode.
CASE64 compat.ring0
        push    DATA
        push    STACK3_TOP - 4
        push    2
        push    CODE32
        lea     rax, [rip + compat_ring0]
        push    rax
        iretq
.code32
compat_ring0:
        MARK
        int     VEC
WANT VECTOR, VEC
WANT RIP, 2
WANT CS, CODE32
WANT SS, DATA
WANT RSP, STACK3_TOP - 4
WANT FRAME, STACK3_TOP - 16
