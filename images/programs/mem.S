# mem.S -- the command: what memory is used for, as the kernel's untypeds say.
#
# Every kernel object, page table and frame was retyped from an untyped. What belongs
# to none of them holds the stubs, the programs as loaded, and the BIOS's data.

mem:
        mov     rbx, [rip + boot_info]
        xor     r12d, r12d              # bytes in untypeds
        xor     r13d, r13d              # of these, used
        xor     ebp, ebp
mem_next:
        cmp     rbp, [rbx + INFO_UNTYPED_COUNT]
        jae     mem_show
        lea     edi, [rbp + INIT_UNTYPEDS]
        inc     ebp
        call_method METHOD_UNTYPED_DESCRIBE, 0
        test    eax, eax
        jnz     mem_next
        test    r9d, r9d                # a device's memory is no RAM
        jnz     mem_next
        mov     ecx, r10d
        mov     eax, 1
        shl     rax, cl
        add     r12, rax
        add     r13, r8
        jmp     mem_next
mem_show:
        mov     rax, [rbx + INFO_MEMORY_TOTAL]
        lea     rsi, [rip + text_total]
        call    mem_row
        mov     rax, [rbx + INFO_MEMORY_TOTAL]
        sub     rax, r12
        lea     rsi, [rip + text_boot]
        call    mem_row
        mov     rax, r13
        lea     rsi, [rip + text_objects]
        call    mem_row
        mov     rax, r12
        sub     rax, r13
        lea     rsi, [rip + text_free]
mem_row:
        push    rsi
        mov     ecx, 12
        call    put_right
        pop     rsi
        jmp     put_string

.section rodata
text_total:      .asciz "  total\r\n"
text_boot:       .asciz "  used at boot: stubs, images of the programs, firmware\r\n"
text_objects:    .asciz "  used since: kernel objects, page tables and frames\r\n"
text_free:       .asciz "  free\r\n"
