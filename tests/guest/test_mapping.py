"""Mapping in ring 3: what the processor remembers of a page that has changed, it forgets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guest.test_processes import DATA, ENGINES, System, program
from vectoros.kernel.abi import Fault

WRITE_IN_RING_3 = 7
"""Error code: the page is present, it was a write, in ring 3 (Intel SDM Vol. 3A, "#PF")."""


@pytest.mark.parametrize("engine", ENGINES)
def test_the_processor_sees_a_page_as_it_is_mapped_now(engine: str, tmp_path: Path) -> None:
    system = System(engine, tmp_path, program("mapper", "mapper.S"))
    system.machine.run(for_="5ms")
    thread = system.tcb(0)
    assert thread.fault == Fault.VM_FAULT, thread
    assert (thread.fault_address, thread.fault_code) == (DATA, WRITE_IN_RING_3)
    assert (thread.r13, thread.r14) == (0x22, 0x33)
