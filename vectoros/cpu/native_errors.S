# native_errors.S -- error codes of faults met during a delivery, as the SDM has them.
#
# Source: Intel SDM Vol. 3A, "Error Code". Unicorn 2.1.4 multiplies a vector with the
# size of a long-mode gate, 16, where 8 belongs, and never sets EXT, bit 0: the event
# that was being delivered was no INT n, INT3 or INTO. faults.py does the same in Python.

# mend_error_code: esi vector, rbp state, r12 register file. Clobbers rax and rcx.
mend_error_code:
        lea     eax, [rsi - FIRST_SELECTOR_FAULT]
        cmp     eax, LAST_SELECTOR_FAULT - FIRST_SELECTOR_FAULT
        ja      mended
        cmp     dword ptr [r12 + ENV_IS_INT], 0
        jne     mended                          # INT 13 is no fault
        mov     ecx, [r12 + ENV_ERROR_CODE]
        cmp     dword ptr [rbp + ST_SOFTWARE], 0
        jne     mend_index
        mov     rax, [rbp + ST_BUDGET]
        cmp     rax, [rbp + ST_DELIVERING_AT]
        jne     mended                          # an instruction's own fault
        mov     rax, [r12 + ENV_RIP]
        cmp     rax, [rbp + ST_DELIVERING_RIP]
        jne     mended
        or      ecx, EXT_BIT
mend_index:
        test    ecx, IDT_BIT
        jz      mend_store
        test    dword ptr [r12 + ENV_EFER], EFER_LMA
        jz      mend_store
        mov     eax, ecx                        # vector * 16 + 2 to vector * 8 + 2
        and     eax, EXT_BIT
        shr     ecx, 1
        inc     ecx
        or      ecx, eax
mend_store:
        mov     [r12 + ENV_ERROR_CODE], ecx
mended:
        ret
