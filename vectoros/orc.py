"""ORC: Linux's own unwind tables, read out of a running kernel's memory.

Linux for x86-64 keeps no frame pointers. It carries tables instead which say for
every address of its code where the return address lies. With them a backtrace is
certain. They are found by their names, and every step is checked.

Sources: Linux's ``arch/x86/include/asm/orc_types.h``, ``arch/x86/kernel/unwind_orc.c``
and ``arch/x86/include/asm/ptrace.h`` (struct pt_regs); 4.14 to 6.12.
"""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from enum import IntEnum
from typing import NamedTuple, Self

from vectoros.code_view import CodeView
from vectoros.cpu.bits import Gpr
from vectoros.cpu.registers import Registers
from vectoros.interrupt_frame import Context, InterruptFrames
from vectoros.symbols.table import Symbols

_ENTRY = struct.Struct("<hhH")
_IP_BYTES = 4
_MOST = 1 << 22
"""Entries of a table; Debian's kernel has 370,000."""

_EDGES = (
    "__start_orc_unwind_ip",
    "__stop_orc_unwind_ip",
    "__start_orc_unwind",
    "__stop_orc_unwind",
    "linux_banner",
)
"""Where the tables are, and the text that tells the release."""

_BANNER = re.compile(rb"Linux version (\d+)\.(\d+)")
_BANNER_BYTES = 32
_THREE_BIT_TYPES = (6, 4)
"""From this release on a type has three bits, and other numbers."""


class Reg(IntEnum):
    """From which register a stack pointer is computed (``ORC_REG_``)."""

    UNDEFINED = 0
    PREV_SP = 1
    DX = 2
    DI = 3
    BP = 4
    SP = 5
    R10 = 6
    R13 = 7
    BP_INDIRECT = 8
    SP_INDIRECT = 9


class Type(IntEnum):
    """What lies there (``ORC_TYPE_``, as since 6.4)."""

    UNDEFINED = 0
    END_OF_STACK = 1
    CALL = 2
    REGS = 3
    REGS_PARTIAL = 4


_OLD_TYPES = (Type.CALL, Type.REGS, Type.REGS_PARTIAL, Type.UNDEFINED)
"""The same, by their numbers before that."""

PT_REGS = {"r13": 16, "bp": 32, "r10": 56, "dx": 96, "di": 112}
PT_REGS_IP, PT_REGS_BYTES = 128, 168
"""Offsets in struct pt_regs, which ends in an interrupt frame."""

_GPRS = {"r13": Gpr.R13, "bp": Gpr.RBP, "r10": Gpr.R10, "dx": Gpr.RDX, "di": Gpr.RDI}
_NAMES = {Reg.DX: "dx", Reg.DI: "di", Reg.R10: "r10", Reg.R13: "r13"}


class Entry(NamedTuple):
    """``struct orc_entry``."""

    sp_offset: int
    bp_offset: int
    sp_reg: int
    bp_reg: int
    type: Type


class Orc:
    """The unwind tables of the kernel in a machine that stands still."""

    def __init__(
        self, view: CodeView, interrupts: InterruptFrames, ips: int, entries: int, count: int
    ) -> None:
        """Take ``count`` rows at ``ips`` and ``entries``; see :meth:`of`."""
        self._view = view
        self._interrupts = interrupts
        self._ips = ips
        self._entries = entries
        self._count = count
        self._old = True

    @classmethod
    def of(cls, view: CodeView, interrupts: InterruptFrames, symbols: Symbols) -> Self | None:
        """Return the tables that ``symbols`` lead to, or None if there are none to be used."""
        first, end, entries, entries_end, banner_at = map(symbols.address, _EDGES)
        if first is None or end is None or entries is None or entries_end is None:
            return None
        count, rest = divmod(end - first, _IP_BYTES)
        if rest or not 0 < count <= _MOST or entries_end - entries != count * _ENTRY.size:
            return None
        banner = _BANNER.match((view.read(banner_at, _BANNER_BYTES) if banner_at else b"") or b"")
        if banner is None:
            return None
        found = cls(view, interrupts, first, entries, count)
        found._old = (int(banner[1]), int(banner[2])) < _THREE_BIT_TYPES
        return found

    def step(
        self, context: Context, *, exact: bool, regs: Registers | None = None
    ) -> tuple[str, Context] | None:
        """Return who called ``context`` or was interrupted for it; None if that is not known.

        ``exact`` says that it is no return address; ``regs`` are its registers, if the
        CPU has them. At the end of a stack the kind is ``end``.
        """
        entry = self._entry(context.linear - (not exact))
        if entry is None or context.bits != 64:
            return None
        if entry.type is Type.END_OF_STACK or entry.sp_reg == Reg.UNDEFINED:
            return "end", context
        sp = self._stack(entry, context, regs)
        if sp is None or sp % 8:
            return None
        if entry.type is Type.CALL:
            back = self._view.word(sp - 8, 8)
            if back is None or not self._covers(back):
                return None
            bp = self._frame_pointer(entry, context, sp)
            return "call", replace(context, ip=back, sp=sp, bp=bp, saved=0)
        return self._interrupted(entry, context, sp)

    def _interrupted(self, entry: Entry, context: Context, sp: int) -> tuple[str, Context] | None:
        """Return what the registers saved at ``sp`` lead back to."""
        whole = entry.type is Type.REGS
        if not whole and entry.type is not Type.REGS_PARTIAL:
            return None
        outer = self._interrupts.at(sp + PT_REGS_IP if whole else sp, context)
        if outer is None:
            return None
        bp = self._view.word(sp + PT_REGS["bp"], 8) if whole else context.bp
        return "interrupted", replace(outer, bp=None if outer.ring else bp, saved=sp * whole)

    def _stack(self, entry: Entry, context: Context, regs: Registers | None) -> int | None:
        """Return the stack pointer of the caller, or where the saved registers lie."""
        if entry.sp_reg == Reg.SP:
            return context.sp + entry.sp_offset
        if entry.sp_reg == Reg.SP_INDIRECT:
            found = self._view.word(context.sp, 8)
            return None if found is None else found + entry.sp_offset
        if entry.sp_reg in (Reg.BP, Reg.BP_INDIRECT):
            if context.bp is None:
                return None
            at = context.bp + entry.sp_offset
            return at if entry.sp_reg == Reg.BP else self._view.word(at, 8)
        name = _NAMES.get(entry.sp_reg)  # type: ignore[call-overload]
        return None if name is None else self._register(name, context, regs)

    def _register(self, name: str, context: Context, regs: Registers | None) -> int | None:
        if regs is not None:
            return int(regs.gpr[_GPRS[name]])
        return self._view.word(context.saved + PT_REGS[name], 8) if context.saved else None

    def _frame_pointer(self, entry: Entry, context: Context, sp: int) -> int | None:
        """Return what BP holds in the caller."""
        if entry.bp_reg == Reg.PREV_SP:
            return self._view.word(sp + entry.bp_offset, 8)
        if entry.bp_reg == Reg.BP and context.bp is not None:
            return self._view.word(context.bp + entry.bp_offset, 8)
        return context.bp

    def _covers(self, linear: int) -> bool:
        """Whether ``linear`` is in the kernel's code. It need not be there any more: __init."""
        first, last = self._start(0), self._start(self._count - 1)
        return first is not None and last is not None and first < linear <= last

    def _entry(self, linear: int) -> Entry | None:
        """Return the last row at or before ``linear``."""
        low, high = 0, self._count
        while low < high:
            middle = (low + high) // 2
            start = self._start(middle)
            if start is None:
                return None
            low, high = (middle + 1, high) if start <= linear else (low, middle)
        data = (
            self._view.read(self._entries + (low - 1) * _ENTRY.size, _ENTRY.size) if low else None
        )
        if data is None:
            return None
        sp_offset, bp_offset, bits = _ENTRY.unpack(data)
        number = bits >> 8 & (3 if self._old else 7)
        known = _OLD_TYPES[number] if self._old else number
        kind = Type(known) if known in list(Type) else Type.UNDEFINED
        return Entry(sp_offset, bp_offset, bits & 0xF, bits >> 4 & 0xF, kind)

    def _start(self, index: int) -> int | None:
        """Return where the code of row ``index`` begins: its distance from there is stored."""
        at = self._ips + index * _IP_BYTES
        distance = self._view.word(at, _IP_BYTES)
        if distance is None:
            return None
        return at + distance - ((distance & 1 << 31) << 1)
