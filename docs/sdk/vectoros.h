/*
 * vectoros.h -- what a program in ring 3 needs to talk to the VectorOS kernel.
 *
 * Made by `python -m vectoros.image.c_header docs/sdk/vectoros.h`. Do not edit.
 * docs/how-to/write-a-program.md says how to build a program with it.
 *
 * GNU C for x86-64; freestanding. A capability is named by its slot in the
 * process's own CNode. Every trap returns a status, 0 if all went well.
 */
#ifndef VECTOROS_H
#define VECTOROS_H

typedef unsigned long vx_word;

/* Traps, for rax. */
#define VX_TRAP_DEBUG_PUT_CHAR                0
#define VX_TRAP_CALL                          1
#define VX_TRAP_REPLY_RECV                    2
#define VX_TRAP_SEND                          3
#define VX_TRAP_NB_SEND                       4
#define VX_TRAP_RECV                          5
#define VX_TRAP_NB_RECV                       6
#define VX_TRAP_WAIT                          7
#define VX_TRAP_NB_WAIT                       8
#define VX_TRAP_NB_SEND_RECV                  9
#define VX_TRAP_NB_SEND_WAIT                  10
#define VX_TRAP_YIELD                         11

/* Methods, the label of a message to an object that is no endpoint. */
#define VX_METHOD_UNTYPED_DESCRIBE            0x101  /* nothing -> base, size_bits, used, device */
#define VX_METHOD_UNTYPED_RETYPE              0x102  /* type, size_bits, node_index, node_depth, node_offset, count, root* -> nothing */
#define VX_METHOD_CNODE_REVOKE                0x201  /* index, depth -> nothing */
#define VX_METHOD_CNODE_DELETE                0x202  /* index, depth -> nothing */
#define VX_METHOD_CNODE_CANCEL_BADGED_SENDS   0x203  /* index, depth -> nothing */
#define VX_METHOD_CNODE_COPY                  0x204  /* dest_index, dest_depth, src_index, src_depth, rights, src_root* -> nothing */
#define VX_METHOD_CNODE_MINT                  0x205  /* dest_index, dest_depth, src_index, src_depth, rights, badge, src_root* -> nothing */
#define VX_METHOD_CNODE_MOVE                  0x206  /* dest_index, dest_depth, src_index, src_depth, src_root* -> nothing */
#define VX_METHOD_CNODE_MUTATE                0x207  /* dest_index, dest_depth, src_index, src_depth, guard, src_root* -> nothing */
#define VX_METHOD_CNODE_ROTATE                0x208  /* dest_index, dest_depth, dest_guard, pivot_index, pivot_depth, pivot_guard, src_index, src_depth, pivot_root*, src_root* -> nothing */
#define VX_METHOD_TCB_SUSPEND                 0x301  /* nothing -> nothing */
#define VX_METHOD_TCB_RESUME                  0x302  /* nothing -> nothing */
#define VX_METHOD_TCB_SET_PRIORITY            0x303  /* priority, authority* -> nothing */
#define VX_METHOD_TCB_WRITE_REGISTERS         0x304  /* flags, count -> nothing */
#define VX_METHOD_TCB_DESCRIBE                0x305  /* nothing -> state, priority, consumed, fault, fault_ip, fault_address, fault_code, max_priority, process, rip */
#define VX_METHOD_TCB_READ_REGISTERS          0x306  /* flags, count -> registers */
#define VX_METHOD_TCB_COPY_REGISTERS          0x307  /* flags, source* -> nothing */
#define VX_METHOD_TCB_CONFIGURE               0x308  /* cspace_data, vspace_data, buffer, cspace*, vspace*, buffer_frame* -> nothing */
#define VX_METHOD_TCB_SET_MC_PRIORITY         0x309  /* mcp, authority* -> nothing */
#define VX_METHOD_TCB_SET_SCHED_PARAMS        0x30a  /* mcp, priority, authority*, sched_context*, fault_ep* -> nothing */
#define VX_METHOD_TCB_SET_TIMEOUT_ENDPOINT    0x30b  /* timeout_ep* -> nothing */
#define VX_METHOD_TCB_SET_IPC_BUFFER          0x30c  /* buffer, frame* -> nothing */
#define VX_METHOD_TCB_SET_SPACE               0x30d  /* cspace_data, vspace_data, fault_ep*, cspace*, vspace* -> nothing */
#define VX_METHOD_TCB_BIND_NOTIFICATION       0x30e  /* notification* -> nothing */
#define VX_METHOD_TCB_UNBIND_NOTIFICATION     0x30f  /* nothing -> nothing */
#define VX_METHOD_TCB_SET_TLS_BASE            0x310  /* address -> nothing */
#define VX_METHOD_TCB_SET_FLAGS               0x311  /* clear, set -> flags */
#define VX_METHOD_TCB_SET_POLICY              0x312  /* policy* -> nothing */
#define VX_METHOD_TCB_SET_NAME                0x313  /* name0, name1 -> nothing */
#define VX_METHOD_SCHED_CONTEXT_BIND          0x701  /* object* -> nothing */
#define VX_METHOD_SCHED_CONTEXT_UNBIND        0x702  /* nothing -> nothing */
#define VX_METHOD_SCHED_CONTEXT_UNBIND_OBJECT 0x703  /* object* -> nothing */
#define VX_METHOD_SCHED_CONTEXT_CONSUMED      0x704  /* nothing -> consumed */
#define VX_METHOD_SCHED_CONTEXT_YIELD_TO      0x705  /* nothing -> consumed */
#define VX_METHOD_FRAME_MAP                   0x801  /* vaddr, rights, attributes, vspace* -> nothing */
#define VX_METHOD_FRAME_UNMAP                 0x802  /* nothing -> nothing */
#define VX_METHOD_FRAME_GET_ADDRESS           0x803  /* nothing -> paddr */
#define VX_METHOD_PDPT_MAP                    0xa01  /* vaddr, vspace* -> nothing */
#define VX_METHOD_PDPT_UNMAP                  0xa02  /* nothing -> nothing */
#define VX_METHOD_PD_MAP                      0xb01  /* vaddr, vspace* -> nothing */
#define VX_METHOD_PD_UNMAP                    0xb02  /* nothing -> nothing */
#define VX_METHOD_PT_MAP                      0xc01  /* vaddr, vspace* -> nothing */
#define VX_METHOD_PT_UNMAP                    0xc02  /* nothing -> nothing */
#define VX_METHOD_ASID_POOL_ASSIGN            0xd01  /* vspace* -> nothing */
#define VX_METHOD_ASID_CONTROL_MAKE_POOL      0xe01  /* index, depth, untyped*, root* -> nothing */
#define VX_METHOD_IRQ_CONTROL_GET             0xf01  /* irq, index, depth, root* -> nothing */
#define VX_METHOD_IRQ_HANDLER_ACK             0x1001  /* nothing -> nothing */
#define VX_METHOD_IRQ_HANDLER_SET_NOTIFICATION 0x1002  /* notification* -> nothing */
#define VX_METHOD_IRQ_HANDLER_CLEAR           0x1003  /* nothing -> nothing */
#define VX_METHOD_IO_PORT_CONTROL_ISSUE       0x1101  /* first_port, last_port, index, depth, root* -> nothing */
#define VX_METHOD_IO_PORT_IN8                 0x1201  /* port -> value */
#define VX_METHOD_IO_PORT_IN16                0x1202  /* port -> value */
#define VX_METHOD_IO_PORT_IN32                0x1203  /* port -> value */
#define VX_METHOD_IO_PORT_OUT8                0x1204  /* port, value -> nothing */
#define VX_METHOD_IO_PORT_OUT16               0x1205  /* port, value -> nothing */
#define VX_METHOD_IO_PORT_OUT32               0x1206  /* port, value -> nothing */
#define VX_METHOD_CHANNEL_CONFIGURE           0x1301  /* name0, name1, message_size -> nothing */
#define VX_METHOD_CHANNEL_SET_NOTIFICATION    0x1302  /* notification* -> nothing */
#define VX_METHOD_CHANNEL_MAP                 0x1303  /* vaddr, rights, vspace* -> nothing */
#define VX_METHOD_CHANNEL_UNMAP               0x1304  /* nothing -> nothing */
#define VX_METHOD_CHANNEL_WAKE                0x1305  /* nothing -> woken */
#define VX_METHOD_CHANNEL_DESCRIBE            0x1306  /* nothing -> name0, name1, message_size, capacity */
#define VX_METHOD_AUDIT_LOG_DESCRIBE          0x1401  /* nothing -> written, capacity */
#define VX_METHOD_AUDIT_LOG_READ              0x1402  /* index -> tick, event, subject, object, label, status, word0, word1 */
#define VX_METHOD_POLICY_RESTRICT             0x1501  /* type, mask -> nothing */
#define VX_METHOD_POLICY_DESCRIBE             0x1502  /* type -> mask */
#define VX_METHOD_SCHED_CONTROL_CONFIGURE     0x1601  /* budget, period, extra_refills, badge, flags, sched_context* -> nothing */
#define VX_METHOD_DOMAIN_SET                  0x1701  /* domain, thread* -> nothing */
#define VX_METHOD_DOMAIN_SCHEDULE_CONFIGURE   0x1702  /* index, domain, duration -> nothing */
#define VX_METHOD_DOMAIN_SCHEDULE_SET_START   0x1703  /* index -> nothing */
#define VX_METHOD_LEASE_DESCRIBE              0x1801  /* nothing -> length, rights */
#define VX_METHOD_LEASE_READ                  0x1802  /* offset, address, length -> nothing */
#define VX_METHOD_LEASE_WRITE                 0x1803  /* offset, address, length -> nothing */

/* Statuses. */
#define VX_ERROR_NO_ERROR                     0
#define VX_ERROR_INVALID_ARGUMENT             1
#define VX_ERROR_INVALID_CAPABILITY           2
#define VX_ERROR_ILLEGAL_OPERATION            3
#define VX_ERROR_RANGE_ERROR                  4
#define VX_ERROR_ALIGNMENT_ERROR              5
#define VX_ERROR_FAILED_LOOKUP                6
#define VX_ERROR_TRUNCATED_MESSAGE            7
#define VX_ERROR_DELETE_FIRST                 8
#define VX_ERROR_REVOKE_FIRST                 9
#define VX_ERROR_NOT_ENOUGH_MEMORY            10

/* Labels of fault messages. */
#define VX_FAULT_NONE                         0
#define VX_FAULT_CAP_FAULT                    1
#define VX_FAULT_UNKNOWN_SYSCALL              2
#define VX_FAULT_USER_EXCEPTION               3
#define VX_FAULT_VM_FAULT                     6
#define VX_FAULT_TIMEOUT                      5

/* What a thread does, as TCB Describe says. */
#define VX_STATE_INACTIVE                     0
#define VX_STATE_RUNNING                      1
#define VX_STATE_BLOCKED_ON_RECEIVE           2
#define VX_STATE_BLOCKED_ON_SEND              3
#define VX_STATE_BLOCKED_ON_REPLY             4
#define VX_STATE_BLOCKED_ON_NOTIFICATION      5

/* Slots of a new process's CNode. */
#define VX_INIT_TCB                           1
#define VX_INIT_CNODE                         2
#define VX_INIT_PML4                          3
#define VX_INIT_IPC_BUFFER                    4
#define VX_INIT_NOTIFICATION                  5
#define VX_INIT_ENDPOINT                      6
#define VX_INIT_COM1                          8
#define VX_INIT_COM1_IRQ                      9
#define VX_INIT_KEYBOARD                      10
#define VX_INIT_KEYBOARD_IRQ                  11
#define VX_INIT_EXIT                          12
#define VX_INIT_POWER                         13
#define VX_INIT_RESET                         14
#define VX_INIT_RTC                           15
#define VX_INIT_RTC_IRQ                       16
#define VX_INIT_SCHED_CONTEXT                 7
#define VX_INIT_REPLY                         17
#define VX_INIT_ASID_POOL                     18
#define VX_INIT_AUDIT_LOG                     19
#define VX_INIT_IRQ_CONTROL                   20
#define VX_INIT_IO_PORT_CONTROL               21
#define VX_INIT_ASID_CONTROL                  22
#define VX_INIT_SCHED_CONTROL                 23
#define VX_INIT_DOMAIN                        24
#define VX_INIT_PROCESSES                     32
#define VX_INIT_UNTYPEDS                      64
#define VX_INIT_MEMORY                        128

/* What a process was given, in the boot info. */
#define VX_GRANT_CONSOLE                      1
#define VX_GRANT_SCREEN                       2
#define VX_GRANT_POWER                        4
#define VX_GRANT_INSPECT                      8
#define VX_GRANT_CLOCK                        16
#define VX_GRANT_SUSPENDED                    32

/* Message info. */
#define VX_MESSAGE_MAX_LENGTH                 120
#define VX_MESSAGE_REGISTERS                  4
#define VX_MESSAGE_LENDS                      0x200
#define VX_MESSAGE_EXTRA                      128
#define VX_MESSAGE_UNWRAPPED                  0x200
#define VX_MESSAGE_LABEL_SHIFT                12

/* Offsets in the IPC buffer. */
#define VX_IPC_MESSAGE                        8
#define VX_IPC_CAPABILITIES                   0x3d0
#define VX_IPC_RECEIVE_CNODE                  0x3e8
#define VX_IPC_LEASE                          0x400
#define VX_IPC_BUFFER_SIZE                    0x1000
#define VX_IPC_BUFFER                         0x7ffffffd2000

#define VX_PORT_COM1 0x3f8 /* the serial line's first port */

/* The page that is at the address in rdi when a program starts. Read only. */
struct vx_boot_info {
    vx_word magic;               /* VXINFO, version 1 */
    vx_word process;             /* number of this process, from 1 */
    vx_word process_count;       /* processes made at boot */
    vx_word untyped_count;       /* boot untypeds; the first with INSPECT has them from INIT_UNTYPEDS */
    vx_word grants;              /* bits of what this process was given */
    vx_word tick_frequency;      /* ticks in a second: what the time stamp counter counts */
    vx_word memory_total;        /* bytes of RAM */
    vx_word ipc_buffer;          /* virtual address of this thread's IPC buffer */
    vx_word stack_top;           /* rsp at entry */
    vx_word screen_base;         /* virtual address of the framebuffer; 0 if not given */
    vx_word screen_width;        /* pixels */
    vx_word screen_height;       /* pixels */
    vx_word screen_pitch;        /* bytes from one line to the next */
    vx_word screen_bpp;          /* bits of a pixel */
    vx_word entry;               /* where this process started */
    char reserved_78[8];
    char command_line[128];      /* ends with a zero */
    char names[32][16];          /* of the processes, in order */
};

/* What travels in registers: in with a trap, and out again. */
struct vx_message {
    vx_word info;    /* label, and how many words */
    vx_word word[4];
    vx_word badge;   /* out: of the capability that the sender used */
};

static inline vx_word vx_info(vx_word label, vx_word length)
{
    return label << VX_MESSAGE_LABEL_SHIFT | length;
}

/* Any trap that takes a capability and a message, and nothing in r12 or r13: Call, Send,
 * NBSend, Wait, NBWait. Returns the status. */
static inline vx_word vx_trap(vx_word trap, vx_word capability, struct vx_message *message)
{
    register vx_word word1 __asm__("r10") = message->word[1];
    register vx_word word2 __asm__("r8") = message->word[2];
    register vx_word word3 __asm__("r9") = message->word[3];

    __asm__ volatile("syscall" /* which loses rcx and r11 */
                     : "+a"(trap), "+D"(capability), "+S"(message->info),
                       "+d"(message->word[0]), "+r"(word1), "+r"(word2), "+r"(word3)
                     :
                     : "rcx", "r11", "memory", "cc");
    message->word[1] = word1;
    message->word[2] = word2;
    message->word[3] = word3;
    message->badge = capability;
    return trap;
}

/* Invoke a method with up to two words; *result, if not null, becomes the answer's first. */
static inline vx_word vx_call(vx_word capability, vx_word method, vx_word length, vx_word first,
                              vx_word second, vx_word *result)
{
    struct vx_message message = {vx_info(method, length), {first, second, 0, 0}, 0};
    vx_word status = vx_trap(VX_TRAP_CALL, capability, &message);

    if (result)
        *result = message.word[0];
    return status;
}

/* Wait for signals of a notification; return which there were. */
static inline vx_word vx_wait(vx_word notification)
{
    struct vx_message message = {0, {0, 0, 0, 0}, 0};

    vx_trap(VX_TRAP_WAIT, notification, &message);
    return message.badge;
}

static inline void vx_yield(void)
{
    struct vx_message message = {0, {0, 0, 0, 0}, 0};

    vx_trap(VX_TRAP_YIELD, 0, &message);
}

/* Write a byte to the debug console (port E9h); needs no capability. */
static inline vx_word vx_debug_put_char(char byte)
{
    struct vx_message message = {0, {0, 0, 0, 0}, 0};

    return vx_trap(VX_TRAP_DEBUG_PUT_CHAR, (unsigned char)byte, &message);
}

static inline vx_word vx_in8(vx_word capability, vx_word port, vx_word *value)
{
    return vx_call(capability, VX_METHOD_IO_PORT_IN8, 1, port, 0, value);
}

static inline vx_word vx_out8(vx_word capability, vx_word port, vx_word value)
{
    return vx_call(capability, VX_METHOD_IO_PORT_OUT8, 2, port, value, 0);
}

/* Send a byte over the serial line; needs the grant "console". */
static inline vx_word vx_console_put_char(char byte)
{
    vx_word line_status = 0, status;

    do { /* until bit 5 of the line status register: room for a byte (NS16550A) */
        status = vx_in8(VX_INIT_COM1, VX_PORT_COM1 + 5, &line_status);
    } while (!status && !(line_status & 0x20));
    return status ? status : vx_out8(VX_INIT_COM1, VX_PORT_COM1, (unsigned char)byte);
}

static inline vx_word vx_console_put_string(const char *text)
{
    vx_word status = 0;

    while (*text && !status)
        status = vx_console_put_char(*text++);
    return status;
}

/*
 * Where a program starts. Write VX_START(run); once, at file scope:
 *     void run(const struct vx_boot_info *info);
 * The kernel has made a stack. If run returns, the process sleeps for good.
 */
#define VX_START(function)                                   \
    __asm__(".pushsection .text\n"                           \
            ".global _start\n"                               \
            "_start: xor %ebp, %ebp\n" /* no frame above */  \
            "        call " #function "\n"                   \
            "        call vx_sleep\n"                        \
            ".popsection");                                  \
    __attribute__((noreturn, used)) static void vx_sleep(void) \
    {                                                        \
        for (;;)                                             \
            vx_wait(VX_INIT_NOTIFICATION);                   \
    }                                                        \
    _Static_assert(sizeof(vx_word) == 8, "x86-64 only")

#endif
