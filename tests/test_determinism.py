"""One guest, one hash: whatever the engine, the pauses, and the snapshots.

The guest programs PIT, PIC, UART and a hole of the memory bus in straight-line
code, with interrupts on, and takes timer and serial interrupts. Everything that
it reads, the time-stamp counter among it, goes into its registers and its log.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import vectoros
from vectoros import Machine, snapshot_file
from vectoros.assembler import assemble
from vectoros.board import Reason, StopRequest
from vectoros.config import Config
from vectoros.cpu.selftest import fast_engine_checks, reset_real_mode
from vectoros.units import MIB

ENGINES = ("fast", "portable") if fast_engine_checks()[-1].ok else ("portable",)
PAUSES = 500
DEV_IMAGE = Path(__file__).parents[1] / "images" / "dev.img"
ORIGIN = 0x7C00

GUEST = """
        cli
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     sp, 0x7000
        mov     ax, 0xffff              # FFFF:0010 is the first byte behind 1 MiB of RAM
        mov     fs, ax
        mov     word ptr [0x80], timer  # vector 20h
        mov     word ptr [0x82], 0
        mov     word ptr [0x90], serial # vector 24h
        mov     word ptr [0x92], 0
        mov     word ptr [0x9c], spurious
        mov     word ptr [0x9e], 0
        mov     di, 0x1000              # the log, to 6000h
        mov     si, 0xace1              # a random number
        mov     bp, TURNS

        mov     al, 0x11                # PICs: edges, cascade, ICW4
        out     0x20, al
        out     0xa0, al
        mov     al, 0x20
        out     0x21, al
        mov     al, 0x28
        out     0xa1, al
        mov     al, 4
        out     0x21, al
        mov     al, 2
        out     0xa1, al
        mov     al, 1
        out     0x21, al
        out     0xa1, al
        mov     al, 0xee                # timer and COM1
        out     0x21, al

        mov     dx, 0x3fc               # UART: loopback makes it hear itself, and
        mov     al, 0x1b                # has its line low; so it is polled at times
        out     dx, al
        mov     dx, 0x3fa
        mov     al, 0x41                # FIFO, trigger level 4
        out     dx, al
        mov     dx, 0x3f9
        mov     al, 3                   # receive and transmit interrupts
        out     dx, al
        sti

turn:   mov     ax, si                  # a linear congruence makes the next random number
        mov     cx, 25173
        mul     cx
        add     ax, 13849
        mov     si, ax

        test    si, 0x1800              # at times program PIT counter 0, mode 2: 3 to 18 pulses
        jnz     ticking
        mov     al, 0x34
        out     0x43, al
        mov     ax, si
        and     al, 15
        add     al, 3
        out     0x40, al
        mov     al, 0
        out     0x40, al
ticking:
        rdtsc
        xor     bx, ax

        mov     dx, 0x3f8               # two bytes to the UART, looped back
        mov     ax, si
        out     dx, al
        mov     al, ah
        out     dx, al
        mov     dx, 0x3fd
        in      al, dx
        add     bx, ax

        mov     ax, fs:[0x10]           # a hole, in every width and over the end of RAM
        xor     bx, ax
        mov     fs:[0x14], bx
        mov     eax, fs:[0x0e]
        xor     bx, ax
        inc     byte ptr fs:[0x20]

        xor     al, al                  # read the counter
        out     0x43, al
        in      al, 0x40
        xor     bl, al
        in      al, 0x40
        xor     bh, al

        mov     al, 0x0a                # requests, mask; then mask the timer for a while
        out     0x20, al
        in      al, 0x20
        xor     bl, al
        mov     al, 0xef
        out     0x21, al
        mov     cx, si
        and     cx, 127
wait:   loop    wait
        mov     al, 0xee
        out     0x21, al

        mov     dx, 0x3fc               # out of loopback, the line may rise; and back
        mov     al, 0x0b
        out     dx, al
        mov     cx, si
        shr     cx, 5
busy:   xor     bx, cx
        loop    busy
        mov     dx, 0x3fc
        mov     al, 0x1b
        out     dx, al

        test    si, 0x700               # at times sleep until the timer
        jnz     awake
        hlt
awake:  call    note
        dec     bp
        jnz     turn
        mov     al, 0x2a
        out     0xf4, al
        cli
        hlt

timer:  push    ax
        push    dx
        rdtsc
        xor     bx, ax
        call    note
        mov     al, 0x20
        out     0x20, al
        pop     dx
        pop     ax
        iret

serial: push    ax
        push    dx
        mov     dx, 0x3fa
        in      al, dx
        add     bl, al
        mov     dx, 0x3f8
        in      al, dx
        add     bh, al
        call    note
        mov     al, 0x20
        out     0x20, al
        pop     dx
        pop     ax
        iret

spurious:
        inc     bx
        iret

note:   mov     [di], bx
        add     di, 2
        and     di, 0x5fff
        or      di, 0x1000
        ret
"""


def machine(engine: str, turns: int = 400) -> Machine:
    """Return a machine about to run the guest."""
    found = Machine(Config(memory=MIB, engine=engine))
    code = assemble(GUEST, origin=ORIGIN, bits=16, constants={"TURNS": turns}).code
    found.memory.write(ORIGIN, code)
    reset_real_mode(found.cpu, ORIGIN)
    found.pc.cpu.registers_changed()
    return found


def end_of(run: Machine, stop: StopRequest) -> tuple[str, int, str]:
    """Return how ``run`` ended, when, and in which state."""
    assert (stop.reason, stop.code) == (Reason.EXIT, 0x2A), stop
    return stop.reason.name, run.clock.now, run.state_hash()


@cache
def unpaused() -> tuple[str, int, str]:
    with machine(ENGINES[0]) as run:
        end = end_of(run, run.run(until_tick=50_000_000))
        timers, serials = run.pc.board.interrupts, run.pc.board.ports.accesses["com1"]
        assert timers > 200, "too few interrupts to say anything"
        assert serials > 1_000
        assert run.pc.board.mmio.holes.total() > 1_000
        return end


def test_both_engines_end_in_one_state() -> None:
    with machine(ENGINES[-1]) as run:
        assert end_of(run, run.run(until_tick=50_000_000)) == unpaused()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", [1, 2])
def test_five_hundred_random_pauses_change_nothing(engine: str, seed: int) -> None:
    choose = random.Random(seed)
    longest = 2 * unpaused()[1] // PAUSES
    with machine(engine) as run:
        pauses = 0
        while True:
            # Half of the pauses are close together, within one block of code.
            length = choose.randrange(1, choose.choice([40, longest]))
            stop = run.run(until_tick=run.clock.now + length)
            if stop.reason is not Reason.TICK:
                break
            pauses += 1
        assert pauses >= PAUSES
        assert end_of(run, stop) == unpaused()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_pause_behind_every_instruction_changes_nothing(engine: str) -> None:
    with machine(engine, turns=2) as run, machine(engine, turns=2) as stepped:
        expected = end_of(run, run.run(until_tick=50_000_000))
        while (stop := stepped.run(until_tick=stepped.clock.now + 1)).reason is Reason.TICK:
            pass
        assert end_of(stepped, stop) == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_going_back_to_snapshots_changes_nothing(engine: str) -> None:
    choose = random.Random(3)
    with machine(engine) as run:
        while True:
            stop = run.run(until_tick=run.clock.now + choose.randrange(1, 60_000))
            if stop.reason is not Reason.TICK:
                break
            saved, state = run.snapshot(), run.state_hash()
            run.run(until_tick=run.clock.now + choose.randrange(1, 60_000))
            run.restore(saved)
            assert run.state_hash() == state
        assert end_of(run, stop) == unpaused()


def test_going_from_one_engine_to_the_other_and_back_changes_nothing() -> None:
    choose = random.Random(4)
    with machine(ENGINES[0]) as one, machine(ENGINES[-1]) as other:
        run, idle = one, other
        while True:
            stop = run.run(until_tick=run.clock.now + choose.randrange(1, 60_000))
            if stop.reason is not Reason.TICK:
                break
            idle.restore(run.snapshot())
            assert idle.state_hash() == run.state_hash()
            run, idle = idle, run
        assert end_of(run, stop) == unpaused()


@pytest.mark.parametrize("engine", ENGINES)
def test_the_development_image_comes_to_its_prompt_in_one_state(engine: str) -> None:
    choose = random.Random(5)
    with (
        Machine.from_image(DEV_IMAGE) as plain,
        Machine.from_image(DEV_IMAGE, engine=engine) as run,
    ):
        stop = plain.run(until="vectoros> ", for_="1s")
        assert stop.reason is Reason.MATCH
        # Much of the time it waits for a key; what it does is at both ends.
        busy = 4_000_000
        pauses = [choose.randrange(1, stop.tick) for _ in range(100)]
        pauses += [choose.randrange(1, busy) for _ in range(200)]
        pauses += [stop.tick - choose.randrange(busy) for _ in range(200)]
        for tick in (*sorted(pauses), stop.tick):
            run.run(until_tick=tick)
        assert (run.clock.now, run.state_hash()) == (stop.tick, plain.state_hash())


OTHER_PROCESS = """
import sys
from vectoros import Machine, snapshot_file
from vectoros.config import Config
saved = snapshot_file.load(sys.argv[1])
with Machine(Config(memory=saved.fingerprint["memory"], engine=sys.argv[2])) as run:
    run.restore(saved)
    print(saved.tick, run.state_hash())
    print(run.run(until_tick=50_000_000).reason.name, run.clock.now, run.state_hash())
"""


@pytest.mark.parametrize(("engine", "other"), [*zip(ENGINES, ENGINES[::-1], strict=True)])
def test_going_on_in_another_process_on_the_other_engine_changes_nothing(
    engine: str, other: str, tmp_path: Path
) -> None:
    with machine(engine) as run:
        stop = run.run(until_tick=1_234_567)
        snapshot_file.save(run.snapshot(), tmp_path / "saved")
        there = (stop.tick, run.state_hash())
    result = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS, str(tmp_path / "saved"), other],
        env={**os.environ, "PYTHONPATH": str(Path(vectoros.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.stderr == ""
    first, last = result.stdout.splitlines()
    assert first == "{} {}".format(*there)
    assert last == "{} {} {}".format(*unpaused())
