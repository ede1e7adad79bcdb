# In real mode: functions without frame pointers call each other; the last one uses INT.

        xor     ax, ax
        mov     ss, ax
        mov     sp, 0x7000
        lea     bx, [service]
        mov     [0x40 * 4], bx
        mov     [0x40 * 4 + 2], ax
        push    0x1234                  # no return address
        call    outer
        nop
outer:
        push    ax
        call    inner
        nop
inner:
        int     0x40
        nop
service:
        push    bx
        cli
        hlt
