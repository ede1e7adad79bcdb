# restart.S -- faults restart: a handler mends the cause, returns, and the instruction does its work once.
# Traps do not: the handler returns behind the instruction.
#
# Source: Intel SDM Vol. 3A, 6.5 "Exception Classifications" and 6.6 "Program or Task Restart".

SUBJECT restart

# A handler counts itself in r15 (edi in 32-bit code).

# #PF: the page appears. The instruction's effects are those of one execution.
.macro UNMAP
        mov     eax, PT + 8 * (SCRATCH / 4096)
        mov     dword ptr [rax], 0
        mov     eax, SCRATCH
        invlpg  [rax]
.endm
        HOME                            # of no case: only those below lead here
.code64
map_it:
        inc     r15
        push    rax
        mov     eax, PT + 8 * (SCRATCH / 4096)
        mov     dword ptr [rax], SCRATCH + 7
        pop     rax
        add     rsp, 8                  # the error code
        iretq
.macro PF_CASE name, ring
CASE64 pf.\name.ring\ring
        mov     eax, SCRATCH
        mov     dword ptr [rax], 5
        mov     dword ptr [rax + 4], 6
        GATE64_TO 14, map_it
        UNMAP
        RING\ring
.endm
.macro RING0
.endm
.macro RING3
        TO_RING3_64 0
.endm
.macro TWICE name, want
PF_CASE \name, 0
        DO_\name
WANT RBX, \want
WANT R15, 1
PF_CASE \name, 3
        DO_\name
WANT RBX, \want
WANT R15, 1
.endm
.macro DO_load
        mov     ecx, SCRATCH
        mov     ebx, [rcx]
.endm
.macro DO_increment
        mov     ecx, SCRATCH
        inc     dword ptr [rcx]
        mov     ebx, [rcx]
.endm
.macro DO_push
        mov     rcx, rsp
        mov     esp, SCRATCH + 8
        push    0x77
        mov     ebx, SCRATCH
        mov     ebx, [rbx]
        mov     rsp, rcx
.endm
.macro DO_pop
        mov     rcx, rsp
        mov     esp, SCRATCH
        pop     rbx
        sub     rsp, SCRATCH            # moved by 8, once
        mov     ebx, ebx
        add     ebx, esp
        mov     rsp, rcx
.endm
.macro DO_movs
        mov     esi, SCRATCH
        mov     edi, SCRATCH + 0x100
        movsb
        mov     ebx, esi
        sub     ebx, SCRATCH
        add     ebx, edi
        sub     ebx, SCRATCH + 0x100
.endm
.macro DO_xchg
        mov     ecx, SCRATCH
        mov     ebx, 9
        xchg    ebx, [rcx]
.endm
.macro DO_xadd
        mov     ecx, SCRATCH
        mov     edx, 9
        lock xadd [rcx], edx
        mov     ebx, [rcx]
        add     ebx, edx
.endm
.macro DO_cmpxchg
        mov     ecx, SCRATCH
        mov     eax, 5
        mov     edx, 8
        lock cmpxchg [rcx], edx
        mov     ebx, [rcx]
.endm
TWICE load, 5
TWICE increment, 6
TWICE push, 0x77
TWICE pop, 13
TWICE movs, 2
TWICE xchg, 5
TWICE xadd, 19
TWICE cmpxchg, 8

# REP MOVS over a page that appears in the middle: it goes on where it was.
CASE64 pf.rep.movs
        GATE64_TO 14, map_it
        mov     edi, SCRATCH - 16
        mov     ecx, 4
        mov     eax, 0x11223344
        rep     stosd
        UNMAP
        mov     esi, STUBS64
        mov     edi, SCRATCH - 8
        mov     ecx, 16
        rep     movsb
        mov     ebx, SCRATCH
        mov     rbx, [rbx]
        mov     edx, STUBS64 + 8
        sub     rbx, [rdx]
WANT RBX, 0
WANT RCX, 0
WANT RSI, STUBS64 + 16
WANT RDI, SCRATCH + 8
WANT R15, 1

# #NM: CR0.TS is cleared, the instruction runs.
CASE64 nm
        GATE64_TO 7, clear_ts
        mov     rax, cr0
        or      al, 8
        mov     cr0, rax
        fninit
        fld1
        fnstsw  ax
        mov     ebx, eax
        jmp     nm.end
clear_ts:
        inc     r15
        clts
        iretq
nm.end:
WANT_BITS RBX, 0x3800, 0x3800           # one value on the stack
WANT R15, 1

# #DE: the divisor is mended.
CASE64 de
        GATE64_TO 0, mend_divisor
        mov     eax, 12
        xor     ecx, ecx
        div     ecx
        mov     ebx, eax
        jmp     de.end
mend_divisor:
        inc     r15
        mov     ecx, 4
        iretq
de.end:
WANT RBX, 3
WANT R15, 1
CASE32 de.32
        GATE32_TO 0, mend_divisor32
        mov     eax, 12
        xor     ecx, ecx
        div     ecx
        mov     ebx, eax
        jmp     de.32.end
mend_divisor32:
        inc     edi
        mov     ecx, 4
        iretd
de.32.end:
WANT RBX, 3
WANT RDI, 1

# #UD: the handler steps over it.
CASE64 ud
        GATE64_TO 6, step_over
        mov     ebx, 1
        ud2
        inc     ebx
        jmp     ud.end
step_over:
        inc     r15
        add     qword ptr [rsp], 2
        iretq
ud.end:
WANT RBX, 2
WANT R15, 1

# #NP of a segment: it becomes present.
CASE64 np
        SEL_DESC FREE_SEL, 0x0000ffff, 0x00cf7300
        GATE64_TO 11, make_present
        mov     eax, FREE_SEL + 3
        mov     ds, eax
        mov     ebx, ds
        jmp     np.end
make_present:
        inc     r15
        push    rax
        SEL_ACCESS FREE_SEL, 0xf3
        pop     rax
        add     rsp, 8
        iretq
np.end:
WANT RBX, FREE_SEL + 3
WANT R15, 1

# #GP of an INT n: its gate is opened, and it is done again.
CASE64 gp.int
        GATE64_TO 13, open_gate
        GATE64_TO 0x40, count_it
        TO_RING3_64 0
        int     0x40
        jmp     gp.int.end
open_gate:
        inc     r14
        push    rax
        GATE64_TYPE 0x40, 0xee
        pop     rax
        add     rsp, 8
        iretq
count_it:
        inc     r15
        iretq
gp.int.end:
WANT R14, 1
WANT R15, 1

# Traps: once, and on behind them.
CASE64 bp
        GATE64_TO 3, count_it
        int3
        int3
WANT R15, 2
CASE64 step
        GATE64_TO 1, count_it
        push    FL_TF | 2
        popfq
        nop
        nop
        nop
        push    2
        popfq                           # the last that is stepped
        nop
WANT R15, 5

# A fault in a handler.
CASE64 nested
        GATE64_TO 6, nested.ud
        GATE64_TO 0, nested.de
        mov     ebx, 1
        ud2
        jmp     nested.end
nested.ud:
        inc     r15
        xor     ecx, ecx
        mov     eax, 8
        div     ecx
        add     ebx, eax
        add     qword ptr [rsp], 2
        iretq
nested.de:
        inc     r14
        mov     ecx, 2
        iretq
nested.end:
WANT RBX, 5
WANT R14, 1
WANT R15, 1
