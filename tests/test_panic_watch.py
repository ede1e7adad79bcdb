"""A panic of Linux is told from its text by what the guest does next; never by the text alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vectoros import Machine
from vectoros import panic_watch as module
from vectoros.assembler import assemble
from vectoros.board import Reason, StopRequest
from vectoros.disk import BOOT_SIGNATURE

ENGINES = ("fast", "portable")
QUIET, UNFINISHED = 40_000, 100_000

STAMP = "[    1.060541] "
PANIC = f"{STAMP}Kernel panic - not syncing: no init\r\n"
END = f"{STAMP}---[ end Kernel panic - not syncing: no init ]---\r\n"
TRACE = f"{STAMP}CPU: 0 PID: 1 Comm: swapper\r\n"

SPIN = "spin: jmp spin"
HALT = "sti\n hlt\n spin: jmp spin"
DEAF = "cli\n hlt"
RESET = "mov dx, 0xcf9\n mov al, 2\n out dx, al\n mov al, 6\n out dx, al\n spin: jmp spin"
MORE = "mov cx, 1000\n wait: loop wait\n mov al, 'x'\n mov dx, 0x3f8\n out dx, al\n spin: jmp spin"

Boot = Callable[..., Machine]


@pytest.fixture
def boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Boot:
    """A function that makes a machine whose guest prints a text and then does something."""
    monkeypatch.setattr(module, "QUIET_TICKS", QUIET)
    monkeypatch.setattr(module, "UNFINISHED_TICKS", UNFINISHED)

    def make(text: str, then: str, engine: str = "auto", *, reboot: bool = True) -> Machine:
        escaped = text.replace("\r", "\\r").replace("\n", "\\n").replace('"', '\\"')
        source = f"""
            lea     si, [text]
            mov     dx, 0x3f8
    say:    lodsb
            test    al, al
            jz      done
            out     dx, al
            jmp     say
    done:
            {then}
    text:   .asciz  "{escaped}"
        """
        code = assemble(source, origin=0x7C00, name="guest", bits=16).code
        assert len(code) <= 510
        image = tmp_path / "guest.img"
        image.write_bytes(code.ljust(510, b"\0") + BOOT_SIGNATURE)
        return Machine.from_image(image, engine=engine, reboot=reboot, firmware=False)

    return make


def stop_of(machine: Machine) -> StopRequest:
    with machine:
        return machine.run(for_="100us")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_panic_that_is_over_and_spins_is_one_at_an_exact_tick(boot: Boot, engine: str) -> None:
    with boot(PANIC + TRACE + END, SPIN, engine) as machine:
        machine.run(until="end Kernel panic.*\n")
        last = machine.clock.now
        stop = machine.run(for_="100us")
        assert stop.reason is Reason.PANIC
        # A match stops 4096 ticks behind the OUT; JMP is two bytes long.
        assert 0 <= stop.tick - (last - 4096 + QUIET) <= 2
        crash = machine.crash(stop)
    assert crash is not None
    assert crash.reason == "panic"
    assert crash.summary == "Linux kernel panic: no init"
    assert crash.serial == (PANIC + TRACE + END).splitlines()


def test_both_engines_stop_at_one_tick(boot: Boot) -> None:
    stops = [stop_of(boot(PANIC + END, SPIN, engine)) for engine in ENGINES]
    assert stops[0] == stops[1]


@pytest.mark.parametrize(
    ("text", "then", "reason"),
    [
        (PANIC, SPIN, Reason.PANIC),  # its end does not come
        (PANIC + f"{STAMP}Rebooting in 5 seconds..\r\n", SPIN, Reason.PANIC),
        (PANIC + "half a line", SPIN, Reason.PANIC),
        (PANIC + TRACE, RESET, Reason.PANIC),
        (PANIC + END, RESET, Reason.PANIC),
        (PANIC + END, DEAF, Reason.IDLE),
        (PANIC + END, HALT, Reason.TICK),  # it waits for interrupts: it is alive
        (PANIC + END, MORE, Reason.TICK),
        (PANIC + END + "~ # ", HALT, Reason.TICK),
        (PANIC + END + "more\r\n", SPIN, Reason.TICK),
        ("$ cat log\r\nhost: " + PANIC + END, SPIN, Reason.TICK),
        (END, SPIN, Reason.TICK),  # the end of what?
        ("hello\r\n", RESET, Reason.RESET),
        (PANIC + END + f"{STAMP}reboot: Restarting system\r\n", RESET, Reason.RESET),
        (PANIC + f"{STAMP}reboot: Power down\r\n", SPIN, Reason.TICK),
    ],
)
def test_what_the_guest_does_decides(boot: Boot, text: str, then: str, reason: Reason) -> None:
    assert stop_of(boot(text, then, reboot=False)).reason is reason


def test_after_a_panic_the_machine_may_run_on_and_reset(boot: Boot) -> None:
    with boot(PANIC, RESET) as machine:
        for resets in range(3):  # the guest boots again, and panics again
            assert machine.run(for_="100us").reason is Reason.PANIC
            assert machine.pc.board.resets == resets
            assert machine.pc.board.guest_stop is not None


def test_system_calls_are_a_sign_of_life(boot: Boot, monkeypatch: pytest.MonkeyPatch) -> None:
    with boot(PANIC + END, SPIN) as machine:
        machine.run(until="end Kernel panic.*\n")
        counters = machine.pc.cpu.counters()
        counters.syscalls += 1
        monkeypatch.setattr(machine.pc.cpu, "counters", lambda: counters)
        assert machine.run(for_="100us").reason is Reason.TICK


def test_a_program_that_runs_is_a_sign_of_life(boot: Boot) -> None:
    with boot(PANIC + END, SPIN) as machine:
        machine.run(until="end Kernel panic.*\n")
        machine.cpu._hflags |= 3  # as if ring 3 had printed it
        assert machine.cpu.cpl == 3
        suspicion = machine.panic_watch._suspicion
        assert suspicion is not None
        assert not machine.panic_watch._stuck(suspicion)


def test_who_does_not_want_the_watch_has_none(boot: Boot) -> None:
    with boot(PANIC + END, SPIN) as machine:
        machine.panic_watch.enabled = False
        assert machine.run(for_="100us").reason is Reason.TICK


def test_watching_leaves_no_trace_in_the_machine(boot: Boot) -> None:
    hashes = set()
    for enabled in (True, False):
        with boot(PANIC + END, SPIN) as machine:
            machine.panic_watch.enabled = enabled
            machine.run(for_="100us")
            machine.run(until_tick=400_000)
            hashes.add((machine.clock.now, machine.state_hash()))
    assert len(hashes) == 1


def test_a_linux_that_was_told_to_halt_is_said_to_have_done_so(boot: Boot) -> None:
    with boot(f"{STAMP}reboot: System halted\r\n", DEAF) as machine:
        crash = machine.crash(machine.run(for_="100us"))
    assert crash is not None
    assert crash.reason == "idle"
    assert crash.summary.startswith("Linux has halted, as it was told to")


def test_a_panic_of_our_own_kernel_is_named(boot: Boot) -> None:
    with boot("panic: #GP at 0x1234\n", DEAF) as machine:
        crash = machine.crash(machine.run(for_="100us"))
    assert crash is not None
    assert crash.summary == (
        "idle for ever: halted with interrupts off, after a panic: #GP at 0x1234"
    )


def test_a_restored_machine_is_under_no_suspicion(boot: Boot) -> None:
    with boot(PANIC + END, SPIN) as machine:
        before = machine.snapshot()
        machine.run(until="end Kernel panic.*\n")
        machine.restore(before)
        machine.memory.write(0x7C00, b"\xeb\xfe")  # now it spins and says nothing
        assert machine.run(for_="100us").reason is Reason.TICK
