# segments.S -- loads of segment registers: null selectors, limits of tables, every instruction, bases.
#
# Source: Intel SDM Vol. 2B, "MOV" and "POP", Vol. 2A, "LDS/LES/LFS/LGS/LSS"; Vol. 3A, 3.4.2
# "Segment Selectors" to 3.5 "System Descriptor Types" and 3.4.4 for 64-bit mode. Which kinds of
# descriptors are taken is a table: tests/conformance/tables/segments.py.

SUBJECT segments

.set LDT_AT, SCRATCH + 0x100
.set POINTER, SCRATCH
.set FAR_BASE, 0x00400000               # SCRATCH_HIGH
.set OLD, 0x5a5a5a5a

# IN.RING.BITS: go on in that ring.
.macro IN.0.32
.endm
.macro IN.3.32
        TO_RING3_32 0
.endm
.macro IN.0.64
.endm
.macro IN.3.64
        TO_RING3_64 0
.endm
.macro LGDT.32
        lgdt    [ebx]
.endm
.macro LGDT.64
        lgdt    [rbx]
.endm
.macro REFUSED vector, error
WANT VECTOR, \vector
WANT ERROR, \error
WANT RIP, 0
.endm

# Null selectors: data segments take them with any RPL.
.macro NULL_CASE bits, register, field, rpl
CASE\bits null.\register.\bits.rpl\rpl
        mov     eax, \rpl
        mov     \register, eax
WANT \field, \rpl
.endm
NULL_CASE 32, ds, DS, 0
NULL_CASE 32, es, ES, 3
NULL_CASE 32, fs, FS, 1
NULL_CASE 32, gs, GS, 2
NULL_CASE 64, ds, DS, 0
NULL_CASE 64, es, ES, 3
NULL_CASE 64, fs, FS, 1
NULL_CASE 64, gs, GS, 2
# SS only in 64-bit mode, inside of ring 3, and with RPL = CPL.
.macro NULL_SS bits, ring, selector
CASE\bits null.ss.\bits.ring\ring.rpl\selector
        IN.\ring.\bits
        mov     eax, \selector
        MARK
        mov     ss, eax
REFUSED 13, 0
.endm
NULL_SS 32, 0, 0
NULL_SS 32, 0, 3
NULL_SS 32, 3, 3
NULL_SS 64, 0, 1
NULL_SS 64, 0, 3
NULL_SS 64, 3, 0
NULL_SS 64, 3, 3
CASE64 null.ss.64.ring0.rpl0
        xor     eax, eax
        mov     ss, eax
WANT SS, 0

# SS asks for RPL = CPL, whatever the DPL.
.macro SS_RPL bits, ring, selector
CASE\bits ss.rpl.\bits.ring\ring
        IN.\ring.\bits
        mov     eax, \selector
        MARK
        mov     ss, eax
REFUSED 13, (\selector) & 0xfc
.endm
SS_RPL 32, 0, DATA + 3
SS_RPL 64, 0, DATA + 3
SS_RPL 32, 3, DATA_3 - 3
SS_RPL 64, 3, DATA_3 - 3

# The limit of the GDT: all eight bytes must be within it.
.macro GDT_LIMIT bits, name, limit
CASE\bits gdt.limit.\name.\bits
        SEL_DESC FREE_SEL, 0x0000ffff, 0x00cf9300
        mov     ebx, SCRATCH
        POKEW   SCRATCH, \limit
        POKED   SCRATCH + 2, GDT
        POKED   SCRATCH + 6, 0
        LGDT.\bits
        mov     eax, FREE_SEL
        MARK
        mov     es, eax
.endm
GDT_LIMIT 32, last, FREE_SEL + 7
WANT ES, FREE_SEL
GDT_LIMIT 32, cut, FREE_SEL + 6
REFUSED 13, FREE_SEL
GDT_LIMIT 32, first, FREE_SEL
REFUSED 13, FREE_SEL
GDT_LIMIT 64, last, FREE_SEL + 7
WANT ES, FREE_SEL
GDT_LIMIT 64, cut, FREE_SEL + 6
REFUSED 13, FREE_SEL

# The LDT: TI stays in the error code.
.macro LOCAL_CASE bits, name, access, selector
CASE\bits ldt.\name.\bits
        POKED   LDT_AT + 8, 0x0000ffff
        POKED   LDT_AT + 12, 0x00cf0000 | \access << 8
        SEL_DESC LDT_SEL, (LDT_AT & 0xffff) << 16 | 0x0f, LDT_AT >> 16 | 0x8200
        POKED   GDT + LDT_SEL + 8, 0
        POKED   GDT + LDT_SEL + 12, 0
        mov     eax, LDT_SEL
        lldt    ax
        mov     eax, \selector
        MARK
        mov     es, eax
.endm
.macro LOCAL_GOOD bits, name, access, selector
LOCAL_CASE \bits, \name, \access, \selector
WANT ES, \selector
WANT_MEM LDT_AT + 13, 0xff, \access | 1
.endm
.macro LOCAL_BAD bits, name, access, selector, vector
LOCAL_CASE \bits, \name, \access, \selector
REFUSED \vector, (\selector) & 0xfc
WANT_MEM LDT_AT + 13, 0xff, \access
.endm
.macro LOCAL_CASES bits
LOCAL_GOOD \bits, good, 0x92, 0x0c
LOCAL_GOOD \bits, good.rpl3, 0xf2, 0x0f
LOCAL_BAD \bits, rpl, 0x92, 0x0f, 13
LOCAL_BAD \bits, absent, 0x12, 0x0c, 11
LOCAL_BAD \bits, limit, 0x92, 0x14, 13
LOCAL_BAD \bits, index0, 0x92, 0x04, 13   # not a null selector: an empty descriptor
.endm
LOCAL_CASES 32
LOCAL_CASES 64

# Each instruction that loads a segment register. A fault leaves everything as it was.
.macro TARGET_GOOD
        SEL_DESC FREE_SEL, 0x0000ffff, 0x00cf9200
.endm
.macro TARGET_ABSENT
        SEL_DESC FREE_SEL, 0x0000ffff, 0x00cf1200
.endm
.macro LOAD_PAIR bits, name, load, field, absent, left
CASE\bits by.\name.\bits
        TARGET_GOOD
        \load
WANT \field, FREE_SEL
WANT RDX, \left
WANT RSP, STACK_TOP
CASE\bits by.\name.\bits.absent
        TARGET_ABSENT
        \load
WANT VECTOR, \absent
WANT ERROR, FREE_SEL
WANT RIP, 0
WANT RDX, OLD
.endm
.macro BY_MOV register
        mov     edx, OLD
        mov     eax, FREE_SEL
        MARK
        mov     \register, eax
.endm
.macro BY_MEMORY byte                   # mov sreg, word ptr [ebx]
        mov     ebx, POINTER
        POKED   POINTER, 0xdead0000 + FREE_SEL
        mov     edx, OLD
        MARK
        .byte   0x8e, \byte
.endm
.macro BY_POP code
        mov     edx, OLD
        push    FREE_SEL
        MARK
        \code
.endm
.macro BY_POINTER code                  # l?s edx, [ebx]
        mov     ebx, POINTER
        POKED   POINTER, 0x12345678
        POKED   POINTER + 4, FREE_SEL
        mov     edx, OLD
        MARK
        \code
.endm
.macro MOV_FS
        BY_MOV  fs
.endm
.macro MOV_GS
        BY_MOV  gs
.endm
.macro MOV_MEMORY_ES
        BY_MEMORY 0x03
.endm
.macro MOV_MEMORY_SS
        BY_MEMORY 0x13
.endm
.macro POP.0x07
        .byte   0x07
.endm
.macro POP.0x17
        .byte   0x17
.endm
.macro POP.0x1f
        .byte   0x1f
.endm
.macro POP.0xa1
        .byte   0x0f, 0xa1
.endm
.macro POP.0xa9
        .byte   0x0f, 0xa9
.endm
.macro LOAD.0xc4
        .byte   0xc4, 0x13
.endm
.macro LOAD.0xc5
        .byte   0xc5, 0x13
.endm
.macro LOAD.0xb2
        .byte   0x0f, 0xb2, 0x13
.endm
.macro LOAD.0xb4
        .byte   0x0f, 0xb4, 0x13
.endm
.macro LOAD.0xb5
        .byte   0x0f, 0xb5, 0x13
.endm
.macro POP_ES
        BY_POP  POP.0x07
.endm
.macro POP_SS
        BY_POP  POP.0x17
.endm
.macro POP_DS
        BY_POP  POP.0x1f
.endm
.macro POP_FS
        BY_POP  POP.0xa1
.endm
.macro POP_GS
        BY_POP  POP.0xa9
.endm
.macro LOAD_LES
        BY_POINTER LOAD.0xc4
.endm
.macro LOAD_LDS
        BY_POINTER LOAD.0xc5
.endm
.macro LOAD_LSS
        BY_POINTER LOAD.0xb2
.endm
.macro LOAD_LFS
        BY_POINTER LOAD.0xb4
.endm
.macro LOAD_LGS
        BY_POINTER LOAD.0xb5
.endm
LOAD_PAIR 32, mov.fs, MOV_FS, FS, 11, OLD
LOAD_PAIR 64, mov.fs, MOV_FS, FS, 11, OLD
LOAD_PAIR 32, mov.gs, MOV_GS, GS, 11, OLD
LOAD_PAIR 64, mov.gs, MOV_GS, GS, 11, OLD
LOAD_PAIR 32, mov.memory.es, MOV_MEMORY_ES, ES, 11, OLD
LOAD_PAIR 64, mov.memory.es, MOV_MEMORY_ES, ES, 11, OLD
LOAD_PAIR 32, mov.memory.ss, MOV_MEMORY_SS, SS, 12, OLD
LOAD_PAIR 64, mov.memory.ss, MOV_MEMORY_SS, SS, 12, OLD
LOAD_PAIR 32, pop.es, POP_ES, ES, 11, OLD
LOAD_PAIR 32, pop.ss, POP_SS, SS, 12, OLD
LOAD_PAIR 32, pop.ds, POP_DS, DS, 11, OLD
LOAD_PAIR 32, pop.fs, POP_FS, FS, 11, OLD
LOAD_PAIR 64, pop.fs, POP_FS, FS, 11, OLD
LOAD_PAIR 32, pop.gs, POP_GS, GS, 11, OLD
LOAD_PAIR 64, pop.gs, POP_GS, GS, 11, OLD
LOAD_PAIR 32, les, LOAD_LES, ES, 11, 0x12345678
LOAD_PAIR 32, lds, LOAD_LDS, DS, 11, 0x12345678
LOAD_PAIR 32, lss, LOAD_LSS, SS, 12, 0x12345678
LOAD_PAIR 64, lss, LOAD_LSS, SS, 12, 0x12345678
LOAD_PAIR 32, lfs, LOAD_LFS, FS, 11, 0x12345678
LOAD_PAIR 64, lfs, LOAD_LFS, FS, 11, 0x12345678
LOAD_PAIR 32, lgs, LOAD_LGS, GS, 11, 0x12345678
LOAD_PAIR 64, lgs, LOAD_LGS, GS, 11, 0x12345678

# Bases. In 64-bit mode those of DS, ES and SS count as 0; a load of FS or GS sets all 64 bits of
# its base, as FS_BASE and GS_BASE show.
.macro BASE_CASE bits, register, prefix, value
CASE\bits base.\register.\bits
        SEL_DESC FREE_SEL, 0x0000ffff, 0x00cf9240
        POKED   FAR_BASE + SCRATCH, 0x11223344
        POKED   SCRATCH, 0x55667788
        mov     eax, FREE_SEL
        mov     \register, eax
        mov     ebx, SCRATCH
        .byte   \prefix, 0x8b, 0x03     # mov eax, [ebx]
WANT RAX, \value
.endm
BASE_CASE 32, es, 0x26, 0x11223344
BASE_CASE 32, ds, 0x3e, 0x11223344
BASE_CASE 32, fs, 0x64, 0x11223344
BASE_CASE 32, gs, 0x65, 0x11223344
BASE_CASE 64, es, 0x26, 0x55667788
BASE_CASE 64, ds, 0x3e, 0x55667788
BASE_CASE 64, ss, 0x36, 0x55667788
BASE_CASE 64, fs, 0x64, 0x11223344
BASE_CASE 64, gs, 0x65, 0x11223344
CASE64 base.plain                       # without a prefix
        SEL_DESC FREE_SEL, 0x0000ffff, 0x00cf9240
        POKED   SCRATCH, 0x55667788
        mov     eax, FREE_SEL
        mov     ds, eax
        mov     ss, eax
        mov     ebx, SCRATCH
        mov     ecx, [rbx]
        push    rcx
        pop     rdx
        mov     rsi, [rsp - 8]
WANT RCX, 0x55667788
WANT RDX, 0x55667788
WANT RSI, 0x55667788
.macro BASE_MSR register, msr
CASE64 base.\register.msr
        SEL_DESC FREE_SEL, 0x0000ffff, 0x84cf9240
        mov     ecx, \msr
        mov     eax, 0x1000
        mov     edx, 0x7fff
        wrmsr
        mov     eax, FREE_SEL
        mov     \register, eax
        rdmsr
WANT RAX, 0x84400000
WANT RDX, 0
.endm
BASE_MSR fs, 0xc0000100
BASE_MSR gs, 0xc0000101
# A load that faults leaves the base.
CASE64 base.kept
        TARGET_ABSENT
        RESUME64 base.kept.on
        mov     ecx, 0xc0000100
        mov     eax, 0x1000
        mov     edx, 0x7fff
        wrmsr
        mov     eax, FREE_SEL
        mov     fs, eax
base.kept.on:
        rdmsr
WANT VECTOR, 11
WANT COUNT, 2
WANT E1 + RAX, 0x1000
WANT E1 + RDX, 0x7fff
