# tasks.S -- task gates: the switch to a handler that is a task, the return by IRET, and what refuses it.
#
# Source: Intel SDM Vol. 3A, 7.2 "Task Management Data Structures", 7.3 "Task Switching" with
# Table 7-1, 7.4 "Task Linking" and 6.12.2 "Interrupt Tasks"; Vol. 2A, "INT n" and "IRET".

SUBJECT tasks

.set VEC, 0x40
.set BUSY, 0x8b

# Fields of a 32-bit TSS (7.2.1).
.set T_CR3, 0x1c
.set T_EIP, 0x20
.set T_EFLAGS, 0x24
.set T_EAX, 0x28
.set T_EBX, 0x34
.set T_ESP, 0x38
.set T_ES, 0x48
.set T_CS, 0x4c
.set T_SS, 0x50
.set T_DS, 0x54
.set T_LDT, 0x60
.set TASK_STACK, 0xe800

# TASK VECTOR, ACCESS, LABEL: a task gate to TSS32B, whose task starts at LABEL.
.macro TASK vector, access, label
        mov     word ptr [IDT + (\vector) * 8 + 2], TSS32B_SEL
        mov     byte ptr [IDT + (\vector) * 8 + 5], \access
        mov     dword ptr [TSS32B + T_EIP], \label
        mov     dword ptr [TSS32B + T_EFLAGS], FL_CF | 2
        mov     dword ptr [TSS32B + T_EAX], 0x11111111
        mov     dword ptr [TSS32B + T_EBX], 0x22222222
        mov     dword ptr [TSS32B + T_ESP], TASK_STACK
        mov     dword ptr [TSS32B + T_ES], DATA
        mov     dword ptr [TSS32B + T_CS], CODE32
        mov     dword ptr [TSS32B + T_SS], DATA
        mov     dword ptr [TSS32B + T_DS], DATA
.endm
# In the task: all that may be seen of it, then home.
home_from_task:
        mov     ecx, esp
        str     edx
        mov     esi, cr0
        HOME

# The registers are the task's; NT is set, and CR0.TS; TR names its TSS, which is busy and links
# back to the old one, which stays busy and has the registers as they were, EIP behind INT.
CASE32 enter
        TASK    VEC, 0x85, home_from_task
        mov     ebx, 0x33333333
        stc
        int     VEC
enter.next:
WANT RAX, 0x11111111
WANT RBX, 0x22222222
WANT RCX, TASK_STACK
WANT RDX, TSS32B_SEL
WANT_BITS RSI, 8, 8
WANT_BITS RFLAGS, FL_NT | FL_CF, FL_NT | FL_CF
WANT_MEM TSS32B, 0xffff, TSS32_SEL
WANT_MEM GDT + TSS32B_SEL + 5, 0xff, BUSY
WANT_MEM GDT + TSS32_SEL + 5, 0xff, BUSY
WANT_MEM TSS32 + T_EIP, 0xffffffff, enter.next
WANT_MEM TSS32 + T_EBX, 0xffffffff, 0x33333333
WANT_MEM TSS32 + T_ESP, 0xffffffff, STACK_TOP
WANT_MEM TSS32 + T_CS, 0xffff, CODE32
WANT_MEM TSS32 + T_EFLAGS, FL_NT | FL_CF, FL_CF

# IRET with NT set goes back; the task's own TSS is available again and has NT clear.
CASE32 return
        TASK    VEC, 0x85, return.task
        mov     ebx, 0x33333333
        int     VEC
        str     edx
        pushfd
        pop     ecx
        HOME
return.task:
        mov     eax, 0x44444444
        iretd
return.behind:
        HOME
WANT RBX, 0x33333333
WANT RDX, TSS32_SEL
WANT_BITS RCX, FL_NT, 0
WANT RSP, STACK_TOP
WANT_MEM GDT + TSS32B_SEL + 5, 0xff, 0x89
WANT_MEM GDT + TSS32_SEL + 5, 0xff, BUSY
WANT_MEM TSS32B + T_EIP, 0xffffffff, return.behind
WANT_MEM TSS32B + T_EAX, 0xffffffff, 0x44444444
WANT_MEM TSS32B + T_EFLAGS, FL_NT, 0

# Twice: the task goes on behind its IRET.
CASE32 again
        TASK    VEC, 0x85, again.task
        int     VEC
        int     VEC
        HOME
again.task:
        inc     ebp
        iretd
        mov     ebp, 0x55
        HOME
WANT RBP, 0x55

# An exception: EIP in the old TSS is at the instruction, the error code on the task's stack.
CASE32 exception
        TASK    6, 0x85, home_from_task
exception.at:
        ud2
WANT RCX, TASK_STACK
WANT_MEM TSS32 + T_EIP, 0xffffffff, exception.at
CASE32 exception.error
        TASK    13, 0x85, exception.error.task
        mov     eax, TSS32_SEL
exception.error.at:
        mov     ds, eax
exception.error.task:
        pop     ebx
        jmp     home_from_task
WANT RBX, TSS32_SEL
WANT RCX, TASK_STACK
WANT_MEM TSS32 + T_EIP, 0xffffffff, exception.error.at
CASE32 exception.double
        TASK    8, 0x85, exception.double.task
        GATE32_TYPE 13, 0x0e
        mov     eax, TSS32_SEL
        mov     ds, eax
exception.double.task:
        pop     ebx
        jmp     home_from_task
WANT RBX, 0
WANT RDX, TSS32B_SEL

# From ring 3; the gate's DPL counts, not the TSS's.
CASE32 ring3
        TASK    VEC, 0xe5, home_from_task
        TO_RING3_32 0
        int     VEC
WANT RCX, TASK_STACK
WANT CS, CODE32
WANT_MEM TSS32 + T_CS, 0xffff, CODE32_3
WANT_MEM TSS32 + T_SS, 0xffff, DATA_3
WANT_MEM TSS32 + T_ESP, 0xffffffff, STACK3_TOP
CASE32 ring3.exception
        TASK    6, 0x85, home_from_task
        TO_RING3_32 0
        ud2
WANT RCX, TASK_STACK
CASE32 refused.dpl
        TASK    VEC, 0x85, home_from_task
        TO_RING3_32 0
        MARK
        int     VEC
WANT VECTOR, 13
WANT ERROR, VEC * 8 + 2
WANT RIP, 0

# What refuses a switch, before it begins.
CASE32 refused.absent.gate
        TASK    VEC, 0x05, home_from_task
        MARK
        int     VEC
WANT VECTOR, 11
WANT ERROR, VEC * 8 + 2
WANT RIP, 0
CASE32 refused.absent.tss
        TASK    VEC, 0x85, home_from_task
        SEL_ACCESS TSS32B_SEL, 0x09
        MARK
        int     VEC
WANT VECTOR, 11
WANT ERROR, TSS32B_SEL
WANT RIP, 0
CASE32 refused.busy
        TASK    VEC, 0x85, home_from_task
        SEL_ACCESS TSS32B_SEL, BUSY
        int     VEC
WANT VECTOR, 13
WANT ERROR, TSS32B_SEL
CASE32 refused.data
        TASK    VEC, 0x85, home_from_task
        mov     word ptr [IDT + VEC * 8 + 2], DATA
        int     VEC
WANT VECTOR, 13
WANT ERROR, DATA
CASE32 refused.local
        TASK    VEC, 0x85, home_from_task
        mov     word ptr [IDT + VEC * 8 + 2], TSS32B_SEL + 4
        int     VEC
WANT VECTOR, 13
WANT ERROR, TSS32B_SEL + 4
CASE32 refused.limit
        TASK    VEC, 0x85, home_from_task
        mov     word ptr [GDT + TSS32B_SEL], 0x66
        int     VEC
WANT VECTOR, 10
WANT ERROR, TSS32B_SEL
CASE32 refused.ud
        TASK    6, 0x85, home_from_task
        SEL_ACCESS TSS32B_SEL, BUSY
        ud2
WANT VECTOR, 13
WANT ERROR, TSS32B_SEL + 1

# What is wrong with the new task's own segments is found in it: TR is its TSS already.
.macro BAD_SEGMENT name, field, selector, vector, error
CASE32 segment.\name
        TASK    VEC, 0x85, home_from_task
        mov     word ptr [TSS32B + \field], \selector
        int     VEC
WANT VECTOR, \vector
WANT ERROR, \error
.endm
BAD_SEGMENT ds.limit, T_DS, 0x1000, 10, 0x1000
BAD_SEGMENT ds.system, T_DS, TSS32_SEL, 10, TSS32_SEL
BAD_SEGMENT cs.null, T_CS, 0, 10, 0
BAD_SEGMENT cs.data, T_CS, DATA, 10, DATA
BAD_SEGMENT ldt.data, T_LDT, DATA, 10, DATA

# IRET with NT set and nothing to go back to: #TS of the link, or of the TSS it names.
CASE32 link.null
        push    FL_NT | 2
        popfd
        MARK
        iretd
WANT VECTOR, 10
WANT ERROR, 0
WANT RIP, 0
CASE32 link.available                   # not busy
        mov     word ptr [TSS32], TSS32B_SEL
        push    FL_NT | 2
        popfd
        MARK
        iretd
WANT VECTOR, 10
WANT ERROR, TSS32B_SEL
WANT RIP, 0
CASE32 link.data
        mov     word ptr [TSS32], DATA
        push    FL_NT | 2
        popfd
        iretd
WANT VECTOR, 10
WANT ERROR, DATA
CASE32 link.local
        mov     word ptr [TSS32], TSS32B_SEL + 4
        push    FL_NT | 2
        popfd
        iretd
WANT VECTOR, 10
WANT ERROR, TSS32B_SEL + 4
