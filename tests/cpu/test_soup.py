"""Random bytes as code: the host lives, and ring 3 stays where it is.

A block (soup.py) runs in an arena (arena.py) in a child process (stew.py). A child
that dies names the block and its bytes.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cpu.machines import ENGINES
from tests.cpu.rings import OPEN_RINGS, SOUP_BYTES, USER_RINGS, Ring
from tests.cpu.stew import MOST_KIB, OPEN_BYTES, Report, spawn
from vectoros.cpu.repairs import repair

guarded = pytest.mark.skipif(repair() is not None, reason=f"the guards: {repair()}")
every_engine = pytest.mark.parametrize("engine", ENGINES)
USER_BYTES = {"fast": 10_000_000, "portable": 1_000_000}
OPEN_BLOCKS = {"fast": 400, "portable": 60}
CHILD_SECONDS = 600


def names(rings: tuple[Ring, ...]) -> list[str]:
    return [ring.name for ring in rings]


def check(report: Report, blocks: int) -> None:
    assert sum(report.ends.values()) == blocks
    assert report.escapes == []
    assert report.kib < MOST_KIB


@guarded
@every_engine
def test_a_sample_of_random_bytes_neither_ends_the_host_nor_leaves_ring_3(engine: str) -> None:
    report = spawn(engine, range(1), names(USER_RINGS), CHILD_SECONDS)
    check(report, len(USER_RINGS))
    assert report.code_bytes == len(USER_RINGS) * SOUP_BYTES
    assert report.ends == {"HALT": len(USER_RINGS)}, "ring 3 has stopped the machine"


@guarded
@every_engine
def test_a_sample_of_random_bytes_in_ring_0_does_not_end_the_host(engine: str) -> None:
    report = spawn(engine, range(1), names(OPEN_RINGS), CHILD_SECONDS)
    check(report, len(OPEN_RINGS))
    assert report.code_bytes == len(OPEN_RINGS) * OPEN_BYTES


@pytest.mark.slow
@guarded
@every_engine
def test_ten_million_random_bytes_neither_end_the_host_nor_leave_ring_3(engine: str) -> None:
    each = -(-USER_BYTES[engine] // SOUP_BYTES // len(USER_RINGS))
    parts = [range(first, min(each, first + 100)) for first in range(0, each, 100)]
    total = Report()
    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(spawn, engine, part, [ring.name], CHILD_SECONDS)
            for ring in USER_RINGS
            for part in parts
        ]
        for job in jobs:
            total.add(job.result())
            print(f"{engine}: {total.code_bytes:,} bytes, {total.ticks:,} ticks, {total.ends}")
    check(total, each * len(USER_RINGS))
    assert total.ends == {"HALT": each * len(USER_RINGS)}, "ring 3 has stopped the machine"
    assert total.code_bytes >= USER_BYTES[engine]


@pytest.mark.slow
@guarded
@every_engine
@pytest.mark.parametrize("ring", OPEN_RINGS, ids=lambda ring: ring.name)
def test_random_bytes_in_ring_0_do_not_end_the_host(engine: str, ring: Ring) -> None:
    count = OPEN_BLOCKS[engine]
    check(spawn(engine, range(count), [ring.name], CHILD_SECONDS), count)
