# guards.S -- stands between Unicorn 2.1.4's decoder and the code that it reads. See guards.py.
#
# Assembled at its final address. UC_TCG, ENV_ and TCG_ are offsets into Unicorn's
# structures, LOAD_CODE is the host address of its cpu_ldub_code, OPCODES and
# OPCODES_0F are those of our tables.

# The decoder wants a byte of code. rdi register file, rsi its linear address. Returns
# the byte; but an instruction that LOCK makes undefined, or one of AVX, begins with UD2
# instead. All that is read here the decoder reads, too, so it meets the same faults.
fetch:
        mov     rax, [rdi + ENV_UC]
        mov     rax, [rax + UC_TCG]
        mov     rdx, rsi
        sub     rdx, [rax + TCG_PC_START]       # which byte of the instruction
        cmp     rdx, 1
        jbe     look
        mov     rax, LOAD_CODE
        jmp     rax
look:
        push    rbx
        push    rbp
        push    r12
        push    r13
        push    r14
        mov     rbx, rdi
        mov     rbp, rsi
        sub     rbp, rdx
        mov     r13d, edx
        call    opcode
        test    ecx, IS_VEX
        jnz     vex
        test    r14d, r14d
        jz      allowed
        cmp     eax, 0x0f
        jne     operand
        call    second
operand:
        movzx   r14d, cl                        # by ModRM.reg: what may be locked
        test    r14d, r14d
        jz      refused
        call    modrm
        jae     refused                         # a register
        bt      r14d, eax
        jc      allowed
        jmp     refused
vex:                                            # LES and LDS, where their operand is in memory
        mov     eax, [rbx + ENV_HFLAGS]
        test    eax, HF_CS64
        jnz     refused
        bt      qword ptr [rbx + ENV_EFLAGS], FLAG_VM_BIT
        jc      allowed
        test    eax, HF_PE
        jz      allowed
        call    next
        cmp     eax, 0xc0
        jb      allowed
refused:
        mov     eax, 0x0b0f                     # UD2
        lea     ecx, [r13d * 8]
        shr     eax, cl
        and     eax, 0xff
        jmp     done
allowed:
        mov     rdi, rbx
        mov     rsi, rbp
        sub     rsi, r12
        add     rsi, r13
        mov     rax, LOAD_CODE
        call    rax
done:
        pop     r14
        pop     r13
        pop     r12
        pop     rbp
        pop     rbx
        ret

# The translation of an instruction begins. rdi its context, rsi CPU. One that computes
# the arithmetic flags from what the last one left, and then may fault in memory, must
# find them computed: or the fault leaves them neither here nor there.
begin:
        push    rbx
        push    rbp
        push    r12
        push    r13
        push    r14
        push    r15
        sub     rsp, 8
        mov     r13, rdi
        mov     r15, rsi
        mov     rbx, [rsi + CPU_ENV]
        mov     rbp, [rdi + CONTEXT_PC]
        call    opcode
        cmp     eax, 0x0f
        jne     kind
        call    second
kind:
        test    ecx, USES_FLAGS
        jnz     settle
        test    ecx, CONDITION | ROTATE
        jz      ready
        mov     rax, [rbx + ENV_UC]
        cmp     qword ptr [rax + UC_CODE_HOOKS], 0
        jne     ready                           # they stand computed if instructions are counted
        mov     r14d, ecx
        call    modrm
        jae     ready                           # a register
        test    r14d, CONDITION
        jnz     settle
        and     eax, 6
        cmp     eax, 2                          # RCL, RCR
        jne     ready

# If only the running program knows how to compute them, that becomes a part of the
# instruction. Else it comes before, and the instruction begins with computed flags.
settle:
        cmp     dword ptr [r13 + CONTEXT_CC_OP], CC_OP_DYNAMIC
        je      within
        call    compute
ready:
        mov     rdi, r13
        mov     rsi, r15
        mov     rax, BEGIN
        call    rax
        jmp     begun
within:
        mov     rdi, r13
        mov     rsi, r15
        mov     rax, BEGIN
        call    rax
        call    compute
begun:
        add     rsp, 8
        pop     r15
        pop     r14
        pop     r13
        pop     r12
        pop     rbp
        pop     rbx
        ret

# Generate code that computes the flags, and notes that it has. r13 context, rbx register file.
compute:
        sub     rsp, 8
        mov     rdi, r13
        mov     rax, COMPUTE_FLAGS
        call    rax
        mov     byte ptr [r13 + CONTEXT_CC_DIRTY], 0
        mov     rdi, [rbx + ENV_UC]
        mov     rdi, [rdi + UC_TCG]
        mov     rdx, [rdi + TCG_CC_OP]
        add     rdx, rdi
        mov     esi, OP_MOVE
        mov     ecx, CC_OP_EFLAGS
        mov     rax, EMIT
        call    rax
        add     rsp, 8
        ret

# LTR of a null selector, in the middle of Unicorn's routine. rdi register file; the place in
# the generated code lies behind its frame.
null_task:
        mov     rdx, [rsp + LTR_FRAME]
        mov     esi, 13                         # #GP(0)
        mov     rax, RAISE
        call    rax                             # does not return

# The routines from here on have rbx register file, rbp address of the next byte, r12d
# how many bytes have been read. They are called with an aligned stack.
# Skip prefixes: eax <- opcode, ecx <- its entry, r14d <- whether there was a LOCK.
opcode:
        xor     r12d, r12d
        xor     r14d, r14d
scan:
        xor     ecx, ecx
        cmp     r12d, LONGEST
        jae     too_long
        call    next
        mov     rdx, OPCODES
        movzx   ecx, word ptr [rdx + rax * 2]
        test    ecx, IS_REX
        jz      legacy
        test    dword ptr [rbx + ENV_HFLAGS], HF_CS64
        jz      found
        jmp     scan
legacy:
        test    ecx, IS_PREFIX
        jz      found
        cmp     eax, LOCK
        jne     scan
        mov     r14d, 1
        jmp     scan
found:
        ret
too_long:
        xor     r14d, r14d                      # the decoder sees to that
        ret

# eax <- the opcode behind 0Fh, ecx <- its entry.
second:
        call    next
        mov     rdx, OPCODES_0F
        movzx   ecx, word ptr [rdx + rax * 2]
        ret

# Read ModRM: eax <- its middle field; the carry flag is clear if it names a register.
modrm:
        call    next
        mov     ecx, eax
        shr     eax, 3
        and     eax, 7
        cmp     ecx, 0xc0
        ret

# eax <- the next byte.
next:
        mov     rdi, rbx
        mov     rsi, rbp
        mov     rax, LOAD_CODE
        call    rax
        movzx   eax, al
        inc     rbp
        inc     r12d
        ret
