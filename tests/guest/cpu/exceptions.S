# exceptions.S -- each exception by its ordinary causes, in 64- and 32-bit code, rings 0 and 3:
# vector, error code, pushed RIP, CS, SS, RSP and the handler's stack.
#
# Source: Intel SDM Vol. 3A, 6.15 "Exception and Interrupt Reference".

SUBJECT exceptions

# #DE: a fault, no error code. RIP is at the division.
.macro DIV_ZERO
        mov     eax, 1
        MARK
        div     ecx
.endm
.macro IDIV_ZERO
        MARK
        idiv    cl
.endm
.macro DIV_OVERFLOW
        mov     edx, 2
        mov     ecx, 2
        MARK
        div     ecx
.endm
.macro IDIV_OVERFLOW                    # -80h / -1 = 80h
        mov     eax, 0xff80
        mov     ecx, 0xff
        MARK
        idiv    cl
.endm
FAULT de.div, NOTHING, DIV_ZERO, 0, NONE, 0
FAULT de.idiv, NOTHING, IDIV_ZERO, 0, NONE, 0
FAULT de.overflow, NOTHING, DIV_OVERFLOW, 0, NONE, 0
FAULT de.signed, NOTHING, IDIV_OVERFLOW, 0, NONE, 0
FAULT_COMPAT de.div, NOTHING, DIV_ZERO, 0, NONE, 0

# AAM 0 (not in 64-bit mode).
.macro AAM_ZERO
        MARK
        .byte   0xd4, 0
.endm
FAULT32 de.aam, NOTHING, AAM_ZERO, 0, NONE, 0
FAULT_COMPAT de.aam, NOTHING, AAM_ZERO, 0, NONE, 0

# #BP and #OF: traps. RIP is behind the instruction.
.macro OPEN_3_4_64
        GATE64_TYPE 3, 0xee
        GATE64_TYPE 4, 0xee
.endm
.macro OPEN_3_4_32
        GATE32_TYPE 3, 0xee
        GATE32_TYPE 4, 0xee
.endm
.macro BREAKPOINT
        MARK
        int3
.endm
.macro OVERFLOW
        mov     al, 0x7f
        inc     al
        MARK
        .byte   0xce                    # INTO
.endm
FAULT64 bp, OPEN_3_4_64, BREAKPOINT, 3, NONE, 1
FAULT32 bp, OPEN_3_4_32, BREAKPOINT, 3, NONE, 1
FAULT_COMPAT bp, OPEN_3_4_64, BREAKPOINT, 3, NONE, 1
FAULT32 of, OPEN_3_4_32, OVERFLOW, 4, NONE, 1
FAULT_COMPAT of, OPEN_3_4_64, OVERFLOW, 4, NONE, 1
FAULT64 of.none, OPEN_3_4_64, OVERFLOW, 6, NONE, 0

CASE32 of.clear
        xor     eax, eax
        .byte   0xce
        mov     ecx, 7
WANT RCX, 7

# #DB: single step is a trap, behind the instruction after the one that set TF. INT1 is one, too.
.macro STEP64
        push    FL_TF | 2
        popfq
        MARK
        nop
        nop
.endm
.macro STEP32
        push    FL_TF | 2
        popfd
        MARK
        nop
        nop
.endm
FAULT64 db.step, NOTHING, STEP64, 1, NONE, 1
FAULT32 db.step, NOTHING, STEP32, 1, NONE, 1
.macro ICEBP
        MARK
        .byte   0xf1
.endm
FAULT db.int1, NOTHING, ICEBP, 1, NONE, 1

# #BR: a fault. RIP is at BOUND.
.macro BOUND_ABOVE
        mov     eax, 6
        MARK
        .byte   0x62, 0x05              # bound eax, [bounds]
        .long   bounds
.endm
.macro BOUND_BELOW
        mov     eax, -6
        MARK
        .byte   0x62, 0x05
        .long   bounds
.endm
.macro BOUND_16
        mov     eax, 0x10006            # its low word is above 5
        MARK
        .byte   0x66, 0x62, 0x05
        .long   bounds16
.endm
FAULT32 br.above, NOTHING, BOUND_ABOVE, 5, NONE, 0
FAULT32 br.below, NOTHING, BOUND_BELOW, 5, NONE, 0
FAULT32 br.word, NOTHING, BOUND_16, 5, NONE, 0
FAULT_COMPAT br.above, NOTHING, BOUND_ABOVE, 5, NONE, 0

CASE32 br.limits
        mov     eax, 5
        .byte   0x62, 0x05
        .long   bounds
        mov     eax, -5
        .byte   0x62, 0x05
        .long   bounds
        mov     ecx, 7
WANT RCX, 7

# #NM: a fault. CR0.TS or CR0.EM and an x87 instruction; CR0.TS and SSE; WAIT with TS and MP.
.macro SET_TS
        .byte   0x0f, 0x20, 0xc0        # mov eax, cr0; or al, 8; mov cr0, eax: 64 bits, too
        or      al, 8
        .byte   0x0f, 0x22, 0xc0
.endm
.macro SET_EM
        .byte   0x0f, 0x20, 0xc0
        or      al, 4
        .byte   0x0f, 0x22, 0xc0
.endm
.macro DO_FNOP
        MARK
        fnop
.endm
.macro DO_WAIT
        MARK
        fwait
.endm
.macro DO_MMX
        MARK
        paddb   mm0, mm1
.endm
.macro DO_SSE
        MARK
        addps   xmm0, xmm1
.endm
FAULT nm.ts.x87, SET_TS, DO_FNOP, 7, NONE, 0
FAULT nm.ts.wait, SET_TS, DO_WAIT, 7, NONE, 0
FAULT nm.ts.mmx, SET_TS, DO_MMX, 7, NONE, 0
FAULT nm.ts.sse, SET_TS, DO_SSE, 7, NONE, 0
FAULT nm.em.x87, SET_EM, DO_FNOP, 7, NONE, 0
FAULT ud.em.mmx, SET_EM, DO_MMX, 6, NONE, 0
FAULT ud.em.sse, SET_EM, DO_SSE, 6, NONE, 0

# #MF: a fault, at the next x87 instruction that waits; CR0.NE is set.
.macro X87_ZERO_DIVIDE
        fninit
        mov     eax, x87_control
        fldcw   [eax]
        fld1
        fldz
        .byte   0xde, 0xf9              # fdivp
        nop
        MARK
        fwait
.endm
FAULT mf.divide, NOTHING, X87_ZERO_DIVIDE, 16, NONE, 0

# #XM: a fault; #UD in its place while CR4.OSXMMEXCPT is clear.
.macro SSE_ZERO_DIVIDE
        mov     eax, sse_control
        ldmxcsr [eax]
        mov     eax, 0x3f800000         # 1.0
        movd    xmm0, eax
        xorps   xmm1, xmm1
        MARK
        divss   xmm0, xmm1
.endm
.macro NO_OSXMMEXCPT
        .byte   0x0f, 0x20, 0xe0        # mov eax, cr4; and ah, ~4; mov cr4, eax
        and     ah, 0xfb
        .byte   0x0f, 0x22, 0xe0
.endm
FAULT xm.divide, NOTHING, SSE_ZERO_DIVIDE, 19, NONE, 0
FAULT xm.off, NO_OSXMMEXCPT, SSE_ZERO_DIVIDE, 6, NONE, 0

# #AC(0): a fault, in ring 3 only, if CR0.AM and EFLAGS.AC are set.
.macro SET_AM
        .byte   0x0f, 0x20, 0xc0
        or      eax, 1 << 18
        .byte   0x0f, 0x22, 0xc0
.endm
.macro UNALIGNED_64
        mov     ebx, SCRATCH + 1
        push    FL_AC | 2
        popfq
        MARK
        mov     eax, [rbx]
.endm
.macro UNALIGNED_32
        mov     ebx, SCRATCH + 1
        push    FL_AC | 2
        popfd
        MARK
        mov     eax, [ebx]
.endm
FAULT64_RING3 ac.load, SET_AM, UNALIGNED_64, 17, 0, 0
FAULT32_RING3 ac.load, SET_AM, UNALIGNED_32, 17, 0, 0
CASE64 ac.ring0
        SET_AM
        UNALIGNED_64
        mov     ecx, 7
WANT RCX, 7

.section names
.balign 8
bounds:         .long -5, 5
bounds16:       .word -5, 5
x87_control:    .word 0x37b             # all masked but zero-divide
.balign 4
sse_control:    .long 0x1d80
.section text
