# system_cpuid.S -- CPUID in every mode, and that each feature it names is there, and no other:
# an instruction of each runs if the bit is set, and is undefined if not.
#
# Source: Intel SDM Vol. 2A, "CPUID", and the exceptions of each instruction. The features are
# rows of tests/conformance/tables/system_cpuid.py.

SUBJECT system_cpuid

.set CR4_OSXSAVE, 1 << 18

# refused: the handler of #UD. The instruction has not run: go on behind it.
.code64
refused:
        mov     [rsp], r14
        iretq

# FEATURE NAME, LEAF, SUBLEAF, REGISTER, BIT, BODY: R13 <- the bit, R12 <- whether BODY ran.
.macro FEATURE name, leaf, subleaf, register, bit, body
CASE64 feature.\name
        GATE64_TO 6, refused
        mov     rax, cr4
        or      eax, CR4_OSXSAVE
        mov     cr4, rax
        mov     eax, \leaf
        mov     ecx, \subleaf
        cpuid
        bt      \register, \bit
        setc    r13b
        lea     r14, [rip + feature.\name.behind]
        mov     ebx, SCRATCH
        mov     ecx, MSR_EFER           # for RDMSR
        mov     eax, 3                  # for XSAVE: x87 and SSE
        xor     edx, edx
        \body
        mov     r12d, 1
feature.\name.behind:
        xor     r12, r13
WANT R12, 0
.endm

# The vendor, and four registers whose upper halves are cleared.
.macro DO_VENDOR
        xor     eax, eax
        xor     ecx, ecx
        cpuid
.endm
.macro WANT_VENDOR
WANT_BITS RBX, 0xffffffff, 0x756e6547
WANT_BITS RDX, 0xffffffff, 0x49656e69
WANT_BITS RCX, 0xffffffff, 0x6c65746e
.endm
CASE64 vendor.64
        mov     rbx, -1
        mov     rcx, -1
        mov     rdx, -1
        mov     rax, 0xffffffff00000000
        cpuid
WANT RBX, 0x756e6547
WANT RDX, 0x49656e69
WANT RCX, 0x6c65746e
WANT_BITS RAX, 0xffffffff00000000, 0
CASE64 vendor.64.ring3
        TO_RING3_64 0
        DO_VENDOR
        WANT_VENDOR
CASE64 vendor.compat
        TO_COMPAT_64 CODE32_3, DATA_3, 0
        DO_VENDOR
        WANT_VENDOR
CASE32 vendor.32
        DO_VENDOR
        WANT_VENDOR
CASE32 vendor.32.ring3
        TO_RING3_32 0
        DO_VENDOR
        WANT_VENDOR
CASE32 vendor.v86
        TO_V86 FL_IOPL
        DO_VENDOR
        WANT_VENDOR
CASE16 vendor.16
        DO_VENDOR
        WANT_VENDOR
CASE_REAL vendor.real
        DO_VENDOR
        WANT_VENDOR

# A leaf above the last of its range has the last basic leaf's data: BELOW is 0 if all are equal.
.macro BEYOND name, leaf
CASE64 beyond.\name
        xor     eax, eax
        cpuid
        xor     ecx, ecx
        cpuid
        mov     esi, eax
        mov     edi, ebx
        mov     r8d, ecx
        mov     r9d, edx
        mov     eax, \leaf
        xor     ecx, ecx
        cpuid
        xor     eax, esi
        xor     ebx, edi
        xor     ecx, r8d
        xor     edx, r9d
WANT RAX, 0
WANT RBX, 0
WANT RCX, 0
WANT RDX, 0
.endm
BEYOND basic, 0x00001000
BEYOND extended, 0x80001000

# OSXSAVE is CR4's bit; RFLAGS.ID can be changed.
CASE64 osxsave.off
        mov     eax, 1
        cpuid
WANT_BITS RCX, 1 << 27, 0
CASE64 osxsave.on
        mov     rax, cr4
        or      eax, CR4_OSXSAVE
        mov     cr4, rax
        mov     eax, 1
        cpuid
WANT_BITS RCX, 1 << 27, 1 << 27
CASE64 id
        push    1 << 21
        popfq
        pushfq
        pop     rax
        push    2
        popfq
        pushfq
        pop     rcx
WANT_BITS RAX, 1 << 21, 1 << 21
WANT_BITS RCX, 1 << 21, 0

# Widths of addresses, as the reserved bits of paging have them; the area of XSAVE.
CASE64 widths
        mov     eax, 0x80000008
        cpuid
WANT_BITS RAX, 0xffff, 0x3028
CASE64 xsave.area
        mov     rax, cr4
        or      eax, CR4_OSXSAVE
        mov     cr4, rax
        mov     eax, 0xd
        xor     ecx, ecx
        cpuid
WANT RAX, 3
WANT RDX, 0
WANT RCX, 0x240
