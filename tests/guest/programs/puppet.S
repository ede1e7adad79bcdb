# puppet.S -- does what the host has written down, a step at a time, and notes what came of it.
#
# Ring 3, 64-bit. Each thread that runs this code has an area: first its script, a list
# of records, and in the last page its IPC buffer. A record says what to do and with
# which registers, and has room for what the registers are afterwards; its layout is
# PUPPET_... (tests/conformance/kernel/script.py). The first thread starts at `puppet`
# with rdi the address of the boot info, others at `puppet_thread`, with
#
#       rbx     their area
#       r15     address of their IPC buffer
#
# Kept from step to step: rbx, rbp the common page, r14 the record, r15. There is no stack.

puppet:
        lea     rbx, [rip + areas]
        mov     r15, [rdi + INFO_IPC_BUFFER]
puppet_thread:
        lea     rbp, [rip + common]
        mov     r14, rbx

next_step:
        mov     eax, [r14 + STEP_KIND]
        test    eax, eax
        jz      no_more_steps
        mov     rcx, [r14 + STEP_INPUTS]
        lea     rsi, [r14 + STEP_PAIRS]
fill_buffer:                            # pairs of index and word
        test    rcx, rcx
        jz      start_step
        mov     rdx, [rsi]
        mov     r8, [rsi + 8]
        mov     [r15 + rdx * 8], r8
        add     rsi, 16
        dec     rcx
        jmp     fill_buffer
start_step:
        mov     eax, 1
        xadd    [rbp], rax
        mov     [r14 + STEP_STARTED], rax
        mov     rax, [r14 + STEP_TIMES]
        mov     [r14 + STEP_LEFT], rax
        mov     ecx, [r14 + STEP_KIND]
        mov     rax, [r14 + STEP_RAX]
        mov     rdi, [r14 + STEP_RDI]
        mov     rsi, [r14 + STEP_RSI]
        cmp     ecx, KIND_TRAP
        je      step_trap
        cmp     ecx, KIND_LOAD
        je      step_load
        cmp     ecx, KIND_STORE
        je      step_store
        cmp     ecx, KIND_SPIN
        je      step_spin
        cmp     ecx, KIND_FPU
        je      step_fpu
        cmp     ecx, KIND_JUMP
        je      step_jump
step_undefined:
        ud2
        jmp     end_step
step_load:
        mov     rax, [rdi]
        jmp     end_step
step_store:
        mov     [rdi], rax
        jmp     end_step
step_spin:                              # SPIN_TICKS a turn: the clock counts bytes of code
        dec     rax
        jnz     step_spin
        jmp     end_step
step_fpu:
        movq    xmm0, rax
        jmp     end_step
step_jump:                              # to another record
        mov     r14, rdi
        jmp     next_step
step_trap:
        mov     rdx, [r14 + STEP_RDX]
        mov     r10, [r14 + STEP_R10]
        mov     r8, [r14 + STEP_R8]
        mov     r9, [r14 + STEP_R9]
        mov     r12, [r14 + STEP_R12]
        mov     r13, [r14 + STEP_R13]
make_trap:
        syscall
after_trap:
        dec     qword ptr [r14 + STEP_LEFT]
        jz      trap_done
        mov     rax, [r14 + STEP_NEXT_SLOT]
        add     [r14 + STEP_RDI], rax
        mov     rax, [r14 + STEP_NEXT_CAPABILITY]
        add     [r15 + CAPABILITY_WORD], rax
        mov     rax, [r14 + STEP_RAX]
        mov     rdi, [r14 + STEP_RDI]
        mov     rsi, [r14 + STEP_RSI]
        jmp     step_trap
trap_done:
        mov     [r14 + STEP_ANSWER], rax
        mov     [r14 + STEP_ANSWER + 8], rdi
        mov     [r14 + STEP_ANSWER + 16], rsi
        mov     [r14 + STEP_ANSWER + 24], rdx
        mov     [r14 + STEP_ANSWER + 32], r10
        mov     [r14 + STEP_ANSWER + 40], r8
        mov     [r14 + STEP_ANSWER + 48], r9
        mov     rcx, [r14 + STEP_INPUTS]
        shl     rcx, 4
        lea     rsi, [r14 + rcx + STEP_PAIRS]
        mov     rcx, [r14 + STEP_OUTPUTS]
copy_buffer:
        test    rcx, rcx
        jz      step_done
        mov     rdx, [rsi]
        mov     r8, [r15 + rdx * 8]
        mov     [rsi + 8], r8
        add     rsi, 16
        dec     rcx
        jmp     copy_buffer
end_step:
        mov     [r14 + STEP_ANSWER], rax
step_done:
        mov     eax, 1
        xadd    [rbp], rax
        mov     [r14 + STEP_ENDED], rax
        add     r14, [r14 + STEP_SIZE]
        jmp     next_step

# The host stops the machine at a line of the debug console, and may write another script.
no_more_steps:
        mov     r14, rbx
        mov     qword ptr [r14 + STEP_KIND], 0
        mov     edi, '\n'
        mov     eax, TRAP_DEBUG_PUT_CHAR
        syscall
wait_for_steps:
        cmp     dword ptr [r14 + STEP_KIND], 0
        je      wait_for_steps
        jmp     next_step

# fuzz: what threads do that need nothing but this code: the next of the host's traps, and
# so on. Nothing is kept in registers, because the traps may do what they like to those.
fuzz:
        lea     rbp, [rip + common]
        mov     eax, 1
        xadd    [rbp + FUZZ_NEXT], rax
        cmp     rax, [rbp + FUZZ_COUNT]
        jae     fuzz_end
        imul    rax, rax, FUZZ_SIZE
        lea     rbx, [rip + areas]
        lea     rbx, [rbx + rax + FUZZ_TRAPS]
        lea     r15, [rip + areas]
        add     r15, FUZZ_BUFFER
        lea     rsi, [rbx + FUZZ_WORDS]
        lea     rdi, [r15 + MESSAGE_WORDS]
        mov     ecx, FUZZ_WORD_COUNT
        cld
        rep movsq
        lea     rdi, [r15 + CAPABILITY_WORD]
        mov     ecx, FUZZ_TAIL_COUNT
        rep movsq
        mov     rax, [rbx]
        mov     rdi, [rbx + 8]
        mov     rsi, [rbx + 16]
        mov     rdx, [rbx + 24]
        mov     r10, [rbx + 32]
        mov     r8, [rbx + 40]
        mov     r9, [rbx + 48]
        mov     r12, [rbx + 56]
        mov     r13, [rbx + 64]
        syscall
        jmp     fuzz
fuzz_end:
        mov     edi, '\n'
        mov     eax, TRAP_DEBUG_PUT_CHAR
        syscall
        jmp     fuzz

.section data
.balign 4096
common:                                 # steps started and ended; next trap of fuzz, and how many
        .zero   4096
areas:
        .zero   AREA_COUNT * AREA_SIZE
