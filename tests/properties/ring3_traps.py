"""Random traps, near valid: drawn from the table of methods, for slots of known types."""

from __future__ import annotations

import random
import struct

from tests.conformance.kernel.script import FUZZ
from tests.conformance.kernel.step import (
    CALL,
    NB_RECV,
    NB_SEND,
    NB_SEND_RECV,
    NB_SEND_WAIT,
    NB_WAIT,
    RECV,
    REPLY_RECV,
    SEND,
    WAIT,
    YIELD,
)
from tests.properties.ring3_scene import RADIX, SLOTS, SPACE
from vectoros.kernel import message
from vectoros.kernel.methods import METHODS
from vectoros.kernel.methods.row import Method
from vectoros.kernel.objects import FIXED_BITS, TABLES, Type

_RECORD = struct.Struct("<25Q")
assert _RECORD.size == FUZZ["SIZE"]

_TRAPS = (
    (CALL, 70), (NB_SEND, 8), (NB_RECV, 5), (NB_WAIT, 4), (SEND, 2), (RECV, 2), (WAIT, 1),
    (REPLY_RECV, 2), (NB_SEND_RECV, 2), (NB_SEND_WAIT, 2), (YIELD, 2), (99, 1),
)  # fmt: skip
_NUMBERS = [number for number, weight in _TRAPS for _ in range(weight)]

_BY_TYPE = {
    kind: [slot for slot, found in SLOTS.items() if found is kind] for kind in SLOTS.values()
}
_EDGES = (
    0, 1, 2, 7, 8, 63, 64, 65, 127, 255, 256, 4095, 4096, 1 << 32, (1 << 47) - 1, 1 << 47, 1 << 63,
    (1 << 64) - 1, (1 << 64) - 8,
)  # fmt: skip
_WORDS: dict[str, tuple[int, ...]] = {
    "depth": (64, 64, 64, 64, 64, RADIX, 4),
    "rights": (15, 15, 3, 1, 2, 7, 0),
    "badge": (0, 1, 2, 0x4000, 57, 4), "guard": (0, 0, 0, 1, 57, 60, 1 << 6 | 2),
    "count": (1, 1, 2, 3, 8, 18, 20),
    "priority": (1, 50, 99, 100, 101, 0), "mcp": (0, 99, 100, 101),
    "vaddr": (SPACE, SPACE, SPACE + 4096, SPACE + (1 << 21), 1 << 40, 0),
    "attributes": (0, 0, 0, 0, 1), "cspace_data": (0, 57, 57, 60), "vspace_data": (0,),
    "buffer": (0, 0x45_0000, 0x1008), "budget": (400_000, 400_000, 800_000),
    "period": (400_000, 800_000, 4_000_000),
    "extra_refills": (0, 1, 8, 9), "flags": (0, 0, 1, 4, 15),
    "domain": (0, 0, 0, 1, 4), "duration": (0, 400_000, 800_000, 1), "irq": (1, 3, 4, 5, 7, 0, 16),
    "port": (0x3F8, 0x3FF, 0x3FD, 0x400), "value": (0, 1, 0xFF), "type": tuple(range(27)),
    "mask": ((1 << 64) - 1, (1 << 64) - 1, (1 << 64) - 3), "size_bits": (0, 4, 4, 6, 8, 12, 12, 21),
    "message_size": (8, 64, 512, 12), "offset": (0, 8, 4095), "address": (0x45_0000, 0x44_0000),
    "length": (0, 8, 64, 4096), "node_depth": (0, 0, 0, 64), "node_index": (0, 40),
    "index_": (0, 1, 2),
}  # fmt: skip
_CAPABILITIES: dict[str, tuple[Type, ...]] = {
    "vspace": (Type.PML4,), "untyped": (Type.UNTYPED,), "authority": (Type.TCB,),
    "source": (Type.TCB,), "thread": (Type.TCB,), "object": (Type.TCB, Type.NOTIFICATION),
    "notification": (Type.NOTIFICATION,), "sched_context": (Type.SCHED_CONTEXT,),
    "fault_ep": (Type.ENDPOINT,), "timeout_ep": (Type.ENDPOINT,), "policy": (Type.POLICY,),
    "buffer_frame": (Type.FRAME,), "frame": (Type.FRAME,),
}  # fmt: skip
"""Others are CNodes."""

_EMPTY = 64
"""From this slot on there is nothing at first."""

_MADE = [(kind, bits) for kind, bits in FIXED_BITS.items() if kind is not Type.ASID_POOL] + [
    (Type.UNTYPED, 12), (Type.UNTYPED, 6), (Type.CNODE, 2), (Type.CNODE, 5), (Type.FRAME, 12),
    (Type.CHANNEL, 12),
]  # fmt: skip
"""What Retype is asked to make, most often."""

_CNODES = (40, 40, 40, 17)
_POLICY = (("TCB", "SetPolicy"), ("POLICY", "Restrict"))
"""Methods after which a process can do less for good; three of four episodes have none."""

_RARE = (("DOMAIN", "Set"), ("DOMAIN", "ScheduleConfigure"), ("DOMAIN", "ScheduleSetStart"))


def _weight(row: Method) -> int:
    if (row.object.name, row.name) in (*_POLICY, *_RARE):
        return 1
    if row.object in TABLES and row.name == "Unmap":
        return 1  # one can undo what many must do in order
    return 12 if row.object in (Type.CNODE, Type.UNTYPED) or row.name == "Map" else 4


_WEIGHTED = [
    row
    for row in METHODS
    if row.object in _BY_TYPE or row.object is Type.LEASE
    for _ in range(_weight(row))
]


class Traps:
    """A source of traps, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        """Start anew."""
        self._random = random.Random(seed)
        free = bool(seed % 4)
        self._methods = [
            row for row in _WEIGHTED if not free or (row.object.name, row.name) not in _POLICY
        ]

    def records(self, count: int) -> bytes:
        """Return ``count`` records, as the puppet reads them."""
        return b"".join(self._record() for _ in range(count))

    def _record(self) -> bytes:
        choose, chance = self._random.choice, self._random.random
        number = choose(_NUMBERS)
        if number == CALL or chance() < 0.1:
            service, info, words, capabilities = self._method(choose(self._methods))
        else:
            service, info, words, capabilities = self._message(number)
        four = (*words, 0, 0, 0, 0)[:4]
        rest = (*words[4:11], *(0,) * 7)[:7]
        tail = (*capabilities, 0, 0, 0)[:3]
        receive = (40, self._random.randrange(1 << RADIX), 64)
        lease = (choose((0x45_0000, SPACE)), choose((0, 64, 4096)), choose((1, 2, 3)))
        r12, r13 = self._slot(Type.REPLY), self._slot(Type.ENDPOINT)
        if number == NB_SEND_WAIT:
            r12 = self._slot(Type.NOTIFICATION)
        return _RECORD.pack(number, service, info, *four, r12, r13, *rest, *tail, *receive, *lease)

    def _method(self, row: Method) -> tuple[int, int, list[int], list[int]]:
        """Draw an invocation, most often with all arguments as they should be."""
        random = self._random
        kind = Type.REPLY if row.object is Type.LEASE else row.object
        words = [self._word(name) for name in row.arguments]
        if row.name == "WriteRegisters":
            words += [random.choice(_EDGES) for _ in range(random.randrange(9))]
        capabilities = [self._capability(name) for name in row.capabilities]
        if row.name == "Retype" and random.random() < 0.8:
            words[:2] = random.choice(_MADE)
        if words and random.random() < 0.1:
            words[random.randrange(len(words))] = random.choice(_EDGES)
        length = len(words) if random.random() > 0.02 else random.randrange(8)
        extra = len(capabilities) if random.random() > 0.02 else random.randrange(4)
        info = message.info(row.label, length) | extra << message.EXTRA_SHIFT
        return self._slot(kind), info, words, capabilities

    def _message(self, number: int) -> tuple[int, int, list[int], list[int]]:
        random = self._random
        kinds = (Type.ENDPOINT, Type.NOTIFICATION, Type.REPLY)
        kind = random.choice(kinds[:2] if number in (RECV, NB_RECV, WAIT, NB_WAIT) else kinds)
        capabilities = [random.randrange(1 << RADIX) for _ in range(3)]
        length, extra = random.choice((0, 1, 4, 11, 127)), random.choice((0, 0, 1, 2, 3))
        info = message.info(random.choice((0, 0, 1)), length) | extra << message.EXTRA_SHIFT
        words = [random.choice(_EDGES) for _ in range(11)]
        return self._slot(kind), info | random.choice((0, 0, 0, 1 << 9)), words, capabilities

    def _slot(self, kind: Type) -> int:
        """Draw a slot, most often one that had such a capability at first."""
        random = self._random
        if random.random() < 0.85:
            return random.choice(_BY_TYPE[kind])
        return random.randrange(1 << RADIX) if random.random() < 0.98 else random.choice(_EDGES)

    def _capability(self, name: str) -> int:
        kinds = _CAPABILITIES.get(name)
        if kinds is None:
            return self._random.choice(_CNODES)
        return self._slot(self._random.choice(kinds))

    def _word(self, name: str) -> int:
        random = self._random
        if name in _WORDS:
            return random.choice(_WORDS[name])
        if name.endswith("depth"):
            return random.choice(_WORDS["depth"])
        if name.endswith("guard"):
            return random.choice(_WORDS["guard"])
        if name in ("src_index", "pivot_index") and random.random() < 0.7:
            return random.choice(list(SLOTS))
        if name.endswith(("index", "node_offset")):
            return random.randrange(_EMPTY if random.random() < 0.7 else 0, 1 << RADIX)
        return random.choice(_EDGES)
