# paging32.S -- page faults in 32-bit paging and in PAE: pages of 4 KiB, 4 MiB (PSE, PSE-36) and
# 2 MiB, with error code and CR2; accessed and dirty bits; PDPTEs.
#
# Source: Intel SDM Vol. 3A, 4.3 "32-Bit Paging", 4.4 "PAE Paging", 4.6 "Access Rights" and
# 4.7 "Page-Fault Exceptions". Most cases are rows of tests/conformance/tables/paging32.py.

SUBJECT paging32

.set LINEAR,  0x40400000
.set T_DIR,   0x71000                   # 32-bit paging: CR3
.set T_LOW,   0x72000                   # and the table for the first 4 MiB
.set T_PDE,   T_DIR + (LINEAR / 0x400000) * 4
.set T_PTE,   0x73000
.set P_PDPT,  0x71000                   # PAE: CR3
.set P_LOW,   0x72000
.set P_PDPTE, P_PDPT + 8
.set P_PDE,   0x73000 + 2 * 8
.set P_PTE,   0x74000
.set T_FRAME, 0x75000
.set T_CODE,  0x10                      # where in a frame there is code
.set CR4_PSE, 1 << 4
.set CR4_PAE, 1 << 5

.code32
clear_tables:
        mov     edi, 0x71000
        xor     eax, eax
        mov     ecx, 5 * 4096 / 4
        rep     stosd
        mov     word ptr [T_FRAME + T_CODE], 0xcd + (DONE << 8)
        mov     word ptr [SCRATCH_HIGH + T_CODE], 0xcd + (DONE << 8)
        ret

# build_legacy, build_pae: the low memory one to one, and LINEAR, all writable and user.
build_legacy:
        call    clear_tables
        mov     edi, T_LOW
        mov     eax, 7
        mov     ecx, 1024
build_legacy.next:
        stosd
        add     eax, 0x1000
        dec     ecx
        jnz     build_legacy.next
        mov     dword ptr [T_DIR], T_LOW + 7
        mov     dword ptr [T_PDE], T_PTE + 7
        mov     dword ptr [T_PTE], T_FRAME + 7
        ret
build_pae:
        call    clear_tables
        mov     dword ptr [P_LOW], 0x87
        mov     dword ptr [P_PDPT], P_LOW + 1
        mov     dword ptr [P_PDPTE], 0x73000 + 1
        mov     dword ptr [P_PDE], P_PTE + 7
        mov     dword ptr [P_PTE], T_FRAME + 7
        ret

# CHANGE ENTRY, KEEP, SET: the entry is ANDed and ORed.
.macro CHANGE entry, keep, set
        and     dword ptr [\entry], \keep
        or      dword ptr [\entry], \set
.endm

# Paging on. ON_PAE sets EFER.NXE.
.macro ON cr4
        mov     eax, CR4_PROT | \cr4
        mov     cr4, eax
        mov     eax, 0x71000
        mov     cr3, eax
        mov     eax, CR0_PROT | 1 << 31
        mov     cr0, eax
.endm
.macro ON_PAE
        mov     ecx, MSR_EFER
        mov     eax, 1 << 11
        xor     edx, edx
        wrmsr
        ON CR4_PAE
.endm
.macro CLEAR_WP
        mov     eax, cr0
        btr     eax, 16
        mov     cr0, eax
.endm

.macro DO_READ
        mov     ebx, LINEAR + 0x123
        MARK
        mov     al, [ebx]
.endm
.macro DO_WRITE
        mov     ebx, LINEAR + 0x123
        MARK
        mov     [ebx], al
.endm
.macro DO_FETCH
        mov     ebx, LINEAR + T_CODE
        jmp     ebx
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

# Accessed and dirty bits: 4.8. An entry that references a table has no D.
CASE32 ad.read
        call    build_legacy
        ON 0
        DO_READ
WANT_MEM T_PDE, 0x60, 0x20
WANT_MEM T_PTE, 0x60, 0x20
CASE32 ad.write
        call    build_legacy
        ON 0
        DO_WRITE
WANT_MEM T_PDE, 0x60, 0x20
WANT_MEM T_PTE, 0x60, 0x60
CASE32 ad.read.large
        call    build_legacy
        mov     dword ptr [T_PDE], 0x400087
        ON CR4_PSE
        DO_READ
WANT_MEM T_PDE, 0x60, 0x20
CASE32 ad.write.large
        call    build_legacy
        mov     dword ptr [T_PDE], 0x400087
        ON CR4_PSE
        DO_WRITE
WANT_MEM T_PDE, 0x60, 0x60
CASE32 ad.pae.read
        call    build_pae
        ON_PAE
        DO_READ
WANT_MEM P_PDPTE, 0x60, 0               # reserved bits in a PDPTE of PAE
WANT_MEM P_PDE, 0x60, 0x20
WANT_MEM P_PTE, 0x60, 0x20
CASE32 ad.pae.write
        call    build_pae
        ON_PAE
        DO_WRITE
WANT_MEM P_PDPTE, 0x60, 0
WANT_MEM P_PDE, 0x60, 0x20
WANT_MEM P_PTE, 0x60, 0x60
CASE32 ad.pae.write.large
        call    build_pae
        mov     dword ptr [P_PDE], 0x400087
        ON_PAE
        DO_WRITE
WANT_MEM P_PDE, 0x60, 0x60

# 4.4.1: MOV to CR3 loads the PDPTEs; one with a reserved bit set is #GP(0), and only if it is
# present. So does MOV to CR0 that turns paging on.
.macro RELOAD_CR3
        mov     eax, 0x71000
        MARK
        mov     cr3, eax
.endm
CASE32 pdpte.reserved.cr3
        call    build_pae
        ON_PAE
        or      dword ptr [P_PDPTE], 1 << 5
        RELOAD_CR3
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0
CASE32 pdpte.reserved.high.cr3
        call    build_pae
        ON_PAE
        mov     dword ptr [P_PDPT + 3 * 8], 1
        mov     dword ptr [P_PDPT + 3 * 8 + 4], 1 << 31
        RELOAD_CR3
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0
CASE32 pdpte.reserved.absent
        call    build_pae
        ON_PAE
        mov     dword ptr [P_PDPT + 3 * 8], 0xfffffffe
        RELOAD_CR3
        mov     ecx, 7
WANT RCX, 7
CASE32 pdpte.reserved.cr0
        call    build_pae
        mov     dword ptr [P_PDPT + 2 * 8], 3
        mov     eax, CR4_PROT | CR4_PAE
        mov     cr4, eax
        mov     eax, 0x71000
        mov     cr3, eax
        mov     eax, CR0_PROT | 1 << 31
        MARK
        mov     cr0, eax
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0
# A change in memory does not count before CR3 is loaded: the PDPTEs are registers.
CASE32 pdpte.loaded
        call    build_pae
        ON_PAE
        mov     dword ptr [P_PDPTE], 0
        DO_READ
        mov     ecx, 7
WANT RCX, 7
CASE32 pdpte.absent.error
        call    build_pae
        mov     dword ptr [P_PDPTE], 0
        ON_PAE
        DO_WRITE
WANT_DATA_FAULT 2

# In 32-bit paging, an address is 32 bits wide, and wraps.
CASE32 wrap
        call    build_legacy
        mov     dword ptr [T_DIR + 1023 * 4], T_PTE + 7
        mov     dword ptr [T_PTE + 1023 * 4], T_FRAME + 7
        mov     word ptr [T_FRAME + 0xffe], 0x2211
        ON 0
        mov     ebx, 0xfffffffe
        mov     ax, [ebx]
        mov     bp, 0x3ff               # the first byte of memory follows FFFFFFFFh
        mov     [0], bp
        mov     ecx, [ebx]
WANT_BITS RAX, 0xffff, 0x2211
WANT_BITS RCX, 0xffffffff, 0x03ff2211

# SMEP: a supervisor does not fetch from the user's pages, and the error code has I/D by it alone.
.set CR4_SMEP, 1 << 20
CASE32 smep.user
        call    build_legacy
        and     dword ptr [T_DIR], ~4
        ON CR4_SMEP
        DO_FETCH
        WANT_FETCH_FAULT 0x11
CASE32 smep.missing
        call    build_legacy
        and     dword ptr [T_DIR], ~4
        mov     dword ptr [T_PTE], 0
        ON CR4_SMEP
        DO_FETCH
        WANT_FETCH_FAULT 0x10
CASE32 smep.supervisor
        call    build_legacy
        and     dword ptr [T_DIR], ~4
        and     dword ptr [T_PTE], ~4
        ON CR4_SMEP
        DO_FETCH
