# paging_ad.S -- accessed and dirty bits of long mode, and what invalidates a translation.
#
# Source: Intel SDM Vol. 3A, 4.8 "Accessed and Dirty Flags", 4.10.4 "Invalidation of TLBs and
# Paging-Structure Caches". A processor may set A speculatively, so that A is clear is never
# asked for; D it may not. A translation that was not invalidated may be used or not: neither is.

SUBJECT paging_ad

.set LINEAR,  0x8000400000
.set T_PML4E, PML4 + 8
.set T_PDPTE, 0x71000
.set T_PDE,   0x72000 + 2 * 8
.set T_PTE,   0x73000
.set T_FRAME, 0x74000
.set T_OTHER, 0x75000
.set A,       0x20
.set D,       0x40

# build_tree: LINEAR is T_FRAME, everything allowed, no A, no D. The first quadword of T_FRAME
# is 11h, of T_OTHER 22h, of SCRATCH_HIGH 33h.
.code64
build_tree:
        mov     edi, T_PDPTE
        xor     eax, eax
        mov     ecx, 5 * 4096 / 8
        rep     stosq
        mov     edi, T_PML4E
        mov     dword ptr [rdi], T_PDPTE + 7
        mov     edi, T_PDPTE
        mov     dword ptr [rdi], 0x72000 + 7
        mov     edi, T_PDE
        mov     dword ptr [rdi], T_PTE + 7
        mov     edi, T_PTE
        mov     dword ptr [rdi], T_FRAME + 7
        mov     edi, T_FRAME
        mov     dword ptr [rdi], 0x11
        mov     edi, T_OTHER
        mov     dword ptr [rdi], 0x22
        mov     edi, SCRATCH_HIGH
        mov     dword ptr [rdi], 0x33
        mov     dword ptr [rdi + 4], 0
        mov     rbx, LINEAR
        ret

# grant: the handler of #PF in some cases. Everything is allowed; the third time, give up.
grant:
        add     rsp, 8
        inc     r15d
        cmp     r15d, 3
        jae     grant.up
        push    rdi
        mov     edi, T_PTE
        mov     dword ptr [rdi], T_FRAME + 7
        pop     rdi
        iretq
grant.up:
        int     DONE

# ENTRY_IS: a PTE, PDE or PDPTE is VALUE now.
.macro ENTRY_IS entry, value
        mov     edi, \entry
        mov     rax, \value
        mov     [rdi], rax
.endm
.macro SET_PGE
        mov     rax, cr4
        bts     eax, 7
        mov     cr4, rax
.endm
.macro CLEAR_PGE
        mov     rax, cr4
        btr     eax, 7
        mov     cr4, rax
.endm
.macro WANT_AD pml4e, pdpte, pde, pte
WANT_MEM T_PML4E, A | D, \pml4e
WANT_MEM T_PDPTE, A | D, \pdpte
WANT_MEM T_PDE, A | D, \pde
WANT_MEM T_PTE, A | D, \pte
.endm

# AD NAME, PTE: a case, and the same in ring 3, of the macro DO_\name, to end without a fault.
.macro AD name, body, pte
CASE64 \name.ring0
        call    build_tree
        \body
WANT_AD A, A, A, \pte
CASE64 \name.ring3
        call    build_tree
        TO_RING3_64 0
        \body
WANT_AD A, A, A, \pte
.endm

.macro DO_READ
        mov     rax, [rbx]
.endm
.macro DO_WRITE
        mov     [rbx], rcx
.endm
.macro WRITE_RING3
        TO_RING3_64 0
        mov     [rbx], rcx
.endm
.macro DO_READ_WRITE                    # the translation is cached, clean, when the write comes
        mov     rax, [rbx]
        mov     [rbx], rcx
.endm
.macro DO_ADD
        add     [rbx], rcx
.endm
.macro DO_LOCK
        lock inc dword ptr [rbx]
.endm
.macro DO_XCHG
        xchg    [rbx], rcx
.endm
.macro DO_CMPXCHG                       # a write cycle even if the comparison fails
        mov     eax, 0x99
        cmpxchg [rbx], rcx
.endm
.macro DO_CMPXCHG8B
        mov     eax, 0x99
        xor     edx, edx
        lock cmpxchg8b [rbx]
.endm
.macro DO_CMPXCHG16B
        mov     eax, 0x99
        xor     edx, edx
        lock cmpxchg16b [rbx]
.endm
.macro DO_PUSH
        lea     rsp, [rbx + 0x800]
        push    rcx
        mov     esp, STACK3_TOP
.endm
.macro DO_POP
        mov     rsp, rbx
        pop     rcx
        mov     esp, STACK3_TOP
.endm
.macro DO_STOS
        mov     rdi, rbx
        mov     ecx, 4
        rep     stosb
.endm
.macro DO_LODS
        mov     rsi, rbx
        lodsb
.endm
.macro DO_TEST
        test    [rbx], rcx
.endm
.macro DO_BT
        bt      [rbx], rcx
.endm
.macro DO_BTS
        bts     [rbx], rcx
.endm
.macro DO_FXSAVE
        fxsave  [rbx]
.endm
.macro DO_MOVAPS
        movaps  xmm0, [rbx]
.endm
.macro DO_FST
        fldz
        fst     qword ptr [rbx]
        fstp    st(0)
.endm
AD read, DO_READ, A
AD write, DO_WRITE, A | D
AD read_write, DO_READ_WRITE, A | D
AD add, DO_ADD, A | D
AD lock, DO_LOCK, A | D
AD xchg, DO_XCHG, A | D
AD cmpxchg, DO_CMPXCHG, A | D
AD cmpxchg8b, DO_CMPXCHG8B, A | D
AD cmpxchg16b, DO_CMPXCHG16B, A | D
AD push, DO_PUSH, A | D
AD pop, DO_POP, A
AD stos, DO_STOS, A | D
AD lods, DO_LODS, A
AD test, DO_TEST, A
AD bt, DO_BT, A
AD bts, DO_BTS, A | D
AD fxsave, DO_FXSAVE, A | D
AD movaps, DO_MOVAPS, A
AD fst, DO_FST, A | D

CASE64 fetch
        call    build_tree
        mov     eax, T_FRAME
        mov     byte ptr [rax], 0xc3
        call    rbx
WANT_AD A, A, A, A

# A page of 2 MiB or of 1 GiB: D is in the entry that maps it.
CASE64 large.read
        call    build_tree
        ENTRY_IS T_PDE, SCRATCH_HIGH + 0x87
        DO_READ
WANT_AD A, A, A, 0
CASE64 large.write
        call    build_tree
        ENTRY_IS T_PDE, SCRATCH_HIGH + 0x87
        DO_WRITE
WANT_AD A, A, A | D, 0
CASE64 huge.read
        call    build_tree
        ENTRY_IS T_PDPTE, 0x87
        DO_READ
WANT_AD A, A, 0, 0
WANT RAX, 0x33
CASE64 huge.write
        call    build_tree
        ENTRY_IS T_PDPTE, 0x87
        DO_WRITE
WANT_AD A, A | D, 0, 0

# A write that faults leaves D alone.
.macro NO_DIRTY name, entry, value, error, ring
CASE64 \name
        call    build_tree
        ENTRY_IS \entry, \value
        \ring
        MARK
        mov     [rbx], rcx
WANT VECTOR, 14
WANT ERROR, \error
WANT RIP, 0
WANT_MEM \entry, D, 0
.endm
.macro IN_RING3
        TO_RING3_64 0
.endm
NO_DIRTY fault.read_only, T_PTE, T_FRAME + 5, 3, NOTHING
NO_DIRTY fault.read_only.ring3, T_PTE, T_FRAME + 5, 7, IN_RING3
NO_DIRTY fault.supervisor, T_PTE, T_FRAME + 3, 7, IN_RING3
NO_DIRTY fault.missing, T_PTE, T_FRAME + 6, 2, NOTHING
NO_DIRTY fault.large, T_PDE, SCRATCH_HIGH + 0x85, 3, NOTHING
NO_DIRTY fault.huge, T_PDPTE, 0x85, 3, NOTHING
NO_DIRTY fault.reserved, T_PTE, (1 << 40) + T_FRAME + 7, 11, NOTHING

# A store that crosses into a page where it may not write changes neither byte nor D.
CASE64 fault.across
        call    build_tree
        ENTRY_IS T_PTE + 8, T_OTHER + 5
        mov     rcx, -1
        MARK
        mov     [rbx + 0xffc], rcx
WANT VECTOR, 14
WANT ERROR, 3
WANT RIP, 0
WANT CR2, LINEAR + 0x1000
WANT_MEM T_FRAME + 0xff8, NONE, 0
WANT_MEM T_OTHER, NONE, 0x22
WANT_MEM T_PTE + 8, D, 0

# The processor's own accesses: descriptor tables, stacks, TSS. NAME, ADDRESS, bits, and the
# macro that makes it happen. The PTE is that of the identity map.
.macro IMPLICIT name, address, bits, body
CASE64 implicit.\name
        mov     edi, PT + ((\address) / 0x1000) * 8
        and     dword ptr [rdi], ~0x60
        mov     ebx, \address
        invlpg  [rbx]
        \body
WANT_MEM PT + ((\address) / 0x1000) * 8, \bits, \bits
.endm
.macro LOAD_DS
        mov     eax, DATA
        mov     ds, eax
.endm
.macro LOAD_UNUSED                      # not accessed yet: the bit is written
        SEL_ACCESS FREE_SEL, 0x92
        mov     edi, PT + (GDT / 0x1000) * 8
        and     dword ptr [rdi], ~0x60
        mov     ebx, GDT
        invlpg  [rbx]
        mov     eax, FREE_SEL
        mov     ds, eax
.endm
.macro DO_INT
        int     DONE
.endm
.macro INT_RING3
        TO_RING3_64 0
        int     DONE
.endm
IMPLICIT gdt, GDT, A, LOAD_DS
IMPLICIT gdt.written, GDT, A | D, LOAD_UNUSED
IMPLICIT idt, IDT + DONE * 16, A, DO_INT
IMPLICIT tss, TSS64, A, INT_RING3
IMPLICIT stack, RSP0_TOP - 0x1000, A | D, INT_RING3

# After INVLPG the entry is used afresh: A and D are set again.
CASE64 again.a
        call    build_tree
        DO_READ
        ENTRY_IS T_PTE, T_FRAME + 7
        invlpg  [rbx]
        DO_READ
WANT_MEM T_PTE, A | D, A
CASE64 again.d
        call    build_tree
        DO_WRITE
        ENTRY_IS T_PTE, T_FRAME + 7
        invlpg  [rbx]
        DO_WRITE
WANT_MEM T_PTE, A | D, A | D

# STALE NAME, ENTRY, BEFORE, AFTER, FLUSH, VALUE: RAX is what is read through AFTER, once FLUSH
# has invalidated BEFORE.
.macro STALE name, entry, before, after, flush, value
CASE64 flush.\name
        call    build_tree
        SET_PGE
        ENTRY_IS \entry, \before
        mov     rax, [rbx]
        ENTRY_IS \entry, \after
        \flush
        mov     rax, [rbx]
WANT RAX, \value
.endm
.macro INVALIDATE
        invlpg  [rbx]
.endm
.macro INVALIDATE_INSIDE                # any address of the page
        invlpg  [rbx + 0xfff]
.endm
.macro INVALIDATE_LARGE
        invlpg  [rbx + 0x1ff123]
.endm
.macro RELOAD_CR3
        mov     rax, cr3
        mov     cr3, rax
.endm
.macro TOGGLE_PGE
        CLEAR_PGE
        SET_PGE
.endm
STALE invlpg, T_PTE, T_FRAME + 7, T_OTHER + 7, INVALIDATE, 0x22
STALE invlpg.inside, T_PTE, T_FRAME + 7, T_OTHER + 7, INVALIDATE_INSIDE, 0x22
STALE invlpg.global, T_PTE, T_FRAME + 0x107, T_OTHER + 0x107, INVALIDATE, 0x22
STALE invlpg.large, T_PDE, SCRATCH_HIGH + 0x87, T_PTE + 7, INVALIDATE_LARGE, 0x11
STALE invlpg.large.global, T_PDE, SCRATCH_HIGH + 0x187, T_PTE + 7, INVALIDATE_LARGE, 0x11
STALE invlpg.huge, T_PDPTE, 0x87, 0x72000 + 7, INVALIDATE_LARGE, 0x11
STALE cr3, T_PTE, T_FRAME + 7, T_OTHER + 7, RELOAD_CR3, 0x22
STALE cr3.large, T_PDE, SCRATCH_HIGH + 0x87, T_PTE + 7, RELOAD_CR3, 0x11
STALE pge, T_PTE, T_FRAME + 7, T_OTHER + 7, TOGGLE_PGE, 0x22
STALE pge.global, T_PTE, T_FRAME + 0x107, T_OTHER + 0x107, TOGGLE_PGE, 0x22
STALE pge.cleared, T_PDE, SCRATCH_HIGH + 0x187, T_PTE + 7, CLEAR_PGE, 0x11

# 4.10.2.3: no translation is cached that would fault. So an entry that becomes present, or
# allows more, needs no INVLPG: at most, one fault is left over, which invalidates (4.10.4.1).
.macro ALLOWED name, before, first, second
CASE64 allowed.\name
        GATE64_TO 14, grant
        call    build_tree
        mov     ecx, 0x44
        ENTRY_IS T_PTE, \before
        \first
        \second
        cmp     r15d, 3                 # handled no more than twice
        setb    r14b
WANT R14, 1
WANT_MEM T_FRAME, 0xff, 0x44
.endm
ALLOWED present, T_FRAME + 6, NOTHING, DO_WRITE
ALLOWED writable, T_FRAME + 5, DO_READ, DO_WRITE
ALLOWED user, T_FRAME + 3, DO_READ, WRITE_RING3
