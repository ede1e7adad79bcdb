"""The methods of threads and of time: TCBs, scheduling contexts, domains."""

from __future__ import annotations

from vectoros.kernel.methods.row import row
from vectoros.kernel.objects import Type

_AUTHORITY = "InvalidCapability(1): the authority is no TCB"
_PRIORITY = "RangeError(0, MCP): the value is above the authority's maximum"
_HANDLER = (
    "is neither empty nor an endpoint with Write and one of Grant and GrantReply"
)  # fmt: skip
_ROOTS = (
    "IllegalOperation: the CSpace root is no CNode, or its guard does not fit",
    "IllegalOperation: the VSpace root is no PML4 that has an ASID",
)
_BUFFER = (
    "IllegalOperation: the frame is neither empty nor a 4 KiB frame of RAM with Read and Write",
    "AlignmentError: the address is not a multiple of 4096",
)
REGISTERS = (
    "rip", "rsp", "rflags", "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8", "r9", "r10",
    "r11", "r12", "r13", "r14", "r15", "fs_base", "gs_base",
)  # fmt: skip
"""In the order of ReadRegisters and WriteRegisters (seL4's)."""

_STATE = "state priority consumed fault fault_ip fault_address fault_code max_priority"
_STOPPED = "IllegalOperation: the thread is the caller, or is neither stopped nor in a fault"

THREADS = (
    row(Type.TCB, 1, "Suspend()", 6,
        "stop the thread; a system call that it waits in is made again when it resumes"),
    row(Type.TCB, 2, "Resume()", 6, "let the thread run; a trap that it waits in is made again"),
    row(Type.TCB, 3, "SetPriority(priority, authority*)", 6,
        "set the priority, to at most the maximum of the authority, a TCB",
        _AUTHORITY, _PRIORITY, audited=True),
    row(Type.TCB, 4, "WriteRegisters(flags, count)", 8,
        f"set the first count, 1 to {len(REGISTERS)}, of {', '.join(REGISTERS)}, which are the"
        " words from 2; resume the thread if bit 0 of flags is set. Of rflags, only the"
        " arithmetic flags, DF, TF and AC",
        _STOPPED, f"RangeError(1, {len(REGISTERS)}): count is something else",
        "TruncatedMessage: the message has not so many words",
        "RangeError(0, end of the lower half - 1): rip, rsp, fs_base or gs_base is not in it",
        audited=True),
    row(Type.TCB, 5, "Describe()", 6,
        "say what the thread does, the ticks that it has had, and what it faulted on last",
        results=f"{_STATE} process rip"),
    row(Type.TCB, 6, "ReadRegisters(flags, count)", 8,
        "answer the first count registers, as in WriteRegisters; suspend the thread first if bit 0"
        " of flags is set", "IllegalOperation: the thread is the caller",
        f"RangeError(1, {len(REGISTERS)}): count is something else", results="registers"),
    row(Type.TCB, 7, "CopyRegisters(flags, source*)", 8,
        "take the source's registers: rip, rsp and rflags if bit 2 of flags is set, the integer"
        " registers if bit 3 is; suspend the source if bit 0 is, resume the thread if bit 1 is",
        "InvalidCapability(1): the source is no TCB",
        "IllegalOperation: source or thread is the caller, or the thread is neither stopped nor in"
        " a fault", audited=True),
    row(Type.TCB, 8, "Configure(cspace_data, vspace_data, buffer, cspace*, vspace*,"
        " buffer_frame*)", 12, "set both roots and the IPC buffer. cspace_data is a guard, as in"
        " CNode.Mint, or 0; vspace_data is not looked at",
        *_ROOTS, *_BUFFER, audited=True),
    row(Type.TCB, 9, "SetMCPriority(mcp, authority*)", 6,
        "set the greatest priority that the thread may give", _AUTHORITY, _PRIORITY, audited=True),
    row(Type.TCB, 10, "SetSchedParams(mcp, priority, authority*, sched_context*, fault_ep*)", 12,
        "set priorities, scheduling context and fault handler at once; an empty capability takes"
        " away what was there", _AUTHORITY, "RangeError(0, MCP): mcp is above the authority's",
        "RangeError(0, MCP): priority is above the authority's",
        "InvalidCapability(2): sched_context is neither empty nor a scheduling context",
        "IllegalOperation: it is another thread's, or sched_context is empty and the thread is the"
        " caller", f"InvalidCapability(3): fault_ep {_HANDLER}", audited=True),
    row(Type.TCB, 11, "SetTimeoutEndpoint(timeout_ep*)", 6,
        "tell this endpoint when the thread has used its budget up; an empty one takes it away",
        f"InvalidCapability(1): it {_HANDLER}", audited=True),
    row(Type.TCB, 12, "SetIPCBuffer(buffer, frame*)", 6,
        "set the IPC buffer's frame, and where it is mapped; an empty one takes it away",
        *_BUFFER, audited=True),
    row(Type.TCB, 13, "SetSpace(cspace_data, vspace_data, fault_ep*, cspace*, vspace*)", 12,
        "set the fault handler and, as Configure does, both roots",
        f"InvalidCapability(1): fault_ep {_HANDLER}", *_ROOTS, audited=True),
    row(Type.TCB, 14, "BindNotification(notification*)", 6,
        "let the thread receive the notification's signals at endpoints, too",
        "IllegalOperation: the thread is bound", "InvalidCapability(1): no notification with Read",
        "IllegalOperation: the notification is bound, or somebody waits for it", audited=True),
    row(Type.TCB, 15, "UnbindNotification()", 6, "undo that",
        "IllegalOperation: the thread is not bound", audited=True),
    row(Type.TCB, 16, "SetTLSBase(address)", 4, "set the thread's FS base",
        "InvalidArgument(0): the address is not in the lower half"),
    row(Type.TCB, 17, "SetFlags(clear, set)", 4,
        "clear, then set, flags: bit 0 forbids the FPU", results="flags"),
    row(Type.TCB, 18, "SetPolicy(policy*)", 6,
        "let the policy decide what the thread may ask for",
        "InvalidCapability(1): no policy with Read",
        "IllegalOperation: the thread has a policy that forbids what this one allows",
        audited=True),
    row(Type.TCB, 19, "SetName(name0, name1)", 4,
        "name the thread, in at most 16 bytes, and count its generation up"),
    row(Type.SCHED_CONTEXT, 1, "Bind(object*)", 8,
        "give it to a thread, or to a notification, whose signals lend it to who waits for them",
        "InvalidCapability(1): neither a TCB nor a notification",
        "IllegalOperation: it is bound to such a thing, or that thing has one", audited=True),
    row(Type.SCHED_CONTEXT, 2, "Unbind()", 8, "take it from thread and notification",
        "IllegalOperation: the thread is the caller", audited=True),
    row(Type.SCHED_CONTEXT, 3, "UnbindObject(object*)", 8, "take it from this thread or"
        " notification", "InvalidCapability(1): neither a TCB nor a notification",
        "IllegalOperation: it is not bound to that, or that is the caller", audited=True),
    row(Type.SCHED_CONTEXT, 4, "Consumed()", 4,
        "say the ticks used since this was last asked, and start over", results="consumed"),
    row(Type.SCHED_CONTEXT, 5, "YieldTo()", 8,
        "let its thread run before the others of its priority, the caller included; say the ticks"
        " used as Consumed does",
        "IllegalOperation: no thread has it, or the caller does",
        "IllegalOperation: the thread's priority is above the caller's maximum",
        results="consumed"),
    row(Type.SCHED_CONTROL, 1, "Configure(budget, period, extra_refills, badge, flags,"
        " sched_context*)", 12, "let it have budget ticks in each period. Both equal: round robin,"
        " with budget as the time slice. badge is in its timeout messages; flags must be 0",
        "InvalidCapability(1): no scheduling context",
        "RangeError(least budget, greatest period): period is outside",
        "RangeError(least budget, period): budget is outside",
        "RangeError(0, refills that it has room for): extra_refills is above",
        "InvalidArgument(4): flags is not 0", audited=True),
    row(Type.DOMAIN, 1, "Set(domain, thread*)", 6, "move a thread to a domain",
        "InvalidArgument(0): there is no such domain", "InvalidArgument(1): no TCB", audited=True),
    row(Type.DOMAIN, 2, "ScheduleConfigure(index, domain, duration)", 6,
        "set an entry of the schedule: which domain runs, for how many ticks. Duration 0 ends the"
        " schedule there; of entry 0, it means for ever",
        "RangeError(0, 15): index is above",
        "RangeError(0, 3): there is no such domain",
        "RangeError(0, 2^56 - 1): duration is above",
        "InvalidArgument(2): duration is neither 0 nor at least the least budget",
        "InvalidArgument(2): duration is 0, and the schedule starts at this entry, which is not 0",
        audited=True),
    row(Type.DOMAIN, 3, "ScheduleSetStart(index)", 6, "start the schedule, now, at an entry",
        "RangeError(0, 15): index is above",
        "InvalidArgument(0): the entry, which is not 0, ends the schedule", audited=True),
)  # fmt: skip
