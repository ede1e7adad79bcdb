# catch.S -- handlers of every vector: record what the CPU pushed, go on at the case's
# resume address or home. One for each form of frame.
#
# Whether there is an error code shows in the frame: in 64-bit mode by the alignment that
# the CPU gave it, elsewhere because the word in which CS must be is 1..FFh, as each of our
# selectors is and no EIP of ours.

.section text

# -- 64-bit code ---------------------------------------------------------------------------
.code64
catch64:
        pushfq
        push    rax
        push    rbx
        mov     eax, STATE
        mov     ebx, [rax + ST_EVENT_AT]
        mov     [rbx + RCX * 8], rcx
        mov     [rbx + RDX * 8], rdx
        mov     [rbx + RBP * 8], rbp
        mov     [rbx + RSI * 8], rsi
        mov     [rbx + RDI * 8], rdi
        mov     [rbx + R8 * 8], r8
        mov     [rbx + R9 * 8], r9
        mov     [rbx + R10 * 8], r10
        mov     [rbx + R11 * 8], r11
        mov     [rbx + R12 * 8], r12
        mov     [rbx + R13 * 8], r13
        mov     [rbx + R14 * 8], r14
        mov     [rbx + R15 * 8], r15
        pop     qword ptr [rbx + RBX * 8]
        pop     qword ptr [rbx + RAX * 8]
        pop     qword ptr [rbx + HFLAGS * 8]
        pop     qword ptr [rbx + VECTOR * 8]
        mov     qword ptr [rbx + ERROR * 8], NONE
        test    spl, 8
        jnz     catch64.no_error
        pop     qword ptr [rbx + ERROR * 8]
catch64.no_error:
        pop     qword ptr [rbx + RIP * 8]
        pop     qword ptr [rbx + CS * 8]
        pop     qword ptr [rbx + RFLAGS * 8]
        pop     qword ptr [rbx + RSP * 8]
        pop     qword ptr [rbx + SS * 8]
        mov     [rbx + FRAME * 8], rsp
        mov     rcx, cr2
        mov     [rbx + CR2 * 8], rcx
        mov     ecx, cs
        mov     [rbx + HCS * 8], rcx
        mov     ecx, ss
        mov     [rbx + HSS * 8], rcx
        mov     ecx, ds
        mov     [rbx + DS * 8], rcx
        mov     ecx, es
        mov     [rbx + ES * 8], rcx
        mov     ecx, fs
        mov     [rbx + FS * 8], rcx
        mov     ecx, gs
        mov     [rbx + GS * 8], rcx
        inc     dword ptr [rax + ST_COUNT]
        cmp     dword ptr [rax + ST_COUNT], EVENT_COUNT
        jae     catch64.last
        add     dword ptr [rax + ST_EVENT_AT], EVENT_BYTES
catch64.last:
        mov     ecx, [rax + ST_RESUME]
        mov     dword ptr [rax + ST_RESUME], 0
        test    ecx, ecx
        jz      home64
        mov     edx, DATA_B
        mov     ss, edx
        mov     esp, STACK_TOP
        push    rcx
        mov     rcx, [rbx + RCX * 8]
        mov     rdx, [rbx + RDX * 8]
        mov     rax, [rbx + RAX * 8]
        mov     rbx, [rbx + RBX * 8]
        ret
home64:
        lgdt    [rip + home_gdtr]
        mov     esp, HOME_STACK_TOP
        push    CODE32
        mov     eax, home64.compat
        push    rax
        retfq
.code32
home64.compat:
        mov     eax, DATA
        mov     ss, eax
        mov     eax, CR0_HOME
        mov     cr0, eax
        jmp     home

# -- 32-bit code, 32-bit gates ---------------------------------------------------------------
catch32:
        pushfd
        push    eax
        push    ebx
        mov     eax, ds
        push    eax
        mov     eax, DATA
        mov     ds, eax
        call    store_registers
        pop     dword ptr [ebx + DS * 8]
        pop     dword ptr [ebx + RBX * 8]
        pop     dword ptr [ebx + RAX * 8]
        pop     dword ptr [ebx + HFLAGS * 8]
        pop     dword ptr [ebx + VECTOR * 8]
        test    dword ptr [esp + 8], FL_VM
        jnz     catch32.no_error
        cmp     dword ptr [esp + 4], 0x100
        jae     catch32.error
        cmp     dword ptr [esp + 4], 0
        jne     catch32.no_error
catch32.error:
        pop     dword ptr [ebx + ERROR * 8]
        mov     dword ptr [ebx + ERROR * 8 + 4], 0
catch32.no_error:
        pop     dword ptr [ebx + RIP * 8]
        pop     dword ptr [ebx + CS * 8]
        mov     word ptr [ebx + CS * 8 + 2], 0
        pop     dword ptr [ebx + RFLAGS * 8]
        mov     [ebx + RSP * 8], esp
        mov     eax, ss
        mov     [ebx + SS * 8], eax
        test    dword ptr [ebx + RFLAGS * 8], FL_VM
        jnz     catch32.outer
        mov     eax, cs
        xor     eax, [ebx + CS * 8]
        test    al, 3
        jz      catch32.same
catch32.outer:
        pop     dword ptr [ebx + RSP * 8]
        pop     dword ptr [ebx + SS * 8]
        mov     word ptr [ebx + SS * 8 + 2], 0
        test    dword ptr [ebx + RFLAGS * 8], FL_VM
        jz      catch32.same
        pop     dword ptr [ebx + ES * 8]
        pop     dword ptr [ebx + DS * 8]
        pop     dword ptr [ebx + FS * 8]
        pop     dword ptr [ebx + GS * 8]
catch32.same:
        mov     [ebx + FRAME * 8], esp
        jmp     caught32

# -- 32-bit code, 16-bit gates ---------------------------------------------------------------
catch16:
        pushfd
        push    eax
        push    ebx
        mov     eax, ds
        push    eax
        mov     eax, DATA
        mov     ds, eax
        call    store_registers
        pop     dword ptr [ebx + DS * 8]
        pop     dword ptr [ebx + RBX * 8]
        pop     dword ptr [ebx + RAX * 8]
        pop     dword ptr [ebx + HFLAGS * 8]
        pop     dword ptr [ebx + VECTOR * 8]
        cmp     word ptr [esp + 2], 0x100
        jae     catch16.error
        cmp     word ptr [esp + 2], 0
        jne     catch16.no_error
catch16.error:
        mov     dword ptr [ebx + ERROR * 8], 0
        mov     dword ptr [ebx + ERROR * 8 + 4], 0
        pop     word ptr [ebx + ERROR * 8]
catch16.no_error:
        pop     word ptr [ebx + RIP * 8]
        pop     word ptr [ebx + CS * 8]
        pop     word ptr [ebx + RFLAGS * 8]
        mov     [ebx + RSP * 8], esp
        mov     eax, ss
        mov     [ebx + SS * 8], eax
        mov     eax, cs
        xor     eax, [ebx + CS * 8]
        test    al, 3
        jz      catch16.same
        mov     dword ptr [ebx + RSP * 8], 0
        pop     word ptr [ebx + RSP * 8]
        pop     word ptr [ebx + SS * 8]
catch16.same:
        mov     [ebx + FRAME * 8], esp

# caught32: the event at ebx is recorded but for what is no part of the frame.
caught32:
        mov     eax, cr2
        mov     [ebx + CR2 * 8], eax
        mov     eax, cs
        mov     [ebx + HCS * 8], eax
        mov     eax, ss
        mov     [ebx + HSS * 8], eax
        call    next_event
        mov     eax, [STATE + ST_RESUME]
        mov     dword ptr [STATE + ST_RESUME], 0
        test    eax, eax
        jz      home32
        mov     ecx, DATA
        mov     ss, ecx
        mov     es, ecx
        mov     esp, STACK_TOP
        push    eax
        mov     ecx, [ebx + RCX * 8]
        mov     eax, [ebx + RAX * 8]
        mov     ebx, [ebx + RBX * 8]
        ret
home32:
        lgdt    [home_gdtr]
        .byte   0xea                    # jmp CODE32:home
        .long   home
        .word   CODE32

# store_registers: to the event that is next, which is left in ebx. Clobbers eax.
store_registers:
        mov     ebx, [STATE + ST_EVENT_AT]
        mov     [ebx + RCX * 8], ecx
        mov     [ebx + RDX * 8], edx
        mov     [ebx + RBP * 8], ebp
        mov     [ebx + RSI * 8], esi
        mov     [ebx + RDI * 8], edi
        mov     eax, es
        mov     [ebx + ES * 8], eax
        mov     eax, fs
        mov     [ebx + FS * 8], eax
        mov     eax, gs
        mov     [ebx + GS * 8], eax
        mov     dword ptr [ebx + ERROR * 8], -1
        mov     dword ptr [ebx + ERROR * 8 + 4], -1
        ret

next_event:
        inc     dword ptr [STATE + ST_COUNT]
        cmp     dword ptr [STATE + ST_COUNT], EVENT_COUNT
        jae     next_event.last
        add     dword ptr [STATE + ST_EVENT_AT], EVENT_BYTES
next_event.last:
        ret

# -- real mode -------------------------------------------------------------------------------
.code16
catch_real:
        pushf
        push    ds
        push    eax
        push    ebx
        xor     ax, ax
        mov     ds, ax
        mov     bx, [STATE + ST_EVENT_AT]
        mov     [bx + RCX * 8], ecx
        mov     [bx + RDX * 8], edx
        mov     [bx + RBP * 8], ebp
        mov     [bx + RSI * 8], esi
        mov     [bx + RDI * 8], edi
        mov     [bx + ES * 8], es
        mov     [bx + FS * 8], fs
        mov     [bx + GS * 8], gs
        mov     [bx + HCS * 8], cs
        mov     [bx + HSS * 8], ss
        mov     [bx + SS * 8], ss
        pop     dword ptr [bx + RBX * 8]
        pop     dword ptr [bx + RAX * 8]
        pop     word ptr [bx + DS * 8]
        pop     word ptr [bx + HFLAGS * 8]
        pop     word ptr [bx + VECTOR * 8]
        mov     dword ptr [bx + ERROR * 8], -1
        mov     dword ptr [bx + ERROR * 8 + 4], -1
        pop     word ptr [bx + RIP * 8]
        pop     word ptr [bx + CS * 8]
        pop     word ptr [bx + RFLAGS * 8]
        mov     [bx + RSP * 8], sp
        mov     [bx + FRAME * 8], sp
        inc     word ptr [STATE + ST_COUNT]
        cmp     word ptr [STATE + ST_COUNT], EVENT_COUNT
        jae     catch_real.last
        add     word ptr [STATE + ST_EVENT_AT], EVENT_BYTES
catch_real.last:
        mov     ax, [STATE + ST_RESUME]
        mov     word ptr [STATE + ST_RESUME], 0
        test    ax, ax
        jz      home_real
        xor     cx, cx
        mov     ss, cx
        mov     sp, STACK_TOP
        mov     es, cx
        push    ax
        mov     ecx, [bx + RCX * 8]
        mov     eax, [bx + RAX * 8]
        mov     ebx, [bx + RBX * 8]
        .byte   0xc3                    # ret: keystone's is of 32 bits here
home_real:
        .byte   0x66                    # all 32 bits of the base
        lgdt    [STATE + ST_GDTR]
        mov     eax, CR0_HOME
        mov     cr0, eax
        .byte   0x66, 0xea              # jmp CODE32:home
        .long   home
        .word   CODE32
