# paging_rights.S -- page faults in long mode: each access by each ring against every entry of a
# walk, pages of 4 KiB, 2 MiB and 1 GiB, with error code and CR2.
#
# Source: Intel SDM Vol. 3A, 4.5 "4-Level Paging and 5-Level Paging", 4.6 "Access Rights" and
# 4.7 "Page-Fault Exceptions". The cases are rows of tests/conformance/tables/paging_rights.py.

SUBJECT paging_rights

# The tree under test maps LINEAR by these entries; SCRATCH_HIGH is there if one maps a large page.
.set LINEAR,  0x8000400000
.set T_PML4E, PML4 + 8
.set T_PDPTE, 0x71000
.set T_PDE,   0x72000 + 2 * 8
.set T_PTE,   0x73000
.set T_FRAME, 0x74000
.set T_CODE,  0x10                      # where in a frame there is code

# build_tree: everything present, writable, user, executable; INT DONE in both frames.
.code64
build_tree:
        mov     edi, T_PDPTE
        xor     eax, eax
        mov     ecx, 4 * 4096 / 8
        rep     stosq
        mov     edi, T_PML4E
        mov     dword ptr [rdi], T_PDPTE + 7
        mov     edi, T_PDPTE
        mov     dword ptr [rdi], 0x72000 + 7
        mov     edi, T_PDE
        mov     dword ptr [rdi], T_PTE + 7
        mov     edi, T_PTE
        mov     dword ptr [rdi], T_FRAME + 7
        mov     edi, T_FRAME + T_CODE
        mov     word ptr [rdi], 0xcd + (DONE << 8)
        mov     edi, SCRATCH_HIGH + T_CODE
        mov     word ptr [rdi], 0xcd + (DONE << 8)
        ret

# CHANGE ENTRY, KEEP, SET: the entry is ANDed and ORed. The tree has not been used before.
.macro CHANGE entry, keep, set
        mov     ecx, \entry
        mov     rax, \keep
        and     [rcx], rax
        mov     rax, \set
        or      [rcx], rax
.endm
.macro CLEAR_WP
        mov     rax, cr0
        btr     eax, 16
        mov     cr0, rax
.endm
.macro CLEAR_NXE
        mov     ecx, MSR_EFER
        rdmsr
        btr     eax, 11
        wrmsr
.endm

.macro DO_READ
        mov     rbx, LINEAR + 0x123
        MARK
        mov     al, [rbx]
.endm
.macro DO_WRITE
        mov     rbx, LINEAR + 0x123
        MARK
        mov     [rbx], al
.endm
.macro DO_FETCH
        mov     rbx, LINEAR + T_CODE
        jmp     rbx
.endm
.macro WANT_DATA_FAULT error
WANT VECTOR, 14
WANT ERROR, \error
WANT RIP, 0
WANT CR2, LINEAR + 0x123
.endm
.macro WANT_FETCH_FAULT error
WANT VECTOR, 14
WANT ERROR, \error
WANT IP, LINEAR + T_CODE
WANT CR2, LINEAR + T_CODE
.endm

# SMEP: a supervisor does not fetch from a page that is the user's at all levels. All that the case
# itself needs becomes the supervisor's, in PML4. The error code has I/D, by SMEP alone, too.
.macro SMEP_CASE name
CASE64 smep.\name
        call    build_tree
        mov     eax, PML4
        and     dword ptr [rax], ~4
        mov     rax, cr4
        bts     eax, 20
        mov     cr4, rax
.endm
SMEP_CASE user
        DO_FETCH
        WANT_FETCH_FAULT 0x11
SMEP_CASE user.large
        CHANGE T_PDE, 0xfff, 0x400000 | 0x80
        DO_FETCH
        WANT_FETCH_FAULT 0x11
SMEP_CASE user.nxe_off
        CLEAR_NXE
        DO_FETCH
        WANT_FETCH_FAULT 0x11
SMEP_CASE user.wp_off
        CLEAR_WP
        DO_FETCH
        WANT_FETCH_FAULT 0x11
SMEP_CASE missing.nxe_off
        CLEAR_NXE
        CHANGE T_PTE, ~1, 0
        DO_FETCH
        WANT_FETCH_FAULT 0x10
SMEP_CASE supervisor.pml4e
        CHANGE T_PML4E, ~4, 0
        DO_FETCH
SMEP_CASE supervisor.pte
        CHANGE T_PTE, ~4, 0
        DO_FETCH
SMEP_CASE supervisor.nx
        CHANGE T_PTE, ~4, 1 << 63
        DO_FETCH
        WANT_FETCH_FAULT 0x11
SMEP_CASE read
        DO_READ
SMEP_CASE write
        DO_WRITE
CASE64 smep.switched                    # a translation that was used while SMEP was clear
        call    build_tree
        mov     eax, PML4
        and     dword ptr [rax], ~4
        mov     rax, cr3
        mov     cr3, rax
        mov     rbx, LINEAR + T_CODE
        mov     word ptr [rbx], 0x90c3
        call    rbx
        mov     rax, cr4
        bts     eax, 20
        mov     cr4, rax
        DO_FETCH
        WANT_FETCH_FAULT 0x11
