# gate.S -- a trap as the kernel sees it: one store, and an answer to carry out.
#
# The stub that took the trap has filled in the request. The store to the doorbell
# runs the kernel; when it retires, the response is in the block. Everything that
# touches the processor or a device is done here, by real instructions, in this
# order: port and TLB operations, FPU, CR3, timer, TS.
# Last, the kernel's time is spent (docs/adr/0007-kernel-time-is-executed.md).

# find_gate: give the gate our block; ZF says whether there is one with a kernel
# behind it. Changes rax, rcx, rdx.
find_gate:
        mov     rax, GATE_VIRTUAL
        mov     ecx, [rax + KERNEL_GATE_SIGNATURE_HIGH]
        shl     rcx, 32
        mov     edx, [rax + KERNEL_GATE_SIGNATURE_LOW]
        or      rcx, rdx
        lea     rdx, [rip + gate_block]
        sub     rdx, BIAS
        mov     [rax + KERNEL_GATE_BLOCK_LOW], edx      # the kernel lies below 2 MiB
        mov     dword ptr [rax + KERNEL_GATE_BLOCK_HIGH], 0
        mov     rax, KERNEL_GATE_VALUE
        cmp     rax, rcx
        ret

gate:
        lea     rsp, [rip + kernel_stack_top]
        mov     rax, GATE_VIRTUAL
        mov     [rax + KERNEL_GATE_DOORBELL], eax

        lea     rbp, [rip + gate_block]
        mov     rax, [rbp + GATE_OP_COUNT]
        or      rax, [rbp + GATE_FLAGS]
        or      rax, [rbp + GATE_NEXT_CR3]
        or      rax, [rbp + GATE_FPU_SAVE]
        or      rax, [rbp + GATE_FPU_LOAD]
        jnz     carry_out

# Spend the time that the kernel asks for: COST_UNIT ticks a turn. The turn is
# COST_UNIT bytes of code, because the clock counts bytes.
spend:
        mov     rcx, [rbp + GATE_COST]
        test    rcx, rcx
        jz      leave
spend_turn:
        .byte   0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0   # NOP, in 9 bytes (Intel SDM Vol. 2B)
        .byte   0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0
        .byte   0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0
        .byte   0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0
        .byte   0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0
        .byte   0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0
        .byte   0x0f, 0x1f, 0x44, 0, 0                  # and in 5
        dec     rcx
        jnz     spend_turn
        jmp     leave

carry_out:
        test    dword ptr [rbp + GATE_FLAGS], GATE_PANIC
        jnz     kernel_panic
        mov     r12, [rbp + GATE_OP_COUNT]
        lea     rbx, [rbp + GATE_OPS]
next_operation:
        test    r12, r12
        jz      carry_out_fpu
        call    operation
        add     rbx, OP_SIZE
        dec     r12
        jmp     next_operation
carry_out_fpu:
        call    switch_fpu

        mov     rax, [rbp + GATE_NEXT_CR3]
        test    rax, rax
        jnz     load_cr3
        test    dword ptr [rbp + GATE_FLAGS], GATE_RELOAD_CR3
        jz      carry_out_timer
        mov     rax, [rbp + GATE_CR3]
load_cr3:
        mov     cr3, rax
        mov     [rbp + GATE_CR3], rax
carry_out_timer:
        test    dword ptr [rbp + GATE_FLAGS], GATE_SET_TIMER
        jz      carry_out_ts
        mov     eax, [rbp + GATE_TIMER]
        call    set_timer
carry_out_ts:
        call    set_ts
        jmp     spend

# The kernel cannot go on, and says why.
kernel_panic:
        lea     rsi, [rip + message_panic]
        call    put_string
        lea     rsi, [rbp + GATE_PANIC_TEXT]
        call    put_string
        call    new_line
        jmp     halt
