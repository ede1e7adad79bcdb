# bios.S -- the interrupt services of the BIOS: the way to the gate and back.
#
# Assembled at offset 0 of segment F000, in 16-bit code, in front of the other
# files of the BIOS. An INT arrives here in real mode, with anything in the
# registers and a stack that has 200 bytes to spare.
#
# A service is a Python function (vectoros/boot/). `service` pushes a frame with
# every register of the caller, and writes its linear address to the gate. When
# that OUT retires, the frame holds the results and up to BIOS_OPS operations,
# which are carried out here by real instructions, and what to do then:
#
#   BIOS_DONE   return to the caller
#   BIOS_AGAIN  ask the gate again: the values that were read are in the frame
#   BIOS_WAIT   wait for an interrupt, then ask again
#
# BIOS_FRAME_* and BIOS_OP_* come from vectoros/boot/frame.py. In 16-bit code
# keystone makes CALL and RET 32 bits wide, so that they match, and PUSH with a
# number too: hence the .byte.

.set BDA_KEYS_HEAD,  0x41a              # the keyboard ring: where the next key is taken
.set BDA_KEYS_TAIL,  0x41c              # and put

.code16
.macro ENTRY NUMBER
        .byte   0x6a, \NUMBER           # push NUMBER, 16 bits
        jmp     service
.endm

int_09_service: ENTRY 0x09
int_10: ENTRY   0x10
int_11: ENTRY   0x11
int_12: ENTRY   0x12
int_13: ENTRY   0x13
int_15: ENTRY   0x15
int_16: ENTRY   0x16
int_1a: ENTRY   0x1a
post_service:   ENTRY BIOS_POST

service:
        pushad
        push    ds
        push    es
        sub     sp, BIOS_FRAME_ES       # room for what lies below
        mov     bp, sp
        cld
        xor     eax, eax
        mov     [bp + BIOS_FRAME_STEP], eax
        mov     [bp + BIOS_FRAME_SCRATCH], eax
        mov     [bp + BIOS_FRAME_SCRATCH + 4], eax
again:
        mov     dword ptr [bp], 0       # action, count, serial
        cmp     byte ptr [bp + BIOS_FRAME_VECTOR], 0x16
        jne     ask
        xor     ax, ax                  # what comes by the serial port is typed, too; it
        mov     ds, ax                  # waits there until the keys before it are taken
        mov     ax, [BDA_KEYS_HEAD]
        cmp     ax, [BDA_KEYS_TAIL]
        jne     ask
        mov     dx, PORT_COM1 + UART_LSR
        in      al, dx
        cmp     al, 0xff                # no UART
        je      ask
        test    al, LSR_DR
        jz      ask
        mov     dx, PORT_COM1 + UART_DATA
        in      al, dx
        mov     ah, 1
        mov     [bp + BIOS_FRAME_SERIAL], ax
ask:
        xor     eax, eax
        mov     ax, ss
        shl     eax, 4
        movzx   edx, bp
        add     eax, edx
        mov     dx, PORT_BIOS_GATE
        out     dx, eax
        jmp     answered                # ends the block: memory is no longer what it was
answered:
        movzx   cx, byte ptr [bp + BIOS_FRAME_COUNT]
        lea     si, [bp + BIOS_FRAME_OPS]
        jcxz    act
operation:
        mov     dx, ss:[si + BIOS_OP_PORT]
        mov     al, ss:[si + BIOS_OP_KIND]
        cmp     al, BIOS_OP_OUT8
        je      do_out8
        cmp     al, BIOS_OP_SEND
        je      do_send
        cmp     al, BIOS_OP_OUT_INDEX8
        je      do_out_index8
        cmp     al, BIOS_OP_IN_INDEX8
        je      do_in_index8
        cmp     al, BIOS_OP_OUT_INDEX16
        je      do_out_index16
        cmp     al, BIOS_OP_IN_INDEX16
        je      do_in_index16
        cmp     al, BIOS_OP_SPIN
        je      do_spin
        in      al, dx                  # BIOS_OP_IN8
store8:
        movzx   eax, al
        mov     ss:[si + BIOS_OP_VALUE], eax
next_operation:
        add     si, BIOS_OP_SIZE
        dec     cx
        jnz     operation
act:
        mov     al, [bp + BIOS_FRAME_ACTION]
        cmp     al, BIOS_AGAIN
        je      again
        cmp     al, BIOS_WAIT
        jne     done
        sti
        hlt
        cli
        jmp     again
done:
        add     sp, BIOS_FRAME_ES
        pop     es
        pop     ds
        popad
        add     sp, 2                   # the vector
        iret

do_out8:
        mov     al, ss:[si + BIOS_OP_VALUE]
        out     dx, al
        jmp     next_operation
do_out_index8:
        mov     al, ss:[si + BIOS_OP_INDEX]
        out     dx, al
        inc     dx
        mov     al, ss:[si + BIOS_OP_VALUE]
        out     dx, al
        jmp     next_operation
do_in_index8:
        mov     al, ss:[si + BIOS_OP_INDEX]
        out     dx, al
        inc     dx
        in      al, dx
        jmp     store8
do_out_index16:
        movzx   ax, byte ptr ss:[si + BIOS_OP_INDEX]
        out     dx, ax
        inc     dx
        mov     ax, ss:[si + BIOS_OP_VALUE]
        out     dx, ax
        jmp     next_operation
do_in_index16:
        movzx   ax, byte ptr ss:[si + BIOS_OP_INDEX]
        out     dx, ax
        inc     dx
        in      ax, dx
        movzx   eax, ax
        mov     ss:[si + BIOS_OP_VALUE], eax
        jmp     next_operation

# Send a byte to COM1, when it is ready; a port that never is gets none.
do_send:
        mov     di, 0xffff
send_wait:
        mov     dx, PORT_COM1 + UART_LSR
        in      al, dx
        cmp     al, 0xff
        je      next_operation
        test    al, LSR_THRE
        jnz     send_now
        dec     di
        jnz     send_wait
        jmp     next_operation
send_now:
        mov     al, ss:[si + BIOS_OP_VALUE]
        mov     dx, PORT_COM1 + UART_DATA
        out     dx, al
        jmp     next_operation

# Pass time. The body of the loop is BIOS_SPIN_TICKS bytes long, and a tick is a
# byte of code: ten NOPs of 6 bytes (Intel SDM Vol. 2B, "NOP"), then 4 bytes.
.macro NOP6
        .byte   0x66, 0x0f, 0x1f, 0x84, 0, 0
.endm
do_spin:
        mov     edx, ss:[si + BIOS_OP_VALUE]
        sti
spin:
        NOP6
        NOP6
        NOP6
        NOP6
        NOP6
        NOP6
        NOP6
        NOP6
        NOP6
        NOP6
        dec     edx
        jnz     spin
        cli
        jmp     next_operation
