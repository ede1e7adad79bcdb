"""What keyboard and mouse have in common: a cable to the controller.

The controller takes a byte when it has room for one. Answers to commands go
before whatever a device has to say by itself, so a guest that waits for an
acknowledge is not handed a key or a movement instead.

Source: IBM Personal System/2 Hardware Interface Technical Reference, "Keyboard"
and "Auxiliary Device".
"""

from __future__ import annotations

from collections.abc import Callable

from vectoros.devices.state import Cell, Queue, Stateful, integer

ACKNOWLEDGE = 0xFA
RESEND = 0xFE
"""Answer to a byte that is no command, or no argument of it."""

TEST_PASSED = 0xAA
"""Basic assurance test: completed without an error."""

ANSWER_BYTES = 8
"""More than the longest answer."""


class Ps2Device(Stateful):
    """A device on a PS/2 cable."""

    FIRST_COMMAND: int
    """Bytes from here on are commands, even where an argument is awaited."""

    replies = Queue("answers to commands, not sent yet", ANSWER_BYTES)
    awaiting = Cell(0, integer(0, 0xFF), "command whose argument comes next, or 0")

    def __init__(self, changed: Callable[[], None]) -> None:
        """Call ``changed`` when the host has given the device something to send."""
        self._changed = changed

    def pending(self) -> bool:
        """Whether there is something to send."""
        raise NotImplementedError

    def take(self) -> int | None:
        """Send a byte, if there is one."""
        raise NotImplementedError

    def receive(self, byte: int) -> None:
        """Take a command, or the argument of the last one. Answers not sent by now are dropped."""
        self.replies.clear()
        command, self.awaiting = self.awaiting, 0
        if command and byte < self.FIRST_COMMAND:
            self._argument(command, byte)
        else:
            self._command(byte)

    def _command(self, code: int) -> None:
        raise NotImplementedError

    def _argument(self, command: int, byte: int) -> None:
        raise NotImplementedError

    def _answer(self, *answer: int) -> None:
        self.replies[:] = bytes(answer)

    def _await(self, command: int, answer: int = ACKNOWLEDGE) -> None:
        """Answer, and take the next byte as an argument of ``command``."""
        self.awaiting = int(command)  # state is plain numbers, and a command may be an enum
        self._answer(answer)
