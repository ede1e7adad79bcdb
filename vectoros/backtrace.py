"""Backtraces: who called the code at which a guest stands, innermost first.

Where code keeps frame pointers, each step is checked and then certain: the frame
lies above the last one, near it, and holds the address behind a CALL. Linux keeps
none but has tables (:mod:`vectoros.orc`), which are as good. Elsewhere every word of
the stack that could be a return address is listed and marked as a guess, as Linux
itself does it: what returned long ago may be among them, what is on the stack is
not missed. Interrupt frames are crossed in any case, from ring 0 to ring 3, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from vectoros.code_view import CodeView
from vectoros.interrupt_frame import Context, InterruptFrames, here
from vectoros.orc import Orc
from vectoros.pc import Pc
from vectoros.symbols.table import NONE, Symbols

MAX_FRAMES = 40
MAX_WORDS = 2048
"""Words of one stack that are looked through: the 16 KiB that a thread of Linux has."""

FRAME_BYTES = 1 << 14
"""Two frames of one stack are no further apart."""

_PROLOGUE_BYTES = 8
"""So near to its entry a function may not yet have set up its frame: ENDBR64 and PUSH."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of a backtrace."""

    kind: str
    """rip: the CPU is here; call: it returns here; guess: it may; interrupted: so was this."""
    address: str
    """As :func:`vectoros.guest_view.address` writes it where segments matter, else linear."""
    place: str
    """What the code there is called; empty if unknown."""
    ring: int


class Unwinder:
    """Walks the stack of a machine that stands still."""

    def __init__(self, pc: Pc, symbols: Symbols = NONE) -> None:
        """Look at ``pc``; call code as ``symbols`` do."""
        self._symbols = symbols
        self._start = here(pc.cpu.regs)
        self._halted = pc.board.halted
        self._view = CodeView(pc.cpu.regs, pc.memory)
        self._interrupts = InterruptFrames(pc.cpu.regs, pc.memory, self._view)
        self._regs = pc.cpu.regs
        self._orc = Orc.of(self._view, self._interrupts, symbols)

    def frames(self) -> list[Frame]:
        """Return the backtrace."""
        found = []
        for frame in self._frames():
            found.append(frame)
            if len(found) == MAX_FRAMES:
                break
        return found

    def _frames(self) -> Iterator[Frame]:
        context: Context | None = self._start
        guess = True
        yield self._frame("rip", self._start)
        while context is not None:
            interrupted = None
            for kind, step in self._one_stack(context, guess):
                yield self._frame(kind, step)
                if kind == "interrupted":
                    interrupted = step
            if interrupted is not None and interrupted.ring > context.ring:
                guess = False  # a program's stack: worth no more than its frame pointers tell
            context = interrupted

    def _one_stack(self, context: Context, guess: bool) -> Iterator[tuple[str, Context]]:
        """Yield the callers of ``context``, up to whatever was interrupted, if anything was."""
        if self._orc is not None and not context.ring:
            known = self._by_orc(self._orc, context)
            for kind, context in known:
                if kind != "end":
                    yield kind, context
                if kind != "call":
                    return
        caller = self._caller_before_prologue(context) if guess else None
        if caller is not None:
            yield "call", caller
            context = caller
        chained = False
        while (outer := self._by_frame_pointer(context)) is not None:
            kind, context = outer
            yield outer
            if kind == "interrupted":
                return
            chained = True
        if guess and not (chained and context.bp == 0):  # else the chain has ended as it should
            yield from self._guesses(context)

    def _by_orc(self, orc: Orc, context: Context) -> Iterator[tuple[str, Context]]:
        """Yield what Linux's own tables tell; they may not know all code."""
        regs = self._regs if context is self._start else None
        step = orc.step(context, exact=True, regs=regs)
        while step is not None:
            yield step
            if step[0] != "call":
                return
            step = orc.step(step[1], exact=False)

    def _caller_before_prologue(self, context: Context) -> Context | None:
        """Return the caller of a function that has not yet set up its frame, or never will.

        Its CALL leads to the entry of this function, which is near, or known by name.
        """
        word = context.word
        saved = self._view.word(context.sp, word)
        pushed = saved is not None and context.bp == context.stack_base + saved
        at = context.sp + word if pushed else context.sp
        back = self._return_address(context, at)
        if back is None:
            return None
        target = self._view.call_target(context.code_base + back, context.bits)
        if target is None:
            return None
        place = self._symbols.find(context.linear, context.ring)
        inside = context.linear - target
        known = not pushed and place is not None and place.offset == inside
        if not known and not pushed <= inside <= _PROLOGUE_BYTES:
            return None
        return replace(context, ip=back, sp=at + word)

    def _by_frame_pointer(self, context: Context) -> tuple[str, Context] | None:
        """Return the next step if the frame pointer leads to one."""
        bp, word = context.bp, context.word
        if bp is None or bp % word or not context.sp <= bp < context.sp + FRAME_BYTES:
            return None
        saved = self._view.word(bp, word)
        if saved is None:
            return None
        outer = context.stack_base + saved if saved else 0
        back = self._return_address(context, bp + word)
        behind = 2 if back is None else 0  # a handler's frame: perhaps with an error code
        for at in [*range(context.sp, bp, word), *(bp + n * word for n in range(1, 1 + behind))]:
            interrupted = self._interrupts.at(at, context)
            if interrupted is not None:
                return "interrupted", replace(interrupted, bp=outer)
        if back is None or (outer and outer <= bp):
            return None
        return "call", replace(context, ip=back, sp=bp + 2 * word, bp=outer)

    def _guesses(self, context: Context) -> Iterator[tuple[str, Context]]:
        """Yield every word of the stack that may be a return address."""
        word = context.word
        for at in range(context.sp, context.sp + MAX_WORDS * word, word):
            if self._view.word(at, word) is None:
                return
            interrupted = self._interrupts.at(at, context)
            if interrupted is not None:
                yield "interrupted", interrupted
                return
            back = self._return_address(context, at)
            if back is not None:
                yield "guess", replace(context, ip=back, sp=at + word, bp=None)

    def _return_address(self, context: Context, at: int) -> int | None:
        """Return the word at ``at`` if a CALL can have pushed it."""
        back = self._view.word(at, context.word)
        if back is None:
            return None
        linear = context.code_base + back
        return back if self._view.call_before(linear, context.bits) is not None else None

    def _frame(self, kind: str, context: Context) -> Frame:
        # The instruction before may be the last one of its function: the name is its own.
        behind = kind in ("call", "guess") or (kind == "rip" and self._halted)
        place = self._symbols.find(context.linear - behind, context.ring)
        if place is not None:
            place = replace(place, offset=place.offset + behind)
        digits = context.bits // 4
        text = f"{context.ip:0{digits}x}"
        if context.bits != 64:
            text = f"{context.selector:04x}:{text}"
        return Frame(kind, text, "" if place is None else str(place), context.ring)
