"""Snapshots: the whole machine at one tick, in memory or as a file.

A snapshot holds the canonical record of the CPU, every device's state, the run
loop's, and RAM; nothing of the engine. So it goes from one engine to the other
and from one process to another, and the run goes on as if it had not stopped.

:func:`state_hash` covers the same things: equal machines have equal hashes.

Promise: :func:`restore` is whole or nothing. All of a snapshot is checked before
any of the machine is changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from vectoros.clock import Clock
from vectoros.codec import encode
from vectoros.cpu import record
from vectoros.cpu.core import Cpu
from vectoros.cpu.possible import check_possible
from vectoros.devices.device import Device
from vectoros.devices.state import Stateful, integer
from vectoros.errors import UserError
from vectoros.memory import Memory
from vectoros.ram import RamCheckpoint

_PARTS = ("tick", "cpu", "board", "devices")
_TICK = integer(0, 1 << 62)


class SnapshotError(UserError):
    """A snapshot does not belong to this machine. Exit status 65."""

    status = 65


class Machine(Protocol):
    """What a snapshot is made of: the parts of a machine, and what its host has seen."""

    clock: Clock
    memory: Memory

    @property
    def cpu(self) -> Cpu:
        """The CPU, stopped."""

    @property
    def board(self) -> Stateful:
        """The run loop."""

    @property
    def devices(self) -> Sequence[Device]:
        """Every device."""

    def fingerprint(self) -> dict[str, object]:
        """Return what two machines must have in common to share a snapshot."""

    def history(self) -> dict[str, Any]:
        """Return what the host has seen of the guest, in canonical form."""

    def rewrite_history(self, history: Mapping[str, Any]) -> None:
        """Have seen what :meth:`history` returned, and nothing else."""


class RamContents(Protocol):
    """RAM as a snapshot of another process holds it."""

    def contents(self) -> dict[int, bytes]:
        """Return the pages that are not all zero, by page number."""


@dataclass(frozen=True)
class Snapshot:
    """A machine at one tick."""

    fingerprint: dict[str, object]
    state: dict[str, Any]
    """Everything but RAM: ``tick``, ``cpu``, ``board``, ``devices``, in canonical form."""
    history: dict[str, Any]
    """What the host had seen, serial output among it. No part of the machine."""
    ram: RamCheckpoint | RamContents
    name: str = "the snapshot"
    """What messages call it."""
    trusted: bool = False
    """Whether its state came from a machine and not from a file, so that it must be possible."""

    @property
    def tick(self) -> int:
        """When it was taken."""
        tick: int = self.state["tick"]
        return tick


def machine_state(machine: Machine) -> dict[str, Any]:
    """Return everything guest-visible but RAM."""
    cpu = record.record(machine.cpu.regs)
    cpu["nmi_pending"] = machine.cpu.nmi_pending
    return {
        "tick": machine.clock.now,
        "cpu": cpu,
        "board": machine.board.state(),
        "devices": {device.name: device.state() for device in machine.devices},
    }


def state_hash(machine: Machine) -> str:
    """Return the SHA-256 of the machine's state, as 64 hexadecimal digits."""
    whole = hashlib.sha256(encode(machine_state(machine)))
    whole.update(machine.memory.ram.digest())
    return whole.hexdigest()


def take(machine: Machine) -> Snapshot:
    """Return a snapshot of ``machine``, which must be stopped.

    Address translations are forgotten, so that the run goes on with the same
    accessed and dirty bits whether or not it is ever restored.
    """
    machine.cpu.pages_changed([])
    return Snapshot(
        fingerprint=machine.fingerprint(),
        state=machine_state(machine),
        history=machine.history(),
        ram=machine.memory.ram.checkpoint(),
        trusted=True,
    )


def restore(machine: Machine, snapshot: Snapshot) -> None:
    """Make ``machine`` that of ``snapshot``; raise :class:`SnapshotError` if it cannot be."""
    check_fingerprint(machine, snapshot)
    try:
        if not snapshot.trusted:
            check(machine, snapshot.state)
    except ValueError as reason:
        raise SnapshotError(f"{snapshot.name} cannot be restored: {reason}") from None
    _restore_ram(machine, snapshot.ram)
    state = snapshot.state
    machine.clock.set(state["tick"])
    cpu = dict(state["cpu"])
    machine.cpu.nmi_pending = cpu.pop("nmi_pending")
    record.load(machine.cpu.regs, cpu)
    machine.cpu.registers_changed()
    for device in machine.devices:
        device.adopt(state["devices"][device.name])
    machine.board.adopt(state["board"])
    machine.rewrite_history(snapshot.history)


def check_fingerprint(machine: Machine, snapshot: Snapshot) -> None:
    """Raise :class:`SnapshotError` unless ``snapshot`` is of a machine like ``machine``."""
    ours, theirs = machine.fingerprint(), snapshot.fingerprint
    for name in sorted({*ours, *theirs}):
        if ours.get(name) != theirs.get(name):
            raise SnapshotError(
                f"{snapshot.name} is of another machine: its {name} is "
                f"{theirs.get(name)!r:.60}, and this one's is {ours.get(name)!r:.60}"
            )


def check(machine: Machine, state: Mapping[str, Any]) -> None:
    """Raise :class:`ValueError`, naming the field, unless ``machine`` could be in ``state``."""
    _check_names(state, _PARTS, "state")
    if not _TICK.fits(state["tick"]):
        raise ValueError(f"state.tick must be {_TICK.rule}, not {state['tick']!r:.60}")
    cpu = state["cpu"]
    if not isinstance(cpu, dict) or not isinstance(cpu.get("nmi_pending"), bool):
        raise ValueError("cpu.nmi_pending must be true or false")
    record.check({name: value for name, value in cpu.items() if name != "nmi_pending"})
    check_possible(cpu)
    machine.board.check(state["board"], "board")
    _check_names(state["devices"], [device.name for device in machine.devices], "devices")
    for device in machine.devices:
        device.check(state["devices"][device.name], device.name)


def _check_names(table: object, names: Sequence[str], where: str) -> None:
    if not isinstance(table, dict):
        raise ValueError(f"{where} must be a table, not {type(table).__name__}")
    if different := sorted({*table} ^ {*names}):
        problem = "is missing" if different[0] in names else "is not known"
        raise ValueError(f"{where}.{different[0]:.60} {problem}")


def _restore_ram(machine: Machine, ram: RamCheckpoint | RamContents) -> None:
    memory = machine.memory
    if isinstance(ram, RamCheckpoint):
        changed = memory.physical_pages(memory.ram.restore(ram))
    else:
        changed = memory.physical_pages(memory.ram.replace(ram.contents()))
    machine.cpu.pages_changed(changed)
