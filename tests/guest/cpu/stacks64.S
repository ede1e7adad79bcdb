# stacks64.S -- the stack of a handler in long mode: RSP0 to RSP2, IST, alignment, and bad ones.
#
# Source: Intel SDM Vol. 3A, 6.14.2 to 6.14.5 (stack frame, IRET, stack switching, interrupt
# stack table) and Vol. 2A, "INT n", INTRA- and INTER-PRIVILEGE-LEVEL-INTERRUPT.

SUBJECT stacks64

.set VEC, 0x40
.set HOLE, 0x8000                       # upper word of an address that is not canonical

# The frame is aligned to 16 bytes on the same stack; RSP is pushed as it was.
.macro ALIGN_CASE n
CASE64 align.\n
        sub     rsp, \n
        int     VEC
WANT VECTOR, VEC
WANT RSP, STACK_TOP - \n
WANT FRAME, STACK_TOP - (\n + 15) / 16 * 16
WANT SS, DATA
WANT HSS, DATA                          # no switch: SS stays
.endm
ALIGN_CASE 1
ALIGN_CASE 2
ALIGN_CASE 7
ALIGN_CASE 8
ALIGN_CASE 9
ALIGN_CASE 15
ALIGN_CASE 16
ALIGN_CASE 17
CASE64 align.rsp0
        mov     eax, TSS64 + 4
        mov     dword ptr [rax], RSP0_TOP - 3
        TO_RING3_64 0
        ud2
WANT VECTOR, 6
WANT FRAME, RSP0_TOP - 16
CASE64 align.ist
        GATE64_IST VEC, 1
        mov     eax, TSS64 + 0x24
        mov     dword ptr [rax], IST1_TOP - 9
        int     VEC
WANT VECTOR, VEC
WANT FRAME, IST1_TOP - 16
WANT RSP, STACK_TOP

# Each entry of the interrupt stack table, from ring 0 and ring 3.
.macro IST_CASE n
CASE64 ist.\n.ring0
        GATE64_IST VEC, \n
        int     VEC
WANT VECTOR, VEC
WANT FRAME, IST1_TOP + (\n - 1) * 0x200
WANT RSP, STACK_TOP
WANT SS, DATA
CASE64 ist.\n.ring3
        GATE64_IST VEC, \n
        GATE64_TYPE VEC, 0xee
        TO_RING3_64 0
        int     VEC
WANT VECTOR, VEC
WANT FRAME, IST1_TOP + (\n - 1) * 0x200
WANT RSP, STACK3_TOP
WANT SS, DATA_3
WANT HSS, 0
.endm
IST_CASE 1
IST_CASE 2
IST_CASE 3
IST_CASE 4
IST_CASE 5
IST_CASE 6
IST_CASE 7

# With IST and no change of privilege SS is loaded with null, too (6.14.5).
CASE64 ist.ss
        GATE64_IST VEC, 1
        int     VEC
WANT VECTOR, VEC
WANT HSS, 0

# An exception with an error code on such a stack; and one on the stack that is in use.
CASE64 ist.error
        GATE64_IST 13, 3
        mov     eax, TSS64_SEL
        mov     ds, eax
WANT VECTOR, 13
WANT ERROR, TSS64_SEL
WANT FRAME, IST1_TOP + 0x400
CASE64 ist.again
        GATE64_IST 6, 1
        GATE64_IST VEC, 1
        GATE64_TO VEC, ist_again
        int     VEC
ist_again:
        push    0x1234
        ud2
WANT VECTOR, 6
WANT FRAME, IST1_TOP                    # over the first one
WANT RSP, IST1_TOP - 48

# A TSS that ends before the entry: #TS(TR), with EXT unless by INT n.
.macro SHORT_TSS limit
        POKEW   GDT + TSS64_SEL, \limit
        SEL_ACCESS TSS64_SEL, 0x89
        mov     eax, TSS64_SEL
        ltr     ax
.endm
CASE64 short.ist.int
        SHORT_TSS 0x2a                  # IST1 is at 24h..2Bh
        GATE64_IST VEC, 1
        MARK
        int     VEC
WANT VECTOR, 10
WANT ERROR, TSS64_SEL
WANT RIP, 0
CASE64 short.ist.ud
        SHORT_TSS 0x2a
        GATE64_IST 6, 1
        ud2
WANT VECTOR, 10
WANT ERROR, TSS64_SEL + 1
CASE64 short.ist.fits
        SHORT_TSS 0x2b
        GATE64_IST VEC, 1
        int     VEC
WANT VECTOR, VEC
WANT FRAME, IST1_TOP
CASE64 short.rsp0
        SHORT_TSS 0x0a
        GATE64_IST 8, 0
        TO_RING3_64 0
        ud2                             # and no #TS handler can be reached, either
WANT VECTOR, SHUTDOWN

# A stack that is not canonical: #SS, its error code is EXT.
CASE64 hole.ist.int
        GATE64_IST VEC, 1
        POKEW   TSS64 + 0x24 + 6, HOLE
        MARK
        int     VEC
WANT VECTOR, 12
WANT ERROR, 0
WANT RIP, 0
CASE64 hole.ist.ud
        GATE64_IST 6, 1
        POKEW   TSS64 + 0x24 + 6, HOLE
        ud2
WANT VECTOR, 12
WANT ERROR, 1
CASE64 hole.rsp0.int
        GATE64_TYPE VEC, 0xee
        GATE64_IST 12, 1
        GATE64_IST 13, 1
        POKEW   TSS64 + 4 + 6, HOLE
        TO_RING3_64 0
        int     VEC
WANT VECTOR, 12
WANT ERROR, 0
WANT CS, CODE64_3
CASE64 hole.same
        GATE64_IST 12, 1
        GATE64_IST 13, 1
        mov     rsp, 0x800000001000
        int     VEC
WANT VECTOR, 12
WANT ERROR, 0
WANT RSP, 0x800000001000

# A handler's address that is not canonical: #GP(EXT), before anything is pushed.
CASE64 hole.handler.int
        POKEW   IDT + VEC * 16 + 10, HOLE
        MARK
        int     VEC
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0
WANT RSP, STACK_TOP
CASE64 hole.handler.ud
        POKEW   IDT + 6 * 16 + 10, HOLE
        MARK
        ud2
WANT VECTOR, 13
WANT ERROR, 1
WANT RIP, 0

# The stack's page is not there, or may not be written by ring 0.
CASE64 page.rsp0
        mov     eax, PT + 8 * (RSP0_TOP / 4096 - 1)
        mov     dword ptr [rax], 0
        GATE64_IST 14, 1
        TO_RING3_64 0
        MARK
        ud2
WANT VECTOR, 14
WANT ERROR, 2
WANT CR2, RSP0_TOP - 8
WANT RIP, 0
WANT FRAME, IST1_TOP
WANT CS, CODE64_3
CASE64 page.read.only
        mov     eax, PT + 8 * (RSP0_TOP / 4096 - 1)
        mov     byte ptr [rax], 5
        GATE64_IST 14, 1
        TO_RING3_64 0
        ud2
WANT VECTOR, 14
WANT ERROR, 3
WANT CR2, RSP0_TOP - 8

# Upper 32 bits of a stack pointer count.
CASE64 high.rsp0
        mov     eax, PML4 + 8
        mov     dword ptr [rax], PDPT + 7       # 512 GiB: the first GiB again
        POKED   TSS64 + 8, 0x80
        TO_RING3_64 0
        ud2
WANT VECTOR, 6
WANT FRAME, 0x8000000000 + RSP0_TOP
