# text.S -- words and numbers in a line of text.
#
# Routines to call; each says what it changes, and none makes a trap.

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
