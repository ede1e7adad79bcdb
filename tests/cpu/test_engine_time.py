"""When a slice ends, and what an instruction costs."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.cpu.machines import BITS, CODE, ENGINES, MODES, Machine, same
from vectoros.cpu.bits import Flag, Gpr
from vectoros.cpu.core import Stop

every_engine = pytest.mark.parametrize("engine", ENGINES)
every_mode = pytest.mark.parametrize("mode", MODES)


def booted(engine: str, mode: str, text: str, ring: int = 0) -> Machine:
    machine = Machine(engine)
    machine.boot(mode, ring=ring)
    machine.code(text)
    return machine


@every_mode
@every_engine
def test_each_instruction_is_a_boundary_and_costs_its_size(engine: str, mode: str) -> None:
    machine = booted(
        engine, mode, "nop\n add eax, ecx\n mov ecx, 0x12345678\n jmp over\n nop\nover: hlt"
    )
    wide = BITS[mode] == 16  # a 32-bit operand takes a prefix there
    sizes = [1, 3 if wide else 2, 6 if wide else 5, 2, 1]
    start, ticks = machine.regs.rip, [sum(sizes[: n + 1]) for n in range(5)]
    places = [start + tick for tick in ticks]
    places[3:] = [places[3] + 1, places[4] + 1]
    assert machine.boundaries() == list(zip(ticks, places, strict=True))


@every_engine
def test_a_slice_ends_at_the_first_boundary_at_or_behind_the_deadline(engine: str) -> None:
    for deadline, end in ((1, 1), (2, 6), (5, 6), (6, 6), (7, 8), (100, 9)):
        machine = booted(engine, "long", "nop\n mov ecx, 0x12345678\n jmp over\nover: hlt")
        machine.run(deadline)
        assert machine.clock.now == end, f"deadline {deadline}"


@every_engine
def test_a_deadline_that_has_passed_runs_nothing(engine: str) -> None:
    machine = booted(engine, "long", "nop\n hlt")
    assert machine.run(0) is Stop.DEADLINE
    assert machine.run(-5) is Stop.DEADLINE
    assert (machine.clock.now, machine.regs.rip) == (0, CODE)


@every_mode
@every_engine
def test_hlt_is_charged_and_reported(engine: str, mode: str) -> None:
    machine = booted(engine, mode, "nop\n hlt\n nop\n hlt")
    assert machine.run() is Stop.HALT
    assert machine.clock.now == 2
    assert machine.run() is Stop.HALT
    assert machine.clock.now == 4


@pytest.mark.parametrize("code", ["f4", "66f4", "f3f4", "2e66f4", "48f4"])
@every_engine
def test_hlt_is_reported_whatever_its_prefixes_and_the_deadline(engine: str, code: str) -> None:
    for ticks in (1, 2, 3, 50):
        machine = booted(engine, "long", "nop\n nop")
        machine.memory.write(CODE + 1, bytes.fromhex(code) + b"\x90" * 80)
        while machine.run(ticks) is not Stop.HALT:
            assert machine.clock.now < 10, f"HLT was not reported in slices of {ticks} ticks"
        assert machine.clock.now == 1 + len(code) // 2


@every_engine
def test_an_instruction_that_only_ends_like_hlt_does_not_halt(engine: str) -> None:
    machine = booted(engine, "long", "mov al, 0xf4\n mov bl, 0xf4\n hlt")
    assert machine.boundaries() == [(2, CODE + 2), (4, CODE + 4), (5, CODE + 5)]


@every_engine
def test_hlt_in_ring_3_is_a_fault_and_not_charged(engine: str) -> None:
    machine = booted(engine, "long", "nop\n hlt", ring=3)
    assert machine.run() is Stop.HALT  # the handler's
    assert machine.clock.now == 2
    (fault,) = machine.cpu.faults()
    assert (fault.vector, fault.rip, fault.tick, fault.cpl) == (13, CODE + 1, 1, 3)


@every_mode
@every_engine
def test_a_jump_to_itself_passes_time(engine: str, mode: str) -> None:
    machine = booted(engine, mode, "here: jmp here")
    for ticks, now in ((1, 2), (1, 4), (3, 8), (1001, 1010)):
        assert machine.run(ticks) is Stop.DEADLINE
        assert machine.clock.now == now


@every_mode
@every_engine
def test_a_repeated_instruction_is_charged_at_each_entry(engine: str, mode: str) -> None:
    text = "mov ecx, 3\n mov edi, 0x28000\n mov al, 7\n rep stosb\n hlt"
    if BITS[mode] == 16:
        text = "mov cx, 3\n mov di, 0x6000\n mov al, 7\n rep stosb\n hlt"
    machine = booted(engine, mode, text)
    before = 8 if BITS[mode] == 16 else 12
    at = machine.regs.rip + before
    seen = [boundary for boundary in machine.boundaries() if boundary[0] >= before]
    # Three iterations leave RIP where it is; the fourth entry finds the count at zero.
    expected = [(before + 2 * n, at) for n in range(4)]
    assert seen == [*expected, (before + 8, at + 2), (before + 9, at + 3)]
    assert machine.regs.gpr[Gpr.RCX] == 0


@every_engine
def test_a_repeated_instruction_with_count_zero_is_charged_once(engine: str) -> None:
    machine = booted(engine, "long", "xor ecx, ecx\n rep movsb\n hlt")
    assert machine.boundaries() == [(2, CODE + 2), (4, CODE + 4), (5, CODE + 5)]


@every_engine
def test_scas_stops_at_the_match(engine: str) -> None:
    machine = booted(engine, "long", "mov ecx, 9\n lea rdi, [rip+text]\n mov al, 3\n repne scasb\n hlt\ntext: .byte 1, 2, 3, 4")  # fmt: skip # noqa: E501
    machine.boundaries()
    assert machine.regs.gpr[Gpr.RCX] == 6
    assert machine.flag(Flag.ZF)
    assert machine.clock.now == 5 + 7 + 2 + 3 * 2 + 1


@every_mode
def test_any_slicing_of_a_program_leads_to_the_same_state(mode: str) -> None:
    text = """
        mov     cx, 40
again:  push    cx
        mov     dx, cx
        imul    dx, dx
        add     bx, dx
        pushf
        pop     ax
        xor     si, ax
        test    dl, 4
        jz      even
        out     0x80, al
even:   pop     cx
        dec     cx
        jnz     again
        hlt
    """
    machines = []
    for engine in ENGINES:
        for ticks in (1, 2, 3, 5, 7, 64, 1 << 40):
            machine = booted(engine, mode, text)
            while machine.run(ticks) is not Stop.HALT:
                assert machine.clock.now < 5000
            machines.append(machine)
    same(*machines)
    assert len(machines[0].world.log) == 10


@every_engine
def test_shortening_from_a_callback_ends_the_slice_at_that_tick(engine: str) -> None:
    machine = booted(engine, "long", "out 0x10, al\n" + "nop\n" * 5000 + "hlt")
    machine.world.hooks[0x10] = lambda: machine.cpu.shorten(machine.clock.now + 4097)
    assert machine.run(1 << 40) is Stop.DEADLINE
    assert machine.clock.now == 4097


@every_engine
def test_shortening_to_a_later_tick_changes_nothing(engine: str) -> None:
    machine = booted(engine, "long", "out 0x10, al\n" + "nop\n" * 50 + "hlt")
    machine.world.hooks[0x10] = lambda: machine.cpu.shorten(30)
    machine.run(20)
    assert machine.clock.now == 20


@every_engine
def test_shortening_to_a_tick_that_has_passed_ends_the_slice_at_the_next_block(engine: str) -> None:
    machine = booted(engine, "long", "out 0x10, al\n nop\n nop\nhere: jmp here")
    machine.world.hooks[0x10] = lambda: machine.cpu.shorten(0)
    assert machine.run(1 << 40) is Stop.DEADLINE
    assert machine.clock.now == 6


@every_engine
def test_a_pause_ends_a_slice_at_a_boundary_about_there_and_changes_nothing(engine: str) -> None:
    text = "mov ecx, 200\nagain: nop\n nop\n add eax, ecx\n dec ecx\n jnz again\n hlt"
    unpaused = booted(engine, "long", text)
    unpaused.run()
    machine = booted(engine, "long", text)
    ends = [machine.clock.now]
    while machine.cpu.run(1_000_000, machine.clock.now + 50) is Stop.DEADLINE:
        ends.append(machine.clock.now)
    assert all(0 < end - start < 50 + 15 for start, end in pairwise(ends))
    assert len(ends) > 30
    assert machine.record() == unpaused.record()
    assert machine.clock.now == unpaused.clock.now


@every_engine
def test_a_pause_too_short_for_a_block_still_comes_forward(engine: str) -> None:
    machine = booted(engine, "long", "nop\n mov ecx, 0x12345678\n nop\n hlt")
    ends = []
    while machine.cpu.run(1_000, machine.clock.now + 1) is Stop.DEADLINE:
        ends.append(machine.clock.now)
    assert ends == [1, 6, 7]


@every_engine
def test_the_deadline_counts_if_it_is_sooner_than_the_pause(engine: str) -> None:
    machine = booted(engine, "long", "nop\n" * 40 + "hlt")
    assert machine.cpu.run(7, 1_000) is Stop.DEADLINE
    assert machine.clock.now == 7


@pytest.mark.skipif("fast" not in ENGINES, reason="the fast engine does not run here")
def test_a_deadline_in_a_long_block_is_reached_in_few_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = booted("fast", "long", "add rax, rcx\n" * 400 + "hlt")
    starts = 0
    start = machine.cpu._start  # type: ignore[attr-defined]

    def counted() -> int:
        nonlocal starts
        starts += 1
        return int(start())

    monkeypatch.setattr(machine.cpu, "_start", counted)
    machine.run(1_000)
    assert machine.clock.now == 1_002
    assert starts < 40
