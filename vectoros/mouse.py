"""The host's hand on the mouse.

    machine.mouse.move(10, 5)
    machine.mouse.click("left")

It acts at the present tick. The mouse is a real one: what moves further than 255
counts before the guest takes a packet is lost, and the packet says so.
"""

from __future__ import annotations

from vectoros.devices.ps2_mouse import WHEEL_HIGHEST, Packet
from vectoros.errors import UsageError
from vectoros.pc import Pc

BUTTONS = {"left": Packet.L.mask, "right": Packet.R.mask, "middle": Packet.M.mask}
"""Name of a button -> its bit."""

MAXIMUM_MOVE = 1_000_000
"""Counts in one call; far beyond what a mouse can report, so a larger number is a slip."""


class Mouse:
    """The mouse of one machine."""

    def __init__(self, pc: Pc) -> None:
        """Have a hand on the mouse of ``pc``."""
        self._pc = pc

    def move(self, dx: int, dy: int) -> None:
        """Move by counts: right and down are positive, as on a screen."""
        _check("dx", dx, MAXIMUM_MOVE)
        _check("dy", dy, MAXIMUM_MOVE)
        self._pc.i8042.mouse.move(dx, -dy)
        self._pc.board.events.refresh()

    def scroll(self, steps: int) -> None:
        """Turn the wheel; down, towards the user, is positive."""
        _check("steps", steps, WHEEL_HIGHEST)
        self._pc.i8042.mouse.move(0, 0, steps)
        self._pc.board.events.refresh()

    def button(self, name: str, down: bool) -> None:
        """Press or let go of a button: ``left``, ``right`` or ``middle``."""
        if name not in BUTTONS:
            raise UsageError(f"mouse: there is no button {name!r}; there are {', '.join(BUTTONS)}")
        held = self._pc.i8042.mouse.buttons
        self._pc.i8042.mouse.press(held | BUTTONS[name] if down else held & ~BUTTONS[name])
        self._pc.board.events.refresh()

    def click(self, name: str = "left") -> None:
        """Press a button and let go of it."""
        self.button(name, True)
        self.button(name, False)


def _check(what: str, value: int, most: int) -> None:
    """Raise :class:`UsageError` unless ``value`` is from minus ``most`` to ``most``."""
    if not -most <= value <= most:
        raise UsageError(f"mouse: {what} must be from {-most} to {most}, not {value}")
