# fpu_state.S -- x87, MMX and SSE: what enables them, their images in memory, pending exceptions,
# denormals, and known answers of the instructions that compute something special.
#
# Source: Intel SDM Vol. 1, 8.1 "x87 FPU Execution Environment", 9.5 "Compatibility with x87 FPU
# Architecture", 10.2.3 "MXCSR"; Vol. 2, "FXSAVE", "XSAVE", "XRSTOR"; Vol. 3A, 2.5 and table 9-3.
# The answers of AES and PCLMULQDQ are those of Intel's white papers on the instructions.

SUBJECT fpu_state

.set MP, 2
.set EM, 4
.set TS, 8
.set AREA, SCRATCH + 0x400              # 64-byte aligned
.set MXCSR_RESET, 0x1f80

# CR0's three bits: NAME, bits that are set, what is done, and the vector.
.macro GATE_CASE name, bits, body, vector
CASE64 enable.\name
        .byte   0x0f, 0x20, 0xc0        # mov eax, cr0
        and     eax, -15
        or      eax, \bits
        .byte   0x0f, 0x22, 0xc0
        MARK
        \body
WANT VECTOR, \vector
.endm
.macro EMMS
        .byte   0x0f, 0x77
.endm
.macro XORPS
        xorps   xmm0, xmm0
.endm
.macro WAIT
        .byte   0x9b
.endm
GATE_CASE x87.none, 0, fnop, DONE
GATE_CASE x87.mp, MP, fnop, DONE
GATE_CASE x87.em, EM, fnop, 7
GATE_CASE x87.mp.em, MP | EM, fnop, 7
GATE_CASE x87.ts, TS, fnop, 7
GATE_CASE x87.mp.ts, MP | TS, fnop, 7
GATE_CASE x87.em.ts, EM | TS, fnop, 7
GATE_CASE x87.mp.em.ts, MP | EM | TS, fnop, 7
GATE_CASE wait.none, 0, WAIT, DONE
GATE_CASE wait.mp, MP, WAIT, DONE
GATE_CASE wait.em, EM, WAIT, DONE
GATE_CASE wait.mp.em, MP | EM, WAIT, DONE
GATE_CASE wait.ts, TS, WAIT, DONE
GATE_CASE wait.mp.ts, MP | TS, WAIT, 7
GATE_CASE wait.em.ts, EM | TS, WAIT, DONE
GATE_CASE wait.mp.em.ts, MP | EM | TS, WAIT, 7
GATE_CASE mmx.none, 0, EMMS, DONE
GATE_CASE mmx.mp, MP, EMMS, DONE
GATE_CASE mmx.em, EM, EMMS, 6
GATE_CASE mmx.mp.em, MP | EM, EMMS, 6
GATE_CASE mmx.ts, TS, EMMS, 7
GATE_CASE mmx.mp.ts, MP | TS, EMMS, 7
GATE_CASE mmx.em.ts, EM | TS, EMMS, 6
GATE_CASE mmx.mp.em.ts, MP | EM | TS, EMMS, 6
GATE_CASE sse.none, 0, XORPS, DONE
GATE_CASE sse.mp, MP, XORPS, DONE
GATE_CASE sse.em, EM, XORPS, 6
GATE_CASE sse.mp.em, MP | EM, XORPS, 6
GATE_CASE sse.ts, TS, XORPS, 7
GATE_CASE sse.mp.ts, MP | TS, XORPS, 7
GATE_CASE sse.em.ts, EM | TS, XORPS, 6
GATE_CASE sse.mp.em.ts, MP | EM | TS, XORPS, 6
.macro NO_OSFXSR
        .byte   0x0f, 0x20, 0xe0        # mov eax, cr4
        and     eax, 0xfffffdff
        .byte   0x0f, 0x22, 0xe0
.endm
.macro DO_XORPS
        MARK
        xorps   xmm0, xmm0
.endm
FAULT sse.osfxsr, NO_OSFXSR, DO_XORPS, 6, NONE, 0

# Images. ST(0) is infinity, then 0 and 1: TOP is 5, and each has another tag.
.macro THREE
        mov     edi, AREA
        mov     ecx, 128
three.\@:
        mov     dword ptr [rdi + rcx * 4 - 4], 0
        dec     ecx
        jnz     three.\@
        mov     dword ptr [rdi - 8], 0x7f800000
        fninit
        fld1
        fldz
        fld     dword ptr [rdi - 8]
.endm
CASE64 image.fninit
        mov     edi, AREA
        fld1
        fninit
        fnstenv [rdi]
WANT_MEM AREA, 0xffff, 0x37f
WANT_MEM AREA + 4, 0xffff, 0
WANT_MEM AREA + 8, 0xffff, 0xffff
CASE64 image.fnstenv
        THREE
        fnstenv [rdi]
WANT_MEM AREA, 0xffff, 0x37f
WANT_MEM AREA + 4, 0xffff, 0x2800
WANT_MEM AREA + 8, 0xffff, 0x1bff
CASE64 image.fnsave
        THREE
        fnsave  [rdi]
        fnstcw  [rdi + 0x80]
        fnstsw  ax
WANT RAX, 0                             # and the unit is as after FNINIT
WANT_MEM AREA + 8, 0xffff, 0x1bff
WANT_MEM AREA + 28, NONE, 0x8000000000000000
WANT_MEM AREA + 36, 0xffff, 0x7fff
WANT_MEM AREA + 38, NONE, 0
WANT_MEM AREA + 48, NONE, 0x8000000000000000
WANT_MEM AREA + 56, 0xffff, 0x3fff
WANT_MEM AREA + 0x80, 0xffff, 0x37f
CASE64 image.frstor
        THREE
        fnsave  [rdi]
        frstor  [rdi]
        fnstenv [rdi + 0x80]
WANT_MEM AREA + 0x84, 0xffff, 0x2800
WANT_MEM AREA + 0x88, 0xffff, 0x1bff
CASE64 image.fxsave
        THREE
        fxsave  [rdi]
WANT_MEM AREA, 0xffffffff, 0x2800037f
WANT_MEM AREA + 4, 0xffff, 0xe0         # one bit a register
WANT_MEM AREA + 24, 0xffffffff, MXCSR_RESET
WANT_MEM AREA + 32, NONE, 0x8000000000000000
WANT_MEM AREA + 40, 0xffff, 0x7fff
WANT_MEM AREA + 48, NONE, 0
WANT_MEM AREA + 64, NONE, 0x8000000000000000
WANT_MEM AREA + 72, 0xffff, 0x3fff
CASE64 image.fxrstor                    # tags are made from what the registers hold
        THREE
        fxsave  [rdi]
        fninit
        fxrstor [rdi]
        fnstenv [rdi + 0x100]
WANT_MEM AREA + 0x108, 0xffff, 0x1bff
CASE64 image.mmx
        fninit
        fld1
        mov     rax, 0x1122334455667788
        .byte   0x48, 0x0f, 0x6e, 0xd8  # movq mm3, rax
        mov     edi, AREA
        fxsave  [rdi]
WANT_MEM AREA, 0xffffffff, 0x0000037f   # TOP is 0
WANT_MEM AREA + 4, 0xff, 0xff           # every register is in use
WANT_MEM AREA + 80, NONE, 0x1122334455667788
WANT_MEM AREA + 88, 0xffff, 0xffff
CASE64 image.emms
        .byte   0x48, 0x0f, 0x6e, 0xd8
        EMMS
        mov     edi, AREA
        fxsave  [rdi]
WANT_MEM AREA + 4, 0xff, 0
CASE64 image.mmx.of.x87                 # a register's significand is MM7
        fninit
        fld1
        .byte   0x48, 0x0f, 0x7e, 0xf8  # movq rax, mm7
WANT RAX, 0x8000000000000000

# What images may not be.
.macro AREA_GP name, body
CASE64 refuse.\name
        mov     edi, AREA
        fxsave  [rdi]
        \body
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0
.endm
.macro LDMXCSR_16
        mov     dword ptr [rdi], 0x11f80
        MARK
        ldmxcsr [rdi]
.endm
.macro FXRSTOR_16
        mov     dword ptr [rdi + 24], 0x11f80
        MARK
        fxrstor [rdi]
.endm
.macro FXSAVE_8
        MARK
        fxsave  [rdi + 8]
.endm
.macro FXRSTOR_8
        MARK
        fxrstor [rdi + 8]
.endm
.macro OSXSAVE
        .byte   0x0f, 0x20, 0xe0
        or      eax, 1 << 18
        .byte   0x0f, 0x22, 0xe0
        mov     qword ptr [rdi + 0x200], 0
        mov     qword ptr [rdi + 0x208], 0
        mov     qword ptr [rdi + 0x210], 0
        xor     ecx, ecx
        xor     edx, edx
        mov     eax, 3
        .byte   0x0f, 0x01, 0xd1        # xsetbv
.endm
.macro XSAVE_16
        OSXSAVE
        add     edi, 16
        MARK
        .byte   0x0f, 0xae, 0x27        # xsave [rdi]
.endm
.macro XRSTOR_BV
        OSXSAVE
        mov     byte ptr [rdi + 0x200], 4
        MARK
        .byte   0x0f, 0xae, 0x2f        # xrstor [rdi]
.endm
.macro XRSTOR_HEADER
        OSXSAVE
        mov     byte ptr [rdi + 0x210], 1
        MARK
        .byte   0x0f, 0xae, 0x2f
.endm
AREA_GP ldmxcsr.16, LDMXCSR_16
AREA_GP fxrstor.mxcsr, FXRSTOR_16
AREA_GP fxsave.aligned, FXSAVE_8
AREA_GP fxrstor.aligned, FXRSTOR_8
AREA_GP xsave.aligned, XSAVE_16
AREA_GP xrstor.bv, XRSTOR_BV
AREA_GP xrstor.header, XRSTOR_HEADER
.macro CMPXCHG16B_8
        MARK
        .byte   0x48, 0x0f, 0xc7, 0x4f, 8
.endm
AREA_GP cmpxchg16b, CMPXCHG16B_8
CASE64 xsave.off
        mov     edi, AREA
        MARK
        .byte   0x0f, 0xae, 0x27
WANT VECTOR, 6
WANT RIP, 0
CASE64 xrstor.initial                   # a component that the image does not have is reset
        mov     edi, AREA
        OSXSAVE
        fld1
        pcmpeqd xmm3, xmm3
        mov     eax, 3
        .byte   0x0f, 0xae, 0x2f
        movq    rbx, xmm3
        fxsave  [rdi]
WANT RBX, 0
WANT_MEM AREA + 4, 0xff, 0

# Pending x87 exceptions, with CR0.NE.
.macro PENDING name, body, vector
CASE64 pending.\name
        mov     edi, AREA
        mov     word ptr [rdi], 0x37b   # division by zero is not masked
        fldcw   [rdi]
        fld1
        fldz
        .byte   0xde, 0xf9              # fdivp
        MARK
        \body
WANT VECTOR, \vector
.endm
.macro FNCLEX_FLD
        fnclex
        fld1
.endm
.macro FNSTSW
        fnstsw  ax
.endm
PENDING fld, fld1, 16
WANT RIP, 0
PENDING wait, WAIT, 16
WANT RIP, 0
PENDING emms, EMMS, 16
WANT RIP, 0
PENDING sse, XORPS, DONE
PENDING fnclex, FNCLEX_FLD, DONE
PENDING fninit, fninit, DONE
PENDING fnstsw, FNSTSW, DONE
WANT_BITS RAX, 0x80ff, 0x8084           # B, ES, ZE

# Denormals.
.macro SINGLES mxcsr, first, second
        mov     edi, AREA
        mov     dword ptr [rdi], \mxcsr
        ldmxcsr [rdi]
        mov     dword ptr [rdi], \first
        mov     dword ptr [rdi + 4], \second
        movss   xmm0, [rdi]
.endm
.macro DENORMAL name, mxcsr, first, second, instruction, result, flags
CASE64 denormal.\name
        SINGLES \mxcsr, \first, \second
        \instruction xmm0, [rdi + 4]
        movd    eax, xmm0
        stmxcsr [rdi]
WANT RAX, \result
WANT_MEM AREA, 0x3f, \flags
.endm
DENORMAL operand, 0x1f80, 1, 0x3f800000, mulss, 1, 2
DENORMAL daz, 0x1fc0, 1, 0x3f800000, mulss, 0, 0
DENORMAL result, 0x1f80, 0x00800001, 0x3f000000, mulss, 0x00400000, 0x30
DENORMAL ftz, 0x9f80, 0x00800001, 0x3f000000, mulss, 0, 0x30
DENORMAL exact, 0x1f80, 0x00800000, 0x3f000000, mulss, 0x00400000, 0
CASE64 denormal.x87
        mov     edi, AREA
        mov     dword ptr [rdi], 1
        fninit
        fld     dword ptr [rdi]
        fnstsw  ax
WANT_BITS RAX, 0x3f, 2

# CMPXCHG8B and CMPXCHG16B.
CASE64 cmpxchg8b.equal
        mov     edi, AREA + 1           # need not be aligned
        mov     dword ptr [rdi], 1
        mov     dword ptr [rdi + 4], 2
        mov     eax, 1
        mov     edx, 2
        mov     ebx, 3
        mov     ecx, 4
        cmpxchg8b [rdi]
WANT_BITS RFLAGS, FL_ZF, FL_ZF
WANT_MEM AREA + 1, NONE, 0x400000003
CASE64 cmpxchg16b.equal
        mov     edi, AREA
        mov     qword ptr [rdi], 1
        mov     qword ptr [rdi + 8], 2
        mov     eax, 1
        mov     edx, 2
        mov     ebx, 3
        mov     ecx, 4
        .byte   0x48, 0x0f, 0xc7, 0x0f
WANT_BITS RFLAGS, FL_ZF, FL_ZF
WANT_MEM AREA, NONE, 3
WANT_MEM AREA + 8, NONE, 4
CASE64 cmpxchg16b.differs
        mov     edi, AREA
        mov     qword ptr [rdi], 1
        mov     qword ptr [rdi + 8], 5
        mov     eax, 1
        mov     edx, 2
        .byte   0x48, 0x0f, 0xc7, 0x0f
WANT_BITS RFLAGS, FL_ZF, 0
WANT RAX, 1
WANT RDX, 5
