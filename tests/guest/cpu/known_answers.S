# known_answers.S -- AES, PCLMULQDQ, CRC32, POPCNT and PCMPISTRI: answers that are published.
#
# Source: Intel's white papers "Advanced Encryption Standard New Instructions Set" and "Carry-Less
# Multiplication Instruction"; RFC 3720, B.4, for CRC32; Intel SDM Vol. 2, "POPCNT" and
# "PCMPISTRI". AESIMC's answer is InvMixColumns of FIPS 197, 5.3.3, done by hand.

SUBJECT known_answers

.set OPERAND, SCRATCH + 0x400

.macro VECTORS name, first_high, first_low, high, low
CASE64 \name
        mov     rax, \first_low
        movq    xmm0, rax
        mov     rax, \first_high
        movq    xmm1, rax
        punpcklqdq xmm0, xmm1
        mov     edi, OPERAND
        mov     rax, \low
        mov     [rdi], rax
        mov     rax, \high
        mov     [rdi + 8], rax
.endm
.macro ANSWER high, low
        movups  [rdi], xmm0
WANT_MEM OPERAND, NONE, \low
WANT_MEM OPERAND + 8, NONE, \high
.endm

VECTORS aesenc, 0x7b5b546573745665, 0x63746f725d53475d, 0x4869285368617929, 0x5b477565726f6e5d
        .byte   0x66, 0x0f, 0x38, 0xdc, 0x07
ANSWER 0xa8311c2f9fdba3c5, 0x8b104b58ded7e595
VECTORS aesenclast, 0x7b5b546573745665, 0x63746f725d53475d, 0x4869285368617929, 0x5b477565726f6e5d
        .byte   0x66, 0x0f, 0x38, 0xdd, 0x07
ANSWER 0xc7fb881e938c5964, 0x177ec42553fdc611
VECTORS aesdec, 0x7b5b546573745665, 0x63746f725d53475d, 0x4869285368617929, 0x5b477565726f6e5d
        .byte   0x66, 0x0f, 0x38, 0xde, 0x07
ANSWER 0x138ac342faea2787, 0xb58eb95eb730392a
VECTORS aesdeclast, 0x7b5b546573745665, 0x63746f725d53475d, 0x4869285368617929, 0x5b477565726f6e5d
        .byte   0x66, 0x0f, 0x38, 0xdf, 0x07
ANSWER 0xc5a391ef6b317f95, 0xd410637b72a593d0
VECTORS aesimc, 0x0, 0x0, 0x4869285368617929, 0x5b477565726f6e5d
        .byte   0x66, 0x0f, 0x38, 0xdb, 0x07
ANSWER 0x597f8df109efaa15, 0xf39bc5a119d859b6
VECTORS aeskeygenassist, 0x0, 0x0, 0x3c4fcf098815f7ab, 0xa6d2ae2816157e2b
        .byte   0x66, 0x0f, 0x3a, 0xdf, 0x07, 0x01
ANSWER 0x1eb848beb848a01, 0x3424b5e524b5e434
VECTORS pclmulqdq.00, 0x7b5b546573745665, 0x63746f725d53475d, 0x4869285368617929, 0x5b477565726f6e5d
        .byte   0x66, 0x0f, 0x3a, 0x44, 0x07, 0x00
ANSWER 0x1d4d84c85c3440c0, 0x929633d5d36f0451
VECTORS pclmulqdq.10, 0x7b5b546573745665, 0x63746f725d53475d, 0x4869285368617929, 0x5b477565726f6e5d
        .byte   0x66, 0x0f, 0x3a, 0x44, 0x07, 0x10
ANSWER 0x1bd17c8d556ab5a1, 0x7fa540ac2a281315
VECTORS pclmulqdq.01, 0x7b5b546573745665, 0x63746f725d53475d, 0x4869285368617929, 0x5b477565726f6e5d
        .byte   0x66, 0x0f, 0x3a, 0x44, 0x07, 0x01
ANSWER 0x1a2bf6db3a30862f, 0xbabf262df4b7d5c9
VECTORS pclmulqdq.11, 0x7b5b546573745665, 0x63746f725d53475d, 0x4869285368617929, 0x5b477565726f6e5d
        .byte   0x66, 0x0f, 0x3a, 0x44, 0x07, 0x11
ANSWER 0x1d1e1f2c592e7c45, 0xd66ee03e410fd4ed

# "123456789": the check value of CRC-32C is E3069283.
CASE64 crc32.bytes
        mov     ecx, 1
        mov     ebx, 0xffffffff
crc32.next:
        lea     eax, [rcx + 0x30]
        .byte   0xf2, 0x0f, 0x38, 0xf0, 0xd8 # crc32 ebx, al
        inc     ecx
        cmp     ecx, 10
        jb      crc32.next
        not     ebx
WANT RBX, 0xe3069283
CASE64 crc32.wide
        mov     rax, 0x3837363534333231
        mov     rbx, 0xffffffff
        .byte   0xf2, 0x48, 0x0f, 0x38, 0xf1, 0xd8 # crc32 rbx, rax
        mov     al, 0x39
        .byte   0xf2, 0x0f, 0x38, 0xf0, 0xd8
        not     ebx
WANT RBX, 0xe3069283

.macro COUNT_CASE name, value, count, flags
CASE64 popcnt.\name
        mov     rax, \value
        push    0x8d7
        popfq
        .byte   0xf3, 0x48, 0x0f, 0xb8, 0xd8 # popcnt rbx, rax
WANT RBX, \count
WANT_BITS RFLAGS, 0x8d5, \flags        # ZF, and all others clear
.endm
COUNT_CASE zero, 0, 0, FL_ZF
COUNT_CASE ones, 0xffffffffffffffff, 64, 0
COUNT_CASE some, 0x8000000000000103, 4, 0

# PCMPISTRI with the string "hello, world" in memory and a set, a range and a needle in XMM0.
.macro STRING name, first, imm, index, flags
CASE64 pcmpistri.\name
        mov     rax, \first
        movq    xmm0, rax
        mov     edi, OPERAND
        mov     rax, 0x77202c6f6c6c6568
        mov     [rdi], rax
        mov     rax, 0x646c726f
        mov     [rdi + 8], rax
        .byte   0x66, 0x0f, 0x3a, 0x63, 0x07, \imm
WANT RCX, \index
WANT_BITS RFLAGS, 0x8d5, \flags
.endm
# Both strings end within 16 bytes: ZF and SF. CF: something was found; OF: at index 0.
STRING any, 0x776f, 0x00, 4, FL_CF | FL_ZF | FL_SF
STRING any.last, 0x776f, 0x40, 8, FL_CF | FL_ZF | FL_SF
STRING range, 0x2f20, 0x04, 5, FL_CF | FL_ZF | FL_SF
STRING needle, 0x6f77, 0x0c, 7, FL_CF | FL_ZF | FL_SF
STRING first, 0x68, 0x00, 0, FL_CF | FL_ZF | FL_SF | FL_OF
STRING absent, 0x7a, 0x00, 16, FL_ZF | FL_SF
