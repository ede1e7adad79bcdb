"""What the kernel's services cost, with 10 processes and with 1,000.

Loops in ring 3 (``programs/kernel.S``) ask for one thing again and again, each in a process
of its own; ``ipc.same`` is two threads of one process. The number is CPU time of the host
for one pass, or half a pass where that is two of the thing. Of traps that a loop mixes, it is
the time in the kernel and, added to each, an equal share of what is left of the pass.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from statistics import median

from benchmarks.programs.kernel_lab import ENDPOINT, FREE, OTHER, Lab, Step, Stopwatch
from vectoros.alloc import Memory
from vectoros.bench import Row, ratio_row, row
from vectoros.cpu.selftest import fast_engine_checks
from vectoros.kernel.methods import label
from vectoros.kernel.objects import ALL_RIGHTS, READ_WRITE, Type
from vectoros.kernel.process_layout import Init
from vectoros.kernel.ring import MAGIC, RING
from vectoros.kernel.tcb import Tcb
from vectoros.units import GIB, PAGE_SIZE

POPULATIONS = (10, 1000)
ROUNDS, SLICE = 15, "4ms"
TARGETS_NS = {
    "ipc.fast.different": 2000.0,
    "ipc.fast.same": 500.0,
    "ipc.slow.different": 15_000.0,
    "ipc.slow.same": 15_000.0,
    "null": 3000.0,
    "switch": 10_000.0,
    "retype": 15_000.0,
}
"""What each is to cost less than (issue and design: section 11 of the kernel's)."""

SCALE = 1 / 1.2
"""What is left of each speed with 1,000 processes, at least."""

SLOW = 1 << 11
"""In a message info: a bit that means nothing to who sends, and that the fast path refuses."""

PAGES = 0x5000_0000
"""Where pages are mapped: nothing else is in those 2 MiB."""

DESCENDANTS = 60


def measure(quick: bool) -> list[Row]:
    """Return the rows: each service for each population."""
    rows: dict[tuple[str, int], list[float]] = {}
    engine = "fast" if fast_engine_checks()[-1].ok else "portable"
    populations = (3, 10) if quick else POPULATIONS
    rounds, slice_ = (1, "300us") if quick else (ROUNDS, SLICE)
    for count in populations:
        lab = Lab(engine, count)
        for name, question in QUESTIONS.items():
            lab.fresh()
            for part, samples in question(lab, rounds, slice_).items():
                rows[part or name, count] = samples
        lab.close()
    few, many = populations
    made = [
        row(f"kernel.{name}.{count}", "ns", samples, "CPU time with so many processes",
            target=TARGETS_NS.get(name))
        for (name, count), samples in rows.items()
    ]  # fmt: skip
    names = [name for name, count in rows if count == few]
    scale = [
        ratio_row(
            f"kernel.scale.{name}",
            [1 / median(rows[name, many])],
            (f"kernel.{name}.{few}", [1 / median(rows[name, few])]),
            SCALE,
        )
        for name in names
    ]
    return [*made, *scale, *_allocation(quick)]


Answer = dict[str, list[float]]
Question = Callable[[Lab, int, str], Answer]


def _per_pass(lab: Lab, rounds: int, slice_: str, counters: list[Tcb], each: float) -> list[float]:
    """Return the time of one thing, of which there are ``each`` in a pass."""
    lab.machine.run(for_=slice_)
    samples = []
    for _ in range(rounds):
        before, start = sum(map(lab.passes, counters)), time.thread_time_ns()
        lab.machine.run(for_=slice_)
        spent = time.thread_time_ns() - start
        samples.append(spent / ((sum(map(lab.passes, counters)) - before) * each))
    return samples


def _ipc(same: bool, info: int) -> Question:
    def ask(lab: Lab, rounds: int, slice_: str) -> Answer:
        client = lab.process("client", rbx=info)
        if same:
            server = lab.thread(client, "server", passive=True, rbx=info)
        else:
            server = lab.process("server", passive=True, rbx=info)
        endpoint = lab.slot(server, Init.ENDPOINT)  # that which BOOT makes beside its thread
        lab.share(endpoint, server, ENDPOINT)
        if not same:
            lab.share(endpoint, client, ENDPOINT).badge = 7
        lab.settle(server)
        lab.start(client)
        return {"": _per_pass(lab, rounds, slice_, [client], 2)}

    return ask


def _null(lab: Lab, rounds: int, slice_: str) -> Answer:
    thread = lab.process("yielder")
    lab.start(thread)
    return {"": _per_pass(lab, rounds, slice_, [thread], 1)}


def _switch(lab: Lab, rounds: int, slice_: str) -> Answer:
    threads = [lab.process("yielder"), lab.process("yielder")]
    for thread in threads:
        lab.start(thread)
    return {"": _per_pass(lab, rounds, slice_, threads, 1)}


def _notification(lab: Lab, rounds: int, slice_: str) -> Answer:
    """Each of two threads signals the other, and waits: half a pass is a signal and a wait."""
    one, other = lab.process("signaller"), lab.process("signaller")
    for thread, peer in ((one, other), (other, one)):
        lab.share(lab.slot(peer, Init.NOTIFICATION), thread, ENDPOINT).badge = 1
        lab.share(lab.slot(thread, Init.NOTIFICATION), thread, OTHER)
    for thread in (one, other):
        lab.start(thread)
    return {"": _per_pass(lab, rounds, slice_, [one, other], 1)}


def _script(
    lab: Lab, rounds: int, slice_: str, thread: Tcb, steps: list[Step]
) -> dict[int, list[float]]:
    """Return the time of each trap of a script, by label: in the kernel, and the way.

    The whole is measured without the stopwatch, which takes a microsecond of each trap itself.
    """
    lab.script(thread, steps)
    lab.start(thread)
    total = _per_pass(lab, rounds, slice_, [thread], 1)
    watch = Stopwatch(lab)
    _per_pass(lab, rounds, slice_, [thread], 1)
    if refused := lab.failures(thread):
        raise RuntimeError(f"a Call of the script was refused: {refused:#x}")
    kernel = sum(map(sum, watch.times.values()))
    passes = len(watch.times[steps[0].label]) / sum(step.label == steps[0].label for step in steps)
    way = max(0.0, median(total) - kernel / passes) / len(steps)
    return {key: [own + way for own in times] for key, times in watch.times.items()}


def _map(lab: Lab, rounds: int, slice_: str) -> Answer:
    thread = lab.process("script")
    lab.make(thread, FREE + 8, Type.FRAME, 12)
    lab.map(thread, lab.make(thread, FREE + 9, Type.FRAME, 12), PAGES)  # with the tables there
    lab.buffer(thread, Init.PML4)
    mapping, unmapping = label(Type.FRAME, "Map"), label(Type.FRAME, "Unmap")
    steps = [
        Step(FREE + 8, mapping, (PAGES + PAGE_SIZE, READ_WRITE, 0), 1),
        Step(FREE + 8, unmapping, (), 0),
    ]
    times = _script(lab, rounds, slice_, thread, steps)
    return {"map": times[mapping], "unmap": times[unmapping]}


def _retype(lab: Lab, rounds: int, slice_: str) -> Answer:
    thread = lab.process("script")
    lab.make(thread, FREE + 8, Type.UNTYPED, 12)
    lab.buffer(thread, Init.CNODE)
    retyping, deleting = label(Type.UNTYPED, "Retype"), label(Type.CNODE, "Delete")
    target = FREE + 9
    steps = [
        Step(FREE + 8, retyping, (Type.FRAME, 12, 0, 0, target, 1), 1),
        Step(Init.CNODE, deleting, (target, 64), 0),
    ]
    times = _script(lab, rounds, slice_, thread, steps)
    return {"retype": times[retyping], "delete": times[deleting]}


def _revoke(lab: Lab, rounds: int, slice_: str) -> Answer:
    thread = lab.process("script")
    source = FREE + 8
    lab.make(thread, source, Type.ENDPOINT)
    lab.buffer(thread, Init.CNODE)
    copying, revoking = label(Type.CNODE, "Copy"), label(Type.CNODE, "Revoke")
    copies = [
        Step(Init.CNODE, copying, (source + 1 + n, 64, source, 64, ALL_RIGHTS), 1)
        for n in range(DESCENDANTS)
    ]
    steps = [*copies, Step(Init.CNODE, revoking, (source, 64), 0)]
    times = _script(lab, rounds, slice_, thread, steps)
    passes = len(times[copying]) / DESCENDANTS
    each = sum(times[revoking]) / passes / DESCENDANTS
    return {"copy": times[copying], "revoke.descendant": [each]}


def _publish(lab: Lab, rounds: int, slice_: str) -> Answer:
    """All the others are subscribers: they wait for the notification of the channel."""
    thread = lab.process("publisher", rbx=PAGES)
    channel = lab.make(thread, FREE + 8, Type.CHANNEL, 12)
    header = (MAGIC, 0x6863_6E65_62, 0, 8, (PAGE_SIZE - RING) // 8)
    lab.ram.write(channel.object, struct.pack("<5Q", *header))
    lab.map(thread, channel, PAGES)
    lab.start(thread)
    return {"": _per_pass(lab, rounds, slice_, [thread], 1)}


QUESTIONS: dict[str, Question] = {
    "ipc.fast.different": _ipc(False, 0),
    "ipc.fast.same": _ipc(True, 0),
    "ipc.slow.different": _ipc(False, SLOW),
    "ipc.slow.same": _ipc(True, SLOW),
    "null": _null,
    "switch": _switch,
    "notification": _notification,
    "map": _map,
    "retype": _retype,
    "revoke": _revoke,
    "publish": _publish,
}


def _allocation(quick: bool) -> list[Row]:
    """Return the cost of a frame from the library: usually, and at worst.

    Every run takes the same frames. What the host adds to one call of one run is not in
    the least time of that call over all runs; the worst of these is the library's own.
    """
    count, runs = (2_000, 2) if quick else (40_000, 9)
    times: list[list[int]] = []
    for _ in range(runs):
        memory, samples = Memory([[(0, 4 * GIB)]], [[10]]), []
        for _ in range(count):
            start = time.perf_counter_ns()
            memory.page()
            samples.append(time.perf_counter_ns() - start)
        times.append(samples)
    least = [float(min(each)) for each in zip(*times, strict=True)]
    how = f"host time of a call, the least of {runs} runs"
    return [
        row("kernel.alloc.page", "ns", least, how, target=1000.0),
        row("kernel.alloc.worst", "ns", [max(least)], how, target=5000.0),
    ]
