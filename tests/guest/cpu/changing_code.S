# changing_code.S -- code that stores to itself: to the next instruction, to its own block, and to
# code that has run, by every kind of store.
#
# Source: Intel SDM Vol. 3A, 11.6 "Self-Modifying Code": a store to code is seen by the next
# instruction if it was made by the same linear address.

SUBJECT changing_code

.set PLACE, SCRATCH + 0x800             # code of the cases below: mov eax, imm32; ret
.set NEW, 0x0badcafe

# The next instruction, and one further on in the same block.
.macro OWN_BLOCK name, case, at, to
\case next.\name
        \at     next.to.\name
        mov     byte ptr [\to + 1], 5
next.to.\name:
        mov     bl, 1
WANT RBX, 5
\case further.\name
        \at     further.to.\name
        mov     byte ptr [\to + 1], 7
        nop
        inc     cx
        nop
further.to.\name:
        mov     bl, 1
WANT RBX, 7
# Twice: a block that has run already, and is changed at its second pass.
\case again.\name
        mov     cl, 3
again.loop.\name:
        \at     again.to.\name
        add     byte ptr [\to + 1], 1
again.to.\name:
        mov     bl, 1
        add     dl, bl
        dec     cl
        jnz     again.loop.\name
WANT_BITS RDX, 0xff, 2 + 3 + 4
# Behind: it is changed after it ran, and runs again.
\case behind.\name
        mov     cl, 2
behind.to.\name:
        mov     bl, 1
        add     dl, bl
        \at     behind.to.\name
        mov     byte ptr [\to + 1], 9
        dec     cl
        jnz     behind.to.\name
WANT_BITS RDX, 0xff, 1 + 9
# Another instruction: INC becomes DEC.
\case opcode.\name
        mov     bl, 8
        \at     opcode.to.\name
        mov     byte ptr [\to + 1], 0xcb
opcode.to.\name:
        .byte   0xfe, 0xc3              # inc bl; dec bl is FE CB
WANT_BITS RBX, 0xff, 7
# The instruction becomes undefined.
\case undefined.\name
        \at     undefined.to.\name
        mov     byte ptr [\to + 1], 0x0b
        MARK
undefined.to.\name:
        .byte   0x0f, 0x1f, 0xc0        # nop eax; 0F 0B is UD2
WANT VECTOR, 6
WANT RIP, 0
.endm

.macro AT_FLAT label
        mov     edi, \label
.endm
.macro AT_REAL label
        push    cs
        pop     ds
        mov     di, \label - ORIGIN
.endm
.macro AT_RING3_64 label
        TO_RING3_64 0
        mov     edi, \label
.endm
OWN_BLOCK 64, CASE64, AT_FLAT, rdi
OWN_BLOCK 32, CASE32, AT_FLAT, edi
OWN_BLOCK real, CASE_REAL, AT_REAL, di
CASE64 next.ring3
        TO_RING3_64 0
        mov     edi, next.ring3.to
        mov     byte ptr [rdi + 1], 5
next.ring3.to:
        mov     bl, 1
WANT RBX, 5
CASE64 next.compat
        TO_COMPAT_64 CODE32_3, DATA_3, 0
        mov     edi, DATA_3
        mov     ds, edi
        mov     edi, next.compat.to
        mov     byte ptr [edi + 1], 5
next.compat.to:
        mov     bl, 1
WANT RBX, 5

# Every kind of store to code that has run: [rdi] is what follows, PLACE has the code.
.macro PUT address
        mov     edi, \address
        mov     byte ptr [rdi], 0xb8    # mov eax, 1; ret
        mov     dword ptr [rdi + 1], 1
        mov     byte ptr [rdi + 5], 0xc3
        mov     ebx, \address
.endm
.macro CHANGED_BY name, body, value
CASE64 by.\name
        PUT     PLACE
        call    rbx
        mov     r15d, eax
        mov     r14, rsp
        \body
        mov     rsp, r14
        call    rbx
WANT R15, 1
WANT RAX, \value
CASE64 by.ring3.\name
        TO_RING3_64 0
        PUT     PLACE
        call    rbx
        mov     r15d, eax
        mov     r14, rsp
        \body
        mov     rsp, r14
        call    rbx
WANT R15, 1
WANT RAX, \value
.endm
.macro BY_MOV
        mov     dword ptr [rdi + 1], NEW
.endm
.macro BY_PUSH
        lea     rsp, [rdi + 9]
        mov     eax, 0xc3
        shl     rax, 32
        mov     ecx, NEW
        or      rax, rcx
        push    rax
.endm
.macro BY_CALL                          # the return address is the immediate
        lea     rsp, [rdi + 9]
        call    by.call.\@
by.call.\@:
        mov     byte ptr [rdi], 0xb8
        mov     byte ptr [rdi + 5], 0xc3
        mov     eax, by.call.\@
        sub     [rdi + 1], eax
.endm
.macro BY_XADD
        mov     eax, 4
        lock xadd [rdi + 1], eax
.endm
.macro BY_CMPXCHG
        mov     eax, 1
        mov     ecx, NEW
        lock cmpxchg [rdi + 1], ecx
.endm
.macro BY_CMPXCHG8B
        mov     eax, [rdi]
        mov     edx, [rdi + 4]
        mov     ebp, ebx
        mov     ebx, 0xad0004b8
        mov     ecx, 0x0000c30b
        cmpxchg8b [rdi]
        mov     ebx, ebp
.endm
.macro BY_STOS
        mov     eax, NEW
        inc     rdi
        stosd
.endm
.macro BY_REP_STOS
        mov     al, 0x44
        mov     ecx, 4
        inc     rdi
        rep     stosb
.endm
.macro BY_MOVUPS
        mov     eax, 0xad0004b8
        mov     [rdi + 0x100], eax
        mov     dword ptr [rdi + 0x104], 0x0000c30b
        movups  xmm0, [rdi + 0x100]
        movups  [rdi], xmm0
.endm
.macro BY_FIST
        mov     dword ptr [rdi + 0x100], 0x77
        fild    dword ptr [rdi + 0x100]
        fistp   dword ptr [rdi + 1]
.endm
.macro BY_BTS
        bts     dword ptr [rdi + 1], 4
.endm
.macro BY_NEG
        neg     dword ptr [rdi + 1]
.endm
.macro BY_UNALIGNED
        mov     qword ptr [rdi - 4], 0
        mov     byte ptr [rdi], 0xb8
        mov     byte ptr [rdi + 5], 0xc3
.endm
CHANGED_BY mov, BY_MOV, NEW
CHANGED_BY push, BY_PUSH, NEW
CHANGED_BY call, BY_CALL, 0
CHANGED_BY xadd, BY_XADD, 5
CHANGED_BY cmpxchg, BY_CMPXCHG, NEW
CHANGED_BY cmpxchg8b, BY_CMPXCHG8B, 0x0bad0004
CHANGED_BY stos, BY_STOS, NEW
CHANGED_BY rep.stos, BY_REP_STOS, 0x44444444
CHANGED_BY movups, BY_MOVUPS, 0x0bad0004
CHANGED_BY fist, BY_FIST, 0x77
CHANGED_BY bts, BY_BTS, 0x11
CHANGED_BY neg, BY_NEG, 0xffffffff
CHANGED_BY unaligned, BY_UNALIGNED, 0

# REP over what follows it, and over itself.
CASE64 rep.next
        mov     edi, rep.next.to + 1
        mov     ecx, 4
        mov     al, 0x33
        rep     stosb
rep.next.to:
        mov     ebx, 0
WANT RBX, 0x33333333
CASE64 rep.itself                       # by the same bytes: it is not disturbed
        mov     esi, rep.itself.at
        mov     edi, esi
        mov     ecx, 2
rep.itself.at:
        rep     movsb
        mov     ecx, 2
        mov     esi, rep.itself.at
        mov     edi, rep.itself.at
        rep     movsb
WANT RCX, 0
