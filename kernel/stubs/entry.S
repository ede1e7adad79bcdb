# entry.S -- the kernel's first instruction, and the order in which it sets itself up.
#
# Entered from stage 2 in long mode, ring 0, interrupts off, at `kernel`, with rdi
# the physical address of the boot record, and the first 2 MiB of RAM mapped at 0
# and at -2 GiB. Never returns: it leaves to ring 3 or to `idle`, and comes back
# through traps.S and syscalls.S only.

.set EXIT_NO_GATE,   1          # status for the exit device

kernel:
        lea     rsp, [rip + kernel_stack_top]
        mov     r15, rdi                # the boot record, until the kernel is told of it
        lea     rsi, [rip + message_long_mode]
        call    milestone

        call    load_descriptors        # before paging, so that a fault there is reported
        mov     rdi, r15
        call    start_paging
        lea     rsi, [rip + message_paging]
        call    milestone

        call    quiet_interrupts
        lea     rsi, [rip + message_interrupts]
        call    milestone

        call    enable_system_calls
        call    find_gate
        jne     no_gate
        lea     rsi, [rip + message_gate]
        call    milestone
        lea     rsi, [rip + message_ring3]
        call    milestone
        mov     [rip + gate_block + GATE_RECORD], r15
        mov     qword ptr [rip + gate_block + GATE_REASON], REASON_BOOT
        jmp     gate

# On a machine without a gate, as QEMU is, this is as far as the kernel goes.
no_gate:
        lea     rsi, [rip + message_no_gate]
        call    milestone
        mov     al, EXIT_NO_GATE
        mov     dx, PORT_EXIT
        out     dx, al

# halt: the end, for whatever reason.
halt:
        cli
        hlt
        jmp     halt

.section rodata
message_long_mode:
        .asciz  "[boot] long mode: 64 bits, kernel at -2 GiB"
message_paging:
        .asciz  "[boot] paging: 4 levels, every page W^X"
message_interrupts:
        .asciz  "[boot] interrupts: IDT, PIC and PIT, all quiet"
message_gate:
        .asciz  "[boot] kernel gate: the kernel is there"
message_ring3:
        .asciz  "[boot] ring 3: starting the first processes"
message_no_gate:
        .asciz  "kernel: no kernel gate here"
