"""A stopped guest, shown to people: where it is, its registers, its code, its page tables.

Looking changes nothing: no accessed bit, no clock, no device. What cannot be
read is said to be unreadable; nothing here raises because of a guest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vectoros.cpu.bits import CR0_PE, CR0_PG, EFER_LMA, Flag, Gpr, Seg
from vectoros.cpu.descriptors import read_descriptor
from vectoros.cpu.disasm import BAD, LONGEST, Instruction, disassemble
from vectoros.cpu.faults import CpuFault
from vectoros.cpu.paging import is_canonical, read_linear, walk
from vectoros.cpu.registers import Registers
from vectoros.pc import Pc
from vectoros.units import PAGE_SIZE, format_ticks

_SYSTEM_REGISTERS = ("cr0", "cr2", "cr3", "cr4", "efer")
_ONE_BIT_FLAGS = tuple(flag for flag in Flag if flag is not Flag.IOPL)
_HISTORY_BYTES = 3 * LONGEST
"""How far before RIP to look for a start from which the instructions lead to it."""

_PADDING = bytes(8)
"""So many zeros in a row are no code, though they could be decoded."""


def location(pc: Pc) -> str:
    """Return in one line where the guest is, and when."""
    regs = pc.cpu.regs
    when = f"tick {pc.clock.now} ({format_ticks(pc.clock.now)})"
    return f"{address(regs, regs.segs[Seg.CS].selector, regs.rip)}, {level(regs)}, at {when}"


def address(regs: Registers, selector: int, offset: int) -> str:
    """Return a far address such as CS:RIP, as long as the mode's addresses are."""
    digits = 16 if regs.efer & EFER_LMA else 8 if regs.cr0 & CR0_PE else 4
    return f"{selector:04x}:{offset:0{digits}x}"


def linear(pc: Pc, selector: int, offset: int) -> int:
    """Return the linear address of the code at ``selector``:``offset``, in the present mode."""
    regs = pc.cpu.regs
    if not regs.cr0 & CR0_PE or regs.rflags & Flag.VM:
        return (selector << 4) + offset
    if regs.efer & EFER_LMA:
        return offset  # also in compatibility mode, where every system has flat segments
    if selector == regs.segs[Seg.CS].selector:
        return regs.segs[Seg.CS].base + offset & 0xFFFF_FFFF
    try:
        found = read_descriptor(regs, pc.memory, selector, look=True)
    except CpuFault:
        found = None
    return offset if found is None else found.base + offset & 0xFFFF_FFFF


def level(regs: Registers) -> str:
    """Return the operating mode and the privilege level."""
    return f"{regs.mode} mode, ring {int(regs.cpl)}"


def instruction_at_rip(pc: Pc) -> str:
    """Return the instruction that comes next, or why there is none to show."""
    code = _readable(pc, pc.cpu.regs.linear_rip, LONGEST)
    if not code:
        return "code that cannot be read"
    found = disassemble(code, pc.cpu.regs.linear_rip, pc.cpu.regs.code_bits, limit=1)[0]
    return f"{found.mnemonic} {found.operands}".rstrip()


def code_lines(pc: Pc, before: int = 4, after: int = 6) -> list[str]:
    """Return the instructions around RIP; an arrow marks the one at RIP.

    x86 code cannot be read backwards: those before are a guess that fits.
    """
    rip, bits = pc.cpu.regs.linear_rip, pc.cpu.regs.code_bits
    lines = [f"  {_line(instruction)}" for instruction in _leading_to(pc, rip, bits)[-before:]]
    code = _readable(pc, rip, (after + 1) * LONGEST)
    if not code:
        return [*lines, f"> {rip:016x}  cannot be read"]
    for instruction in disassemble(code, rip, bits, limit=after + 1):
        at = instruction.address - rip
        if at and code.startswith(_PADDING, at):
            return [*lines, "  ..."]
        lines.append(f"{'  ' if at else '> '}{_line(instruction)}")
    return lines


def register_table(regs: Registers) -> dict[str, str]:
    """Return the registers that a crash report shows, in hexadecimal, by name."""
    found = {gpr.name.lower(): f"{regs.gpr[gpr]:016x}" for gpr in Gpr}
    found["rip"] = f"{regs.rip:016x}"
    found["rflags"] = f"{regs.rflags:016x}"
    found |= {name: f"{getattr(regs, name):016x}" for name in _SYSTEM_REGISTERS}
    for seg in Seg:
        part = regs.segs[seg]
        found[seg.name.lower()] = f"{part.selector:04x} base {part.base:#x} limit {part.limit:#x}"
    for name in ("tr", "ldtr"):
        part = getattr(regs, name)
        found[name] = f"{part.selector:04x} base {part.base:#x} limit {part.limit:#x}"
    for name in ("gdtr", "idtr"):
        part = getattr(regs, name)
        found[name] = f"base {part.base:#x} limit {part.limit:#x}"
    return found


def flag_names(rflags: int) -> str:
    """Return the names of the flags that are set.

    >>> flag_names(0x246)
    'IF ZF PF'
    """
    names = [flag.name or "" for flag in reversed(_ONE_BIT_FLAGS) if rflags & flag]
    return " ".join(names) or "none"


def walk_lines(pc: Pc, linear: int) -> list[str]:
    """Return the page-table entries that translate ``linear``, and what they come to.

    With paging off there is nothing to say.
    """
    regs = pc.cpu.regs
    if not regs.cr0 & CR0_PG:
        return []
    entries = walk(regs, pc.memory, linear)
    if not entries:
        return ["not a canonical address" if not is_canonical(linear) else "no translation"]
    last = entries[-1]
    if last.maps is not None and last.present and not last.reserved:
        physical = last.maps | linear & (last.level.page_size - 1)
        verdict = f"physical {physical:#x}"
    else:
        verdict = "reserved bits are set" if last.present else "not present"
    return [*map(str, entries), verdict]


def columns(cells: Iterable[tuple[str, str]], count: int) -> Iterator[str]:
    """Yield rows of ``count`` names and values."""
    texts = [f"{name:>6} {value}" for name, value in cells]
    width = max(map(len, texts), default=0)
    for start in range(0, len(texts), count):
        yield "  ".join(text.ljust(width) for text in texts[start : start + count]).rstrip()


def _line(instruction: Instruction) -> str:
    """Return an instruction so that most fit into a terminal of 80 columns."""
    text = f"{instruction.mnemonic} {instruction.operands}".rstrip()
    return f"{instruction.address:016x}  {instruction.bytes.hex(' '):<23}  {text}"


def _leading_to(pc: Pc, rip: int, bits: int) -> list[Instruction]:
    """Return instructions that end where ``rip`` begins, as many as can be had."""
    span = min(_HISTORY_BYTES, rip)
    code = _readable(pc, rip - span, span)
    if len(code) < span:  # the page before is not mapped
        span = rip % PAGE_SIZE
        code = _readable(pc, rip - span, span)
    padding = code.rfind(_PADDING)
    if padding >= 0:
        code = code[padding + len(_PADDING) :]
    for skip in range(len(code)):
        found = disassemble(code[skip:], rip - len(code) + skip, bits)
        if all(instruction.mnemonic != BAD for instruction in found):
            return found
    return []


def _readable(pc: Pc, linear: int, size: int) -> bytes:
    """Return the bytes at ``linear`` up to the first page that is not mapped, ``size`` at most."""
    found = b""
    while len(found) < size:
        at = linear + len(found)
        length = min(size - len(found), PAGE_SIZE - at % PAGE_SIZE)
        try:
            found += read_linear(pc.cpu.regs, pc.memory, at, length, look=True)
        except CpuFault:
            break
    return found
