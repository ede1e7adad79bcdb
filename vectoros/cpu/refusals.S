# refusals.S -- what the CPU refuses before Unicorn's own routine does it. See refusals.py.
#
# Assembled at its final address. Each routine is entered where Unicorn's began, called
# by translated code, and goes on behind what its beginning was, or raises #GP(0).
# Names in capitals are from refusals.py: offsets into the register file, masks,
# and host addresses in Unicorn's code.

# MOV to a control register. rdi register file, esi its number, rdx the value.
write_cr:
        test    dword ptr [rdi + ENV_HFLAGS], HF_CS64
        jnz     wide
        mov     edx, edx                # outside 64-bit mode only 32 bits are written
wide:
        cmp     esi, 4
        je      write_cr4
        cmp     esi, 3
        je      write_cr3
        cmp     esi, 8
        je      write_cr8
        test    esi, esi
        jnz     write_cr_goes_on

        mov     rax, rdx                # CR0
        shr     rax, 32
        jnz     refused
        test    edx, CR0_PG
        jz      paging_off
        test    edx, CR0_PE
        jz      refused
        test    dword ptr [rdi + ENV_CR0], CR0_PG
        jnz     caches
        test    dword ptr [rdi + ENV_EFER], EFER_LME
        jz      caches
        test    dword ptr [rdi + ENV_CR4], CR4_PAE      # IA-32e mode is about to begin
        jz      refused
        test    dword ptr [rdi + ENV_CS_FLAGS], DESC_L
        jnz     refused
        mov     eax, [rdi + ENV_TR_FLAGS]
        and     eax, DESC_P | TSS_32
        cmp     eax, DESC_P                             # a 16-bit TSS; or, not ours, none
        je      refused
        jmp     caches
paging_off:
        test    dword ptr [rdi + ENV_CR0], CR0_PG
        jz      caches
        test    dword ptr [rdi + ENV_HFLAGS], HF_CS64
        jnz     refused
caches:
        test    edx, CR0_NW
        jz      write_cr_goes_on
        test    edx, CR0_CD
        jz      refused
        jmp     write_cr_goes_on

write_cr3:
        mov     rax, rdx
        shr     rax, PHYSICAL_BITS
        jnz     refused
        jmp     write_cr_goes_on

write_cr8:
        mov     rax, rdx
        shr     rax, 4
        jnz     refused
        mov     [rdi + ENV_CR8], rdx
        ret

write_cr4:
        mov     rax, rdx
        shr     rax, 32
        jnz     refused
        mov     eax, [rdi + ENV_CR4]    # no bit of it is reserved that is set; but another
        not     eax                     # program's Unicorn has more features than our CPU
        and     eax, edx
        test    eax, CR4_RESERVED
        jnz     refused
        test    edx, CR4_PAE
        jnz     write_cr_goes_on
        test    dword ptr [rdi + ENV_EFER], EFER_LMA
        jnz     refused
write_cr_goes_on:
        push    r12
        mov     r12, rdx
        xor     edx, edx
        push    rbp
        mov     rbp, rdi
        push    rbx
        movsxd  rbx, esi
        mov     rax, WRITE_CR_GOES_ON
        jmp     rax

# MOV from a control register. rdi register file, esi its number.
read_cr:
        cmp     esi, 8
        jne     read_cr_goes_on
        mov     rax, [rdi + ENV_CR8]
        ret
read_cr_goes_on:
        push    rbp
        xor     edx, edx
        mov     rbp, rdi
        push    rbx
        movsxd  rbx, esi
        mov     esi, ebx
        sub     rsp, 8
        mov     rax, READ_CR_GOES_ON
        jmp     rax

# RDMSR. rdi register file.
rdmsr:
        call    rule
        cmp     ecx, ABSENT
        je      refused
        cmp     ecx, CLOCK
        je      clock
        push    rbx
        mov     rcx, [rsp + 8]
        mov     rbx, rdi
        xor     edx, edx
        mov     esi, SVM_MSR
        mov     rax, RDMSR_GOES_ON
        jmp     rax

clock:                                  # Unicorn's RDTSC calls the engine's hook
        mov     rax, RDTSC
        jmp     rax

# WRMSR. rdi register file.
wrmsr:
        call    rule
        mov     eax, [rdi + ENV_RAX]
        mov     r10d, [rdi + ENV_RDX]
        shl     r10, 32
        or      r10, rax                # the value
        cmp     ecx, ABSENT
        je      refused
        cmp     ecx, READ_ONLY
        je      refused
        cmp     ecx, CANONICAL
        je      canonical
        cmp     ecx, LOW_HALF
        je      low_half
        cmp     ecx, MEMORY_TYPES
        je      memory_types
        cmp     ecx, FIXED_RANGES
        je      fixed_ranges
        cmp     ecx, RANGE
        je      range
        cmp     ecx, DEFAULT_TYPE
        je      default_type
        cmp     ecx, MODES
        jne     wrmsr_goes_on

        mov     rax, r10                # EFER
        shr     rax, 32
        jnz     refused
        test    r10d, EFER_RESERVED
        jnz     refused
        mov     eax, [rdi + ENV_EFER]
        xor     eax, r10d
        test    eax, EFER_LME
        jz      wrmsr_goes_on
        test    dword ptr [rdi + ENV_CR0], CR0_PG
        jnz     refused
        jmp     wrmsr_goes_on
canonical:
        mov     rax, r10
        sar     rax, 47
        add     rax, 1                  # 0 or 1: bits 63:47 are alike
        shr     rax, 1
        jnz     refused
        jmp     wrmsr_goes_on
low_half:
        shr     r10, 32
        jnz     refused
        jmp     wrmsr_goes_on
range:                                  # an MTRR's base if the number is even, else its mask
        mov     rax, r10
        shr     rax, PHYSICAL_BITS
        jnz     refused
        test    byte ptr [rdi + ENV_RCX], 1
        jnz     range_mask
        test    r10d, 0xf00
        jnz     refused
        jmp     one_type
range_mask:
        test    r10d, 0x7ff
        jnz     refused
        jmp     wrmsr_goes_on
default_type:                           # bits 11 and 10 turn MTRRs on
        mov     rax, r10
        shr     rax, 12
        jnz     refused
        test    r10d, 0x300
        jnz     refused
one_type:
        mov     ecx, 1
        jmp     range_types
fixed_ranges:
        mov     ecx, 8
range_types:
        mov     r9d, 6                  # UC- is PAT's alone
        jmp     each
memory_types:
        mov     ecx, 8
        mov     r9d, 7
each:                                   # ecx bytes: 0, 1, 4, 5, 6 or, up to r9d, 7
        mov     eax, r10d
        and     eax, 0xff
        cmp     eax, r9d
        ja      refused
        sub     eax, 2
        cmp     eax, 1
        jbe     refused
        shr     r10, 8
        dec     ecx
        jnz     each
wrmsr_goes_on:
        push    rbp
        mov     rcx, [rsp + 8]
        mov     rbp, rdi
        mov     edx, 1
        mov     esi, SVM_MSR
        mov     rax, WRMSR_GOES_ON
        jmp     rax

# rule: ecx <- the rule for the MSR that ECX names. rdi register file.
rule:
        mov     eax, [rdi + ENV_RCX]
        mov     r8, RULES
        mov     r9, RULES_END
row:
        cmp     eax, dword ptr [r8]
        jb      below
        cmp     eax, dword ptr [r8 + 4]
        jbe     found
below:
        add     r8, 12
        cmp     r8, r9
        jb      row
        xor     ecx, ecx
        ret
found:
        mov     ecx, dword ptr [r8 + 8]
        ret

# XSETBV. rdi register file, esi the register's number, rdx the value.
xsetbv:
        test    dword ptr [rdi + ENV_CR4], CR4_OSXSAVE
        jz      xsetbv_goes_on          # to #UD
        mov     rax, rdx
        shr     rax, 32
        jnz     refused
        test    edx, XCR0_RESERVED
        jnz     refused
xsetbv_goes_on:
        push    rbp
        mov     rbp, rdi
        push    rbx
        sub     rsp, 24
        test    dword ptr [rdi + ENV_CR4], CR4_OSXSAVE
        mov     rax, XSETBV_GOES_ON
        jmp     rax

# LTR. rdi register file, esi the selector.
ltr:
        test    esi, 0xfffc
        jz      refused
        push    r15
        mov     eax, esi
        mov     r15, rdi
        push    r14
        push    r13
        push    r12
        movzx   r12d, si
        mov     rcx, LTR_GOES_ON
        jmp     rcx

# SYSRET. rdi register file, esi 2 if it goes to 64-bit code.
sysret:
        test    dword ptr [rdi + ENV_HFLAGS], HF_CS64
        jz      undefined
        test    dword ptr [rdi + ENV_EFER], EFER_SCE
        jz      undefined
        cmp     esi, 2
        jne     sysret_goes_on
        mov     rax, [rdi + ENV_RCX]
        sar     rax, 47
        add     rax, 1
        shr     rax, 1
        jnz     refused
sysret_goes_on:
        test    dword ptr [rdi + ENV_HFLAGS], HF_CPL
        jnz     refused
        mov     rax, [rdi + ENV_R11]
        push    rax
        push    rdi
        sub     rsp, 8
        mov     rcx, rax                # RFLAGS <- R11 without RF and VM, but R11 stays
        btr     rcx, FLAG_VM_BIT
        btr     rcx, FLAG_RF_BIT
        mov     [rdi + ENV_R11], rcx
        call    sysret_helper           # nothing is left that it could raise
        add     rsp, 8
        pop     rdi
        pop     rax
        mov     [rdi + ENV_R11], rax
        ret
sysret_helper:
        push    rbp
        mov     rbp, rdi
        mov     rax, SYSRET_GOES_ON
        jmp     rax

# SYSEXIT. rdi register file, esi 2 if it goes to 64-bit code.
sysexit:
        test    dword ptr [rdi + ENV_SYSENTER_CS], 0xfffc
        jz      refused
        test    dword ptr [rdi + ENV_HFLAGS], HF_CPL
        jnz     refused
        mov     rax, [rdi + ENV_RCX]
        mov     rcx, [rdi + ENV_RDX]
        cmp     esi, 2
        je      sysexit_wide
        mov     eax, eax
        mov     ecx, ecx
        mov     [rdi + ENV_RCX], rax
        mov     [rdi + ENV_RDX], rcx
sysexit_wide:
        sar     rax, 47
        add     rax, 1
        shr     rax, 1
        jnz     refused
        sar     rcx, 47
        add     rcx, 1
        shr     rcx, 1
        jnz     refused
        push    rbp
        mov     eax, [rdi + ENV_HFLAGS]
        mov     rbp, rdi
        mov     edx, [rdi + ENV_SYSENTER_CS]
        mov     rcx, SYSEXIT_GOES_ON
        jmp     rcx

# RDPMC: there are no counters (CPUID, leaf 0Ah). Unicorn raises #UD.
rdpmc:
        jmp     refused

# IRET outside of real mode. rdi register file, esi 2 if it is IRETQ, edx the next EIP.
iret:
        cmp     esi, 2
        jne     iret_goes_on
        test    dword ptr [rdi + ENV_HFLAGS], HF_CS64
        jz      iret_goes_on
        test    dword ptr [rdi + ENV_EFLAGS], FLAG_NT
        jnz     iret_goes_on            # to #GP(0)
        push    rdi
        push    rsi
        push    rdx
        mov     rsi, [rdi + ENV_RSP]
        mov     rdx, [rsp + 24]         # the block's code that called, should it fault
        mov     rax, LOAD_QUAD
        call    rax
        pop     rdx
        pop     rsi
        pop     rdi
        sar     rax, 47
        add     rax, 1
        shr     rax, 1
        jnz     refused
iret_goes_on:
        push    r15
        push    r14
        push    r13
        push    r12
        push    rbp
        mov     rbp, rdi
        push    rbx
        sub     rsp, 24
        mov     rcx, IRET_GOES_ON
        jmp     rcx

undefined:
        mov     esi, 6                  # #UD
        jmp     raise
refused:
        mov     esi, 13                 # #GP(0)
raise:
        push    rax                     # aligns the stack
        mov     rcx, [rsp + 8]          # the block's code that called: tells RIP
        xor     edx, edx
        mov     rax, RAISE
        call    rax                     # does not return
