# home.S -- the way back from a case, and the tables of handlers.

.section text
.code32
# home: out of any case, in flat 32-bit code of ring 0, with paging off or in an identity map.
home:
        mov     eax, DATA
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        mov     fs, eax
        mov     gs, eax
        mov     esp, HOME_STACK_TOP
        push    2                       # NT, too, or the IRET below would switch tasks
        popfd
        mov     eax, CR0_HOME
        mov     cr0, eax
        xor     eax, eax
        mov     cr3, eax
        lldt    ax
        mov     dr7, eax
        mov     eax, 0xffff0ff0
        mov     dr6, eax
        mov     esi, case_msrs
home.msr:
        mov     ecx, [esi]
        xor     eax, eax
        xor     edx, edx
        wrmsr
        add     esi, 4
        cmp     esi, case_msrs.end
        jb      home.msr
        mov     cr4, eax
        push    2                       # IRET: NMIs are let in again
        push    CODE32
        mov     eax, report
        push    eax
        iretd

# build_stubs: for each vector and each form of frame, push VECTOR; jmp to its handler.
build_stubs:
        mov     edi, STUBS64
        mov     ebx, catch64
        call    build_stubs.form
        mov     edi, STUBS32
        mov     ebx, catch32
        call    build_stubs.form
        mov     edi, STUBS16
        mov     ebx, catch16
        call    build_stubs.form
        mov     edi, STUBS_REAL
        xor     edx, edx
build_stubs.real:
        mov     byte ptr [edi], 0x68    # push imm16
        mov     [edi + 1], dx
        mov     byte ptr [edi + 3], 0xea
        mov     word ptr [edi + 4], catch_real - ORIGIN
        mov     word ptr [edi + 6], ORIGIN / 16
        add     edi, 16
        inc     edx
        cmp     edx, 256
        jb      build_stubs.real
        ret
build_stubs.form:
        xor     edx, edx
build_stubs.next:
        mov     byte ptr [edi], 0x68    # push imm32
        mov     [edi + 1], edx
        mov     byte ptr [edi + 5], 0xe9
        mov     eax, ebx
        sub     eax, edi
        sub     eax, 10
        mov     [edi + 6], eax
        add     edi, 16
        inc     edx
        cmp     edx, 256
        jb      build_stubs.next
        ret

# build_idt32, build_idt64: interrupt gates, DPL 0, to the stubs; DPL 3 for DONE.
build_idt32:
        mov     edi, IDT
        mov     eax, STUBS32 + (CODE32 << 16)
        mov     ecx, 256
build_idt32.next:
        mov     [edi], eax
        mov     dword ptr [edi + 4], 0x8e00
        add     eax, 16
        add     edi, 8
        dec     ecx
        jnz     build_idt32.next
        mov     byte ptr [IDT + DONE * 8 + 5], 0xee
        ret
build_idt64:
        mov     edi, IDT
        mov     eax, STUBS64 + (CODE64 << 16)
        mov     ecx, 256
build_idt64.next:
        mov     [edi], eax
        mov     dword ptr [edi + 4], 0x8e00
        mov     dword ptr [edi + 8], 0
        mov     dword ptr [edi + 12], 0
        add     eax, 16
        add     edi, 16
        dec     ecx
        jnz     build_idt64.next
        mov     byte ptr [IDT + DONE * 16 + 5], 0xee
        ret

.section names
.balign 4
case_msrs:                              # set to zero at home
        .long   0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084
        .long   0xc0000100, 0xc0000101, 0xc0000102, 0x174, 0x175, 0x176
case_msrs.end:
.section text
