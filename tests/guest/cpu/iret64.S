# iret64.S -- IRET in long mode: each destination and operand size, what it may change, what it refuses.
#
# Source: Intel SDM Vol. 2A, "IRET/IRETD/IRETQ", IA-32e-MODE part of its operation; Vol. 3A,
# 6.14.3 "IRET in IA-32e Mode".

SUBJECT iret64

# FRAME_TO RIP_LABEL, CS, FLAGS, RSP, SS: push a frame of quadwords. Clobbers rax.
.macro FRAME_TO label, cs, flags, rsp, ss
        push    \ss
        mov     eax, \rsp
        push    rax
        mov     eax, \flags
        push    rax
        push    \cs
        lea     rax, [rip + \label]
        push    rax
.endm

# Where it may go.
.macro GO name, cs, ss, bits
CASE64 go.\name
        FRAME_TO go.\name.to, \cs, FL_CF | 2, STACK3_TOP, \ss
        MARK
        iretq
go.\name.to:
.code\bits
        mov     ebx, 5
        int     DONE
WANT RBX, 5
WANT CS, \cs
WANT SS, \ss
WANT RSP, STACK3_TOP
WANT RFLAGS, FL_CF | 2
.endm
GO same, CODE64, DATA, 64
GO same.null, CODE64, 0, 64             # null in SS is well in 64-bit rings 0 to 2
GO compat0, CODE32, DATA, 32
GO ring1, CODE64_1, DATA_1, 64
GO ring3, CODE64_3, DATA_3, 64
GO compat3, CODE32_3, DATA_3, 32
GO conforming, CODE64_C, DATA, 64
GO conforming3, CODE64_C + 3, DATA_3, 64

# IRETD and IRET with 16 bits: the same frame in smaller cells, SS and RSP always in it.
CASE64 size.dword
        sub     rsp, 20
        mov     dword ptr [rsp], size.dword.to
        mov     dword ptr [rsp + 4], CODE64_3
        mov     dword ptr [rsp + 8], FL_CF | 2
        mov     dword ptr [rsp + 12], STACK3_TOP
        mov     dword ptr [rsp + 16], DATA_3
        .byte   0xcf
size.dword.to:
        HOME
WANT CS, CODE64_3
WANT SS, DATA_3
WANT RSP, STACK3_TOP
WANT RFLAGS, FL_CF | 2
CASE64 size.word
        GATE64_TYPE 6, 0x8e
        SEL_DESC FREE_SEL, 0x0000ffff, 0x00009b01       # 16-bit code from ORIGIN
        sub     rsp, 10
        mov     word ptr [rsp], size.word.to - ORIGIN
        mov     word ptr [rsp + 2], FREE_SEL
        mov     word ptr [rsp + 4], FL_CF | 2
        mov     word ptr [rsp + 6], STACK3_TOP
        mov     word ptr [rsp + 8], DATA
        .byte   0x66, 0xcf
.code16
size.word.to:
        mov     bx, 5
        int     DONE
WANT RBX, 5
WANT CS, FREE_SEL
WANT SS, DATA
WANT RSP, STACK3_TOP

# From compatibility mode in ring 0 to 64-bit code.
CASE64 from.compat
        FRAME_TO from.compat.32, CODE32, 2, STACK3_TOP, DATA
        iretq
.code32
from.compat.32:
        push    2
        push    CODE64
        mov     eax, from.compat.64
        push    eax
        iretd                           # same ring, and not 64-bit: no SS and RSP in the frame
.code64
from.compat.64:
        mov     rbx, rsp
        HOME
WANT CS, CODE64
WANT RBX, STACK3_TOP

# Flags. In ring 0 all but VM; VIP and VIF too. In ring 3 IOPL never, IF by IOPL.
.macro FLAGS_CASE name, flags, want
CASE64 flags.\name
        FRAME_TO flags.\name.to, CODE64, \flags, STACK_TOP, DATA
        iretq
flags.\name.to:
        pushfq
        pop     rbx
        push    2
        popfq
        HOME
WANT RBX, \want
.endm
FLAGS_CASE all, 0x257cd5, 0x247cd7      # but TF, IF, VM, RF and reserved ones
FLAGS_CASE reserved, 0xffc0802a, 2
FLAGS_CASE vm, FL_VM | 2, 2             # there is no virtual-8086 mode in long mode
FLAGS_CASE if, FL_IF | 2, FL_IF | 2
FLAGS_CASE iopl, FL_IOPL | 2, FL_IOPL | 2
CASE64 flags.vif.vip
        FRAME_TO flags.vif.to, CODE64, 0x180002, STACK_TOP, DATA
        iretq
flags.vif.to:
        pushfq
        pop     rbx
        HOME
WANT_BITS RBX, 0x180000, 0x180000
CASE64 flags.tf
        FRAME_TO flags.tf.to, CODE64, FL_TF | 2, STACK_TOP, DATA
        iretq
flags.tf.to:
        MARK
        nop
        nop
WANT VECTOR, 1                          # behind the first instruction there
WANT RIP, 1
CASE64 flags.ring3.iopl0
        TO_RING3_64 0
        FRAME_TO flags.ring3.to, CODE64_3, FL_IF | FL_IOPL | FL_CF | 2, STACK3_TOP, DATA_3
        iretq
flags.ring3.to:
        HOME
WANT RFLAGS, FL_CF | 2
CASE64 flags.ring3.iopl3
        TO_RING3_64 FL_IOPL
        FRAME_TO flags.ring3.iopl3.to, CODE64_3, FL_IF | FL_CF | 2, STACK3_TOP, DATA_3
        iretq
flags.ring3.iopl3.to:
        HOME
WANT RFLAGS, FL_IOPL | FL_IF | FL_CF | 2

# Data segments that the outer ring may not use become null; others stay.
CASE64 segments
        mov     eax, DATA
        mov     ds, eax
        mov     fs, eax
        mov     eax, DATA_3
        mov     es, eax
        mov     eax, CODE32_C
        mov     gs, eax                 # conforming code may stay
        TO_RING3_64 0
        HOME
WANT DS, 0
WANT ES, DATA_3
WANT FS, 0
WANT GS, CODE32_C

# REFUSE NAME, CS, SS, VECTOR, ERROR: from ring 0, at the IRET, with the stack as it was.
.macro REFUSE name, cs, ss, vector, error
CASE64 refuse.\name
        FRAME_TO here.refuse.\name, \cs, 2, STACK3_TOP, \ss
here.refuse.\name:
        MARK
        iretq
WANT VECTOR, \vector
WANT ERROR, \error
WANT RIP, 0
WANT CS, CODE64
WANT RSP, STACK_TOP - 40
.endm
REFUSE cs.null, 0, DATA, 13, 0
REFUSE cs.null3, 3, DATA_3, 13, 0
REFUSE cs.limit, 0x1000, DATA, 13, 0x1000
REFUSE cs.ldt, CODE64 + 4, DATA, 13, CODE64 + 4
REFUSE cs.data, DATA, DATA, 13, DATA
REFUSE cs.tss, TSS64_SEL, DATA, 13, TSS64_SEL
REFUSE cs.rpl, CODE64 + 3, DATA_3, 13, CODE64           # RPL is not its DPL
REFUSE cs.dpl, CODE64_3 - 3, DATA, 13, CODE64_3 - 3
REFUSE ss.null3, CODE64_3, 3, 13, 0
REFUSE ss.null.compat, CODE32, 0, 13, 0
REFUSE ss.limit, CODE64_3, 0x1003, 13, 0x1000
REFUSE ss.rpl, CODE64_3, DATA_3 - 3, 13, DATA_3 - 3
REFUSE ss.dpl, CODE64_3, DATA + 3, 13, DATA
REFUSE ss.code, CODE64_3, CODE32_3, 13, CODE32_3 - 3
REFUSE ss.same.dpl, CODE64, DATA_3 - 3, 13, DATA_3 - 3
.macro REFUSE_FREE name, low, high, cs, ss, vector, error
CASE64 refuse.\name
        SEL_DESC FREE_SEL, \low, \high
        FRAME_TO here.refuse.\name, \cs, 2, STACK3_TOP, \ss
here.refuse.\name:
        MARK
        iretq
WANT VECTOR, \vector
WANT ERROR, \error
WANT RIP, 0
WANT RSP, STACK_TOP - 40
.endm
REFUSE_FREE cs.absent, 0x0000ffff, 0x00af7b00, FREE_SEL + 3, DATA_3, 11, FREE_SEL
REFUSE_FREE cs.l.and.d, 0x0000ffff, 0x00effb00, FREE_SEL + 3, DATA_3, 13, FREE_SEL
REFUSE_FREE cs.conforming, 0x0000ffff, 0x00afff00, FREE_SEL, DATA, 13, FREE_SEL
REFUSE_FREE ss.absent, 0x0000ffff, 0x00cf7300, CODE64_3, FREE_SEL + 3, 12, FREE_SEL
REFUSE_FREE ss.read.only, 0x0000ffff, 0x00cff100, CODE64_3, FREE_SEL + 3, 13, FREE_SEL

# An inner ring: #GP(selector).
CASE64 refuse.inner
        TO_RING3_64 0
        FRAME_TO refuse.inner.to, CODE64, 2, STACK_TOP, DATA
refuse.inner.to:
        MARK
        iretq
WANT VECTOR, 13
WANT ERROR, CODE64
WANT RIP, 0

# NT: there are no nested tasks in long mode, #GP(0).
CASE64 refuse.nt
        FRAME_TO refuse.nt.to, CODE64, 2, STACK_TOP, DATA
        pushfq
        or      dword ptr [rsp], FL_NT
        popfq
refuse.nt.to:
        MARK
        iretq
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0

# RIP that is not canonical, or beyond the limit of a compatibility segment.
.macro REFUSE_RIP name, rip, cs, ss
CASE64 refuse.\name
        push    \ss
        push    STACK3_TOP
        push    2
        push    \cs
        mov     rax, \rip
        push    rax
        MARK
        iretq
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0
WANT CS, CODE64
.endm
REFUSE_RIP rip.hole, 0x800000000000, CODE64, DATA
REFUSE_RIP rip.hole3, 0x800000000000, CODE64_3, DATA_3
REFUSE_RIP rip.negative, 0xffff7fffffffffff, CODE64_3, DATA_3
CASE64 refuse.rip.limit
        SEL_DESC FREE_SEL, 0x00000fff, 0x0040fb00       # limit FFFh
        push    DATA_3
        push    STACK3_TOP
        push    2
        push    FREE_SEL + 3
        push    0x1000
        MARK
        iretq
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0
WANT CS, CODE64

# A frame whose page is missing: #PF at the IRET, and nothing has changed.
CASE64 page
        FRAME_TO page.at, CODE64, FL_CF | 2, STACK_TOP, DATA
        mov     rbx, rsp
        mov     esp, SCRATCH + 0x1000 - 16
        mov     eax, PT + 8 * (SCRATCH / 4096 + 1)
        mov     dword ptr [rax], 0
        mov     ecx, PT + 8 * (SCRATCH / 4096)
        GATE64_IST 14, 1
page.at:
        MARK
        iretq
WANT VECTOR, 14
WANT ERROR, 0
WANT RIP, 0
WANT CR2, SCRATCH + 0x1000
WANT RSP, SCRATCH + 0x1000 - 16
