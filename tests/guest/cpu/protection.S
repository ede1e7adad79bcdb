# protection.S -- #GP, #SS, #NP, #TS and #PF by their ordinary causes: exact error codes.
#
# Source: Intel SDM Vol. 3A, 6.13 "Error Code" and 6.15 "Exception and Interrupt Reference";
# Vol. 2 for each instruction's "Protected Mode Exceptions" and "64-Bit Mode Exceptions".

SUBJECT protection

# Privileged instructions in ring 3: #GP(0), whatever their operands.
.macro DO_HLT
        MARK
        hlt
.endm
.macro DO_CLI
        MARK
        cli
.endm
.macro DO_STI
        MARK
        sti
.endm
.macro DO_CLTS
        MARK
        clts
.endm
.macro DO_LGDT
        MARK
        lgdt    [eax]
.endm
.macro DO_LIDT
        MARK
        lidt    [eax]
.endm
.macro DO_LLDT
        MARK
        lldt    ax
.endm
.macro DO_LTR
        MARK
        ltr     ax
.endm
.macro DO_LMSW
        MARK
        lmsw    ax
.endm
.macro DO_RDMSR
        mov     ecx, MSR_EFER
        MARK
        rdmsr
.endm
.macro DO_WRMSR
        mov     ecx, MSR_EFER
        MARK
        wrmsr
.endm
.macro DO_INVLPG
        MARK
        invlpg  [eax]
.endm
.macro DO_WBINVD
        MARK
        wbinvd
.endm
.macro DO_INVD
        MARK
        .byte   0x0f, 0x08
.endm
.macro READ_CR0
        MARK
        .byte   0x0f, 0x20, 0xc0
.endm
.macro WRITE_CR3
        MARK
        .byte   0x0f, 0x22, 0xd8
.endm
.macro READ_DR7
        MARK
        .byte   0x0f, 0x21, 0xf8
.endm
.macro WRITE_DR7
        MARK
        .byte   0x0f, 0x23, 0xf8
.endm
.macro DO_IN
        MARK
        in      al, 0x80
.endm
.macro DO_OUTSB
        mov     esi, SCRATCH
        mov     edx, 0x80
        MARK
        outsb
.endm
FAULT_RING3 gp.hlt, NOTHING, DO_HLT, 13, 0, 0
FAULT_RING3 gp.cli, NOTHING, DO_CLI, 13, 0, 0
FAULT_RING3 gp.sti, NOTHING, DO_STI, 13, 0, 0
FAULT_RING3 gp.clts, NOTHING, DO_CLTS, 13, 0, 0
FAULT_RING3 gp.lgdt, NOTHING, DO_LGDT, 13, 0, 0
FAULT_RING3 gp.lidt, NOTHING, DO_LIDT, 13, 0, 0
FAULT_RING3 gp.lldt, NOTHING, DO_LLDT, 13, 0, 0
FAULT_RING3 gp.ltr, NOTHING, DO_LTR, 13, 0, 0
FAULT_RING3 gp.lmsw, NOTHING, DO_LMSW, 13, 0, 0
FAULT_RING3 gp.rdmsr, NOTHING, DO_RDMSR, 13, 0, 0
FAULT_RING3 gp.wrmsr, NOTHING, DO_WRMSR, 13, 0, 0
FAULT_RING3 gp.invlpg, NOTHING, DO_INVLPG, 13, 0, 0
FAULT_RING3 gp.wbinvd, NOTHING, DO_WBINVD, 13, 0, 0
FAULT_RING3 gp.invd, NOTHING, DO_INVD, 13, 0, 0
FAULT_RING3 gp.cr0, NOTHING, READ_CR0, 13, 0, 0
FAULT_RING3 gp.cr3, NOTHING, WRITE_CR3, 13, 0, 0
FAULT_RING3 gp.dr7.read, NOTHING, READ_DR7, 13, 0, 0
FAULT_RING3 gp.dr7.write, NOTHING, WRITE_DR7, 13, 0, 0
FAULT_RING3 gp.in, NOTHING, DO_IN, 13, 0, 0
FAULT_RING3 gp.outs, NOTHING, DO_OUTSB, 13, 0, 0

# #GP(0) in any ring: a 16-byte operand that is not aligned.
.macro MOVAPS_ODD
        mov     ebx, SCRATCH + 8
        MARK
        movaps  xmm0, [ebx]
.endm
FAULT gp.movaps, NOTHING, MOVAPS_ODD, 13, 0, 0

# Addresses that are not canonical: #GP(0), but #SS(0) if the stack segment is used.
.macro LOAD_HOLE
        mov     rbx, 0x800000000000
        MARK
        mov     al, [rbx]
.endm
.macro LOAD_HOLE_STACK
        mov     rbp, 0x800000000000
        MARK
        mov     al, [rbp]
.endm
.macro STORE_HOLE
        mov     rbx, 0xffff000000000000
        MARK
        mov     [rbx], eax
.endm
.macro LOAD_HOLE_ACROSS                 # its last bytes only
        mov     rbx, 0x7ffffffffffc
        MARK
        mov     rax, [rbx]
.endm
.macro JUMP_HOLE                        # the jump faults, not its target
        mov     rbx, 0x800000000000
        MARK
        jmp     rbx
.endm
.macro CALL_HOLE
        mov     rbx, 0x800000000000
        MARK
        call    rbx
.endm
FAULT64 gp.hole.load, NOTHING, LOAD_HOLE, 13, 0, 0
FAULT64 gp.hole.store, NOTHING, STORE_HOLE, 13, 0, 0
FAULT64 ss.hole.load, NOTHING, LOAD_HOLE_STACK, 12, 0, 0
FAULT64 gp.hole.across, NOTHING, LOAD_HOLE_ACROSS, 13, 0, 0
FAULT64 gp.hole.jump, NOTHING, JUMP_HOLE, 13, 0, 0
FAULT64 gp.hole.call, NOTHING, CALL_HOLE, 13, 0, 0

CASE64 ss.hole.push
        GATE64_IST 12, 1                # a handler needs a stack
        GATE64_IST 13, 1
        mov     rsp, 0x800000001000
        MARK
        push    rax
WANT VECTOR, 12
WANT ERROR, 0
WANT RIP, 0
WANT RSP, 0x800000001000
WANT FRAME, IST1_TOP

# Segment loads. SETUP makes a descriptor, whose selector the error code names.
.macro ABSENT_DATA                      # DPL 3, writable, not present
        SEL_DESC FREE_SEL, 0x0000ffff, 0x00cf7300
.endm
.macro LOAD_DS
        mov     eax, FREE_SEL + 3
        MARK
        mov     ds, eax
.endm
.macro LOAD_SS
        mov     eax, FREE_SEL + 3
        MARK
        mov     ss, eax
.endm
FAULT np.ds, ABSENT_DATA, LOAD_DS, 11, FREE_SEL, 0
FAULT_RING3 ss.ss, ABSENT_DATA, LOAD_SS, 12, FREE_SEL, 0
.macro EMPTY_DATA
.endm
FAULT gp.ds.system, EMPTY_DATA, LOAD_DS, 13, FREE_SEL, 0
.macro LOAD_BEYOND
        mov     eax, 0x1003
        MARK
        mov     ds, eax
.endm
FAULT gp.ds.limit, NOTHING, LOAD_BEYOND, 13, 0x1000, 0
.macro LOAD_BEYOND_LDT                  # there is no LDT: TI stays in the error code
        mov     eax, 0x17
        MARK
        mov     es, eax
.endm
FAULT gp.es.ldt, NOTHING, LOAD_BEYOND_LDT, 13, 0x14, 0
.macro LOAD_DS_RING0
        mov     eax, DATA
        MARK
        mov     ds, eax
.endm
FAULT_RING3 gp.ds.dpl, NOTHING, LOAD_DS_RING0, 13, DATA, 0
.macro LOAD_SS_NULL
        xor     eax, eax
        MARK
        mov     ss, eax
.endm
FAULT_RING3 gp.ss.null, NOTHING, LOAD_SS_NULL, 13, 0, 0
.macro LOAD_SS_CODE
        mov     eax, CODE32_3
        MARK
        mov     ss, eax
.endm
FAULT_RING3 gp.ss.code, NOTHING, LOAD_SS_CODE, 13, CODE32_3 - 3, 0
.macro LOAD_TSS_BUSY
        mov     eax, TSS64_SEL
        MARK
        ltr     ax
.endm
.macro LOAD_NULL_TSS
        xor     eax, eax
        MARK
        ltr     ax
.endm
CASE64 gp.ltr.busy
        LOAD_TSS_BUSY
WANT VECTOR, 13
WANT ERROR, TSS64_SEL
WANT RIP, 0
CASE64 gp.ltr.null
        LOAD_NULL_TSS
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0
CASE64 np.ltr
        SEL_ACCESS TSS32B_SEL, 0x09
        POKED   GDT + TSS32B_SEL + 8, 0
        mov     eax, TSS32B_SEL
        MARK
        ltr     ax
WANT VECTOR, 11
WANT ERROR, TSS32B_SEL
WANT RIP, 0
CASE64 np.lldt
        SEL_ACCESS LDT_SEL, 0x02
        mov     eax, LDT_SEL
        MARK
        lldt    ax
WANT VECTOR, 11
WANT ERROR, LDT_SEL
WANT RIP, 0
CASE64 gp.lldt.type
        mov     eax, DATA
        MARK
        lldt    ax
WANT VECTOR, 13
WANT ERROR, DATA
WANT RIP, 0

# #PF: CR2, and the error code: P 1, W/R 2, U/S 4, I/D 16.
.macro NO_PAGE
        mov     eax, PT + 8 * (SCRATCH / 4096)
        mov     dword ptr [rax], 0
.endm
.macro PF_LOAD
        mov     ebx, SCRATCH + 0x123
        MARK
        mov     al, [rbx]
.endm
.macro PF_STORE
        mov     ebx, SCRATCH + 0xfff
        MARK
        mov     [rbx], ax
.endm
.macro PF_CALL
        mov     ebx, SCRATCH + 0x10
        call    rbx
.endm
.macro PF_CASE name, body, error0, error3, address, field, rip
CASE64 \name.ring0
        NO_PAGE
        \body
WANT VECTOR, 14
WANT ERROR, \error0
WANT \field, \rip
WANT CR2, \address
CASE64 \name.ring3
        NO_PAGE
        TO_RING3_64 0
        \body
WANT VECTOR, 14
WANT ERROR, \error3
WANT \field, \rip
WANT CR2, \address
.endm
PF_CASE pf.load, PF_LOAD, 0, 4, SCRATCH + 0x123, RIP, 0
PF_CASE pf.store, PF_STORE, 2, 6, SCRATCH + 0xfff, RIP, 0
PF_CASE pf.fetch, PF_CALL, 0x10, 0x14, SCRATCH + 0x10, IP, SCRATCH + 0x10
