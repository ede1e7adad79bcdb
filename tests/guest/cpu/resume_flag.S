# resume_flag.S -- RF in the flags that an event pushes: set by faults, clear after traps and INT n.
#
# Source: Intel SDM Vol. 3B, 17.3.1.1 "Instruction-Breakpoint Exception Condition": "For any
# fault-class exception except a debug exception generated in response to an instruction
# breakpoint, the value pushed for RF is 1", and the cases after it.

SUBJECT resume_flag

.macro DO_DE
        div     cl
.endm
.macro DO_UD
        ud2
.endm
.macro DO_NM                            # CR0.TS
        .byte   0x0f, 0x20, 0xc0
        or      al, 8
        .byte   0x0f, 0x22, 0xc0
        fnop
.endm
.macro DO_NP
        POKEB   GDT + FREE_SEL + 5, 0x73
        mov     eax, FREE_SEL
        mov     ds, eax
.endm
.macro DO_SS
        POKEB   GDT + FREE_SEL + 5, 0x13
        mov     eax, FREE_SEL
        mov     ss, eax
.endm
.macro DO_GP
        mov     eax, TSS64_SEL
        mov     ds, eax
.endm
.macro DO_PF
        mov     ebx, PT + 8 * (SCRATCH / 4096)
        mov     dword ptr [rbx], 0
        mov     ebx, SCRATCH
        mov     al, [rbx]
.endm
.macro DO_MF
        fninit
        mov     eax, rf_control
        fldcw   [eax]
        fld1
        fldz
        .byte   0xde, 0xf9              # fdivp
        fwait
.endm
.macro DO_BR
        mov     eax, 9
        .byte   0x62, 0x05
        .long   rf_bounds
.endm

.macro RF_CASE name, mode, body, vector, rf
CASE\mode \name.\mode
        \body
WANT VECTOR, \vector
WANT_BITS RFLAGS, FL_RF, \rf
WANT_BITS HFLAGS, FL_RF, 0
.endm
.macro FAULTS name, body, vector
        RF_CASE \name, 64, \body, \vector, FL_RF
        RF_CASE \name, 32, \body, \vector, FL_RF
.endm
FAULTS de, DO_DE, 0
FAULTS ud, DO_UD, 6
FAULTS nm, DO_NM, 7
FAULTS np, DO_NP, 11
FAULTS ss, DO_SS, 12
FAULTS gp, DO_GP, 13
FAULTS mf, DO_MF, 16
RF_CASE pf, 64, DO_PF, 14, FL_RF
RF_CASE br, 32, DO_BR, 5, FL_RF

# From ring 3, and in compatibility and virtual-8086 mode.
CASE64 ud.ring3
        TO_RING3_64 0
        ud2
WANT VECTOR, 6
WANT_BITS RFLAGS, FL_RF, FL_RF
CASE64 ud.compat
        TO_COMPAT_64 CODE32_3, DATA_3, 0
        ud2
WANT VECTOR, 6
WANT_BITS RFLAGS, FL_RF, FL_RF
CASE32 ud.v86
        TO_V86  0
        ud2
WANT VECTOR, 6
WANT_BITS RFLAGS, FL_RF, FL_RF

# The fault that takes the place of an INT n is a fault of it.
CASE64 refused.int
        TO_RING3_64 0
        int     0x40
WANT VECTOR, 13
WANT_BITS RFLAGS, FL_RF, FL_RF
CASE64 absent.int
        GATE64_TYPE 0x40, 0x0e
        int     0x40
WANT VECTOR, 11
WANT_BITS RFLAGS, FL_RF, FL_RF

# Traps and software interrupts.
.macro DO_BP
        int3
.endm
.macro DO_INT
        int     0x40
.endm
.macro DO_INT_6
        int     6
.endm
.macro DO_OF
        mov     al, 0x7f
        inc     al
        .byte   0xce
.endm
.macro STEP_64
        push    FL_TF | 2
        popfq
        nop
        nop
.endm
.macro STEP_32
        push    FL_TF | 2
        popfd
        nop
        nop
.endm
RF_CASE bp, 64, DO_BP, 3, 0
RF_CASE bp, 32, DO_BP, 3, 0
RF_CASE int, 64, DO_INT, 0x40, 0
RF_CASE int, 32, DO_INT, 0x40, 0
RF_CASE int.6, 64, DO_INT_6, 6, 0
RF_CASE of, 32, DO_OF, 4, 0
RF_CASE step, 64, STEP_64, 1, 0
RF_CASE step, 32, STEP_32, 1, 0

# IRET can set RF. The instruction it returns to clears it, if it succeeds.
.macro RETURN_RF
        push    DATA
        push    STACK_TOP
        push    FL_RF | 2
        push    CODE64
        lea     rax, [rip + rf.\@]
        push    rax
        iretq
rf.\@:
.endm
CASE64 iret.int
        RETURN_RF
        int     0x40
WANT VECTOR, 0x40
WANT_BITS RFLAGS, FL_RF, 0
CASE64 iret.nop.int
        RETURN_RF
        nop
        int     0x40
WANT VECTOR, 0x40
WANT_BITS RFLAGS, FL_RF, 0
CASE64 iret.ud
        RETURN_RF
        ud2
WANT VECTOR, 6
WANT_BITS RFLAGS, FL_RF, FL_RF
CASE64 iret.pushf                       # the image of PUSHF never has it
        RETURN_RF
        pushfq
        pop     rbx
WANT_BITS RBX, FL_RF, 0
CASE64 popf                             # nor does POPF set it
        push    FL_RF | 2
        popfq
        int     0x40
WANT VECTOR, 0x40
WANT_BITS RFLAGS, FL_RF, 0

.section names
rf_control: .word 0x37b
.balign 4
rf_bounds:  .long 0, 5
