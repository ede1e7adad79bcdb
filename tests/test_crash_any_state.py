"""A report can be made of any guest whatever: nothing that it leaves behind breaks the reader."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vectoros import Machine
from vectoros.board import Reason, StopRequest
from vectoros.cpu.bits import CR0_PE, CR0_PG, CR4_PAE, EFER_LMA, EFER_NXE
from vectoros.cpu.registers import Registers
from vectoros.units import MIB

IMAGE = Path(__file__).parent.parent / "images" / "dev.img"
MODES = (0, CR0_PE, CR0_PE | CR0_PG)


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A machine that has faults in its log, milestones, and a log of branches."""
    with Machine.from_image(IMAGE, memory="1M", firmware=True) as made:
        made.record_branches()
        made.run(for_="200us")
        yield made


def numbers(noise: random.Random) -> int:
    """Return a number that is small, an address in RAM, in the upper half, or anything."""
    return noise.choice(
        [
            noise.randrange(256),
            noise.randrange(MIB),
            0xFFFF_FFFF_8000_0000 + noise.randrange(MIB),
            noise.getrandbits(64),
            (1 << 64) - 1 - noise.randrange(64),
        ]
    )


def scramble(regs: Registers, noise: random.Random, cr0: int, cr4: int, efer: int) -> None:
    for index in range(16):
        regs.gpr[index] = numbers(noise)
    regs.rip, regs.lstar, regs.cr2 = (numbers(noise) for _ in range(3))
    regs.cr3 = noise.randrange(MIB)
    for part in (*regs.segs, regs.ldtr, regs.tr, regs.gdtr, regs.idtr):
        part.load(
            noise.getrandbits(16), numbers(noise), noise.getrandbits(32), noise.getrandbits(32)
        )
    regs.cr0, regs.cr4, regs.efer = cr0, cr4, efer
    regs.rflags = noise.getrandbits(18) & ~(1 << 17) | 2
    regs.update_hidden()


@settings(max_examples=60)
@given(
    seed=st.integers(0, 1 << 32),
    cr0=st.sampled_from(MODES),
    cr4=st.sampled_from([0, CR4_PAE]),
    efer=st.sampled_from([0, EFER_NXE, EFER_LMA, EFER_LMA | EFER_NXE]),
    reason=st.sampled_from([Reason.TRIPLE_FAULT, Reason.IDLE, Reason.PANIC]),
)
def test_a_report_can_be_made_of_any_state(
    machine: Machine, seed: int, cr0: int, cr4: int, efer: int, reason: Reason
) -> None:
    saved = machine.snapshot()
    try:
        noise = random.Random(seed)
        words = [numbers(noise).to_bytes(8, "little") for _ in range(30)] + [noise.randbytes(8)]
        machine.memory.write(0, b"".join(noise.choices(words, k=0x9_0000 // 8)))
        scramble(machine.cpu, noise, cr0, cr4, efer)
        machine.pc.serial.output += noise.randbytes(200)
        crash = machine.crash(StopRequest(machine.clock.now, reason))
        assert crash is not None
        assert crash.text().startswith("Guest crash: ")
        assert json.loads(json.dumps(crash.data()))["reason"] == reason.name.lower()
    finally:
        machine.restore(saved)
