# post.S -- the power-on self-test: from the reset vector to the first boot sector.
#
# Entered in real mode at F000:post from reset.S, with the registers as the CPU
# has them at power-on (Intel SDM Vol. 3A, table 9-1). Leaves through INT 19h with
# vectors, data areas and controllers as on an IBM PC/AT, and interrupts on.
#
# Physical memory used:
#   0x00000..0x004ff   interrupt vectors and the BIOS data area
#   below 0x7c00       the stack
#   0x9fc00..0x9ffff   the extended BIOS data area

.set PIC_ICW1,       0x11               # edges, cascaded, ICW4 follows
.set PIC_ICW4,       0x01               # 8086 mode
.set PIC1_BASE,      0x08               # IRQ 0 is INT 08h
.set PIC2_BASE,      0x70               # IRQ 8 is INT 70h
.set PIC1_MASK,      0xf8               # timer, keyboard and cascade are let through
.set PIC2_MASK,      0xff
.set PIT_MODE,       0x36               # counter 0, both bytes, mode 3: a square wave
.set VECTORS,        256
.set VECTOR_ROWS,    25                 # rows of vectors
.set KEYBOARD_TRIES, 1000
.set KEYBOARD_IBF,   1 << 1             # input buffer full: not yet ready for a byte

post:
        cli
        cld
        xor     ax, ax
        mov     ss, ax
        mov     sp, BOOT_SECTOR
        mov     ds, ax
        mov     es, ax

        # Every vector to a handler that returns, then those that do more.
        xor     di, di
        mov     cx, VECTORS
        mov     eax, BIOS_SEGMENT << 16
        mov     ax, ignore
        rep     stosd
        mov     si, vectors
        mov     cx, VECTOR_ROWS
post_vector:
        .byte   0x2e                    # cs:
        lodsw                           # number
        mov     di, ax
        shl     di, 2
        .byte   0x2e
        lodsw                           # offset
        mov     [di], ax
        loop    post_vector

        call    post_controllers
        call    start_uart
        call    post_keyboard
        call    post_tables
        mov     ax, 0x0003              # 80 x 25 text
        int     0x10
        mov     si, message_bios
        call    announce
        sti
        int     0x19

# The interrupt controllers and the timer.
post_controllers:
        mov     al, PIC_ICW1
        out     PORT_PIC1, al
        out     PORT_PIC2, al
        mov     al, PIC1_BASE           # ICW2
        out     PORT_PIC1 + 1, al
        mov     al, PIC2_BASE
        out     PORT_PIC2 + 1, al
        mov     al, 1 << 2              # ICW3: the slave is at input 2
        out     PORT_PIC1 + 1, al
        mov     al, 2
        out     PORT_PIC2 + 1, al
        mov     al, PIC_ICW4
        out     PORT_PIC1 + 1, al
        out     PORT_PIC2 + 1, al
        mov     al, PIC1_MASK
        out     PORT_PIC1 + 1, al
        mov     al, PIC2_MASK
        out     PORT_PIC2 + 1, al
        mov     al, PIT_MODE
        out     PORT_PIT + 3, al
        mov     al, 0                   # 65,536 periods: 18.2 interrupts a second
        out     PORT_PIT, al
        out     PORT_PIT, al
        ret

# The keyboard controller, if there is one: interrupt on, mouse off, scan codes
# translated to set 1; then the keyboard itself.
post_keyboard:
        in      al, KEYBOARD_STATUS
        cmp     al, NOT_THERE
        je      post_no_keyboard
        mov     al, 0x60                # write the command byte
        call    keyboard_ready
        out     KEYBOARD_STATUS, al
        mov     al, 0x65                # translate, mouse disabled, system flag, IRQ 1
        call    keyboard_ready
        out     KEYBOARD_DATA, al
        mov     al, 0xf4                # to the keyboard: start scanning
        call    keyboard_ready
        out     KEYBOARD_DATA, al
        mov     cx, KEYBOARD_TRIES
post_acknowledge:
        in      al, KEYBOARD_STATUS
        test    al, KEYBOARD_OBF
        jnz     post_answer
        loop    post_acknowledge
        ret
post_answer:
        in      al, KEYBOARD_DATA       # FAh
post_no_keyboard:
        ret

# keyboard_ready: wait until the controller takes a byte, but not for ever. Keeps al.
keyboard_ready:
        push    ax
        mov     cx, KEYBOARD_TRIES
keyboard_wait:
        in      al, KEYBOARD_STATUS
        test    al, KEYBOARD_IBF
        jz      keyboard_free
        loop    keyboard_wait
keyboard_free:
        pop     ax
        ret

# The data areas, by the service that knows what is in them.
post_tables:
        pushf                           # as INT does
        push    cs
        push    post_tables_done
        jmp     post_service
post_tables_done:
        ret

# announce: print the line at cs:si, on screen and serial port and as a milestone.
announce:
        .byte   0x2e                    # cs:
        lodsb
        test    al, al
        jz      announce_end
        out     PORT_DEBUG_CONSOLE, al
        mov     ah, 0x0e
        mov     bx, 0x0007
        int     0x10
        jmp     announce
announce_end:
        mov     al, '\n'
        out     PORT_DEBUG_CONSOLE, al
        mov     ax, 0x0e0d
        int     0x10
        mov     ax, 0x0e0a
        int     0x10
        ret

vectors:                                # number, offset
        .word   0x08, irq_timer
        .word   0x09, irq_keyboard
        .word   0x0a, irq_low
        .word   0x0b, irq_low
        .word   0x0c, irq_low
        .word   0x0d, irq_low
        .word   0x0e, irq_low
        .word   0x0f, irq_low
        .word   0x10, int_10
        .word   0x11, int_11
        .word   0x12, int_12
        .word   0x13, int_13
        .word   0x15, int_15
        .word   0x16, int_16
        .word   0x18, int_18
        .word   0x19, int_19
        .word   0x1a, int_1a
        .word   0x70, irq_clock
        .word   0x71, irq_high
        .word   0x72, irq_high
        .word   0x73, irq_high
        .word   0x74, irq_high
        .word   0x75, irq_high
        .word   0x76, irq_high
        .word   0x77, irq_high

message_bios:
        .asciz  "[boot] BIOS: vectors, data areas, controllers and timer ready"
