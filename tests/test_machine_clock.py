"""The real-time clock in a machine: its interrupts come at their ticks, whoever looks on.

The guest takes the periodic interrupt, and the update-ended one that comes in
between, logs what it reads, sets the time, and at last resets the machine.
"""

from __future__ import annotations

import random
from functools import cache

import pytest

from vectoros import Machine
from vectoros.assembler import assemble
from vectoros.board import Reason, StopRequest
from vectoros.config import Config, rtc_start
from vectoros.cpu.selftest import fast_engine_checks
from vectoros.layout import BOOT_SECTOR
from vectoros.units import MIB, TICKS_PER_SECOND

ENGINES = ("fast", "portable") if fast_engine_checks()[-1].ok else ("portable",)

GUEST = """
        cli
        xor     ax, ax
        mov     ds, ax
        mov     ss, ax
        mov     sp, 0x7000
        mov     di, word ptr [0x600]    # the log goes on after a reset
        mov     word ptr [0xa0], tick   # vector 28h
        mov     al, 0x11
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
        mov     al, 0xfb
        out     0x21, al
        mov     al, 0xfe
        out     0xa1, al

        mov     al, 0x0a                # 128 Hz
        out     0x70, al
        mov     al, 0x29
        out     0x71, al
        mov     al, 0x0b                # set the minute
        out     0x70, al
        mov     al, 0x82
        out     0x71, al
        mov     al, 2
        out     0x70, al
        mov     al, 0x41
        out     0x71, al
        mov     al, 0x0b                # periodic and update-ended interrupts
        out     0x70, al
        mov     al, 0x52
        out     0x71, al
        mov     cx, 30
        sti
sleep:  hlt
        mov     al, 0x0a                # UIP, now and then
        out     0x70, al
        in      al, 0x71
        add     bl, al
        loop    sleep
        cli
        mov     word ptr [0x600], di
        cmp     di, 600
        jae     off
        mov     al, 3
        out     0x92, al
        hlt
off:    mov     dx, 0x604
        mov     ax, 0x2000
        out     dx, ax
        hlt

tick:   push    ax
        rdtsc
        xor     bx, ax
        mov     al, 0x0c
        out     0x70, al
        in      al, 0x71
        mov     byte ptr [di + 0x1000], al
        mov     al, 0
        out     0x70, al
        in      al, 0x71
        mov     byte ptr [di + 0x1001], al
        mov     word ptr [di + 0x1002], bx
        add     di, 4
        mov     al, 0x20
        out     0xa0, al
        out     0x20, al
        pop     ax
        iret
"""

End = tuple[StopRequest, str]


def machine(engine: str) -> Machine:
    made = Machine(
        Config(memory=MIB, engine=engine, firmware=False, rtc=rtc_start("2026-01-01T23:59:58"))
    )
    code = assemble(GUEST, origin=BOOT_SECTOR, bits=16).code
    made.memory.write(BOOT_SECTOR, code)
    return made


@cache
def unpaused() -> End:
    with machine(ENGINES[0]) as made:
        return made.run(for_="5s"), made.state_hash()


@pytest.mark.parametrize("engine", ENGINES)
def test_interrupts_come_128_times_a_second_and_with_each_second(engine: str) -> None:
    with machine(engine) as made:
        stop = made.run(for_="5s")
        assert stop.reason is Reason.POWER_OFF
        log = made.memory.read(0x1000, 600)
        assert made.pc.board.resets == 4, "each start takes 30 interrupts"
        assert made.pc.board.interrupts == len(log) // 4 == 150
        flags, seconds = log[::4], log[1::4]
        assert set(flags) == {0xC0, 0xD0}, "IRQF and PF; once UF, too"
        update = flags.index(0xD0)
        assert flags.count(0xD0) == 1
        assert set(seconds[:update]) == {0x58}
        assert set(seconds[update:]) == {0x59}
        assert TICKS_PER_SECOND < stop.tick < 5 * TICKS_PER_SECOND // 4


@pytest.mark.parametrize("engine", ENGINES)
def test_pauses_and_snapshots_change_no_hash(engine: str) -> None:
    choose = random.Random(7)
    with machine(engine) as one, machine(ENGINES[-1]) as other:
        run, idle = one, other
        while True:
            stop = run.run(until_tick=run.clock.now + choose.randrange(1, 12_000_000))
            if stop.reason is not Reason.TICK:
                break
            assert run.state_hash() == run.state_hash()
            if choose.random() < 0.3:
                idle.restore(run.snapshot())
                run, idle = idle, run
        assert (stop, run.state_hash()) == unpaused()
