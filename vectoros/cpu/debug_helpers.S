# debug_helpers.S -- MOV to and from debug registers, and watched pages: what replaces
# code of Unicorn 2.1.4 that does half of it or nothing. See debug_helpers.py.
#
# Assembled at its final address. Names as in native.S; RAISE and EMU_STOP are the
# host addresses of Unicorn's raise_exception_err_ra and uc_emu_stop, ENV is the
# register file's offset in CPUState. At DR5, which has no cell of its own, lies the
# address of the fast engine's state, or 0.

# MOV DRn, r. rdi register file, esi number, rdx value. It ends its block, so to ask
# for a stop takes effect right behind it; the engine then looks at DR7.
set_dr:
        call    named
        test    dword ptr [rdi + ENV_HFLAGS], HF_CS64
        jnz     wide
        mov     edx, edx
wide:
        cmp     esi, 6
        jb      address
        mov     rax, rdx
        shr     rax, 32
        jnz     protection
        cmp     esi, 6
        jne     control
        and     edx, DR6_WRITABLE
        or      edx, DR6_FIXED
        mov     [rdi + ENV_DR6], rdx
        ret
control:
        and     edx, DR7_WRITABLE
        or      edx, DR7_FIXED
        mov     rax, [rdi + ENV_DR7]
        mov     [rdi + ENV_DR7], rdx
        or      eax, edx
        test    al, 0xff
        jnz     changed
        ret
address:
        mov     esi, esi
        mov     [rdi + rsi * 8 + ENV_DR0], rdx
        test    byte ptr [rdi + ENV_DR7], 0xff
        jnz     changed
        ret
changed:
        or      dword ptr [rdi + ENV_DR4], CHANGED
        mov     rdi, [rdi - ENV + CPU_UC]
        mov     rax, EMU_STOP
        jmp     rax

# MOV r, DRn. rdi register file, esi number.
get_dr:
        call    named
        mov     esi, esi
        mov     rax, [rdi + rsi * 8 + ENV_DR0]
        ret

# named: esi <- the register, for which 4 and 5 are other names. What is wrong with
# the access is raised; the block's code that tells RIP called our caller.
named:
        cmp     esi, 4
        jb      guarded
        cmp     esi, 6
        jae     guarded
        test    dword ptr [rdi + ENV_CR4], CR4_DE
        jnz     undefined
        add     esi, 2
guarded:
        test    dword ptr [rdi + ENV_DR7], DR7_GD
        jnz     detected
        ret
undefined:
        mov     esi, 6
        xor     edx, edx
        jmp     inner
detected:
        mov     esi, 1
        mov     edx, DETECT
inner:
        add     rsp, 8
        jmp     raise
protection:
        mov     esi, 13
        xor     edx, edx
raise:
        mov     rcx, [rsp]
        push    rcx                     # aligns the stack
        mov     rax, RAISE
        call    rax                     # does not return

# A load or a store on a watched page, about to be made. rdi CPUState, rsi linear
# address, rdx size, r9 where in a block's code, or 0: an event is being delivered. A load
# that is not aligned comes as the two that cover it. So the instruction is looked at
# if there may be a hit.
check_watchpoint:
        mov     rax, [rdi + ENV + ENV_DR5]
        test    rax, rax
        jz      none
        test    r9, r9
        jz      none
        lea     r10, [rsi + rdx - 1]
        lea     r8, [rax + ST_WATCH_FIRST]
        lea     r9, [r8 + ST_WATCH_LAST - ST_WATCH_FIRST]
each:
        cmp     r10, [r8]
        jb      next
        cmp     rsi, [r8 + ST_WATCH_LAST - ST_WATCH_FIRST]
        jbe     hit
next:
        add     r8, 8
        cmp     r8, r9
        jb      each
none:
        ret
hit:
        jmp     qword ptr [rax + ST_EXAMINE]

# Is anything on this page watched? rdi CPUState, rsi linear address, rdx size.
address_matches:
        mov     r11, [rdi + ENV + ENV_DR5]
        xor     eax, eax
        test    r11, r11
        jz      unwatched
        lea     r10, [rsi + rdx - 1]
        lea     r8, [r11 + ST_WATCH_FIRST]
        lea     r9, [r8 + ST_WATCH_LAST - ST_WATCH_FIRST]
match:
        cmp     r10, [r8]
        jb      other
        cmp     rsi, [r8 + ST_WATCH_LAST - ST_WATCH_FIRST]
        jbe     watched
other:
        add     r8, 8
        cmp     r8, r9
        jb      match
unwatched:
        ret
watched:
        mov     eax, 3                  # loads and stores
        ret
