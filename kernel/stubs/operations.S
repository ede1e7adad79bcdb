# operations.S -- what the kernel asks of ports and TLB, an operation at a time.
#
# A row of the gate block: kind and width (a byte each), port (a word), value (32
# bits), address (64 bits). kernel/gate.py has the layout.

# operation: carry out the operation at rbx. Changes rax, rcx, rdx, rdi.
operation:
        movzx   eax, byte ptr [rbx + OP_KIND]
        movzx   ecx, byte ptr [rbx + OP_WIDTH]
        movzx   edx, word ptr [rbx + OP_PORT]
        cmp     eax, OP_IN
        je      operation_in
        cmp     eax, OP_INVLPG
        je      operation_invlpg
        mov     eax, [rbx + OP_VALUE]
        cmp     ecx, 2
        je      operation_out16
        ja      operation_out32
        out     dx, al
        ret
operation_out16:
        out     dx, ax
        ret
operation_out32:
        out     dx, eax
        ret

operation_in:
        xor     eax, eax
        cmp     ecx, 2
        je      operation_in16
        ja      operation_in32
        in      al, dx
        jmp     operation_store
operation_in16:
        in      ax, dx
        jmp     operation_store
operation_in32:
        in      eax, dx
operation_store:                        # the thread that asked finds all of a register
        mov     rdi, PHYSMAP
        add     rdi, [rbx + OP_ADDRESS]
        mov     [rdi], rax
        ret

operation_invlpg:
        mov     rax, [rbx + OP_ADDRESS]
        invlpg  [rax]
        ret
