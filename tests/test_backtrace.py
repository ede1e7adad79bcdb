"""Backtraces: certain where frame pointers are kept, marked as guesses where not; never wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vectoros import Machine
from vectoros.assembler import assemble
from vectoros.backtrace import MAX_FRAMES, Frame, Unwinder
from vectoros.cpu.bits import Gpr
from vectoros.layout import BOOT_SECTOR
from vectoros.symbols.table import NONE, Name, Table
from vectoros.units import MIB

Sector = Callable[[str], Path]
SOURCES = Path(__file__).parent / "guest" / "sectors"


def labels(name: str) -> Table:
    """Return the labels of a sector's code."""
    text = (SOURCES / f"{name}.S").read_text(encoding="utf-8")
    found = assemble(text, origin=BOOT_SECTOR, name=name, bits=16).symbols
    inside = range(BOOT_SECTOR, BOOT_SECTOR + 512)
    return Table([Name(at, label) for label, at in found.items() if at in inside], name)


def frames(image: Path, engine: str = "auto") -> list[Frame]:
    with Machine.from_image(image, engine=engine, firmware=False) as machine:
        machine.run(for_="1ms")
        before = machine.state_hash()
        found = Unwinder(machine.pc, labels(image.stem)).frames()
        assert machine.state_hash() == before
        return found


def told(found: list[Frame]) -> list[tuple[str, str, int]]:
    return [(frame.kind, frame.place.partition("+")[0], frame.ring) for frame in found]


@pytest.mark.parametrize("engine", ["fast", "portable"])
def test_frame_pointers_lead_through_handlers_into_the_program(sector: Sector, engine: str) -> None:
    assert told(frames(sector("frames"), engine)) == [
        ("rip", "on_interrupt", 0),
        ("interrupted", "helper", 0),
        ("call", "on_trap", 0),
        ("interrupted", "trap", 3),
        ("call", "work", 3),
        ("call", "program", 3),
    ]


def test_an_error_code_on_the_stack_is_stepped_over(sector: Sector) -> None:
    found = frames(sector("frames32"))
    assert told(found) == [
        ("rip", "on_fault", 0),
        ("interrupted", "inner", 0),
        ("call", "outer", 0),
        ("call", "protected", 0),
    ]
    assert all(frame.address.startswith("0008:00007c") for frame in found)


def test_without_frame_pointers_callers_are_guesses(sector: Sector) -> None:
    found = frames(sector("calls"))
    assert told(found) == [
        ("rip", "service", 0),
        ("interrupted", "inner", 0),
        ("call", "outer", 0),  # it lies on top, behind a CALL of just this function
        ("guess", "", 0),
    ]


def test_a_function_that_has_just_been_entered_has_its_caller(sector: Sector) -> None:
    image = sector("frames32")
    table = labels("frames32")
    inner = table.address("inner")
    assert inner is not None
    with Machine.from_image(image, firmware=False) as machine:
        while machine.cpu.linear_rip != inner:
            machine.run(until_tick=machine.clock.now + 1)
        for retired in (0, 1):  # nothing; PUSH EBP
            machine.run(until_tick=machine.clock.now + retired)
            found = Unwinder(machine.pc, table).frames()
            assert [kind for kind, *_ in told(found)] == ["rip", "call", "call"]
            assert [place for _, place, _ in told(found)] == ["inner", "outer", "protected"]


def test_a_function_without_a_frame_has_its_caller_if_it_has_a_name(sector: Sector) -> None:
    code = bytes(16) + b"\xe8\x0b\0\0\0\x90" + bytes(10) + b"\x90" * 32  # CALL leaf
    base = 0x8000
    with Machine.from_image(sector("frames32"), firmware=False) as machine:
        machine.run(for_="1ms")
        machine.memory.write(base, code)
        back, leaf = base + 21, base + 32
        machine.cpu.rip, machine.cpu.gpr[Gpr.RSP], machine.cpu.gpr[Gpr.RBP] = leaf + 20, 0x5F00, 0
        machine.memory.write(0x5F00, back.to_bytes(4, "little") + bytes(64))
        names = Table([Name(base, "caller"), Name(leaf, "leaf")], "a test")
        for symbols, kind in ((names, "call"), (NONE, "guess")):
            found = Unwinder(machine.pc, symbols).frames()
            assert [(frame.kind, frame.address) for frame in found[1:2]] == [
                (kind, f"0008:{back:08x}")
            ]


def test_a_chain_that_leads_in_a_circle_ends(sector: Sector) -> None:
    with Machine.from_image(sector("frames32"), firmware=False) as machine:
        machine.run(for_="1ms")
        bp = machine.cpu.gpr[Gpr.RBP]
        machine.memory.write(bp, bp.to_bytes(4, "little"))
        machine.memory.write(bp + 4, (0x7C60).to_bytes(4, "little"))
        assert len(Unwinder(machine.pc).frames()) <= MAX_FRAMES


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Machine]]:
    """Machines that stand still in each mode."""
    machines = {}
    for name in ("calls", "frames32", "frames"):
        text = (SOURCES / f"{name}.S").read_text(encoding="utf-8")
        code = assemble(text, origin=BOOT_SECTOR, name=name, bits=16).code
        image = tmp_path_factory.mktemp(name) / f"{name}.img"
        image.write_bytes(code.ljust(510, b"\0") + b"\x55\xaa")
        machines[name] = Machine.from_image(image, memory="1M", firmware=False)
        machines[name].run(for_="1ms")
    yield machines
    for machine in machines.values():
        machine.close()


@settings(max_examples=60)
@given(
    mode=st.sampled_from(["calls", "frames32", "frames"]),
    seed=st.integers(0, 1 << 32),
    sp=st.integers(0, MIB) | st.integers(0, (1 << 64) - 1),
    bp=st.integers(0, MIB) | st.integers(0, (1 << 64) - 1),
    tables=st.booleans(),
)
def test_no_memory_breaks_the_unwinder(
    stopped: dict[str, Machine], mode: str, seed: int, sp: int, bp: int, tables: bool
) -> None:
    machine = stopped[mode]
    saved = machine.snapshot()
    try:
        start = 0 if tables else 0x5000  # page tables and descriptors are spoilt as well, or not
        noise = random.Random(seed)
        # Few different words, so that some of them lead somewhere.
        words = [noise.randrange(MIB).to_bytes(8, "little") for _ in range(24)]
        words += [b"\xe8\0\0\0\0\xff\xd0\x90", bytes(8), (8).to_bytes(8, "little")]
        machine.memory.write(start, b"".join(noise.choices(words, k=(MIB - start) // 8)))
        machine.cpu.gpr[Gpr.RSP], machine.cpu.gpr[Gpr.RBP] = sp, bp
        before = machine.state_hash()
        assert 1 <= len(Unwinder(machine.pc).frames()) <= MAX_FRAMES
        assert machine.state_hash() == before
    finally:
        machine.restore(saved)
