"""ORC: each step as the tables say, in the layouts before and since Linux 6.4; or no step."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.code_view import CodeView
from vectoros.interrupt_frame import Context, InterruptFrames
from vectoros.orc import PT_REGS, PT_REGS_BYTES, PT_REGS_IP, Orc, Reg, Type
from vectoros.symbols.table import Name, Table

CODE = 0xFFFF_FFFF_8100_0000
TABLES = 0xFFFF_FFFF_8200_0000
STACK = 0xFFFF_C900_0000_0000
SIZE = 0x1000

Row = tuple[int, int, Reg, Reg, Type]
OLD_NUMBERS = {Type.CALL: 0, Type.REGS: 1, Type.REGS_PARTIAL: 2}


@dataclass
class Memory:
    """Two pieces of memory, and how the unwinder's helpers see them."""

    tables: bytearray = field(default_factory=lambda: bytearray(SIZE))
    stack: bytearray = field(default_factory=lambda: bytearray(SIZE))
    interrupted: dict[int, Context] = field(default_factory=dict)

    def read(self, linear: int, size: int) -> bytes | None:
        for base, data in ((TABLES, self.tables), (STACK, self.stack)):
            if base <= linear and linear + size <= base + SIZE:
                return bytes(data[linear - base : linear - base + size])
        return None

    def word(self, linear: int, size: int) -> int | None:
        data = self.read(linear, size)
        return None if data is None else int.from_bytes(data, "little")

    def at(self, linear: int, _handler: Context) -> Context | None:
        return self.interrupted.get(linear)

    def push(self, offset: int, value: int) -> None:
        self.stack[offset : offset + 8] = (value & (1 << 64) - 1).to_bytes(8, "little")


def is_old(release: str) -> bool:
    return tuple(int(part) for part in release.split(".")[:2] if part.isdigit()) < (6, 4)


def orc_of(memory: Memory, rows: list[Row], release: str = "6.1.0") -> Orc | None:
    """Return the tables that ``rows`` make, each for 16 bytes of code."""
    old = is_old(release)
    ips, entries = b"", b""
    for number, (sp_offset, bp_offset, sp_reg, bp_reg, kind) in enumerate(rows):
        ips += struct.pack("<i", CODE + 16 * number - (TABLES + 4 * number))
        bits = sp_reg | bp_reg << 4 | (OLD_NUMBERS[kind] if old else kind) << 8
        entries += struct.pack("<hhH", sp_offset, bp_offset, bits)
    banner = f"Linux version {release}-test (somebody)".encode()
    memory.tables[: len(ips) + len(entries) + len(banner)] = ips + entries + banner
    end = TABLES + len(ips)
    symbols = Table(
        [
            Name(TABLES, "__start_orc_unwind_ip"),
            Name(end, "__stop_orc_unwind_ip"),
            Name(end, "__start_orc_unwind"),
            Name(end + len(entries), "__stop_orc_unwind"),
            Name(end + len(entries), "linux_banner"),
        ],
        "a test",
    )
    return Orc.of(cast(CodeView, memory), cast(InterruptFrames, memory), symbols)


def context(ip: int, **changes: Any) -> Context:  # noqa: ANN401
    return replace(Context(0x10, ip, STACK + 0x100, STACK + 0x180, 64, 0, 0, 0), **changes)


def made(memory: Memory, rows: list[Row], release: str = "6.1.0") -> Orc:
    orc = orc_of(memory, [*rows, (8, 0, Reg.SP, Reg.UNDEFINED, Type.CALL)], release)
    assert orc is not None
    return orc


@pytest.mark.parametrize("release", ["5.10.0", "6.1.0", "6.4.0", "6.12.3"])
def test_a_caller_is_where_the_table_says(release: str) -> None:
    memory = Memory()
    orc = made(memory, [(0x28, -16, Reg.SP, Reg.PREV_SP, Type.CALL)] * 2, release)
    memory.push(0x120, CODE + 0x11)  # below the caller's stack pointer, at 128h
    memory.push(0x118, 0x1234)
    step = orc.step(context(CODE + 4), exact=True)
    assert step is not None
    kind, caller = step
    assert (kind, caller.ip, caller.sp, caller.bp) == ("call", CODE + 0x11, STACK + 0x128, 0x1234)


def test_a_frame_pointer_may_be_the_base() -> None:
    memory = Memory()
    orc = made(memory, [(16, -16, Reg.BP, Reg.PREV_SP, Type.CALL)] * 2)
    memory.push(0x188, CODE + 0x11)
    memory.push(0x180, STACK + 0x300)
    step = orc.step(context(CODE), exact=True)
    assert step is not None
    assert (step[1].sp, step[1].bp) == (STACK + 0x190, STACK + 0x300)
    assert orc.step(context(CODE, bp=None), exact=True) is None


def test_a_stack_pointer_may_lie_on_the_stack() -> None:
    memory = Memory()
    orc = made(memory, [(8, 0, Reg.SP_INDIRECT, Reg.UNDEFINED, Type.CALL)] * 2)
    memory.push(0x100, STACK + 0x400)
    memory.push(0x400, CODE + 0x11)
    step = orc.step(context(CODE), exact=True)
    assert step is not None
    assert step[1].sp == STACK + 0x408


@pytest.mark.parametrize("kind", [Type.REGS, Type.REGS_PARTIAL])
def test_what_was_interrupted_is_found_with_its_registers(kind: Type) -> None:
    memory = Memory()
    orc = made(memory, [(0, 0, Reg.SP, Reg.UNDEFINED, kind)] * 2)
    whole = kind is Type.REGS
    frame = STACK + 0x100 + (PT_REGS_IP if whole else 0)
    memory.interrupted[frame] = context(CODE + 0x18, sp=STACK + 0x600)
    memory.push(0x100 + PT_REGS["bp"], 0x5678)
    step = orc.step(context(CODE), exact=True)
    assert step is not None
    assert (step[0], step[1].ip, step[1].sp) == ("interrupted", CODE + 0x18, STACK + 0x600)
    assert (step[1].bp, step[1].saved) == ((0x5678, STACK + 0x100) if whole else (STACK + 0x180, 0))


def test_other_registers_come_from_where_they_were_saved() -> None:
    memory = Memory()
    orc = made(memory, [(0, 0, Reg.R10, Reg.UNDEFINED, Type.CALL)] * 2)
    memory.push(0x200 + PT_REGS["r10"], STACK + 0x408)
    memory.push(0x400, CODE + 0x11)
    assert PT_REGS_BYTES == PT_REGS_IP + 5 * 8
    step = orc.step(context(CODE, saved=STACK + 0x200), exact=True)
    assert step is not None
    assert (step[1].sp, step[1].saved) == (STACK + 0x408, 0)
    assert orc.step(context(CODE), exact=True) is None


def test_a_return_address_belongs_to_the_call_before_it() -> None:
    rows: list[Row] = [
        (8, 0, Reg.SP, Reg.UNDEFINED, Type.CALL),
        (16, 0, Reg.SP, Reg.UNDEFINED, Type.CALL),
    ]
    memory = Memory()
    orc = made(memory, rows)
    memory.push(0x100, CODE + 0x11)
    memory.push(0x108, CODE + 0x12)
    steps = [orc.step(context(CODE + 16), exact=exact) for exact in (True, False)]
    assert [step and step[1].ip for step in steps] == [CODE + 0x12, CODE + 0x11]


@pytest.mark.parametrize("release", ["6.1.0", "6.4.0"])
def test_the_end_of_a_stack_is_an_end(release: str) -> None:
    kind = Type.CALL if is_old(release) else Type.END_OF_STACK
    orc = made(Memory(), [(0, 0, Reg.UNDEFINED, Reg.UNDEFINED, kind)] * 2, release)
    assert orc.step(context(CODE), exact=True) == ("end", context(CODE))


def test_outside_the_tables_nothing_is_known() -> None:
    memory = Memory()
    orc = made(memory, [(8, 0, Reg.SP, Reg.UNDEFINED, Type.CALL)] * 2)
    assert orc.step(context(CODE - 1), exact=True) is None
    assert orc.step(context(CODE, sp=0x1000), exact=True) is None
    memory.push(0x100, 0x401000)  # no kernel code
    assert orc.step(context(CODE), exact=True) is None


def test_tables_that_do_not_fit_each_other_are_no_tables() -> None:
    memory = Memory()
    assert orc_of(memory, []) is None
    assert orc_of(memory, [(8, 0, Reg.SP, Reg.UNDEFINED, Type.CALL)], "x.y") is None
    view, interrupts = cast(CodeView, memory), cast(InterruptFrames, memory)
    assert Orc.of(view, interrupts, Table([], "nothing")) is None


@given(seed=st.integers(0, 1 << 32), ip=st.integers(0, 64), release=st.sampled_from(["6.1", "6.5"]))
def test_no_tables_break_the_unwinder(seed: int, ip: int, release: str) -> None:
    memory, noise = Memory(), random.Random(seed)
    orc = made(memory, [(8, 0, Reg.SP, Reg.UNDEFINED, Type.CALL)] * 4, release)
    for at in range(0, SIZE, 8):
        memory.push(at, noise.choice([CODE, STACK, 0]) + noise.randrange(SIZE))
    memory.tables[20:50] = noise.randbytes(30)  # the rows themselves
    where: Context | None = context(CODE + ip)
    for _ in range(10):
        step = orc.step(where, exact=True) if where is not None else None
        assert step is None or step[0] in ("call", "interrupted", "end")
        where = None if step is None else step[1]
