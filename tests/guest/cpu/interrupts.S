# interrupts.S -- when the processor takes an interrupt: shadows, HLT, gates, and what comes
# before it. The PIT interrupts by the PIC, as in a PC.
#
# Source: Intel SDM Vol. 3A, 6.8.1 "Masking Maskable Hardware Interrupts", 6.9 "Priority
# Among Simultaneous Exceptions and Interrupts"; Vol. 2, "STI", "CLI", "POPF", "INT n", "HLT".

SUBJECT interrupts

# STI, from IF = 0: one more instruction. POPF and IRET: none.
.macro IN_MODE case, suffix, popf, push_if
\case sti.\suffix
        IRQ_PENDING
        sti
        MARK
        nop
        nop
        WANT_IRQ 1
\case sti.sti.\suffix
        IRQ_PENDING
        sti
        sti                             # IF is set already: no shadow
        MARK
        nop
        nop
        WANT_IRQ 0
\case sti.cli.\suffix
        IRQ_PENDING
        sti
        cli
        nop
        nop
WANT_BITS RFLAGS, FL_IF, 0
\case sti.jump.\suffix
        IRQ_PENDING
        sti
        jmp     sti.jump.to.\suffix
        nop
sti.jump.to.\suffix:
        MARK
        nop
        WANT_IRQ 0
\case popf.\suffix
        IRQ_PENDING
        \push_if
        \popf
        MARK
        nop
        WANT_IRQ 0
\case cli.int.\suffix
        IRQ_PENDING
        .byte   0xcd, 0x40              # int 40h
WANT VECTOR, 0x40
WANT_BITS RFLAGS, FL_IF, 0
\case sti.int.\suffix
        IRQ_PENDING
        sti
        .byte   0xcd, 0x40
WANT VECTOR, 0x40                       # in the shadow; its gate clears IF
WANT_BITS RFLAGS, FL_IF, FL_IF
WANT_BITS HFLAGS, FL_IF, 0
\case sti.ud.\suffix
        IRQ_PENDING
        sti
        MARK
        ud2
WANT VECTOR, 6
WANT RIP, 0
WANT_BITS RFLAGS, FL_IF, FL_IF
# HLT: with an interrupt that waits, in the shadow, and with one that comes later.
\case hlt.\suffix
        IRQ_PENDING
        sti
        MARK
        hlt
        nop
        WANT_IRQ 1
\case hlt.before.\suffix
        IRQ_PENDING
        sti
        MARK
        nop
        hlt
        WANT_IRQ 1
\case hlt.later.\suffix
        IRQ_LATER 600
        sti
        MARK
        hlt
        nop
        WANT_IRQ 1
.endm

.macro POPF_REAL
        .byte   0x9d
.endm
.macro PUSH_IF
        push    FL_IF | 2
.endm
.macro PUSH_IF16
        .byte   0x68, 2, 2
.endm
IN_MODE CASE64, 64, popfq, PUSH_IF
IN_MODE CASE32, 32, popfd, PUSH_IF
IN_MODE CASE16, p16, POPF_REAL, PUSH_IF16
IN_MODE CASE_REAL, real, POPF_REAL, PUSH_IF16

# Into ring 3 and other kinds of code with IF set: at the first instruction.
CASE64 iret.ring3
        IRQ_PENDING
        TO_RING3_64 FL_IF
        MARK
        nop
        WANT_IRQ 0
WANT CS, CODE64_3
WANT RSP, STACK3_TOP
WANT FRAME, RSP0_TOP
CASE64 iret.compat
        IRQ_PENDING
        TO_COMPAT_64 CODE32_3, DATA_3, FL_IF
        MARK
        nop
        WANT_IRQ 0
WANT CS, CODE32_3
CASE32 iret.ring3.32
        IRQ_PENDING
        TO_RING3_32 FL_IF
        MARK
        nop
        WANT_IRQ 0
WANT CS, CODE32_3
WANT FRAME, RSP0_TOP
CASE32 iret.v86
        IRQ_PENDING
        TO_V86 FL_IF
        MARK
        nop
        WANT_IRQ 0
WANT CS, ORIGIN / 16
WANT_BITS RFLAGS, FL_VM, FL_VM
CASE64 sysret
        IRQ_PENDING
        mov     ecx, 0xc0000081         # IA32_STAR
        xor     eax, eax
        mov     edx, (CODE32_3 << 16) | CODE32
        wrmsr
        lea     rcx, [rip + sysret.to]
        mov     r11d, FL_IF | 2
        .byte   0x48, 0x0f, 0x07        # sysretq
sysret.to:
        MARK
        nop
        WANT_IRQ 0
WANT CS, CODE64_3
CASE64 ring3.sti                        # IOPL 3 lets it
        IRQ_PENDING
        TO_RING3_64 FL_IOPL
        sti
        MARK
        nop
        nop
        WANT_IRQ 1
WANT CS, CODE64_3
CASE64 ist
        GATE64_IST IRQ0, 7
        IRQ_PENDING
        sti
        nop
WANT VECTOR, IRQ0
WANT FRAME, IST7_TOP

# A trap gate leaves IF: the interrupt comes before the handler's first instruction.
CASE64 trap.gate
        GATE64_TYPE 0x40, 0x8f
        GATE64_TO 0x40, trap.gate.handler
        IRQ_PENDING
        sti
        int     0x40
trap.gate.handler:
        MARK
        nop
        WANT_IRQ 0
# An interrupt gate does not: IRET lets it in again.
CASE64 interrupt.gate
        GATE64_TO 0x40, interrupt.gate.handler
        IRQ_PENDING
        sti
        int     0x40
        MARK
        nop
        WANT_IRQ 0
WANT RBX, 2
        HOME
interrupt.gate.handler:
        inc     ebx
        inc     ebx
        iretq

# A trap of the instruction before comes first (priority 4, interrupts are 5 or 6).
CASE64 step.first
        IRQ_PENDING
        push    FL_TF | FL_IF | 2
        push    FL_TF | 2
        popfq
        popfq                           # stepped, and lets interrupts in
        MARK
        nop
WANT VECTOR, 1
WANT RIP, 0
WANT_BITS RFLAGS, FL_IF | FL_TF, FL_IF | FL_TF
CASE64 step.then.interrupt
        RESUME64 step.then.sti
        IRQ_PENDING
        push    FL_TF | FL_IF | 2
        push    FL_TF | 2
        popfq
        popfq
        nop
step.then.sti:
        sti
        MARK
        nop
        nop
WANT VECTOR, 1
WANT E1 + VECTOR, IRQ0
WANT E1 + RIP, 1
WANT COUNT, 2
# A fault of the next instruction comes after it.
CASE64 before.fault
        IRQ_PENDING
        push    FL_IF | 2
        popfq
        MARK
        ud2
        WANT_IRQ 0
