"""Memory as an unwinder reads it: words, and whether a word is a return address.

Guest memory is not to be trusted and may be anything: what cannot be read is
None, and what cannot be code is no return address. Nothing is changed by looking.
"""

from __future__ import annotations

from vectoros.cpu.bits import CR0_PG
from vectoros.cpu.disasm import disassemble
from vectoros.cpu.faults import CpuFault
from vectoros.cpu.paging import PAGE_NX, PhysicalMemory, is_canonical, read_linear, walk
from vectoros.cpu.registers import Registers
from vectoros.units import PAGE_SIZE

LONGEST_CALL = 8
"""Bytes of the longest CALL that compilers write: prefix, REX, opcode, ModRM, displacement."""

_SHORTEST_CALL = 2
_CALL_REL = 0xE8
_CALL_INDIRECT = 0xFF
_MNEMONICS = ("call", "lcall")


class CodeView:
    """The linear addresses of a machine that stands still."""

    def __init__(self, regs: Registers, memory: PhysicalMemory) -> None:
        """Look through the page tables that ``regs`` name."""
        self._regs = regs
        self._memory = memory
        self._pages: dict[int, bytes | None] = {}
        self._executable: dict[int, bool] = {}
        self._wide = 64 if regs.code_bits == 64 else 32

    def read(self, linear: int, size: int) -> bytes | None:
        """Return the bytes at ``linear``, or None if not all of them are mapped."""
        found = b""
        while len(found) < size:
            at = linear + len(found)
            page = self._page(at // PAGE_SIZE)
            if page is None:
                return None
            start = at % PAGE_SIZE
            found += page[start : start + size - len(found)]
        return found

    def word(self, linear: int, size: int) -> int | None:
        """Return the little-endian word of ``size`` bytes at ``linear``, or None."""
        data = self.read(linear, size)
        return None if data is None else int.from_bytes(data, "little")

    def executable(self, linear: int) -> bool:
        """Whether the page of ``linear`` is mapped and may be executed."""
        number = linear // PAGE_SIZE
        known = self._executable.get(number)
        if known is None:
            known = self._executable[number] = self._may_execute(number * PAGE_SIZE)
        return known

    def call_before(self, linear: int, bits: int) -> int | None:
        """Return the length of the CALL in ``bits``-bit code that ends at ``linear``.

        None if there is none, so that ``linear`` is no return address. Of two that
        could be meant the shorter one is.
        """
        if not self.executable(linear - 1):
            return None
        code = self.read(linear - LONGEST_CALL, LONGEST_CALL)
        if code is None:  # the page before is not mapped
            inside = min(linear % PAGE_SIZE, LONGEST_CALL)
            code = self.read(linear - inside, inside) or b""
        for length in range(_SHORTEST_CALL, len(code) + 1):
            call = code[-length:]
            if _CALL_REL not in call[:2] and _CALL_INDIRECT not in call[:4]:
                continue  # what capstone need not be asked about
            found = disassemble(call, linear - length, bits, limit=1)[0]
            if found.size == length and found.mnemonic in _MNEMONICS:
                return length if self._leads_somewhere(found.operands) else None
        return None

    def call_target(self, linear: int, bits: int) -> int | None:
        """Return where the direct CALL that ends at ``linear`` leads, or None."""
        length = self.call_before(linear, bits)
        code = None if length is None else self.read(linear - length, length)
        if code is None or length is None:
            return None
        operands = disassemble(code, linear - length, bits, limit=1)[0].operands
        return int(operands, 16) if operands.startswith("0x") else None

    def _leads_somewhere(self, operands: str) -> bool:
        """Whether a CALL with these operands may be one: a direct one leads to code."""
        direct = operands.startswith("0x") and "," not in operands
        return not direct or self.executable(int(operands, 16))

    def _page(self, number: int) -> bytes | None:
        if number not in self._pages:
            try:
                data = read_linear(
                    self._regs, self._memory, number * PAGE_SIZE, PAGE_SIZE, look=True
                )
            except CpuFault:
                data = None
            self._pages[number] = data if self._in_range(number * PAGE_SIZE) else None
        return self._pages[number]

    def _may_execute(self, linear: int) -> bool:
        if self._page(linear // PAGE_SIZE) is None:
            return False
        entries = walk(self._regs, self._memory, linear)
        return not any(entry.value & PAGE_NX for entry in entries)

    def _in_range(self, linear: int) -> bool:
        if self._wide == 64 and self._regs.cr0 & CR0_PG:
            return 0 <= linear < 1 << 64 and is_canonical(linear)
        return 0 <= linear < 1 << 32
