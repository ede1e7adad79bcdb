# native_instructions.S -- the instructions that are left to hooks: SYSCALL, SYSENTER, RDTSC,
# IN and OUT; and loads and stores that reach devices.
#
# Assembled behind native.S, whose head tells the conventions. When one of these
# routines is called, RIP is that of the instruction.

# SYSCALL (Intel SDM Vol. 2B). rdi uc, rsi state. When we return, Unicorn adds the
# instruction's length to RIP. It ends its block, so the block's end tells the length.
syscall_enter:
        push    rbx
        push    rbp
        push    r12
        mov     rbp, rsi
        mov     rax, [rdi + UC_CPU]
        mov     rbx, [rax + CPU_ENV]
        test    dword ptr [rbx + ENV_EFER], 1           # SCE
        jz      undefined
        test    dword ptr [rbx + ENV_HFLAGS], HF_CS64
        jz      undefined
        mov     r12, [rbp + ST_LAST_PC]
        add     r12, [rbp + ST_LAST_SIZE]               # RIP of the next instruction
        mov     rdi, rbx
        mov     esi, [rbx + ENV_CC_OP]
        call    qword ptr [rbp + ST_COMPUTE_FLAGS]      # the lazy arithmetic flags
        mov     ecx, eax
        or      rcx, [rbx + ENV_EFLAGS]
        mov     edx, [rbx + ENV_DF]
        and     edx, 0x400
        or      ecx, edx
        and     ecx, 0xfffeffff                         # R11 <- RFLAGS without RF
        mov     [rbx + ENV_R11], rcx
        mov     [rbx + ENV_RCX], r12
        mov     edx, [rbx + ENV_FMASK]
        mov     eax, edx
        not     eax
        and     ecx, eax                                # RFLAGS <- RFLAGS & ~FMASK
        mov     dword ptr [rbx + ENV_CC_OP], 1
        mov     eax, ecx
        and     eax, 0x8d5
        mov     [rbx + ENV_CC_SRC], rax
        mov     dword ptr [rbx + ENV_DF], 1
        test    ecx, 0x400
        jz      upward
        mov     dword ptr [rbx + ENV_DF], -1
upward:
        and     ecx, 0xfffff32a                         # neither arithmetic flags nor DF
        or      ecx, 2
        mov     [rbx + ENV_EFLAGS], rcx
        mov     eax, [rbx + ENV_STAR + 4]
        and     eax, 0xfffc
        mov     [rbx + ENV_CS_SELECTOR], eax
        mov     qword ptr [rbx + ENV_CS_BASE], 0
        mov     dword ptr [rbx + ENV_CS_LIMIT], -1
        mov     dword ptr [rbx + ENV_CS_FLAGS], 0xa09b00
        add     eax, 8
        mov     [rbx + ENV_SS_SELECTOR], eax
        mov     qword ptr [rbx + ENV_SS_BASE], 0
        mov     dword ptr [rbx + ENV_SS_LIMIT], -1
        mov     dword ptr [rbx + ENV_SS_FLAGS], 0xc09300
        and     dword ptr [rbx + ENV_HFLAGS], -4        # CPL 0
        mov     rax, [rbx + ENV_LSTAR]
        sub     rax, r12
        add     rax, [rbx + ENV_RIP]                    # LSTAR minus the length
        mov     [rbx + ENV_RIP], rax
        mov     rax, [rbx + ENV_CR2]
        mov     [rbp + ST_CR2], rax
        inc     qword ptr [rbp + ST_SYSCALLS]
        pop     r12
        pop     rbp
        pop     rbx
        ret
undefined:
        mov     rdi, rbx
        mov     esi, 6
        xor     edx, edx
        mov     rax, [rbp + ST_RAISE]
        pop     r12
        pop     rbp
        pop     rbx
        jmp     rax

# SYSENTER: Python does it, but for the fault, which Python must not raise.
# rdi uc, rsi state.
sysenter:
        mov     rax, [rdi + UC_CPU]
        mov     rax, [rax + CPU_ENV]
        test    dword ptr [rax + ENV_SYSENTER_CS], 0xfffc
        jz      refused
        jmp     qword ptr [rsi + ST_SYSENTER]
refused:
        mov     rcx, rsi
        mov     rdi, rax
        mov     esi, 13
        xor     edx, edx
        jmp     qword ptr [rcx + ST_RAISE]

# RDTSC and RDTSCP: the time-stamp counter is the clock. rdi uc, rsi state.
# Returns 1: Unicorn must not read the host's counter.
rdtscp:
        mov     rax, [rdi + UC_CPU]
        mov     rdx, [rax + CPU_ENV]
        mov     eax, [rdx + ENV_TSC_AUX]
        mov     [rdx + ENV_RCX], rax
rdtsc:
        mov     rax, [rdi + UC_CPU]
        mov     r9, [rax + CPU_ENV]
        mov     r11, rsi
        call    tick_at_rip
        mov     ecx, eax
        mov     [r9 + ENV_RAX], rcx
        shr     rax, 32
        mov     [r9 + ENV_RDX], rax
        mov     eax, 1
        ret

# tick_at_rip: rax <- the tick of the boundary before the instruction at RIP. r9 register
# file, r11 state. Changes nothing else.
tick_at_rip:
        mov     rax, [r9 + ENV_RIP]
        test    dword ptr [r9 + ENV_HFLAGS], HF_CS64
        jnz     tick_wide
        add     eax, dword ptr [r9 + ENV_CS_BASE]
        sub     eax, dword ptr [r11 + ST_LAST_PC]
        jmp     tick_offset
tick_wide:
        sub     rax, [r11 + ST_LAST_PC]
tick_offset:                                    # in the block charged last
        sub     rax, [r11 + ST_LAST_SIZE]       # minus what is charged and has not run
        jbe     tick_charged
        xor     eax, eax                        # not in that block: all that is charged has run
tick_charged:
        add     rax, [r11 + ST_DEADLINE]
        sub     rax, [r11 + ST_BUDGET]
        ret

# IN and OUT: Unicorn runs them at any privilege level, so the check is ours
# (Intel SDM Vol. 1, "I/O Privilege Level"). rdi uc, esi port, edx width,
# OUT: ecx value, r8 state; IN: rcx state.
port_in:
        mov     r11, rcx
        mov     r10, [r11 + ST_PORT_IN]
        jmp     privilege
port_out:
        mov     r11, r8
        mov     r10, [r11 + ST_PORT_OUT]
privilege:
        mov     rax, [rdi + UC_CPU]
        mov     r9, [rax + CPU_ENV]
        mov     eax, [r9 + ENV_EFLAGS]
        bt      eax, FLAG_VM_BIT                # virtual-8086: the bitmap decides alone
        jc      check
        shr     eax, FLAG_IOPL_SHIFT
        and     eax, 3                          # IOPL
        push    rdx
        mov     edx, [r9 + ENV_HFLAGS]
        and     edx, 3                          # CPL
        cmp     edx, eax
        pop     rdx
        jbe     granted
check:
        push    rdi
        push    rsi
        push    rdx
        push    rcx
        push    r8
        push    r9
        push    r10
        push    r11
        sub     rsp, 8
        mov     edi, esi
        mov     esi, edx
        call    qword ptr [r11 + ST_PORT_CHECK] # (port, width) -> allowed by the TSS bitmap
        add     rsp, 8
        pop     r11
        pop     r10
        pop     r9
        pop     r8
        pop     rcx
        pop     rdx
        pop     rsi
        pop     rdi
        test    eax, eax
        jz      denied

# The way on to Python at r10, which finds the time in ST_NOW. r9 register file, r11
# state. All arguments are as they came.
granted:
        call    tick_at_rip
        mov     [r11 + ST_NOW], rax
        jmp     r10
denied:
        mov     rdi, r9
        mov     esi, 13
        xor     edx, edx
        jmp     qword ptr [r11 + ST_RAISE]      # #GP(0), with RIP at the instruction

# A load or a store that reaches a device. rdi uc, rsi offset, edx width; loads: rcx
# target; stores: rcx value, r8 target. RIP is stale until it is restored from the place
# in the generated code, once: a walk of page tables outside RAM comes without one.
device_load:
        mov     rax, rcx
        jmp     device
device_store:
        mov     rax, r8
device:
        mov     r11, [rax + TARGET_STATE]
        mov     r10, [rax + TARGET_CALLBACK]
        mov     rax, [rdi + UC_CPU]
        mov     r9, [rax + CPU_ENV]
        cmp     qword ptr [rax + CPU_MEM_IO_PC], 0
        je      granted
        push    rdi
        push    rsi
        push    rdx
        push    rcx
        push    r8
        push    r9
        push    r10
        push    r11
        push    rax
        mov     rdi, rax
        mov     rsi, [rax + CPU_MEM_IO_PC]
        xor     edx, edx
        call    qword ptr [r11 + ST_RESTORE]
        pop     rax
        mov     qword ptr [rax + CPU_MEM_IO_PC], 0
        pop     r11
        pop     r10
        pop     r9
        pop     r8
        pop     rcx
        pop     rdx
        pop     rsi
        pop     rdi
        jmp     granted
