"""Linux to the first prompt: one state hash, however it is run."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from tests.linux.conftest import Boot
from vectoros import Machine
from vectoros.cpu.selftest import fast_engine_checks
from vectoros.image.initramfs import PROMPT

pytestmark = pytest.mark.linux
fast_only = pytest.mark.skipif(
    not fast_engine_checks()[-1].ok, reason="the fast engine does not run here"
)

End = tuple[int, str, str]


def end(machine: Machine) -> End:
    return machine.clock.now, machine.state_hash(), machine.serial.text


def to_prompt(machine: Machine) -> End:
    machine.serial.expect(re.escape(PROMPT), timeout="10s")
    return end(machine)


@pytest.fixture(scope="module")
def unpaused(boot: Boot) -> End:
    """The end of a run without any pause."""
    with boot() as machine:
        return to_prompt(machine)


@fast_only
def test_two_runs_have_one_hash_and_pauses_do_not_change_it(boot: Boot, unpaused: End) -> None:
    choose = random.Random(4)
    with boot(engine="fast") as machine:
        for _ in range(500):
            machine.run(until_tick=machine.clock.now + choose.randrange(1, 16_000_000))
        assert PROMPT not in machine.serial.text
        assert to_prompt(machine) == unpaused


@pytest.mark.slow
@fast_only
def test_the_portable_engine_comes_to_the_same_hash(boot: Boot, unpaused: End) -> None:
    with boot(engine="portable") as machine:
        assert to_prompt(machine) == unpaused


@fast_only
def test_both_engines_go_on_alike_from_the_prompt(linux: Machine, tmp_path: Path) -> None:
    linux.save(tmp_path / "prompt.vxs")
    ends = set()
    for engine in ("fast", "portable"):
        with Machine.from_snapshot(tmp_path / "prompt.vxs", engine=engine) as machine:
            machine.serial.send("uname -a; cat /proc/interrupts; ls -l /bin | grep vi\n")
            machine.run(for_="300ms", until="busybox\r\n.*# ")
            ends.add(end(machine))
    assert len(ends) == 1
