# real.S -- real mode and 16-bit protected mode: addresses, big segments, the stack, a moved IVT.
#
# Source: Intel SDM Vol. 3B, 20.1 "Real-Address Mode", and 9.9 "Mode Switching"; Vol. 1, 3.3.5
# "32-Bit and 16-Bit Address and Operand Sizes" and 3.7.5; Vol. 3A, 3.4.5 for B and D.

SUBJECT real

.set VEC, 0x40
.set SEG16, ORIGIN / 16
.set SCRATCH16, 0xa800                  # within the first segment
.set IVT_MOVED, 0xa000

# Offsets of 16 bits wrap within their segment.
.macro WRAP name, code
CASE_REAL wrap.\name
        mov     word ptr [SCRATCH16], 0x1234
        mov     bx, 0xf000
        mov     bp, 0xf000
        mov     si, SCRATCH16 + 0x1000 & 0xffff
        mov     di, SCRATCH16 + 0x1000 & 0xffff
        \code
WANT RAX, 0x1234
.endm
.macro BX_SI
        mov     ax, [bx + si]
.endm
.macro BP_DI
        mov     ax, [bp + di]
.endm
.macro BX_DISP
        .byte   0x8b, 0x87              # mov ax, [bx + disp16]
        .word   SCRATCH16 + 0x1000
.endm
.macro BP_SI_DISP                       # the sum of three
        mov     bp, 0xe000
        .byte   0x8b, 0x82              # mov ax, [bp + si + disp16]
        .word   0x1000
.endm
WRAP bx.si, BX_SI
WRAP bp.di, BP_DI
WRAP bx.disp, BX_DISP
WRAP bp.si.disp, BP_SI_DISP
CASE_REAL wrap.lea
        mov     bx, 0xf000
        mov     si, 0xb800
        mov     eax, -1
        mov     ecx, -1
        .byte   0x8d, 0x00              # lea ax, [bx + si]
        .byte   0x66, 0x8d, 0x08        # lea ecx, [bx + si]
WANT RAX, 0xffffa800
WANT RCX, 0xa800
CASE_REAL wrap.xlat
        mov     word ptr [SCRATCH16], 0x1234
        mov     bx, 0xa7f0
        mov     al, 0x10
        xlatb
WANT RAX, 0x34
CASE_REAL wrap.movs
        mov     ax, SCRATCH / 16
        mov     ds, ax
        mov     es, ax
        mov     byte ptr [0xffff], 0x11
        mov     byte ptr [0], 0x22
        mov     esi, 0x1234ffff
        mov     edi, 0x56780100
        mov     ecx, 0x10002            # CX counts
        cld
        rep     movsb
WANT RSI, 0x12340001
WANT RDI, 0x56780102
WANT RCX, 0x10000
WANT_MEM SCRATCH + 0x100, 0xffff, 0x2211
CASE_REAL wrap.loop
        mov     ecx, 0x10001
        .byte   0xe2, 0x02              # loop: CX is 0 behind it
        mov     bl, 1
WANT RCX, 0x10000
WANT RBX, 1
CASE_REAL loop.addr32
        mov     ecx, 0x10001
        .byte   0x67, 0xe2, 0x02        # loop with ECX
        mov     bl, 1
WANT RCX, 0x10000
WANT RBX, 0
CASE_REAL wrap.jcxz
        mov     ecx, 0x10000
        .byte   0xe3, 0x02              # jcxz
        mov     bl, 1
        .byte   0x67, 0xe3, 0x02        # jecxz
        mov     bh, 1
WANT RBX, 0x100
CASE_REAL addr32
        mov     dword ptr [SCRATCH16], 0x12345678
        mov     ebx, SCRATCH16 - 8
        mov     ecx, 2
        mov     eax, [ebx + ecx * 4]
WANT RAX, 0x12345678
# The stack: SP wraps, the upper half of ESP stays.
CASE_REAL stack.push
        mov     ax, SCRATCH / 16
        mov     ss, ax
        mov     esp, 0x12340000
        .byte   0x68, 0xcd, 0xab        # push 0abcdh
        mov     ebx, esp
        pop     cx
        mov     edx, esp
        mov     sp, STACK_TOP
WANT RBX, 0x1234fffe
WANT RCX, 0xabcd
WANT RDX, 0x12340000
WANT_MEM SCRATCH + 0xfffe, 0xffff, 0xabcd
CASE_REAL stack.enter
        mov     ebp, 0x12345678
        .byte   0xc8, 8, 0, 0           # enter 8, 0
        mov     ebx, ebp
        mov     ecx, esp
        leave
WANT RBX, 0x12340000 + STACK_TOP - 2
WANT RCX, STACK_TOP - 10
WANT RBP, 0x12345678
CASE_REAL stack.pusha
        mov     ax, 0x1111
        mov     di, 0x2222
        .byte   0x60                    # pusha: eight words
        mov     bx, sp
        mov     cx, [STACK_TOP - 2]
        mov     dx, [STACK_TOP - 16]
        mov     si, [STACK_TOP - 10]
WANT RBX, STACK_TOP - 16
WANT RCX, 0x1111
WANT RDX, 0x2222
WANT RSI, STACK_TOP
# Far transfers: CS times 16.
CASE_REAL far.call
        .byte   0x9a
        .word   far.call.target - ORIGIN - 0x100, SEG16 + 0x10
        mov     dx, cs
        mov     si, sp
        HOME
far.call.target:
        mov     ax, cs
        mov     bx, sp
        mov     cx, [STACK_TOP - 2]
        .byte   0xcb
WANT RAX, SEG16 + 0x10
WANT RBX, STACK_TOP - 4
WANT RCX, SEG16
WANT RDX, SEG16
WANT RSI, STACK_TOP
CASE_REAL far.call.wide
        .byte   0x66, 0x9a
        .long   far.call.wide.target - ORIGIN
        .word   SEG16
        HOME
far.call.wide.target:
        mov     bx, sp
        mov     cx, [STACK_TOP - 4]
WANT RBX, STACK_TOP - 8
WANT RCX, SEG16
CASE_REAL far.retf.imm
        .byte   0x6a, 0x55, 0x0e        # push 55h; push cs
        mov     ax, far.retf.imm.on - ORIGIN
        push    ax
        .byte   0xca, 2, 0
far.retf.imm.on:
        mov     bx, sp
WANT RBX, STACK_TOP
CASE_REAL segment.any                   # a selector is a paragraph, whatever its bits
        mov     ax, SCRATCH / 16 - 1
        mov     ds, ax
        mov     word ptr [0x10 + 0x20], 0x4321
        mov     bx, ds
WANT RBX, SCRATCH / 16 - 1
WANT_MEM SCRATCH + 0x20, 0xffff, 0x4321
# Above 1 MiB: A20 is open.
CASE_REAL a20
        mov     ebx, [0]
        mov     ax, 0xffff
        mov     ds, ax
        mov     dword ptr [0x10], 0x13579bdf
        xor     ax, ax
        mov     ds, ax
        sub     ebx, [0]                # address 0 is as it was
WANT RBX, 0
WANT_MEM 0x100000, 0xffffffff, 0x13579bdf

# Big segments: a limit that was loaded in protected mode stays.
.macro TO_PROT
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
.endm
.macro TO_REAL
        mov     eax, cr0
        and     al, 0xfe
        mov     cr0, eax
.endm
.macro BIG register
CASE_REAL big.\register
        TO_PROT
        mov     bx, DATA
        mov     \register, bx
        TO_REAL
        mov     ebx, SCRATCH_HIGH
        mov     dword ptr \register:[ebx], 0x2468ace
        mov     ecx, \register:[ebx]
WANT RCX, 0x2468ace
WANT_MEM SCRATCH_HIGH, 0xffffffff, 0x2468ace
CASE_REAL big.\register.reloaded        # its base is the selector's again, not its limit
        TO_PROT
        mov     bx, DATA
        mov     \register, bx
        TO_REAL
        mov     bx, SCRATCH / 16
        mov     \register, bx
        mov     ebx, SCRATCH_HIGH
        mov     dword ptr \register:[ebx], 0x369
        mov     ecx, \register:[ebx]
WANT RCX, 0x369
WANT_MEM SCRATCH_HIGH + SCRATCH, 0xffffffff, 0x369
.endm
BIG ds
BIG es
BIG fs
BIG gs
CASE_REAL big.base                      # until then its base stays, too
        mov     dword ptr [GDT + FREE_SEL], 0xffff
        mov     dword ptr [GDT + FREE_SEL + 4], 0x00cf9340
        TO_PROT
        mov     bx, FREE_SEL
        mov     fs, bx
        TO_REAL
        mov     dword ptr fs:[0], 0x1133557
        mov     bx, fs
WANT RBX, FREE_SEL
WANT_MEM SCRATCH_HIGH, 0xffffffff, 0x1133557
CASE_REAL big.code                      # protected mode begins with MOV, not with the jump
        TO_PROT
        mov     ebx, cs
        mov     ecx, cr0
        TO_REAL
WANT RBX, SEG16
WANT_BITS RCX, 1, 1
CASE_REAL lmsw
        mov     ax, 1
        lmsw    ax
        smsw    bx
        xor     ax, ax
        lmsw    ax                      # cannot clear PE
        smsw    cx
        TO_REAL
        smsw    dx
WANT_BITS RBX, 1, 1
WANT_BITS RCX, 1, 1
WANT_BITS RDX, 1, 0

# A moved table of vectors. LIDT with operands of 16 bits takes 24 bits of the base.
.macro MOVED name, base, limit, prefix
CASE_REAL idt.\name
        TO_PROT
        mov     bx, DATA
        mov     fs, bx
        TO_REAL
        mov     ebx, \base & 0xffffff
        mov     word ptr fs:[ebx + VEC * 4], idt.\name.handler - ORIGIN
        mov     word ptr fs:[ebx + VEC * 4 + 2], SEG16
        mov     word ptr [SCRATCH16], \limit
        mov     dword ptr [SCRATCH16 + 2], \base
        .byte   \prefix
        lidt    [SCRATCH16]
        int     VEC
        HOME
idt.\name.handler:
        mov     word ptr [SCRATCH16], 0x3ff
        mov     dword ptr [SCRATCH16 + 2], IVT
        lidt    [SCRATCH16]
        mov     edx, 0x77
WANT RDX, 0x77
WANT RSP, STACK_TOP - 6
.endm
MOVED low, IVT_MOVED, 0x3ff, 0x90
MOVED limit, IVT_MOVED, VEC * 4 + 3, 0x90
MOVED base24, 0x5a00a000, 0x3ff, 0x90
MOVED high, SCRATCH_HIGH, 0x3ff, 0x66

# Limits of 64 KiB: no error code.
.macro LIMIT vector
WANT VECTOR, \vector
WANT ERROR, NONE
WANT RIP, 0
.endm
CASE_REAL limit.word
        mov     bx, 0xffff
        MARK
        mov     ax, [bx]
LIMIT 13
CASE_REAL limit.word.stack
        mov     bp, 0xffff
        MARK
        mov     ax, [bp]
LIMIT 12
CASE_REAL limit.addr32
        mov     ebx, 0x10000
        MARK
        mov     al, [ebx]
LIMIT 13
CASE_REAL limit.jump
        mov     ax, SCRATCH / 16
        mov     es, ax
        mov     word ptr es:[0], 0xfecd # int DONE, if it gets there
        mov     eax, SCRATCH - ORIGIN
        MARK
        .byte   0x66, 0xff, 0xe0        # jmp eax
LIMIT 13

# 16-bit protected mode.
CASE16 prot.push
        mov     esp, 0x12340000 + STACK_TOP
        push    ax
        mov     ebx, esp
        push    eax
        mov     ecx, esp
        .byte   0x9c                    # pushf
        mov     edx, esp
        mov     esp, STACK_TOP
WANT RBX, 0x12340000 + STACK_TOP - 2
WANT RCX, 0x12340000 + STACK_TOP - 6
WANT RDX, 0x12340000 + STACK_TOP - 8
CASE16 prot.base
        mov     dword ptr [GDT + FREE_SEL], (SCRATCH & 0xffff) << 16 | 0xffff
        mov     dword ptr [GDT + FREE_SEL + 4], SCRATCH >> 16 | 0x9300
        mov     ax, FREE_SEL
        mov     es, ax
        mov     bx, 0xfff0
        mov     si, 0x30
        mov     word ptr es:[bx + si], 0x1122
WANT_MEM SCRATCH + 0x20, 0xffff, 0x1122
CASE16 prot.stack32                     # B of SS: ESP counts
        mov     ax, DATA
        mov     ss, ax
        mov     esp, SCRATCH + 0x8000
        .byte   0x68, 0x34, 0x12        # push 1234h
        mov     ebx, esp
        mov     esp, STACK_TOP
WANT RBX, SCRATCH + 0x7ffe
WANT_MEM SCRATCH + 0x7ffe, 0xffff, 0x1234
CASE16 prot.call
        .byte   0xe8, 0, 0              # call to the next: a word
        mov     bx, sp
        pop     cx
        .byte   0x66, 0xe8              # a doubleword
        .long   0
        mov     dx, sp
        pop     eax
        sub     ax, cx
WANT RBX, STACK_TOP - 2
WANT RDX, STACK_TOP - 4
WANT RAX, 9                             # mov, pop and call
CASE16 prot.far
        .byte   0x66, 0xea              # jmp CODE32:
        .long   prot.far.code32
        .word   CODE32
.code32
prot.far.code32:
        mov     eax, cs
        mov     ebx, 0x12345678
WANT RAX, CODE32
WANT RBX, 0x12345678
