# text.S -- text in and text out, for programs: lines, words and numbers.
#
# Ring 3, 64-bit. Routines to call; each says what it changes. All of them use the
# kernel's two character calls and nothing else (kernel/abi.py).

.set LINE,           120        # bytes of a line, at most
.set BACKSPACE,      8
.set DELETE,         127        # what most terminals send for backspace
.set BELL,           7

# read_line: read a line into `line`, with echo; end it with a zero. CR or LF ends
# a line, and the LF of a CR LF is skipped. Changes rax, rbx, rcx, rbp, rdi, rsi, r11.
read_line:
        lea     rbp, [rip + line]
        xor     ebx, ebx                # how many bytes there are
read_char:
        mov     eax, SYS_GET_CHAR
        syscall
        mov     cl, [rip + last_char]
        mov     [rip + last_char], al
        cmp     al, '\n'
        jne     read_not_lf
        cmp     cl, '\r'
        je      read_char
        jmp     read_end
read_not_lf:
        cmp     al, '\r'
        je      read_end
        cmp     al, BACKSPACE
        je      read_erase
        cmp     al, DELETE
        je      read_erase
        cmp     al, ' '
        jb      read_char               # other control characters do nothing
        mov     edi, BELL
        cmp     ebx, LINE - 1
        jae     read_echo
        mov     [rbp + rbx], al
        inc     ebx
        movzx   edi, al
read_echo:
        call    put
        jmp     read_char
read_erase:
        test    ebx, ebx
        jz      read_char
        dec     ebx
        lea     rsi, [rip + text_erase]
        call    print
        jmp     read_char
read_end:
        mov     byte ptr [rbp + rbx], 0
        jmp     end_line

# skip_spaces: move rsi past spaces.
skip_spaces:
        cmp     byte ptr [rsi], ' '
        jne     skip_end
        inc     rsi
        jmp     skip_spaces
skip_end:
        ret

# match_word: is the first word at rsi the string at rdi? If so ZF is set and rsi
# is moved to the next word; else rsi is kept. Changes rax, rdx, rdi.
match_word:
        mov     rdx, rsi
match_next:
        mov     al, [rdi]
        test    al, al
        jz      match_end
        cmp     al, [rdx]
        jne     match_return
        inc     rdi
        inc     rdx
        jmp     match_next
match_end:
        cmp     byte ptr [rdx], 0
        je      match_found
        cmp     byte ptr [rdx], ' '
        jne     match_return
match_found:
        mov     rsi, rdx
        call    skip_spaces
        cmp     eax, eax                # ZF
match_return:
        ret

# parse_byte: eax is the number at rsi, which must be decimal, alone, and 0 to
# 255; else CF is set. Changes rdx, rsi.
parse_byte:
        xor     eax, eax
        cmp     byte ptr [rsi], 0
        je      parse_bad
parse_digit:
        movzx   edx, byte ptr [rsi]
        test    edx, edx
        jz      parse_good
        inc     rsi
        cmp     edx, ' '
        je      parse_tail
        sub     edx, '0'
        cmp     edx, 9
        ja      parse_bad
        imul    eax, eax, 10
        add     eax, edx
        cmp     eax, 255
        jbe     parse_digit
parse_bad:
        stc
        ret
parse_tail:
        call    skip_spaces
        cmp     byte ptr [rsi], 0
        jne     parse_bad
parse_good:
        clc
        ret

# print: send the string at rsi. Changes rax, rcx, rdi, rsi, r11.
print:
        movzx   edi, byte ptr [rsi]
        test    edi, edi
        jz      print_end
        inc     rsi
        call    put
        jmp     print
print_end:
        ret

# print_decimal: send rax as a decimal number. Changes rax, rcx, rdx, rdi, r11.
print_decimal:
        mov     ecx, 10
        xor     edx, edx
        div     rcx
        push    rdx
        test    rax, rax
        jz      print_digit
        call    print_decimal
print_digit:
        pop     rdi
        add     edi, '0'
        jmp     put

end_line:
        mov     edi, '\r'
        call    put
        mov     edi, '\n'

# put: send the byte in edi. Changes rax, rcx, r11.
put:
        mov     eax, SYS_PUT_CHAR
        syscall
        ret

.section rodata
text_erase:      .asciz "\b \b"

.section data
line:
        .zero   LINE
last_char:                              # the byte before, to know the LF of a CR LF
        .byte   0
