"""What is due when: the deadlines of the devices.

The queue is derived, not kept: each device names its own next tick. What has to
be remembered is only which deadlines an access by the CPU has just brought near.
Nothing that an access causes may happen sooner than :data:`REACTION_TICKS` after
it, so such a deadline gets a *floor* (docs/explanation/virtual-time.md):

    E1  A device's event comes at its deadline or at its floor, whichever is later.
    E2  An access that leaves the deadline where it was leaves the floor, too: a
        guest that polls a device does not postpone it.
    E3  Events come in the order of their ticks; at equal ticks, of the devices.
    E4  A floor is kept only as long as it is later than the deadline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vectoros.clock import Clock
from vectoros.devices.device import Device
from vectoros.devices.state import State, Stateful, integer
from vectoros.errors import hold
from vectoros.units import REACTION_TICKS

NEVER = 1 << 62
"""A tick that no machine reaches: 36 years of virtual time."""

TICK = integer(0, NEVER)
"""The shape of a tick in a snapshot."""


class EventQueue(Stateful):
    """The next events of ``devices``. Its state is the floors, by device."""

    def __init__(self, devices: Sequence[Device]) -> None:
        """Start with no floors."""
        self._devices = list(devices)
        self._index = {id(device): index for index, device in enumerate(self._devices)}
        self._timed = [i for i, device in enumerate(self._devices) if _has_deadlines(device)]
        self._due = [NEVER] * len(self._devices)
        self._floor = [0] * len(self._devices)
        self.next = NEVER
        """Tick of the earliest event."""
        self.refresh()

    def refresh(self) -> None:
        """Ask every device anew: their states may have been changed from outside."""
        for index in self._timed:
            due = self._due[index] = _deadline(self._devices[index])
            if self._floor[index] <= due:
                self._floor[index] = 0
        self._find_next()

    def accessed(self, device: Device, clock: Clock) -> None:
        """Take note that the CPU has just accessed ``device``."""
        index = self._index[id(device.timekeeper)]
        due = _deadline(self._devices[index])
        if due == self._due[index]:
            return
        self._due[index] = due
        soonest = clock.now + REACTION_TICKS
        self._floor[index] = soonest if due < soonest else 0
        self._find_next()

    def fire(self, now: int) -> None:
        """Let every device whose event is due by ``now`` do its part, in order."""
        while self.next <= now:
            index = min(self._timed, key=self._event)
            device = self._devices[index]
            device.advance()
            hold(_deadline(device) > now, f"D3: {device.name} is still due after advance()")
            self.refresh()

    def _event(self, index: int) -> int:
        """Return the tick of a device's next event."""
        return max(self._due[index], self._floor[index])

    def _find_next(self) -> None:
        self.next = min(map(self._event, self._timed), default=NEVER)

    # State. The deadlines are the devices' own.

    def reset(self) -> None:
        """Forget the floors."""
        self.adopt({})

    def state(self) -> dict[str, State]:
        """Return the floors, by device."""
        pairs = zip(self._devices, self._floor, strict=True)
        return {device.name: floor for device, floor in pairs if floor}

    def check(self, state: object, where: str) -> None:
        """Raise :class:`ValueError` unless ``state`` is floors of these devices."""
        if not isinstance(state, dict):
            raise ValueError(f"{where} must be a table, not {type(state).__name__}")
        names = {device.name for device in self._devices}
        for name, floor in state.items():
            if name not in names:
                raise ValueError(f"{where}.{name} is not a device")
            if not TICK.fits(floor):
                raise ValueError(f"{where}.{name} must be a tick, not {floor!r:.60}")

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Take over a checked state; the devices have theirs already."""
        self._floor = [0] * len(self._devices)
        for index in self._timed:  # no other could have one
            self._floor[index] = state.get(self._devices[index].name, 0)
        self.refresh()


def _has_deadlines(device: Device) -> bool:
    return type(device).next_event is not Device.next_event


def _deadline(device: Device) -> int:
    due = device.next_event()
    return NEVER if due is None else min(due, NEVER)
