# syscalls.S -- SYSCALL in, SYSRET out, and the calls between (kernel/abi.py).
#
# 64-bit code. SYSCALL enters ring 0 with interrupts off (FMASK), rip in rcx, the
# flags in r11, and still on the program's stack. One CPU and no call that another
# can interrupt: so one word is enough to keep the program's stack pointer in.
#
# Source: Intel SDM Vol. 2B, "SYSCALL" and "SYSRET"; Vol. 3A, "Fast System Calls
# in 64-Bit Mode".

.set POWER_OFF_WORD, 1 << 13    # SLP_EN; SLP_TYP 0 is soft-off on QEMU's pc (ACPI, PM1_CNT)

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
        lea     rsp, [rip + kernel_stack_top]
        push    rcx
        push    r11
        push    rdx
        cmp     rax, SYS_COUNT
        jae     call_unknown
        lea     rcx, [rip + calls]
        call    qword ptr [rcx + rax * 8]
system_call_end:
        pop     rdx
        pop     r11
        pop     rcx
        mov     rsp, [rip + program_rsp]
        sysret
call_unknown:
        mov     rax, UNKNOWN_CALL
        jmp     system_call_end

# The calls: arguments in rdi, result in rax. They may change rcx and rdx.
call_put_char:
        mov     eax, edi
        call    put_char
        xor     eax, eax
        ret

call_ticks:
        mov     rax, [rip + ticks]
        ret

call_exit:
        mov     eax, edi
        mov     dx, PORT_EXIT
        out     dx, al
        jmp     halt

call_power_off:
        mov     dx, PORT_POWER
        mov     ax, POWER_OFF_WORD
        out     dx, ax
        jmp     halt

.section rodata
.balign 8
calls:                                  # in the order of kernel/abi.py
        .quad   call_put_char
        .quad   next_char
        .quad   call_ticks
        .quad   call_exit
        .quad   call_power_off
.section data
.balign 8
program_rsp:
        .quad   0
