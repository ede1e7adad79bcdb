"""Gate, machine and kernel: three that know nothing of each other say the same numbers."""

from __future__ import annotations

import subprocess
import sys

from vectoros.api import Machine
from vectoros.boot.native import KernelMemory
from vectoros.config import Config
from vectoros.devices import kernel_gate
from vectoros.kernel import boot_record, gate
from vectoros.layout import KERNEL_GATE
from vectoros.machine_info import COMMAND_LINE_SIZE
from vectoros.units import MIB

DOORBELL = KERNEL_GATE + kernel_gate.KernelGate.doorbell.offset


def test_the_gate_stores_the_time_where_the_kernel_looks_for_it() -> None:
    assert gate.GateBlock.fields["now"].offset == kernel_gate.NOW
    assert kernel_gate.BLOCK_SIZE == gate.SIZE


def test_a_command_line_fits_into_the_boot_record() -> None:
    assert COMMAND_LINE_SIZE == boot_record.COMMAND_LINE_SIZE


def test_the_kernel_is_loaded_at_the_first_ring_and_not_before() -> None:
    program = (
        "import sys; from vectoros.api import Machine; from vectoros.config import Config\n"
        "m = Machine(Config(memory=1 << 20)); name = 'vectoros.kernel.kernel'\n"
        f"print(name in sys.modules); m.pc.board.mmio_write({KERNEL_GATE}, 4, 0x2000)\n"
        f"m.pc.board.mmio_write({DOORBELL}, 4, 0); print(name in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout.split(), done.stderr) == (["False", "True"], "")


def test_what_the_kernel_writes_into_frames_invalidates_translated_code() -> None:
    with Machine(Config(memory=MIB)) as machine:
        told: list[tuple[int, int]] = []
        machine.memory._listener = lambda address, size: told.append((address, size))
        memory = KernelMemory(machine.memory)
        memory.view[0x3000] = 1
        assert told == []
        memory.write(0x4000, b"code")
        assert told == [(0x4000, 4)]
        assert bytes(memory.view[0x4000:0x4004]) == b"code"
