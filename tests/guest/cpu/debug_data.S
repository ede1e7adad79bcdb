# debug_data.S -- breakpoints on data and on ports.
#
# Source: Intel SDM Vol. 3B, 17.2.4 "Debug Control Register (DR7)", 17.2.5 "Breakpoint Field
# Recognition", 17.3.1.2 "Data Memory and I/O Breakpoint Exception Conditions".

SUBJECT debug_data

# Data breakpoints: traps, behind the instruction. The quadword at SCRATCH + 8.
.macro WATCH_ON mode, name, dr7, offset
CASE\mode watch.\name.\mode
        SET_DR  0, SCRATCH + \offset
        SET_DR  7, L0 | \dr7
        mov     ebx, SCRATCH
        mov     esi, SCRATCH
        mov     edi, SCRATCH + 6
        mov     ecx, 6
        xor     eax, eax
.endm
.macro WATCH mode, name, dr7, offset, body, dr6
WATCH_ON \mode, \name, \dr7, \offset
        RESUME\mode see.watch.\name.\mode
        \body
        MARK
        nop
        SEE     watch.\name.\mode, \dr6
.endm
.macro UNWATCHED mode, name, dr7, offset, body
WATCH_ON \mode, \name, \dr7, \offset
        \body
        GET_DR  6
WANT RAX, DR6_CLEAR
.endm
.macro LOAD_B_64
        mov     al, [rbx + 8]
.endm
.macro STORE_B_64
        mov     [rbx + 8], al
.endm
.macro STORE_D_64
        mov     [rbx + 8], eax
.endm
.macro STORE_BEFORE_64
        mov     [rbx + 5], eax
.endm
.macro STORE_APART_64
        mov     [rbx + 4], eax
.endm
.macro ADD_64
        add     [rbx + 8], eax
.endm
.macro COMPARE_64
        cmp     [rbx + 8], eax
.endm
.macro LOAD_B_32
        mov     al, [ebx + 8]
.endm
.macro STORE_B_32
        mov     [ebx + 8], al
.endm
.macro STORE_D_32
        mov     [ebx + 8], eax
.endm
.macro STORE_BEFORE_32
        mov     [ebx + 5], eax
.endm
.macro STORE_APART_32
        mov     [ebx + 4], eax
.endm
.macro ADD_32
        add     [ebx + 8], eax
.endm
.macro COMPARE_32
        cmp     [ebx + 8], eax
.endm
.macro PUSH_IT
        mov     esp, SCRATCH + 16
        push    0
.endm
.macro STOS_IT
        stosb
        stosb
        stosb
.endm
WATCH 64, write.b, ON_WRITE, 8, STORE_B_64, 1
WATCH 64, write.d, ON_WRITE | LEN_4, 8, STORE_D_64, 1
WATCH 64, write.part, ON_WRITE, 11, STORE_D_64, 1
WATCH 64, write.before, ON_WRITE, 8, STORE_BEFORE_64, 1
WATCH 64, write.rounded, ON_WRITE | LEN_4, 10, STORE_B_64, 1
WATCH 64, write.add, ON_WRITE | LEN_2, 8, ADD_64, 1
WATCH 64, access.read, ON_ACCESS, 8, LOAD_B_64, 1
WATCH 64, access.write, ON_ACCESS | LEN_4, 8, STORE_B_64, 1
WATCH 64, access.compare, ON_ACCESS | LEN_2, 8, COMPARE_64, 1
WATCH 64, push, ON_WRITE | LEN_4, 8, PUSH_IT, 1
UNWATCHED 64, write.read, ON_WRITE, 8, LOAD_B_64
UNWATCHED 64, write.compare, ON_WRITE, 8, COMPARE_64
UNWATCHED 64, write.apart, ON_WRITE | LEN_4, 8, STORE_APART_64
UNWATCHED 64, write.behind, ON_WRITE | LEN_2, 12, STORE_D_64
WATCH 32, write.b, ON_WRITE, 8, STORE_B_32, 1
WATCH 32, write.d, ON_WRITE | LEN_4, 8, STORE_D_32, 1
WATCH 32, write.part, ON_WRITE, 11, STORE_D_32, 1
WATCH 32, write.before, ON_WRITE, 8, STORE_BEFORE_32, 1
WATCH 32, write.rounded, ON_WRITE | LEN_4, 10, STORE_B_32, 1
WATCH 32, write.add, ON_WRITE | LEN_2, 8, ADD_32, 1
WATCH 32, access.read, ON_ACCESS, 8, LOAD_B_32, 1
WATCH 32, access.write, ON_ACCESS | LEN_4, 8, STORE_B_32, 1
WATCH 32, access.compare, ON_ACCESS | LEN_2, 8, COMPARE_32, 1
WATCH 32, push, ON_WRITE | LEN_4, 12, PUSH_IT, 1
UNWATCHED 32, write.read, ON_WRITE, 8, LOAD_B_32
UNWATCHED 32, write.compare, ON_WRITE, 8, COMPARE_32
UNWATCHED 32, write.apart, ON_WRITE | LEN_4, 8, STORE_APART_32
UNWATCHED 32, write.behind, ON_WRITE | LEN_2, 12, STORE_D_32
WATCH 64, write.q, ON_WRITE | LEN_8, 8, STORE_B_64, 1
WATCH 64, stos, ON_WRITE, 8, STOS_IT, 1
CASE64 watch.rep                        # after the iteration that meets it
        RESUME64 see.watch.rep
        SET_DR  0, SCRATCH + 8
        SET_DR  7, L0 | ON_WRITE
        mov     edi, SCRATCH + 6
        mov     ecx, 6
        xor     eax, eax
        MARK
        rep     stosb
        SEE     watch.rep, 1
WANT RCX, 3
WANT RDI, SCRATCH + 9
CASE64 watch.mov.ss                     # held back for one instruction
        RESUME64 see.watch.mov.ss
        mov     ebx, SCRATCH
        mov     word ptr [rbx], DATA
        SET_DR  0, SCRATCH
        SET_DR  7, L0 | ON_ACCESS | LEN_2
        mov     ss, [rbx]
        nop
        MARK
        nop
        SEE     watch.mov.ss, 1
CASE64 watch.step                       # both causes in one exception
        RESUME64 see.watch.step
        mov     ebx, SCRATCH
        SET_DR  0, SCRATCH
        SET_DR  7, L0 | ON_WRITE
        START_STEPS
        mov     byte ptr [rbx], 1
        MARK
        nop
        SEE     watch.step, DR6_BS | 1
CASE64 watch.ring3
        RESUME64 see.watch.ring3
        SET_DR  0, SCRATCH
        SET_DR  7, L0 | ON_WRITE
        TO_RING3_64 0
        mov     ebx, SCRATCH
        mov     byte ptr [rbx], 1
        MARK
        nop
        SEE     watch.ring3, 1
WANT CS, CODE64_3
CASE64 watch.fault                      # an access that is not made is not met
        SET_DR  0, SCRATCH
        SET_DR  7, L0 | ON_WRITE
        mov     eax, PT + 8 * (SCRATCH / 4096)
        and     byte ptr [rax], 0xfe
        mov     ebx, SCRATCH
        invlpg  [rbx]
        MARK
        mov     byte ptr [rbx], 1
WANT VECTOR, 14
WANT RIP, 0

# Ports, with CR4.DE.
.macro PORT_CASE name, length, port, body
CASE64 port.\name
        RESUME64 see.port.\name
        .byte   0x0f, 0x20, 0xe0        # mov eax, cr4
        or      al, 8
        .byte   0x0f, 0x22, 0xe0
        SET_DR  0, NO_PORT
        SET_DR  7, L0 | ON_PORT | \length
        mov     edx, \port
        \body
        MARK
        nop
        SEE     port.\name, 1
.endm
.macro IN_B
        in      al, dx
.endm
.macro OUT_B
        out     dx, al
.endm
.macro OUT_D
        out     dx, eax
.endm
PORT_CASE in, 0, NO_PORT, IN_B
PORT_CASE out, 0, NO_PORT, OUT_B
PORT_CASE wide, LEN_4, NO_PORT + 3, OUT_B
PORT_CASE from.below, LEN_2, NO_PORT - 2, OUT_D
CASE64 port.other
        .byte   0x0f, 0x20, 0xe0
        or      al, 8
        .byte   0x0f, 0x22, 0xe0
        SET_DR  0, NO_PORT
        SET_DR  7, L0 | ON_PORT
        mov     edx, NO_PORT + 1
        in      al, dx
        GET_DR  6
WANT RAX, DR6_CLEAR
