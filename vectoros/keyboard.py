r"""The host's hand on the keyboard.

    machine.keyboard.type("help\n")
    machine.keyboard.press("ctrl", "alt", "delete")

Keys are queued at the present tick and reach the guest one after the other, as
fast as it reads them. Names are those of :mod:`vectoros.devices.scancodes`.
"""

from __future__ import annotations

from vectoros.devices.ps2_keyboard import RELEASED
from vectoros.devices.scancodes import KEY_NAMES, Key
from vectoros.devices.us_layout import CHARACTERS
from vectoros.errors import UsageError
from vectoros.pc import Pc

_SHIFT = KEY_NAMES["shift"]


class Keyboard:
    """The keys of one machine."""

    def __init__(self, pc: Pc) -> None:
        """Have a hand on the keyboard of ``pc``."""
        self._pc = pc

    @property
    def waiting(self) -> int:
        """Key events, down or up, that the guest has not taken yet."""
        return len(self._pc.i8042.keyboard.queue)

    @property
    def indicators(self) -> frozenset[str]:
        """The lights that are on: ``scrolllock``, ``numlock``, ``capslock``."""
        lit = self._pc.i8042.keyboard.indicators
        names = ("scrolllock", "numlock", "capslock")
        return frozenset(name for bit, name in enumerate(names) if lit >> bit & 1)

    def type(self, text: str) -> None:
        r"""Type ``text`` on the US layout; ``\n`` is Enter, ``\t`` Tab, ``\b`` Backspace.

        Raises :class:`UsageError`, and types nothing, if a character is not on the
        layout or the text is longer than what the queue can hold.
        """
        strokes = [_strokes(character) for character in text]
        self._queue(b"".join(_chord(keys) for keys in strokes))

    def press(self, *names: str) -> None:
        """Press keys together: down in this order, up in the reverse one.

        >>> from vectoros import Machine
        >>> with Machine() as machine:
        ...     machine.keyboard.press("ctrl", "c")
        ...     machine.keyboard.waiting
        4
        """
        self._queue(_chord([find_key(name) for name in names]))

    def hold(self, *names: str) -> None:
        """Press keys and do not let go. Waits for nobody: a full buffer overruns."""
        for key in [find_key(name) for name in names]:
            self._pc.i8042.keyboard.strike(key.number)
        self._pc.board.events.refresh()

    def release(self, *names: str) -> None:
        """Let go of keys. Waits for nobody, as :meth:`hold`."""
        for key in [find_key(name) for name in names]:
            self._pc.i8042.keyboard.strike(key.number | RELEASED)
        self._pc.board.events.refresh()

    def _queue(self, events: bytes) -> None:
        self._pc.i8042.keyboard.enqueue(events)
        self._pc.board.events.refresh()


def find_key(name: str) -> Key:
    """Return the key called ``name``, or that gives this character; raise :class:`UsageError`."""
    key = KEY_NAMES.get(name.lower())
    if key is None and name in CHARACTERS and not CHARACTERS[name][1]:
        key = CHARACTERS[name][0]
    if key is None:
        raise UsageError(
            f"keyboard: there is no key {name!r}; names are such as a, f1, enter, left, ctrl, minus"
        )
    return key


def _strokes(character: str) -> list[Key]:
    """Return the keys that type ``character``, in the order of pressing."""
    if character not in CHARACTERS:
        raise UsageError(f"keyboard: no key of the US layout types {character!r}")
    key, shifted = CHARACTERS[character]
    return [_SHIFT, key] if shifted else [key]


def _chord(keys: list[Key]) -> bytes:
    """Return the events of ``keys`` going down in order, and up in the reverse order."""
    downs = bytes(key.number for key in keys)
    return downs + bytes(number | RELEASED for number in reversed(downs))
