# ports.S -- who may use a port, and who may change IF: IOPL and the I/O permission bitmap.
#
# Source: Intel SDM Vol. 1, 19.5 "Protected-Mode I/O"; Vol. 2, "IN", "OUT", "INS", "OUTS", "CLI",
# "STI" and "POPF" with its table 4-19; Vol. 3B, 20.2.8 "Virtual-8086 Mode I/O". Cases of the
# bitmap are a table: tests/conformance/tables/ports.py.

SUBJECT ports

.set PORT, 0x340                        # from here to 35Fh no device of a PC
.set TSS_AT, SCRATCH
.set MAP_AT, TSS_AT + 0x68
.set MAP_BYTE, PORT / 8

# A TSS at TSS_AT, whose bitmap allows all: LIMIT, its I/O map base. Clobber eax, ecx, edi.
.macro FILL_TSS
        mov     edi, TSS_AT
        xor     eax, eax
        mov     ecx, 0x200 / 4
        cld
        rep     stosd
        POKED   TSS_AT + 4, RSP0_TOP
.endm
.macro NEW_TSS.32 limit, map
        FILL_TSS
        POKED   TSS_AT + 8, DATA
        POKED   TSS_AT + 12, STACK1_TOP
        POKED   TSS_AT + 16, DATA_1
        POKED   TSS_AT + 0x64, (\map) << 16
        SEL_DESC FREE_SEL, (TSS_AT & 0xffff) << 16 | (\limit), TSS_AT >> 16 | 0x8900
        mov     eax, FREE_SEL
        ltr     ax
.endm
.macro NEW_TSS.64 limit, map
        FILL_TSS
        POKED   TSS_AT + 12, STACK1_TOP
        POKED   TSS_AT + 0x64, (\map) << 16
        SEL_DESC FREE_SEL, (TSS_AT & 0xffff) << 16 | (\limit), TSS_AT >> 16 | 0x8900
        SEL_DESC FREE_SEL + 8, 0, 0
        mov     eax, FREE_SEL
        ltr     ax
.endm
.macro ALLOW_ALL bits
        NEW_TSS.\bits 0x1ff, 0x68
.endm
# DENY PORT: set its bit.
.macro DENY port
        mov     ecx, \port
        mov     eax, MAP_AT
        bts     [eax], ecx
.endm
# TO_RING3.MODE FLAGS.
.macro TO_RING3.32 flags
        TO_RING3_32 \flags
.endm
.macro TO_RING3.64 flags
        TO_RING3_64 \flags
.endm
# ACCESS.INSTRUCTION PORT
.macro ACCESS.inb port
        mov     edx, \port
        MARK
        in      al, dx
.endm
.macro ACCESS.inw port
        mov     edx, \port
        MARK
        in      ax, dx
.endm
.macro ACCESS.ind port
        mov     edx, \port
        MARK
        in      eax, dx
.endm
.macro ACCESS.outb port
        mov     edx, \port
        MARK
        out     dx, al
.endm
.macro ACCESS.outw port
        mov     edx, \port
        MARK
        out     dx, ax
.endm
.macro ACCESS.outd port
        mov     edx, \port
        MARK
        out     dx, eax
.endm
.macro ACCESS.insb port
        mov     edx, \port
        mov     edi, SCRATCH + 0x400
        MARK
        .byte   0x6c
.endm
.macro ACCESS.insd port
        mov     edx, \port
        mov     edi, SCRATCH + 0x400
        MARK
        .byte   0x6d
.endm
.macro ACCESS.outsb port
        mov     edx, \port
        mov     esi, SCRATCH + 0x400
        MARK
        .byte   0x6e
.endm
.macro ACCESS.outsd port
        mov     edx, \port
        mov     esi, SCRATCH + 0x400
        MARK
        .byte   0x6f
.endm
.macro ACCESS.rep_insb port             # nothing to do: permission counts all the same
        mov     edx, \port
        mov     edi, SCRATCH + 0x400
        mov     ecx, 2
        MARK
        .byte   0xf3, 0x6c
.endm
.macro ACCESS.rep_outsb port
        mov     edx, \port
        mov     esi, SCRATCH + 0x400
        mov     ecx, 2
        MARK
        .byte   0xf3, 0x6e
.endm
.macro ACCESS.in80 port                 # the port in the instruction
        MARK
        in      al, 0x80
.endm
.macro ACCESS.out80 port
        MARK
        out     0x80, al
.endm

# A fault of INS and OUTS leaves their registers.
CASE64 kept.ins
        ALLOW_ALL 64
        DENY    PORT
        TO_RING3_64 0
        ACCESS.rep_insb PORT
WANT VECTOR, 13
WANT RCX, 2
WANT RDI, SCRATCH + 0x400
CASE64 kept.outs
        ALLOW_ALL 64
        DENY    PORT
        TO_RING3_64 0
        ACCESS.rep_outsb PORT
WANT VECTOR, 13
WANT RCX, 2
WANT RSI, SCRATCH + 0x400

# A 16-bit TSS has no bitmap.
CASE32 tss16
        FILL_TSS
        POKED   TSS_AT + 2, DATA << 16 | RSP0_TOP
        SEL_DESC FREE_SEL, (TSS_AT & 0xffff) << 16 | 0x1ff, TSS_AT >> 16 | 0x8100
        mov     eax, FREE_SEL
        ltr     ax
        TO_RING3_32 0
        ACCESS.inb PORT
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0
# Ring 0 and real mode ask nobody.
CASE32 ring0.32
        DENY    PORT
        ACCESS.inb PORT
CASE64 ring0.64
        ACCESS.inb PORT
CASE_REAL real
        ACCESS.inb PORT
# Ring 1: IOPL, then the bitmap.
.macro TO_RING1 flags
        mov     eax, DATA_1
        mov     ds, eax
        push    DATA_1
        push    STACK3_TOP
        push    \flags | 2
        push    CODE32_1
        mov     eax, ring1.\@
        push    eax
        iretd
ring1.\@:
.endm
CASE32 ring1.iopl0
        ALLOW_ALL 32
        DENY    PORT
        TO_RING1 0
        ACCESS.inb PORT
WANT VECTOR, 13
WANT RIP, 0
CASE32 ring1.iopl1
        ALLOW_ALL 32
        DENY    PORT
        TO_RING1 0x1000
        ACCESS.inb PORT
# Virtual-8086 mode: the bitmap, whatever IOPL is.
.macro V86_PORT name, flags
CASE32 v86.\name
        ALLOW_ALL 32
        DENY    PORT + 1
        TO_V86  \flags
.endm
V86_PORT allowed, 0
        ACCESS.inb PORT
        ud2                             # IOPL is 0: INT n would be #GP
WANT VECTOR, 6
V86_PORT denied, 0
        ACCESS.inb PORT + 1
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0
V86_PORT denied.iopl3, FL_IOPL
        ACCESS.outb PORT + 1
WANT VECTOR, 13
WANT RIP, 0
V86_PORT denied.word, FL_IOPL
        ACCESS.inw PORT
WANT VECTOR, 13
WANT RIP, 0
V86_PORT denied.outs, FL_IOPL
        ACCESS.outsb PORT + 1
WANT VECTOR, 13
WANT RIP, 0

# CLI and STI: #GP(0) if CPL > IOPL.
.macro DO.cli
        cli
.endm
.macro DO.sti
        sti
.endm
.macro IF_GOOD bits, what, iopl, flags, after
CASE\bits \what.\bits.iopl\iopl
        TO_RING3.\bits \iopl * 0x1000 | \flags
        DO.\what
WANT_BITS RFLAGS, FL_IF, \after
.endm
.macro IF_BAD bits, what, iopl, flags
CASE\bits \what.\bits.iopl\iopl
        TO_RING3.\bits \iopl * 0x1000 | \flags
        MARK
        DO.\what
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0
WANT_BITS RFLAGS, FL_IF, \flags
.endm
.macro IF_CASES bits
IF_GOOD \bits, cli, 3, FL_IF, 0
IF_GOOD \bits, sti, 3, 0, FL_IF
IF_BAD \bits, cli, 2, FL_IF
IF_BAD \bits, cli, 0, FL_IF
IF_BAD \bits, sti, 2, 0
IF_BAD \bits, sti, 1, 0
.endm
IF_CASES 32
IF_CASES 64
CASE32 cli.ring1
        TO_RING1 0x1000 | FL_IF
        cli
WANT_BITS RFLAGS, FL_IF | FL_IOPL, 0x1000
CASE32 sti.ring1.bad
        TO_RING1 0
        MARK
        sti
WANT VECTOR, 13
WANT RIP, 0

# POPF: IOPL changes in ring 0 only, IF if CPL <= IOPL; no exception. Others do change.
.macro POPF.16.32
        .byte   0x66, 0x68
        .word   FL_IF_IOPL_CF
        .byte   0x66, 0x9d
.endm
.set FL_IF_IOPL_CF, 0x3203
.macro POPF.32.32
        push    FL_IF_IOPL_CF
        popfd
.endm
.macro POPF.64.64
        push    FL_IF_IOPL_CF
        popfq
.endm
.macro POPF.16.64
        .byte   0x66, 0x68
        .word   FL_IF_IOPL_CF
        .byte   0x66, 0x9d
.endm
.macro POPF_CASE bits, width, iopl, after
CASE\bits popf.\bits.\width.ring3.iopl\iopl
        TO_RING3.\bits \iopl * 0x1000
        POPF.\width.\bits
WANT_BITS RFLAGS, FL_IF | FL_IOPL | FL_CF, \after | FL_CF
.endm
POPF_CASE 32, 32, 0, 0
POPF_CASE 32, 32, 2, 0x2000
POPF_CASE 32, 32, 3, 0x3200
POPF_CASE 32, 16, 0, 0
POPF_CASE 32, 16, 3, 0x3200
POPF_CASE 64, 64, 0, 0
POPF_CASE 64, 64, 2, 0x2000
POPF_CASE 64, 64, 3, 0x3200
POPF_CASE 64, 16, 1, 0x1000
POPF_CASE 64, 16, 3, 0x3200
CASE32 popf.ring0
        POPF.32.32
WANT_BITS RFLAGS, FL_IF | FL_IOPL | FL_CF, 0x3201
CASE64 popf.ring0.64
        POPF.64.64
WANT_BITS RFLAGS, FL_IF | FL_IOPL | FL_CF, 0x3201
CASE32 popf.ring1
        TO_RING1 0x1000
        POPF.32.32
WANT_BITS RFLAGS, FL_IF | FL_IOPL, 0x1200
CASE32 popf.ring3.clears
        TO_RING3_32 FL_IOPL | FL_IF
        push    2
        popfd
WANT_BITS RFLAGS, FL_IF | FL_IOPL, FL_IOPL
# IRET to the same ring: as POPF.
.macro IRET_32
        push    FL_IF_IOPL_CF
        push    CODE32_3
        mov     eax, iret.\@
        push    eax
        iretd
iret.\@:
.endm
.macro IRET_64
        push    DATA_3
        push    STACK3_TOP
        push    FL_IF_IOPL_CF
        push    CODE64_3
        lea     rax, [rip + iret.\@]
        push    rax
        iretq
iret.\@:
.endm
.macro IRET_CASE bits, iopl, after
CASE\bits iret.\bits.ring3.iopl\iopl
        TO_RING3.\bits \iopl * 0x1000
        IRET_\bits
WANT_BITS RFLAGS, FL_IF | FL_IOPL | FL_CF, \after | FL_CF
.endm
IRET_CASE 32, 0, 0
IRET_CASE 32, 1, 0x1000
IRET_CASE 32, 3, 0x3200
IRET_CASE 64, 0, 0
IRET_CASE 64, 1, 0x1000
IRET_CASE 64, 3, 0x3200
