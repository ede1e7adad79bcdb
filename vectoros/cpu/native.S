# native.S -- the fast engine's callbacks: host code that Unicorn calls.
#
# These routines run on the host, in the System V AMD64 calling convention, in
# the middle of guest execution. They do the four things that are too frequent
# for Python: count the clock down at each block, deliver exceptions, enter
# SYSCALL, and read the time-stamp counter. Each is a hook of Unicorn 2.1.4.
#
# Names in capitals are offsets and masks that engine_fast.py generates from the
# tables it declares: UC_ and CPU_ into Unicorn's own structures, ENV_ into the
# register file (registers.py), ST_ into our state block (native.py).
#
# Delivering an exception may meet another one. Unicorn then leaves these
# routines by longjmp and calls `intr` anew; so everything here is written before
# the call that may not return, and no Python frame is ever below it.

# BLOCK: before each block of translated code. rdi uc, rsi linear address of the
# block, edx its size in bytes, rcx state. Charges the block, or refuses it when
# it would cross the deadline; then the host lands on the deadline exactly.
block:
        mov     eax, edx
        mov     r8, [rcx + ST_BUDGET]
        test    r8, r8
        jle     refuse
        btr     dword ptr [rcx + ST_PASSING], 0
        jc      charge                  # landing: one instruction, which may cross
        cmp     r8, rax
        jl      refuse
charge:
        sub     r8, rax
        mov     [rcx + ST_BUDGET], r8
        mov     [rcx + ST_LAST_PC], rsi
        mov     [rcx + ST_LAST_SIZE], rax
        ret
refuse:
        mov     dword ptr [rcx + ST_REFUSED], 1
        jmp     qword ptr [rcx + ST_EMU_STOP]   # uc_emu_stop(uc); the block does not run

# INTR: an exception or a software interrupt. rdi uc, esi vector, rdx state.
intr:
        push    rbx
        push    rbp
        push    r12
        mov     rbp, rdx
        mov     rbx, [rdi + UC_CPU]
        mov     r12, [rbx + CPU_ENV]
        mov     esi, esi
        jmp     raise

# INVALID: an undefined instruction; Unicorn has a hook of its own for #UD.
# rdi uc, rsi state. Returns 1: the guest goes on, at its handler.
invalid:
        push    rbx
        push    rbp
        push    r12
        mov     rbp, rsi
        mov     rbx, [rdi + UC_CPU]
        mov     r12, [rbx + CPU_ENV]
        mov     esi, 6

# The common part. rbx CPU, r12 register file, rbp state, esi vector.
raise:
        mov     dword ptr [rbp + ST_PASSING], 0 # the handler's first block is not the landing
        mov     rax, [r12 + ENV_RIP]
        cmp     dword ptr [r12 + ENV_IS_INT], 0
        je      settle
        mov     rax, [r12 + ENV_NEXT_RIP]       # INT n retires: the boundary is behind it
settle:
        cmp     esi, 1
        je      record                          # a #DB trap: its instruction has retired
        test    dword ptr [r12 + ENV_HFLAGS], HF_CS64
        jnz     within
        add     eax, dword ptr [r12 + ENV_CS_BASE]
within:
        mov     rcx, rax
        sub     rcx, [rbp + ST_LAST_PC]
        mov     rdx, [rbp + ST_LAST_SIZE]
        cmp     rcx, rdx
        jae     outside                         # the last block retired to its end
        cmp     esi, 14
        jne     refund
        cmp     dword ptr [r12 + ENV_IS_INT], 0
        jne     refund
        test    dword ptr [r12 + ENV_ERROR_CODE], PF_FETCH
        jnz     straddle
refund:                                         # from the boundary on, nothing has run
        sub     rdx, rcx
        add     [rbp + ST_BUDGET], rdx
        mov     [rbp + ST_LAST_SIZE], rcx       # a nested fault must not refund again
        jmp     record
outside:
        cmp     esi, 14
        jne     record
        cmp     dword ptr [r12 + ENV_IS_INT], 0
        jne     record
straddle:
        # An instruction fetch. If it is the page behind RIP's that is missing,
        # the translator may have looked ahead; the host decides (engine_fast.py).
        shr     rax, 12
        inc     rax
        mov     rcx, [r12 + ENV_CR2]
        shr     rcx, 12
        cmp     rax, rcx
        jne     record
        call    qword ptr [rbp + ST_LOOK_AHEAD]
        mov     esi, 14
        test    eax, eax
        jnz     done                            # fetched too early: the guest never knows

record:
        inc     qword ptr [rbp + rsi * 8 + ST_VECTORS]
        mov     rax, [rbp + ST_LOG_COUNT]
        inc     qword ptr [rbp + ST_LOG_COUNT]
        and     eax, LOG_ENTRIES - 1
        shl     eax, 6                          # 64 bytes an entry
        lea     rdx, [rbp + rax + ST_LOG]
        mov     rax, [rbp + ST_DEADLINE]
        sub     rax, [rbp + ST_BUDGET]
        mov     [rdx + LOG_TICK], rax
        mov     rax, [r12 + ENV_RIP]
        mov     [rdx + LOG_RIP], rax
        mov     rax, [r12 + ENV_RSP]
        mov     [rdx + LOG_RSP], rax
        mov     rax, [r12 + ENV_CR2]
        mov     [rdx + LOG_CR2], rax
        mov     [rdx + LOG_VECTOR], esi
        mov     eax, [r12 + ENV_ERROR_CODE]
        mov     [rdx + LOG_ERROR_CODE], eax
        mov     eax, [r12 + ENV_CS_SELECTOR]
        mov     [rdx + LOG_CS], eax
        mov     eax, [r12 + ENV_HFLAGS]
        and     eax, 3
        mov     [rdx + LOG_CPL], eax
        mov     eax, [r12 + ENV_IS_INT]
        mov     [rdx + LOG_SOFTWARE], eax
        mov     dword ptr [rdx + LOG_DELIVERED], 0
        cmp     esi, 14
        jne     mark
        mov     rcx, [r12 + ENV_CR2]
        mov     [rbp + ST_CR2], rcx
mark:
        test    eax, eax
        jnz     deliver
        cmp     esi, 1
        je      deliver
        or      dword ptr [r12 + ENV_EFLAGS], FLAG_RF   # a fault's pushed image has RF set
deliver:
        and     dword ptr [r12 + ENV_HFLAGS], ~HF_INHIBIT_IRQ   # a shadow covers one instruction
        mov     rdi, rbx
        mov     rbx, rdx
        call    qword ptr [rbp + ST_DO_INTERRUPT]       # may not return
        mov     dword ptr [rbx + LOG_DELIVERED], 1
        mov     qword ptr [rbp + ST_LAST_SIZE], 0
done:
        mov     eax, 1
        pop     r12
        pop     rbp
        pop     rbx
        ret

# SYSCALL (Intel SDM Vol. 2B). rdi uc, rsi state. RIP is still that of the
# instruction, and Unicorn adds its two bytes when we return.
syscall_enter:
        push    rbx
        push    rbp
        sub     rsp, 8
        mov     rbp, rsi
        mov     rax, [rdi + UC_CPU]
        mov     rbx, [rax + CPU_ENV]
        test    dword ptr [rbx + ENV_EFER], 1           # SCE
        jz      undefined
        test    dword ptr [rbx + ENV_HFLAGS], HF_CS64
        jz      undefined
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
        mov     rax, [rbx + ENV_RIP]
        add     rax, 2
        mov     [rbx + ENV_RCX], rax
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
        sub     rax, 2
        mov     [rbx + ENV_RIP], rax
        inc     qword ptr [rbp + ST_SYSCALLS]
        add     rsp, 8
        pop     rbp
        pop     rbx
        ret
undefined:
        mov     rdi, rbx
        mov     esi, 6
        xor     edx, edx
        mov     rax, [rbp + ST_RAISE]
        add     rsp, 8
        pop     rbp
        pop     rbx
        jmp     rax

# RDTSC and RDTSCP: the time-stamp counter is the clock. rdi uc, rsi state.
# Returns 1: Unicorn must not read the host's counter.
rdtscp:
        mov     rax, [rdi + UC_CPU]
        mov     rdx, [rax + CPU_ENV]
        mov     eax, [rdx + ENV_TSC_AUX]
        mov     [rdx + ENV_RCX], rax
rdtsc:
        mov     rax, [rdi + UC_CPU]
        mov     rdx, [rax + CPU_ENV]
        mov     rax, [rdx + ENV_RIP]
        test    dword ptr [rdx + ENV_HFLAGS], HF_CS64
        jnz     count
        add     eax, dword ptr [rdx + ENV_CS_BASE]
count:
        sub     rax, [rsi + ST_LAST_PC]
        sub     rax, [rsi + ST_LAST_SIZE]               # minus what is charged and has not run
        add     rax, [rsi + ST_DEADLINE]
        sub     rax, [rsi + ST_BUDGET]
        mov     ecx, eax
        mov     [rdx + ENV_RAX], rcx
        shr     rax, 32
        mov     [rdx + ENV_RDX], rax
        mov     eax, 1
        ret

# IN and OUT: Unicorn runs them at any privilege level, so the check is ours
# (Intel SDM Vol. 1, "I/O Privilege Level"). rdi uc, esi port, edx width,
# OUT: ecx value, r8 state; IN: rcx state.
port_in:
        mov     r11, rcx
        mov     rax, [rdi + UC_CPU]
        mov     r9, [rax + CPU_ENV]
        mov     eax, [r9 + ENV_EFLAGS]
        bt      eax, 17                         # virtual-8086: the bitmap decides alone
        jc      check_in
        shr     eax, 12
        and     eax, 3                          # IOPL
        mov     r10d, [r9 + ENV_HFLAGS]
        and     r10d, 3                         # CPL
        cmp     r10d, eax
        ja      check_in
        jmp     qword ptr [r11 + ST_PORT_IN]
check_in:
        mov     r10, [r11 + ST_PORT_IN]
        jmp     check
port_out:
        mov     r11, r8
        mov     rax, [rdi + UC_CPU]
        mov     r9, [rax + CPU_ENV]
        mov     eax, [r9 + ENV_EFLAGS]
        bt      eax, 17
        jc      check_out
        shr     eax, 12
        and     eax, 3
        mov     r10d, [r9 + ENV_HFLAGS]
        and     r10d, 3
        cmp     r10d, eax
        ja      check_out
        jmp     qword ptr [r11 + ST_PORT_OUT]
check_out:
        mov     r10, [r11 + ST_PORT_OUT]
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
        jmp     r10
denied:
        mov     rdi, r9
        mov     esi, 13
        xor     edx, edx
        jmp     qword ptr [r11 + ST_RAISE]      # #GP(0), with RIP at the instruction
