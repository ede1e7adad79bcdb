# debug.S -- single steps, breakpoints on instructions, and the debug registers.
#
# Source: Intel SDM Vol. 3B, 17.2 "Debug Registers", 17.3.1 "Debug Exception (#DB)"; Vol. 3A, 6.8.3 "Masking Exceptions and Interrupts When Switching Stacks".

SUBJECT debug

.macro STEP name, mode, body, last
CASE\mode step.\name.\mode
        mov     edi, SCRATCH
        mov     ebx, SCRATCH
        mov     ecx, 3
        mov     edx, ss
        RESUME\mode see.step.\name.\mode
        START_STEPS
        \body
        MARK
        \last
        nop
        SEE     step.\name.\mode, DR6_BS
WANT_BITS RFLAGS, FL_TF, FL_TF
.endm
.macro STEPS name, body, last
STEP \name, 64, \body, \last
STEP \name, 32, \body, \last
.endm
.macro MOV_SS
        mov     ss, edx
        nop
.endm
.macro IRET_SAME
        jmp     iret.same.\@
        nop
iret.same.\@:
.endm
.macro PUSHF_POP
        .byte   0x9c
.endm
STEPS nop, nop, nop
STEPS jump, IRET_SAME, nop
STEPS sti, sti, nop
STEPS mov.ss, MOV_SS, nop               # held back for one instruction
STEPS pushf, PUSHF_POP, nop
.macro REP_STOS
        rep     stosb
.endm
STEPS rep, NOTHING, REP_STOS            # after each iteration
WANT RCX, 2
WANT RDI, SCRATCH + 1
CASE64 step.popf                        # the instruction that clears TF is stepped
        RESUME64 see.step.popf
        push    2
        START_STEPS
        popfq
        MARK
        nop
        SEE     step.popf, DR6_BS
WANT_BITS RFLAGS, FL_TF, 0
CASE64 step.iret                        # TF by IRET: after one instruction at the target
        RESUME64 see.step.iret
        mov     rbx, rsp
        push    DATA
        push    rbx
        push    FL_TF | 2
        push    CODE64
        lea     rax, [rip + step.iret.to]
        push    rax
        iretq
step.iret.to:
        nop
        MARK
        nop
        SEE     step.iret, DR6_BS
CASE64 step.ring3
        RESUME64 see.step.ring3
        TO_RING3_64 FL_TF
        nop
        MARK
        nop
        SEE     step.ring3, DR6_BS
WANT CS, CODE64_3
WANT FRAME, RSP0_TOP
CASE64 step.compat
        RESUME64 see.step.compat
        TO_COMPAT_64 CODE32_3, DATA_3, FL_TF
        nop
        MARK
        nop
.code64
        SEE     step.compat, DR6_BS
WANT CS, CODE32_3
CASE64 step.syscall                     # FMASK leaves TF: before the first instruction there
        RESUME64 see.step.syscall
        mov     ecx, 0xc0000081
        xor     eax, eax
        mov     edx, CODE64
        wrmsr
        inc     ecx
        mov     eax, step.syscall.to
        xor     edx, edx
        wrmsr
        TO_RING3_64 FL_TF
        syscall
        nop
step.syscall.to:
        MARK
        nop
        SEE     step.syscall, DR6_BS
WANT CS, CODE64
.macro STEP_EVENT name, mode, body, vector, rip
CASE\mode step.\name.\mode
        START_STEPS
        MARK
        \body
        nop
WANT VECTOR, \vector
WANT RIP, \rip
WANT_BITS RFLAGS, FL_TF, FL_TF
WANT_BITS HFLAGS, FL_TF, 0
.endm
.macro STEP_EVENTS name, body, vector, rip
STEP_EVENT \name, 64, \body, \vector, \rip
STEP_EVENT \name, 32, \body, \vector, \rip
.endm
.macro INT_40
        int     0x40
.endm
STEP_EVENTS int, INT_40, 0x40, 2        # an event clears TF; no trap in its handler
STEP_EVENTS int3, int3, 3, 1
STEP_EVENTS fault, ud2, 6, 0

# Instruction breakpoints: faults.
.macro BREAK name, mode, number, dr7, dr6
CASE\mode break.\name.\mode
        RESUME\mode see.break.\name.\mode
        SET_DR  \number, at.break.\name.\mode
        SET_DR  7, \dr7
        xor     ebx, ebx
at.break.\name.\mode:
        MARK
        inc     ebx
        SEE     break.\name.\mode, \dr6
WANT RBX, 0
WANT_BITS RFLAGS, FL_RF, 0
.endm
.macro BREAKS name, number, dr7, dr6
BREAK \name, 64, \number, \dr7, \dr6
BREAK \name, 32, \number, \dr7, \dr6
.endm
BREAKS dr0.local, 0, 1, 1
BREAKS dr0.global, 0, 2, 1
BREAKS dr1, 1, 4, 2
BREAKS dr2, 2, 0x20, 4
BREAKS dr3, 3, 0x40, 8
.macro QUIET name, mode, flags, dr7, offset
CASE\mode quiet.\name.\mode
        SET_DR  0, at.quiet.\name.\mode
        add     eax, \offset
        .byte   0x0f, 0x23, 0xc0
        SET_DR  7, \dr7
        xor     ebx, ebx
at.quiet.\name.\mode:
        add     ebx, 5
        GET_DR  6
WANT RBX, 5
WANT RAX, DR6_CLEAR
.endm
QUIET disabled, 64, 0, 0, 0
QUIET disabled, 32, 0, 0, 0
QUIET middle, 64, 0, L0, 1
QUIET middle, 32, 0, L0, 1
QUIET other, 64, 0, 8, 0                # G1, and DR1 is 0
CASE64 break.rf                         # RF of IRET: not met once, and then again
        RESUME64 see.break.rf
        SET_DR  0, break.rf.at
        SET_DR  7, L0
        xor     ebx, ebx
        mov     rcx, rsp
        push    DATA
        push    rcx
        push    FL_RF | 2
        push    CODE64
        mov     eax, break.rf.at
        push    rax
        iretq
break.rf.at:
        MARK
        inc     ebx
        cmp     ebx, 2
        jb      break.rf.at
        SEE     break.rf, 1
WANT RBX, 1
CASE64 break.ring3
        RESUME64 see.break.ring3
        SET_DR  0, break.ring3.at
        SET_DR  7, L0
        TO_RING3_64 0
break.ring3.at:
        MARK
        nop
        SEE     break.ring3, 1
WANT CS, CODE64_3


# General detect, and which bits the registers have.
.macro DETECT name, body
CASE64 detect.\name
        RESUME64 see.detect.\name
        SET_DR  7, DR7_GD
        MARK
        \body
        SEE     detect.\name, DR6_BD
        GET_DR  7
        mov     ebx, eax
        GET_DR  6
WANT E1 + RBX, DR7_CLEAR                # GD was cleared
.endm
.macro READ_DR0
        GET_DR  0
.endm
.macro WRITE_DR3
        .byte   0x0f, 0x23, 0xd8
.endm
DETECT read, READ_DR0
DETECT write, WRITE_DR3
.macro BITS name, number, value, result
CASE64 bits.\name
        SET_DR  \number, \value
        xor     eax, eax
        GET_DR  \number
WANT RAX, \result
.endm
BITS dr6.zero, 6, 0, DR6_CLEAR
BITS dr6.ones, 6, 0xffffffff, 0xffffefff
BITS dr7.zero, 7, 0, DR7_CLEAR
BITS dr7.enables, 7, 0x300, 0x700
BITS dr3, 3, 0x12345678, 0x12345678
CASE64 bits.dr4                         # without CR4.DE: DR6 and DR7
        SET_DR  6, 0xffff0ff2
        xor     eax, eax
        GET_DR  4
        mov     ebx, eax
        GET_DR  5
WANT RBX, 0xffff0ff2
WANT RAX, DR7_CLEAR
CASE64 dr6.sticky                       # BS stays until it is cleared
        RESUME64 see.dr6.sticky
        SET_DR  6, DR6_CLEAR | DR6_BS
        SET_DR  0, dr6.sticky.at
        SET_DR  7, L0
dr6.sticky.at:
        MARK
        nop
        SEE     dr6.sticky, DR6_BS | 1
.macro READ_DR7
        MARK
        GET_DR  7
.endm
.macro WRITE_DR7
        MARK
        .byte   0x0f, 0x23, 0xf8
.endm
FAULT_RING3 ring3.read, NOTHING, READ_DR7, 13, 0, 0
FAULT_RING3 ring3.write, NOTHING, WRITE_DR7, 13, 0, 0
