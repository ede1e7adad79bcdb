# system_registers.S -- control registers, LMSW and SMSW: which values are #GP, and what ring 3 may do.
#
# Source: Intel SDM Vol. 3A, 2.5 "Control Registers"; Vol. 2, "MOV Control Registers", "MOV Debug
# Registers", "LMSW", "SMSW", "CLTS".

SUBJECT system_registers

.set PG, 1 << 31
.set CD, 1 << 30
.set NW, 1 << 29
.set CR4_PAE, 1 << 5

.macro WANT_GP
WANT VECTOR, 13
WANT ERROR, 0
WANT RIP, 0
.endm
# REFUSE NAME, REGISTER, BITS: those of the register changed, it is #GP(0).
# PLUNGE: for a machine that does not refuse, and is in no mode now: reset it, by bytes that are
# the same instructions in all.
.macro PLUNGE
        mov     al, 0xfe
        out     0x64, al
        hlt
.endm
# QEMU 7.2 repeats some of the moves that it refuses for ever. It is spared those, and shows DONE.
.macro NOT_ON_TCG
        mov     eax, 0x40000000
        cpuid
        cmp     ebx, 0x54474354         # "TCGT"
        jne     not_tcg.\@
        int     DONE
not_tcg.\@:
.endm
.macro REFUSE64 name, register, bits
CASE64 \name.64
        NOT_ON_TCG
        mov     rax, \register
        mov     rbx, \bits
        xor     rax, rbx
        MARK
        mov     \register, rax
        WANT_GP
.endm

# CR0: NW needs CD, PG needs PE. Bits 63:32 are reserved; other reserved bits stay as they are.
.macro REFUSE_CR0 name, bits
CASE64 cr0.\name.64
        mov     rax, cr0
        mov     rbx, \bits
        xor     rax, rbx
        MARK
        mov     cr0, rax
        PLUNGE
        WANT_GP
.endm
REFUSE_CR0 nw, NW
REFUSE_CR0 pe, 1
REFUSE_CR0 pg, PG                       # 64-bit code cannot turn paging off
REFUSE_CR0 high, 1 << 32
REFUSE_CR0 high.top, 1 << 63
CASE32 cr0.nw.32
        mov     eax, cr0
        or      eax, NW
        MARK
        mov     cr0, eax
        WANT_GP
CASE32 cr0.pg.without.pe
        mov     eax, cr0
        xor     eax, PG | 1
        MARK
        mov     cr0, eax
        PLUNGE
        WANT_GP
CASE_REAL cr0.pg.real
        mov     eax, cr0
        or      eax, PG
        MARK
        mov     cr0, eax
        PLUNGE
WANT VECTOR, 13
WANT RIP, 0
CASE64 cr0.cd
        mov     rax, cr0
        mov     ebx, CD | NW
        or      rax, rbx
        mov     cr0, rax
        mov     rcx, cr0
        mov     ebx, CR0_LONG
        mov     cr0, rbx
WANT RCX, CR0_LONG | CD | NW
CASE64 cr0.et                           # ET is 1 whatever is written; AM and NE and EM are kept
        mov     eax, 0x80050025
        mov     cr0, rax
        mov     rcx, cr0
        mov     ebx, CR0_LONG
        mov     cr0, rbx
WANT RCX, 0x80050035

# Into IA-32e mode: not without PAE, nor with a 16-bit TSS.
CASE32 cr0.lme.pae
        mov     ecx, MSR_EFER
        mov     eax, 0x100
        xor     edx, edx
        wrmsr
        mov     eax, cr0
        or      eax, PG
        MARK
        mov     cr0, eax
        PLUNGE
        WANT_GP
CASE32 cr0.lme.tss16
        SEL_DESC FREE_SEL, TSS32B * 0x10000 + 0x2b, 0x8100
        mov     eax, FREE_SEL
        ltr     ax
        mov     eax, CR4_PROT | CR4_PAE
        mov     cr4, eax
        mov     ecx, MSR_EFER
        mov     eax, 0x100
        xor     edx, edx
        wrmsr
        mov     eax, cr0
        or      eax, PG
        RESUME32 lme.tss16.back
        MARK
        mov     cr0, eax
        PLUNGE
        WANT_GP
WANT COUNT, 2
lme.tss16.back:                         # home leaves TR as it is, and 64-bit cases need another
        SEL_ACCESS TSS32_SEL, 0x89
        mov     eax, TSS32_SEL
        ltr     ax

# CR4: bits of features that CPUID does not have are reserved, and PAE stays in long mode.
.macro CR4_64 name, bits
CASE64 cr4.\name.64
        NOT_ON_TCG
        mov     rax, cr4
        mov     rbx, \bits
        xor     rax, rbx
        MARK
        mov     cr4, rax
        WANT_GP
.endm
.macro CR4_32 name, bits
CASE32 cr4.\name.32
        NOT_ON_TCG
        mov     eax, cr4
        xor     eax, \bits
        MARK
        mov     cr4, eax
        WANT_GP
.endm
.macro CR4 name, bits
        CR4_64 \name, \bits
        CR4_32 \name, \bits
.endm
CR4_64 pae, CR4_PAE
CR4_64 high, 1 << 32
CR4_64 top, 1 << 63
CR4 la57, 1 << 12
CR4 vmxe, 1 << 13
CR4 smxe, 1 << 14
CR4 bit15, 1 << 15
CR4 fsgsbase, 1 << 16
CR4 pcide, 1 << 17
CR4 smap, 1 << 21
CR4 pke, 1 << 22
CR4 bit31, 1 << 31
CASE64 cr4.kept                         # all that there are but VME and PVI
        mov     rax, cr4
        mov     rbx, rax
        or      eax, 0x407fc
        mov     cr4, rax
        mov     rcx, cr4
        mov     cr4, rbx
WANT RCX, 0x407fc

# CR3: no address bits that the CPU does not have. PWT and PCD are kept.
REFUSE64 cr3.bit40, cr3, 1 << 40
REFUSE64 cr3.bit51, cr3, 1 << 51
REFUSE64 cr3.bit63, cr3, 1 << 63
CASE64 cr2.kept                         # any value
        mov     rax, 0x8123456789abcdef
        mov     cr2, rax
        mov     rcx, cr2
WANT RCX, 0x8123456789abcdef

# CR8: four bits. It is not there but in 64-bit mode.
CASE64 cr8.kept
        mov     eax, 9
        mov     cr8, rax
        mov     rcx, cr8
        xor     eax, eax
        mov     cr8, rax
WANT RCX, 9
REFUSE64 cr8.bit4, cr8, 1 << 4
REFUSE64 cr8.high, cr8, 1 << 40

# Ring 3: #GP(0), all of them.
.macro READ_CR2
        MARK
        .byte   0x0f, 0x20, 0xd0
.endm
.macro READ_CR4
        MARK
        .byte   0x0f, 0x20, 0xe0
.endm
.macro WRITE_CR0
        MARK
        .byte   0x0f, 0x22, 0xc0
.endm
.macro WRITE_CR4
        MARK
        .byte   0x0f, 0x22, 0xe0
.endm
.macro READ_CR8
        MARK
        .byte   0x44, 0x0f, 0x20, 0xc0
.endm
.macro WRITE_CR8
        MARK
        .byte   0x44, 0x0f, 0x22, 0xc0
.endm
.macro READ_DR0
        MARK
        .byte   0x0f, 0x21, 0xc0
.endm
FAULT_RING3 ring3.cr2.read, NOTHING, READ_CR2, 13, 0, 0
FAULT_RING3 ring3.cr4.read, NOTHING, READ_CR4, 13, 0, 0
FAULT_RING3 ring3.cr0.write, NOTHING, WRITE_CR0, 13, 0, 0
FAULT_RING3 ring3.cr4.write, NOTHING, WRITE_CR4, 13, 0, 0
FAULT64_RING3 ring3.cr8.read, NOTHING, READ_CR8, 13, 0, 0
FAULT64_RING3 ring3.cr8.write, NOTHING, WRITE_CR8, 13, 0, 0
FAULT_RING3 ring3.dr0, NOTHING, READ_DR0, 13, 0, 0

# DR6 and DR7: bits 63:32 are reserved. DR4 and DR5 are they, while CR4.DE is clear.
REFUSE64 dr6.high, dr6, 1 << 32
REFUSE64 dr7.high, dr7, 1 << 32
CASE64 dr4.alias
        mov     rax, dr6
        .byte   0x0f, 0x21, 0xe1        # mov rcx, dr4
        xor     rax, rcx
        mov     rdx, dr7
        .byte   0x0f, 0x21, 0xeb        # mov rbx, dr5
        xor     rdx, rbx
WANT RAX, 0
WANT RDX, 0

# LMSW: the low four bits, of which PE is set but not cleared. SMSW in any ring.
CASE32 lmsw.clear
        mov     eax, 0
        lmsw    ax
        mov     ecx, cr0
WANT_BITS RCX, 0x3f, 0x31
CASE32 lmsw.set
        mov     eax, 0xffff
        lmsw    ax
        mov     ecx, cr0
        mov     eax, CR0_PROT
        mov     cr0, eax
WANT_BITS RCX, 0xffffffff, CR0_PROT | 0xe
CASE_REAL lmsw.enter                    # PE is set: a far jump must follow
        mov     eax, 1
        lmsw    ax
        mov     ecx, cr0
        mov     eax, CR0_HOME - 1
        mov     cr0, eax
WANT_BITS RCX, 1, 1
CASE64 smsw.64
        TO_RING3_64 0
        mov     rcx, -1
        .byte   0x48, 0x0f, 0x01, 0xe1  # smsw rcx
WANT_BITS RCX, 0xffffffff, CR0_LONG
CASE64 smsw.16                          # two bytes
        mov     rcx, -1
        .byte   0x66, 0x0f, 0x01, 0xe1
WANT RCX, 0xffffffffffff0033
CASE64 smsw.memory                      # two bytes, whatever the operand size
        mov     ebx, SCRATCH
        mov     rax, -1
        mov     [rbx], rax
        .byte   0x48, 0x0f, 0x01, 0x23
WANT_MEM SCRATCH, NONE, 0xffffffffffff0033
CASE64 clts
        mov     rax, cr0
        or      al, 8
        mov     cr0, rax
        clts
        mov     rcx, cr0
WANT RCX, CR0_LONG
