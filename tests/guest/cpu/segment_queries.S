# segment_queries.S -- VERR, VERW, LAR, LSL and ARPL: what they say of selectors.
#
# Source: Intel SDM Vol. 2, "VERR/VERW", "LAR", "LSL" and "ARPL". Descriptors are a table:
# tests/conformance/tables/segment_queries.py.

SUBJECT segment_queries

.set OLD, 0x5a5a5a5a

# QUERY: all four of the selector in EAX. ECX and EDX from LAR and LSL, EBX: their ZF.
.macro QUERY
        mov     ecx, OLD
        mov     edx, OLD
        xor     ebx, ebx
        .byte   0x0f, 0x00, 0xe0        # verr ax
        setz    bl
        .byte   0x0f, 0x00, 0xe8        # verw ax
        setz    bh
        .byte   0x0f, 0x02, 0xc8        # lar ecx, eax
        mov     esi, 0
        mov     edi, 0
        setz    al
        movzx   esi, al
        mov     eax, ebp
        .byte   0x0f, 0x03, 0xd0        # lsl edx, eax
        setz    al
        movzx   edi, al
.endm
# IN.RING.BITS: go on in that ring.
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
# ASK RING, BITS, SELECTOR, ZF of VERR, of VERW, of LAR, of LSL.
.macro ASK ring, bits, selector, verr, verw, lar, lsl
        IN.\ring.\bits
        mov     eax, \selector
        mov     ebp, eax
        QUERY
WANT RBX, \verr | \verw << 8
WANT RSI, \lar
WANT RDI, \lsl
.endm

# Selectors that name nothing: no exception, ZF = 0.
.macro NOTHING_CASE bits, name, selector
CASE\bits nothing.\name.\bits
        ASK     0, \bits, \selector, 0, 0, 0, 0
WANT RCX, OLD
WANT RDX, OLD
.endm
NOTHING_CASE 32, null, 0
NOTHING_CASE 32, null.rpl3, 3
NOTHING_CASE 32, limit, 0x100
NOTHING_CASE 32, ldt, 0x0c
NOTHING_CASE 64, null, 0
NOTHING_CASE 64, null.rpl3, 3
NOTHING_CASE 64, limit, 0x100
NOTHING_CASE 64, ldt, 0x0c

# With operands of 16 bits only those are written.
CASE32 word
        SEL_DESC FREE_SEL, 0x12345678, 0x00c8f300
        mov     eax, FREE_SEL
        mov     ecx, OLD
        mov     edx, OLD
        .byte   0x66, 0x0f, 0x02, 0xc8  # lar cx, ax
        .byte   0x66, 0x0f, 0x03, 0xd0  # lsl dx, ax
WANT RCX, 0x5a5af300
WANT RDX, 0x5a5a8fff                    # of 85678fffh
CASE64 word.64
        SEL_DESC FREE_SEL, 0x12345678, 0x00c8f300
        mov     eax, FREE_SEL
        mov     ecx, OLD
        mov     edx, OLD
        .byte   0x66, 0x0f, 0x02, 0xc8
        .byte   0x66, 0x0f, 0x03, 0xd0
WANT RCX, 0x5a5af300
WANT RDX, 0x5a5a8fff                    # of 85678fffh
CASE64 wide                             # REX.W: the upper half is zero
        SEL_DESC FREE_SEL, 0x12345678, 0x00c8f300
        mov     eax, FREE_SEL
        mov     rcx, -1
        mov     rdx, -1
        .byte   0x48, 0x0f, 0x02, 0xc8
        .byte   0x48, 0x0f, 0x03, 0xd0
WANT_BITS RCX, 0xfffffffffff0ffff, 0xc0f300
WANT RDX, 0x85678fff

# The selector's source is 16 bits of a register.
CASE32 selector.upper
        mov     eax, 0xffff0000 + DATA
        xor     ecx, ecx
        .byte   0x0f, 0x02, 0xc8
WANT_BITS RCX, 0xfff0ffff, 0xc09300

# They need protected mode.
.macro UD_CASE name, first, second
CASE_REAL real.\name
        MARK
        .byte   0x0f, \first, \second
WANT VECTOR, 6
WANT RIP, 0
CASE32 v86.\name
        TO_V86  FL_IOPL
        MARK
        .byte   0x0f, \first, \second
WANT VECTOR, 6
WANT RIP, 0
.endm
UD_CASE verr, 0x00, 0xe0
UD_CASE verw, 0x00, 0xe8
UD_CASE lar, 0x02, 0xc8
UD_CASE lsl, 0x03, 0xd0
UD_CASE sldt, 0x00, 0xc0
UD_CASE str, 0x00, 0xc8
UD_CASE lldt, 0x00, 0xd0
UD_CASE ltr, 0x00, 0xd8
CASE_REAL real.arpl
        MARK
        .byte   0x63, 0xc8              # arpl ax, cx
WANT VECTOR, 6
WANT RIP, 0

# ARPL AX, CX: the RPL of AX becomes at least that of CX.
.macro ARPL_CASE first, second, result, zf
CASE32 arpl.\first.\second
        TO_RING3_32 0
        mov     eax, OLD - 2 + \first
        mov     ecx, 0x1234 + \second
        .byte   0x63, 0xc8
WANT RAX, OLD - 2 + \result
WANT_BITS RFLAGS, FL_ZF, \zf
.endm
ARPL_CASE 0, 0, 0, 0
ARPL_CASE 0, 1, 1, FL_ZF
ARPL_CASE 0, 3, 3, FL_ZF
ARPL_CASE 1, 0, 1, 0
ARPL_CASE 1, 2, 2, FL_ZF
ARPL_CASE 2, 3, 3, FL_ZF
ARPL_CASE 3, 2, 3, 0
ARPL_CASE 3, 3, 3, 0
CASE32 arpl.memory
        mov     ebx, SCRATCH
        mov     dword ptr [ebx], 0xffff0008
        mov     ecx, 3
        .byte   0x63, 0x0b              # arpl [ebx], cx
WANT_MEM SCRATCH, 0xffffffff, 0xffff000b
WANT_BITS RFLAGS, FL_ZF, FL_ZF
CASE64 arpl.is.movsxd
        mov     ecx, 0x80000003
        .byte   0x48, 0x63, 0xc1        # movsxd rax, ecx
WANT RAX, 0xffffffff80000003
