# stores.S -- stores to PAGES pages, one word each, round and round: a guest that keeps RAM dirty.
#
# After long_mode.S. One round is at most ROUND_TICKS (image.py) of virtual time.

.set FIRST,             0x240000

main:
        xor     eax, eax
round:
        mov     ebx, FIRST
        mov     ecx, PAGES
store:
        inc     rax                     # never the same word twice
        mov     [rbx], rax
        add     rbx, PAGE
        dec     ecx
        jnz     store
        jmp     round
