"""An engine's own life: callbacks that fail, several machines, and their end."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Callable

import pytest

from tests.cpu.machines import CODE, ENGINES, HOLE, MODES, Machine, difference, same
from vectoros.cpu.bits import Flag, Gpr
from vectoros.cpu.core import Stop
from vectoros.cpu.record import load
from vectoros.cpu.selftest import make_cpu
from vectoros.errors import InvariantError, UsageError
from vectoros.memory import Memory, Rom
from vectoros.units import PhysAddr

every_engine = pytest.mark.parametrize("engine", ENGINES)


class Breakdown(Exception):
    """What a broken device raises."""


def breaking(machine: Machine, what: BaseException) -> Callable[..., int]:
    def fail(*_arguments: object) -> int:
        raise what

    return fail


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ("port_read", "in al, 0x40"),
        ("port_write", "out 0x40, al"),
        ("mmio_read", "mov al, [ebx]"),
        ("mmio_write", "mov [ebx], al"),
        ("acknowledge", "sti\n nop"),
    ],
)
@pytest.mark.parametrize("what", [Breakdown("broken"), KeyboardInterrupt()], ids=repr)
@every_engine
def test_an_exception_in_a_callback_comes_out_of_run(
    engine: str, method: str, text: str, what: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(engine)
    machine.boot("protected32")
    machine.code(f"nop\n {text}\n nop\nhere: jmp here")
    machine.regs.gpr[Gpr.RBX] = HOLE
    machine.cpu.registers_changed()
    if method == "acknowledge":
        machine.cpu.set_intr(True)
    monkeypatch.setattr(machine.world, method, breaking(machine, what))
    with pytest.raises(type(what)) as caught:
        machine.run(1000)
    assert caught.value is what
    # The clock stands where the CPU does: not before the access, nor at the deadline.
    assert 0 < machine.clock.now < 20
    monkeypatch.undo()
    before = machine.clock.now
    machine.run(10)
    assert machine.clock.now > before


@every_engine
def test_the_first_of_several_failures_comes_out(engine: str) -> None:
    machine = Machine(engine)
    machine.boot("long")
    machine.code("out 0x10, al\n out 0x11, al\n hlt")

    def fail(port: int) -> Callable[[], None]:
        def hook() -> None:
            raise Breakdown(port)

        return hook

    machine.world.hooks = {port: fail(port) for port in (0x10, 0x11)}
    with pytest.raises(Breakdown, match="16"):
        machine.run(100)


@every_engine
def test_registers_are_those_of_the_end_of_the_slice_after_a_failure(engine: str) -> None:
    machine = Machine(engine)
    machine.boot("long")
    machine.code("mov ebx, 5\n out 0x10, al\n inc ebx\nhere: jmp here")

    def fail() -> None:
        raise Breakdown

    machine.world.hooks[0x10] = fail
    with pytest.raises(Breakdown):
        machine.run(100)
    # The block that the access was in has run to its end, the jump.
    assert (machine.clock.now, machine.regs.rip) == (5 + 2 + 2 + 2, CODE + 9)
    assert machine.regs.gpr[Gpr.RBX] == 6


def test_two_machines_run_side_by_side() -> None:
    machines = [Machine(engine) for engine in (*ENGINES, *ENGINES)]
    for number, machine in enumerate(machines):
        machine.boot("long")
        machine.code(f"mov ecx, {number + 5}\nagain: add eax, ecx\n dec ecx\n jnz again\n hlt")
    ended = [False] * len(machines)
    while not all(ended):
        for number, machine in enumerate(machines):
            ended[number] = ended[number] or machine.run(3) is Stop.HALT
    totals = [machine.regs.gpr[Gpr.RAX] for machine in machines]
    assert totals == [n * (n + 1) // 2 for n in range(5, 9)]


def test_one_memory_may_outlive_its_engine() -> None:
    machine = Machine("fast")
    machine.boot("long")
    memory = machine.memory
    machine.cpu.close()
    memory.write(CODE, b"\x90\xf4")  # nobody listens any more, and nothing breaks
    assert memory.read(CODE, 2) == b"\x90\xf4"


@every_engine
def test_a_machine_that_nobody_holds_is_freed(engine: str) -> None:
    machine = Machine(engine, Rom("rom", PhysAddr(0x20_0000), bytes(4096)))
    machine.boot("long")
    machine.code("hlt")
    machine.run()
    gone = weakref.ref(machine.cpu)
    del machine
    gc.collect()
    assert gone() is None


GROWTH = """
import gc, sys
from tests.cpu.machines import Machine
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4
def live(count):
    for _ in range(count):
        machine = Machine(sys.argv[1])
        machine.boot("long")
        machine.code("nop\\n hlt")
        machine.run()
        machine.cpu.close()
    gc.collect()
live(30)
before = resident()
live(200)
print(resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@every_engine
def test_two_hundred_machines_leave_no_memory_behind(engine: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", GROWTH, engine], capture_output=True, text=True, check=True
    )
    assert int(ran.stdout) < 4096, "KiB for 200 machines"


# -- records ---------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("first", "second"), [("fast", "portable"), ("portable", "fast")])
def test_a_record_moves_between_engines_in_the_middle_of_a_block(
    first: str, second: str, mode: str
) -> None:
    text = """
again:  add     ax, 0x7123
        pushf
        pop     cx
        xor     dx, cx
        std
        sti
        rol     dx, 3
        cld
        cli
        out     0x10, al
        jmp     again
    """
    reference = Machine(first)
    reference.boot(mode)
    reference.code(text)
    reference.run(900)
    for cut in range(1, 60, 7):
        machine = Machine(first)
        machine.boot(mode)
        machine.code(text)
        machine.run(cut)
        machine = machine.successor(second)
        assert machine.run(900 - machine.clock.now) is Stop.DEADLINE
        found = difference(reference.view(), machine.view())
        assert not found, f"moved at tick {cut}: {found}"


@every_engine
def test_every_flag_survives_a_record(engine: str) -> None:
    every = sum(f for f in Flag if f not in (Flag.VM, Flag.TF, Flag.VIP, Flag.VIF, Flag.IOPL))
    for flags in (every, 0, Flag.OF | Flag.CF, Flag.DF, Flag.ZF | Flag.IF):
        machine = Machine(engine)
        machine.boot("long", flags=int(flags))
        machine.code("nop\n nop\n pushfq\n hlt")
        machine.run(1)
        machine = machine.successor(engine)
        machine.run(2)
        pushed = int.from_bytes(machine.memory.read(machine.regs.gpr[Gpr.RSP], 8), "little")
        assert pushed == int(flags) & ~Flag.RF | 2


@every_engine
def test_the_x87_and_sse_registers_survive_a_record(engine: str) -> None:
    text = "fldpi\n fld1\n mov eax, 0x3f80\n movd xmm9, eax\n nop\n fadd st(0), st(1)\n paddd xmm9, xmm9\n fstp qword ptr [rbx]\n hlt"  # fmt: skip # noqa: E501
    views = []
    for cut in (1 << 40, 2, 4, 9, 15):
        machine = Machine(engine)
        machine.boot("long")
        machine.code(text)
        machine.regs.gpr[Gpr.RBX] = 0x28000
        machine.regs.cr4 |= 1 << 9
        machine.cpu.registers_changed()
        if machine.run(cut) is not Stop.HALT:
            machine = machine.successor(engine)
            machine.run()
        views.append(machine.view())
    for view in views[1:]:
        assert not difference(views[0], view)


# -- what the user gets wrong ----------------------------------------------------------------


@every_engine
def test_a_task_register_without_a_task_is_refused(engine: str) -> None:
    machine = Machine(engine)
    machine.boot("long")
    machine.regs.tr.flags = 0x8200  # a descriptor of an LDT
    with pytest.raises(InvariantError, match="TR"):
        machine.cpu.registers_changed()


@every_engine
def test_a_busy_task_is_taken_as_ltr_leaves_it(engine: str) -> None:
    machine = Machine(engine)
    machine.boot("protected32", ring=3)
    machine.code("ud2")
    assert machine.regs.tr.flags == 0x8900
    assert machine.run() is Stop.HALT


def test_an_unknown_engine_is_refused() -> None:
    machine = Machine("portable")
    with pytest.raises(UsageError, match="turbo"):
        make_cpu("turbo", Memory(1 << 20), machine.world, machine.clock)


def test_a_loaded_record_is_the_record() -> None:
    machines = [Machine(engine) for engine in ENGINES]
    for machine in machines:
        machine.boot("long", ring=3, flags=int(Flag.IF | Flag.DF | Flag.CF))
        machine.regs.gpr[Gpr.R9] = 0x1234_5678_9ABC_DEF0
        machine.cpu.registers_changed()
    same(*machines)
    other = Machine("fast")
    load(other.regs, machines[1].record())
    other.cpu.registers_changed()
    assert other.record() == machines[0].record()
