# leave.S -- to the thread that the kernel has chosen, or to rest.
#
# A thread that is in a system call goes on with SYSRET, which is faster and takes
# rcx and r11 for itself; any other with IRETQ, which restores everything.
#
# FS and GS bases belong to the frame. Ring 3 cannot write them (CR4.FSGSBASE is
# off) but by loading a selector, and then only until the next switch of threads.

.set USER_BITS,      47         # of an address in the lower half

# leave: run the thread in the response at rbp; if there is none, idle.
leave:
        mov     rax, [rbp + GATE_NEXT]
        test    rax, rax
        jz      idle
        mov     rsp, PHYSMAP
        add     rsp, rax                # the thread's frame
        cmp     rax, [rbp + GATE_CURRENT]
        jne     switch_thread
        mov     rcx, [rsp + FRAME_FS_BASE]
        cmp     rcx, [rip + fs_base]
        jne     load_bases
        mov     rcx, [rsp + FRAME_GS_BASE]
        cmp     rcx, [rip + gs_base]
        jne     load_bases
leave_ring0:
        pop_registers
        cmp     dword ptr [rsp], FRAME_SYSCALL
        jne     leave_exactly
        mov     rcx, [rsp + FRAME_RIP - FRAME_VECTOR]
        mov     r11, rcx
        shr     r11, USER_BITS
        jnz     leave_exactly           # SYSRET to such an address would fault in ring 0
        mov     r11, [rsp + FRAME_RFLAGS - FRAME_VECTOR]
        mov     rsp, [rsp + FRAME_RSP - FRAME_VECTOR]
        sysret                          # keystone means the 64-bit one
leave_exactly:
        add     rsp, FRAME_RIP - FRAME_VECTOR
        shl     qword ptr [rsp], 64 - USER_BITS - 1     # IRETQ, too, would fault in ring 0 if RIP
        sar     qword ptr [rsp], 64 - USER_BITS - 1     # were not canonical: now it faults in ring 3
        iretq

switch_thread:
        mov     [rbp + GATE_CURRENT], rax
        lea     rcx, [rsp + FRAME_SS + 8]
        mov     [rip + tss_rsp0], rcx   # where its next trap begins to push
load_bases:
        mov     ecx, MSR_FS_BASE
        mov     eax, [rsp + FRAME_FS_BASE]
        mov     edx, [rsp + FRAME_FS_BASE + 4]
        mov     [rip + fs_base], eax
        mov     [rip + fs_base + 4], edx
        wrmsr
        mov     ecx, MSR_GS_BASE
        mov     eax, [rsp + FRAME_GS_BASE]
        mov     edx, [rsp + FRAME_GS_BASE + 4]
        mov     [rip + gs_base], eax
        mov     [rip + gs_base + 4], edx
        wrmsr
        jmp     leave_ring0

# idle: wait for an interrupt. It returns nowhere: traps.S goes on from the gate.
idle:
        mov     qword ptr [rbp + GATE_CURRENT], 0
        sti                             # hlt is inside the shadow of sti, so no
        hlt                             # interrupt can come between the two
idle_woken:
        jmp     halt


.section cpu
.balign 8
fs_base:                                # what the two registers hold
        .quad   0
gs_base:
        .quad   0
