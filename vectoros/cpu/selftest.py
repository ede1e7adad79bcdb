"""Which engine may run here: proven at start-up, never assumed.

The fast engine reads Unicorn's memory at offsets that only one build has. So
before it is used, each thing that it relies on is tried out, the cheap things
first. ``vectoros doctor`` prints the list; a machine takes the fast engine if
all of it holds, and else the portable one.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vectoros.clock import Clock
from vectoros.cpu import native
from vectoros.cpu import unicorn_api as api
from vectoros.cpu.bits import Gpr, Seg
from vectoros.cpu.core import Cpu, Surroundings
from vectoros.cpu.debug_helpers import repair_debug_registers
from vectoros.cpu.engine_portable import PortableEngine
from vectoros.cpu.refusals import refuse
from vectoros.cpu.repairs import repair
from vectoros.cpu.selftest_programs import Witness, trials
from vectoros.cpu.translated import exported
from vectoros.errors import UsageError
from vectoros.memory import Memory
from vectoros.units import MIB

if TYPE_CHECKING:
    from vectoros.cpu.engine_fast import FastEngine
    from vectoros.cpu.registers import Registers

UNICORN = "2.1.4"
"""The release whose layout :mod:`vectoros.cpu.registers` and native.py describe."""


ENGINES = ("auto", "fast", "portable")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried out."""

    name: str
    ok: bool
    detail: str


def fast_engine_checks() -> list[Check]:
    """Try what the fast engine relies on; the list ends at the first thing that fails."""
    done: list[Check] = []
    for name, trial in _TRIALS:
        fault = trial()
        done.append(Check(name, fault is None, fault or "ok"))
        if fault is not None:
            break
    return done


def caveats() -> list[str]:
    """Return, a sentence each, what does not hold on this host whichever engine runs."""
    found = []
    if reason := repair():
        found.append(
            f"Unicorn is not repaired here ({reason}): IDIV of the least dividend by -1 ends this "
            "process; every store is checked for translated code, so that none is missed; an "
            "unaligned read-modify-write of the running block may be made twice"
        )
    if not exported():
        found.append(
            "this build of unicorn does not export how to forget code by physical address: code "
            "that an exception's frame overwrites, in pages that cannot be executed, runs stale"
        )
    return found


def make_cpu(engine: str, memory: Memory, surroundings: Surroundings, clock: Clock) -> Cpu:
    """Return a CPU with the engine called ``engine``: fast, portable, or auto."""
    if engine not in ENGINES:
        raise UsageError(f"--engine must be one of {', '.join(ENGINES)}, not {engine!r}")
    if engine == "portable":
        return PortableEngine(memory, surroundings, clock)
    last = _verdict()
    if last.ok:
        return _fast(memory, surroundings, clock)
    if engine == "fast":
        raise UsageError(f"--engine fast cannot run here: {last.name}: {last.detail}")
    return PortableEngine(memory, surroundings, clock)


def _verdict() -> Check:
    """Return the last check made: the first that failed, if one did. Tried once a process."""
    if not _cached:
        _cached.append(fast_engine_checks()[-1])
    return _cached[0]


_cached: list[Check] = []


def _fast(memory: Memory, surroundings: Surroundings, clock: Clock) -> FastEngine:
    # Loaded here: elsewhere than on Linux the module's symbols do not exist.
    from vectoros.cpu.engine_fast import FastEngine

    return FastEngine(memory, surroundings, clock)


def _host() -> str | None:
    if sys.platform == "linux" and platform.machine() == "x86_64":
        return None
    return f"needs Linux on x86_64, and this is {sys.platform} on {platform.machine()}"


def _version() -> str | None:
    if api.UNICORN_VERSION == UNICORN:
        return None
    return f"needs unicorn {UNICORN}, and this is {api.UNICORN_VERSION}"


def _symbols() -> str | None:
    missing = native.missing_symbols()
    return f"this build of unicorn does not export {missing[0]}" if missing else None


def _code() -> str | None:
    try:
        native.routines()
    except OSError as reason:
        return str(reason)
    return None


def _registers() -> str | None:
    """Write registers through Unicorn's interface and find them in the structure."""
    engine = _fast(Memory(MIB), Witness(Clock()), Clock())
    regs = engine.regs
    for number, (name, read) in enumerate(_SAMPLES):
        value = 0x1234_5670 + number
        engine._uc.reg_write(getattr(api.x86, f"UC_X86_REG_{name}"), value)
        if read(regs) != value:
            return f"{name} is not where the layout of unicorn {UNICORN} has it"
    for number, (name, register) in enumerate(_MODEL_SPECIFIC.items()):
        value = 0x0104_0504 + number  # one that each of them may have: PAT takes few
        engine._uc.msr_write(register, value)
        if getattr(regs, name) != value:
            return f"{name} is not where the layout of unicorn {UNICORN} has it"
    engine.close()
    return None


def _invalidations() -> str | None:
    """Find Unicorn's count of invalidated blocks, and have it count one."""
    memory = Memory(MIB)
    engine = _fast(memory, Witness(Clock()), Clock())
    memory.write(0x1000, b"\xf4")
    reset_real_mode(engine.regs, 0x1000)
    engine.registers_changed()
    engine.run(1)
    count = native.invalidations(engine._address)
    before = count.value
    memory.write(0x1000, b"\x90")
    after = count.value
    engine.close()
    return None if after == before + 1 else f"one block went, and {after - before} were counted"


def _execution() -> str | None:
    """Run programs that would not keep exact time if anything worked differently."""
    faults = trials(_fast, reset_real_mode)
    return next((fault for fault in faults if fault is not None), None)


def reset_real_mode(regs: Registers, rip: int) -> None:
    """Put ``regs`` in real mode at 0000:``rip``, with a stack below it and all else zero."""
    for number in range(16):
        regs.gpr[number] = 0
    for number in Seg:
        regs.segs[number].load(0, 0, 0xFFFF, 0x9B00 if number is Seg.CS else 0x9300)
    regs.gdtr.load(0, 0, 0xFFFF, 0)
    regs.idtr.load(0, 0, 0x3FF, 0)
    regs.ldtr.load(0, 0, 0xFFFF, 0x8200)
    regs.tr.load(0, 0, 0xFFFF, 0x8900)  # busy, Unicorn would abort
    regs.cr0, regs.cr2, regs.cr3, regs.cr4, regs.efer = 0x6000_0010, 0, 0, 0, 0
    regs.dr[6], regs.dr[7] = 0xFFFF_0FF0, 0x400
    regs.fpu_control, regs.fpu_status, regs.mxcsr = 0x37F, 0, 0x1F80
    regs.gpr[Gpr.RSP] = rip
    regs.rip = rip
    regs.rflags = 2
    regs.update_hidden()


def _gpr(number: int) -> Callable[[Registers], int]:
    return lambda regs: regs.gpr[number]


def _samples() -> Iterator[tuple[str, Callable[[Registers], int]]]:
    for gpr in Gpr:
        yield gpr.name, _gpr(gpr)
    yield "RIP", lambda regs: regs.rip
    yield "CR2", lambda regs: regs.cr2
    yield "CR3", lambda regs: regs.cr3
    yield "FS_BASE", lambda regs: regs.segs[Seg.FS].base
    yield "GS_BASE", lambda regs: regs.segs[Seg.GS].base
    yield "DR0", lambda regs: regs.dr[0]
    yield "DR3", lambda regs: regs.dr[3]
    yield "FIP", lambda regs: regs.fpu_ip
    yield "XMM0", lambda regs: regs.xmm[0].low
    yield "XMM15", lambda regs: regs.xmm[15].low


_SAMPLES = tuple(_samples())

_MODEL_SPECIFIC = {
    "sysenter_esp": 0x175,
    "sysenter_eip": 0x176,
    "pat": 0x277,
    "star": 0xC000_0081,
    "lstar": 0xC000_0082,
    "fmask": 0xC000_0084,
    "kernel_gs_base": 0xC000_0102,
    "tsc_aux": 0xC000_0103,
}
"""Model-specific registers (Intel SDM Vol. 4) by their names in :class:`Registers`."""

_TRIALS: tuple[tuple[str, Callable[[], str | None]], ...] = (
    ("host", _host),
    ("unicorn release", _version),
    ("exported functions", _symbols),
    ("executable memory", _code),
    ("repairs of unicorn", repair),
    ("refusals of unicorn", refuse),
    ("debug registers", repair_debug_registers),
    ("register layout", _registers),
    ("invalidation of code", _invalidations),
    ("exact execution", _execution),
)
