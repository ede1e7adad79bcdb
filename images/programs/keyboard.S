# keyboard.S -- keys to ASCII: scancode set 1, US layout, with shift, control and caps lock.
#
# Sources: IBM AT Technical Reference, "Keyboard" and "8042". Where there is no
# controller its status reads as all ones, and no key is ever pressed.

.set KEYBOARD_LINE,  IRQ_KEYBOARD
.set KBD_DATA,       PORT_KEYBOARD
.set KBD_STATUS,     PORT_KEYBOARD_CONTROL
.set KBD_FULL,       1 << 0     # a byte waits for us
.set KBD_BUSY,       1 << 1     # our last byte has not been taken
.set KBD_AUX,        1 << 5     # the byte is the mouse's
.set KBD_ABSENT,     0xff
.set KBD_ENABLE,     0xae       # commands
.set KBD_WRITE_MODE, 0x60
.set KBD_MODE,       0x65       # translate to set 1, no mouse, tested, interrupt for keys

.set KEY_EXTENDED,   0xe0       # the next byte is of a key that the AT's keyboard added
.set KEY_RELEASED,   1 << 7
.set KEY_CONTROL,    0x1d
.set KEY_LEFT_SHIFT, 0x2a
.set KEY_RIGHT_SHIFT, 0x36
.set KEY_CAPS_LOCK,  0x3a
.set KEYS,           0x3a       # codes in the two tables

# start_keyboard: keys on, with interrupts. Changes what a trap does.
start_keyboard:
        mov     r10d, KBD_ENABLE
        mov     edx, KBD_STATUS
        call    keyboard_out
        mov     r10d, KBD_WRITE_MODE
        mov     edx, KBD_STATUS
        call    keyboard_out
        mov     r10d, KBD_MODE
        mov     edx, KBD_DATA
# keyboard_out: write r10b to port edx when the controller has time.
keyboard_out:
        push    r10
        push    rdx
keyboard_wait:
        call    keyboard_status
        cmp     al, KBD_ABSENT
        je      keyboard_ready
        test    al, KBD_BUSY
        jnz     keyboard_wait
keyboard_ready:
        pop     rdx
        pop     r10
        mov     edi, INIT_KEYBOARD
        jmp     port_out

keyboard_status:
        mov     edx, KBD_STATUS
        mov     edi, INIT_KEYBOARD
        jmp     port_in

# get_key: take a key that was pressed into eax, as ASCII; CF if there is none.
# Changes what a trap does.
get_key:
        call    keyboard_status
        cmp     al, KBD_ABSENT
        je      get_key_none
        test    al, KBD_FULL
        jz      get_key_none
        push    rax
        mov     edx, KBD_DATA
        mov     edi, INIT_KEYBOARD
        call    port_in
        pop     rdx
        test    dl, KBD_AUX
        jnz     get_key
        call    decode_key
        jc      get_key
        ret
get_key_none:
        stc
        ret

# decode_key: the ASCII of scancode al into eax; CF if it has none. Changes rcx, rdx, rsi.
decode_key:
        mov     dl, [rip + key_extended]
        mov     byte ptr [rip + key_extended], 0
        cmp     al, KEY_EXTENDED
        je      decode_extended
        mov     ecx, eax
        and     ecx, KEY_RELEASED - 1
        cmp     cl, KEY_CONTROL
        je      decode_control
        test    dl, dl
        jnz     decode_added
        cmp     cl, KEY_LEFT_SHIFT
        je      decode_shift
        cmp     cl, KEY_RIGHT_SHIFT
        je      decode_shift
        test    al, KEY_RELEASED
        jnz     decode_nothing
        cmp     cl, KEY_CAPS_LOCK
        je      decode_caps
        cmp     cl, KEYS
        jae     decode_nothing
        lea     rsi, [rip + keys_plain]
        cmp     byte ptr [rip + key_shift], 0
        je      decode_look
        lea     rsi, [rip + keys_shifted]
decode_look:
        movzx   eax, byte ptr [rsi + rcx]
        test    eax, eax
        jz      decode_nothing
        mov     edx, eax
        or      edx, 0x20               # a letter has this bit in lower case
        sub     edx, 'a'
        cmp     edx, 25
        ja      decode_done             # no letter
        movzx   ecx, byte ptr [rip + key_caps]
        xor     eax, ecx
        cmp     byte ptr [rip + key_control], 0
        je      decode_done
        and     eax, 0x1f
decode_done:
        clc
        ret

decode_extended:
        mov     byte ptr [rip + key_extended], 1
        jmp     decode_nothing
decode_added:                           # of these only Enter and / of the number pad count
        mov     ecx, eax
        mov     eax, '\n'
        cmp     cl, 0x1c
        je      decode_done
        mov     eax, '/'
        cmp     cl, 0x35
        je      decode_done
        jmp     decode_nothing
decode_control:
        not     eax
        and     al, KEY_RELEASED
        mov     [rip + key_control], al
        jmp     decode_nothing
decode_shift:
        not     eax
        and     al, KEY_RELEASED
        mov     [rip + key_shift], al
        jmp     decode_nothing
decode_caps:
        xor     byte ptr [rip + key_caps], 0x20
decode_nothing:
        stc
        ret

.section rodata
keys_plain:                             # by scancode, from 0
        .byte   0, 27
        .ascii  "1234567890-=\b\tqwertyuiop[]\n"
        .byte   0
        .ascii  "asdfghjkl;'`"
        .byte   0
        .ascii  "\\zxcvbnm,./"
        .byte   0
        .ascii  "*"
        .byte   0
        .ascii  " "
keys_shifted:
        .byte   0, 27
        .ascii  "!@#$%^&*()_+\b\tQWERTYUIOP{}\n"
        .byte   0
        .ascii  "ASDFGHJKL:\"~"
        .byte   0
        .ascii  "|ZXCVBNM<>?"
        .byte   0
        .ascii  "*"
        .byte   0
        .ascii  " "

.section data
key_extended:    .byte 0
key_shift:       .byte 0
key_control:     .byte 0
key_caps:        .byte 0        # 0x20 while caps lock is on: the bit that changes a letter's case
