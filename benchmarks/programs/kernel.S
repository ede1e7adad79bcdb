# kernel.S -- ring 3: the loops that benchmarks/kernel.py times, 256 bytes apart.
#
# A thread starts at the loop that it is for. It counts its passes in `passes`, which is in
# a page of its own process. Slots and scripts are the host's to prepare.

.set SLOT_ENDPOINT,  28
.set SLOT_OTHER,     29         # a second notification
.set STEP_SIZE,      64         # of a script: rdi rsi rdx r10 r8 r9 and message words 4 and 5

# idle: for when nobody else can run, so that a trap comes soon.
.balign 256
idle:
        mov     eax, TRAP_YIELD
        syscall
        jmp     idle

# yielder: gives the processor to the next of its priority.
.balign 256
yielder:
        mov     eax, TRAP_YIELD
        syscall
        inc     qword ptr [rip + passes]
        jmp     yielder

# client: calls, and has its answer. rbx is the message info.
.balign 256
client:
        mov     edi, SLOT_ENDPOINT
        mov     rsi, rbx
        mov     eax, TRAP_CALL
        syscall
        inc     qword ptr [rip + passes]
        jmp     client

# server: answers and receives. rbx is the message info.
.balign 256
server:
        mov     edi, SLOT_ENDPOINT
        mov     r12d, INIT_REPLY
        mov     eax, TRAP_RECV
        syscall
server_next:
        mov     edi, SLOT_ENDPOINT
        mov     rsi, rbx
        mov     eax, TRAP_REPLY_RECV
        syscall
        jmp     server_next

# signaller: signals its peer, waits for the peer's signal.
.balign 256
signaller:
        mov     edi, SLOT_ENDPOINT
        xor     esi, esi
        mov     eax, TRAP_SEND
        syscall
        mov     edi, SLOT_OTHER
        mov     eax, TRAP_WAIT
        syscall
        inc     qword ptr [rip + passes]
        jmp     signaller

# script: Call with each of the rcx steps at rbx, for ever. rbp is the IPC buffer.
.balign 256
script:
        mov     r14, rcx
script_again:
        mov     r12, rbx
        mov     r13, r14
script_step:
        mov     rax, [r12 + 48]
        mov     [rbp + IPC_MESSAGE + 32], rax
        mov     rax, [r12 + 56]
        mov     [rbp + IPC_MESSAGE + 40], rax
        mov     rdi, [r12]
        mov     rsi, [r12 + 8]
        mov     rdx, [r12 + 16]
        mov     r10, [r12 + 24]
        mov     r8, [r12 + 32]
        mov     r9, [r12 + 40]
        mov     eax, TRAP_CALL
        syscall
        or      [rip + failures], rax
        add     r12, STEP_SIZE
        dec     r13
        jnz     script_step
        inc     qword ptr [rip + passes]
        jmp     script_again

# publisher: publish messages of one word on the channel mapped at rbx, for ever.
.balign 256
publisher:
        mov     rdi, rbx
publish_next:
        lea     rsi, [rsp - 8]
        call    channel_publish
        inc     qword ptr [rip + passes]
        jmp     publish_next

.section data
.balign 4096
passes:
        .quad   0
failures:
        .quad   0
