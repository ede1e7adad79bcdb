"""Interrupt frames on a stack: how an unwinder gets from a handler to what it interrupted.

A frame is known by what its words may be: a code selector that is in its table, a
flags image whose fixed bits are right, an address that can be executed, a stack
selector that fits. In real mode three words would be too little to go by; there,
the frame of a software interrupt is known by the INT n in front of where it returns.

Source: Intel SDM Vol. 3A, "Exception- or Interrupt-Handler Procedures" and
"64-Bit Mode Stack Frame".
"""

from __future__ import annotations

from dataclasses import dataclass

from vectoros.code_view import CodeView
from vectoros.cpu.bits import CR0_PE, DESC_B, EFER_LMA, Flag, Gpr, Seg
from vectoros.cpu.descriptors import Descriptor, is_null, read_descriptor
from vectoros.cpu.faults import CpuFault
from vectoros.cpu.paging import PhysicalMemory, is_canonical
from vectoros.cpu.registers import Registers

_RESERVED_FLAGS = ~(sum(Flag) | 2)
_ALWAYS_SET = 2
"""Bit 1 of RFLAGS; every other bit that :class:`Flag` does not name is 0."""

_INT_N = 0xCD


@dataclass(frozen=True, slots=True)
class Context:
    """Where code stands: what an unwinder goes on from."""

    selector: int
    ip: int
    """As an offset in its segment."""
    sp: int
    """Linear."""
    bp: int | None
    """Linear; None where it is not known."""
    bits: int
    """Of the code: 16, 32 or 64."""
    code_base: int
    stack_base: int
    ring: int
    saved: int = 0
    """Where all its registers were saved, as Linux does it; 0 if nowhere."""

    @property
    def linear(self) -> int:
        """Linear address of the next instruction."""
        return self.code_base + self.ip & ((1 << 64) - 1 if self.bits == 64 else 0xFFFF_FFFF)

    @property
    def word(self) -> int:
        """Bytes that a CALL pushes."""
        return self.bits // 8


class InterruptFrames:
    """Finds interrupt frames in the memory of a machine that stands still."""

    def __init__(self, regs: Registers, memory: PhysicalMemory, view: CodeView) -> None:
        """Look up selectors in the tables that ``regs`` name."""
        self._regs = regs
        self._memory = memory
        self._view = view
        self._descriptors: dict[int, Descriptor | None] = {}

    def at(self, linear: int, handler: Context) -> Context | None:
        """Return what the frame at ``linear`` goes back to, or None if there is none."""
        if not self._regs.cr0 & CR0_PE:
            return self._real(linear, handler)
        size = 8 if self._regs.efer & EFER_LMA else 4
        first = self._words(linear, size, 3)
        if first is None or not _may_be_flags(first[2]) or first[1] > 0xFFFF:
            return None
        if first[2] & Flag.VM:  # its code has no descriptor
            return None
        ip, selector, _ = first
        code = self._descriptor(selector)
        ring = selector & 3
        if code is None or not (code.is_code and code.present) or ring < handler.ring:
            return None
        if size == 4 and ring == handler.ring:
            return self._same_stack(linear + 3 * size, handler, selector, ip, code)
        last = self._words(linear + 3 * size, size, 2)
        if last is None or not self._may_be_stack(last[1], ring):
            return None
        return self._checked(selector, ip, last[0], last[1], code)

    def _same_stack(
        self, sp: int, handler: Context, selector: int, ip: int, code: Descriptor
    ) -> Context | None:
        """Return the context of a 32-bit frame without SS:ESP."""
        base = code.base
        if not self._view.executable(base + ip & 0xFFFF_FFFF):
            return None
        bits = 32 if code.attributes & DESC_B else 16
        return Context(selector, ip, sp, None, bits, base, handler.stack_base, handler.ring)

    def _checked(
        self, selector: int, ip: int, sp: int, stack: int, code: Descriptor
    ) -> Context | None:
        """Return the context of a frame with SS:RSP if it can be one."""
        ring = selector & 3
        long_mode = bool(self._regs.efer & EFER_LMA)
        bits = 64 if long_mode and code.is_64_bit_code else 32 if code.attributes & DESC_B else 16
        base = 0 if bits == 64 else code.base
        linear = base + ip
        if not is_canonical(sp) or not is_canonical(linear):
            return None
        if ring == 0 and not self._view.executable(linear):
            return None
        segment = None if is_null(stack) or bits == 64 else self._descriptor(stack)
        stack_base = 0 if segment is None else segment.base
        return Context(selector, ip, stack_base + sp, None, bits, base, stack_base, ring)

    def _real(self, linear: int, handler: Context) -> Context | None:
        words = self._words(linear, 2, 3)
        if words is None or not _may_be_flags(words[2]):
            return None
        ip, selector, _ = words
        base = selector << 4
        before = self._view.read(base + ip - 2, 2) if ip >= 2 else None
        if before is None or before[0] != _INT_N:
            return None
        return Context(selector, ip, linear + 6, None, 16, base, handler.stack_base, 0)

    def _may_be_stack(self, selector: int, ring: int) -> bool:
        if selector > 0xFFFF:
            return False
        if is_null(selector):
            return bool(self._regs.efer & EFER_LMA) and ring != 3
        found = self._descriptor(selector)
        return found is not None and found.is_writable_data and selector & 3 == ring

    def _descriptor(self, selector: int) -> Descriptor | None:
        if selector not in self._descriptors:
            try:
                found = read_descriptor(self._regs, self._memory, selector, look=True)
            except CpuFault:
                found = None
            self._descriptors[selector] = None if is_null(selector) else found
        return self._descriptors[selector]

    def _words(self, linear: int, size: int, count: int) -> tuple[int, ...] | None:
        data = self._view.read(linear, size * count)
        if data is None:
            return None
        starts = range(0, len(data), size)
        return tuple(int.from_bytes(data[at : at + size], "little") for at in starts)


def here(regs: Registers) -> Context:
    """Return where the CPU stands."""
    code, stack = regs.segs[Seg.CS], regs.segs[Seg.SS]
    bits = regs.code_bits
    stack_base = 0 if bits == 64 else stack.base
    mask = (1 << 64) - 1 if bits == 64 else 0xFFFF_FFFF if stack.flags & DESC_B else 0xFFFF
    sp, bp = regs.gpr[Gpr.RSP] & mask, regs.gpr[Gpr.RBP] & mask
    return Context(
        selector=code.selector,
        ip=regs.rip,
        sp=stack_base + sp,
        bp=stack_base + bp,
        bits=bits,
        code_base=0 if bits == 64 else code.base,
        stack_base=stack_base,
        ring=int(regs.cpl),
    )


def _may_be_flags(value: int) -> bool:
    return value & _ALWAYS_SET != 0 and not value & _RESERVED_FLAGS
