# paging_fetch.S -- page faults of instruction fetches across pages, of the processor's own
# accesses, and while an exception is delivered; addresses that are not canonical.
#
# Source: Intel SDM Vol. 3A, 4.6.1 "Determination of Access Rights" (implicit supervisor-mode
# accesses), 4.7 "Page-Fault Exceptions", 6.9 "Priority among Simultaneous Exceptions", 6.15
# "Interrupt 8"; Vol. 1, 3.3.7.1 "Canonical Addressing".

SUBJECT paging_fetch

.set GOOD,  0x72000
.set BAD,   0x73000
.set NX,    1 << 63

# PAGE ADDRESS, VALUE: its entry in the identity map. Clobbers rax and rdi.
.macro PAGE address, value
        mov     edi, PT + ((\address) / 0x1000) * 8
        mov     rax, (\address) + \value
        mov     [rdi], rax
        mov     edi, \address
        invlpg  [rdi]
.endm
.macro RING0
.endm
.macro RING3
        TO_RING3_64 0
.endm

# FETCH NAME, RING, AT, CODE, VALUE, ERROR, RIP, CR2, COUNT: eight bytes of CODE lie at AT, which
# is near the end of GOOD; BAD's entry has VALUE. RCX counts instructions that were run.
.macro FETCH name, ring, at, code, value, error, rip, cr2, count
CASE64 \name
        mov     rax, \code
        mov     ebx, \at
        mov     [rbx], rax
        PAGE    BAD, \value
        \ring
        xor     ecx, ecx
        jmp     rbx
WANT VECTOR, 14
WANT ERROR, \error
WANT IP, \rip
WANT CR2, \cr2
WANT RCX, \count
.endm
.macro FETCH_BOTH name, at, code, value, error, rip, cr2, count
        FETCH \name.ring0, RING0, \at, \code, \value, \error, \rip, \cr2, \count
        FETCH \name.ring3, RING3, \at, \code, \value, \error + 4, \rip, \cr2, \count
.endm
# "inc ecx" is FF C1, "mov ecx, imm32" is B9 and four bytes, "nop" is 90.
.set INC4, 0xc1ffc1ffc1ffc1ff
.set INC2_MOV, 0x000007b9c1ffc1ff
.set NOP3_MOV, 0x000007b9c1ff9090       # nop nop, inc ecx, mov ecx, 7 (and its last byte is beyond)

# Straight on into the page: RIP and CR2 are its first byte, all before it has run.
FETCH_BOTH straight.missing, BAD - 8, INC4, 0, 0x10, BAD, BAD, 4
FETCH_BOTH straight.nx, BAD - 8, INC4, NX + 7, 0x11, BAD, BAD, 4
FETCH straight.supervisor.ring3, RING3, BAD - 8, INC4, 3, 0x15, BAD, BAD, 4
# An instruction across the boundary: RIP is its first byte, CR2 the first that is not there.
FETCH_BOTH across.missing, BAD - 8, NOP3_MOV, 0, 0x10, BAD - 4, BAD, 1
FETCH_BOTH across.nx, BAD - 8, NOP3_MOV, NX + 7, 0x11, BAD - 4, BAD, 1
FETCH_BOTH across.operand, BAD - 8, 0x25048a9090c1ff90, 0, 0x10, BAD - 3, BAD, 1
FETCH across.supervisor.ring3, RING3, BAD - 8, NOP3_MOV, 3, 0x15, BAD - 4, BAD, 1
FETCH_BOTH across.reserved, BAD - 8, NOP3_MOV, (1 << 40) + 7, 0x19, BAD - 4, BAD, 1

# The page behind does not matter: to a jump that is the last instruction, to an instruction that
# faults itself, to one that is undefined whatever follows, to INT n.
.macro BEFORE name, at, code, value, vector
CASE64 \name
        mov     rax, \code
        mov     ebx, \at
        mov     [rbx], rax
        PAGE    BAD, \value
        TO_RING3_64 0
        xor     ecx, ecx
        jmp     rbx
WANT VECTOR, \vector
.endm
BEFORE before.int, BAD - 8, 0xfecdc1ffc1ffc1ff, 0, DONE
BEFORE before.ud2, BAD - 8, 0x0b0fc1ffc1ffc1ff, 0, 6
BEFORE before.hlt, BAD - 8, 0xf4c1ffc1ffc1ff90, 0, 13
BEFORE before.div, BAD - 8, 0xf1f7c1ff9090c931, 0, 14
WANT ERROR, 0x14                        # the quotient fits: the fetch behind DIV
BEFORE before.div.zero, BAD - 8, 0xf1f79090c931c931, 0, 0
CASE64 before.jump                      # back to "inc ecx; int DONE"
        mov     rax, 0xf9eb90fecdc1ff90
        mov     ebx, BAD - 8
        mov     [rbx], rax
        PAGE    BAD, 0
        lea     ebx, [rbx + 6]
        jmp     rbx
WANT RCX, 1

# A page whose right to execute comes back without INVLPG after the fault (4.10.4.1).
CASE64 resumed
        GATE64_TO 14, allow
        mov     rax, NOP3_MOV
        mov     ebx, BAD - 8
        mov     [rbx], rax
        mov     eax, 0xfecd00           # the last byte of the MOV, then INT DONE
        mov     [rbx + 8], eax
        PAGE    BAD, NX + 7
        jmp     rbx
allow:
        add     rsp, 8
        mov     edi, PT + (BAD / 0x1000) * 8 + 4
        mov     dword ptr [rdi], 0
        iretq
WANT RCX, 7

# Implicit accesses are a supervisor's in any ring: tables in pages that are not the user's work,
# and a fault on one has U/S clear. The LDT is in BAD: selectors 7, 0Fh ..., RPL 3.
.macro LDT_IN_BAD
        SEL_DESC LDT_SEL, 0x30000fff, 0x8207
        mov     eax, BAD
        mov     ebx, 0xffff
        mov     [rax], rbx
        mov     dword ptr [rax + 4], 0x00cff200
        mov     eax, LDT_SEL
        lldt    ax
.endm
.macro LOAD_LDT
        mov     eax, 7
        MARK
        mov     es, eax
.endm
.macro WANT_PF error, rip, cr2
WANT VECTOR, 14
WANT ERROR, \error
WANT RIP, \rip
WANT CR2, \cr2
.endm
CASE64 implicit.tables                  # GDT, IDT, TSS and ring 0's stack, from ring 3
        PAGE    GDT, 3
        PAGE    IDT, 3
        PAGE    TSS64, 3
        PAGE    RSP0_TOP - 0x1000, 3
        TO_RING3_64 0
        mov     eax, DATA_3
        mov     ds, eax
        mov     ecx, 7
WANT RCX, 7
WANT CS, CODE64_3
CASE64 implicit.ldt
        LDT_IN_BAD
        PAGE    BAD, 3
        TO_RING3_64 0
        LOAD_LDT
        mov     ecx, es
WANT RCX, 7
CASE64 implicit.ldt.missing
        LDT_IN_BAD
        PAGE    BAD, 6
        TO_RING3_64 0
        LOAD_LDT
        WANT_PF 0, 0, BAD
CASE64 implicit.ldt.missing.ring0
        LDT_IN_BAD
        PAGE    BAD, 6
        LOAD_LDT
        WANT_PF 0, 0, BAD
CASE64 implicit.ldt.read_only           # its accessed bit is to be set
        LDT_IN_BAD
        PAGE    BAD, 5
        TO_RING3_64 0
        LOAD_LDT
WANT VECTOR, 14
WANT ERROR, 3
WANT RIP, 0
WANT_BITS CR2, ~7, BAD
CASE64 implicit.ldt.accessed            # it is set: nothing is written
        LDT_IN_BAD
        POKEB   BAD + 5, 0xf3
        PAGE    BAD, 5
        TO_RING3_64 0
        LOAD_LDT
        mov     ecx, es
WANT RCX, 7
CASE64 implicit.lar.missing
        LDT_IN_BAD
        PAGE    BAD, 6
        TO_RING3_64 0
        mov     eax, 7
        MARK
        lar     ecx, eax
        WANT_PF 0, 0, BAD
CASE64 implicit.bitmap.missing          # a TSS at GOOD + F00h, with its I/O bitmap in BAD
        mov     esi, TSS64
        mov     edi, GOOD + 0xf00
        mov     ecx, 0x68
        rep     movsb
        POKEW   GOOD + 0xf66, 0x100
        PAGE    BAD, 0
        SEL_DESC TSS64_SEL, 0x2f0001ff, 0x8907
        mov     eax, TSS64_SEL
        ltr     ax
        TO_RING3_64 0
        MARK
        in      al, 0x80
        WANT_PF 0, 0, BAD + 0x10

# IDT in two pages, of which the second, from vector 80h on, is BAD.
.macro IDT_ACROSS value
        mov     esi, IDT
        mov     edi, BAD - 0x800
        mov     ecx, 0x1000
        rep     movsb
        PAGE    BAD, \value
        mov     ebx, SCRATCH
        mov     word ptr [rbx], 0xfff
        mov     dword ptr [rbx + 2], BAD - 0x800
        mov     dword ptr [rbx + 6], 0
        lidt    [rbx]
.endm
CASE64 idt.missing.ring0
        IDT_ACROSS 0
        MARK
        int     0x90
        WANT_PF 0, 0, BAD + 0x100
CASE64 idt.missing.ring3                # an implicit access again, and before the gate's DPL
        IDT_ACROSS 0
        TO_RING3_64 0
        MARK
        int     0x90
        WANT_PF 0, 0, BAD + 0x100
CASE64 idt.supervisor
        IDT_ACROSS 3
        TO_RING3_64 0
        mov     ecx, 7
WANT RCX, 7

# Faults while a fault is delivered. IST1 is in BAD, whose first byte below its end is CR2.
.macro IST1_IN_BAD
        POKED   TSS64 + 0x24, BAD + 0x1000
        PAGE    BAD, 0
.endm
.macro RSP0_IN_BAD
        POKED   TSS64 + 4, BAD + 0x1000
        PAGE    BAD, 0
.endm
.macro DELIVERY name, setup, ring, body, vector, error, cr2
CASE64 delivery.\name
        \setup
        \ring
        \body
WANT VECTOR, \vector
WANT ERROR, \error
WANT RIP, 0
WANT CR2, \cr2
.endm
.macro DO_UD
        MARK
        ud2
.endm
.macro DO_DE
        xor     ecx, ecx
        MARK
        div     ecx
.endm
.macro DO_PF
        mov     eax, BAD
        MARK
        mov     al, [rax + 8]
.endm
.macro UD_ON_IST1
        IST1_IN_BAD
        GATE64_IST 6, 1
.endm
.macro DE_ON_IST1
        IST1_IN_BAD
        GATE64_IST 0, 1
.endm
.macro PF_ON_IST1
        IST1_IN_BAD
        GATE64_IST 14, 1
.endm
.macro RSP0_BAD_HELP                    # #PF and #DF have stacks of their own
        RSP0_IN_BAD
        GATE64_IST 14, 2
        GATE64_IST 8, 3
.endm
.macro RSP0_BAD_DF
        RSP0_IN_BAD
        GATE64_IST 8, 3
.endm
# #UD and #DE, then #PF: one after the other. #PF, then #PF: #DF.
DELIVERY ud.ist, UD_ON_IST1, RING0, DO_UD, 14, 2, BAD + 0xff8
DELIVERY ud.ist.ring3, UD_ON_IST1, RING3, DO_UD, 14, 2, BAD + 0xff8
DELIVERY de.ist, DE_ON_IST1, RING0, DO_DE, 14, 2, BAD + 0xff8
DELIVERY de.ist.ring3, DE_ON_IST1, RING3, DO_DE, 14, 2, BAD + 0xff8
DELIVERY pf.ist, PF_ON_IST1, RING0, DO_PF, 8, 0, BAD + 0xff8
DELIVERY pf.ist.ring3, PF_ON_IST1, RING3, DO_PF, 8, 0, BAD + 0xff8
DELIVERY ud.rsp0, RSP0_BAD_HELP, RING3, DO_UD, 14, 2, BAD + 0xff8
DELIVERY ud.rsp0.df, RSP0_BAD_DF, RING3, DO_UD, 8, 0, BAD + 0xff8
DELIVERY de.rsp0.df, RSP0_BAD_DF, RING3, DO_DE, 8, 0, BAD + 0xff8
DELIVERY pf.rsp0.df, RSP0_BAD_DF, RING3, DO_PF, 8, 0, BAD + 0xff8
# And #PF while #DF is delivered: shutdown.
CASE64 delivery.shutdown
        RSP0_IN_BAD
        TO_RING3_64 0
        ud2
WANT VECTOR, SHUTDOWN
CASE64 delivery.idt.shutdown
        IDT_ACROSS 0
        mov     ebx, SCRATCH
        mov     dword ptr [rbx + 2], BAD
        lidt    [rbx]
        ud2
WANT VECTOR, SHUTDOWN

# The last page below the hole, at 7FFFFFFFF000h, is 77000h: each table's last entry, PML4's 255th.
.set EDGE, 0x7ffffffff000
.macro MAP_EDGE
        mov     eax, 0x74000
        mov     dword ptr [rax + 511 * 8], 0x75007
        mov     dword ptr [rax + 511 * 8 + 4], 0
        mov     dword ptr [rax + 0x1000 + 511 * 8], 0x76007
        mov     dword ptr [rax + 0x1000 + 511 * 8 + 4], 0
        mov     dword ptr [rax + 0x2000 + 511 * 8], 0x77007
        mov     dword ptr [rax + 0x2000 + 511 * 8 + 4], 0
        mov     eax, PML4 + 255 * 8
        mov     dword ptr [rax], 0x74007
        mov     rbx, EDGE
.endm
CASE64 hole.stos                        # eight bytes are below it
        MAP_EDGE
        lea     rdi, [rbx + 0xff8]
        mov     ecx, 0x10
        MARK
        rep stosb
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0
WANT RCX, 8
WANT RDI, EDGE + 0x1000
CASE64 hole.fetch                       # "inc ecx" is the last instruction there
        MAP_EDGE
        mov     word ptr [rbx + 0xffe], 0xc1ff
        add     rbx, 0xffe
        jmp     rbx
WANT VECTOR, 13
WANT ERROR, 0
WANT IP, EDGE + 0x1000
WANT RCX, 1
CASE64 hole.across                      # as in protection.S, but its first bytes are there
        MAP_EDGE
        MARK
        mov     rax, [rbx + 0xffc]
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0
CASE64 hole.store.across
        MAP_EDGE
        mov     dword ptr [rbx + 0xffc], 0x11111111
        MARK
        mov     [rbx + 0xffc], rcx
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0
WANT_MEM 0x77ff8, 0xffffffff00000000, 0x1111111100000000
CASE64 hole.segment                     # the linear address counts, not the offset
        MAP_EDGE
        mov     ecx, 0xc0000100         # IA32_FS_BASE
        mov     eax, 0xfffff000
        mov     edx, 0x7fff
        wrmsr
        mov     ebx, 0x1000
        MARK
        mov     al, fs:[rbx]
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0
CASE64 hole.no_access                   # LEA, NOP, PREFETCH and INVLPG take any address
        mov     rbx, 0x800000000000
        lea     rcx, [rbx]
        nop     dword ptr [rbx]
        prefetcht0 [rbx]
        invlpg  [rbx]
        mov     ecx, 7
WANT RCX, 7
CASE64 hole.clflush
        mov     rbx, 0x800000000000
        MARK
        clflush [rbx]
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0
CASE64 missing.clflush                  # an access as a read of a byte
        PAGE    BAD, 0
        mov     ebx, BAD + 5
        MARK
        clflush [rbx]
WANT VECTOR, 14
WANT ERROR, 0
WANT RIP, 0
WANT CR2, BAD + 5
