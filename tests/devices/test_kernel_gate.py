"""The kernel gate: a store to the doorbell calls the function behind it, once and at once."""

from __future__ import annotations

import struct

import pytest

from vectoros.clock import Clock
from vectoros.devices.kernel_gate import BLOCK_SIZE, NOW, SIGNATURE, KernelGate

RAM = 16 * BLOCK_SIZE
BLOCK, DOORBELL, SIGNATURE_AT = 0x00, 0x08, 0x10


class Bench:
    """A gate with 64 KiB of RAM and a function that writes down its calls."""

    def __init__(self, *, connected: bool = True) -> None:
        self.ram = bytearray(RAM)
        self.clock = Clock()
        self.gate = KernelGate(self.clock, ram=memoryview(self.ram))
        self.calls: list[int] = []
        if connected:
            self.gate.connect(self.calls.append)

    def set_block(self, address: int) -> None:
        self.gate.write(BLOCK, 4, address & 0xFFFF_FFFF)
        self.gate.write(BLOCK + 4, 4, address >> 32)

    def now(self, block: int) -> int:
        (ticks,) = struct.unpack_from("<Q", self.ram, block + NOW)
        return int(ticks)


def test_the_doorbell_calls_the_function_with_the_block_and_stores_the_time_in_it() -> None:
    bench = Bench()
    bench.clock.set(123_456_789_012)
    bench.set_block(0x3000)
    bench.gate.write(DOORBELL, 4, 0)
    assert bench.calls == [0x3000]
    assert bench.now(0x3000) == 123_456_789_012
    assert bench.gate.guest_errors == 0
    changed = [at for at, byte in enumerate(bench.ram) if byte]
    assert min(changed) >= 0x3000 + NOW
    assert max(changed) < 0x3000 + NOW + 8


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_a_store_of_any_width_rings_once(width: int) -> None:
    bench = Bench()
    bench.gate.write(DOORBELL, width, 0xFF)
    assert bench.calls == [0]
    assert bench.gate.rings == 1


def test_the_time_is_there_before_the_function_runs() -> None:
    bench = Bench()
    seen: list[int] = []
    bench.gate.connect(lambda block: seen.append(bench.now(block)))
    bench.clock.set(7)
    bench.gate.write(DOORBELL, 4, 0)
    assert seen == [7]


def test_the_signature_says_whether_there_is_a_function() -> None:
    bench = Bench(connected=False)
    assert bench.gate.read(SIGNATURE_AT, 8) == 0
    bench.gate.connect(bench.calls.append)
    assert bench.gate.read(SIGNATURE_AT, 8) == int.from_bytes(SIGNATURE, "little")
    assert bench.gate.read(SIGNATURE_AT + 4, 4) == int.from_bytes(SIGNATURE[4:], "little")


def test_without_a_function_the_doorbell_does_nothing() -> None:
    bench = Bench(connected=False)
    bench.gate.write(DOORBELL, 4, 0)
    assert bench.gate.guest_errors == 1
    assert bench.gate.rings == 0
    assert not any(bench.ram)


@pytest.mark.parametrize(
    "address", [0x3001, 0x2800, RAM, RAM - BLOCK_SIZE + 8, 1 << 40, (1 << 64) - BLOCK_SIZE]
)
def test_a_block_that_is_not_a_page_of_ram_rings_nobody(address: int) -> None:
    bench = Bench()
    bench.set_block(address)
    bench.gate.write(DOORBELL, 4, 0)
    assert bench.calls == []
    assert bench.gate.guest_errors == 1
    assert not any(bench.ram)


def test_the_last_page_of_ram_is_a_block() -> None:
    bench = Bench()
    bench.set_block(RAM - BLOCK_SIZE)
    bench.gate.write(DOORBELL, 4, 0)
    assert bench.calls == [RAM - BLOCK_SIZE]


def test_the_block_reads_back_and_is_the_only_state() -> None:
    bench = Bench()
    bench.set_block(0x1_2345_6000)
    assert bench.gate.read(BLOCK, 8) == 0x1_2345_6000
    assert bench.gate.state() == {"block_low": 0x2345_6000, "block_high": 1}
    twin = Bench().gate
    twin.restore(bench.gate.state())
    assert twin.block == 0x1_2345_6000


def test_what_the_function_raises_is_not_swallowed() -> None:
    bench = Bench()

    def broken(_block: int) -> None:
        raise ZeroDivisionError

    bench.gate.connect(broken)
    with pytest.raises(ZeroDivisionError):
        bench.gate.write(DOORBELL, 4, 0)
