"""Leases: memory that a caller lends to whom it calls, until it is answered.

Call takes what is lent from three words of the IPC buffer. Whoever has the Reply
capability may then have the kernel copy between that and memory of its own: by Call to
it, with a method of LEASE. Both sides' page tables are walked at each copy, so nobody
lends, or is given, what it could not use itself.
"""

from __future__ import annotations

from functools import partial

from vectoros.kernel import vspace
from vectoros.kernel.abi import COST_UNIT
from vectoros.kernel.errors import ILLEGAL, Error, Refusal
from vectoros.kernel.invocation import Action, Invocation, decodes, out_of_range
from vectoros.kernel.memory import Ram
from vectoros.kernel.methods.services import MAX_COPY
from vectoros.kernel.objects import Right, Type
from vectoros.kernel.reply import caller_of
from vectoros.kernel.tcb import Tcb

_LENDER, _OWN, _LONG = (Refusal(Error.INVALID_ARGUMENT, (index,)) for index in range(3))


def _lender(invocation: Invocation, right: Right) -> Tcb | None:
    """Return who waits for the reply, if it has lent anything with ``right``."""
    ram = invocation.trap.ram
    caller = caller_of(ram.words, invocation.slot.object)
    lender = Tcb(ram, caller)
    return lender if caller and lender.lease_length and lender.lease_rights & right else None


@decodes(Type.LEASE, "Describe")
def _decode_describe(invocation: Invocation) -> Action | Refusal:
    lender = _lender(invocation, Right.READ | Right.WRITE)
    return (lambda: (lender.lease_length, lender.lease_rights)) if lender else ILLEGAL


def _decode_copy(invocation: Invocation, right: Right) -> Action | Refusal:
    (offset, address, length), trap = invocation.words, invocation.trap
    lender, writing = _lender(invocation, right), right is Right.WRITE
    if not lender:
        return ILLEGAL
    if refusal := out_of_range((offset + length, 0, lender.lease_length)):
        return refusal
    if length > MAX_COPY:
        return _LONG
    own = pieces(trap.ram, trap.thread.space, address, length, write=not writing)
    if own is None:
        return _OWN
    lent = pieces(trap.ram, lender.space, lender.lease_base + offset, length, write=writing)
    if lent is None:
        return _LENDER

    def perform() -> tuple[int, ...]:
        trap.cost += length // COST_UNIT
        _copy(trap.ram, *((own, lent) if writing else (lent, own)))
        return ()

    return perform


decodes(Type.LEASE, "Read")(partial(_decode_copy, right=Right.READ))
decodes(Type.LEASE, "Write")(partial(_decode_copy, right=Right.WRITE))

Pieces = list[tuple[int, int]]
"""Physical addresses and lengths."""


def pieces(ram: Ram, space: int, address: int, length: int, *, write: bool) -> Pieces | None:
    """Return where the memory is that a program may read, or write, at ``address``; or None."""
    needed, found = vspace.Entry.USER | (vspace.Entry.WRITE if write else 0), Pieces()
    while length:
        page = vspace.walk(ram, space, address) if space else None
        if page is None or page[0] & needed != needed:
            return None
        entry, size = page
        within = address & size - 1
        start, count = (entry & vspace.ADDRESS) + within, min(size - within, length)
        if start + count > ram.size:
            return None  # a device's, which the kernel does not touch
        found.append((start, count))
        address, length = address + count, length - count
    return found


def _copy(ram: Ram, source: Pieces, target: Pieces) -> None:
    """Copy; all is read before anything is written, since both may be the same memory."""
    data = b"".join(bytes(ram.view[start : start + count]) for start, count in source)
    done = 0
    for start, count in target:
        ram.write(start, data[done : done + count])
        done += count
