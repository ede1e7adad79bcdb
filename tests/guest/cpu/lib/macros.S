# macros.S -- the words in which subjects are written (docs/how-to/write-a-conformance-program.md).

# SUBJECT NAME: first line of a subject.
.macro SUBJECT name
.section names
subject_name: .asciz "\name"
.section text
.endm

# A case runs up to the next one; what stands between ends the case that falls through.
.macro CASE_ROW name, mode
        int     DONE
.section names
name.\name: .asciz "\name"
.section cases
        .long   TAG_CASE, name.\name, \mode, case.\name
.section text
case.\name:
.endm

.macro CASE64 name
.code64
        CASE_ROW \name, LONG
.endm
.macro CASE32 name
.code32
        CASE_ROW \name, PROT
.endm
.macro CASE16 name
.code16
        CASE_ROW \name, PROT16
.endm
.macro CASE_REAL name
.code16
        CASE_ROW \name, REAL
.endm

# MARK: the RIP of a WANT RIP after it counts from here. Without one, from the case's start.
.macro MARK
.section cases
        .long   TAG_MARK, mark.\@
.section text
mark.\@:
.endm

# WANT FIELD, VALUE; WANT_BITS looks at the bits of MASK only.
.macro WANT field, value
        WANT_BITS \field, NONE, \value
.endm
.macro WANT_BITS field, mask, value
.section cases
        .long   TAG_WANT, \field
        .quad   \mask, \value
.section text
.endm

# WANT_MEM ADDRESS, MASK, VALUE: of the quadword there, when the case is over.
.macro WANT_MEM address, mask, value
.section cases
        .long   TAG_MEM, \address
        .quad   \mask, \value
.section text
.endm

# HOME: end the case, in any mode and ring.
.macro HOME
        int     DONE
.endm

# RESUME_AT LABEL: the next event goes on there, once: in ring 0 of the handler's mode, with
# all registers but RSP, which is STACK_TOP, and with flat segments. Clobbers nothing.
# In 16-bit modes LABEL is an offset from ORIGIN: write LABEL - ORIGIN.
.macro RESUME64 label
        push    rax
        mov     eax, STATE + ST_RESUME
        mov     dword ptr [rax], \label
        pop     rax
.endm
.macro RESUME32 label
        mov     dword ptr [STATE + ST_RESUME], \label
.endm
.macro RESUME_REAL label
        mov     word ptr [STATE + ST_RESUME], \label - ORIGIN
.endm

# TO_RING3_64 FLAGS: go on in ring 3, 64-bit code, at STACK3_TOP. Clobbers rax.
.macro TO_RING3_64 flags
        push    DATA_3
        push    STACK3_TOP
        push    \flags | 2
        push    CODE64_3
        lea     rax, [rip + ring3.\@]
        push    rax
        iretq
ring3.\@:
.endm

# TO_COMPAT_64 SELECTOR, SS, FLAGS: go on in 32-bit code of long mode (CODE32 or CODE32_3)
# at STACK3_TOP. Clobbers rax. The text after it is .code32.
.macro TO_COMPAT_64 selector, ss, flags
        push    \ss
        push    STACK3_TOP
        push    \flags | 2
        push    \selector
        lea     rax, [rip + compat.\@]
        push    rax
        iretq
.code32
compat.\@:
.endm

# TO_RING3_32 FLAGS: go on in ring 3, 32-bit code, at STACK3_TOP, DS and ES flat. Clobbers eax.
.macro TO_RING3_32 flags
        mov     eax, DATA_3
        mov     ds, ax
        mov     es, ax
        push    DATA_3
        push    STACK3_TOP
        push    \flags | 2
        push    CODE32_3
        mov     eax, ring3.\@
        push    eax
        iretd
ring3.\@:
.endm

# TO_V86 CS, FLAGS: go on in virtual-8086 mode with segments 0, at STACK3_TOP, after it. CS must
# be ORIGIN / 16. Clobbers eax. The text after it is .code16.
.macro TO_V86 flags
        push    0                       # GS, FS, DS, ES
        push    0
        push    0
        push    0
        push    0
        push    STACK3_TOP
        push    \flags | FL_VM | 2
        push    ORIGIN / 16
        mov     eax, v86.\@ - ORIGIN
        push    eax
        iretd
.code16
v86.\@:
.endm

# Stores to absolute addresses, in 32- and 64-bit code. Clobber eax.
.macro POKEB address, value
        mov     eax, \address
        mov     byte ptr [eax], \value
.endm
.macro POKEW address, value
        mov     eax, \address
        mov     word ptr [eax], \value
.endm
.macro POKED address, value
        mov     eax, \address
        mov     dword ptr [eax], \value
.endm

# Parts of gates. A gate is an interrupt gate to the recording stub, CODE64 or CODE32, DPL 0
# (DPL 3 for DONE), IST 0, until a case changes it.
# GATE64_TYPE VECTOR, ACCESS: type, DPL and P; 8Eh is an interrupt gate, 8Fh a trap gate.
.macro GATE64_TYPE vector, access
        POKEB   IDT + (\vector) * 16 + 5, \access
.endm
.macro GATE64_SEL vector, selector
        POKEW   IDT + (\vector) * 16 + 2, \selector
.endm
.macro GATE64_IST vector, ist
        POKEB   IDT + (\vector) * 16 + 4, \ist
.endm
.macro GATE64_TO vector, label
        mov     eax, \label
        push    rbx
        mov     ebx, IDT + (\vector) * 16
        mov     [rbx], ax
        shr     eax, 16
        mov     [rbx + 6], ax
        pop     rbx
.endm
.macro GATE32_TYPE vector, access
        POKEB   IDT + (\vector) * 8 + 5, \access
.endm
.macro GATE32_SEL vector, selector
        POKEW   IDT + (\vector) * 8 + 2, \selector
.endm
.macro GATE32_TO vector, label
        mov     eax, \label
        mov     [IDT + (\vector) * 8], ax
        shr     eax, 16
        mov     [IDT + (\vector) * 8 + 6], ax
.endm

# Parts of descriptors of the GDT.
.macro SEL_ACCESS selector, access
        POKEB   GDT + (\selector) / 8 * 8 + 5, \access
.endm
.macro SEL_DESC selector, low, high
        POKED   GDT + (\selector) / 8 * 8, \low
        POKED   GDT + (\selector) / 8 * 8 + 4, \high
.endm

# FAULT64 NAME, SETUP, BODY, VECTOR, ERROR, RIP: two cases, NAME.64.ring0 and NAME.64.ring3.
# SETUP (in ring 0) and BODY are names of macros; BODY has a MARK, leaves the stack as it was,
# and ends with an event whose whole frame is compared. FAULT32 is the same in 32-bit code,
# FAULT has all four, FAULT_COMPAT is ring 3 of compatibility mode.
.macro NOTHING
.endm
.macro WANT_FRAME vector, error, rip, cs, ss, rsp, frame, hss
WANT VECTOR, \vector
WANT ERROR, \error
WANT RIP, \rip
WANT CS, \cs
WANT SS, \ss
WANT RSP, \rsp
WANT FRAME, \frame
WANT HSS, \hss
.endm
.macro FAULT64 name, setup, body, vector, error, rip
CASE64 \name.64.ring0
        \setup
        \body
WANT_FRAME \vector, \error, \rip, CODE64, DATA, STACK_TOP, STACK_TOP, DATA
CASE64 \name.64.ring3
        \setup
        TO_RING3_64 0
        \body
WANT_FRAME \vector, \error, \rip, CODE64_3, DATA_3, STACK3_TOP, RSP0_TOP, 0
.endm
.macro FAULT32 name, setup, body, vector, error, rip
CASE32 \name.32.ring0
        \setup
        \body
WANT_FRAME \vector, \error, \rip, CODE32, DATA, STACK_TOP, STACK_TOP, DATA
CASE32 \name.32.ring3
        \setup
        TO_RING3_32 0
        \body
WANT_FRAME \vector, \error, \rip, CODE32_3, DATA_3, STACK3_TOP, RSP0_TOP, DATA
.endm
.macro FAULT_COMPAT name, setup, body, vector, error, rip
CASE64 \name.compat.ring3
        \setup
        TO_COMPAT_64 CODE32_3, DATA_3, 0
        \body
WANT_FRAME \vector, \error, \rip, CODE32_3, DATA_3, STACK3_TOP, RSP0_TOP, 0
.endm
.macro FAULT name, setup, body, vector, error, rip
        FAULT64 \name, \setup, \body, \vector, \error, \rip
        FAULT32 \name, \setup, \body, \vector, \error, \rip
.endm
.macro FAULT64_RING3 name, setup, body, vector, error, rip
CASE64 \name.64.ring3
        \setup
        TO_RING3_64 0
        \body
WANT_FRAME \vector, \error, \rip, CODE64_3, DATA_3, STACK3_TOP, RSP0_TOP, 0
.endm
.macro FAULT32_RING3 name, setup, body, vector, error, rip
CASE32 \name.32.ring3
        \setup
        TO_RING3_32 0
        \body
WANT_FRAME \vector, \error, \rip, CODE32_3, DATA_3, STACK3_TOP, RSP0_TOP, DATA
.endm
.macro FAULT_RING3 name, setup, body, vector, error, rip
        FAULT64_RING3 \name, \setup, \body, \vector, \error, \rip
        FAULT32_RING3 \name, \setup, \body, \vector, \error, \rip
.endm
