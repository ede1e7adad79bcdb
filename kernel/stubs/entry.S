# entry.S -- the kernel's first instruction, and the order in which it sets itself up.
#
# Entered from stage 2 in long mode, ring 0, interrupts off, at `kernel`, with
# rdi the physical address of the image's directory, and the first 2 MiB of RAM
# mapped at 0 and at -2 GiB. Never returns: it leaves to ring 3, and comes back
# through traps.S and syscalls.S only.

kernel:
        lea     rsp, [rip + kernel_stack_top]
        mov     r15, rdi                # the directory, until map_memory has used it
        lea     rsi, [rip + message_long_mode]
        call    milestone

        call    load_descriptors        # before paging, so that a fault there is reported
        mov     rdi, r15
        call    map_memory
        lea     rsi, [rip + message_paging]
        call    milestone

        call    start_interrupts
        lea     rsi, [rip + message_interrupts]
        call    milestone

        # Wait for the first tick: it proves the whole path from the timer, and no
        # later line can fall into the middle of what ring 3 prints.
await_tick:
        cmp     qword ptr [rip + ticks], 0
        jne     ticked
        sti                             # hlt is inside the shadow of sti, so no
        hlt                             # interrupt can come between the two
        cli
        jmp     await_tick
ticked:
        lea     rsi, [rip + message_timer]
        call    milestone

        call    enable_system_calls
        lea     rsi, [rip + message_ring3]
        call    milestone
        mov     edi, START_FIRST

# enter_program: go to ring 3, at the program's start, with edi saying why.
# Every other register is zero: ring 3 learns nothing from ring 0.
enter_program:
        cli
        lea     rsp, [rip + kernel_stack_top]
        mov     rcx, [rip + program_entry]      # SYSRET takes rip from rcx
        mov     r11d, FLAG_FIXED | FLAG_IF      # and the flags from r11
        xor     eax, eax
        xor     ebx, ebx
        xor     edx, edx
        xor     esi, esi
        xor     ebp, ebp
        xor     r8d, r8d
        xor     r9d, r9d
        xor     r10d, r10d
        xor     r12d, r12d
        xor     r13d, r13d
        xor     r14d, r14d
        xor     r15d, r15d
        xor     esp, esp                # the program knows its own stack
        sysret

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
        .asciz  "[boot] interrupts: IDT, PIC, PIT at 100 Hz, COM1"
message_timer:
        .asciz  "[boot] timer: first interrupt taken"
message_ring3:
        .asciz  "[boot] ring 3: starting the shell"
