"""The run report: what a machine did, as data for ``--report`` and for programs.

Everything here is of the guest's world, so equal runs give equal reports. The
command line adds what belongs to the host: wall time, the image, the exit status
(docs/reference/run-report.md).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from vectoros import snapshot
from vectoros.board import StopRequest
from vectoros.bus import ELSEWHERE, Bus
from vectoros.cpu.bits import Seg
from vectoros.crash_report import Crash
from vectoros.fault_words import vector_name
from vectoros.guest_view import instruction_at_rip
from vectoros.pc import Milestone, Pc
from vectoros.units import TICKS_PER_NS


def run_report(pc: Pc, stop: StopRequest, crash: Crash | None) -> dict[str, Any]:
    """Return what ``pc`` did until ``stop``, which is ``crash`` if it is one, as plain data."""
    counters = pc.cpu.counters()
    return {
        "engine": pc.cpu.name,
        "memory": pc.config.memory,
        "stop_reason": stop.reason.name.lower(),
        "ticks": pc.clock.now,
        "virtual_ns": pc.clock.now_ns,
        "instructions": None,
        "state_hash": snapshot.state_hash(pc),
        "traps": {vector_name(vector): n for vector, n in sorted(counters.traps.items()) if n},
        "syscalls": counters.syscalls,
        "interrupts": pc.board.interrupts,
        "resets": pc.board.resets,
        "ports": _sorted(pc.board.ports.accesses),
        "mmio": _sorted(pc.board.mmio.accesses),
        "holes": {"port": _holes(pc.board.ports), "memory": _holes(pc.board.mmio)},
        "guest_errors": {
            device.name: device.guest_errors for device in pc.devices if device.guest_errors
        },
        "cpu": _cpu(pc),
        "timeline": [timeline_row(milestone) for milestone in pc.milestones],
        "serial": pc.serial.text,
        "crash": None if crash is None else crash.data(),
    }


def timeline_row(milestone: Milestone) -> dict[str, Any]:
    """Return the row of the boot timeline for ``milestone``."""
    tick = milestone.tick
    return {"milestone": milestone.text, "tick": tick, "virtual_ns": tick // TICKS_PER_NS}


def _cpu(pc: Pc) -> dict[str, Any]:
    """Return where the guest is; addresses are text, because JSON has no 64-bit numbers."""
    regs = pc.cpu.regs
    return {
        "mode": regs.mode,
        "ring": int(regs.cpl),
        "cs": f"{regs.segs[Seg.CS].selector:#x}",
        "rip": f"{regs.rip:#x}",
        "instruction": instruction_at_rip(pc),
        "halted": pc.board.halted,
    }


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))


def _holes(bus: Bus) -> dict[str, int]:
    """Return accesses where nothing answered, by address."""
    known = sorted((at, n) for at, n in bus.holes.items() if at != ELSEWHERE)
    found = {f"{at:#x}": n for at, n in known}
    if ELSEWHERE in bus.holes:
        found["elsewhere"] = bus.holes[ELSEWHERE]
    return found
