"""One counter of the 8254: six modes, computed and not stepped.

Time is the number of CLK pulses since power-on. Between two events the count and
the output are functions of time, so a year takes as long to compute as a
microsecond, and one long step equals many short ones.

What is kept is the run: the count it began with, and when. A run ends in a
*load*, the transfer of a written count to the counting element; at most one load
is pending at a time. An event that comes between pulse ``t`` and ``t + 1`` takes
effect with ``t + 1``.

Where the data sheet leaves something open: a counter that was never programmed
stands still in mode 0; a stopped counter keeps its count; BCD digits above 9 count
as they weigh; a count of 1 in mode 2 holds the output low and in mode 3 high.
"""

from __future__ import annotations

from vectoros.devices.pit_registers import BOTH_BYTES, HIGH_BYTE, LOW_BYTE, ControlWord, Status
from vectoros.devices.state import FLAG, Cell, Stateful, integer, optional

BYTE = integer(0, 0xFF)
WORD = integer(0, 0xFFFF)
PULSE = integer()


class Counter(Stateful):
    """A 16-bit down-counter with a gate and an output."""

    control = Cell(0x30, integer(0x10, 0x3F), "RW, mode and BCD, exactly as written")
    gate = Cell(True, FLAG, "level of the GATE input")
    reload = Cell(None, optional(WORD), "CR: the count last written")
    null = Cell(True, FLAG, "NULL COUNT: CR is not yet in the counting element")
    low_byte = Cell(None, optional(BYTE), "first of two bytes of a count")
    load_at = Cell(None, optional(PULSE), "pulse with which CR is loaded")
    start = Cell(0, WORD, "CE: the count at the beginning of the run")
    elapsed = Cell(0, PULSE, "pulses counted until `since`")
    since = Cell(None, optional(PULSE), "pulse since which it counts; none: it stands")
    follows = Cell(False, FLAG, "the output follows the count; else it has its first level")
    high_next = Cell(False, FLAG, "the next read gives the second byte")
    latch = Cell(None, optional(WORD), "OL: the latched count")
    status_latch = Cell(None, optional(BYTE), "the latched status")

    def __init__(self) -> None:
        """Start in the power-on state."""
        self.reset()

    @property
    def mode(self) -> int:
        """The mode, 0 to 5; the data sheet's X10 and X11 are 2 and 3."""
        mode = self.control >> 1 & 7
        return mode if mode < 6 else mode - 4

    @property
    def _rw(self) -> int:
        return self.control >> 4

    @property
    def _periodic(self) -> bool:
        return self.mode in (2, 3)

    # Count and output as functions of time.

    def _number(self, raw: int) -> int:
        """Return the count that ``raw`` stands for; zero is the largest."""
        if not self.control & 1:
            return raw or 0x10000
        return sum((raw >> 4 * digit & 0xF) * 10**digit for digit in range(4)) or 10000

    def _raw(self, number: int) -> int:
        """Return ``number`` as the counting element holds it."""
        if not self.control & 1:
            return number & 0xFFFF
        return int(f"{number % 10000:04d}", 16)

    def _pulses(self, t: int) -> int:
        """Return how many pulses the run has counted by pulse ``t``."""
        return self.elapsed + (0 if self.since is None else t - self.since)

    def _phase(self, t: int) -> tuple[int, int]:
        """Return where in the period ``t`` is, and where in the period the output falls."""
        period = self._number(self.start)
        return self._pulses(t) % period, (period + 1) // 2 if self.mode == 3 else period - 1

    def count(self, t: int) -> int:
        """Return the counting element at pulse ``t``, as a read sees it."""
        if not self.follows:
            return self.start
        first = self._number(self.start)
        if self.mode == 3:
            phase, half = self._phase(t)
            return self._raw((first & ~1) - 2 * (phase if phase < half else phase - half))
        pulses = self._pulses(t)
        return self._raw(first - (pulses % first if self.mode == 2 else pulses))

    def out(self, t: int) -> bool:
        """Return the level of the output at pulse ``t``."""
        if not self.follows:
            return self.mode != 0
        if self._periodic:
            phase, falls = self._phase(t)
            return phase < falls
        left = self._number(self.start) - self._pulses(t)
        return left <= 0 if self.mode in (0, 1) else left != 0

    def next_change(self, t: int) -> int | None:
        """Return the first pulse after ``t`` that may change the output, or None."""
        if self.load_at is not None:
            change = self._change_of_run(t)
            return self.load_at if change is None else min(change, self.load_at)
        return self._change_of_run(t)

    def steady_period(self) -> int | None:
        """Return after how many pulses everything repeats, if nothing is about to change that."""
        steady = self._periodic and self.follows and self.since is not None
        return self._number(self.start) if steady and self.load_at is None else None

    def _change_of_run(self, t: int) -> int | None:
        if self.since is None or not self.follows:
            return None
        first = self._number(self.start)
        if self._periodic:
            phase, falls = self._phase(t)
            if first == 1:
                return None
            return t + (falls if phase < falls else first) - phase
        left = first - self._pulses(t)
        if left == 0 and self.mode in (4, 5):
            return t + 1
        return t + left if left > 0 else None

    # Events: each has brought the counter up to pulse ``t`` first.

    def settle(self, t: int) -> None:
        """Perform the load that was due by pulse ``t``, if any."""
        at = self.load_at
        if at is None or at > t:
            return
        # In mode 3 a count that waited for its half-cycle begins the other half.
        second_half = self.mode == 3 and self.follows and self.out(at - 1)
        self.start = self.reload or 0
        self.elapsed = (self._number(self.start) + 1) // 2 if second_half else 0
        self.since = at if self.gate or self.mode in (1, 5) else None
        self.follows = True
        self.null = False
        self.load_at = None

    def program(self, word: ControlWord, t: int) -> None:
        """Take a control word."""
        self._stand(t)
        self.control = word & 0x3F
        self.reload = self.low_byte = self.load_at = None
        self.latch = self.status_latch = None
        self.high_next = False
        self.null = True

    def _stand(self, t: int) -> None:
        """Stop with the present count, the output at its first level."""
        self.start = self.count(t)
        self.elapsed = 0
        self.since = None
        self.follows = False

    def write(self, byte: int, t: int) -> None:
        """Take a byte of a count."""
        if self.mode == 0:
            self._stand(t)
            self.load_at = None
        if self._rw == BOTH_BYTES:
            if self.low_byte is None:
                self.low_byte = byte
                return
            value = byte << 8 | self.low_byte
            self.low_byte = None
        else:
            value = byte if self._rw == LOW_BYTE else byte << 8
        self._take_count(value, t)

    def _take_count(self, value: int, t: int) -> None:
        """Take a whole count, and plan its load."""
        first = self.reload is None
        self.reload = value
        self.null = True
        if self.mode in (0, 4) or (self._periodic and first):
            self.load_at = t + 1
        elif self._periodic and self.load_at is None and self.since is not None:
            self.load_at = self._end_of_cycle(t)

    def _end_of_cycle(self, t: int) -> int:
        """Return the pulse that ends the period in mode 2, the half-cycle in mode 3."""
        phase, half = self._phase(t)
        in_first_half = self.mode == 3 and phase < half
        return t + (half if in_first_half else self._number(self.start)) - phase

    def set_gate(self, level: bool, t: int) -> None:
        """Drive the gate: a level in modes 0 and 4, a trigger in 1 and 5, both in 2 and 3."""
        if level == self.gate:
            return
        self.gate = level
        if self._periodic:
            self._stand(t)
            self.load_at = None
        if self.mode in (0, 4):
            if self.follows:
                self.elapsed = self._pulses(t)
                self.since = t if level else None
        elif level and self.reload is not None:
            self.load_at = t + 1

    # Reading.

    def hold_count(self, t: int) -> None:
        """Latch the count, unless an earlier one is still to be read."""
        if self.latch is None:
            self.latch = self.count(t)

    def status(self, t: int) -> Status:
        """Return the status byte."""
        return Status(self.control).replace(OUT=self.out(t), NULL=self.null)

    def hold_status(self, t: int) -> None:
        """Latch the status, unless an earlier one is still to be read."""
        if self.status_latch is None:
            self.status_latch = int(self.status(t))

    def value(self, t: int) -> int:
        """Return what the next read gives."""
        if self.status_latch is not None:
            return self.status_latch
        count = self.count(t) if self.latch is None else self.latch
        high = self._rw == HIGH_BYTE or (self._rw == BOTH_BYTES and self.high_next)
        return count >> 8 if high else count & 0xFF

    def was_read(self) -> None:
        """Move on to what comes after the byte that was read."""
        if self.status_latch is not None:
            self.status_latch = None
            return
        if self._rw == BOTH_BYTES:
            self.high_next = not self.high_next
        if not self.high_next:
            self.latch = None
