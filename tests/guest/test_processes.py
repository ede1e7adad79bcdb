"""Processes in ring 3 under the kernel: preempted, apart, and none pays for another's fault."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.kernel.plain_memory import PlainMemory
from tests.kernel_stubs.direct import ROOT, enter, kernel_with, names, pieces
from vectoros.api import Machine
from vectoros.boot.native import KernelMemory
from vectoros.config import Config
from vectoros.kernel.abi import TIME_SLICE_NS, State
from vectoros.kernel.kernel import Kernel
from vectoros.kernel.memory import Ram
from vectoros.kernel.tcb import Tcb
from vectoros.units import MIB, PAGE_SIZE, TICKS_PER_NS

ENGINES = ("fast", "portable")
SOURCES = Path(__file__).parent / "programs"
X86 = ROOT / "firmware" / "x86.S"
VIRTUAL = 0x44_0000
DATA = VIRTUAL + PAGE_SIZE
SLICE = TIME_SLICE_NS * TICKS_PER_NS
ADDRESS = 0x000F_FFFF_FFFF_F000


def program(name: str, *sources: str, data: bool = True, grants: str = "") -> str:
    """Return the text of a manifest for one program, all at the same virtual address."""
    files = ", ".join(f'"{path}"' for path in (X86, *(SOURCES / source for source in sources)))
    sections = 'text = "rx", data = "rw"' if data else 'text = "rx"'
    return (
        f'[[program]]\nname = "{name}"\nvirtual = {VIRTUAL}\nsources = [{files}]\n'
        f"sections = {{ {sections} }}\npriority = 100\ngrants = [{grants}]\n\n"
    )


SPINNERS = program("one", "step1.S", "spin.S") + program("three", "step3.S", "spin.S")


class System:
    """Our kernel with test programs, and a look at what the kernel chooses."""

    def __init__(self, engine: str, path: Path, programs: str) -> None:
        manifest = kernel_with(path / "test.toml", programs)
        self.machine = Machine(Config(memory=16 * MIB, engine=engine))
        self.memory = self.machine.memory
        self.ram = Ram(KernelMemory(self.memory))
        enter(self.machine, pieces(manifest))
        self._kernel = Kernel(KernelMemory(self.memory))
        self.threads: list[int] = []
        """TCBs in the order in which they first ran."""
        self.machine.pc.gate.connect(self._trap)

    def _trap(self, block: int) -> None:
        self._kernel.trap(block)
        chosen = self.word(block + names()["GATE_NEXT"])
        if chosen and chosen not in self.threads:
            self.threads.append(chosen)

    def word(self, physical: int) -> int:
        (value,) = struct.unpack("<Q", self.memory.read(physical, 8))
        return int(value)

    def tcb(self, index: int) -> Tcb:
        return Tcb(self.ram, self.threads[index])

    def peek(self, index: int, virtual: int) -> int:
        """Return a word as thread ``index`` sees it."""
        table = self.tcb(index).space
        for shift in (39, 30, 21, 12):
            table = self.word(table + (virtual >> shift & 511) * 8) & ADDRESS
        return self.word(table + virtual % PAGE_SIZE)


@pytest.mark.parametrize("engine", ENGINES)
def test_two_processes_that_never_trap_share_the_processor_fairly(
    engine: str, tmp_path: Path
) -> None:
    system = System(engine, tmp_path, SPINNERS)
    system.machine.run(for_="31ms" if engine == "fast" else "11ms")
    assert len(system.threads) == 2
    used = [system.tcb(index).consumed for index in (0, 1)]
    assert min(used) >= SLICE
    assert abs(used[0] - used[1]) <= 1.1 * SLICE, used
    counts = [system.peek(index, DATA) for index in (0, 1)]
    assert all(counts), counts


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_address_holds_different_things_in_two_processes(
    engine: str, tmp_path: Path
) -> None:
    system = System(engine, tmp_path, SPINNERS)
    system.machine.run(for_="6ms")
    assert [system.peek(index, DATA + 16) for index in (0, 1)] == [1, 3]
    assert system.tcb(0).space != system.tcb(1).space
    assert [system.peek(index, DATA) % step for index, step in ((0, 1), (1, 3))] == [0, 0]


def test_each_thread_finds_the_fpu_as_it_left_it(tmp_path: Path) -> None:
    """Each counts in xmm0 and in memory, and is interrupted in the middle again and again."""
    system = System("fast", tmp_path, SPINNERS)
    system.machine.run(for_="101ms")
    for index, step in ((0, 1), (1, 3)):
        count, in_fpu = (system.peek(index, DATA + at) for at in (0, 8))
        assert count > 1_000_000
        assert count % step == 0
        assert 0 <= count - in_fpu <= step, (index, count, in_fpu)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_fault_in_one_leaves_the_other_running(engine: str, tmp_path: Path) -> None:
    programs = program("bad", "undefined.S", data=False) + program("one", "step1.S", "spin.S")
    system = System(engine, tmp_path, programs)
    system.machine.run(for_="12ms")
    bad, good = system.tcb(0), system.tcb(1)
    assert (bad.name, good.name) == ("bad", "one")
    assert (bad.fault, bad.fault_address) == (names()["FAULT_USER_EXCEPTION"], 6)
    assert bad.state != State.RUNNING
    before = system.peek(1, DATA)
    used = bad.consumed
    system.machine.run(for_="2ms")
    assert system.peek(1, DATA) > before
    assert bad.consumed == used


def test_a_kernel_over_a_copy_of_ram_does_the_same_to_it(tmp_path: Path) -> None:
    """At each trap: copy RAM, let another Kernel serve it there, and compare every byte."""
    programs = SPINNERS + program("bad", "undefined.S", data=False)
    system = System("fast", tmp_path, programs)
    kernel = Kernel(KernelMemory(system.memory))
    reasons: list[int] = []

    def both(block: int) -> None:
        twin = bytearray(system.memory.ram.view[: system.memory.size])
        kernel.trap(block)
        Kernel(PlainMemory(twin)).trap(block)
        reasons.append(system.word(block))
        assert twin == system.memory.ram.view[: system.memory.size]

    system.machine.pc.gate.connect(both)
    system.machine.run(for_="60ms")
    boot, exception, interrupt = (reasons.count(reason) for reason in (0, 2, 3))
    assert boot == 1
    assert exception >= 3
    assert interrupt >= 5


def test_both_engines_and_any_pauses_come_to_one_state(tmp_path: Path) -> None:
    end = 24_000_000

    def run(engine: str, step: int) -> str:
        system = System(engine, tmp_path, SPINNERS)
        for tick in range(step, end, step):
            system.machine.run(until_tick=tick)
        system.machine.run(until_tick=end)
        return system.machine.state_hash()

    whole = run("fast", end)
    assert run("fast", 47_911) == whole
    assert run("portable", end) == whole
