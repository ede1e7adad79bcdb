# system_other.S -- XCR0, the time-stamp counter, performance counters, what descriptor-table
# registers may hold, and CPUID's word on what works.
#
# Source: Intel SDM Vol. 3A, 2.4 "Memory-Management Registers", 2.6 "Extended Control Registers";
# Vol. 2, "XSETBV", "XGETBV", "RDTSC", "RDPMC", "LGDT", "CPUID".

SUBJECT system_other

.set CR4_TSD, 1 << 2
.set CR4_OSXSAVE, 1 << 18

.macro WANT_GP
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0
.endm

# XCR0: #UD without CR4.OSXSAVE; then #GP(0) for what it cannot be.
.macro SET_OSXSAVE
        .byte   0x0f, 0x20, 0xe0        # mov eax, cr4
        or      eax, CR4_OSXSAVE
        .byte   0x0f, 0x22, 0xe0
.endm
.macro DO_XGETBV
        xor     ecx, ecx
        MARK
        .byte   0x0f, 0x01, 0xd0
.endm
.macro DO_XSETBV
        xor     ecx, ecx
        xor     edx, edx
        mov     eax, 1
        MARK
        .byte   0x0f, 0x01, 0xd1
.endm
FAULT xsetbv.off, NOTHING, DO_XSETBV, 6, NONE, 0
FAULT_RING3 xsetbv, SET_OSXSAVE, DO_XSETBV, 13, 0, 0
.macro REFUSE_XCR0 name, register, high, low
CASE64 xsetbv.\name
        SET_OSXSAVE
        mov     ecx, \register
        mov     edx, \high
        mov     eax, \low
        MARK
        .byte   0x0f, 0x01, 0xd1
        WANT_GP
.endm
REFUSE_XCR0 x87, 0, 0, 2                # bit 0 must be set
REFUSE_XCR0 none, 0, 0, 0
REFUSE_XCR0 avx, 0, 0, 7                # CPUID leaf 0Dh has x87 and SSE
REFUSE_XCR0 avx.without.sse, 0, 0, 5
REFUSE_XCR0 high, 0, 0x80000000, 3
REFUSE_XCR0 register, 1, 0, 1
CASE64 xsetbv.kept
        SET_OSXSAVE
        TO_RING3_64 0
        xor     ecx, ecx
        mov     rdx, -1
        .byte   0x0f, 0x01, 0xd0
        mov     ecx, 7
WANT_BITS RAX, ~2, 1
WANT RDX, 0
WANT RCX, 7
CASE64 xgetbv.register
        SET_OSXSAVE
        mov     ecx, 2
        MARK
        .byte   0x0f, 0x01, 0xd0
        WANT_GP

# The time-stamp counter: never backwards; CR4.TSD keeps it from ring 3.
.macro SET_TSD
        .byte   0x0f, 0x20, 0xe0
        or      eax, CR4_TSD
        .byte   0x0f, 0x22, 0xe0
.endm
.macro DO_RDTSC
        MARK
        rdtsc
.endm
.macro DO_RDTSCP
        MARK
        .byte   0x0f, 0x01, 0xf9
.endm
.macro DO_RDPMC
        xor     ecx, ecx
        MARK
        .byte   0x0f, 0x33
.endm
FAULT_RING3 rdtsc.tsd, SET_TSD, DO_RDTSC, 13, 0, 0
FAULT_RING3 rdtscp.tsd, SET_TSD, DO_RDTSCP, 13, 0, 0
FAULT rdpmc, NOTHING, DO_RDPMC, 13, 0, 0  # CPUID leaf 0Ah has no counters
CASE64 rdtsc.forward
        SET_TSD                         # ring 0 may always
        mov     r8d, 100
        xor     r9d, r9d
        xor     ebx, ebx
rdtsc.next:
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        cmp     rax, rbx
        jae     rdtsc.forward.on
        inc     r9d
rdtsc.forward.on:
        mov     rbx, rax
        dec     r8d
        jnz     rdtsc.next
WANT R9, 0
CASE64 rdtscp.aux
        mov     ecx, 0xc0000103
        mov     eax, 0x1357
        xor     edx, edx
        wrmsr
        mov     rcx, -1
        .byte   0x0f, 0x01, 0xf9
WANT RCX, 0x1357

# Bases of descriptor tables must be canonical.
.macro REFUSE_BASE name, instruction
CASE64 \name.hole
        mov     ebx, SCRATCH
        mov     rax, 0x8000000000000fff
        mov     [rbx], rax
        mov     eax, 0x8000
        mov     [rbx + 2], rax
        shl     rax, 32
        mov     [rbx + 2], rax
        MARK
        \instruction [rbx]
        WANT_GP
.endm
REFUSE_BASE lgdt, lgdt
REFUSE_BASE lidt, lidt
.macro REFUSE_SELECTOR name, type, instruction
CASE64 \name.hole
        SEL_DESC FREE_SEL, 0x67, 0x8000 + \type * 0x100
        POKED   GDT + FREE_SEL + 8, 0x8000
        POKED   GDT + FREE_SEL + 12, 0
        mov     eax, FREE_SEL
        MARK
        \instruction ax
WANT VECTOR, 13
WANT ERROR, FREE_SEL
WANT RIP, 0
.endm
REFUSE_SELECTOR lldt, 2, lldt
REFUSE_SELECTOR ltr, 9, ltr
