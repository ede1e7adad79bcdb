# Find the ACPI tables as an operating system does, wait for the power button, switch off.
# Nothing of the machine is known here but what the tables say, and the 8259As.

.set COM1, 0x3f8
.set TABLES, 0xe000                     # segment where the search begins
.set RSDT, 16                           # offsets in the RSDP ...
.set FADT, 36                           # ... in the RSDT ...
.set DSDT, 40                           # ... in the FADT
.set SCI_INT, 46
.set PM1A_EVT, 56
.set PM1A_CNT, 64
.set PM_TMR, 76
.set S5_VALUE, 7                        # from the name _S5_ to the package's first element
.set PWRBTN, 0x100                      # PWRBTN_STS and PWRBTN_EN
.set SLP_EN, 0x2000
.set ELCR2, 0x4d1
.set SLAVE_VECTORS, 0x70

        cli
        xor     ax, ax
        mov     es, ax
        mov     ax, TABLES
        mov     ds, ax
        xor     si, si
search: cmp     dword ptr [si], 0x20445352      # "RSD "
        je      found
        add     si, 16
        jnz     search
        hlt
found:  mov     si, word ptr [si + RSDT]        # all tables are in this segment
        mov     si, word ptr [si + FADT]

        mov     al, 'f'                 # found: say so
        mov     dx, COM1
        out     dx, al

        mov     dx, word ptr [si + PM_TMR]      # the timer counts
        in      eax, dx
        mov     ebx, eax
count:  in      eax, dx
        cmp     eax, ebx
        je      count
        mov     al, 't'
        mov     dx, COM1
        out     dx, al

        mov     bx, word ptr [si + SCI_INT]     # 9: on the slave, level triggered
        sub     bx, 8
        mov     cl, bl
        mov     ah, 1
        shl     ah, cl
        mov     dx, ELCR2
        mov     al, ah
        out     dx, al
        not     ah
        in      al, 0xa1                # let it through
        and     al, ah
        out     0xa1, al
        in      al, 0x21
        and     al, 0xfb
        out     0x21, al
        add     bx, SLAVE_VECTORS
        shl     bx, 2
        lea     ax, [pressed]
        mov     word ptr es:[bx], ax
        mov     word ptr es:[bx + 2], cs

        mov     dx, word ptr [si + PM1A_EVT]    # the button shall raise SCI
        add     dx, 2
        mov     ax, PWRBTN
        out     dx, ax
        mov     al, 'w'
        mov     dx, COM1
        out     dx, al
wait:   sti
        hlt
        jmp     wait

pressed:
        mov     dx, word ptr [si + PM1A_EVT]
        in      ax, dx
        out     dx, ax                  # clear it: SCI falls
        mov     al, 0x20
        out     0xa0, al
        out     0x20, al
        in      ax, dx
        test    ax, PWRBTN
        jnz     wait
        mov     di, word ptr [si + DSDT]
s5:     inc     di
        cmp     dword ptr [di], 0x5f35535f      # "_S5_"
        jne     s5
        movzx   ax, byte ptr [di + S5_VALUE]
        shl     ax, 10
        or      ax, SLP_EN
        mov     dx, word ptr [si + PM1A_CNT]
        out     dx, ax
        hlt
