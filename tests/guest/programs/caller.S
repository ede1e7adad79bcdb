# caller.S -- ring 3: calls the endpoint in slot 28 with every length from 0 to 5, ROUNDS
# times, checks the answers, and then stops at an undefined instruction.

.set ROUNDS,         40

start:
        xor     ebx, ebx
next_round:
        xor     ebp, ebp
next_length:
        mov     rax, 0x123456789abcdef
        lea     rdx, [rax + rbx]
        lea     r10, [rdx + 1]
        lea     r8, [rdx + 2]
        lea     r9, [rdx + 3]
        mov     esi, 7 << MESSAGE_LABEL_SHIFT
        or      esi, ebp
        mov     edi, 28
        mov     eax, TRAP_CALL
        syscall
        add     [rip + sum], rax
        add     [rip + sum + 8], rdi
        add     [rip + sum + 16], rsi
        add     [rip + sum + 24], rdx
        add     [rip + sum + 32], r10
        add     [rip + sum + 40], r8
        add     [rip + sum + 48], r9
        inc     ebp
        cmp     ebp, 6
        jb      next_length
        inc     ebx
        cmp     ebx, ROUNDS
        jb      next_round
        ud2

.section data
.balign 4096
sum:
        .quad   0, 0, 0, 0, 0, 0, 0
