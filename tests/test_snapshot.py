"""Snapshots in memory and the state hash; test_determinism.py runs guests through them."""

from __future__ import annotations

import copy
import gc
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vectoros import Machine
from vectoros.config import Config
from vectoros.cpu.selftest import fast_engine_checks, reset_real_mode
from vectoros.layout import IRQS, VIDEO_MEMORY, port_area
from vectoros.pc import Milestone, Pc
from vectoros.snapshot import Snapshot, SnapshotError
from vectoros.units import MIB

ENGINES = ("fast", "portable") if fast_engine_checks()[-1].ok else ("portable",)
ORIGIN = 0x7C00
EXIT = port_area("exit").base
COM1 = port_area("com1").base
SPIN = b"\xeb\xfe"  # jmp to itself


def make(engine: str = "portable", memory: int = MIB) -> Machine:
    """Return a machine whose guest does nothing for ever."""
    machine = Machine(Config(memory, engine))
    machine.memory.write(ORIGIN, SPIN)
    reset_real_mode(machine.cpu, ORIGIN)
    machine.pc.cpu.registers_changed()
    machine.run(until_tick=1_000)
    return machine


@pytest.fixture(scope="module")
def shared() -> Iterator[Machine]:
    """A machine that no test leaves changed."""
    with make() as machine:
        yield machine


# The state hash.


def test_looking_changes_nothing(shared: Machine) -> None:
    before = shared.state_hash()
    assert shared.state_hash() == before
    shared.snapshot()
    shared.pc.board.state()
    assert shared.state_hash() == before
    assert re.fullmatch("[0-9a-f]{64}", before)


def test_machines_that_did_the_same_have_the_same_hash_on_every_engine() -> None:
    hashes = set()
    for engine in ENGINES * 2:
        with make(engine) as machine:
            hashes.add(machine.state_hash())
    assert len(hashes) == 1


def press(machine: Machine) -> None:
    machine.pc.board.port_write(COM1 + 1, 1, 1)


GUEST_VISIBLE: dict[str, Callable[[Machine], object]] = {
    "a byte of RAM": lambda m: m.memory.write(0xFFFFF, b"\1"),
    "a byte that moved to another page": lambda m: m.memory.write(0x2000, b"\1"),
    "a byte of video memory": lambda m: m.memory.write(VIDEO_MEMORY.last, b"\1"),
    "a register": lambda m: m.cpu.gpr.__setitem__(3, 1),
    "the flags": lambda m: setattr(m.cpu, "rflags", m.cpu.rflags ^ 1),
    "a pending NMI": lambda m: setattr(m.pc.cpu, "nmi_pending", True),
    "the clock": lambda m: m.clock.set(1_001),
    "a device's register": press,
    "a byte on its way in": lambda m: m.serial.send("x"),
    "a halted CPU": lambda m: setattr(m.pc.board, "halted", True),
    "an end": lambda m: m.pc.board.port_write(EXIT, 1, 7),
    "another end": lambda m: m.pc.board.port_write(EXIT, 1, 8),
}


def test_whatever_the_guest_can_see_counts() -> None:
    hashes = {}
    with make() as machine:
        start = machine.snapshot()
        hashes["nothing"] = machine.state_hash()
        for name, change in GUEST_VISIBLE.items():
            machine.restore(start)
            change(machine)
            hashes[name] = machine.state_hash()
    assert len(set(hashes.values())) == len(hashes), hashes


def test_what_only_the_host_can_see_does_not_count(shared: Machine) -> None:
    before = shared.state_hash()
    board = shared.pc.board
    board.port_read(EXIT, 1)  # an error of the guest, counted
    board.port_read(0x9999, 4)
    board.mmio_read(1 << 39, 8)
    board.interrupts += 1
    board.slice_ticks = 7_777
    shared.pc.serial.output += b"x"
    shared.milestones.append(Milestone(1, "x"))
    assert sum(device.guest_errors for device in shared.pc.devices) > 0
    assert shared.state_hash() == before
    shared.milestones.clear()
    shared.pc.serial.output.clear()


# Going back.


@pytest.mark.parametrize("engine", ENGINES)
def test_a_restored_machine_is_what_it_was(engine: str) -> None:
    with make(engine) as machine:
        machine.pc.serial.output += b"before"
        machine.milestones.append(Milestone(7, "before"))
        machine.pc.cpu.nmi_pending = True
        machine.memory.write(0x1234, b"before")
        saved, before = machine.snapshot(), machine.state_hash()
        assert saved.tick == machine.clock.now
        for change in GUEST_VISIBLE.values():
            change(machine)
        machine.pc.serial.output += b" and after"
        machine.milestones.append(Milestone(8, "after"))
        assert machine.state_hash() != before
        machine.restore(saved)
        assert machine.state_hash() == before
        assert machine.serial.text == "before"
        assert machine.milestones == [Milestone(7, "before")]
        assert machine.memory.read(0x1234, 6) == b"before"
        machine.run(until_tick=2_000)


def test_a_snapshot_is_not_changed_by_what_comes_after(shared: Machine) -> None:
    saved = shared.snapshot()
    state, pages = copy.deepcopy(saved.state), saved.ram.contents()
    with make() as other:
        other.restore(saved)
        other.memory.write(ORIGIN, b"\xf4")
        other.pc.board.port_write(COM1 + 7, 1, 0x5A)
        other.run(until_tick=2_000)
    assert saved.state == state
    assert saved.ram.contents() == pages
    assert pages[ORIGIN // 4096].rstrip(b"\0").endswith(SPIN)


@pytest.mark.parametrize("engine", ENGINES)
def test_code_that_was_translated_is_forgotten_when_its_page_goes_back(engine: str) -> None:
    with make(engine) as machine:
        machine.memory.write(ORIGIN, b"\x40" + SPIN)  # inc ax; jmp to itself
        machine.cpu.rip = ORIGIN
        machine.pc.cpu.registers_changed()
        saved = machine.snapshot()
        machine.memory.write(ORIGIN, b"\x41")  # inc cx
        machine.run(for_=100)
        assert (machine.cpu.gpr[0], machine.cpu.gpr[1]) == (0, 1)
        machine.restore(saved)
        machine.run(for_=100)
        assert (machine.cpu.gpr[0], machine.cpu.gpr[1]) == (1, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_closed_machines_and_their_snapshots_leave_nothing_behind() -> None:
    gc.collect()
    before = os.listdir("/proc/self/fd")
    for engine in ENGINES * 2:
        with make(engine) as machine:
            machine.memory.ram.array[:] = 1
            saved = machine.snapshot()
            machine.restore(saved)
    del machine, saved
    gc.collect()
    assert os.listdir("/proc/self/fd") == before


# Refusals: a sentence, and the machine is what it was.


def refused(machine: Machine, saved: Snapshot) -> str:
    """Return why ``machine`` refuses ``saved``, which must change nothing."""
    before, text = machine.state_hash(), machine.serial.text
    with pytest.raises(SnapshotError) as refusal:
        machine.restore(saved)
    assert machine.state_hash() == before
    assert machine.serial.text == text
    assert refusal.value.status == 65
    return str(refusal.value)


def test_a_snapshot_of_another_machine_is_refused(shared: Machine) -> None:
    with make(memory=2 * MIB) as larger:
        saved = larger.snapshot()
        assert refused(shared, saved) == (
            "the snapshot is of another machine: its memory is 2097152, and this one's is 1048576"
        )
    mine = shared.snapshot()
    named = replace(mine, name="saved.vxs", fingerprint={**mine.fingerprint, "disk_sectors": 9})
    assert refused(shared, named) == (
        "saved.vxs is of another machine: its disk_sectors is 9, and this one's is 0"
    )
    fewer = replace(mine, fingerprint={"memory": MIB, "disk_sectors": 0, "command_line": ""})
    assert refused(shared, fewer).startswith(
        "the snapshot is of another machine: its devices is None, and this one's is ['pic1:Pic'"
    )


def changed(saved: Snapshot, path: str, value: object) -> Snapshot:
    """Return ``saved`` with ``value`` at ``path``; None removes what is there."""
    state = copy.deepcopy(saved.state)
    *outer, last = path.split(".")
    table: Any = state
    for name in outer:
        table = table[name]
    if value is None:
        del table[last]
    else:
        table[last] = value
    return replace(saved, state=state, trusted=False)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("tick", None, "state.tick is missing"),
        ("tick", -1, "state.tick must be a whole number from 0 to 4611686018427387904, not -1"),
        ("tick", 1 << 63, "state.tick must be a whole number from 0 to"),
        ("more", 0, "state.more is not known"),
        ("cpu", None, "state.cpu is missing"),
        ("cpu", 7, "cpu.nmi_pending must be true or false"),
        ("cpu.nmi_pending", None, "cpu.nmi_pending must be true or false"),
        ("cpu.nmi_pending", 1, "cpu.nmi_pending must be true or false"),
        ("cpu.rip", None, "cpu.rip must be"),
        ("cpu.gpr", [0] * 15, "cpu.gpr must be 16 words"),
        ("cpu.mm0", 0, "cpu.mm0 is not a register"),
        ("cpu.cr0", 1 << 31, "no CPU is in such a state: CR0.PG needs CR0.PE"),
        ("board", 7, "board must be a table, not int"),
        ("board.halted", 1, "board.halted must be true or false, not int 1"),
        ("board.events", {"nobody": 1}, "board.events.nobody is not a device"),
        ("board.guest_stop", [1, "IDLE", 0], "board.guest_stop must be tick, reason and code"),
        ("devices", [], "devices must be a table, not list"),
        ("devices.com1", None, "devices.com1 is missing"),
        ("devices.com9", {}, "devices.com9 is not known"),
        ("devices.com1", 7, "com1 must be a table, not int"),
        ("devices.com1.fifo", b"x" * 17, "com1.fifo must be at most 16 bytes"),
        ("devices.pit.counter0.gate", 2, "pit.counter0.gate must be true or false"),
        ("devices.power", {}, "power.pm1a_cnt is missing"),
    ],
)
def test_a_bad_state_is_refused_by_the_name_of_the_field(
    shared: Machine, path: str, value: object, reason: str
) -> None:
    sentence = refused(shared, changed(shared.snapshot(), path, value))
    assert sentence.startswith(f"the snapshot cannot be restored: {reason}")


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401
    """Yield the way to every value within ``value``."""
    if path:
        yield path
    if isinstance(value, dict):
        for name in value:
            yield from leaves(value[name], (*path, name))
    elif isinstance(value, list):
        for index in range(len(value)):
            yield from leaves(value[index], (*path, index))


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 300),
    st.integers(-(1 << 127), (1 << 127) - 1),
    st.text(max_size=3),
    st.binary(max_size=20),
    st.lists(st.integers(0, 9), max_size=4),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@settings(max_examples=150)
@given(data=st.data(), junk=JUNK)
def test_any_junk_is_refused_whole_or_taken_whole(data: Any, junk: object, shared: Machine) -> None:  # noqa: ANN401
    saved, before = shared.snapshot(), shared.state_hash()
    path = data.draw(st.sampled_from([*leaves(saved.state)]))
    state = copy.deepcopy(saved.state)
    table: Any = state
    for name in path[:-1]:
        table = table[name]
    table[path[-1]] = junk
    sentence = ""
    try:
        shared.restore(replace(saved, state=state, trusted=False))
    except SnapshotError as refusal:
        sentence = str(refusal)
    if not sentence:
        shared.snapshot()
        shared.restore(saved)
    assert shared.state_hash() == before
    assert len(sentence) < 250


# Wires.

PORTS = [
    *(port_area("pic1").base + offset for offset in (0, 1)),
    *(port_area("pic2").base + offset for offset in (0, 1)),
    *(port_area("pit").base + offset for offset in range(4)),
    port_area("port61").base,
    *(COM1 + offset for offset in range(8)),
]
Step = tuple[str, int, int]
STEPS = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(PORTS), st.integers(0, 255)),
    st.tuples(st.just("write"), st.sampled_from(PORTS), st.sampled_from([0x11, 0x34, 1, 8, 0x0B])),
    st.tuples(st.just("read"), st.sampled_from(PORTS), st.just(0)),
    st.tuples(st.just("wait"), st.integers(0, 40_000), st.just(0)),
    st.tuples(st.just("type"), st.integers(1, 20), st.just(0)),
    st.tuples(st.just("acknowledge"), st.just(0), st.just(0)),
)
READY: list[Step] = [  # interrupt controllers and UART as an operating system leaves them
    *(("write", 0x20, word) for word in (0x11,)),
    *(("write", 0x21, word) for word in (0x20, 4, 1, 0)),
    *(("write", COM1 + offset, value) for offset, value in ((1, 3), (4, 8))),
]


def play(pc: Pc, steps: list[Step]) -> list[object]:
    """Do ``steps`` to the devices of ``pc``; return all that could be seen."""
    seen: list[object] = []
    for name, one, two in steps:
        match name:
            case "write":
                pc.board.port_write(one, 1, two)
            case "read":
                seen.append(pc.board.port_read(one, 1))
            case "wait":
                pc.clock.set(pc.clock.now + one)
                pc.board._fire(pc.clock.now)
            case "type":
                pc.uart.receive(bytes(range(one)))
                pc.board.events.refresh()
            case _:
                seen.append(pc.board.acknowledge())
        seen.append(wires(pc))
    return seen


def wires(pc: Pc) -> list[object]:
    """Return the level of every wire, and what the loop would do next."""
    lines = [*pc.pic.master.inputs, *pc.pic.slave.inputs, pc.pic.output]
    return [line.level for line in lines] + [pc.board.events.next, pc.board.intr_rise]


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Machine, Machine, Snapshot]]:
    with make() as one, make() as other:
        yield one, other, one.snapshot()


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.lists(STEPS, max_size=25),
    after=st.lists(STEPS, max_size=10),
    ready=st.sampled_from([READY, []]),
)
def test_every_wire_has_its_level_again_and_every_device_goes_on(
    pair: tuple[Machine, Machine, Snapshot],
    monkeypatch: pytest.MonkeyPatch,
    before: list[Step],
    after: list[Step],
    ready: list[Step],
) -> None:
    one, other, start = pair
    one.restore(start)
    play(one.pc, ready + before)
    pins: list[bool] = []
    monkeypatch.setattr(other.pc.cpu, "set_intr", pins.append)
    other.restore(one.snapshot())
    assert wires(other.pc) == wires(one.pc)
    assert pins[-1] == (one.pc.pic.output.level and one.pc.board.intr_rise is None)
    assert other.state_hash() == one.state_hash()
    assert play(other.pc, after) == play(one.pc, after)
    assert other.state_hash() == one.state_hash()


def test_the_steps_above_do_raise_interrupts(pair: tuple[Machine, Machine, Snapshot]) -> None:
    one, _, start = pair
    one.restore(start)
    play(one.pc, [*READY, ("type", 3, 0)])
    assert one.pc.pic.input(IRQS["com1"]).level
    assert one.pc.pic.output.level
