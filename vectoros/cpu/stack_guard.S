# stack_guard.S -- with whose rights far calls and returns use the stack. See stack_guard.py.
#
# Assembled at its final address. Each routine stands in for the function of Unicorn
# 2.1.4 whose host address it takes first: a load (rdi register file, rsi linear
# address, edx which rights, rcx the place in the generated code) or a store (rdx
# value, ecx which rights, r8 that place). BASE and SPAN tell the code whose calls
# matter, the bitmap SITES which of them reach the program's own stack.

load_word:
        mov     r10, LOAD_WORD
        jmp     load
load_long:
        mov     r10, LOAD_LONG
        jmp     load
load_quad:
        mov     r10, LOAD_QUAD
load:
        mov     rax, [rsp]
        mov     r11, BASE
        sub     rax, r11
        cmp     rax, SPAN
        jae     go
        mov     r11, SITES
        bt      qword ptr [r11], rax
        jnc     go
        cmp     rax, POPS_FLAGS
        je      frame
load_rights:
        mov     eax, [rdi + ENV_HFLAGS]
        and     eax, HF_CPL
        cmp     eax, HF_CPL
        jne     go
        mov     edx, USER
go:
        jmp     r10

# IRETD reads RFLAGS. Only at level 0, and not in IA-32e mode, does it return to
# virtual-8086 mode: elsewhere it finds VM clear.
frame:
        push    rdi
        call    load_rights
        pop     rdi
        test    dword ptr [rdi + ENV_HFLAGS], HF_CPL | HF_LMA
        jz      returns
        and     eax, ~FLAG_VM
returns:
        ret

store_word:
        mov     r10, STORE_WORD
        jmp     store
store_long:
        mov     r10, STORE_LONG
        jmp     store
store_quad:
        mov     r10, STORE_QUAD
store:
        mov     rax, [rsp]
        mov     r11, BASE
        sub     rax, r11
        cmp     rax, SPAN
        jae     go
        mov     r11, SITES
        bt      qword ptr [r11], rax
        jnc     go
        mov     eax, [rdi + ENV_HFLAGS]
        and     eax, HF_CPL
        cmp     eax, HF_CPL
        jne     go
        mov     ecx, USER
        jmp     r10
