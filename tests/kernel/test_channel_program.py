"""images/programs/channel.S, run as it is: publishers and readers, against a list of Python's."""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unicorn import unicorn_const as uc
from unicorn import x86_const as x86
from unicorn.unicorn import Uc

from vectoros.assembler import Program, assemble
from vectoros.image.kernel_constants import constants
from vectoros.kernel.ring import MAGIC, Ring, Subscriber

SOURCE = Path(__file__).parents[2] / "images" / "programs" / "channel.S"
CODE, DATA, SIZE = 0x1000, 0x10_0000, 0x1_0000
MESSAGE, OUT, STACK, READERS = DATA + 0x8000, DATA + 0x9000, DATA + 0xF000, DATA + 0xA000
STOP = CODE + 0xFFF
"""Where functions return to: a HLT."""

CAPACITY, WORDS = 5, 3
CARRY = 1
REGISTERS = tuple(
    getattr(x86, f"UC_X86_REG_{name}")
    for name in ("RAX", "RCX", "RDX", "RSI", "RDI", "R8", "R9", "R10", "R11", "RSP", "RIP",
                 "EFLAGS")
)  # fmt: skip


@functools.cache
def program() -> Program:
    return assemble(SOURCE.read_text(encoding="utf-8"), origin=CODE, constants=constants())


@functools.cache
def places(first: str, last: str) -> list[int]:
    """Return where the instructions between two labels are."""
    start, end = (program().symbols[label] for label in (first, last))
    return [address for address, _ in program().lines if start < address < end]


PUBLISHING = places("channel_publish", "channel_subscribe")
RECEIVING = places("channel_receive", "channel_place")


class Cpu:
    """A processor with the program, a configured channel at DATA, and readers."""

    def __init__(self) -> None:
        self.uc = Uc(uc.UC_ARCH_X86, uc.UC_MODE_64)
        self.uc.mem_map(CODE, 0x1000)
        self.uc.mem_map(DATA, SIZE)
        self.uc.mem_write(CODE, program().code)
        self.uc.mem_write(STOP, b"\xf4")
        header = struct.pack("<5Q", MAGIC, 0, 0, 8 * WORDS, CAPACITY)
        self.uc.mem_write(DATA, header)
        self.published: list[int] = []
        self.instructions = 0
        self.uc.hook_add(uc.UC_HOOK_CODE, self._count)

    def _count(self, *_: object) -> None:
        self.instructions += 1

    def __enter__(self) -> Cpu:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        del self.uc

    def begin(self, label: str, **registers: int) -> None:
        """Stand at a function."""
        self.uc.mem_write(STACK, STOP.to_bytes(8, "little"))
        self.uc.reg_write(x86.UC_X86_REG_RSP, STACK)
        self.uc.reg_write(x86.UC_X86_REG_RIP, program().symbols[label])
        for name, value in registers.items():
            self.uc.reg_write(getattr(x86, f"UC_X86_REG_{name.upper()}"), value)

    def go(self, until: int = STOP) -> bool:
        """Go on to an instruction, or to the end; say whether that is reached."""
        at = self.uc.reg_read(x86.UC_X86_REG_RIP)
        # Blocks that were translated before do not stop there.
        self.uc.ctl_remove_cache(CODE, CODE + 0x1000)
        if at < STOP:
            self.uc.emu_start(at, until)
        return bool(self.uc.reg_read(x86.UC_X86_REG_RIP) >= STOP)

    def save(self) -> list[int]:
        return [self.uc.reg_read(register) for register in REGISTERS]

    def restore(self, values: list[int]) -> None:
        for register, value in zip(REGISTERS, values, strict=True):
            self.uc.reg_write(register, value)

    def word(self, address: int) -> int:
        return int(struct.unpack("<Q", self.uc.mem_read(address, 8))[0])

    def begin_publish(self) -> None:
        number = len(self.published) + 1
        self.published.append(number)
        self.uc.mem_write(MESSAGE, struct.pack(f"<{WORDS}Q", *[number] * WORDS))
        self.begin("channel_publish", rdi=DATA, rsi=MESSAGE)

    def publish(self) -> None:
        self.begin_publish()
        assert self.go()
        assert self.uc.reg_read(x86.UC_X86_REG_RDI) == DATA

    def subscribe(self, reader: int) -> None:
        self.begin("channel_subscribe", rsi=DATA, rdx=READERS + 16 * reader)
        assert self.go()

    def begin_receive(self, reader: int) -> None:
        self.uc.mem_write(OUT, bytes(8 * WORDS))
        self.begin("channel_receive", rdi=OUT, rsi=DATA, rdx=READERS + 16 * reader)

    def received(self) -> int | None:
        """Return the message that was read, which must be whole, or None: there is none."""
        if self.uc.reg_read(x86.UC_X86_REG_EFLAGS) & CARRY:
            return None
        words = struct.unpack(f"<{WORDS}Q", self.uc.mem_read(OUT, 8 * WORDS))
        assert len(set(words)) == 1, f"a torn message: {words}"
        return int(words[0])

    def receive(self, reader: int) -> int | None:
        self.begin_receive(reader)
        assert self.go()
        return self.received()

    def overrun(self, reader: int) -> int:
        return self.word(READERS + 16 * reader + Subscriber.fields["overrun"].offset)

    def cursor(self, reader: int) -> int:
        return self.word(READERS + 16 * reader + Subscriber.fields["cursor"].offset)


@pytest.fixture
def cpu() -> Iterator[Cpu]:
    with Cpu() as made:
        yield made


def test_messages_come_in_order_to_every_reader(cpu: Cpu) -> None:
    for _ in range(3):
        cpu.publish()
    for reader in range(2):
        assert [cpu.receive(reader) for _ in range(4)] == [1, 2, 3, None]
        assert cpu.overrun(reader) == 0


def test_a_subscriber_gets_what_comes_from_then_on(cpu: Cpu) -> None:
    cpu.publish()
    cpu.subscribe(0)
    assert cpu.receive(0) is None
    cpu.publish()
    assert cpu.receive(0) == 2


def test_a_reader_that_is_overtaken_counts_what_it_lost(cpu: Cpu) -> None:
    for _ in range(CAPACITY + 3):
        cpu.publish()
    assert cpu.receive(0) == 4
    assert cpu.overrun(0) == 3
    assert [cpu.receive(0) for _ in range(CAPACITY)] == [5, 6, 7, 8, None]


def test_publishing_takes_as_long_with_many_readers_as_with_none(cpu: Cpu) -> None:
    def instructions() -> int:
        before = cpu.instructions
        cpu.publish()
        return cpu.instructions - before

    alone = instructions()
    for reader in range(500):
        cpu.receive(reader)
    assert instructions() == alone


def test_a_publisher_that_died_in_the_middle_leaves_a_channel_that_works(cpu: Cpu) -> None:
    for _ in range(CAPACITY):
        cpu.publish()
    cpu.begin_publish()
    assert not cpu.go(PUBLISHING[-3])
    begun, head = Ring.fields["begun"].offset, Ring.fields["head"].offset
    assert (cpu.word(DATA + begun), cpu.word(DATA + head)) == (CAPACITY + 1, CAPACITY)
    assert cpu.receive(0) == 2
    assert cpu.overrun(0) == 1
    cpu.publish()
    assert [cpu.receive(0) for _ in range(5)] == [3, 4, 5, 7, None]


@given(st.lists(st.integers(0, 3), max_size=60))
@settings(max_examples=60, deadline=None)
def test_readers_agree_with_a_list(steps: list[int]) -> None:
    with Cpu() as cpu:
        seen, lost = [0, 0, 0], [0, 0, 0]
        for step in steps:
            if step == 3:
                cpu.publish()
                continue
            oldest = max(len(cpu.published) - CAPACITY, 0)
            lost[step] += max(oldest - seen[step], 0)
            seen[step] = max(oldest, seen[step])
            expected = None if seen[step] == len(cpu.published) else seen[step] + 1
            assert cpu.receive(step) == expected
            seen[step] += expected is not None
            if expected:
                assert (cpu.overrun(step), cpu.cursor(step)) == (lost[step], seen[step])


@given(before=st.integers(1, 7), pause=st.sampled_from(RECEIVING),
       meanwhile=st.integers(1, 13), dying=st.sampled_from([0, *PUBLISHING]))  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_a_reader_that_is_interrupted_anywhere_reads_no_torn_message(
    before: int, pause: int, meanwhile: int, dying: int
) -> None:
    with Cpu() as cpu:
        for _ in range(before):
            cpu.publish()
        cpu.begin_receive(0)
        cpu.go(pause)
        reader = cpu.save()
        for _ in range(meanwhile):
            cpu.publish()
        if dying:
            cpu.begin_publish()
            cpu.go(dying)
        cpu.restore(reader)
        assert cpu.go()
        found = cpu.received()
        assert found == cpu.cursor(0)
        assert found == cpu.overrun(0) + 1
