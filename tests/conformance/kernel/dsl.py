"""How cases are written: slots of the first thread, methods by name, and the set-up of threads.

    case("CNODE-001", "Copy derives a capability",
         retype(Type.ENDPOINT, A),
         copy(A, B), ...)

The first thread, ``root``, has every capability there is, and priority and maximum 200.
``root`` makes the other threads, ``a``, ``b`` and ``c``, which share its CNode and its
address space unless a case says otherwise, and have what they run with in the slots here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.conformance.kernel import host, puppet, script
from tests.conformance.kernel.step import (
    CALL,
    NB_RECV,
    NB_SEND,
    NB_WAIT,
    RECV,
    REPLY_RECV,
    SEND,
    WAIT,
    YIELD,
    Case,
    Expected,
    Kind,
    Step,
)
from vectoros.kernel import message
from vectoros.kernel.methods import METHODS
from vectoros.kernel.objects import ALL_RIGHTS, Right, Type
from vectoros.kernel.process_layout import Init

ROWS = {f"{row.object.name}.{row.name}": row for row in METHODS}

# -- slots of the first thread's CNode -------------------------------------------

TCB, CNODE, PML4 = int(Init.TCB), int(Init.CNODE), int(Init.PML4)
NTFN, EP, CONTEXT = int(Init.NOTIFICATION), int(Init.ENDPOINT), int(Init.SCHED_CONTEXT)
REPLY, POOL, LOG = int(Init.REPLY), int(Init.ASID_POOL), int(Init.AUDIT_LOG)
IRQ, PORT_CONTROL, ASID = int(Init.IRQ_CONTROL), int(Init.IO_PORT_CONTROL), int(Init.ASID_CONTROL)
SCHED, DOMAIN = int(Init.SCHED_CONTROL), int(Init.DOMAIN)
UNTYPED, DEVICE = host.UNTYPED, host.DEVICE
"""4 MiB of RAM and 2 MiB of a device's, of which nothing has been retyped."""

UNTYPED_BASE, UNTYPED_BITS = host.UNTYPED_AT, 22

FREE = range(96, 128)
"""Empty at first."""

A, B, C, D, E, F = FREE[:6]
THREAD_TCB = {"a": 48, "b": 49, "c": 50}
THREAD_CONTEXT = {"a": 51, "b": 52, "c": 53}
"""What :func:`thread` makes."""

THREAD_HANDLER = 59

CODE_FRAME, AREA_FRAMES = 128, 133
PAGES_PER_AREA = script.AREA_SIZE >> 12
"""Frames of the puppet; 129 to 131 are page tables, and 132 is what all threads share."""


def area(thread: str) -> int:
    """Return the address of a thread's area."""
    return puppet.AREAS + script.THREADS.index(thread) * script.AREA_SIZE


def buffer(thread: str) -> int:
    """Return the address of a thread's IPC buffer; the root's last page is for data."""
    return area(thread) + script.BUFFER


def buffer_frame(thread: str) -> int:
    """Return the slot of its frame."""
    return AREA_FRAMES + (script.THREADS.index(thread) + 1) * PAGES_PER_AREA - 1


# -- steps -------------------------------------------------------------------------


def invoke(slot: int, method: str, *arguments: int, more: tuple[int, ...] = ()) -> Step:
    """Call a method by its name in the table: words, then capabilities, in the row's order.

    ``more`` follows the words, where a method takes any number.
    """
    row = ROWS[method]
    count = len(row.arguments)
    if len(arguments) != count + len(row.capabilities):
        raise ValueError(f"{row.signature} has other arguments than {arguments}")
    words = (*arguments[:count], *more)
    step = Step(rax=CALL, rdi=slot, rsi=message.info(row.label, len(words)), words=words)
    return step.carrying(*arguments[count:]) if row.capabilities else step


def trap(
    number: int, rdi: int = 0, *words: int, label: int = 0, r12: int = 0, r13: int = 0
) -> Step:
    """Make a trap with a message."""
    info = message.info(label, len(words))
    return Step(rax=number, rdi=rdi, rsi=info, words=words, r12=r12, r13=r13)


def send(slot: int, *words: int, label: int = 0) -> Step:
    """Send a message, and wait until somebody has it."""
    return trap(SEND, slot, *words, label=label)


def nb_send(slot: int, *words: int, label: int = 0) -> Step:
    """Send a message to whoever waits for one."""
    return trap(NB_SEND, slot, *words, label=label)


def call(slot: int, *words: int, label: int = 0) -> Step:
    """Send a message, and wait for the answer."""
    return trap(CALL, slot, *words, label=label)


def recv(slot: int, reply: int = 0) -> Step:
    """Wait for a message, with a Reply object."""
    return trap(RECV, slot, r12=reply)


def nb_recv(slot: int, reply: int = 0) -> Step:
    """Take a message if there is one."""
    return trap(NB_RECV, slot, r12=reply)


def reply_recv(slot: int, *words: int, reply: int, label: int = 0) -> Step:
    """Answer, and wait for the next message."""
    return trap(REPLY_RECV, slot, *words, label=label, r12=reply)


def signal(slot: int) -> Step:
    """Signal a notification."""
    return trap(SEND, slot)


def wait(slot: int) -> Step:
    """Wait for signals."""
    return trap(WAIT, slot)


def poll(slot: int) -> Step:
    """Take what signals there are."""
    return trap(NB_WAIT, slot)


def pause() -> Step:
    """Let the others of the same priority run."""
    return Step(rax=YIELD)


def load(address: int) -> Step:
    """Read a word of memory."""
    return Step(Kind.LOAD, rdi=address, expected=Expected(words=()))


def store(address: int, word: int) -> Step:
    """Write a word of memory."""
    return Step(Kind.STORE, rax=word, rdi=address)


def spin(ticks: int, *, line: int | None = None) -> Step:
    """Let ``ticks`` pass, and interrupt ``line`` arrive in them."""
    return Step(Kind.SPIN, rax=ticks, line=line)


def undefined() -> Step:
    """Execute an undefined instruction."""
    return Step(Kind.UNDEFINED).blocks()


def use_fpu() -> Step:
    """Use an FPU register."""
    return Step(Kind.FPU)


# -- objects -----------------------------------------------------------------------


def retype(
    kind: Type | int, slot: int, *, bits: int = 0, count: int = 1, untyped: int | None = None
) -> Step:
    """Make ``count`` objects, with capabilities from ``slot`` on."""
    source = UNTYPED if untyped is None else untyped
    return invoke(source, "UNTYPED.Retype", kind, bits, 0, 0, slot, count, CNODE)


ALL = int(ALL_RIGHTS)
READ, WRITE, GRANT, GRANT_REPLY = map(
    int, (Right.READ, Right.WRITE, Right.GRANT, Right.GRANT_REPLY)
)


def copy(source: int, target: int, rights: int = ALL) -> Step:
    """Derive a capability in the root's CNode."""
    return invoke(CNODE, "CNODE.Copy", target, 64, source, 64, rights, CNODE)


def mint(source: int, target: int, badge: int, rights: int = ALL) -> Step:
    """Derive a badged one."""
    return invoke(CNODE, "CNODE.Mint", target, 64, source, 64, rights, badge, CNODE)


def move(source: int, target: int) -> Step:
    """Move a capability."""
    return invoke(CNODE, "CNODE.Move", target, 64, source, 64, CNODE)


def delete(slot: int) -> Step:
    """Empty a slot."""
    return invoke(CNODE, "CNODE.Delete", slot, 64)


def revoke(slot: int) -> Step:
    """Delete what was derived from a slot's capability."""
    return invoke(CNODE, "CNODE.Revoke", slot, 64)


def thread(
    name: str, priority: int = 100, *, run: bool = True, handler: int = 0, context: bool = True,
    slice_ticks: int = 20_000_000,
) -> tuple[Step, ...]:  # fmt: skip
    """Make a thread, and let it run when ``root`` does not."""
    tcb, sched = THREAD_TCB[name], THREAD_CONTEXT[name]
    control = int(Init.SCHED_CONTROL)
    made = [retype(Type.TCB, tcb)]
    made.append(invoke(tcb, "TCB.Configure", 0, 0, buffer(name), CNODE, PML4, buffer_frame(name)))
    if context:
        made.append(retype(Type.SCHED_CONTEXT, sched))
        made.append(
            invoke(control, "SCHED_CONTROL.Configure", slice_ticks, slice_ticks, 0, 0, 0, sched)
        )
    made.append(
        invoke(tcb, "TCB.SetSchedParams", priority, priority, TCB, sched if context else 0, handler)
    )
    made.append(start(name, run=run))
    return tuple(made)


def start(name: str, *, run: bool = True) -> Step:
    """Set the registers that the puppet starts with."""
    return invoke(
        THREAD_TCB[name], "TCB.WriteRegisters", int(run), 18,
        more=(label("puppet_thread"), 0, 2, 0, area(name), *(0,) * 12, buffer(name)),
    )  # fmt: skip


def label(name: str) -> int:
    """Return the address of a label of the puppet's code."""
    return puppet.labels()[name]


def handled(name: str, badge: int = 7, priority: int = 100) -> tuple[Step, ...]:
    """Make a thread whose faults go to the root's endpoint, with ``badge``."""
    return (mint(EP, THREAD_HANDLER, badge), *thread(name, priority, handler=THREAD_HANDLER))


Steps = Step | Iterable["Steps"]
"""A step, or any nest of lists of steps."""


def flat(steps: Steps) -> Iterator[Step]:
    """Yield the steps of a nest of lists."""
    if isinstance(steps, Step):
        yield steps
        return
    for each in steps:
        yield from flat(each)


def case(number: str, title: str, *steps: Steps) -> Case:
    """Write a case down."""
    return Case(f"VXT-{number}", title, tuple(flat(steps)))
