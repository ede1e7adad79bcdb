# segment_limits.S -- what a segment register that is loaded lets its users do: limits, types, null.
#
# Source: Intel SDM Vol. 3A, 5.3 "Limit Checking", 5.4 "Type Checking" and 5.4.1 "Null Segment
# Selector Checking"; 5.3.1 for 64-bit mode; 3.4.5.1 for data that expand down.

SUBJECT segment_limits

# SEGMENT REGISTER, LOW, HIGH: a descriptor into a register.
.macro SEGMENT register, low, high
        SEL_DESC FREE_SEL, \low, \high
        mov     eax, FREE_SEL
        mov     \register, eax
.endm
.macro REFUSED vector
WANT VECTOR, \vector
WANT ERROR, 0
WANT RIP, 0
.endm
.macro BYTES                            # 1000h bytes
        SEGMENT es, 0x00000fff, 0x00409300
.endm
.macro DOWN                             # from 1000h on, all 4 GiB
        SEGMENT es, 0x00000fff, 0x00409700
.endm
.macro DOWN_16                          # from 1000h to FFFFh
        SEGMENT es, 0x00000fff, 0x00009700
.endm

# Inside.
.macro INSIDE name, setup, at
CASE32 inside.\name
        \setup
        mov     ebx, \at
        mov     al, es:[ebx]
        mov     cl, 1
WANT RCX, 1
.endm
INSIDE first, BYTES, 0
INSIDE last, BYTES, 0xfff
INSIDE down.first, DOWN, 0x1000
INSIDE down.last, DOWN, SCRATCH_HIGH
INSIDE down.16.last, DOWN_16, 0xffff

# Outside: #GP(0), #SS(0) in the stack segment.
.macro OUTSIDE name, setup, at
CASE32 outside.\name
        \setup
        mov     ebx, \at
        MARK
        mov     eax, es:[ebx]
REFUSED 13
.endm
OUTSIDE next, BYTES, 0x1000
OUTSIDE cut, BYTES, 0xffd
OUTSIDE down, DOWN, 0xffc
OUTSIDE down.cut, DOWN, 0xfff
OUTSIDE down.16, DOWN_16, 0x10000
CASE32 outside.stack
        SEGMENT ss, STACK_TOP + 0xfff, 0x00409300
        mov     ebp, STACK_TOP + 0x1000
        MARK
        mov     eax, [ebp]
REFUSED 12
CASE32 outside.pop
        SEGMENT ss, STACK_TOP + 0xfff, 0x00409300
        mov     esp, STACK_TOP + 0xffe
        MARK
        pop     ecx
        mov     esp, STACK_TOP
REFUSED 12

# Types: what the descriptor does not allow.
CASE32 type.write.ro
        SEGMENT es, 0x0000ffff, 0x00cf9100
        mov     ebx, SCRATCH
        MARK
        mov     dword ptr es:[ebx], eax
REFUSED 13
CASE32 type.write.code
        mov     ebx, SCRATCH
        MARK
        mov     dword ptr cs:[ebx], eax
REFUSED 13
CASE32 type.read.xo                     # code that can only be executed
        SEL_DESC FREE_SEL, 0x0000ffff, 0x00cf9900
        mov     ebx, SCRATCH
        push    FREE_SEL
        mov     eax, type.read.xo.code
        push    eax
        retf
type.read.xo.code:
        MARK
        mov     eax, cs:[ebx]
REFUSED 13
CASE32 type.read.ro
        SEGMENT es, 0x0000ffff, 0x00cf9100
        mov     dword ptr [SCRATCH], 0x1234
        mov     ebx, es:[SCRATCH]
WANT RBX, 0x1234
CASE32 type.read.code
        mov     dword ptr [SCRATCH], 0x1234
        mov     ebx, cs:[SCRATCH]
WANT RBX, 0x1234
.macro NULL_USE register, prefix
CASE32 null.\register
        xor     eax, eax
        mov     \register, eax
        mov     ebx, SCRATCH
        MARK
        .byte   \prefix, 0x8b, 0x03     # mov eax, [ebx]
REFUSED 13
.endm
NULL_USE es, 0x26
NULL_USE ds, 0x3e
NULL_USE fs, 0x64

# 64-bit mode tests none of it.
CASE64 long.limit
        SEGMENT fs, 0x00000fff, 0x00409300
        mov     ebx, SCRATCH
        mov     dword ptr [rbx], 0x1234
        mov     ecx, fs:[rbx]
WANT RCX, 0x1234
CASE64 long.ro
        SEGMENT fs, 0x0000ffff, 0x00cf9100
        mov     ebx, SCRATCH
        mov     dword ptr fs:[rbx], 0x4321
WANT_MEM SCRATCH, 0xffffffff, 0x4321
CASE64 long.null
        xor     eax, eax
        mov     ds, eax
        mov     ss, eax
        mov     ebx, SCRATCH
        mov     dword ptr [rbx], 0x5678
        push    rbx
        pop     rcx
WANT RCX, SCRATCH
WANT_MEM SCRATCH, 0xffffffff, 0x5678
