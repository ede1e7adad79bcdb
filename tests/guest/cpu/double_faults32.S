# double_faults32.S -- exceptions met while another is being delivered, in protected and in real mode.
#
# Source: Intel SDM Vol. 3A, 6.15 "Interrupt 8", Tables 6-4 and 6-5; 6.13 "Error Code" for EXT.
# What is special here are the faults of the inner stack, #TS and #SS, and task gates.

SUBJECT double_faults32

# First events, in ring 0 or in ring 3.
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
.macro FIRST_BR
        mov     eax, 9
        MARK
        .byte   0x62, 0x05
        .long   df32_bounds
.endm
.macro FIRST_GP
        mov     eax, TSS32_SEL
        MARK
        mov     ds, eax
.endm
.macro FIRST_NP
        mov     eax, FREE_SEL + 3
        MARK
        mov     ds, eax
.endm

# Second events.
.macro THEN_NP vector
        GATE32_TYPE \vector, 0x0e
.endm
.macro THEN_GP vector
        GATE32_TYPE \vector, 0x8c
.endm
.macro THEN_GP_NULL vector
        GATE32_SEL \vector, 0
.endm
.macro THEN_NP_CODE vector
        GATE32_SEL \vector, FREE_SEL + 16
.endm
.macro SEGMENTS                         # data and code that are not present
        SEL_DESC FREE_SEL, 0x0000ffff, 0x00cf7300
        SEL_DESC FREE_SEL + 16, 0x0000ffff, 0x00cf1b00
.endm

.macro PAIR first, vector, second, served, error
CASE32 pair.\first.\second
        SEGMENTS
        THEN_\second \vector
        FIRST_\first
WANT VECTOR, \served
WANT ERROR, \error
WANT RIP, 0
WANT COUNT, 1
.endm
.macro DOUBLE first, vector, second
CASE32 pair.\first.\second
        SEGMENTS
        THEN_\second \vector
        FIRST_\first
WANT VECTOR, 8
WANT ERROR, 0
WANT COUNT, 1
.endm
.macro BENIGN first, vector
PAIR \first, \vector, NP, 11, \vector * 8 + 3
PAIR \first, \vector, GP, 13, \vector * 8 + 3
PAIR \first, \vector, GP_NULL, 13, 1
PAIR \first, \vector, NP_CODE, 11, FREE_SEL + 17
.endm
.macro SOFTWARE first, vector
PAIR \first, \vector, NP, 11, \vector * 8 + 2
PAIR \first, \vector, GP, 13, \vector * 8 + 2
PAIR \first, \vector, GP_NULL, 13, 0
PAIR \first, \vector, NP_CODE, 11, FREE_SEL + 16
.endm
.macro CONTRIBUTORY first, vector
DOUBLE \first, \vector, NP
DOUBLE \first, \vector, GP
DOUBLE \first, \vector, GP_NULL
DOUBLE \first, \vector, NP_CODE
.endm
BENIGN UD, 6
BENIGN BR, 5
SOFTWARE BP, 3
SOFTWARE INT, 0x40
CONTRIBUTORY DE, 0
CONTRIBUTORY GP, 13
CONTRIBUTORY NP, 11

# The inner stack is bad: #TS, whose handler conforms and so needs none; after a contributory
# fault a double fault, whose handler is a task and needs none, either.
.macro BAD_STACK
        mov     word ptr [TSS32 + 8], 0
.endm
CASE32 stack.ud
        BAD_STACK
        GATE32_SEL 10, CODE32_C
        GATE32_TO 10, stack.handler
        TO_RING3_32 0
        ud2
stack.handler:
        pop     eax
        mov     word ptr [TSS32 + 8], DATA
        HOME
WANT RAX, 1
WANT CS, CODE32_C + 3
.macro DOUBLE_TASK label
        mov     word ptr [IDT + 8 * 8 + 2], TSS32B_SEL
        mov     byte ptr [IDT + 8 * 8 + 5], 0x85
        mov     dword ptr [TSS32B + 0x20], \label
        mov     dword ptr [TSS32B + 0x24], 2
        mov     dword ptr [TSS32B + 0x38], 0xe800
        mov     dword ptr [TSS32B + 0x48], DATA
        mov     dword ptr [TSS32B + 0x4c], CODE32
        mov     dword ptr [TSS32B + 0x50], DATA
        mov     dword ptr [TSS32B + 0x54], DATA
.endm
CASE32 stack.de
        BAD_STACK
        DOUBLE_TASK stack.task
        TO_RING3_32 0
        MARK
        div     cl
stack.task:
        pop     eax
        str     ebx
        mov     ecx, esp
        HOME
WANT RAX, 0
WANT RBX, TSS32B_SEL
WANT RCX, 0xe800
CASE32 stack.ud.twice                   # the handler of #TS needs that stack, too: #TS is contributory
        BAD_STACK
        DOUBLE_TASK stack.task
        TO_RING3_32 0
        ud2
WANT RAX, 0
WANT RBX, TSS32B_SEL
CASE32 stack.triple
        BAD_STACK
        TO_RING3_32 0
        ud2
WANT VECTOR, SHUTDOWN

# Page faults.
.macro PAGING                           # 4 MiB pages, one to one, but for SCRATCH_HIGH
        mov     eax, 0x83
        mov     edi, SCRATCH
        mov     ecx, 16
paging.\@:
        stosd
        add     eax, 0x400000
        dec     ecx
        jnz     paging.\@
        mov     dword ptr [SCRATCH + 4], 0
        mov     eax, cr4
        or      eax, 0x10               # PSE
        mov     cr4, eax
        mov     eax, SCRATCH
        mov     cr3, eax
        mov     eax, cr0
        or      eax, 0x80000000
        mov     cr0, eax
.endm
CASE32 pf.np
        PAGING
        THEN_NP 14
        MARK
        mov     al, [SCRATCH_HIGH]
WANT VECTOR, 8
WANT ERROR, 0
WANT CR2, SCRATCH_HIGH
CASE32 idt.pf
        PAGING
        mov     word ptr [IDT + 0x200], 0x7ff
        mov     dword ptr [IDT + 0x202], SCRATCH_HIGH - 8
        lidt    [IDT + 0x200]           # the gate of #UD is in the missing page
        ud2
WANT VECTOR, SHUTDOWN                   # and so is that of every fault from 1 on
CASE32 ud.pf.stack
        PAGING
        mov     esp, SCRATCH_HIGH + 0x100
        DOUBLE_TASK stack.task
        mov     dword ptr [TSS32B + 0x1c], SCRATCH
        ud2                             # #PF on the stack, #PF on it again
WANT RAX, 0
WANT RBX, TSS32B_SEL
WANT CR2, SCRATCH_HIGH + 0xfc

# Real mode: only the IDT's limit can refuse. #GP, then #DF, then shutdown.
.macro REAL_LIMIT name, limit, body, vector
CASE_REAL real.\name
        mov     word ptr [0xa800], \limit
        mov     dword ptr [0xa802], IVT
        lidt    [0xa800]
        \body
WANT VECTOR, \vector
.endm
.macro REAL_HIGH
        int     0x40
.endm
REAL_LIMIT gp, 14 * 4 - 1, REAL_HIGH, 13
REAL_LIMIT df, 13 * 4 - 1, REAL_HIGH, 8
REAL_LIMIT none, 8 * 4 - 1, REAL_HIGH, SHUTDOWN

.section names
.balign 4
df32_bounds: .long 0, 5
