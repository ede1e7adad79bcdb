# interrupts16.S -- INT n, exceptions and IRET in real mode, in 16-bit protected mode and in
# virtual-8086 mode.
#
# Source: Intel SDM Vol. 2A, "INT n/INTO/INT3/INT1" and "IRET"; Vol. 3B, 20.1.4 "Interrupt and
# Exception Handling" in real mode and 20.3 "Interrupt and Exception Handling in Virtual-8086 Mode".

SUBJECT interrupts16

.set VEC, 0x40
.set SEG16, ORIGIN / 16
.set SCRATCH16, 0xa800                  # within the first segment

# Real mode: FLAGS, CS, IP; no error code for any vector; IF, TF and AC are cleared.
.macro REAL_INT vector
CASE_REAL real.int.\vector
        sti
        MARK
        int     \vector
WANT VECTOR, \vector
WANT ERROR, NONE
WANT RIP, 2
WANT CS, SEG16
WANT RSP, STACK_TOP
WANT_BITS RFLAGS, FL_IF, FL_IF
WANT_BITS HFLAGS, FL_IF, 0
WANT HCS, SEG16
.endm
REAL_INT 0
REAL_INT 3
REAL_INT 6
REAL_INT 8
REAL_INT 13
REAL_INT 14
REAL_INT 64
REAL_INT 255
CASE_REAL real.int3
        MARK
        int3
WANT VECTOR, 3
WANT RIP, 1
CASE_REAL real.into
        mov     al, 0x7f
        inc     al
        MARK
        .byte   0xce
WANT VECTOR, 4
WANT RIP, 1
CASE_REAL real.ud
        MARK
        ud2
WANT VECTOR, 6
WANT ERROR, NONE
WANT RIP, 0
CASE_REAL real.div
        MARK
        div     cl
WANT VECTOR, 0
WANT RIP, 0
CASE_REAL real.bound
        mov     word ptr [SCRATCH16], 1
        mov     word ptr [SCRATCH16 + 2], 5
        MARK
        .byte   0x62, 0x06              # bound ax, [SCRATCH16]
        .word   SCRATCH16
WANT VECTOR, 5
WANT RIP, 0
CASE_REAL real.step
        .byte   0x68, 2, 1              # push 102h
        popf
        MARK
        nop
WANT VECTOR, 1
WANT RIP, 1
WANT_BITS HFLAGS, FL_TF, 0
# No ring and no selector: but the IDT's limit counts.
CASE_REAL real.limit
        mov     word ptr [SCRATCH16], VEC * 4 + 2
        mov     dword ptr [SCRATCH16 + 2], IVT
        lidt    [SCRATCH16]
        MARK
        int     VEC
        mov     word ptr [SCRATCH16], 0x3ff
        lidt    [SCRATCH16]
WANT VECTOR, 13
WANT RIP, 0
CASE_REAL real.limit.none               # for #GP and #DF, either
        mov     word ptr [SCRATCH16], 3
        mov     dword ptr [SCRATCH16 + 2], IVT
        lidt    [SCRATCH16]
        int     VEC
WANT VECTOR, SHUTDOWN
# Flags that only 32 bits have are not in the frame; AC is cleared.
CASE_REAL real.flags
        .byte   0x66, 0x68              # push FL_AC | ...
        .long   FL_AC | FL_NT | FL_IOPL | FL_DF | FL_CF | 2
        .byte   0x66, 0x9d              # popfd
        int     VEC
WANT RFLAGS, FL_NT | FL_IOPL | FL_DF | FL_CF | 2
WANT VECTOR, VEC

# IRET in real mode, 16 and 32 bits.
CASE_REAL real.iret
        .byte   0x68, 0xd5, 0x7e        # push 7ed5h: but for TF all flags that FLAGS has
        push    cs
        mov     ax, real_iret - ORIGIN
        push    ax
        iret
real_iret:
        mov     bx, sp
        HOME
WANT RBX, STACK_TOP
WANT_BITS RFLAGS, 0x7fd7, 0x7ed7
CASE_REAL real.iretd
        .byte   0x66, 0x68
        .long   FL_AC | FL_CF | 2
        .byte   0x66, 0x0e              # push cs
        mov     eax, real_iretd - ORIGIN
        push    eax
        iretd
real_iretd:
        mov     bx, sp
        pushfd
        pop     ecx
        HOME
WANT RBX, STACK_TOP
WANT RCX, FL_AC | FL_CF | 2
CASE_REAL real.iret.handler
        mov     word ptr [IVT + VEC * 4], real_handler - ORIGIN
        mov     word ptr [IVT + VEC * 4 + 2], SEG16
        stc
        int     VEC
        pushf
        pop     cx
        HOME
real_handler:
        clc
        mov     bx, 7
        iret
WANT RBX, 7
WANT_BITS RCX, FL_CF, FL_CF

# 16-bit protected mode, through 32-bit gates: a frame of doublewords on a 16-bit stack.
.macro PROT_INT vector
CASE16 prot.int.\vector
        MARK
        int     \vector
WANT VECTOR, \vector
WANT ERROR, NONE
WANT RIP, 2
WANT CS, CODE16
WANT SS, DATA16
WANT_BITS FRAME, 0xffff, STACK_TOP
WANT HCS, CODE32
.endm
PROT_INT 3
PROT_INT 64
PROT_INT 255
CASE16 prot.ud
        MARK
        ud2
WANT VECTOR, 6
WANT RIP, 0
CASE16 prot.into
        mov     al, 0x7f
        inc     al
        MARK
        .byte   0xce
WANT VECTOR, 4
WANT RIP, 1
CASE16 prot.gp
        mov     ax, TSS32_SEL
        MARK
        mov     ds, ax
WANT VECTOR, 13
WANT ERROR, TSS32_SEL
WANT RIP, 0
# Through a 16-bit gate: words.
CASE16 prot.gate16
        mov     word ptr [IDT + VEC * 8], STUBS16 + VEC * 16
        mov     byte ptr [IDT + VEC * 8 + 5], 0x86
        MARK
        int     VEC
WANT VECTOR, VEC
WANT RIP, 2
WANT CS, CODE16
WANT_BITS FRAME, 0xffff, STACK_TOP
# IRET with 16-bit operands.
CASE16 prot.iret
        .byte   0x6a, 3                 # push 3
        push    cs
        mov     ax, prot_iret - ORIGIN
        push    ax
        iret
prot_iret:
        mov     bx, sp
        HOME
WANT_BITS RBX, 0xffff, STACK_TOP
WANT_BITS RFLAGS, 0xff, 3

# Virtual-8086 mode. IOPL below 3: INT n is #GP(0); INT3, INTO and exceptions are not.
.macro FROM_V86 name, flags, body
CASE32 \name
        GATE32_TYPE VEC, 0xee
        GATE32_TYPE 3, 0xee
        TO_V86  \flags
        \body
.endm
.macro V86_INT
        MARK
        int     VEC
.endm
.macro V86_INT3
        MARK
        int3
.endm
.macro V86_UD
        MARK
        ud2
.endm
.macro V86_DIV
        MARK
        div     cl
.endm
.macro V86_HLT
        MARK
        hlt
.endm
.macro V86_CLI
        MARK
        cli
.endm
.macro V86_PUSHF
        MARK
        pushf
.endm
.macro V86_POPF
        MARK
        popf
.endm
.macro V86_IRET
        MARK
        iret
.endm
.macro V86_LLDT
        MARK
        lldt    ax
.endm
.macro WANT_V86 vector, error, rip
WANT VECTOR, \vector
WANT ERROR, \error
WANT RIP, \rip
WANT CS, SEG16
WANT SS, 0
WANT RSP, STACK3_TOP
WANT FRAME, RSP0_TOP
WANT_BITS RFLAGS, FL_VM, FL_VM
WANT_BITS HFLAGS, FL_VM, 0
.endm
FROM_V86 v86.int.iopl0, 0, V86_INT
WANT_V86 13, 0, 0
FROM_V86 v86.int.iopl3, FL_IOPL, V86_INT
WANT_V86 VEC, NONE, 2
FROM_V86 v86.int3.iopl0, 0, V86_INT3
WANT_V86 3, NONE, 1
FROM_V86 v86.ud, 0, V86_UD
WANT_V86 6, NONE, 0
FROM_V86 v86.div, 0, V86_DIV
WANT_V86 0, NONE, 0
FROM_V86 v86.hlt, FL_IOPL, V86_HLT
WANT_V86 13, 0, 0
FROM_V86 v86.cli.iopl0, 0, V86_CLI
WANT_V86 13, 0, 0
FROM_V86 v86.pushf.iopl0, 0, V86_PUSHF
WANT_V86 13, 0, 0
FROM_V86 v86.popf.iopl0, 0, V86_POPF
WANT_V86 13, 0, 0
FROM_V86 v86.iret.iopl0, 0, V86_IRET
WANT_V86 13, 0, 0
FROM_V86 v86.lldt, FL_IOPL, V86_LLDT
WANT_V86 6, NONE, 0
CASE32 v86.dpl
        TO_V86  FL_IOPL
        MARK
        int     VEC                     # the gate's DPL is 0
WANT_V86 13, VEC * 8 + 2, 0
# The handler must be in ring 0 and not conforming.
CASE32 v86.handler.ring1
        GATE32_TYPE VEC, 0xee
        GATE32_SEL VEC, CODE32_1
        TO_V86  FL_IOPL
        MARK
        int     VEC
WANT VECTOR, 13
WANT ERROR, CODE32_1 - 1
CASE32 v86.handler.conforming
        GATE32_TYPE VEC, 0xee
        GATE32_SEL VEC, CODE32_C
        TO_V86  FL_IOPL
        MARK
        int     VEC
WANT_V86 13, CODE32_C, 0
# The handler finds null in the data segments, and theirs in the frame.
CASE32 v86.segments
        GATE32_TO 6, v86_segments
        TO_V86  0
        mov     ax, 0x111
        mov     ds, ax
        inc     ax
        mov     es, ax
        inc     ax
        mov     fs, ax
        inc     ax
        mov     gs, ax
        ud2
.code32
v86_segments:
        mov     eax, ds
        mov     ebx, es
        mov     ecx, fs
        mov     edx, gs
        or      eax, ebx
        or      eax, ecx
        or      eax, edx
        push    6
        jmp     catch32
WANT RAX, 0
WANT VECTOR, 6
WANT DS, 0x111
WANT ES, 0x112
WANT FS, 0x113
WANT GS, 0x114
# IRET in it with IOPL 3: IOPL and VM stay.
CASE32 v86.iret.iopl3
        TO_V86  FL_IOPL
        .byte   0x6a, 3                 # push 3
        .byte   0x68
        .word   SEG16
        .byte   0x68
        .word   v86_iret - ORIGIN
        iret
v86_iret:
        mov     bx, sp
        HOME
WANT RBX, STACK3_TOP
WANT RFLAGS, FL_VM | FL_IOPL | 3
