# enter.S -- from home into a case's mode: fresh tables, fresh registers.

.code32
.section text

# enter: the case of STATE.
enter:
        mov     esi, FRESH_GDT
        mov     edi, GDT
        mov     ecx, GDT_BYTES / LINE
        call    copy_lines
        mov     esi, FRESH_TSS
        mov     edi, TSS64
        mov     ecx, TSS_BYTES / LINE
        call    copy_lines
        finit
        mov     eax, [STATE + ST_MODE]
        cmp     eax, LONG
        je      enter_long
        cmp     eax, REAL
        je      enter_real
        mov     esi, FRESH_IDT32
        mov     edi, IDT
        mov     ecx, 2048 / LINE
        call    copy_lines
        emms
        mov     eax, CR4_PROT
        mov     cr4, eax
        mov     eax, CR0_PROT
        mov     cr0, eax
        ldmxcsr [mxcsr]
        lgdt    [case_gdtr]
        lidt    [idtr32]
        mov     eax, TSS32_SEL
        ltr     ax
        cmp     dword ptr [STATE + ST_MODE], PROT16
        je      enter_prot16
        mov     esp, STACK_TOP
        push    dword ptr [STATE + ST_ENTRY]
        call    clear_gprs
        push    2
        popfd
        ret
enter_prot16:
        mov     eax, DATA16
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        mov     fs, eax
        mov     gs, eax
        mov     esp, STACK_TOP
        mov     eax, [STATE + ST_ENTRY]
        sub     eax, ORIGIN
        push    CODE16
        push    eax
        call    clear_gprs
        push    2
        popfd
        retf

enter_real:
        mov     edi, IVT
        mov     eax, STUBS_REAL         # 0000:STUBS_REAL + 16 * vector
        mov     ecx, 256
enter_real.vector:
        stosd
        add     eax, 16
        dec     ecx
        jnz     enter_real.vector
        mov     eax, CR4_PROT
        mov     cr4, eax
        ldmxcsr [mxcsr]
        lgdt    [case_gdtr]
        lidt    [idtr_real]
        mov     eax, [STATE + ST_ENTRY]
        sub     eax, ORIGIN
        mov     [STATE + ST_SAVED], eax
        mov     eax, DATA16             # limits as in real mode
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        mov     fs, eax
        mov     gs, eax
        .byte   0xea                    # jmp CODE16:enter_real16
        .long   enter_real16 - ORIGIN
        .word   CODE16
.code16
enter_real16:
        mov     eax, CR0_HOME - 1
        mov     cr0, eax
        .byte   0xea                    # jmp ORIGIN / 16:enter_real_flat
        .word   enter_real_flat - ORIGIN, ORIGIN / 16
enter_real_flat:
        xor     eax, eax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     fs, ax
        mov     gs, ax
        mov     esp, STACK_TOP
        push    word ptr [STATE + ST_SAVED]
        xor     ebx, ebx
        xor     ecx, ecx
        xor     edx, edx
        xor     esi, esi
        xor     edi, edi
        xor     ebp, ebp
        xor     eax, eax
        .byte   0x6a, 2                 # push 2, 16 bits
        popf
        .byte   0xc3                    # ret: keystone's is of 32 bits here

.code32
enter_long:
        mov     esi, FRESH_IDT64
        mov     edi, IDT
        mov     ecx, 4096 / LINE
        call    copy_lines
        mov     esi, FRESH_PAGES
        mov     edi, PML4
        mov     ecx, 4 * 4096 / LINE
        call    copy_lines
        emms
        mov     eax, CR4_LONG
        mov     cr4, eax
        ldmxcsr [mxcsr]
        mov     eax, PML4
        mov     cr3, eax
        mov     ecx, MSR_EFER
        mov     eax, EFER_LONG
        xor     edx, edx
        wrmsr
        mov     eax, CR0_LONG
        mov     cr0, eax
        lgdt    [case_gdtr]
        .byte   0xea                    # jmp CODE64:enter_long64
        .long   enter_long64
        .word   CODE64
.code64
enter_long64:
        lidt    [rip + idtr64]
        mov     eax, TSS64_SEL
        ltr     ax
        mov     esp, STACK_TOP
        mov     eax, STATE
        mov     eax, [rax + ST_ENTRY]
        push    rax
        xor     eax, eax
        xor     ebx, ebx
        xor     ecx, ecx
        xor     edx, edx
        xor     esi, esi
        xor     edi, edi
        xor     ebp, ebp
        xor     r8d, r8d
        xor     r9d, r9d
        xor     r10d, r10d
        xor     r11d, r11d
        xor     r12d, r12d
        xor     r13d, r13d
        xor     r14d, r14d
        xor     r15d, r15d
        push    2
        popfq
        ret

.code32
clear_gprs:
        xor     eax, eax
        xor     ebx, ebx
        xor     ecx, ecx
        xor     edx, edx
        xor     esi, esi
        xor     edi, edi
        xor     ebp, ebp
        ret

# build_fresh: the tables, once. Code in long lines: an emulator that calls a hook before
# each piece of straight-line code has few to call here.
build_fresh:
        call    build_gdt
        mov     esi, GDT
        mov     edi, FRESH_GDT
        mov     ecx, GDT_BYTES / LINE
        call    copy_lines
        call    build_tss
        mov     esi, TSS64
        mov     edi, FRESH_TSS
        mov     ecx, TSS_BYTES / LINE
        call    copy_lines
        call    build_idt32
        mov     esi, IDT
        mov     edi, FRESH_IDT32
        mov     ecx, 2048 / LINE
        call    copy_lines
        call    build_idt64
        mov     esi, IDT
        mov     edi, FRESH_IDT64
        mov     ecx, 4096 / LINE
        call    copy_lines
        call    build_pages
        mov     esi, PML4
        mov     edi, FRESH_PAGES
        mov     ecx, 4 * 4096 / LINE
        jmp     copy_lines

.macro MOVE at
        movq    mm0, [esi + \at]
        movq    [edi + \at], mm0
.endm
.macro MOVE_4 at
        MOVE    \at
        MOVE    \at + 8
        MOVE    \at + 16
        MOVE    \at + 24
.endm
# copy_lines: ecx lines of LINE bytes from esi to edi.
copy_lines:
        MOVE_4  0
        MOVE_4  32
        MOVE_4  64
        MOVE_4  96
        add     esi, LINE
        add     edi, LINE
        dec     ecx
        jnz     copy_lines
        ret

.macro CLEAR_4 at
        movq    [edi + \at], mm0
        movq    [edi + \at + 8], mm0
        movq    [edi + \at + 16], mm0
        movq    [edi + \at + 24], mm0
.endm
# clear_lines: ecx lines of LINE bytes at edi.
clear_lines:
        pxor    mm0, mm0
clear_lines.next:
        CLEAR_4 0
        CLEAR_4 32
        CLEAR_4 64
        CLEAR_4 96
        add     edi, LINE
        dec     ecx
        jnz     clear_lines.next
        emms
        ret

build_gdt:
        mov     esi, home_gdt
        mov     edi, GDT
        mov     ecx, GDT_BYTES
        rep     movsb
        ret

# build_tss: stacks for rings 0 to 2; no I/O permission bitmap.
build_tss:
        xor     eax, eax
        mov     edi, TSS64
        mov     ecx, 0x300 / 4          # TSS32 and TSS32B, too
        rep     stosd
        mov     dword ptr [TSS64 + 4], RSP0_TOP
        mov     dword ptr [TSS64 + 12], STACK1_TOP
        mov     dword ptr [TSS64 + 20], STACK2_TOP
        mov     edx, IST1_TOP
        mov     ecx, 7
        mov     edi, TSS64 + 0x24
build_tss.ist:
        mov     [edi], edx
        add     edx, 0x200
        add     edi, 8
        dec     ecx
        jnz     build_tss.ist
        mov     dword ptr [TSS64 + 0x64], 0x68 << 16
        mov     ebx, TSS32
build_tss.next:
        mov     dword ptr [ebx + 4], RSP0_TOP
        mov     dword ptr [ebx + 8], DATA
        mov     dword ptr [ebx + 12], STACK1_TOP
        mov     dword ptr [ebx + 16], DATA_1
        mov     dword ptr [ebx + 20], STACK2_TOP
        mov     dword ptr [ebx + 0x64], 0x68 << 16
        add     ebx, TSS32B - TSS32
        cmp     ebx, TSS32B
        jbe     build_tss.next
        ret

# build_pages: everything one to one, present, writable, user.
build_pages:
        xor     eax, eax
        mov     edi, PML4
        mov     ecx, 2 * 4096 / 4
        rep     stosd
        mov     dword ptr [PML4], PDPT + 7
        mov     dword ptr [PDPT], PD + 7
        mov     edi, PD
        mov     eax, 0x87               # PS
        mov     ecx, 0x200000
        call    build_pages.table
        mov     dword ptr [PD], PT + 7
        mov     edi, PT
        mov     eax, 7
        mov     ecx, 0x1000
build_pages.table:                      # 512 entries at edi: eax, and ecx more each time
        mov     edx, 512
build_pages.next:
        mov     [edi], eax
        mov     dword ptr [edi + 4], 0
        add     edi, 8
        add     eax, ecx
        dec     edx
        jnz     build_pages.next
        ret

.section names
.balign 8
home_gdt:
        .quad   0
        .quad   0x00cf9b000000ffff      # CODE32
        .quad   0x00cf93000000ffff      # DATA
        .quad   0x00af9b000000ffff      # CODE64
        .quad   0x00cf93000000ffff      # DATA_B
        .quad   0x00cffb000000ffff      # CODE32_3
        .quad   0x00cff3000000ffff      # DATA_3
        .quad   0x00affb000000ffff      # CODE64_3
        .quad   0x00cff3000000ffff      # DATA_3B
        .quad   0x00009b010000ffff      # CODE16
        .quad   0x000093000000ffff      # DATA16
        .quad   0x0000fb010000ffff      # CODE16_3
        .quad   0x0000f3000000ffff      # DATA16_3
        .quad   0x0000890000000067 + (TSS64 << 16), 0
        .quad   0x0000890000000067 + (TSS32 << 16)
        .quad   0x0000890000000067 + (TSS32B << 16)
        .quad   0, 0                    # LDT_SEL
        .quad   0x00cf9f000000ffff      # CODE32_C
        .quad   0x00af9f000000ffff      # CODE64_C
        .quad   0x00cfbb000000ffff      # CODE32_1
        .quad   0x00cfb3000000ffff      # DATA_1
        .quad   0x00afbb000000ffff      # CODE64_1
        .zero   64                      # FREE_SEL
home_gdtr:
        .word   GDT_BYTES - 1
        .quad   home_gdt                # LGDT reads four bytes of it outside of 64-bit code
case_gdtr:
        .word   GDT_BYTES - 1
        .quad   GDT
idtr32:
        .word   256 * 8 - 1
        .quad   IDT
idtr64:
        .word   256 * 16 - 1
        .quad   IDT
idtr_real:
        .word   256 * 4 - 1
        .quad   IVT
.balign 4
mxcsr:
        .long   0x1f80
.section text
