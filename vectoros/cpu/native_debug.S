# native_debug.S -- the fast engine while DR7 enables a breakpoint. See debug_fast.py.
#
# Assembled behind native.S, whose head tells the conventions. Every block then has one
# instruction, and the block hook comes by here. What is met is for Python to say;
# it returns before anything is raised.

# The block hook of native.S, before the block is charged. rdi uc, rsi linear address,
# eax size, rcx state, r8 budget. An instruction breakpoint, or a trap that is due for
# the instruction before, raises #DB: RIP is at the block, and all before has retired.
careful:
        mov     r10, [rdi + UC_CPU]
        mov     dword ptr [r10 + CPU_CFLAGS_NEXT_TB], ONE_INSTRUCTION
        test    r8, r8
        jle     charge                          # the slice is over: refused below
        mov     r9, [rcx + ST_ENV]
        cmp     qword ptr [r9 + ENV_DR4], 0
        jne     ask
        cmp     rsi, [rcx + ST_BREAK_AT]
        je      ask
        cmp     rsi, [rcx + ST_BREAK_AT + 8]
        je      ask
        cmp     rsi, [rcx + ST_BREAK_AT + 16]
        je      ask
        cmp     rsi, [rcx + ST_BREAK_AT + 24]
        jne     charge
ask:
        push    rax
        push    rcx
        push    rsi
        push    rdi
        push    r8
        call    qword ptr [rcx + ST_VERDICT]
        mov     edx, eax
        pop     r8
        pop     rdi
        pop     rsi
        pop     rcx
        pop     rax
        test    edx, edx
        jz      charge
        mov     rdi, [rcx + ST_ENV]
        mov     esi, 1
        mov     edx, BREAKPOINT
        jmp     qword ptr [rcx + ST_RAISE]      # does not return

# The same for a block that is run again because its store changed it. What the first
# attempt met, it will meet now.
restarted:
        mov     r10, [rdi + UC_CPU]
        mov     dword ptr [r10 + CPU_CFLAGS_NEXT_TB], ONE_INSTRUCTION
        mov     r9, [rcx + ST_ENV]
        and     qword ptr [r9 + ENV_DR4], ~B_BITS
        mov     r9d, [rcx + ST_WITHHELD]
        or      dword ptr [r10 + CPU_INTERRUPT_REQUEST], r9d
        mov     dword ptr [rcx + ST_WITHHELD], 0
        jmp     charge

# An instruction that Unicorn does not know. Python knows some (undefined.py): it has
# done it, or raises what it says, or #UD it is. Called with the stack aligned.
undefined_here:
        mov     esi, 6
        cmp     dword ptr [r12 + ENV_IS_INT], 0
        jne     raise                           # INT 6
        call    may_be_known
        mov     esi, 6
        jne     raise
        call    qword ptr [rbp + ST_UNDEFINED]
        mov     esi, eax
        cmp     esi, DONE
        je      done_here
        mov     [rbx + CPU_EXCEPTION_INDEX], esi
        jmp     raise
# Whether undefined.py may know the instruction at RIP: ZF, by its opcode. Python takes 12 us,
# and systems probe by #UD. Unicorn has just read these bytes, so reading them cannot fault.
may_be_known:
        push    r13
        push    r14
        sub     rsp, 8
        mov     r13, [r12 + ENV_RIP]
        mov     r14d, LONGEST
        test    dword ptr [r12 + ENV_HFLAGS], HF_CS64
        jnz     next_byte
        add     r13d, dword ptr [r12 + ENV_CS_BASE]
next_byte:
        dec     r14d
        jz      unknown
        call    code_byte
        cmp     al, 0x66
        je      next_byte
        cmp     al, 0x67
        je      next_byte
        cmp     al, 0xf3
        je      next_byte
        cmp     al, 0xf2
        je      next_byte
        cmp     al, 0x64
        je      next_byte
        cmp     al, 0x65
        je      next_byte
        mov     ecx, eax
        and     ecx, 0xe7                       # 26, 2E, 36, 3E: ES, CS, SS, DS
        cmp     ecx, 0x26
        je      next_byte
        mov     ecx, eax
        and     ecx, 0xf0                       # REX in 64-bit mode; elsewhere INC and DEC are known
        cmp     ecx, 0x40
        je      next_byte
        cmp     al, 0xf1                        # INT1
        je      known
        cmp     al, 0xf6                        # TEST
        je      known
        cmp     al, 0xf7
        je      known
        cmp     al, 0x0f
        jne     known                           # ZF is clear: unknown
        call    code_byte
        cmp     al, 0x0d                        # free NOPs
        je      known
        cmp     al, 0x18
        je      known
        cmp     al, 0xc2                        # CMPPS and its kin
        je      known
unknown:
        test    rsp, rsp                        # clears ZF
known:
        lea     rsp, [rsp + 8]
        pop     r14
        pop     r13
        ret
code_byte:                                      # eax <- the byte at r13, which moves on
        sub     rsp, 8
        mov     rdi, r12
        mov     rsi, r13
        call    qword ptr [rbp + ST_LOAD_CODE]
        movzx   eax, al
        inc     r13
        add     rsp, 8
        ret

done_here:
        mov     rax, NOWHERE
        mov     [rbp + ST_CROSS_AT], rax
        mov     qword ptr [rbp + ST_LAST_SIZE], 0
        jmp     delivered

# Vector 1, in native.S: rcx offset of RIP in the last block. Python writes DR6 and says
# whether the instruction at RIP was begun, in that block.
debug:
        cmp     dword ptr [r12 + ENV_IS_INT], 0
        jne     record                          # INT 1 is not a debug exception
        push    rcx
        sub     rsp, 8
        call    qword ptr [rbp + ST_DEBUG_EVENT]
        add     rsp, 8
        pop     rcx
        mov     esi, 1
        test    eax, eax
        jnz     refund
        jmp     record                          # its instruction has retired

# A fetch that faults, in native.S: rax linear RIP, rcx its offset in the last block. What
# is due at this boundary comes first, and the slice may be over.
careful_fetch:
        push    rax
        push    rcx
        xor     eax, eax
        cmp     qword ptr [rbp + ST_BUDGET], 0
        jle     decided
        call    qword ptr [rbp + ST_VERDICT]
decided:
        mov     edx, eax
        pop     rcx
        pop     rax
        mov     esi, 14
        cmp     qword ptr [rbp + ST_BUDGET], 0
        jle     over
        test    edx, edx
        jz      fetched
        call    unfetch
        mov     dword ptr [r12 + ENV_ERROR_CODE], BREAKPOINT
        mov     dword ptr [rbx + CPU_EXCEPTION_INDEX], 1
        mov     esi, 1
        jmp     debug
over:
        call    unfetch
        mov     dword ptr [rbp + ST_REFUSED], 1
        mov     rdi, [rbp + ST_UC]
        call    qword ptr [rbp + ST_EMU_STOP]
        jmp     done
unfetch:                                        # as in `ahead`
        mov     rdx, [rbp + ST_CR2]
        mov     [r12 + ENV_CR2], rdx
        mov     dword ptr [r12 + ENV_OLD_EXCEPTION], -1
        ret

# A fault forgets the breakpoints that its instruction has met.
forget:
        and     qword ptr [r12 + ENV_DR4], ~B_BITS
        mov     eax, [rbp + ST_WITHHELD]
        or      dword ptr [rbx + CPU_INTERRUPT_REQUEST], eax
        mov     dword ptr [rbp + ST_WITHHELD], 0
        jmp     deliver

# The handler's first block has one instruction, too.
go_on_carefully:
        mov     rax, [rbp + ST_UC]
        mov     rax, [rax + UC_CPU]
        mov     dword ptr [rax + CPU_CFLAGS_NEXT_TB], ONE_INSTRUCTION
        jmp     leave
