"""The kernel gate: one store of a guest's ring-0 code calls a function on the host.

Promise: by the time the store to DOORBELL has retired, the function has run, once,
and all that it did to RAM is there for the next instruction to read. The gate
itself adds one word to the block, the time, and knows nothing else about it: what
block and function say to each other is theirs (``kernel/abi.py``).

Without a function SIGNATURE reads as zero, and on a machine without a gate as
whatever that machine's holes read as. So a guest can tell before it relies on it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from vectoros.clock import Clock
from vectoros.devices.device import Device
from vectoros.devices.registers import Access, Register

SIGNATURE = b"VXGATE\x01\0"
"""What a gate with a function behind it shows; the seventh byte is its version."""

NOW = 0x28
"""Where in the block the gate stores the time, 8 bytes, in ticks."""

DOORBELL = 8
"""Offset of the register that calls."""

BLOCK_SIZE = 4096
"""Bytes of a block, which is aligned to its size."""

_LOW, _HIGH = (int.from_bytes(half, "little") for half in (SIGNATURE[:4], SIGNATURE[4:]))
_TICKS = struct.Struct("<Q")


class KernelGate(Device):
    """Eight bytes for an address, and a doorbell.

    The registers are 32 bits wide because the CPU's bus is: a 64-bit access is two.
    A ring is counted as a guest's error, and does nothing else, if there is no
    function, or if BLOCK is not the address of a whole page of RAM.
    """

    name = "kernel_gate"

    source = "VectorOS, docs/adr/0007-kernel-time-is-executed.md and kernel/abi.py"

    block_low = Register(
        0, Access.RW, int, "physical address of the gate block, low half", width=4, reset=0
    )
    block_high = Register(4, Access.RW, int, "the same, high half", width=4, reset=0)
    doorbell = Register(
        DOORBELL, Access.W, int, "any store calls the function behind the gate", width=4
    )
    signature_low = Register(0x10, Access.R, int, '"VXGA", or 0 without a function', width=4)
    signature_high = Register(
        0x14, Access.R, int, '"TE", 1 and 0, or 0 without a function', width=4
    )

    def __init__(self, clock: Clock, *, ram: memoryview) -> None:
        """Store the time into blocks in ``ram``; :meth:`connect` says whom to call."""
        self._ram = ram
        self._block: int | None = None
        self._function: Callable[[int], None] | None = None
        self.rings = 0
        """Calls so far. A statistic, not state."""
        super().__init__(clock)

    def connect(self, function: Callable[[int], None]) -> None:
        """Call ``function`` with the address of the block at each ring from now on."""
        self._function = function

    @property
    def block(self) -> int:
        """The address in BLOCK."""
        return self.block_high << 32 | self.block_low

    def write(self, offset: int, width: int, value: int) -> None:
        """Apply a guest's write. The doorbell rings at any width."""
        if offset == DOORBELL:
            self.ring()
        else:
            super().write(offset, width, value)

    @doorbell.written_by
    def _rung(self, _value: int) -> None:
        self.ring()

    def ring(self) -> None:
        """Do what a store to DOORBELL does. It moves no line and has no later consequence."""
        block, function = self._block, self._function
        if block is None or function is None:
            self.guest_errors += 1
            return
        self.rings += 1
        _TICKS.pack_into(self._ram, block + NOW, self.clock.now)
        function(block)

    @block_low.written_by
    def _set_low(self, value: int) -> None:
        self.block_low = value
        self._find_block()

    @block_high.written_by
    def _set_high(self, value: int) -> None:
        self.block_high = value
        self._find_block()

    def reset(self) -> None:
        """Go to the power-on state: the block is at 0."""
        super().reset()
        self._find_block()

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Take over a checked state."""
        super().adopt(state)
        self._find_block()

    def _find_block(self) -> None:
        """Remember where the block is, or that it is nowhere: a ring has no time to look."""
        inside = self.block + BLOCK_SIZE <= len(self._ram)
        self._block = self.block if inside and not self.block % BLOCK_SIZE else None

    @signature_low.read_by
    def _signature_low(self) -> int:
        return _LOW if self._function is not None else 0

    @signature_high.read_by
    def _signature_high(self) -> int:
        return _HIGH if self._function is not None else 0
