# fastpath.S -- Call and ReplyRecv without the kernel, when there is nothing to decide.
#
# At most four words and no capabilities, a partner that waits, a scheduling context that
# goes along, and nobody who ought to run instead: then what the kernel would do to memory
# is done here, and the partner goes on. In every other case `gate` is reached with nothing
# changed, and the kernel decides. tests/guest/test_fast_path.py compares the two.
#
# From system_call, after the frame is stored: eax trap, rsi message info, rdi capability.
# rbp is the caller's TCB, r15 and r14 the partner's, virtual and physical.

.macro same a, b                        # or leave it to the kernel
        cmp     \a, \b
        jne     gate
.endm
.macro some a
        test    \a, \a
        jz      gate
.endm

# fast_slot: rax the slot of rdi in the caller's CNode, if that has one level. Changes rcx.
# A macro, because after a change of CR3 each return must be looked up.
.macro fast_slot
        same    byte ptr [rbp + TCB_CSPACE], TYPE_CNODE
        movzx   ecx, byte ptr [rbp + TCB_CSPACE + SLOT_BITS]
        movzx   eax, byte ptr [rbp + TCB_CSPACE + SLOT_GUARD_SIZE]
        add     eax, ecx
        same    eax, 64
        mov     rax, rdi
        shr     rax, cl
        same    rax, [rbp + TCB_CSPACE + SLOT_BADGE]
        shl     rax, cl
        xor     rax, rdi
        shl     rax, SLOT_SHIFT
        add     rax, rbx
        add     rax, [rbp + TCB_CSPACE + SLOT_OBJECT]
.endm

# fast_next: rdx the processor, if r15 may be what it runs next. Changes rax, rcx, rdi.
.macro fast_next
        same    qword ptr [r15 + TCB_SCHED_CONTEXT], 0
        cmp     qword ptr [r15 + TCB_VSPACE + SLOT_OBJECT], 0
        je      gate
        mov     rax, [r15 + TCB_DOMAIN]
        same    rax, [rbp + TCB_DOMAIN]
        mov     rdx, [rip + gate_block + GATE_ROOT]
        lea     rdx, [rbx + rdx + ROOT_PROCESSOR]
        cmp     qword ptr [rdx + PROCESSOR_FPU_CLOSED], 0
        je      gate                            # the FPU is the caller's, or nobody's business
        cmp     [rdx + PROCESSOR_FPU_OWNER], r14
        je      gate
        mov     rdi, [rdx + PROCESSOR_OCCUPIED]
        test    rdi, rdi
        jz      fast_next_end\@
        bsr     rcx, rdi
        bsr     rax, [rdx + PROCESSOR_BITMAP + rcx * 8]
        shl     ecx, 6
        add     eax, ecx
        cmp     rax, [r15 + TCB_PRIORITY]
        ja      gate
        jb      fast_next_end\@
        mov     rax, [rdx + PROCESSOR_TIMER]    # it has a peer: is there an end to its turn?
        some    rax
        cmp     rax, [rdx + PROCESSOR_BUDGET_END]
        ja      gate
fast_next_end\@:
.endm

fast_path:
        mov     ecx, esi
        and     ecx, MESSAGE_EXTRA * 32 - 1     # length, capabilities, unwrapped
        cmp     ecx, MESSAGE_REGISTERS
        ja      gate
        mov     rbp, rsp
        lea     rsp, [rip + kernel_stack_top]
        mov     rbx, PHYSMAP
        mov     r10, [rbp + TCB_SCHED_CONTEXT]
        some    r10
        same    qword ptr [rbp + TCB_RESTRICTED], 0
        cmp     eax, TRAP_CALL
        jne     fast_reply_recv

        fast_slot
        same    byte ptr [rax], TYPE_ENDPOINT
        mov     cl, [rax + SLOT_RIGHTS]
        test    cl, RIGHT_WRITE
        jz      gate
        test    cl, RIGHT_GRANT | RIGHT_GRANT_REPLY
        jz      gate
        mov     r13, [rax + SLOT_BADGE]
        mov     r12, [rax + SLOT_OBJECT]
        mov     r14, [rbx + r12 + ENDPOINT_HEAD]
        some    r14
        lea     r15, [rbx + r14]
        same    dword ptr [r15 + TCB_STATE], STATE_BLOCKED_ON_RECEIVE
        mov     r11, [r15 + TCB_REPLY]
        some    r11
        mov     rax, [r15 + TCB_PRIORITY]
        cmp     rax, [rbp + TCB_PRIORITY]
        jb      gate
        fast_next

        mov     rax, [r15 + TCB_QUEUE_NEXT]     # the receiver leaves the queue
        mov     [rbx + r12 + ENDPOINT_HEAD], rax
        lea     rcx, [rbx + r12 + ENDPOINT_TAIL]
        lea     rdi, [rbx + rax + TCB_QUEUE_PREV]
        test    rax, rax
        cmovnz  rcx, rdi
        mov     qword ptr [rcx], 0              # it was the last, or the first of the others
        mov     qword ptr [r15 + TCB_QUEUE_NEXT], 0
        mov     qword ptr [r15 + TCB_BLOCKED_ON], 0
        mov     qword ptr [r15 + TCB_REPLY], 0
        mov     rcx, rbp                        # the caller waits on the Reply, which goes
        sub     rcx, rbx                        # onto the stack of its context
        mov     [rbp + TCB_REPLY], r11
        mov     qword ptr [rbp + TCB_STATE], STATE_BLOCKED_ON_REPLY
        mov     rax, [r15 + TCB_SEND_FLAGS]
        and     eax, RIGHT_GRANT
        mov     [rbp + TCB_SEND_FLAGS], rax
        mov     [rbx + r11 + REPLY_TCB], rcx
        mov     [rbx + r11 + REPLY_SCHED_CONTEXT], r10
        mov     rax, [rbx + r10 + SCHED_CONTEXT_REPLY]
        mov     [rbx + r11 + REPLY_BELOW], rax
        mov     [rbx + r10 + SCHED_CONTEXT_REPLY], r11
        test    rax, rax
        jz      fast_switch
        mov     qword ptr [rbx + rax + REPLY_SCHED_CONTEXT], 0
        mov     [rbx + rax + REPLY_ABOVE], r11
        jmp     fast_switch

fast_reply_recv:
        mov     rdi, [rbp + FRAME_R12]
        fast_slot
        same    byte ptr [rax], TYPE_REPLY
        mov     r11, [rax + SLOT_OBJECT]
        mov     r14, [rbx + r11 + REPLY_TCB]
        some    r14
        lea     r15, [rbx + r14]
        same    dword ptr [r15 + TCB_STATE], STATE_BLOCKED_ON_REPLY
        same    qword ptr [r15 + TCB_FAULT_PENDING], 0
        same    [rbx + r11 + REPLY_SCHED_CONTEXT], r10
        mov     rdi, [rbp + FRAME_RDI]
        fast_slot
        same    byte ptr [rax], TYPE_ENDPOINT
        movzx   r13d, byte ptr [rax + SLOT_RIGHTS]
        test    r13b, RIGHT_READ
        jz      gate
        mov     r12, [rax + SLOT_OBJECT]
        same    qword ptr [rbx + r12 + ENDPOINT_HEAD], 0
        mov     rax, [rbp + TCB_BOUND]
        test    rax, rax
        jz      fast_no_signals
        same    qword ptr [rbx + rax + NOTIFICATION_ACTIVE], 0
        same    qword ptr [rbx + rax + NOTIFICATION_BROADCAST], 0
fast_no_signals:
        fast_next

        mov     rcx, rbp                        # the Reply leaves the stack, and the caller
        sub     rcx, rbx                        # waits to receive with it, alone
        xor     edi, edi
        mov     rax, [rbx + r11 + REPLY_BELOW]
        mov     [rbx + r10 + SCHED_CONTEXT_REPLY], rax
        mov     [rbx + r11 + REPLY_TCB], rcx
        mov     [rbx + r11 + REPLY_SCHED_CONTEXT], rdi
        mov     [rbx + r11 + REPLY_BELOW], rdi
        mov     [r15 + TCB_REPLY], rdi
        mov     [r15 + TCB_LEASE_LENGTH], rdi
        mov     [rbp + TCB_REPLY], r11
        mov     [rbp + TCB_BLOCKED_ON], r12
        mov     [rbp + TCB_SEND_FLAGS], r13
        mov     [rbx + r12 + ENDPOINT_HEAD], rcx
        mov     [rbx + r12 + ENDPOINT_TAIL], rcx
        mov     qword ptr [rbp + TCB_STATE], STATE_BLOCKED_ON_RECEIVE
        mov     r13, rdi                        # an answer has no badge
        test    rax, rax
        jz      fast_switch
        mov     [rbx + rax + REPLY_SCHED_CONTEXT], r10
        mov     [rbx + rax + REPLY_ABOVE], rdi

# To the partner go the context, the message with badge r13, and the processor, rdx.
fast_switch:
        mov     qword ptr [rbp + TCB_SCHED_CONTEXT], 0
        mov     [r15 + TCB_SCHED_CONTEXT], r10
        mov     [rbx + r10 + SCHED_CONTEXT_TCB], r14
        mov     qword ptr [r15 + TCB_STATE], STATE_RUNNING
        mov     qword ptr [r15 + FRAME_RAX], ERROR_NO_ERROR
        mov     [r15 + FRAME_RDI], r13
        mov     [r15 + FRAME_RSI], rsi
        mov     rax, [rbp + FRAME_RDX]
        mov     rcx, [rbp + FRAME_R10]
        mov     [r15 + FRAME_RDX], rax
        mov     [r15 + FRAME_R10], rcx
        mov     [r15 + FRAME_R8], r8
        mov     [r15 + FRAME_R9], r9
        mov     [rdx + PROCESSOR_CURRENT], r14
        lea     rbp, [rip + gate_block]
        mov     [rbp + GATE_NEXT], r14
        mov     rax, [r15 + TCB_VSPACE + SLOT_OBJECT]
        cmp     rax, [rdx + PROCESSOR_SPACE]
        je      leave
        mov     [rdx + PROCESSOR_SPACE], rax
        mov     cr3, rax
        mov     [rbp + GATE_CR3], rax
        jmp     leave
