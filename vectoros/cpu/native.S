# native.S -- the fast engine's clock and its exceptions: host code that Unicorn calls.
#
# These routines run on the host, in the System V AMD64 calling convention, in
# the middle of guest execution. Each is a hook of Unicorn 2.1.4. Those of single
# instructions are in native_instructions.S, which is assembled behind this file.
#
# Names in capitals are offsets and masks that native.py generates from the
# tables it declares: UC_, CPU_ and TB_ into Unicorn's own structures, ENV_ into
# the register file (registers.py), ST_ into our state block.
#
# Delivering an exception may meet another one. Unicorn then leaves these
# routines by longjmp and calls `intr` anew; so everything here is written before
# the call that may not return, and no Python frame is ever below it.

# BLOCK: before each block of translated code. rdi uc, rsi linear address of the
# block, edx its size in bytes, rcx state. Charges the block, or refuses it when
# it would cross the deadline; then the host lands on the deadline exactly. Half
# of all time that the hooks cost is spent on the way from here to the first return.
block:
        mov     r9, [rcx + ST_INVALIDATIONS_AT]
        mov     r8, [rcx + ST_BUDGET]
        mov     eax, edx
        mov     r9, [r9]
        cmp     r9, [rcx + ST_INVALIDATIONS]
        jne     modified
charge:
        sub     r8, rax
        js      crossing
keep:
        mov     r9, [rcx + ST_ENV]
        test    dword ptr [r9 + ENV_EFLAGS], FLAG_RF
        jnz     resumed
store:
        mov     [rcx + ST_BUDGET], r8
        mov     [rcx + ST_LAST_PC], rsi
        mov     [rcx + ST_LAST_SIZE], rax
        ret
resumed:                                # RF lasts for one instruction; here, to the next block
        and     dword ptr [r9 + ENV_EFLAGS], ~FLAG_RF
        jmp     store
crossing:
        add     r8, rax
        cmp     r8, [rcx + ST_CROSS_AT]
        jne     refuse
        mov     r10, NOWHERE            # landing: this one instruction may cross
        mov     [rcx + ST_CROSS_AT], r10
        sub     r8, rax
        jmp     keep
refuse:
        cmp     r8, [rcx + ST_AHEAD_AT]
        jne     stop
        mov     r9, [rcx + ST_ENV]      # nothing has run since `ahead` made a shadow
        and     dword ptr [r9 + ENV_HFLAGS], ~HF_INHIBIT_IRQ
stop:
        mov     dword ptr [rcx + ST_REFUSED], 1         # the block does not run: we leave it
        push    rdi
        push    rcx
        sub     rsp, 8
        call    qword ptr [rcx + ST_EMU_STOP]
        add     rsp, 8
        pop     rcx
        pop     rdi
        xor     esi, esi
        jmp     qword ptr [rcx + ST_LEAVE]      # as if the block had called it; does not return

# Translated code was dropped since the last block. If the last block's own store was
# about to change it, repairs.S has counted that: the store has not happened yet. Unicorn
# left the block, and runs the instruction again as a block of its own. What was charged
# from there on comes back.
modified:
        mov     r9, [rcx + ST_COUNT_AT]         # while a breakpoint is set, every block comes here
        mov     r9, [r9]
        mov     r10, [rcx + ST_INVALIDATIONS]
        cmp     r9, r10
        je      whole
        mov     [rcx + ST_INVALIDATIONS], r9
        xor     r10, r9
        shr     r10, RESTARTS_SHIFT
        jz      whole
        mov     r10, rsi
        sub     r10, [rcx + ST_LAST_PC]
        mov     r9, [rcx + ST_LAST_SIZE]
        cmp     r10, r9
        jae     whole
        sub     r9, r10
        add     r8, r9
        mov     [rcx + ST_LAST_SIZE], r10
        mov     [rcx + ST_BUDGET], r8
        cmp     dword ptr [rcx + ST_CAREFUL], 0
        jne     restarted
        jmp     charge
whole:
        cmp     dword ptr [rcx + ST_CAREFUL], 0
        jne     careful
        jmp     charge

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
        jmp     undefined_here

# The common part. rbx CPU, r12 register file, rbp state, esi vector.
raise:
        call    mend_error_code                 # in native_errors.S
        cmp     dword ptr [rbp + ST_SOFTWARE], 0
        je      outermost
        mov     dword ptr [rbp + ST_SOFTWARE], 0
        push    rsi
        sub     rsp, 8
        call    qword ptr [rbp + ST_UNDO_INT]   # INT n was not delivered: it has not retired
        add     rsp, 8
        pop     rsi
outermost:
        mov     rax, NOWHERE
        mov     [rbp + ST_CROSS_AT], rax        # the handler's first block is not the landing
        mov     rax, [r12 + ENV_RIP]
        cmp     dword ptr [r12 + ENV_IS_INT], 0
        je      settle
        mov     rax, [r12 + ENV_NEXT_RIP]       # INT n retires: the boundary is behind it
settle:                                         # rax linear, rcx as an offset in the last block
        mov     rcx, rax
        test    dword ptr [r12 + ENV_HFLAGS], HF_CS64
        jnz     wide
        add     eax, dword ptr [r12 + ENV_CS_BASE]
        mov     ecx, eax
        sub     ecx, dword ptr [rbp + ST_LAST_PC]
        jmp     classify
wide:
        sub     rcx, [rbp + ST_LAST_PC]
classify:
        cmp     esi, 1
        je      debug
        cmp     esi, 14
        jne     refund
        cmp     dword ptr [r12 + ENV_IS_INT], 0
        je      page_fault
refund:                                         # from the boundary on, nothing has run
        mov     rdx, [rbp + ST_LAST_SIZE]
        cmp     rcx, rdx
        jae     record
        sub     rdx, rcx
        add     [rbp + ST_BUDGET], rdx
        mov     [rbp + ST_LAST_SIZE], rcx       # a nested fault must not refund again
        jmp     record

# A page fault: of data, or of a fetch, which Unicorn makes when it translates?
# Only with NX or SMEP does the error code say so.
page_fault:
        mov     edx, [r12 + ENV_ERROR_CODE]
        test    edx, PF_FETCH
        jnz     fetch
        test    edx, PF_WRITE
        jnz     refund
        test    dword ptr [r12 + ENV_CR4], CR4_SMEP
        jnz     refund
        test    dword ptr [r12 + ENV_EFER], EFER_NXE
        jz      silent
        test    dword ptr [r12 + ENV_CR4], CR4_PAE
        jnz     refund
silent:
        mov     r8, [rbp + ST_BUDGET]           # met while an event was being delivered?
        mov     r9, [r12 + ENV_RIP]
        cmp     r8, [rbp + ST_DELIVERING_AT]
        jne     first
        cmp     r9, [rbp + ST_DELIVERING_RIP]
        je      record
first:
        cmp     rcx, [rbp + ST_LAST_SIZE]
        jae     fetch                           # not from within a block: it is about to be made
        test    rcx, rcx
        jz      refund
        cmp     r9, [r12 + ENV_NEXT_RIP]        # a block's own faults find RIP at its start
        jne     refund                          # but those of a RET far, which look ahead
        mov     r8, [rbp + ST_UC]
        mov     r8, [r8 + UC_TCG]
        mov     rdx, [r12 + ENV_CR2]
        sub     rdx, [r8 + TCG_PC_START]        # of the instruction translated last
        cmp     rdx, 15
        ja      refund                          # it has no byte there
fetch:
        cmp     dword ptr [rbp + ST_CAREFUL], 0
        jne     careful_fetch
fetched:
        test    dword ptr [r12 + ENV_HFLAGS], HF_INHIBIT_IRQ
        jnz     record                          # a block of one instruction: it needs that page
        shr     rax, 12
        inc     rax
        mov     rdx, [r12 + ENV_CR2]
        shr     rdx, 12
        cmp     rax, rdx
        jne     record

# The page behind RIP's is missing. Unicorn met it because it translates straight-
# line code as one block; the guest may never get there. In an interrupt shadow a
# block has one instruction: make one, and see. The guest never knows.
ahead:
        mov     rax, [rbp + ST_CR2]
        mov     [r12 + ENV_CR2], rax
        mov     dword ptr [r12 + ENV_OLD_EXCEPTION], -1
        or      dword ptr [r12 + ENV_HFLAGS], HF_INHIBIT_IRQ
        mov     rax, [rbp + ST_BUDGET]
        mov     [rbp + ST_AHEAD_AT], rax
        jmp     done

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
        cmp     rax, [rbp + ST_STUCK_AT]        # time must pass even if no instruction retires
        je      stuck
        mov     [rbp + ST_STUCK_AT], rax
        mov     dword ptr [rbp + ST_STUCK], 0
stuck:
        inc     dword ptr [rbp + ST_STUCK]
        cmp     dword ptr [rbp + ST_STUCK], STUCK_LIMIT
        jb      describe
        sub     qword ptr [rbp + ST_BUDGET], STUCK_TICKS
        add     qword ptr [rbp + ST_STUCK_AT], STUCK_TICKS
describe:
        mov     rax, [r12 + ENV_RIP]
        cmp     dword ptr [r12 + ENV_IS_INT], 0
        je      place
        mov     rax, [r12 + ENV_NEXT_RIP]
place:
        mov     [rdx + LOG_RIP], rax
        mov     rax, [r12 + ENV_RSP]
        mov     [rdx + LOG_RSP], rax
        mov     rax, [r12 + ENV_CR2]
        mov     [rdx + LOG_CR2], rax
        mov     [rbp + ST_CR2], rax
        mov     [rdx + LOG_VECTOR], esi
        mov     eax, [r12 + ENV_ERROR_CODE]
        mov     [rdx + LOG_ERROR_CODE], eax
        mov     eax, [r12 + ENV_CS_SELECTOR]
        mov     [rdx + LOG_CS], eax
        mov     eax, [r12 + ENV_HFLAGS]
        and     eax, 3
        mov     [rdx + LOG_CPL], eax
        mov     dword ptr [rdx + LOG_DELIVERED], 0
        mov     eax, [r12 + ENV_IS_INT]
        mov     [rdx + LOG_SOFTWARE], eax

        test    eax, eax
        jnz     deliver
        cmp     esi, 1
        je      deliver
        or      dword ptr [r12 + ENV_EFLAGS], FLAG_RF   # a fault's frame has RF set
        cmp     qword ptr [r12 + ENV_DR4], 0
        jne     forget
deliver:
        and     dword ptr [r12 + ENV_HFLAGS], ~HF_INHIBIT_IRQ   # a shadow covers one instruction
        mov     rax, [rbp + ST_BUDGET]
        mov     [rbp + ST_DELIVERING_AT], rax
        mov     rax, [r12 + ENV_RIP]
        mov     [rbp + ST_DELIVERING_RIP], rax
        mov     eax, [r12 + ENV_IS_INT]
        mov     [rbp + ST_SOFTWARE], eax
        test    dword ptr [r12 + ENV_TR_FLAGS], DESC_P
        jnz     task
        mov     dword ptr [r12 + ENV_TR_FLAGS], TSS_AVAILABLE   # as require_task() in tss.py
        mov     dword ptr [r12 + ENV_TR_LIMIT], 0
task:
        mov     rdi, rbx
        mov     rbx, rdx
        call    qword ptr [rbp + ST_DO_INTERRUPT]       # may not return
        mov     dword ptr [rbp + ST_SOFTWARE], 0
        mov     rax, NOWHERE
        mov     [rbp + ST_DELIVERING_AT], rax
        mov     dword ptr [rbx + LOG_DELIVERED], 1
        mov     qword ptr [rbp + ST_LAST_SIZE], 0
delivered:
        cmp     qword ptr [rbp + ST_BUDGET], 0
        jg      done
        mov     dword ptr [rbp + ST_REFUSED], 1         # the deadline is reached: no further event
        mov     rdi, [rbp + ST_UC]
        call    qword ptr [rbp + ST_EMU_STOP]
done:
        cmp     dword ptr [rbp + ST_CAREFUL], 0
        jne     go_on_carefully
leave:
        mov     eax, 1
        pop     r12
        pop     rbp
        pop     rbx
        ret
