"""Runs blocks of random code in a child process, because one may be the end of it.

The child writes which block it is about to run into a file that it shares with its
parent: if it dies, the parent knows of what.

    python -m tests.cpu.stew BOX ENGINE FIRST COUNT RING...
"""

from __future__ import annotations

import faulthandler
import json
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.cpu.arena import Arena, Block
from tests.cpu.rings import OPEN_RINGS, SOUP_BYTES, USER_RINGS, Ring
from tests.cpu.soup import Soup
from vectoros.cpu.core import Stop

RINGS = {ring.name: ring for ring in (*USER_RINGS, *OPEN_RINGS)}
STRIDE = 3  # bytes from one entry to the next
OPEN_BYTES = 256  # of a block that may wreck the machine
FRESH = 32  # blocks after which a machine makes way for a new one
MOST_KIB = 2 << 20
ROOT = Path(__file__).parent.parent.parent


def block(ring: Ring, number: int, stride: int = STRIDE) -> Block:
    """Return the block with this number."""
    rng = random.Random(f"{ring.name} {number}")
    size = SOUP_BYTES if ring.confined else OPEN_BYTES
    code = Soup(rng, ring.bits).write(size)
    return Block(code, tuple(range(rng.randrange(stride), size, stride)), number)


def run(arena: Arena, one: Block) -> str:
    """Run ``one`` to its end; return how it ended."""
    arena.place(one)
    for _ in range(len(one.entries) + 2):
        stop = arena.turn()
        if stop is not Stop.DEADLINE:
            return stop.name
    return "SPENT"


@dataclass
class Report:
    """What became of some blocks."""

    code_bytes: int = 0
    ticks: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    escapes: list[str] = field(default_factory=list)
    kib: int = 0  # the most memory that the child had

    def add(self, other: Report) -> None:
        """Take ``other`` in."""
        self.code_bytes += other.code_bytes
        self.ticks += other.ticks
        for end, count in other.ends.items():
            self.ends[end] = self.ends.get(end, 0) + count
        self.escapes += other.escapes
        self.kib = max(self.kib, other.kib)


def child(box: Path, engine: str, numbers: range, names: Iterable[str]) -> Report:
    """Run the blocks with these numbers in each ring; return what became of them."""
    report = Report()
    with box.open("w") as file:
        faulthandler.enable(file)
        for name in names:
            ring = RINGS[name]
            arena = Arena(engine, ring)
            for number in numbers:
                if (number - numbers[0]) % FRESH == FRESH - 1:
                    arena.machine.cpu.close()
                    arena = Arena(engine, ring)
                file.seek(0)
                file.write(f"{name} {number}\n")
                file.flush()
                one = block(ring, number)
                end = run(arena, one)
                report.code_bytes += len(one.code)
                report.ticks += arena.machine.clock.now
                report.ends[end] = report.ends.get(end, 0) + 1
                if escaped := arena.escaped():
                    report.escapes.append(f"{name} {number}: {escaped}")
    report.kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return report


class DeadChildError(Exception):
    """The process that ran a block has ended before it should."""


def spawn(engine: str, numbers: range, names: Iterable[str], seconds: int) -> Report:
    """Run the blocks in a child; raise :class:`DeadChildError` if they are the end of it."""
    with tempfile.TemporaryDirectory() as folder:
        box = Path(folder) / "box"
        box.touch()
        command = [sys.executable, "-m", "tests.cpu.stew", str(box), engine]
        command += [str(numbers[0]), str(len(numbers)), *names]
        try:
            ran = subprocess.run(
                command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired:
            raise DeadChildError(f"not done in {seconds} s: {box.read_text()}") from None
        if ran.returncode != 0:
            name, number = box.read_text().split(maxsplit=2)[:2]
            code = block(RINGS[name], int(number)).code.hex()
            raise DeadChildError(
                f"exit {ran.returncode} in block {name} {number} on {engine}: {code}\n"
                f"again: python -m tests.cpu.stew /tmp/box {engine} {number} 1 {name}\n"
                f"{box.read_text()}{ran.stderr}"
            )
        return Report(**json.loads(ran.stdout))


if __name__ == "__main__":
    begin, count = int(sys.argv[3]), int(sys.argv[4])
    found = child(Path(sys.argv[1]), sys.argv[2], range(begin, begin + count), sys.argv[5:])
    print(json.dumps(vars(found)))
