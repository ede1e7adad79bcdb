# call_gates.S -- far calls and jumps in protected mode: call gates, rings, stacks and parameters.
#
# Source: Intel SDM Vol. 3A, 5.8.2 "Gate Descriptors" to 5.8.5 "Stack Switching"; Vol. 2A, "CALL"
# and "JMP", operation of far calls and jumps. What is refused is a table:
# tests/conformance/tables/call_gates.py. Far returns are in far_returns.S.

SUBJECT call_gates

.set GATE, FREE_SEL                     # 8 or 16 bytes
.set NEAR_CODE, FREE_SEL + 0x10         # CODE32 with base ORIGIN, for 16-bit offsets
.set POINTER, SCRATCH
.set ARGUMENT1, 0x11111111
.set ARGUMENT2, 0x22222222

# MAKE_GATE.BITS ACCESS, COUNT, SELECTOR, OFFSET. Clobber eax, ecx.
.macro MAKE_GATE.32 access, count, selector, offset
        mov     eax, \offset
        mov     [GDT + GATE], ax
        shr     eax, 16
        mov     [GDT + GATE + 6], ax
        POKEW   GDT + GATE + 2, \selector
        POKEB   GDT + GATE + 4, \count
        POKEB   GDT + GATE + 5, \access
.endm
.macro MAKE_GATE.64 access, count, selector, offset
        mov     ecx, \offset
        mov     eax, GDT + GATE
        mov     [rax], cx
        shr     ecx, 16
        mov     [rax + 6], cx
        POKEW   GDT + GATE + 2, \selector
        POKEB   GDT + GATE + 4, \count
        POKEB   GDT + GATE + 5, \access
        POKED   GDT + GATE + 8, 0
        POKED   GDT + GATE + 12, 0
.endm
# POINT SELECTOR: POINTER to it; the offset is not looked at if it is a gate's. ebx is its address.
.macro POINT selector
        POKED   POINTER, 0xdeadbeef
        POKED   POINTER + 4, \selector
        mov     ebx, POINTER
.endm
.macro DO.call
        MARK
        .byte   0xff, 0x1b              # call far [ebx], m16:32
.endm
.macro DO.jmp
        MARK
        .byte   0xff, 0x2b
.endm
# IN.RING.BITS: go on in that ring.
.macro IN.0.32
.endm
.macro IN.3.32
        TO_RING3_32 0
.endm
.macro IN.0.64
.endm
.macro IN.3.64
        TO_RING3_64 0
.endm
# What a target finds: CS, SS, ESP in eax, ecx, edx; the first four slots of the stack.
target32:
        mov     eax, cs
        mov     ecx, ss
        mov     edx, esp
        mov     ebx, [esp]
        mov     esi, [esp + 4]
        mov     edi, [esp + 8]
        mov     ebp, [esp + 12]
        HOME
.code64
target64:
        mov     eax, cs
        mov     ecx, ss
        mov     rdx, rsp
        mov     r8, [rsp]
        mov     r9, [rsp + 8]
        mov     r10, [rsp + 16]
        mov     r11, [rsp + 24]
        HOME
.code32

# -- 32-bit gates ----------------------------------------------------------------------------
CASE32 same.call
        MAKE_GATE.32 0x8c, 2, CODE32, target32  # no parameters without a change of stacks
        POINT   GATE
        DO.call
same.call.next:
WANT RAX, CODE32
WANT RCX, DATA
WANT RDX, STACK_TOP - 8
WANT RBX, same.call.next
WANT RSI, CODE32
CASE32 same.jmp
        MAKE_GATE.32 0x8c, 0, CODE32, target32
        POINT   GATE
        DO.jmp
WANT RAX, CODE32
WANT RDX, STACK_TOP
CASE32 same.immediate                   # the offset in the instruction is not used
        MAKE_GATE.32 0x8c, 0, CODE32, target32
        .byte   0x9a
        .long   0xdeadbeef
        .word   GATE
same.immediate.next:
WANT RAX, CODE32
WANT RBX, same.immediate.next
# Inwards: the stack of the TSS; SS and ESP, the parameters, CS and EIP are on it.
CASE32 inner.call
        MAKE_GATE.32 0xec, 0, CODE32, target32
        POINT   GATE + 3
        TO_RING3_32 0
        DO.call
inner.call.next:
WANT RAX, CODE32
WANT RCX, DATA
WANT RDX, RSP0_TOP - 16
WANT RBX, inner.call.next
WANT RSI, CODE32_3
WANT RDI, STACK3_TOP
WANT RBP, DATA_3
CASE32 inner.rpl                        # of the gate's selector for CS: the new CPL instead
        MAKE_GATE.32 0xec, 0, CODE32 + 3, target32
        POINT   GATE + 3
        TO_RING3_32 0
        DO.call
WANT RAX, CODE32
CASE32 inner.parameters
        MAKE_GATE.32 0xec, 2, CODE32, target32
        POINT   GATE + 3
        TO_RING3_32 0
        push    ARGUMENT2
        push    ARGUMENT1
        DO.call
WANT RDX, RSP0_TOP - 24
WANT RSI, CODE32_3
WANT RDI, ARGUMENT1
WANT RBP, ARGUMENT2
WANT_MEM RSP0_TOP - 8, NONE, DATA_3 << 32 | STACK3_TOP - 8
CASE32 inner.parameters.31
        MAKE_GATE.32 0xec, 0xff, CODE32, target32   # the upper three bits do not count
        POINT   GATE + 3
        TO_RING3_32 0
        mov     dword ptr [STACK3_TOP - 4], ARGUMENT2
        mov     esp, STACK3_TOP - 31 * 4
        mov     dword ptr [esp], ARGUMENT1
        DO.call
WANT RDX, RSP0_TOP - 16 - 31 * 4
WANT RDI, ARGUMENT1
WANT_MEM RSP0_TOP - 12, 0xffffffff, ARGUMENT2
CASE32 inner.ring1
        MAKE_GATE.32 0xec, 1, CODE32_1, target32
        POINT   GATE + 3
        TO_RING3_32 0
        push    ARGUMENT1
        DO.call
WANT RAX, CODE32_1
WANT RCX, DATA_1
WANT RDX, STACK1_TOP - 20
WANT RDI, ARGUMENT1
CASE32 inner.conforming                 # neither ring nor stack change
        MAKE_GATE.32 0xec, 1, CODE32_C, target32
        POINT   GATE + 3
        TO_RING3_32 0
        DO.call
WANT RAX, CODE32_C + 3
WANT RCX, DATA_3
WANT RDX, STACK3_TOP - 8
CASE32 inner.conforming.jmp
        MAKE_GATE.32 0xec, 0, CODE32_C, target32
        POINT   GATE + 3
        TO_RING3_32 0
        DO.jmp
WANT RAX, CODE32_C + 3
WANT RDX, STACK3_TOP
CASE32 inner.same.ring3
        MAKE_GATE.32 0xec, 0, CODE32_3, target32
        POINT   GATE + 3
        TO_RING3_32 0
        DO.call
WANT RAX, CODE32_3
WANT RDX, STACK3_TOP - 8
# There and back.
CASE32 inner.return
        MAKE_GATE.32 0xec, 2, CODE32, inner.return.routine
        POINT   GATE + 3
        TO_RING3_32 0
        push    ARGUMENT2
        push    ARGUMENT1
        DO.call
        mov     edx, esp
        mov     ecx, cs
        mov     esi, ss
        HOME
inner.return.routine:
        mov     eax, [esp + 8]
        sub     eax, [esp + 12]
        .byte   0xca, 8, 0              # retf 8: of both stacks
WANT RAX, ARGUMENT1 - ARGUMENT2 & 0xffffffff
WANT RDX, STACK3_TOP
WANT RCX, CODE32_3
WANT RSI, DATA_3

# -- 16-bit gates: words ----------------------------------------------------------------------
.macro NEAR_SEGMENT access
        SEL_DESC NEAR_CODE, (ORIGIN & 0xffff) << 16 | 0xffff, 0x00400000 | \access << 8 | ORIGIN >> 16
.endm
CASE32 gate16.same
        NEAR_SEGMENT 0x9b
        MAKE_GATE.32 0x84, 0, NEAR_CODE, gate16.same.target - ORIGIN
        POINT   GATE
        DO.call
        HOME
gate16.same.target:
        mov     eax, cs
        mov     edx, esp
        movzx   ecx, word ptr [esp]
        movzx   esi, word ptr [esp + 2]
        HOME
WANT RAX, NEAR_CODE
WANT RDX, STACK_TOP - 4
WANT RSI, CODE32
CASE32 gate16.inner
        NEAR_SEGMENT 0x9b
        MAKE_GATE.32 0xe4, 2, NEAR_CODE, gate16.inner.target - ORIGIN
        POINT   GATE + 3
        TO_RING3_32 0
        push    ARGUMENT1
        DO.call
        HOME
gate16.inner.target:
        mov     eax, cs
        mov     edx, esp
        movzx   ecx, word ptr [esp + 2]
        mov     esi, [esp + 4]
        mov     edi, [esp + 8]
        HOME
WANT RAX, NEAR_CODE
WANT RDX, RSP0_TOP - 12
WANT RCX, CODE32_3
WANT RSI, ARGUMENT1                     # two parameters of a word
WANT RDI, DATA_3 << 16 | (STACK3_TOP - 4)
.macro OFFSET_CASE instruction
CASE32 gate16.offset.\instruction       # its upper half does not count
        NEAR_SEGMENT 0x9b
        MAKE_GATE.32 0x84, 0, NEAR_CODE, gate16.offset.\instruction.target - ORIGIN
        POKEW   GDT + GATE + 6, SCRATCH_HIGH >> 16
        mov     eax, gate16.offset.\instruction.target
        mov     word ptr [eax + SCRATCH_HIGH], 0xfecd   # int DONE, if it does
        POINT   GATE
        DO.\instruction
        HOME
gate16.offset.\instruction.target:
        mov     edx, 1
WANT RDX, 1
.endm
OFFSET_CASE call
OFFSET_CASE jmp

# -- 64-bit gates: no parameters; a null SS in the inner ring ---------------------------------
CASE64 same.call.64
        MAKE_GATE.64 0x8c, 2, CODE64, target64
        POINT   GATE
        DO.call
same.call.64.next:
WANT RAX, CODE64
WANT RCX, DATA
WANT RDX, STACK_TOP - 16
WANT R8, same.call.64.next
WANT R9, CODE64
CASE64 same.jmp.64
        MAKE_GATE.64 0x8c, 0, CODE64, target64
        POINT   GATE
        DO.jmp
WANT RAX, CODE64
WANT RDX, STACK_TOP
CASE64 same.call.wide                   # m16:64
        MAKE_GATE.64 0x8c, 0, CODE64, target64
        POINT   GATE
        POKED   POINTER + 8, GATE
        .byte   0x48, 0xff, 0x1b
same.call.wide.next:
WANT RAX, CODE64
WANT RDX, STACK_TOP - 16
WANT R8, same.call.wide.next
CASE64 inner.call.64
        MAKE_GATE.64 0xec, 3, CODE64, target64
        POINT   GATE + 3
        TO_RING3_64 0
        DO.call
inner.call.64.next:
WANT RAX, CODE64
WANT RCX, 0
WANT RDX, RSP0_TOP - 32
WANT R8, inner.call.64.next
WANT R9, CODE64_3
WANT R10, STACK3_TOP
WANT R11, DATA_3
CASE64 inner.call.ring1.64
        MAKE_GATE.64 0xec, 0, CODE64_1, target64
        POINT   GATE + 3
        TO_RING3_64 0
        DO.call
WANT RAX, CODE64_1
WANT RCX, 1                             # null, with the new CPL
WANT RDX, STACK1_TOP - 32
CASE64 inner.conforming.64
        MAKE_GATE.64 0xec, 0, CODE64_C, target64
        POINT   GATE + 3
        TO_RING3_64 0
        DO.call
WANT RAX, CODE64_C + 3
WANT RCX, DATA_3
WANT RDX, STACK3_TOP - 16
CASE64 inner.compat                     # from 32-bit code
        MAKE_GATE.64 0xec, 0, CODE64, target64
        POINT   GATE + 3
        TO_COMPAT_64 CODE32_3, DATA_3, 0
        DO.call
inner.compat.next:
WANT RAX, CODE64
WANT RCX, 0
WANT RDX, RSP0_TOP - 32
WANT R8, inner.compat.next
WANT R9, CODE32_3
WANT R10, STACK3_TOP
WANT R11, DATA_3
CASE64 inner.return.64
        MAKE_GATE.64 0xec, 0, CODE64, inner.return.64.routine
        POINT   GATE + 3
        TO_RING3_64 0
        DO.call
        mov     rdx, rsp
        mov     ecx, cs
        mov     esi, ss
        HOME
inner.return.64.routine:
        retfq
WANT RDX, STACK3_TOP
WANT RCX, CODE64_3
WANT RSI, DATA_3

# -- What the stack of the inner ring may be --------------------------------------------------
.macro BAD_STACK name, ss, vector
CASE32 stack.\name
        MAKE_GATE.32 0xec, 0, CODE32_1, target32
        SEL_DESC FREE_SEL + 0x18, 0x0000ffff, 0x00cf3300
        POKEW   TSS32 + 16, \ss
        POINT   GATE + 3
        TO_RING3_32 0
        DO.call
WANT VECTOR, \vector
WANT ERROR, (\ss) & 0xfffc
WANT RIP, 0
WANT RSP, STACK3_TOP
.endm
BAD_STACK null, 0, 10
BAD_STACK rpl, DATA_1 + 2, 10
BAD_STACK dpl, DATA + 1, 10
BAD_STACK code, CODE32_1, 10
BAD_STACK limit, 0x1001, 10
BAD_STACK absent, FREE_SEL + 0x19, 12
