# system_calls.S -- SYSCALL, SYSRET, SYSENTER, SYSEXIT and SWAPGS in every mode: selectors, flags,
# stacks, and each refusal. The CPU is Intel's: SYSCALL and SYSRET belong to 64-bit mode.
#
# Source: Intel SDM Vol. 2B, "SYSCALL", "SYSRET", "SYSENTER", "SYSEXIT", "SWAPGS".

SUBJECT system_calls

.set MSR_CS,    0x174
.set MSR_ESP,   0x175
.set MSR_EIP,   0x176
.set MSR_STAR,  0xc0000081
.set MSR_LSTAR, 0xc0000082
.set MSR_CSTAR, 0xc0000083
.set MSR_FMASK, 0xc0000084
.set MSR_GS_BASE, 0xc0000101
.set MSR_KERNEL_GS_BASE, 0xc0000102
.set STACK, 0x74800                     # of SYSENTER
.set HOLE, 0x800000000000

# SET_MSR MSR, HIGH, LOW: in any ring 0 code. Clobbers eax, ecx, edx.
.macro SET_MSR msr, high, low
        mov     ecx, \msr
        mov     edx, \high
        mov     eax, \low
        wrmsr
.endm
.macro SET_SYSCALL fmask
        SET_MSR MSR_STAR, 0x280018, 0   # CODE64 and DATA_B; CODE32_3, DATA_3 and CODE64_3
        SET_MSR MSR_LSTAR, 0, target64
        SET_MSR MSR_CSTAR, 0, target64
        SET_MSR MSR_FMASK, 0, \fmask
.endm
.macro SET_SYSENTER cs, eip
        SET_MSR MSR_CS, 0, \cs
        SET_MSR MSR_ESP, 0, STACK
        SET_MSR MSR_EIP, 0, \eip
.endm
.macro NO_SCE
        mov     ecx, MSR_EFER
        rdmsr
        btr     eax, 0
        wrmsr
.endm

# Where they go: INT DONE tells all.
.code64
target64:
        int     DONE
target64.end:
.code32
target32:
        int     DONE
target32.end:

# -- SYSCALL ---------------------------------------------------------------------------------
.set FLAGS, FL_IF | FL_DF | FL_CF | FL_ZF
CASE64 syscall.ring3
        SET_SYSCALL FL_IF | FL_DF
        TO_RING3_64 FLAGS
        syscall
syscall.ring3.next:
WANT IP, target64.end
WANT CS, CODE64
WANT SS, DATA_B
WANT RSP, STACK3_TOP
WANT RCX, syscall.ring3.next
WANT R11, FLAGS | 2
WANT RFLAGS, FL_CF | FL_ZF | 2
CASE64 syscall.ring0
        SET_SYSCALL 0
        syscall
syscall.ring0.next:
WANT IP, target64.end
WANT CS, CODE64
WANT SS, DATA_B
WANT RSP, STACK_TOP
WANT RCX, syscall.ring0.next
CASE64 syscall.mask.all                 # bit 1 stays
        SET_SYSCALL -1
        TO_RING3_64 FLAGS | FL_AC | FL_NT
        syscall
WANT R11, FLAGS | FL_AC | FL_NT | 2
WANT RFLAGS, 2
CASE64 syscall.mask.none
        SET_SYSCALL 0
        TO_RING3_64 FLAGS | FL_AC
        syscall
WANT RFLAGS, FLAGS | FL_AC | 2
CASE64 syscall.rpl                      # the low two bits of STAR[47:32] do not count
        SET_SYSCALL 0
        SET_MSR MSR_STAR, 0x28001b, 0
        TO_RING3_64 0
        syscall
WANT CS, CODE64
WANT_BITS SS, ~3, DATA_B
CASE64 syscall.gdt                      # the descriptors are not looked at
        SET_SYSCALL 0
        SET_MSR MSR_STAR, FREE_SEL, 0
        TO_RING3_64 0
        syscall
WANT CS, FREE_SEL
WANT SS, FREE_SEL + 8
WANT IP, target64.end
CASE64 syscall.high                     # LSTAR is a 64-bit address, canonical when it was written
        SET_SYSCALL 0
        SET_MSR MSR_LSTAR, 0xffff8000, 0x123
        TO_RING3_64 0
        syscall
WANT VECTOR, 14
WANT ERROR, 0x10
WANT IP, 0xffff800000000123
WANT CR2, 0xffff800000000123
WANT CS, CODE64
WANT RSP, STACK3_TOP
CASE64 syscall.sce
        SET_SYSCALL 0
        NO_SCE
        TO_RING3_64 0
        MARK
        syscall
WANT VECTOR, 6
WANT ERROR, NONE
WANT RIP, 0
CASE64 syscall.compat
        SET_SYSCALL 0
        TO_COMPAT_64 CODE32_3, DATA_3, 0
        MARK
        .byte   0x0f, 0x05
WANT VECTOR, 6
WANT RIP, 0
.macro DO_SYSCALL
        MARK
        .byte   0x0f, 0x05
.endm
.macro SCE32                            # AMD's way in is closed, but leads home
        SET_MSR MSR_STAR, 0x280008, target32
        SET_MSR MSR_EFER, 0, 1
.endm
FAULT32 syscall, SCE32, DO_SYSCALL, 6, NONE, 0

# -- SYSRET ----------------------------------------------------------------------------------
.macro DO_SYSRETQ
        MARK
        .byte   0x48, 0x0f, 0x07
.endm
.macro DO_SYSRET                        # refused or not, ECX is where it may go
        mov     ecx, target32
        MARK
        .byte   0x0f, 0x07
.endm
CASE64 sysret.64
        SET_SYSCALL 0
        mov     ecx, target64
        mov     r11d, FLAGS
        DO_SYSRETQ
WANT IP, target64.end
WANT CS, CODE64_3
WANT SS, DATA_3
WANT RSP, STACK_TOP
WANT RFLAGS, FLAGS | 2
WANT FRAME, RSP0_TOP
WANT RCX, target64
CASE64 sysret.32
        SET_SYSCALL 0
        mov     rcx, HOLE
        mov     eax, target32
        or      rcx, rax                # only ECX counts
        mov     r11d, FLAGS
        .byte   0x0f, 0x07
WANT IP, target32.end
WANT CS, CODE32_3
WANT SS, DATA_3
WANT RFLAGS, FLAGS | 2
CASE64 sysret.flags                     # R11 & 3C7FD7h | 2; VIF and VIP are not asked for
        SET_SYSCALL 0
        mov     ecx, target64
        mov     r11, 0xfffffffffffffeff
        DO_SYSRETQ
WANT_BITS RFLAGS, ~0x180000, 0x247ed7
CASE64 sysret.rpl                       # CS and SS get RPL 3 whatever STAR says
        SET_SYSCALL 0
        SET_MSR MSR_STAR, 0x2b0018, 0
        mov     ecx, target64
        mov     r11d, 2
        DO_SYSRETQ
WANT CS, CODE64_3
WANT SS, DATA_3
CASE64 sysret.gdt
        SET_SYSCALL 0
        SET_MSR MSR_STAR, 0xc00018, 0
        mov     ecx, target64
        mov     r11d, 2
        DO_SYSRETQ
WANT CS, FREE_SEL + 0x13
WANT SS, FREE_SEL + 0xb
WANT IP, target64.end
CASE64 sysret.hole                      # #GP(0) in ring 0, with the kernel's stack pointer
        SET_SYSCALL 0
        mov     rcx, HOLE
        mov     r11d, 2
        DO_SYSRETQ
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0
WANT CS, CODE64
WANT RSP, STACK_TOP
CASE64 sysret.hole.low
        SET_SYSCALL 0
        mov     rcx, 0xffff7fffffffffff
        DO_SYSRETQ
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0
CASE64 sysret.sce
        SET_SYSCALL 0
        NO_SCE
        mov     ecx, target64
        DO_SYSRETQ
WANT VECTOR, 6
WANT ERROR, NONE
WANT RIP, 0
CASE64 sysret.ring3
        SET_SYSCALL 0
        TO_RING3_64 0
        mov     ecx, target64
        DO_SYSRETQ
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0
CASE64 sysret.compat
        SET_SYSCALL 0
        TO_COMPAT_64 CODE32, DATA, 0
        DO_SYSRET
WANT VECTOR, 6
WANT RIP, 0
FAULT32 sysret, SCE32, DO_SYSRET, 6, NONE, 0

# -- SYSENTER --------------------------------------------------------------------------------
.macro DO_SYSENTER
        MARK
        .byte   0x0f, 0x34
.endm
.macro WANT_ENTERED ip, cs, ss, flags
WANT IP, \ip
WANT CS, \cs
WANT SS, \ss
WANT_BITS RFLAGS, \flags | FL_IF | FL_VM | FL_RF, \flags
.endm
CASE32 sysenter.32.ring3                # keeps all flags but IF, VM and RF
        SET_SYSENTER CODE32, target32
        TO_RING3_32 FLAGS
        DO_SYSENTER
        WANT_ENTERED target32.end, CODE32, DATA, FL_DF | FL_CF | FL_ZF | 2
WANT RSP, STACK
CASE32 sysenter.32.ring0
        SET_SYSENTER CODE32, target32
        DO_SYSENTER
        WANT_ENTERED target32.end, CODE32, DATA, 2
CASE32 sysenter.32.rpl                  # RPL of IA32_SYSENTER_CS does not count
        SET_SYSENTER CODE32 + 3, target32
        TO_RING3_32 0
        DO_SYSENTER
        WANT_ENTERED target32.end, CODE32, DATA, 2
CASE32 sysenter.32.gdt
        SET_SYSENTER FREE_SEL, target32
        TO_RING3_32 0
        DO_SYSENTER
        WANT_ENTERED target32.end, FREE_SEL, FREE_SEL + 8, 2
CASE32 sysenter.v86
        SET_SYSENTER CODE32, target32
        TO_V86 FLAGS
        DO_SYSENTER
        WANT_ENTERED target32.end, CODE32, DATA, FL_DF | FL_CF | FL_ZF | 2
CASE64 sysenter.64.ring3
        SET_SYSENTER CODE64, target64
        TO_RING3_64 FLAGS
        DO_SYSENTER
        WANT_ENTERED target64.end, CODE64, DATA_B, FL_DF | FL_CF | FL_ZF | 2
WANT RSP, STACK
CASE64 sysenter.64.high                 # 64 bits of both
        SET_SYSENTER CODE64, target64
        SET_MSR MSR_EIP, 0xffff8000, 0x123
        SET_MSR MSR_ESP, 0xffff9000, 0x456
        GATE64_IST 14, 1
        TO_RING3_64 0
        DO_SYSENTER
WANT VECTOR, 14
WANT ERROR, 0x10
WANT IP, 0xffff800000000123
WANT RSP, 0xffff900000000456
CASE64 sysenter.compat                  # to 64-bit code
        SET_SYSENTER CODE64, target64
        TO_COMPAT_64 CODE32_3, DATA_3, FLAGS
        DO_SYSENTER
        WANT_ENTERED target64.end, CODE64, DATA_B, FL_DF | FL_CF | FL_ZF | 2
.macro NO_SYSENTER_CS
        SET_SYSENTER 0, target64
.endm
.macro NULL_SYSENTER_CS                 # 3 is a null selector, too
        SET_SYSENTER 3, target64
.endm
FAULT sysenter.cs, NO_SYSENTER_CS, DO_SYSENTER, 13, 0, 0
FAULT_COMPAT sysenter.cs, NO_SYSENTER_CS, DO_SYSENTER, 13, 0, 0
FAULT sysenter.cs.null, NULL_SYSENTER_CS, DO_SYSENTER, 13, 0, 0
CASE_REAL sysenter.real
        mov     ecx, MSR_CS
        mov     eax, CODE32
        mov     edx, 0
        wrmsr
        DO_SYSENTER
WANT VECTOR, 13
WANT RIP, 0

# -- SYSEXIT ---------------------------------------------------------------------------------
.macro DO_SYSEXIT                       # refused or not, these are where it may go
        mov     ecx, STACK
        mov     edx, target32
        MARK
        .byte   0x0f, 0x35
.endm
.macro DO_SYSEXITQ
        MARK
        .byte   0x48, 0x0f, 0x35
.endm
.macro SET_SYSEXIT
        SET_SYSENTER CODE64, target64
        mov     ecx, STACK
        mov     edx, target64
.endm
CASE32 sysexit.32
        SET_SYSENTER CODE32, target32
        DO_SYSEXIT
        WANT_ENTERED target32.end, CODE32 + 0x13, CODE32 + 0x1b, 2
WANT RSP, STACK
CASE64 sysexit.64
        SET_SYSEXIT
        DO_SYSEXITQ
        WANT_ENTERED target64.end, CODE64_3, DATA_3B, 2
WANT RSP, STACK
WANT FRAME, RSP0_TOP
CASE64 sysexit.64.to32                  # the upper halves do not count
        SET_SYSEXIT
        mov     eax, SCRATCH
        mov     word ptr [rax], 0xcd + (DONE << 8)
        mov     rdx, HOLE + SCRATCH
        mov     rcx, HOLE + STACK
        .byte   0x0f, 0x35
        WANT_ENTERED SCRATCH + 2, CODE32_3, DATA_3, 2
WANT RSP, STACK
.macro REFUSE_EXIT name, register
CASE64 sysexit.\name
        SET_SYSEXIT
        mov     \register, HOLE
        DO_SYSEXITQ
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0
WANT CS, CODE64
.endm
REFUSE_EXIT hole.rip, rdx
REFUSE_EXIT hole.rsp, rcx
FAULT_RING3 sysexit, SET_SYSEXIT, DO_SYSEXIT, 13, 0, 0
FAULT sysexit.cs, NO_SYSENTER_CS, DO_SYSEXIT, 13, 0, 0
FAULT sysexit.cs.null, NULL_SYSENTER_CS, DO_SYSEXIT, 13, 0, 0
CASE_REAL sysexit.real
        mov     ecx, MSR_CS
        mov     eax, CODE32
        mov     edx, 0
        wrmsr
        DO_SYSEXIT
WANT VECTOR, 13
WANT RIP, 0

# -- SWAPGS ----------------------------------------------------------------------------------
.macro DO_SWAPGS
        MARK
        .byte   0x0f, 0x01, 0xf8
.endm
CASE64 swapgs
        SET_MSR MSR_GS_BASE, 0x1111, 0x22222222
        mov     eax, SCRATCH
        mov     dword ptr [rax + 8], 0x4321
        SET_MSR MSR_KERNEL_GS_BASE, 0, SCRATCH
        DO_SWAPGS
        mov     ebx, gs:[rbp + 8]
        mov     ecx, MSR_KERNEL_GS_BASE
        rdmsr
        mov     esi, eax
        mov     edi, edx
        mov     ecx, MSR_GS_BASE
        rdmsr
WANT RBX, 0x4321
WANT RSI, 0x22222222
WANT RDI, 0x1111
WANT RAX, SCRATCH
WANT RDX, 0
FAULT64_RING3 swapgs, NOTHING, DO_SWAPGS, 13, 0, 0
FAULT_COMPAT swapgs, NOTHING, DO_SWAPGS, 6, NONE, 0
FAULT32 swapgs, NOTHING, DO_SWAPGS, 6, NONE, 0
