# columns.S -- tables: text to the left and numbers to the right of a column.

.set NUMBER,         24         # bytes; 2^64 has 20 digits

# put_left: print the string at rsi, and spaces up to ecx characters. Changes rax, rcx,
# rdx, rsi.
put_left:
        lodsb
        test    al, al
        jz      put_left_pad
        call    put_char
        dec     ecx
        jmp     put_left
put_left_pad:
        test    ecx, ecx
        jle     put_left_end
        mov     al, ' '
        call    put_char
        dec     ecx
        jmp     put_left_pad
put_left_end:
        ret

# put_right: print rax in decimal, after spaces so that it takes ecx characters.
# Changes rax, rcx, rdx, rsi, rdi.
put_right:
        push    rcx
        lea     rdi, [rip + number]
        call    write_decimal
        pop     rcx
        lea     rax, [rip + number]
        sub     rax, rdi
        add     ecx, eax                # spaces
put_right_pad:
        dec     ecx
        js      put_right_number
        mov     al, ' '
        call    put_char
        jmp     put_right_pad
put_right_number:
        lea     rsi, [rip + number]
        jmp     put_string

# write_decimal: write rax at rdi in decimal, with a zero at the end, which rdi is left
# at. Changes rax, rcx, rdx.
write_decimal:
        mov     ecx, 10
        xor     edx, edx
        div     rcx
        push    rdx
        test    rax, rax
        jz      write_digit
        call    write_decimal
write_digit:
        pop     rax
        add     al, '0'
        stosb
        mov     byte ptr [rdi], 0
        ret

.section data
number:
        .zero   NUMBER
