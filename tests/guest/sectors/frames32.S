# In 32-bit protected mode without paging: a handler with an error code on the stack; halt.

.set IDT, 0x4000

        cli
        lgdt    [gdtr]
        lidt    [idtr]
        mov     eax, cr0
        or      eax, 1
        mov     cr0, eax
        ljmp    8:protected
.code32
protected:
        mov     eax, 0x10
        mov     ss, eax
        mov     ds, eax
        mov     esp, 0x6000
        mov     ebx, IDT
        lea     eax, [on_fault]
        and     eax, 0xffff
        or      eax, 8 << 16
        mov     [ebx + 13 * 8], eax
        mov     dword ptr [ebx + 13 * 8 + 4], 0x8e00
        xor     ebp, ebp
        call    outer
        nop
outer:
        push    ebp
        mov     ebp, esp
        sub     esp, 12
        call    inner
        nop
inner:
        push    ebp
        mov     ebp, esp
        mov     eax, 0x80
        mov     ds, eax                 # beyond the GDT: #GP
        nop
on_fault:
        push    ebp
        mov     ebp, esp
        hlt

.balign 8
gdt:    .quad   0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdtr:   .word   23
        .long   gdt
idtr:   .word   0xff
        .long   IDT
