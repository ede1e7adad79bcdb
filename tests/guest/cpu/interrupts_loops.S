# interrupts_loops.S -- where interrupts come that nobody waits for: between iterations of repeated
# strings, not behind MOV SS and POP SS, and in HLT. The PIT ticks; handlers look at the registers.
#
# Source: Intel SDM Vol. 3A, 6.8.3 "Masking Exceptions and Interrupts When Switching Stacks"; Vol. 2B,
# "REP/REPE/REPZ/REPNE/REPNZ"; Vol. 2, "MOV", "POP" and "HLT".

SUBJECT interrupts_loops

# Repeated strings: an interrupt comes between two iterations, with RIP at the instruction.
.set TOTAL, 0x20000
.macro REP_MOVSD
        .byte   0xf3, 0xa5
.endm
.macro REP_SCASD
        .byte   0xf3, 0xaf
.endm
.macro REPEATED name, mode, gate, rdi_moves, instruction
CASE\mode repeated.\name
        \gate IRQ0, repeated.\name.tick
        xor     ebx, ebx                # interrupts inside
        xor     ebp, ebp                # and where the registers did not agree
        mov     edx, 1000               # tries: a witness may be slow to tick
        START_PIC
        START_PIT PIT_RATE, 60
        sti
repeated.\name.again:
        xor     eax, eax
        mov     esi, SCRATCH_HIGH
        mov     edi, SCRATCH_HIGH
        mov     ecx, TOTAL
repeated.\name.at:
        \instruction
        test    ebx, ebx
        jnz     repeated.\name.done
        dec     edx
        jnz     repeated.\name.again
repeated.\name.done:
        cli
        mov     al, 0xff
        out     0x21, al
        xor     eax, eax
        cmp     ebx, 1
        sbb     eax, 0                  # -1 if it was never interrupted
        HOME
WANT RAX, 0
WANT RBP, 0
WANT RCX, 0
WANT RDI, SCRATCH_HIGH + TOTAL * \rdi_moves
.endm
.macro TICK64 name, step
repeated.\name.tick:
        push    rax
        push    rdx
        lea     rax, [rip + repeated.\name.at]
        cmp     rax, [rsp + 16]
        jne     repeated.\name.out
        cmp     ecx, TOTAL              # before the first iteration says nothing
        je      repeated.\name.out
        inc     ebx
        mov     rdx, TOTAL
        sub     rdx, rcx
        shl     rdx, \step
        mov     eax, SCRATCH_HIGH
        add     rdx, rax
        cmp     rdx, rdi
        je      repeated.\name.out
        inc     ebp
repeated.\name.out:
        pop     rdx
        pop     rax
        iretq
.endm
REPEATED stosb, 64, GATE64_TO, 1, rep stosb
TICK64 stosb, 0
REPEATED movsd, 64, GATE64_TO, 4, REP_MOVSD
TICK64 movsd, 2
REPEATED scasd, 64, GATE64_TO, 4, REP_SCASD
TICK64 scasd, 2

# MOV SS and POP SS: no interrupt behind them, however often they are tried.
.macro SHADOW name, mode, gate, instructions
CASE\mode shadow.\name
        \gate IRQ0, shadow.\name.tick
        xor     ebx, ebx
        xor     ebp, ebp
        START_PIC
        START_PIT PIT_RATE, 48
        mov     edx, ss
        mov     ecx, 10000000
        sti
        nop                             # of two shadows in a row the second need not be
shadow.\name.loop:
        \instructions
shadow.\name.at:
        cmp     ebx, 2                  # two interrupts will do
        jae     shadow.\name.done
        dec     ecx
        jnz     shadow.\name.loop
shadow.\name.done:
        cli
        mov     al, 0xff
        out     0x21, al
        xor     eax, eax
        cmp     ebx, 1
        sbb     eax, 0
WANT RAX, 0
WANT RBP, 0
        HOME
.endm
.macro MOV_SS
        mov     ss, edx
.endm
.macro POP_SS
        push    edx
        .byte   0x17
.endm
SHADOW mov.ss, 64, GATE64_TO, MOV_SS
shadow.mov.ss.tick:
        inc     ebx
        lea     rax, [rip + shadow.mov.ss.at]
        cmp     rax, [rsp]
        jne     shadow.mov.ss.out
        inc     ebp
shadow.mov.ss.out:
        iretq
.macro TICK32 name
shadow.\name.tick:
        inc     ebx
        mov     eax, shadow.\name.at
        cmp     eax, [esp]
        jne     shadow.\name.out
        inc     ebp
shadow.\name.out:
        iretd
.endm
SHADOW mov.ss.32, 32, GATE32_TO, MOV_SS
TICK32 mov.ss.32
SHADOW pop.ss.32, 32, GATE32_TO, POP_SS
TICK32 pop.ss.32

# HLT goes on behind itself, as often as it is done.
CASE64 hlt.often
        GATE64_TO IRQ0, hlt.often.tick
        START_PIC
        START_PIT PIT_RATE, 300
        mov     ecx, 5
hlt.often.next:
        sti
        hlt
        cli
        dec     ecx
        jnz     hlt.often.next
        mov     al, 0xff
        out     0x21, al
WANT RBX, 5
        HOME
hlt.often.tick:
        inc     ebx
        iretq
