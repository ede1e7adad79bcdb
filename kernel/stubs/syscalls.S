# syscalls.S -- SYSCALL in, to the frame of the thread that made it.
#
# SYSCALL enters ring 0 with interrupts off (FMASK), rip in rcx, the flags in r11,
# and still on the program's stack. The end of the running thread's frame is in the
# TSS, where an exception would start too, so both make the same frame.
#
# Source: Intel SDM Vol. 2B, "SYSCALL" and "SYSRET"; Vol. 3A, "Fast System Calls
# in 64-Bit Mode".

# enable_system_calls: set the four registers. Changes rax, rcx, rdx.
enable_system_calls:
        mov     ecx, MSR_STAR
        xor     eax, eax
        mov     edx, SYSRET_BASE << 16 | KERNEL_CODE
        wrmsr
        mov     ecx, MSR_LSTAR
        lea     rax, [rip + system_call]
        mov     rdx, rax
        shr     rdx, 32
        wrmsr
        mov     ecx, MSR_FMASK
        mov     eax, FLAG_IF | FLAG_DF | FLAG_TF | FLAG_NT | FLAG_AC
        xor     edx, edx
        wrmsr
        mov     ecx, MSR_EFER           # stage 2 has set SCE; say so where it matters
        rdmsr
        or      eax, EFER_SCE
        wrmsr
        ret

system_call:
        mov     [rip + program_rsp], rsp
        mov     rsp, [rip + tss_rsp0]
        push    USER_DATA
        push    qword ptr [rip + program_rsp]
        push    r11
        push    USER_CODE
        push    rcx
        push    0                       # no error code
        push    FRAME_SYSCALL
        push_registers
        mov     qword ptr [rip + gate_block + GATE_REASON], REASON_SYSCALL
        lea     rcx, [rax - TRAP_CALL]
        cmp     rcx, TRAP_REPLY_RECV - TRAP_CALL
        ja      gate
        jmp     fast_path

.section cpu
.balign 8
program_rsp:                            # interrupts are off while it is in use
        .quad   0
