# print.S -- strings and numbers as text.
#
# 64-bit code, of the kernel's stubs and of programs. Whoever assembles it has a
# put_char, which sends al and changes rax and rdx only.

# put_string: send the bytes at rsi up to a zero. Changes ax, dx, rsi.
put_string:
        lodsb
        test    al, al
        jz      put_string_end
        call    put_char
        jmp     put_string
put_string_end:
        ret

# new_line: end the line. Changes ax and dx.
new_line:
        mov     al, '\r'
        call    put_char
        mov     al, '\n'
        jmp     put_char

# put_hex: print rax as 0x and the digits that it needs. Changes rax, rcx, rdx, rdi.
put_hex:
        mov     rdi, rax
        mov     al, '0'
        call    put_char
        mov     al, 'x'
        call    put_char
        mov     ecx, 64
put_hex_skip:                           # leading zeros, but not the last digit
        sub     ecx, 4
        jz      put_hex_digit
        mov     rax, rdi
        shr     rax, cl
        jz      put_hex_skip
put_hex_digit:
        mov     rax, rdi
        shr     rax, cl
        and     eax, 15
        lea     rdx, [rip + hex_digits]
        mov     al, [rdx + rax]
        call    put_char
        sub     ecx, 4
        jns     put_hex_digit
        ret

# put_decimal: print rax. Changes rax, rcx, rdx.
put_decimal:
        mov     ecx, 10
        xor     edx, edx
        div     rcx
        push    rdx
        test    rax, rax
        jz      put_decimal_digit
        call    put_decimal
put_decimal_digit:
        pop     rax
        add     al, '0'
        jmp     put_char

.section rodata
hex_digits:
        .ascii  "0123456789abcdef"
