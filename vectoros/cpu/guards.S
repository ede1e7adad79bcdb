# guards.S -- stands between Unicorn 2.1.4's decoder and the code that it reads. See guards.py.
#
# Assembled at its final address. UC_TCG, ENV_ and TCG_ are offsets into Unicorn's
# structures, LOAD_CODE is the host address of its cpu_ldub_code, OPCODES and
# OPCODES_0F are those of our tables.

# The decoder wants a byte of code. rdi register file, rsi its linear address. Returns
# the byte; but an instruction that LOCK makes undefined begins with UD2 instead. All
# that is read here the decoder reads, too, so it meets the same faults.
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
        sub     rbp, rdx                        # the next byte to look at
        mov     r13d, edx
        xor     r12d, r12d                      # how many we have seen
        xor     r14d, r14d                      # whether LOCK was among them
scan:
        cmp     r12d, LONGEST
        jae     allowed                         # too long: the decoder sees to that
        call    next
        mov     rdx, OPCODES
        movzx   ecx, word ptr [rdx + rax * 2]
        test    ecx, IS_REX
        jz      legacy
        test    dword ptr [rbx + ENV_HFLAGS], HF_CS64
        jz      opcode
        jmp     scan
legacy:
        test    ecx, IS_PREFIX
        jz      opcode
        cmp     eax, LOCK
        jne     scan
        mov     r14d, 1
        jmp     scan
opcode:
        test    r14d, r14d
        jz      allowed
        cmp     eax, 0x0f
        jne     operand
        call    next
        mov     rdx, OPCODES_0F
        movzx   ecx, word ptr [rdx + rax * 2]
operand:
        movzx   r14d, cl                        # by ModRM.reg: what may be locked
        test    r14d, r14d
        jz      refused
        call    next
        cmp     eax, 0xc0
        jae     refused                         # a register
        shr     eax, 3
        and     eax, 7
        bt      r14d, eax
        jc      allowed
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

# eax <- the next byte. Called with the stack misaligned by 8.
next:
        sub     rsp, 8
        mov     rdi, rbx
        mov     rsi, rbp
        mov     rax, LOAD_CODE
        call    rax
        movzx   eax, al
        inc     rbp
        inc     r12d
        add     rsp, 8
        ret
