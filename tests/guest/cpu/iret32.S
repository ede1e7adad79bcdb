# iret32.S -- IRET in protected mode: same ring, outer ring, virtual-8086 mode; both operand sizes; what
# it may change and what it refuses.
#
# Source: Intel SDM Vol. 2A, "IRET/IRETD/IRETQ", PROTECTED-MODE parts of its operation.

SUBJECT iret32

# FRAME3 LABEL, CS, FLAGS and FRAME5 with ESP and SS: push a frame of doublewords. Clobber eax.
.macro FRAME3 label, cs, flags
        push    \flags
        push    \cs
        mov     eax, \label
        push    eax
.endm
.macro FRAME5 label, cs, flags, esp, ss
        push    \ss
        push    \esp
        FRAME3  \label, \cs, \flags
.endm

# The same ring: ESP and SS are no part of the frame.
CASE32 same
        FRAME3  same.to, CODE32, FL_CF | 2
        iretd
same.to:
        HOME
WANT CS, CODE32
WANT RSP, STACK_TOP
WANT RFLAGS, FL_CF | 2
CASE32 same.conforming
        FRAME3  same.conforming.to, CODE32_C, FL_CF | 2
        iretd
same.conforming.to:
        HOME
WANT CS, CODE32_C
WANT RSP, STACK_TOP
CASE32 same.word                        # 16-bit operands: the upper halves of EIP and EFLAGS
        SEL_DESC FREE_SEL, 0x0000ffff, 0x00409b01       # 32-bit code from ORIGIN
        push    FL_AC | 2
        popfd
        sub     esp, 6
        mov     word ptr [esp], same.word.to - ORIGIN
        mov     word ptr [esp + 2], FREE_SEL
        mov     word ptr [esp + 4], FL_CF | 2
        .byte   0x66, 0xcf
same.word.to:
        HOME
WANT CS, FREE_SEL
WANT RSP, STACK_TOP
WANT RFLAGS, FL_AC | FL_CF | 2
CASE32 same.ring3
        TO_RING3_32 0
        FRAME3  same.ring3.to, CODE32_3, FL_CF | 2
        iretd
same.ring3.to:
        HOME
WANT CS, CODE32_3
WANT RSP, STACK3_TOP

# An outer ring.
.macro OUTER name, cs, ss
CASE32 outer.\name
        FRAME5  outer.\name.to, \cs, FL_CF | 2, STACK3_TOP, \ss
        iretd
outer.\name.to:
        HOME
WANT CS, \cs
WANT SS, \ss
WANT RSP, STACK3_TOP
WANT RFLAGS, FL_CF | 2
.endm
OUTER ring1, CODE32_1, DATA_1
OUTER ring3, CODE32_3, DATA_3
OUTER conforming, CODE32_C + 3, DATA_3
CASE32 outer.word
        SEL_DESC FREE_SEL, 0x0000ffff, 0x0040fb01
        sub     esp, 10
        mov     word ptr [esp], outer.word.to - ORIGIN
        mov     word ptr [esp + 2], FREE_SEL + 3
        mov     word ptr [esp + 4], FL_CF | 2
        mov     word ptr [esp + 6], STACK3_TOP
        mov     word ptr [esp + 8], DATA_3
        .byte   0x66, 0xcf
outer.word.to:
        HOME
WANT CS, FREE_SEL + 3
WANT SS, DATA_3
WANT RSP, STACK3_TOP
WANT RFLAGS, FL_CF | 2
CASE32 outer.16                         # to 16-bit code and stack
        mov     eax, outer.16.to - ORIGIN
        push    DATA16_3
        push    STACK3_TOP
        push    2
        push    CODE16_3
        push    eax
        iretd
.code16
outer.16.to:
        mov     bx, sp
        int     DONE
WANT CS, CODE16_3
WANT SS, DATA16_3
WANT RBX, STACK3_TOP
CASE32 outer.segments
        mov     eax, DATA_3
        mov     es, eax
        mov     eax, CODE32_C
        mov     gs, eax
        FRAME5  outer.segments.to, CODE32_3, 2, STACK3_TOP, DATA_3
        iretd
outer.segments.to:
        mov     eax, ds
        mov     ebx, es
        mov     ecx, fs
        mov     edx, gs
        HOME
WANT RAX, 0
WANT RBX, DATA_3
WANT RCX, 0
WANT RDX, CODE32_C

# Virtual-8086 mode, from ring 0 only.
CASE32 v86
        push    0x444                   # GS, FS, DS, ES
        push    0x333
        push    0x222
        push    0x111
        push    0x50                    # SS, ESP
        push    STACK3_TOP - 0x500
        push    FL_VM | FL_IF | FL_CF | 2
        push    ORIGIN / 16
        mov     eax, v86.to - ORIGIN
        push    eax
        iretd
.code16
v86.to:
        mov     bx, sp
        ud2
WANT VECTOR, 6
WANT CS, ORIGIN / 16
WANT SS, 0x50
WANT RSP, STACK3_TOP - 0x500
WANT ES, 0x111
WANT DS, 0x222
WANT FS, 0x333
WANT GS, 0x444
WANT_BITS RFLAGS, FL_VM | FL_IF | FL_CF, FL_VM | FL_IF | FL_CF
CASE32 v86.ring3                        # VM in the image is passed over there
        TO_RING3_32 FL_IOPL
        FRAME3  v86.ring3.to, CODE32_3, FL_VM | FL_CF | 2
        iretd
v86.ring3.to:
        HOME
WANT VECTOR, DONE
WANT CS, CODE32_3
WANT RFLAGS, FL_IOPL | FL_CF | 2
CASE32 v86.word                         # it is in the upper half
        SEL_DESC FREE_SEL, 0x0000ffff, 0x00409b01
        push    FL_VM / 0x10000
        sub     esp, 6
        mov     word ptr [esp], v86.word.to - ORIGIN
        mov     word ptr [esp + 2], FREE_SEL
        mov     word ptr [esp + 4], 2
        .byte   0x66, 0xcf
v86.word.to:
        HOME
WANT CS, FREE_SEL
WANT RFLAGS, 2

# Flags.
.macro FLAGS_CASE name, flags, want
CASE32 flags.\name
        FRAME3  flags.\name.to, CODE32, \flags
        iretd
flags.\name.to:
        pushfd
        pop     ebx
        push    2
        popfd
        HOME
WANT RBX, \want
.endm
FLAGS_CASE all, 0x243cd5, 0x243cd7      # but TF, IF, NT, RF, VM and reserved ones
FLAGS_CASE reserved, 0xffc0802a, 2
FLAGS_CASE nt, FL_NT | 2, FL_NT | 2
FLAGS_CASE if, FL_IF | 2, FL_IF | 2
FLAGS_CASE rf, FL_RF | 2, 2             # PUSHFD never shows RF
CASE32 flags.tf
        FRAME3  flags.tf.to, CODE32, FL_TF | 2
        iretd
flags.tf.to:
        MARK
        nop
        nop
WANT VECTOR, 1
WANT RIP, 1
CASE32 flags.ring3.iopl0
        TO_RING3_32 0
        FRAME3  flags.ring3.iopl0.to, CODE32_3, FL_IF | FL_IOPL | FL_CF | 2
        iretd
flags.ring3.iopl0.to:
        HOME
WANT RFLAGS, FL_CF | 2
CASE32 flags.ring3.iopl3
        TO_RING3_32 FL_IOPL
        FRAME3  flags.ring3.iopl3.to, CODE32_3, FL_IF | FL_CF | 2
        iretd
flags.ring3.iopl3.to:
        HOME
WANT RFLAGS, FL_IOPL | FL_IF | FL_CF | 2

# What it refuses: at the IRET, with the stack as it was.
.macro REFUSE name, cs, ss, vector, error
CASE32 refuse.\name
        SEL_DESC FREE_SEL, 0x0000ffff, 0x00cf7b00       # code, DPL 3, not present
        SEL_DESC FREE_SEL + 8, 0x0000ffff, 0x00cf7300   # data, DPL 3, not present
        SEL_DESC FREE_SEL + 16, 0x0000ffff, 0x00cff100  # data, DPL 3, read-only
        SEL_DESC FREE_SEL + 24, 0x0000ffff, 0x00cfff00  # conforming, DPL 3
        FRAME5  refuse.\name.at, \cs, 2, STACK3_TOP, \ss
refuse.\name.at:
        MARK
        iretd
WANT VECTOR, \vector
WANT ERROR, \error
WANT RIP, 0
WANT CS, CODE32
WANT RSP, STACK_TOP - 20
.endm
REFUSE cs.null, 0, DATA, 13, 0
REFUSE cs.null3, 3, DATA_3, 13, 0
REFUSE cs.limit, 0x1000, DATA, 13, 0x1000
REFUSE cs.ldt, CODE32 + 4, DATA, 13, CODE32 + 4
REFUSE cs.data, DATA, DATA, 13, DATA
REFUSE cs.tss, TSS32_SEL, DATA, 13, TSS32_SEL
REFUSE cs.rpl, CODE32 + 3, DATA_3, 13, CODE32
REFUSE cs.dpl, CODE32_3 - 3, DATA, 13, CODE32_3 - 3
REFUSE cs.absent, FREE_SEL + 3, DATA_3, 11, FREE_SEL
REFUSE cs.conforming, FREE_SEL + 24, DATA, 13, FREE_SEL + 24
REFUSE ss.null, CODE32_3, 0, 13, 0
REFUSE ss.null3, CODE32_3, 3, 13, 0
REFUSE ss.limit, CODE32_3, 0x1003, 13, 0x1000
REFUSE ss.rpl, CODE32_3, DATA_3 - 3, 13, DATA_3 - 3
REFUSE ss.dpl, CODE32_3, DATA + 3, 13, DATA
REFUSE ss.code, CODE32_3, CODE32_3, 13, CODE32_3 - 3
REFUSE ss.absent, CODE32_3, FREE_SEL + 8 + 3, 12, FREE_SEL + 8
REFUSE ss.read.only, CODE32_3, FREE_SEL + 16 + 3, 13, FREE_SEL + 16
CASE32 refuse.inner
        TO_RING3_32 0
        FRAME3  refuse.inner.at, CODE32, 2
refuse.inner.at:
        MARK
        iretd
WANT VECTOR, 13
WANT ERROR, CODE32
WANT RIP, 0
CASE32 refuse.limit                     # EIP beyond the segment's limit
        SEL_DESC FREE_SEL, 0x00000fff, 0x00409b00
        push    2
        push    FREE_SEL
        push    0x1000
        MARK
        iretd
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0
WANT CS, CODE32
