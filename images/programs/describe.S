# describe.S -- an exception in words: its name, its error code decoded, and where.
#
# 64-bit code of two users: the kernel's stubs, for a panic, and the shell, for what
# the victim does. rbp is a frame as in a TCB, of which only vector, error code, rip
# and, in put_registers, the registers count.
# Source: Intel SDM Vol. 3A, "Exception and Interrupt Reference" and "Error Code".

.set VECTOR_PF,      14
.set HAS_ERROR,      1 << 8 | 1 << 17 | 1 << 21 | 1 << 29 | 1 << 30 | 0x1f << 10   # by vector
.set PF_PRESENT,     1 << 0
.set PF_WRITE,       1 << 1
.set PF_USER,        1 << 2
.set PF_RESERVED,    1 << 3
.set PF_FETCH,       1 << 4

# describe: print the exception of frame rbp, without an end of line; r13 is the
# address in CR2. Changes every register but rbp, rsp and r13.
describe:
        lea     rsi, [rip + word_vector]
        call    put_string
        mov     eax, [rbp + FRAME_VECTOR]
        call    put_decimal
        mov     al, ' '
        call    put_char
        lea     rsi, [rip + exceptions]
        mov     ecx, [rbp + FRAME_VECTOR]
        add     ecx, ecx                # two strings a vector
        jz      describe_name
describe_skip:
        lodsb
        test    al, al
        jnz     describe_skip
        loop    describe_skip
describe_name:
        call    put_string
        mov     rbx, rsi                # the reason comes after the name
        mov     eax, [rbp + FRAME_VECTOR]
        mov     ecx, HAS_ERROR
        bt      ecx, eax
        jnc     describe_reason
        lea     rsi, [rip + word_error]
        call    put_string
        mov     rax, [rbp + FRAME_ERROR]
        call    put_hex
describe_reason:
        lea     rsi, [rip + word_open]
        call    put_string
        cmp     dword ptr [rbp + FRAME_VECTOR], VECTOR_PF
        je      describe_page_fault
        mov     rsi, rbx
        call    put_string
        jmp     describe_place
describe_page_fault:
        call    put_page_fault
        lea     rsi, [rip + word_address]
        call    put_string
        mov     rax, r13
        call    put_hex
        lea     rsi, [rip + word_rip]
        jmp     describe_rip
describe_place:
        lea     rsi, [rip + word_close_rip]
describe_rip:
        call    put_string
        mov     rax, [rbp + FRAME_RIP]
        jmp     put_hex

# put_page_fault: print the error code of a page fault in words. Changes rax, rbx, rdx, rsi.
put_page_fault:
        mov     ebx, [rbp + FRAME_ERROR]
        lea     rsi, [rip + word_user]
        test    bl, PF_USER
        jnz     page_fault_who
        lea     rsi, [rip + word_kernel]
page_fault_who:
        call    put_string
        lea     rsi, [rip + word_fetch]
        test    bl, PF_FETCH
        jnz     page_fault_what
        lea     rsi, [rip + word_write]
        test    bl, PF_WRITE
        jnz     page_fault_what
        lea     rsi, [rip + word_read]
page_fault_what:
        call    put_string
        lea     rsi, [rip + word_reserved]
        test    bl, PF_RESERVED
        jnz     put_string
        lea     rsi, [rip + word_protection]
        test    bl, PF_PRESENT
        jnz     put_string
        lea     rsi, [rip + word_absent]
        jmp     put_string

# put_registers: print the frame's registers, four to a line. Changes all but rbp and rsp.
put_registers:
        lea     rbx, [rip + register_names]
        xor     r12d, r12d
put_register:
        mov     rsi, rbx
        call    put_string
        mov     rbx, rsi                # the next name
        movzx   eax, byte ptr [rbx]     # where in the frame, in words
        inc     rbx
        mov     rax, [rbp + rax * 8]
        call    put_hex
        mov     al, ' '
        call    put_char
        inc     r12d
        test    r12d, 3
        jnz     put_register_next
        call    new_line
put_register_next:
        cmp     byte ptr [rbx], 0
        jne     put_register
        jmp     new_line

.section rodata
word_vector:     .asciz "vector "
word_error:      .asciz ", error "
word_open:       .asciz " ("
word_address:    .asciz "), address "
word_rip:        .asciz ", rip "
word_close_rip:  .asciz "), rip "
word_user:       .asciz "user "
word_kernel:     .asciz "kernel "
word_fetch:      .asciz "fetch from "
word_write:      .asciz "write to "
word_read:       .asciz "read of "
word_reserved:   .asciz "a page with a reserved bit set"
word_protection: .asciz "a present page, protection"
word_absent:     .asciz "an absent page, not mapped"

register_names:                         # name, then its place in the frame
        .asciz  "rax "
        .byte   FRAME_RAX / 8
        .asciz  "rbx "
        .byte   FRAME_RBX / 8
        .asciz  "rcx "
        .byte   FRAME_RCX / 8
        .asciz  "rdx "
        .byte   FRAME_RDX / 8
        .asciz  "rsi "
        .byte   FRAME_RSI / 8
        .asciz  "rdi "
        .byte   FRAME_RDI / 8
        .asciz  "rbp "
        .byte   FRAME_RBP / 8
        .asciz  "rsp "
        .byte   FRAME_RSP / 8
        .asciz  "r8 "
        .byte   FRAME_R8 / 8
        .asciz  "r9 "
        .byte   FRAME_R9 / 8
        .asciz  "r10 "
        .byte   FRAME_R10 / 8
        .asciz  "r11 "
        .byte   FRAME_R11 / 8
        .asciz  "r12 "
        .byte   FRAME_R12 / 8
        .asciz  "r13 "
        .byte   FRAME_R13 / 8
        .asciz  "r14 "
        .byte   FRAME_R14 / 8
        .asciz  "r15 "
        .byte   FRAME_R15 / 8
        .asciz  "cs "
        .byte   FRAME_CS / 8
        .asciz  "rflags "
        .byte   FRAME_RFLAGS / 8
        .byte   0
