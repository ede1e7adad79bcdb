# paging_midway.S -- page faults in the middle of an instruction: operands across two pages,
# writes to read-only pages, pushes and pops, strings. What was done and what was not.
#
# Source: Intel SDM Vol. 3A, 6.5 "Exception Classifications" (a fault leaves the state as before
# the instruction), 4.7 "Page-Fault Exceptions"; Vol. 2 for each instruction. Most cases are rows
# of tests/conformance/tables/paging_midway.py.

SUBJECT paging_midway

.set GOOD,  0x72000                     # writable by anyone
.set BAD,   0x73000                     # as the case says
.set AFTER, 0x74000                     # writable by anyone
.set ONES, 0x1111111111111111

# SET_PAGES BITS: of BAD's entry. 11h in all of GOOD, BAD and AFTER; RDX is BAD.
.macro SET_PAGES bits
        mov     edi, GOOD
        mov     ecx, 0x3000
        mov     al, 0x11
        rep     stosb
        mov     edi, PT + (BAD / 0x1000) * 8
        mov     dword ptr [rdi], BAD + \bits
        mov     edx, BAD
        invlpg  [rdx]
        mov     eax, 0
        mov     edi, 0
.endm

# REP strings, Vol. 2B, "REP": a fault leaves the registers for the iteration that faults.
# STRING NAME, BITS, INSTRUCTION, ERROR, CR2: RSI, RDI, RCX and the flags are set by SETUP_*.
.macro STRING name, bits, setup, instruction, error, cr2, rcx, rsi, rdi
CASE64 \name.ring0
        SET_PAGES \bits
        \setup
        MARK
        \instruction
        STRING_WANTS \error, \cr2, \rcx, \rsi, \rdi
CASE64 \name.ring3
        SET_PAGES \bits
        TO_RING3_64 0
        \setup
        MARK
        \instruction
        STRING_WANTS \error + 4, \cr2, \rcx, \rsi, \rdi
.endm
.macro STRING_WANTS error, cr2, rcx, rsi, rdi
WANT VECTOR, 14
WANT ERROR, \error
WANT RIP, 0
WANT CR2, \cr2
WANT RCX, \rcx
WANT RSI, \rsi
WANT RDI, \rdi
.endm
.macro REGS rcx, rsi, rdi
        mov     ecx, \rcx
        mov     esi, \rsi
        mov     edi, \rdi
        mov     eax, 0x11111111
.endm
.macro SOURCE_BAD                       # 16 bytes are there, then 16 are not
        REGS 0x20, BAD - 0x10, AFTER
.endm
.macro TARGET_BAD
        REGS 0x20, AFTER, BAD - 0x10
.endm
.macro SOURCE_ODD                       # the third quadword is across
        REGS 4, BAD - 0x14, AFTER
.endm
.macro TARGET_ODD
        REGS 4, AFTER, BAD - 0x14
.endm
.macro TARGET_DOWN                      # downwards, from AFTER
        REGS 0x20, GOOD + 0x800, AFTER + 0xf
        std
.endm
.macro SOURCE_DOWN
        REGS 0x20, AFTER + 0xf, GOOD + 0x800
        std
.endm
.macro BOTH_BAD                         # CMPS: at the 17th byte
        REGS 0x20, GOOD, BAD - 0x10
.endm
.macro REP_MOVSB
        rep movsb
.endm
.macro REP_MOVSQ
        rep movsq
.endm
.macro REP_STOSB
        rep stosb
.endm
.macro REP_STOSQ
        rep stosq
.endm
.macro REP_LODSB
        rep lodsb
.endm
.macro REPE_CMPSB
        repe cmpsb
.endm
.macro REPE_SCASB
        repe scasb
.endm
STRING movsb.source, 0, SOURCE_BAD, REP_MOVSB, 0, BAD, 0x10, BAD, AFTER + 0x10
STRING movsb.target, 0, TARGET_BAD, REP_MOVSB, 2, BAD, 0x10, AFTER + 0x10, BAD
STRING movsb.read_only, 5, TARGET_BAD, REP_MOVSB, 3, BAD, 0x10, AFTER + 0x10, BAD
STRING movsb.down, 0, TARGET_DOWN, REP_MOVSB, 2, BAD + 0xfff, 0x10, GOOD + 0x7f0, BAD + 0xfff
STRING movsb.down.source, 0, SOURCE_DOWN, REP_MOVSB, 0, BAD + 0xfff, 0x10, BAD + 0xfff, GOOD + 0x7f0
STRING movsq.source, 0, SOURCE_ODD, REP_MOVSQ, 0, BAD, 2, BAD - 4, AFTER + 0x10
STRING movsq.target, 0, TARGET_ODD, REP_MOVSQ, 2, BAD, 2, AFTER + 0x10, BAD - 4
STRING stosb, 0, TARGET_BAD, REP_STOSB, 2, BAD, 0x10, AFTER, BAD
STRING stosb.down, 0, TARGET_DOWN, REP_STOSB, 2, BAD + 0xfff, 0x10, GOOD + 0x800, BAD + 0xfff
STRING stosq, 5, TARGET_ODD, REP_STOSQ, 3, BAD, 2, AFTER, BAD - 4
STRING lodsb, 0, SOURCE_BAD, REP_LODSB, 0, BAD, 0x10, BAD, AFTER
STRING cmpsb, 0, BOTH_BAD, REPE_CMPSB, 0, BAD, 0x10, GOOD + 0x10, BAD
STRING scasb, 0, TARGET_BAD, REPE_SCASB, 0, BAD, 0x10, AFTER, BAD

# RCX = 0: no access. And a comparison that ends before the page does not touch it.
CASE64 none.movsb
        SET_PAGES 0
        REGS 0, BAD, BAD
        rep movsb
WANT RSI, BAD
CASE64 none.stosb
        SET_PAGES 0
        REGS 0, BAD, BAD
        rep stosb
WANT RDI, BAD
CASE64 ends.scasb
        SET_PAGES 0
        REGS 0x20, 0, BAD - 4
        repne scasb
WANT RDI, BAD - 3
WANT RCX, 0x1f

        HOME
# Resumed: the handler lets the page in, and the instruction goes on where it was.
.code64
let_in:
        add     rsp, 8
        push    rdi
        mov     edi, PT + (BAD / 0x1000) * 8
        mov     dword ptr [rdi], BAD + 7
        pop     rdi
        iretq
CASE64 resumed.movsb
        GATE64_TO 14, let_in
        SET_PAGES 0
        mov     eax, GOOD + 0xff0
        mov     byte ptr [rax], 0x22
        REGS 0x20, GOOD + 0xff0, AFTER + 0x100
        rep movsb
WANT RCX, 0
WANT RSI, BAD + 0x10
WANT RDI, AFTER + 0x120
WANT_MEM AFTER + 0x100, NONE, ONES + 0x11
WANT_MEM AFTER + 0x118, NONE, ONES
CASE64 resumed.stosb
        GATE64_TO 14, let_in
        SET_PAGES 5
        REGS 0x20, 0, BAD - 0x10
        mov     al, 0x33
        rep stosb
WANT RCX, 0
WANT_MEM BAD - 8, NONE, 0x3333333333333333
WANT_MEM BAD + 8, NONE, 0x3333333333333333
WANT_MEM BAD + 16, NONE, ONES
CASE64 resumed.push
        GATE64_TO 14, let_in
        GATE64_IST 14, 1
        SET_PAGES 0
        mov     esp, BAD + 8
        mov     eax, 0x44
        push    rax
        mov     rcx, rsp
        mov     esp, STACK_TOP
WANT RCX, BAD
WANT_MEM BAD, NONE, 0x44
