# layout.S -- where everything of a conformance program lies, and the names of its fields.
#
# The image is loaded at ORIGIN, below 1 MiB, so that real-mode code can be in it.
# Everything that a case may touch has a fixed address, so that what a failing case
# prints does not depend on where its code happens to be.

# Low memory: tables that are built afresh for every case.
.set IVT,            0x0000
.set STATE,          0x0500             # of the case that runs: fields ST_*
.set EVENTS,         0x0600             # EVENT_COUNT records of EVENT_BYTES
.set GDT,            0x1000
.set IDT,            0x2000             # of 8 or 16 bytes a gate, as the mode has it
.set STUBS64,        0x3000             # handlers of 64-bit code, 16 bytes a vector
.set STUBS32,        0x4000             # of 32-bit code, for 32-bit gates
.set STUBS16,        0x5000             # of 32-bit code, for 16-bit gates: a frame of words
.set STUBS_REAL,     0x6000             # of real mode
.set TSS64,          0x7000
.set TSS32,          0x7100
.set TSS32B,         0x7200             # a second one, for task switches
.set STACK1_TOP,     0x9800             # RSP1, ESP1
.set STACK2_TOP,     0xa000             # RSP2, ESP2
.set STACK_TOP,      0xc000             # where a case starts
.set STACK3_TOP,     0xd000             # of TO_RING3
.set RSP0_TOP,       0xe000             # RSP0, ESP0
.set IST1_TOP,       0xf200             # and 200h higher for each further one
.set IST2_TOP,       0xf400
.set IST7_TOP,       0xfe00
.set ORIGIN,         0x10000
.set PML4,           0x60000            # all memory is mapped one to one, user, writable:
.set PDPT,           0x61000
.set PD,             0x62000            # 2 MiB a page up to 1 GiB, but
.set PT,             0x63000            # 4 KiB a page for the first 2 MiB
.set SCRATCH,        0x70000            # 64 KiB that no one else uses; not cleared
.set HOME_STACK_TOP, 0x90000
.set SCRATCH_HIGH,   0x400000           # and 4 MiB more
# Tables as they are built once, to be copied for each case.
.set FRESH_GDT,      0xe00000
.set FRESH_TSS,      0xe01000
.set FRESH_IDT32,    0xe02000
.set FRESH_IDT64,    0xe03000
.set FRESH_PAGES,    0xe04000           # four pages
.set CURSOR,         0xf00000           # what survives a reset of the machine: fields CU_*

# Selectors. The order from CODE64 on is what SYSCALL, SYSRET, SYSENTER and SYSEXIT ask for.
.set CODE32,    0x08
.set DATA,      0x10
.set CODE64,    0x18
.set DATA_B,    0x20
.set CODE32_3,  0x2b
.set DATA_3,    0x33
.set CODE64_3,  0x3b
.set DATA_3B,   0x43
.set CODE16,    0x48                    # base ORIGIN, limit FFFFh
.set DATA16,    0x50                    # base 0, limit FFFFh
.set CODE16_3,  0x5b
.set DATA16_3,  0x63
.set TSS64_SEL, 0x68                    # two entries
.set TSS32_SEL, 0x78
.set TSS32B_SEL, 0x80
.set LDT_SEL,   0x88                    # two entries; not present
.set CODE32_C,  0x98                    # conforming
.set CODE64_C,  0xa0
.set CODE32_1,  0xa9                    # DPL 1
.set DATA_1,    0xb1
.set CODE64_1,  0xb9
.set FREE_SEL,  0xc0                    # from here to F8h: empty
.set GDT_BYTES, 0x100

# An event: what a handler found. A quadword a field; WANT names them.
.set VECTOR, 0
.set ERROR,  1                          # NONE if the CPU pushed none
.set RIP,    2                          # WANT compares its distance from MARK
.set CS,     3
.set RFLAGS, 4
.set RSP,    5
.set SS,     6
.set CR2,    7
.set FRAME,  8                          # first address above the frame that was pushed
.set HCS,    9                          # CS, SS and RFLAGS in the handler
.set HSS,    10
.set HFLAGS, 11
.set RAX,    12
.set RCX,    13
.set RDX,    14
.set RBX,    15
.set RBP,    16
.set RSI,    17
.set RDI,    18
.set R8,     19
.set R9,     20
.set R10,    21
.set R11,    22
.set R12,    23
.set R13,    24
.set R14,    25
.set R15,    26
.set DS,     27
.set ES,     28
.set FS,     29
.set GS,     30
.set IP,     31                         # RIP itself, where it is in no code of ours
.set COUNT,  0x1000                     # how many events there were
.set EVENT_BYTES, 256
.set EVENT_COUNT, 8
.set E1, 32                             # E1 + RIP is a field of the second event, and so on
.set E2, 64
.set E3, 96
.set E4, 128

.set NONE, 0xffffffffffffffff
.set DONE, 0xfe                         # vector by which a case ends: interrupt gate, DPL 3
.set SHUTDOWN, 0x100                    # "vector" of a triple fault

# Fields of STATE.
.set ST_EVENT_AT, 0x00                  # address of the next event's record
.set ST_COUNT,    0x04
.set ST_RESUME,   0x08                  # where the next handler goes on; 0: home
.set ST_MODE,     0x0c
.set ST_ENTRY,    0x10
.set ST_NAME,     0x14
.set ST_MARK,     0x18
.set ST_SEEN,     0x1c                  # bit 0: a WANT VECTOR, bit 1: a WANT COUNT
.set ST_FAILED,   0x20
.set ST_OTHER,    0x24                  # bit n: event n is not the one wanted
.set ST_GDTR,     0x28                  # of home, for LGDT in any mode
.set ST_SAVED,    0x38                  # room for a register
.set ST_FIELD,    0x40
.set ST_GOT,      0x48
.set ST_MASK,     0x50
.set ST_WANT,     0x58
.set ST_BYTES,    0x60

# Fields of CURSOR.
.set CU_MAGIC,    0x00
.set CU_ROW,      0x04                  # of the case that runs
.set CU_CASES,    0x08
.set CU_FAILED,   0x0c
.set CURSOR_MAGIC, 0x50524f43

# Modes in which a case may start.
.set LONG,   0
.set PROT,   1
.set PROT16, 2
.set REAL,   3

# Rows of the case table.
.set TAG_END,  0
.set TAG_CASE, 1                        # name, mode, entry
.set TAG_MARK, 2                        # address
.set TAG_WANT, 3                        # field, mask, value
.set TAG_MEM,  4                        # address, mask, value

# Copying.
.set LINE, 128                          # bytes that are copied in straight-line code
.set TSS_BYTES, 0x300                   # TSS64, TSS32 and TSS32B

# The machine.
.set COM1, 0x3f8
.set EXIT_PORT, 0xf4
.set MSR_EFER, 0xc0000080
.set CR0_HOME, 0x11                     # ET, PE
.set CR0_PROT, 0x10033                  # WP, NE, ET, MP, PE
.set CR0_LONG, 0x80010033
.set CR4_PROT, 0x600                    # OSXMMEXCPT, OSFXSR
.set CR4_LONG, 0x620                    # and PAE
.set EFER_LONG, 0x901                   # NXE, LME, SCE

.set FL_CF, 1 << 0
.set FL_PF, 1 << 2
.set FL_AF, 1 << 4
.set FL_ZF, 1 << 6
.set FL_SF, 1 << 7
.set FL_TF, 1 << 8
.set FL_IF, 1 << 9
.set FL_DF, 1 << 10
.set FL_OF, 1 << 11
.set FL_IOPL, 3 << 12
.set FL_NT, 1 << 14
.set FL_RF, 1 << 16
.set FL_VM, 1 << 17
.set FL_AC, 1 << 18
