"""Transfer: what of a message arrives, words and capabilities.

Four words are in registers, up to 116 more in the IPC buffers, if both threads have
one. Capabilities need Grant of who sends. One that names the very endpoint is not
transferred: the receiver gets its badge. Of the others the first is copied, as a child
of the sender's, into the empty slot that the receiver's buffer names; at the first that
cannot go, the rest stay behind, and the message says how many arrived.
"""

from __future__ import annotations

from vectoros.kernel import cnode, derive
from vectoros.kernel import message as layout
from vectoros.kernel.abi import COST_CAPABILITY, COST_WORDS
from vectoros.kernel.errors import LookupFailure
from vectoros.kernel.frame import ANSWER_AT, MESSAGE_AT, read_message, write_answer
from vectoros.kernel.invocation import RSI, extras
from vectoros.kernel.objects import Type
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import BUFFER, CSPACE
from vectoros.kernel.trap import Trap

_BUFFER = (BUFFER >> 3) + 2
_LENGTH, _REGISTERS = (1 << layout.LENGTH_BITS) - 1, layout.REGISTERS
_EXTRA = 3 << layout.EXTRA_SHIFT
_LABEL = -1 << layout.LABEL_SHIFT


def message(
    trap: Trap, sender: int, receiver: int, badge: int, grant: int = 0, endpoint: int = 0
) -> None:
    """Copy the message of ``sender`` to ``receiver``; ``grant``: with its capabilities."""
    words, view = trap.words, trap.ram.view
    info = words[(sender >> 3) + RSI]
    length = info & _LENGTH
    if length > _REGISTERS:
        buffer = words[(receiver >> 3) + _BUFFER]
        length = _rest(trap, words[(sender >> 3) + _BUFFER], buffer, length)
    if info & _EXTRA and grant:
        length |= _capabilities(trap, sender, receiver, info, endpoint)
    registers = read_message(view, sender + MESSAGE_AT)
    write_answer(view, receiver + ANSWER_AT, 0, badge, info & _LABEL | length, *registers)


def _rest(trap: Trap, source: int, target: int, length: int) -> int:
    """Copy the words that registers do not hold; return the length that has arrived."""
    if not source or not target:
        return layout.REGISTERS
    length = min(length, layout.MAX_LENGTH)
    first = layout.IPC_MESSAGE + 8 * layout.REGISTERS
    end = layout.IPC_MESSAGE + 8 * length
    trap.ram.write(target + first, bytes(trap.ram.view[source + first : source + end]))
    trap.cost += length // COST_WORDS
    return length


def _capabilities(trap: Trap, sender: int, receiver: int, info: int, endpoint: int) -> int:
    """Transfer capabilities; return the bits of the message info that tell of them."""
    ram = trap.ram
    buffer = ram.words[(receiver >> 3) + _BUFFER]
    if not buffer:
        return 0
    target = _receive_slot(ram.words, receiver, buffer)
    count, unwrapped = 0, 0
    for found in extras(ram.words, sender, info)[0]:
        source = Slot(ram, found)
        if not source.type:
            break
        if source.type == Type.ENDPOINT and source.object == endpoint:
            at = buffer + layout.IPC_CAPABILITIES + 8 * count
            ram.write(at, source.badge.to_bytes(8, "little"))
            unwrapped |= 1 << count
        elif target and not derive.refusal(source):
            derive.copy(ram, source.address, target)
            target = 0
        else:
            break
        count += 1
    trap.cost += COST_CAPABILITY * count
    return count << layout.EXTRA_SHIFT | unwrapped << layout.UNWRAPPED_SHIFT


def _receive_slot(words: memoryview, receiver: int, buffer: int) -> int:
    """Return the empty slot that the buffer names, or 0: it names none."""
    at = buffer + layout.IPC_RECEIVE_CNODE >> 3
    address, index, depth = words[at : at + 3]
    root = cnode.resolve(words, receiver + CSPACE, address)
    if isinstance(root, LookupFailure) or not 1 <= depth <= cnode.ADDRESS_BITS:
        return 0
    found = cnode.resolve(words, root, index & (1 << depth) - 1, depth, exact=True)
    if isinstance(found, LookupFailure) or words[found >> 3] & 0xFF:
        return 0
    return found
