# system_msrs.S -- RDMSR and WRMSR: which registers there are, what they keep, and which values
# are #GP(0).
#
# Source: Intel SDM Vol. 2B, "RDMSR" and "WRMSR"; Vol. 4, 2.1 "Architectural MSRs"; Vol. 3A, 2.2.1
# and 4.1 for EFER, 11.11 for MTRRs, 11.12 for PAT. Rows: tests/conformance/tables/system_msrs.py.

SUBJECT system_msrs

# LOAD_MSR MSR, HIGH, LOW: ECX, EDX and EAX for WRMSR.
.macro LOAD_MSR msr, high, low
        mov     ecx, \msr
        mov     edx, \high
        mov     eax, \low
.endm
.macro WANT_GP
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0
.endm
.macro REFUSED name, msr, high, low
CASE64 \name
        LOAD_MSR \msr, \high, \low
        MARK
        wrmsr
        WANT_GP
.endm
.macro REFUSED32 name, msr, high, low
CASE32 \name
        LOAD_MSR \msr, \high, \low
        MARK
        wrmsr
        WANT_GP
.endm
.macro ABSENT name, msr
CASE64 \name.read
        mov     ecx, \msr
        MARK
        rdmsr
        WANT_GP
CASE64 \name.write
        LOAD_MSR \msr, 0, 0
        MARK
        wrmsr
        WANT_GP
.endm
# KEPT: written, read back, and written as it was.
.macro KEPT name, msr, high, low
CASE64 \name
        mov     ecx, \msr
        rdmsr
        mov     esi, eax
        mov     edi, edx
        LOAD_MSR \msr, \high, \low
        wrmsr
        xor     eax, eax
        xor     edx, edx
        rdmsr
        mov     r8, rax
        mov     r9, rdx
        mov     eax, esi
        mov     edx, edi
        wrmsr
WANT R8, \low
WANT R9, \high
.endm
.macro READS name, msr, mask, high, low
CASE64 \name
        mov     ecx, \msr
        mov     rax, -1
        mov     rdx, -1
        rdmsr
WANT_BITS RAX, \mask, \low
WANT RDX, \high
.endm

# EFER. LMA tells, and is not told; LME may not change while paging is on.
CASE64 efer.read
        mov     ecx, MSR_EFER
        rdmsr
WANT RAX, 0xd01
WANT RDX, 0
CASE64 efer.lme.clear
        LOAD_MSR MSR_EFER, 0, 0xc01
        btr     eax, 8
        MARK
        wrmsr
        WANT_GP
CASE32 efer.lme.paging                  # 32-bit paging, an identity map of 4 MiB pages
        call    paging32
        LOAD_MSR MSR_EFER, 0, 0x100
        MARK
        wrmsr
        WANT_GP
CASE32 efer.lme.no_paging               # and then, no LMA
        LOAD_MSR MSR_EFER, 0, 0x901
        wrmsr
        rdmsr
WANT_BITS RAX, 0xffffffff, 0x901
CASE32 efer.nxe.paging                  # NXE and SCE may change
        call    paging32
        LOAD_MSR MSR_EFER, 0, 0x801
        wrmsr
        rdmsr
WANT_BITS RAX, 0xffffffff, 0x801
        HOME
paging32:
        mov     dword ptr [PD], 0x87
        mov     eax, PD
        mov     cr3, eax
        mov     eax, CR4_PROT | 1 << 4
        mov     cr4, eax
        mov     eax, CR0_PROT | 1 << 31
        mov     cr0, eax
        ret

# The operands: ECX alone selects; RDMSR clears the upper halves, and WRMSR takes the lower.
CASE64 operands.rdmsr
        mov     rcx, 0x1234567800000000 + MSR_EFER
        mov     rax, -1
        mov     rdx, -1
        rdmsr
WANT RAX, 0xd01
WANT RDX, 0
CASE64 operands.wrmsr
        mov     rcx, 0x12345678c0000102
        mov     rax, 0xffffffff00001000
        mov     rdx, 0xffffffff00000000
        wrmsr
        xor     eax, eax
        rdmsr
WANT RAX, 0x1000
WANT RDX, 0

# What MOV to FS and the base registers have to do with one another.
CASE64 fs_base.mov
        LOAD_MSR 0xc0000100, 0x1234, 0x5678
        wrmsr
        mov     eax, DATA
        mov     fs, eax
        xor     eax, eax
        rdmsr
WANT RAX, 0
WANT RDX, 0
CASE64 gs_base.kept                     # selectors do not tell
        mov     eax, DATA
        mov     gs, eax
        LOAD_MSR 0xc0000101, 0, SCRATCH
        wrmsr
        mov     ebx, SCRATCH
        mov     dword ptr [rbx + 0x10], 0x5566
        mov     ecx, gs:[rbp + 0x10]
        mov     edx, gs
WANT RCX, 0x5566
WANT RDX, DATA

# The time-stamp counter is MSR 10h, between two RDTSC.
CASE64 tsc
        rdtsc
        shl     rdx, 32
        lea     rsi, [rax + rdx]
        mov     ecx, 0x10
        rdmsr
        shl     rdx, 32
        lea     rdi, [rax + rdx]
        rdtsc
        shl     rdx, 32
        add     rax, rdx
        xor     ecx, ecx
        cmp     rdi, rsi
        setae   cl
        cmp     rax, rdi
        setae   ch
WANT RCX, 0x101

# Ring 3, virtual-8086 mode and compatibility mode. In real mode both work.
CASE32 v86.rdmsr
        TO_V86 FL_IOPL
        mov     ecx, MSR_EFER
        MARK
        rdmsr
        WANT_GP
CASE32 v86.wrmsr
        TO_V86 FL_IOPL
        mov     ecx, MSR_EFER
        MARK
        wrmsr
        WANT_GP
CASE_REAL real
        mov     ecx, 0x174
        mov     eax, 0x1234
        mov     edx, 0
        wrmsr
        mov     eax, 0
        rdmsr
WANT_BITS RAX, 0xffffffff, 0x1234
