# traps.S -- COUNT times one event that leaves the running program, and nothing else.
#
# After long_mode.S. EVENT selects the loop in `loops`; image.py numbers them in
# the same order. The loops that trap run in ring 3, those that reach devices in
# ring 0. `empty` is what every loop costs besides its event.

.set VECTOR_SYSTEM_CALL, 0x80           # INT n and straight back
.set VECTOR_END,         0x81           # the end of a loop in ring 3
.set VECTOR_UD,          6
.set VECTOR_GP,          13
.set VECTOR_PF,          14
.set PORT_COM1,          0x3f8
.set UART_SCR,           7              # scratch register: holds a byte and does nothing
.set SYSRET_BASE,        KERNEL_DATA    # SYSRET takes ss from 8 above it, cs from 16 above
.set FIRST_IN_RING_0,    5              # of `loops`

main:
        mov     edx, GATE_PRESENT
        mov     edi, VECTOR_UD
        lea     rsi, [rip + on_undefined]
        call    gate
        mov     edi, VECTOR_GP
        lea     rsi, [rip + on_unexpected]
        call    gate
        mov     edi, VECTOR_PF
        lea     rsi, [rip + on_page_fault]
        call    gate
        mov     edx, GATE_USER
        mov     edi, VECTOR_SYSTEM_CALL
        lea     rsi, [rip + on_interrupt]
        call    gate
        mov     edi, VECTOR_END
        lea     rsi, [rip + on_end]
        call    gate

        mov     ecx, MSR_STAR
        xor     eax, eax
        mov     edx, SYSRET_BASE << 16 | KERNEL_CODE
        wrmsr
        mov     ecx, MSR_LSTAR
        lea     rax, [rip + on_syscall]
        xor     edx, edx
        wrmsr
        mov     ecx, MSR_FMASK
        mov     eax, FLAG_IF | FLAG_DF
        wrmsr

        mov     r15d, COUNT
        mov     ecx, EVENT
        lea     rax, [rip + loops]
        mov     rax, [rax + rcx * 8]
        cmp     ecx, FIRST_IN_RING_0
        jae     privileged
        push    USER_DATA
        push    USER_STACK_TOP
        push    FLAG_FIXED
        push    USER_CODE
        push    rax
        iretq
privileged:
        jmp     rax

loops:  .quad   empty, interrupt, page_fault, undefined, system_call
        .quad   port_read, port_write, device_read

# again LOOP: the end of each loop.
.macro again LOOP
        dec     r15d
        jnz     \LOOP
        int     VECTOR_END
.endm

empty:
        again   empty

interrupt:
        int     VECTOR_SYSTEM_CALL
        again   interrupt

page_fault:
        mov     ebx, UNMAPPED
page_fault_loop:
        mov     al, [rbx]
        again   page_fault_loop

undefined:
        ud2
        again   undefined

system_call:
        syscall
        again   system_call

port_read:
        mov     edx, PORT_COM1 + UART_LSR
port_read_loop:
        in      al, dx
        again   port_read_loop

port_write:
        mov     edx, PORT_COM1 + UART_SCR
port_write_loop:
        out     dx, al
        again   port_write_loop

device_read:
        mov     ebx, DEVICE_PAGE + DEVICE_OFFSET
device_read_loop:
        mov     al, [rbx]
        again   device_read_loop

on_interrupt:
        iretq

on_page_fault:
        add     rsp, 8                  # the error code
        add     qword ptr [rsp], 2      # go on behind `mov al, [rbx]`
        iretq

on_undefined:
        add     qword ptr [rsp], 2      # go on behind `ud2`
        iretq

on_syscall:
        sysret

on_end:
        xor     eax, eax
        jmp     finish

on_unexpected:
        mov     al, 1
        jmp     finish
