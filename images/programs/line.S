# line.S -- the line editor: characters of input to a line, with echo.

.set LINE,           120        # bytes of a line, at most
.set CONTROL_C,      3          # forget the line
.set BELL,           7
.set BACKSPACE,      8
.set CONTROL_U,      21         # erase the line
.set DELETE,         127        # what most terminals send for backspace

# read_line: read a line into `line`, with echo; end it with a zero. CR or LF ends a
# line, and the LF of a CR LF is skipped. Changes every register but rsp.
read_line:
        mov     dword ptr [rip + line_length], 0
read_char:
        call    next_char
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
        cmp     al, CONTROL_U
        je      read_erase_all
        cmp     al, CONTROL_C
        je      read_forget
        cmp     al, ' '
        jb      read_char               # other control characters do nothing
        mov     ecx, [rip + line_length]
        cmp     ecx, LINE - 1
        jae     read_full
        lea     rdx, [rip + line]
        mov     [rdx + rcx], al
        inc     dword ptr [rip + line_length]
        call    put_char
        jmp     read_char
read_full:
        mov     al, BELL
        call    put_char
        jmp     read_char
read_erase:
        call    erase_char
        jmp     read_char
read_erase_all:
        call    erase_char
        jnz     read_erase_all
        jmp     read_char
read_forget:
        lea     rsi, [rip + text_control_c]
        call    put_string
        mov     dword ptr [rip + line_length], 0
read_end:
        mov     ecx, [rip + line_length]
        lea     rdx, [rip + line]
        mov     byte ptr [rdx + rcx], 0
        mov     dword ptr [rip + line_length], 0
        jmp     new_line

# erase_char: take the last character back; ZF if there is none. Changes rax, rdx, rsi.
erase_char:
        cmp     dword ptr [rip + line_length], 0
        je      erase_char_end
        lea     rsi, [rip + text_erase]
        call    put_string
        dec     dword ptr [rip + line_length]
        or      eax, 1                  # not ZF
erase_char_end:
        ret

# put_line: show what has been typed so far. Changes rax, rdx, rsi.
put_line:
        mov     ecx, [rip + line_length]
        lea     rsi, [rip + line]
        mov     byte ptr [rsi + rcx], 0
        jmp     put_string

.section rodata
text_erase:      .asciz "\b \b"
text_control_c:  .asciz "^C"

.section data
line_length:                            # characters typed so far
        .long   0
last_char:                              # the byte before, to know the LF of a CR LF
        .byte   0
line:
        .zero   LINE
