# print.S -- text to COM1, by polling. 32-bit code, flat, at home. Every register is kept.

.code32
.section text

# print: the string at esi, which a zero ends.
print:
        push    eax
        push    esi
print.next:
        lodsb
        test    al, al
        jz      print.end
        call    print_char
        jmp     print.next
print.end:
        pop     esi
        pop     eax
        ret

# print_char: al.
print_char:
        push    edx
        push    eax
        mov     edx, COM1 + 5           # line status
print_char.wait:
        in      al, dx
        test    al, 0x20                # the transmitter has room
        jz      print_char.wait
        pop     eax
        mov     edx, COM1
        out     dx, al
        pop     edx
        ret

# print_hex: edx:eax without leading zeros, or "none" if all ones.
print_hex:
        pushad
        mov     ebx, eax
        and     ebx, edx
        inc     ebx
        jz      print_hex.none
        mov     ecx, 16
        xor     ebp, ebp                # a digit was printed
print_hex.next:
        mov     ebx, edx
        shr     ebx, 28
        shld    edx, eax, 4
        shl     eax, 4
        or      ebp, ebx
        cmp     ecx, 1
        je      print_hex.digit
        test    ebp, ebp
        jz      print_hex.skip
print_hex.digit:
        push    eax
        mov     al, [digits + ebx]
        call    print_char
        pop     eax
        or      ebp, 1
print_hex.skip:
        dec     ecx
        jnz     print_hex.next
        popad
        ret
print_hex.none:
        mov     esi, text.none
        call    print
        popad
        ret

# print_decimal: eax.
print_decimal:
        pushad
        mov     ebx, 10
        xor     ecx, ecx
print_decimal.divide:
        xor     edx, edx
        div     ebx
        push    edx
        inc     ecx
        test    eax, eax
        jnz     print_decimal.divide
print_decimal.next:
        pop     eax
        add     al, '0'
        call    print_char
        dec     ecx
        jnz     print_decimal.next
        popad
        ret

.section names
digits:     .ascii "0123456789abcdef"
text.none:  .asciz "none"
