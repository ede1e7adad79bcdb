# changing_mappings.S -- code that is written through another mapping, that lies on two pages, and
# whose page another one replaces.
#
# Source: Intel SDM Vol. 3A, 11.6 "Self-Modifying Code": a store by another linear address is seen
# after a serializing instruction (here CPUID); 4.10.4.1 "Operations that Invalidate TLBs".

SUBJECT changing_mappings

.set PLACE, SCRATCH + 0x800             # code of the cases below: mov eax, imm32; ret
.set ACROSS, SCRATCH + 0x1000 - 3       # its immediate is on two pages
.set NEW, 0x0badcafe
.macro PUT address
        mov     edi, \address
        mov     byte ptr [rdi], 0xb8    # mov eax, 1; ret
        mov     dword ptr [rdi + 1], 1
        mov     byte ptr [rdi + 5], 0xc3
        mov     ebx, \address
.endm

# Another linear address of the same memory. LINK says how it is mapped, [rdi] writes by it.
.set ALIAS, 0x172000                    # a page that has no other use
.set LARGE_ALIAS, 0x600000
.macro MAP_SMALL high                   # 4 KiB; HIGH 80000000h forbids execution
        mov     ecx, PT + 8 * (ALIAS / 4096)
        mov     dword ptr [rcx], SCRATCH | 7
        mov     dword ptr [rcx + 4], \high
        mov     ecx, ALIAS
        invlpg  [rcx]
.endm
.macro MAP_LARGE high                   # 2 MiB, from 0
        mov     ecx, PD + 8 * (LARGE_ALIAS / 0x200000)
        mov     dword ptr [rcx], 0x87
        mov     dword ptr [rcx + 4], \high
        mov     ecx, LARGE_ALIAS
        invlpg  [rcx]
.endm
.macro SERIALIZE
        push    rbx
        xor     eax, eax
        cpuid
        pop     rbx
.endm
.macro ALIASED name, map, high, write_at, run_at, ring
CASE64 alias.\name
        \map    \high
        \ring
        PUT     PLACE
        mov     ebx, \run_at
        mov     edi, \write_at
        mov     eax, [rdi]              # a warm translation for reading,
        mov     dword ptr [rdi + 1], 2  # and for writing, before there is code
        SERIALIZE
        call    rbx
        mov     r15d, eax
        mov     dword ptr [rdi + 1], NEW
        SERIALIZE
        call    rbx
        mov     r14d, eax
        mov     dword ptr [rdi + 1], 3
        SERIALIZE
        call    rbx
WANT R15, 2
WANT R14, NEW
WANT RAX, 3
.endm
.macro RING0
.endm
.macro RING3
        TO_RING3_64 0
.endm
.macro ALIASED_RINGS name, map, high, write_at, run_at
ALIASED \name, \map, \high, \write_at, \run_at, RING0
ALIASED ring3.\name, \map, \high, \write_at, \run_at, RING3
.endm
.set NX, 0x80000000
ALIASED_RINGS small, MAP_SMALL, 0, ALIAS + 0x800, PLACE
ALIASED_RINGS small.nx, MAP_SMALL, NX, ALIAS + 0x800, PLACE
ALIASED_RINGS run.by.small, MAP_SMALL, 0, PLACE, ALIAS + 0x800
ALIASED_RINGS large, MAP_LARGE, 0, LARGE_ALIAS + PLACE, PLACE
ALIASED_RINGS large.nx, MAP_LARGE, NX, LARGE_ALIAS + PLACE, PLACE
ALIASED_RINGS run.by.large, MAP_LARGE, 0, PLACE, LARGE_ALIAS + PLACE

# Both mappings run it, and each sees the other's stores.
CASE64 alias.both.run
        MAP_SMALL 0
        PUT     PLACE
        call    rbx
        mov     r15d, eax
        mov     ebp, ALIAS + 0x800
        mov     dword ptr [rbp + 1], 2
        SERIALIZE
        call    rbp
        mov     r14d, eax
        mov     dword ptr [rdi + 1], 3
        SERIALIZE
        call    rbp
        mov     r13d, eax
        mov     dword ptr [rbp + 1], 4
        SERIALIZE
        call    rbx
WANT R15, 1
WANT R14, 2
WANT R13, 3
WANT RAX, 4
# Without paging one linear address is reached by segments with other bases.
CASE32 alias.segment
        SEL_DESC FREE_SEL, 0x1000ffff, 0x00cf9300 # base 1000h
        mov     eax, FREE_SEL
        mov     es, eax
        mov     edi, alias.segment.to
        sub     edi, 0x1000
        mov     byte ptr es:[edi + 1], 5
alias.segment.to:
        mov     bl, 1
WANT RBX, 5
CASE_REAL alias.paragraph
        mov     ax, ORIGIN / 16 - 1
        mov     es, ax
        mov     di, alias.paragraph.to - ORIGIN
        mov     byte ptr es:[di + 17], 5
alias.paragraph.to:
        mov     bl, 1
WANT RBX, 5

# An instruction on two pages, either of which is written.
.macro ACROSS_CASE name, offset, value, result
CASE64 across.\name
        PUT     ACROSS
        call    rbx
        mov     r15d, eax
        mov     byte ptr [rdi + \offset], \value
        call    rbx
WANT R15, 1
WANT RAX, \result
.endm
ACROSS_CASE first, 1, 0x22, 0x22
ACROSS_CASE second, 3, 0x22, 0x220001
ACROSS_CASE end, 4, 0x22, 0x22000001
ACROSS_CASE opcode, 0, 0x3d, 1          # cmp eax, 1

# Another page takes a page's place: what runs is what is mapped.
.macro REMAPPED name, flush
CASE64 remapped.\name
        PUT     PLACE + 0x2000
        mov     dword ptr [rdi + 1], 2
        PUT     PLACE
        call    rbx
        mov     r15d, eax
        mov     ecx, PT + 8 * (SCRATCH / 4096)
        mov     dword ptr [rcx], SCRATCH + 0x2000 | 7
        \flush
        call    rbx
        mov     r14d, eax
        mov     dword ptr [rcx], SCRATCH | 7
        \flush
        call    rbx
WANT R15, 1
WANT R14, 2
WANT RAX, 1
.endm
.macro BY_INVLPG
        invlpg  [rdi]
.endm
.macro BY_CR3
        .byte   0x0f, 0x20, 0xd8        # mov rax, cr3; mov cr3, rax
        .byte   0x0f, 0x22, 0xd8
.endm
REMAPPED invlpg, BY_INVLPG
REMAPPED cr3, BY_CR3
# The second page of an instruction is exchanged.
CASE64 remapped.across
        PUT     ACROSS
        mov     eax, SCRATCH + 0x2000
        mov     dword ptr [rax], 0x00c35500
        call    rbx
        mov     r15d, eax
        mov     ecx, PT + 8 * (SCRATCH / 4096 + 1)
        mov     dword ptr [rcx], SCRATCH + 0x2000 | 7
        mov     eax, SCRATCH + 0x1000
        invlpg  [rax]
        call    rbx
WANT R15, 1
WANT RAX, 0x55000001
# Paging is switched off and on: the code at one linear address is of two pages.
CASE32 remapped.paging
        mov     edi, PLACE
        mov     dword ptr [edi], 0x0001b866 # mov ax, 1; ret
        mov     byte ptr [edi + 4], 0xc3
        mov     dword ptr [edi + 0x2000], 0x0002b866
        mov     byte ptr [edi + 0x2004], 0xc3
        call    edi
        mov     ebx, eax
        mov     eax, SCRATCH + 0x2000 | 7
        mov     [PT + 8 * (SCRATCH / 4096)], eax
        mov     eax, PDPT               # PAE: the PDPTEs have P only
        mov     dword ptr [eax], PD | 1
        mov     cr3, eax
        .byte   0x0f, 0x20, 0xe0        # mov eax, cr4
        or      al, 0x20
        .byte   0x0f, 0x22, 0xe0
        .byte   0x0f, 0x20, 0xc0        # mov eax, cr0
        or      eax, 0x80000000
        .byte   0x0f, 0x22, 0xc0
        call    edi
        mov     esi, eax
        .byte   0x0f, 0x20, 0xc0
        and     eax, 0x7fffffff
        .byte   0x0f, 0x22, 0xc0
        call    edi
WANT_BITS RBX, 0xffff, 1
WANT_BITS RSI, 0xffff, 2
WANT_BITS RAX, 0xffff, 1
