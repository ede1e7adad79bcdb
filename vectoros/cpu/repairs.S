# repairs.S -- what replaces code of Unicorn 2.1.4 that is wrong. See repairs.py.
#
# Assembled at its final address. Names in capitals are from repairs.py: offsets into
# the register file and into Unicorn's structures, and host addresses in its code.

# IDIV r32. rdi register file, esi divisor. Unicorn divides 64 by 32 bits on the
# host, which faults itself, and ends the process, for the one quotient that does
# not even fit in 64 bits. The guest is due #DE.
idivl:
        movsxd  rsi, esi
        test    rsi, rsi
        jz      fault
        mov     eax, [rdi + RAX]
        mov     edx, [rdi + RDX]
        shl     rdx, 32
        or      rax, rdx
        cmp     rsi, -1
        jne     divide
        mov     rdx, LEAST
        cmp     rax, rdx
        je      fault
divide:
        cqo
        idiv    rsi
        movsxd  rcx, eax
        cmp     rcx, rax
        jne     fault                   # the quotient does not fit in 32 bits
        mov     eax, eax
        mov     edx, edx
        mov     [rdi + RAX], rax
        mov     [rdi + RDX], rdx
        ret
fault:
        push    rax                     # aligns the stack
        mov     rdx, [rsp + 8]          # the block's code that called: tells RIP
        xor     esi, esi                # #DE
        mov     rax, RAISE
        call    rax                     # does not return

# A page of memory has got its first block of translated code. rdi uc, rsi the page's
# address in Unicorn's numbering of memory. All stores to it are to be checked, through
# whatever mapping. TLBs know the memory by its address in the host.
first_block:
        push    rbx
        mov     rbx, [rdi + UC_CPU]
        mov     rdx, rsi
        xor     esi, esi
        mov     rax, HOST_ADDRESS
        call    rax
        mov     rdi, rbx
        mov     rsi, rax
        mov     edx, 4096
        pop     rbx
        mov     rax, CHECK_STORES
        jmp     rax

# A store was checked; may those to the same page that follow go without? In the frame
# of notdirty_write(): r15 CPU, rbp the TLB's entry, r9 the memory region, and behind
# rsp the address stored to, in Unicorn's numbering, if there can be code. Looks for
# the page's descriptor, as page_find() does. Its first word is its first block.
checked:
        test    byte ptr [r9 + REGION_RIGHTS], 4        # UC_PROT_EXEC
        jz      data
        mov     rdi, [r15 + CPU_UC]
        mov     rsi, [rsp + RAM_ADDRESS]
        shr     rsi, 12
        mov     ecx, [rdi + UC_ROOT_SHIFT]
        mov     eax, [rdi + UC_ROOT_SIZE]
        dec     eax
        mov     rdx, rsi
        shr     rdx, cl
        and     eax, edx
        mov     rdx, [rdi + UC_PAGES]
        lea     rdx, [rdx + rax * 8]
        imul    ecx, [rdi + UC_LEVELS], 10              # bits of the number to each level
level:
        mov     rdx, [rdx]
        test    rdx, rdx
        jz      give_back
        mov     rax, rsi
        shr     rax, cl
        and     eax, 1023
        sub     ecx, 10
        js      descriptor
        lea     rdx, [rdx + rax * 8]
        jmp     level
descriptor:
        lea     rax, [rax + rax * 2]                    # 24 bytes each
        cmp     qword ptr [rdx + rax * 8], 0
        je      give_back
keep:
        mov     rax, KEEP
        jmp     rax
data:
        cmp     qword ptr [rbp + ENTRY_CODE], -1        # as before the repair
        jne     keep
give_back:
        mov     rax, GIVE_BACK
        jmp     rax

# Store a byte: rdi register file, rsi linear address, edx byte, ecx kind of access in
# the low four bits, r8 address in the running block, or 0. If it is the first of a store
# that is not aligned, look at all of that before. The TLB knows its pages already.
store_byte:
        mov     rax, [rdi + ENV_UC]
        cmp     dword ptr [rax + UC_STORING], 2
        jae     first_byte
store_it:
        push    r15                     # what was at the beginning
        push    r14
        push    r13
        mov     r13, rdi
        push    r12
        push    rbp
        push    rbx
        mov     ebx, ecx
        mov     rax, STORE_GOES_ON
        jmp     rax
first_byte:
        push    rdi
        push    rsi
        push    rdx
        push    rcx
        push    r8
        push    rbx
        push    rbp
        push    r12
        push    r13
        mov     rbx, rsi
        mov     r13, rax
        mov     ebp, [rax + UC_STORING]
        add     rbp, rsi                # the end
        mov     dword ptr [rax + UC_STORING], 0         # if it begins anew, nothing is under way
        mov     r12d, ecx
        and     r12d, 15
        shl     r12d, 4
        add     r12, rdi
check_byte:
        mov     rax, [r12 + ENV_TLB_MASK]
        mov     rcx, rbx
        shr     rax, 6
        shr     rcx, 12
        and     rax, rcx
        shl     rax, 6
        add     rax, [r12 + ENV_TLB]
        test    dword ptr [rax + ENTRY_WRITE], CHECK_THIS
        jz      check_next
        mov     rsi, rbx
        add     rsi, [rax + ENTRY_ADDEND]
        mov     rdi, r13
        mov     rax, RAM_NUMBER
        call    rax
        mov     rdx, rax
        mov     rdi, r13
        xor     esi, esi                # no lock is held
        mov     ecx, 1
        mov     r8, [rsp + 32]
        mov     rax, CHECK
        call    rax                     # may not return: the instruction begins anew
check_next:
        inc     rbx
        cmp     rbx, rbp
        jb      check_byte
        mov     dword ptr [r13 + UC_STORING], 1         # looked at, and still byte by byte
        pop     r13
        pop     r12
        pop     rbp
        pop     rbx
        pop     r8
        pop     rcx
        pop     rdx
        pop     rsi
        pop     rdi
        jmp     store_it

# A block is being translated, and is to begin with a call of helper_check_exit_request().
# rdi the code generator's context, and the other arguments of tcg_gen_callN().
block_check:
        mov     rax, [rdi + TCG_UC]
        cmp     byte ptr [rax + UC_NO_EXIT_REQUEST], 0
        jne     no_check
        mov     rax, EMIT_CALL
        jmp     rax
no_check:
        ret

# The running block has been dropped: its own store is about to change it. The registers
# are those before the instruction, which begins anew as a block of its own.
begin_anew:
        mov     rdi, [rsp + LEAVING]
        mov     dword ptr [rdi + CPU_CFLAGS_NEXT_TB], 1
        mov     rax, [rdi + CPU_UC]
        mov     rax, [rax + UC_TCG]
        mov     rdx, 1 << RESTARTS_SHIFT
        add     [rax + TCG_INVALIDATIONS], rdx
        mov     rax, LEAVE_BLOCK
        call    rax                     # does not return
