# interrupts.S -- the BIOS's handlers of hardware interrupts, and those that do nothing.
#
# Entered in real mode with interrupts off, on whatever stack the interrupted
# program has. Every register is preserved.
#
# Source: IBM PC/AT Technical Reference, "System BIOS"; 8259A data sheet for EOI.

.set PIC_EOI,        0x20               # OCW2: non-specific end of interrupt
.set BDA_TICKS,      0x46c              # timer ticks since midnight, 32 bits
.set BDA_MIDNIGHT,   0x470              # nonzero: midnight has passed since that was read
.set TICKS_A_DAY,    0x1800b0           # 86,400 s at 1,193,182 / 65,536 Hz
.set CMOS_INDEX,     PORT_RTC
.set CMOS_DATA,      PORT_RTC + 1
.set KEYBOARD_DATA,  PORT_KEYBOARD
.set KEYBOARD_STATUS, PORT_KEYBOARD_CONTROL
.set KEYBOARD_OBF,   1 << 0             # output buffer full: there is a byte to read
.set KEYBOARD_AUX,   1 << 5             # and it is the mouse's
.set NOT_THERE,      0xff               # what a port reads as that no device has

# INT 08h, IRQ 0: a tick of the timer, 18.2 a second.
irq_timer:
        push    eax
        push    ds
        xor     ax, ax
        mov     ds, ax
        inc     dword ptr [BDA_TICKS]
        cmp     dword ptr [BDA_TICKS], TICKS_A_DAY
        jb      timer_hook
        mov     dword ptr [BDA_TICKS], 0
        mov     byte ptr [BDA_MIDNIGHT], 1
timer_hook:
        int     0x1c                    # whoever wants to know
        pop     ds
        pop     eax
        jmp     irq_low

# INT 09h, IRQ 1: a byte from the keyboard.
irq_keyboard:
        push    eax
        in      al, KEYBOARD_STATUS
        cmp     al, NOT_THERE
        je      keyboard_end
        and     al, KEYBOARD_OBF | KEYBOARD_AUX
        cmp     al, KEYBOARD_OBF
        jne     keyboard_end
        in      al, KEYBOARD_DATA
        mov     ah, 0x4f                # keyboard intercept: may change AL, or clear CF to eat it
        stc
        int     0x15
        jnc     keyboard_end
        pushf                           # as INT does
        push    cs
        push    keyboard_end
        jmp     int_09_service
keyboard_end:
        pop     eax
        # and on as any other of the first controller

# IRQ 0 to 7 for which nobody has a use.
irq_low:
        push    ax
        mov     al, PIC_EOI
        out     PORT_PIC1, al
        pop     ax
        iret

# IRQ 8 to 15 for which nobody has a use.
irq_high:
        push    ax
        mov     al, PIC_EOI
        out     PORT_PIC2, al
        out     PORT_PIC1, al
        pop     ax
        iret

# INT 70h, IRQ 8: the clock. It interrupts no more until its register C is read.
irq_clock:
        push    ax
        mov     al, 0x0c
        out     CMOS_INDEX, al
        in      al, CMOS_DATA
        pop     ax
        jmp     irq_high

# Every other vector.
ignore:
        iret
