# strings.S -- string instructions: every width, direction, prefix and size of address and count.
#
# The cases are rows of tests/conformance/tables/strings.py; here are what they share, and
# the cases in which a fault comes in the middle.
#
# Source: Intel SDM Vol. 1, 7.3.9 "String Operations"; Vol. 2, "MOVS", "CMPS", "SCAS", "LODS",
# "STOS", "INS", "OUTS" and "REP/REPE/REPZ/REPNE/REPNZ".

SUBJECT strings

.set FIELD, 0x8000                      # 256 bytes, byte n is n: within reach of 16 bits
.set UART_SCRATCH, COM1 + 7             # a port that keeps a byte
.set NO_PORT, 0x1230                    # no device: all ones

.macro FILL address, name
        mov     edi, FIELD
        mov     eax, 0x03020100
\name:
        mov     [\address], eax
        add     edi, 4
        add     eax, 0x04040404
        cmp     edi, FIELD + 0x100
        jb      \name
.endm
.macro FILL64
        FILL    rdi, fill.\@
.endm
.macro FILL32
        FILL    edi, fill.\@
.endm
.macro FILL16
        FILL    di, fill.\@
.endm

# A page that is missing from EDGE on: the registers tell how far it came.
.set EDGE, SCRATCH + 0x1000
.macro MIDWAY name, rdi, rsi, rcx, prefix, opcode, error, left, rdi_then, rsi_then
CASE64 fault.\name
        mov     edi, EDGE - 0x40
fault.\name.clear:
        mov     byte ptr [rdi], 0
        inc     edi
        cmp     edi, EDGE
        jb      fault.\name.clear
        mov     eax, PT + 8 * (SCRATCH / 4096 + 1)
        and     byte ptr [rax], 0xfe
        mov     eax, EDGE
        invlpg  [rax]
        TO_RING3_64 0
        mov     edi, \rdi
        mov     esi, \rsi
        mov     ecx, \rcx
        xor     eax, eax
        MARK
        .byte   \prefix
        .byte   \opcode
WANT VECTOR, 14
WANT ERROR, \error
WANT CR2, EDGE
WANT RIP, 0
WANT RCX, \left
WANT RDI, \rdi_then
WANT RSI, \rsi_then
.endm
.set READ, 4                            # error codes of #PF in ring 3, page not present
.set WRITE, 6
MIDWAY stos.b, EDGE - 5, 0, 9, 0xf3, 0xaa, WRITE, 4, EDGE, 0
MIDWAY stos.d, EDGE - 12, 0, 9, 0xf3, 0xab, WRITE, 6, EDGE, 0
MIDWAY movs.to.b, EDGE - 3, EDGE - 0x20, 9, 0xf3, 0xa4, WRITE, 6, EDGE, EDGE - 0x1d
MIDWAY movs.from.b, EDGE - 0x20, EDGE - 3, 9, 0xf3, 0xa4, READ, 6, EDGE - 0x1d, EDGE
MIDWAY movs.to.d, EDGE - 8, EDGE - 0x20, 3, 0xf3, 0xa5, WRITE, 1, EDGE, EDGE - 0x18
MIDWAY lods.b, 0, EDGE - 4, 7, 0xf3, 0xac, READ, 3, 0, EDGE
MIDWAY lods.d, 0, EDGE - 4, 7, 0xf3, 0xad, READ, 6, 0, EDGE
MIDWAY scas.b, EDGE - 6, 0, 7, 0xf3, 0xae, READ, 1, EDGE, 0
MIDWAY scas.d, EDGE - 16, 0, 7, 0xf3, 0xaf, READ, 3, EDGE, 0
MIDWAY cmps.first, EDGE - 0x20, EDGE - 6, 7, 0xf3, 0xa6, READ, 1, EDGE - 0x1a, EDGE
MIDWAY cmps.second, EDGE - 6, EDGE - 0x20, 7, 0xf3, 0xa6, READ, 1, EDGE, EDGE - 0x1a
MIDWAY once, EDGE, EDGE - 8, 7, 0x26, 0xaa, WRITE, 7, EDGE, EDGE - 8

# I/O: what reaches the port, and what comes from it. The port's width is at most 32 bits.
CASE64 outs.last
        FILL64
        mov     edx, UART_SCRATCH
        mov     esi, FIELD + 0x30
        mov     ecx, 4
        rep     outsb
        xor     eax, eax
        in      al, dx
WANT RAX, 0x33
WANT RSI, FIELD + 0x34
WANT RCX, 0
CASE64 ins.same
        FILL64
        mov     edx, UART_SCRATCH
        mov     al, 0x5a
        out     dx, al
        mov     edi, FIELD + 0x11
        mov     ecx, 3
        rep     insb
WANT RDI, FIELD + 0x14
WANT RCX, 0
WANT_MEM FIELD + 0x10, NONE, 0x171615145a5a5a10
.macro IO_ROW name, mode, prefix, opcode, rdi, rsi, low
CASE\mode \name.\mode
        FILL\mode
        mov     edx, NO_PORT
        mov     esi, FIELD + 0x10
        mov     edi, FIELD + 0x10
        mov     ecx, 2
        .byte   0xf3, \prefix, \opcode
WANT RDI, FIELD + \rdi
WANT RSI, FIELD + \rsi
WANT RCX, 0
WANT RDX, NO_PORT
WANT_MEM FIELD + 0x10, NONE, \low
.endm
.set AS_FILLED, 0x1716151413121110
.macro IO_WIDTHS mode
IO_ROW ins.w, \mode, 0x66, 0x6d, 0x14, 0x10, 0x17161514ffffffff
IO_ROW ins.d, \mode, 0xf3, 0x6d, 0x18, 0x10, 0xffffffffffffffff
IO_ROW outs.w, \mode, 0x66, 0x6f, 0x10, 0x14, AS_FILLED
IO_ROW outs.d, \mode, 0xf3, 0x6f, 0x10, 0x18, AS_FILLED
.endm
IO_WIDTHS 64
IO_WIDTHS 32
CASE64 ins.rex.w                        # REX.W does not widen it
        FILL64
        mov     edx, NO_PORT
        mov     edi, FIELD + 0x10
        .byte   0x48, 0x6d
WANT RDI, FIELD + 0x14
WANT_MEM FIELD + 0x10, NONE, 0x17161514ffffffff
