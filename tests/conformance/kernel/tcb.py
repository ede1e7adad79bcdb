"""Threads: what a TCB capability can do."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.kernel.dsl import (
    CNODE,
    CONTEXT,
    DEVICE,
    EP,
    NTFN,
    PML4,
    READ,
    TCB,
    THREAD_CONTEXT,
    THREAD_TCB,
    WRITE,
    A,
    B,
    C,
    buffer,
    buffer_frame,
    case,
    copy,
    delete,
    invoke,
    mint,
    nb_send,
    pause,
    poll,
    recv,
    retype,
    signal,
    start,
    thread,
    use_fpu,
    wait,
)
from tests.conformance.kernel.step import ANY, Case, Some, Step
from vectoros.kernel.errors import Error
from vectoros.kernel.objects import Type

T, SCHED_A = THREAD_TCB["a"], THREAD_CONTEXT["a"]
INACTIVE, RUNNING, RECEIVING, SENDING, CALLING, WAITING = range(6)
NEW = retype(Type.TCB, T)
HALF = 1 << 47


def describe(state: int, priority: int = 100, *, tcb: int = T, fault: int = 0,
             ip: int | Some = 0, address: int | Some = 0, code: int = 0,
             mcp: int = 100) -> Step:  # fmt: skip
    """Expect a thread to be in ``state``."""
    return invoke(tcb, "TCB.Describe").gives(
        state, priority, ANY, fault, ip, address, code, mcp, 0, ANY
    )


def configure(
    cspace_data: int = 0,
    vspace_data: int = 0,
    at: int = buffer("a"),
    cspace: int = CNODE,
    vspace: int = PML4,
    frame: int = buffer_frame("a"),
) -> Step:
    """Invoke Configure."""
    return invoke(T, "TCB.Configure", cspace_data, vspace_data, at, cspace, vspace, frame)


def write(count: int, *values: int, flags: int = 0, tcb: int = T) -> Step:
    """Invoke WriteRegisters."""
    return invoke(tcb, "TCB.WriteRegisters", flags, count, more=values)


def read(count: int, flags: int = 0, tcb: int = T) -> Step:
    """Invoke ReadRegisters."""
    return invoke(tcb, "TCB.ReadRegisters", flags, count)


def sched_params(mcp: int, priority: int, authority: int = TCB, context: int = SCHED_A,
                 handler: int = 0, tcb: int = T) -> Step:  # fmt: skip
    """Invoke SetSchedParams."""
    return invoke(tcb, "TCB.SetSchedParams", mcp, priority, authority, context, handler)


ROOTS = "the CSpace root", "the VSpace root"
BAD_HANDLERS = (copy(EP, A, READ), copy(EP, B, WRITE), copy(EP, C, READ | WRITE))


def _priorities(number: int, method: str) -> Iterator[Case]:
    name = f"TCB.{method}"
    yield case(
        f"TCB-{number:03}",
        f"{method}: the authority is no TCB",
        NEW,
        *(invoke(T, name, 1, slot).refused(Error.INVALID_CAPABILITY, 1) for slot in (EP, 127)),
    )
    yield case(
        f"TCB-{number + 1:03}",
        f"{method}: above the authority's maximum",
        NEW,
        *(
            invoke(T, name, value, TCB).refused(Error.RANGE_ERROR, 0, 200)
            for value in (201, 256, 1 << 63)
        ),
        invoke(T, name, 200, TCB),
        invoke(T, name, 1, T).refused(Error.RANGE_ERROR, 0, 0)
        if method == "SetPriority"
        else invoke(T, name, 201, T).refused(Error.RANGE_ERROR, 0, 200),
    )
    yield case(
        f"TCB-{number + 2:03}",
        f"{method}: a message that is too short",
        NEW,
        invoke(T, name, 1, TCB).cut(0),
        invoke(T, name, 1, TCB).bare(),
    )


CASES = (
    case("TCB-001", "a new thread is stopped, and has nothing",
         NEW, describe(INACTIVE, 0, mcp=0)),
    case("TCB-002", "a thread runs when root waits",
         thread("a"), wait(NTFN), signal(NTFN).from_("a").cut_off(), describe(RUNNING)),
    case("TCB-003", "a thread of higher priority runs at once",
         thread("a", 200, run=False), invoke(T, "TCB.Resume"), pause(), signal(NTFN).from_("a"),
         pause().from_("a").cut_off(), poll(NTFN)),
    case("TCB-004", "Suspend stops a thread; Resume lets it go on",
         thread("a"), invoke(T, "TCB.Suspend"), describe(INACTIVE),
         invoke(T, "TCB.Resume"), describe(RUNNING)),
    case("TCB-005", "Suspend of who waits, then Resume: it waits again",
         thread("a", 200), retype(Type.NOTIFICATION, B), pause(),
         wait(B).from_("a").gets(badge=0), describe(WAITING, 200, mcp=200),
         invoke(T, "TCB.Suspend"), describe(INACTIVE, 200, mcp=200), invoke(T, "TCB.Resume"),
         pause(), describe(WAITING, 200, mcp=200), signal(B), pause(),
         signal(NTFN).from_("a"), pause().from_("a").cut_off(), poll(NTFN)),
    case("TCB-010", "SetPriority decides who runs", thread("a", 50), thread("b", 60),
         invoke(T, "TCB.SetPriority", 70, TCB), wait(NTFN), signal(NTFN).from_("a").cut_off()),
    *_priorities(11, "SetPriority"),
    case("TCB-015", "SetMCPriority bounds what a thread may give",
         NEW, invoke(T, "TCB.SetMCPriority", 77, TCB), retype(Type.TCB, A),
         invoke(A, "TCB.SetPriority", 78, T).refused(Error.RANGE_ERROR, 0, 77),
         invoke(A, "TCB.SetPriority", 77, T)),
    *_priorities(16, "SetMCPriority"),
    case("TCB-020", "WriteRegisters and ReadRegisters agree",
         NEW, write(20, *range(0x1000, 0x1014)),
         read(20).gives(0x1000, 0x1001, ANY, *range(0x1003, 0x1014)),
         read(1).gives(0x1000)),
    case("TCB-021", "WriteRegisters sets no flags that are the kernel's",
         NEW, write(3, 0, 0, (1 << 64) - 1), read(3).gives(0, 0, 0x40FD7)),
    case("TCB-022", "WriteRegisters with bit 0 of flags lets the thread run",
         thread("a", run=False), start("a"), wait(NTFN), signal(NTFN).from_("a").cut_off()),
    case("TCB-023", "WriteRegisters: the caller, or a thread that runs",
         thread("a"), write(1, 0, tcb=TCB).refused(Error.ILLEGAL_OPERATION),
         write(1, 0).refused(Error.ILLEGAL_OPERATION), invoke(T, "TCB.Suspend"), write(1, 0)),
    case("TCB-024", "WriteRegisters: from 1 to 20 registers",
         NEW, *(write(count, 0, 0).refused(Error.RANGE_ERROR, 1, 20)
                for count in (0, 21, 1 << 63))),
    case("TCB-025", "WriteRegisters: the message has not so many words",
         NEW, write(3, 0, 0).refused(Error.TRUNCATED_MESSAGE), write(2, 0).refused(
             Error.TRUNCATED_MESSAGE), write(1).cut(1)),
    case("TCB-026", "WriteRegisters: an address that is not in the lower half",
         NEW, *(write(20, *(HALF if at == index else 0 for index in range(20))).refused(
             Error.RANGE_ERROR, 0, HALF - 1, because="rip") for at in (0, 1, 18, 19)),
         write(20, *(0 if at in (0, 1, 18, 19) else HALF for at in range(20)))),
    case("TCB-027", "ReadRegisters with bit 0 of flags stops the thread first",
         thread("a"), read(1, 1).gives(ANY), describe(INACTIVE)),
    case("TCB-028", "ReadRegisters: the caller",
         read(1, tcb=TCB).refused(Error.ILLEGAL_OPERATION)),
    case("TCB-029", "ReadRegisters: from 1 to 20 registers",
         NEW, *(read(count).refused(Error.RANGE_ERROR, 1, 20) for count in (0, 21)),
         read(1).cut(1)),
    case("TCB-030", "CopyRegisters copies what flags say",
         NEW, retype(Type.TCB, A), write(20, *range(0x1000, 0x1014)),
         invoke(A, "TCB.CopyRegisters", 4, T), read(4, tcb=A).gives(0x1000, 0x1001, ANY, 0),
         invoke(A, "TCB.CopyRegisters", 8, T),
         read(18, tcb=A).gives(0x1000, 0x1001, ANY, *range(0x1003, 0x1012))),
    case("TCB-031", "CopyRegisters stops the source and starts the thread",
         thread("a"), thread("b", run=False), invoke(THREAD_TCB["b"], "TCB.CopyRegisters", 1, T),
         describe(INACTIVE), describe(INACTIVE, tcb=THREAD_TCB["b"]),
         invoke(THREAD_TCB["b"], "TCB.CopyRegisters", 2, T), describe(RUNNING, tcb=49)),
    case("TCB-032", "CopyRegisters: the source is no TCB",
         NEW, *(invoke(T, "TCB.CopyRegisters", 4, slot).refused(Error.INVALID_CAPABILITY, 1)
                for slot in (EP, 127))),
    case("TCB-033", "CopyRegisters: the caller is one of the two, or the thread runs",
         NEW, invoke(T, "TCB.CopyRegisters", 4, TCB).refused(Error.ILLEGAL_OPERATION),
         invoke(TCB, "TCB.CopyRegisters", 4, T).refused(Error.ILLEGAL_OPERATION),
         thread("b"),
         invoke(THREAD_TCB["b"], "TCB.CopyRegisters", 4, T).refused(Error.ILLEGAL_OPERATION)),
    case("TCB-034", "CopyRegisters: a message that is too short",
         NEW, invoke(T, "TCB.CopyRegisters", 4, T).cut(0),
         invoke(T, "TCB.CopyRegisters", 4, T).bare()),
    case("TCB-040", "Configure: the CSpace root is no CNode, or its guard does not fit",
         NEW, configure(cspace=EP).refused(Error.ILLEGAL_OPERATION, because=ROOTS[0]),
         configure(cspace=127).refused(Error.ILLEGAL_OPERATION, because=ROOTS[0]),
         configure(57).refused(Error.ILLEGAL_OPERATION, because=ROOTS[0]),
         configure(1 << 6).refused(Error.ILLEGAL_OPERATION, because=ROOTS[0]), configure(56)),
    case("TCB-041", "Configure: the VSpace root is no PML4 that has an identifier",
         NEW, retype(Type.PML4, A), *(configure(vspace=slot).refused(
             Error.ILLEGAL_OPERATION, because=ROOTS[1]) for slot in (A, EP, 127))),
    case("TCB-042", "Configure: the frame is none for a buffer",
         NEW, copy(buffer_frame("a"), A, READ), retype(Type.FRAME, B, bits=12, untyped=DEVICE),
         retype(Type.FRAME, C, bits=21),
         *(configure(frame=slot).refused(Error.ILLEGAL_OPERATION, because="the frame")
           for slot in (A, B, C, EP))),
    case("TCB-043", "Configure: the buffer's address is not a multiple of 4096",
         NEW, configure(at=buffer("a") + 8).refused(Error.ALIGNMENT_ERROR)),
    case("TCB-044", "Configure: a message that is too short", NEW, configure().cut(2),
         configure().bare()),
    case("TCB-045", "Configure without a frame: the thread has no buffer",
         NEW, configure(at=0, frame=127), configure()),
    case("TCB-050", "SetSchedParams sets priorities, context and handler",
         thread("a", run=False), sched_params(90, 80), describe(INACTIVE, 80, mcp=90)),
    case("TCB-051", "SetSchedParams: the authority is no TCB",
         thread("a", run=False), sched_params(1, 1, EP).refused(Error.INVALID_CAPABILITY, 1)),
    case("TCB-052", "SetSchedParams: mcp is above the authority's maximum",
         thread("a", run=False), sched_params(201, 1).refused(
             Error.RANGE_ERROR, 0, 200, because="mcp")),
    case("TCB-053", "SetSchedParams: priority is above the authority's maximum",
         thread("a", run=False), sched_params(1, 201).refused(
             Error.RANGE_ERROR, 0, 200, because="priority")),
    case("TCB-054", "SetSchedParams: what is given is no scheduling context",
         thread("a", run=False), sched_params(1, 1, context=EP).refused(
             Error.INVALID_CAPABILITY, 2)),
    case("TCB-055", "SetSchedParams: the context is another thread's, or the caller's is taken",
         thread("a", run=False), sched_params(1, 1, context=CONTEXT).refused(
             Error.ILLEGAL_OPERATION),
         sched_params(200, 200, context=127, tcb=TCB).refused(Error.ILLEGAL_OPERATION)),
    case("TCB-056", "SetSchedParams: the handler is none",
         thread("a", run=False), *BAD_HANDLERS,
         *(sched_params(1, 1, handler=slot).refused(Error.INVALID_CAPABILITY, 3)
           for slot in (A, B, C, NTFN)), sched_params(1, 1, handler=EP)),
    case("TCB-057", "SetSchedParams: a message that is too short",
         thread("a", run=False), sched_params(1, 1).cut(1), sched_params(1, 1).bare()),
    case("TCB-060", "SetTimeoutEndpoint: what is given cannot be told",
         NEW, *BAD_HANDLERS,
         *(invoke(T, "TCB.SetTimeoutEndpoint", slot).refused(Error.INVALID_CAPABILITY, 1)
           for slot in (A, B, C, NTFN)),
         invoke(T, "TCB.SetTimeoutEndpoint", EP), invoke(T, "TCB.SetTimeoutEndpoint", 127),
         invoke(T, "TCB.SetTimeoutEndpoint", EP).bare()),
    case("TCB-061", "SetIPCBuffer: the frame is none for a buffer",
         NEW, retype(Type.FRAME, B, bits=12, untyped=DEVICE),
         *(invoke(T, "TCB.SetIPCBuffer", 0, slot).refused(Error.ILLEGAL_OPERATION)
           for slot in (B, EP))),
    case("TCB-062", "SetIPCBuffer: the address is not a multiple of 4096",
         NEW, invoke(T, "TCB.SetIPCBuffer", 8, buffer_frame("a")).refused(Error.ALIGNMENT_ERROR),
         invoke(T, "TCB.SetIPCBuffer", buffer("a"), buffer_frame("a")),
         invoke(T, "TCB.SetIPCBuffer", buffer("a"), buffer_frame("a")).cut(0)),
    case("TCB-063", "SetSpace: the handler is none",
         NEW, *BAD_HANDLERS,
         *(invoke(T, "TCB.SetSpace", 0, 0, slot, CNODE, PML4).refused(
             Error.INVALID_CAPABILITY, 1) for slot in (A, B, C, NTFN)),
         invoke(T, "TCB.SetSpace", 0, 0, EP, CNODE, PML4)),
    case("TCB-064", "SetSpace: the CSpace root is no CNode",
         NEW, invoke(T, "TCB.SetSpace", 0, 0, EP, EP, PML4).refused(
             Error.ILLEGAL_OPERATION, because=ROOTS[0])),
    case("TCB-065", "SetSpace: the VSpace root is no PML4 that has an identifier",
         NEW, retype(Type.PML4, A), invoke(T, "TCB.SetSpace", 0, 0, EP, CNODE, A).refused(
             Error.ILLEGAL_OPERATION, because=ROOTS[1])),
    case("TCB-066", "SetSpace: a message that is too short",
         NEW, invoke(T, "TCB.SetSpace", 0, 0, EP, CNODE, PML4).cut(1),
         invoke(T, "TCB.SetSpace", 0, 0, EP, CNODE, PML4).bare()),
    case("TCB-067", "a thread in a CNode of its own has other addresses",
         thread("a", run=False), retype(Type.CNODE, A, bits=8),
         invoke(A, "CNODE.Copy", 7, 8, NTFN, 64, 15, CNODE),
         invoke(T, "TCB.SetSpace", 56, 0, 127, A, PML4), start("a"),
         wait(NTFN), signal(7).from_("a").cut_off()),
    case("TCB-070", "BindNotification lets a thread get signals at endpoints",
         invoke(TCB, "TCB.UnbindNotification"),
         invoke(TCB, "TCB.BindNotification", NTFN), mint(NTFN, A, 6), signal(A),
         recv(EP).gets(badge=6)),
    case("TCB-071", "BindNotification: the thread is bound",
         invoke(TCB, "TCB.BindNotification", NTFN).refused(
             Error.ILLEGAL_OPERATION, because="the thread"),
         invoke(TCB, "TCB.BindNotification", EP).refused(
             Error.ILLEGAL_OPERATION, because="the thread")),
    case("TCB-072", "BindNotification: no notification with Read",
         NEW, copy(NTFN, A, WRITE), *(invoke(T, "TCB.BindNotification", slot).refused(
             Error.INVALID_CAPABILITY, 1) for slot in (A, EP, 127))),
    case("TCB-073", "BindNotification: the notification is bound, or somebody waits for it",
         NEW, invoke(T, "TCB.BindNotification", NTFN).refused(
             Error.ILLEGAL_OPERATION, because="the notification"),
         thread("b", 200), retype(Type.NOTIFICATION, B), pause(), wait(B).from_("b").blocks(),
         invoke(T, "TCB.BindNotification", B).refused(
             Error.ILLEGAL_OPERATION, because="the notification"),
         invoke(T, "TCB.BindNotification", B).bare()),
    case("TCB-074", "UnbindNotification: the thread is not bound",
         invoke(TCB, "TCB.UnbindNotification"),
         invoke(TCB, "TCB.UnbindNotification").refused(Error.ILLEGAL_OPERATION)),
    case("TCB-080", "SetTLSBase sets FS base",
         NEW, invoke(T, "TCB.SetTLSBase", HALF - 1),
         read(19).gives(*(0,) * 2, ANY, *(0,) * 15, HALF - 1)),
    case("TCB-081", "SetTLSBase: the address is not in the lower half",
         NEW, *(invoke(T, "TCB.SetTLSBase", address).refused(Error.INVALID_ARGUMENT, 0)
                for address in (HALF, (1 << 64) - 1)), invoke(T, "TCB.SetTLSBase", 0).cut(0)),
    case("TCB-082", "SetFlags clears, then sets, and answers what there is",
         NEW, invoke(T, "TCB.SetFlags", 0, 0).gives(0), invoke(T, "TCB.SetFlags", 0, 1).gives(1),
         invoke(T, "TCB.SetFlags", 1, 1).gives(1), invoke(T, "TCB.SetFlags", 1, 0).gives(0),
         invoke(T, "TCB.SetFlags", 0, 1 << 63).gives(0), invoke(T, "TCB.SetFlags", 0, 0).cut(1)),
    case("TCB-083", "a thread without the FPU faults when it uses it",
         thread("a"), invoke(T, "TCB.SetFlags", 0, 1).gives(1), wait(NTFN).blocks(),
         use_fpu().from_("a").blocks()),
    case("TCB-084", "a thread may use the FPU", thread("a"), wait(NTFN), use_fpu().from_("a"),
         signal(NTFN).from_("a").cut_off(), use_fpu()),
    case("TCB-085", "SetName names a thread",
         NEW, invoke(T, "TCB.SetName", 0x6F72617A, 0), invoke(T, "TCB.SetName", 0, 0).cut(1)),
    case("TCB-090", "Delete of a thread's last capability ends it",
         thread("a"), delete(T), nb_send(T).invalid(), wait(NTFN).blocks()),
    case("TCB-091", "a copy of its capability keeps a thread alive",
         thread("a"), copy(T, A), delete(T), wait(NTFN), signal(NTFN).from_("a").cut_off()),
    case("TCB-092", "a thread that ends itself is gone",
         thread("a", 200), pause(), delete(T).from_("a").blocks(), poll(NTFN)),
    case("TCB-093", "a thread that suspends itself goes on behind its trap",
         thread("a", 200), pause(), invoke(T, "TCB.Suspend").from_("a"), describe(
             INACTIVE, 200, mcp=200), invoke(T, "TCB.Resume"), pause(), signal(NTFN).from_("a"),
         pause().from_("a").cut_off(), poll(NTFN)),
)  # fmt: skip
