# repairs.S -- what replaces code of Unicorn 2.1.4 that is wrong. See repairs.py.
#
# Assembled at its final address. RAX and RDX are offsets into the register file,
# RAISE is the host address of Unicorn's raise_exception_ra.

# IDIV r32. rdi register file, esi divisor. Unicorn divides 64 by 32 bits on the
# host, which faults itself, and ends the process, for the one quotient that does
# not even fit in 64 bits. The guest is due #DE.
idivl:
        movsxd  rsi, esi
        test    rsi, rsi
        jz      fault
        mov     eax, [rdi + RAX]
        mov     edx, [rdi + RDX]
        shl     rdx, 32
        or      rax, rdx
        cmp     rsi, -1
        jne     divide
        mov     rdx, LEAST
        cmp     rax, rdx
        je      fault
divide:
        cqo
        idiv    rsi
        movsxd  rcx, eax
        cmp     rcx, rax
        jne     fault                   # the quotient does not fit in 32 bits
        mov     eax, eax
        mov     edx, edx
        mov     [rdi + RAX], rax
        mov     [rdi + RDX], rdx
        ret
fault:
        push    rax                     # aligns the stack
        mov     rdx, [rsp + 8]          # the block's code that called: tells RIP
        xor     esi, esi                # #DE
        mov     rax, RAISE
        call    rax                     # does not return
