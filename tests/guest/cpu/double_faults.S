# double_faults.S -- exceptions met while another is being delivered: which of them is served, with
# which error code, and when it is a double fault or a shutdown.
#
# Source: Intel SDM Vol. 3A, 6.15 "Interrupt 8", Tables 6-4 "Interrupt and Exception Classes"
# and 6-5 "Conditions for Generating a Double Fault"; 6.13 "Error Code" for EXT (bit 0).
# A software interrupt is benign, and no external event: EXT stays clear.

SUBJECT double_faults

# First events: each leaves the case by vector V of its name.
.macro FIRST_UD
        MARK
        ud2
.endm
.macro FIRST_DE
        MARK
        div     cl
.endm
.macro FIRST_BP
        MARK
        int3
.endm
.macro FIRST_INT
        MARK
        int     0x40
.endm
.macro FIRST_DB
        push    FL_TF | 2
        popfq
        nop
        MARK
        nop
.endm
.macro FIRST_NM
        mov     rax, cr0
        or      al, 8
        mov     cr0, rax
        MARK
        fnop
.endm
.macro FIRST_MF
        fninit
        mov     eax, x87_control
        fldcw   [rax]
        fld1
        fldz
        .byte   0xde, 0xf9              # fdivp
        MARK
        fwait
.endm
.macro FIRST_NP
        POKEB   GDT + FREE_SEL + 5, 0x73
        mov     eax, FREE_SEL
        MARK
        mov     ds, eax
.endm
.macro FIRST_SS
        POKEB   GDT + FREE_SEL + 5, 0x13
        mov     eax, FREE_SEL
        MARK
        mov     ss, eax
.endm
.macro FIRST_GP
        mov     eax, TSS64_SEL
        MARK
        mov     ds, eax
.endm
.macro FIRST_PF
        mov     ebx, PT + 8 * (SCRATCH / 4096)
        mov     dword ptr [rbx], 0
        mov     ebx, SCRATCH + 0x123
        MARK
        mov     al, [rbx]
.endm

# Second events: what is wrong with the gate of the first, whose vector is given.
.macro THEN_NP vector                   # #NP(vector * 8 + 2 + EXT)
        GATE64_TYPE \vector, 0x0e
.endm
.macro THEN_GP vector                   # #GP(vector * 8 + 2 + EXT)
        GATE64_TYPE \vector, 0x8c
.endm
.macro THEN_GP_SELECTOR vector          # #GP(DATA + EXT)
        GATE64_SEL \vector, DATA
.endm
.macro THEN_PF vector                   # #PF(2): its stack, IST1, is not there
        GATE64_IST \vector, 1
        mov     eax, TSS64 + 0x24
        mov     dword ptr [rax], SCRATCH + 0x2000
        mov     eax, PT + 8 * (SCRATCH / 4096 + 1)
        mov     dword ptr [rax], 0
.endm

# PAIR FIRST, VECTOR, SECOND, SERVED, ERROR: the second is served.
.macro PAIR first, vector, second, served, error
CASE64 pair.\first.\second
        THEN_\second \vector
        FIRST_\first
WANT VECTOR, \served
WANT ERROR, \error
WANT RIP, 0
WANT COUNT, 1
.endm
# DOUBLE FIRST, VECTOR, SECOND: #DF(0). What it pushes as RIP is not defined.
.macro DOUBLE first, vector, second
CASE64 pair.\first.\second
        THEN_\second \vector
        FIRST_\first
WANT VECTOR, 8
WANT ERROR, 0
WANT COUNT, 1
.endm

.macro BENIGN first, vector
PAIR \first, \vector, NP, 11, \vector * 8 + 3
PAIR \first, \vector, GP, 13, \vector * 8 + 3
PAIR \first, \vector, GP_SELECTOR, 13, DATA + 1
PAIR \first, \vector, PF, 14, 2
.endm
.macro SOFTWARE first, vector
PAIR \first, \vector, NP, 11, \vector * 8 + 2
PAIR \first, \vector, GP, 13, \vector * 8 + 2
PAIR \first, \vector, GP_SELECTOR, 13, DATA
PAIR \first, \vector, PF, 14, 2
.endm
.macro CONTRIBUTORY first, vector
DOUBLE \first, \vector, NP
DOUBLE \first, \vector, GP
DOUBLE \first, \vector, GP_SELECTOR
PAIR \first, \vector, PF, 14, 2
.endm
BENIGN UD, 6
BENIGN DB, 1
BENIGN NM, 7
BENIGN MF, 16
SOFTWARE BP, 3
SOFTWARE INT, 0x40
CONTRIBUTORY DE, 0
CONTRIBUTORY NP, 11
CONTRIBUTORY SS, 12
CONTRIBUTORY GP, 13
DOUBLE PF, 14, NP
DOUBLE PF, 14, GP
DOUBLE PF, 14, GP_SELECTOR
DOUBLE PF, 14, PF

# Three of them: a benign one, then two contributory ones.
CASE64 chain.ud.np.gp
        GATE64_TYPE 6, 0x0e
        GATE64_TYPE 11, 0x8c
        ud2
WANT VECTOR, 8
WANT ERROR, 0
# A contributory one, a page fault, then a contributory one: a double fault by the page fault.
CASE64 chain.de.pf.np
        THEN_PF 0
        GATE64_TYPE 14, 0x0e
        div     cl
WANT VECTOR, 8
WANT ERROR, 0
# INT n, its gate's fault, and that one's: the first is benign.
CASE64 chain.int.np.gp
        GATE64_TYPE 0x40, 0x0e
        GATE64_TYPE 11, 0x8c
        int     0x40
WANT VECTOR, 8
WANT ERROR, 0
CASE64 chain.ud.np.pf
        GATE64_TYPE 6, 0x0e
        THEN_PF 11
        ud2
WANT VECTOR, 14
WANT ERROR, 2
WANT CR2, SCRATCH + 0x1ff8

# Its address survives: CR2 is of the page fault that was met last.
CASE64 cr2.first
        GATE64_TYPE 14, 0x0e
        FIRST_PF
WANT VECTOR, 8
WANT CR2, SCRATCH + 0x123
CASE64 cr2.second
        THEN_PF 14
        FIRST_PF
WANT VECTOR, 8
WANT CR2, SCRATCH + 0x1ff8

# In its handler another fault is served as any other.
CASE64 handler.fault
        GATE64_TYPE 14, 0x0e
        GATE64_TO 8, handler_fault
        FIRST_PF
handler_fault:
        MARK
        ud2
WANT VECTOR, 6
WANT RIP, 0

# A double fault whose handler cannot be reached is a shutdown.
.macro TRIPLE name, then
CASE64 triple.\name
        GATE64_TYPE 13, 0x0e
        \then   8
        FIRST_GP
WANT VECTOR, SHUTDOWN
.endm
TRIPLE np, THEN_NP
TRIPLE gp, THEN_GP
TRIPLE selector, THEN_GP_SELECTOR
TRIPLE pf, THEN_PF

# From ring 3, and on a stack of its own.
CASE64 ring3.ist
        GATE64_TYPE 14, 0x0e
        GATE64_IST 8, 2
        mov     ebx, PT + 8 * (SCRATCH / 4096)
        mov     dword ptr [rbx], 0
        TO_RING3_64 0
        mov     ebx, SCRATCH
        mov     al, [rbx]
WANT VECTOR, 8
WANT ERROR, 0
WANT CS, CODE64_3
WANT SS, DATA_3
WANT RSP, STACK3_TOP
WANT FRAME, IST2_TOP
WANT CR2, SCRATCH

.section names
x87_control: .word 0x37b
