# x86.S -- names for the bits of the processor that the boot code and the stubs use.
#
# Read first, before any other source of a program. It makes no code.
#
# Source: Intel SDM Vol. 3A (253668), "Control Registers", "Paging",
# "Segment Descriptors"; Vol. 4 (335592), "Model-Specific Registers".

.set CR0_PE,         1 << 0     # protection enable
.set CR0_MP,         1 << 1     # WAIT, too, heeds TS
.set CR0_EM,         1 << 2     # there is no FPU
.set CR0_TS,         1 << 3     # the next use of the FPU raises #NM
.set CR0_NE,         1 << 5     # FPU errors are exceptions
.set CR0_WP,         1 << 16    # ring 0 respects read-only pages
.set CR0_PG,         1 << 31    # paging
.set CR4_PAE,        1 << 5     # physical address extension: required for long mode
.set CR4_OSFXSR,     1 << 9     # FXSAVE saves SSE registers; SSE works
.set CR4_OSXMMEXCPT, 1 << 10    # SSE errors raise #XM
.set CR4_SMEP,       1 << 20    # ring 0 never executes a user page
.set CR4_SMAP,       1 << 21    # ring 0 never reads or writes a user page by accident

.set MSR_EFER,       0xc0000080
.set MSR_STAR,       0xc0000081 # segment selectors of SYSCALL and SYSRET
.set MSR_LSTAR,      0xc0000082 # where SYSCALL goes
.set MSR_FMASK,      0xc0000084 # flags that SYSCALL clears
.set MSR_FS_BASE,    0xc0000100
.set MSR_GS_BASE,    0xc0000101
.set EFER_SCE,       1 << 0     # SYSCALL enable
.set EFER_LME,       1 << 8     # long mode enable
.set EFER_NXE,       1 << 11    # the no-execute bit of page-table entries counts

.set CPUID_EXTENDED, 0x80000001 # edx: features
.set CPUID_NX,       1 << 20
.set CPUID_LM,       1 << 29    # long mode
.set CPUID_7_SMEP,   1 << 7     # leaf 7, ebx
.set CPUID_7_SMAP,   1 << 20

.set PTE_P,          1 << 0     # present
.set PTE_W,          1 << 1     # writable
.set PTE_U,          1 << 2     # ring 3 may use it
.set PTE_PCD,        1 << 4     # not cached: a device
.set PTE_A,          1 << 5     # accessed
.set PTE_D,          1 << 6     # written
.set PDE_PS,         1 << 7     # this entry maps a 2 MiB page
.set PTE_NX_BIT,     63         # never executed
.set PTE_ADDRESS,    0x000ffffffffff000

.set FLAG_FIXED,     1 << 1     # always one
.set FLAG_TF,        1 << 8     # single step
.set FLAG_IF,        1 << 9     # interrupts are taken
.set FLAG_DF,        1 << 10    # string instructions go down
.set FLAG_NT,        1 << 14    # nested task: iretq would fault
.set FLAG_AC,        1 << 18    # alignment check, and with SMAP access to user pages

.set PAGE,           4096       # bytes
.set SECTOR,         512        # bytes

# The 16550A at COM1 (National Semiconductor PC16550D), offsets from its port.
.set UART_DATA,      0          # receive and transmit holding registers
.set UART_IER,       1          # interrupt enable
.set UART_FCR,       2          # FIFO control
.set UART_LCR,       3          # line control
.set UART_MCR,       4          # modem control
.set UART_LSR,       5          # line status
.set LSR_DR,         1 << 0     # a byte has been received
.set LSR_THRE,       1 << 5     # a byte can be sent
.set IER_RECEIVE,    1 << 0     # interrupt when a byte has been received
.set MCR_DTR_RTS,    3
.set MCR_OUT2,       1 << 3     # on a PC, connects the interrupt output to the controller
