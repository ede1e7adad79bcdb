"""The last branches: transfers of control, as the architecture knows them.

Made of a run log (:mod:`vectoros.cpu.run_log`): between two runs control was
transferred. How far the first one came is told by the clock, which counts bytes of
code. What instruction that was is read from memory as it is now.

A repeated string instruction is no branch, though engines run it as a loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from vectoros.code_view import CodeView
from vectoros.cpu.disasm import BAD, LONGEST, Instruction, disassemble
from vectoros.cpu.run_log import Run, RunLog
from vectoros.pc import Pc
from vectoros.symbols.table import NONE, Symbols

BRANCHES = 32
"""How many are shown, as many as the largest LBR stack of Intel's processors has."""

_DIRECT = ("call", "loop", "j")
_OTHER = ("ret", "retf", "iret", "iretd", "iretq", "lcall", "ljmp", "int", "int1", "int3", "into",
          "syscall", "sysret", "sysenter", "sysexit")  # fmt: skip

_SHORTEST_BRANCH = 2
"""Bytes of a branch that says where it leads."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A transfer of control."""

    source: int
    """Linear address of the instruction; of an interrupt, of the one that did not run."""
    target: int
    how: str
    """Mnemonic, or interrupt: an exception or an interrupt between two instructions."""
    count: int
    """How often in a row."""


@dataclass(frozen=True, slots=True)
class BranchLine:
    """The same with names, as a report has it."""

    source: str
    source_place: str
    target: str
    target_place: str
    how: str
    count: int


def last_branches(pc: Pc, log: RunLog) -> list[Branch]:
    """Return the last branches of ``log``, oldest first."""
    view = _Code(pc)
    found: list[Branch] = []
    for branch in _branches(view, log.runs(), pc.cpu.regs.linear_rip, pc.clock.now):
        if found and (found[-1].source, found[-1].target) == (branch.source, branch.target):
            found[-1] = replace(found[-1], count=found[-1].count + branch.count)
        else:
            found.append(branch)
    return found[-BRANCHES:]


def branch_lines(pc: Pc, log: RunLog, symbols: Symbols = NONE) -> list[BranchLine]:
    """Return the last branches with names, newest first."""

    def name(linear: int) -> str:
        # In which ring it ran is not known; names for ring 0 only are for the system's code.
        place = symbols.find(linear, 0)
        return "" if place is None else place.short

    return [
        BranchLine(
            f"{branch.source:016x}", name(branch.source),
            f"{branch.target:016x}", name(branch.target),
            branch.how, branch.count,
        )
        for branch in reversed(last_branches(pc, log))
    ]  # fmt: skip


def _branches(view: _Code, runs: Sequence[Run], rip: int, now: int) -> Iterator[Branch]:
    """Yield every transfer between ``runs``, and the one to ``rip``, which is next."""
    here = Run(rip, 0, now, now, 1)
    for run, after in pairwise([*runs, here]):
        if after.first < run.last:
            continue  # the clock went back: another run of the machine
        if run.times > 1:
            again = view.transfer(run.pc, run.size, run.pc)
            if again is not None:
                yield replace(again, count=run.times - 1)
        retired = min(after.first - run.last, run.size)
        if after.pc != run.pc + retired:
            transfer = view.transfer(run.pc, retired, after.pc)
            if transfer is not None:
                yield transfer


class _Code:
    """The code of a machine, as it is now."""

    def __init__(self, pc: Pc) -> None:
        """Read it through the page tables of ``pc``; try its present mode first."""
        self._view = CodeView(pc.cpu.regs, pc.memory)
        now = pc.cpu.regs.code_bits
        self._bits = (now, *(bits for bits in (64, 32, 16) if bits != now))
        self._known: dict[tuple[int, int, int], Branch | None] = {}

    def transfer(self, pc: int, retired: int, target: int) -> Branch | None:
        """Return what led to ``target`` when ``retired`` bytes of the run at ``pc`` had run.

        None if it was no branch.
        """
        key = (pc, retired, target)
        if key not in self._known:
            self._known[key] = self._transfer(pc, retired, target)
        return self._known[key]

    def _transfer(self, pc: int, retired: int, target: int) -> Branch | None:
        code = self._view.read(pc, retired) or b""
        for bits in self._bits:
            last = _last_instruction(code, pc, bits)
            if last is None:
                continue
            if last.mnemonic.startswith("rep") and last.address == target:
                return None
            if _leads_to(last, target, bits):
                return Branch(last.address, target, last.mnemonic, 1)
        # Perhaps the mode has changed on the way: what says itself where it leads will do.
        for bits in self._bits:
            for length in range(_SHORTEST_BRANCH, min(len(code), LONGEST) + 1):
                last = _last_instruction(code[-length:], pc + retired - length, bits)
                direct = last is not None and last.size == length and _is_direct(last)
                if last is not None and direct and _leads_to(last, target, bits):
                    return Branch(last.address, target, last.mnemonic, 1)
        return Branch(pc + retired, target, "interrupt", 1)


def _last_instruction(code: bytes, pc: int, bits: int) -> Instruction | None:
    """Return the last instruction of ``code`` if that is whole instructions."""
    found = disassemble(code, pc, bits)
    if any(instruction.mnemonic == BAD for instruction in found):
        return None
    last = found[-1] if found else None
    return last if last is not None and last.address + last.size == pc + len(code) else None


def _leads_to(instruction: Instruction, target: int, bits: int) -> bool:
    """Whether ``instruction`` can have transferred control to ``target``."""
    mnemonic = instruction.mnemonic.removeprefix("bnd ").removeprefix("notrack ")
    if not _is_direct(instruction):
        return mnemonic in _OTHER or mnemonic.startswith(_DIRECT)
    mask = 0xFFFF if bits == 16 else (1 << bits) - 1
    return (int(instruction.operands, 16) ^ target) & mask == 0


def _is_direct(instruction: Instruction) -> bool:
    """Whether ``instruction`` says itself where it leads to."""
    return instruction.mnemonic.startswith(_DIRECT) and instruction.operands.startswith("0x")
