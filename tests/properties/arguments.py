"""What a thread could ask for, from the table of methods: good, or good but for one argument.

What an argument may be is said by its name, as the table gives it. Arguments are picked
from what is there now, as the oracle knows it, so that most are accepted; arbitrary ones
would nearly all die at the first check.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

from tests.properties.lockstep import Lockstep, Words
from tests.properties.oracle.capability import Cap, Slot
from tests.properties.oracle.supply import LEAST
from tests.properties.oracle.things import CNode, Endpoint, Reply
from tests.properties.oracle.untypeds import MAKEABLE, SIZES
from tests.properties.scene import SLICE, SPACE, At
from vectoros.kernel.abi import Trap
from vectoros.kernel.methods.row import Method
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import IPC_BUFFER, USER_LIMIT, Init

T = TypeVar("T")


class Pick(Protocol):
    """Picks one of several: a hypothesis strategy, or a random number generator."""

    def __call__(self, options: Sequence[T], /) -> T: ...


ANY_WORD = (*range(21), 64, 65, 1 << 47, (1 << 64) - 1, 4095, 4096)
"""What takes the place of one argument."""

GUARDS = (0, 0, 0, 1, 2, 1 << 6 | 1, 1 << 6 | 2, 3 << 6 | 2, 61, 63)
SPOTS = (IPC_BUFFER, IPC_BUFFER + 0xFFC, 0x40_0000, SPACE, SPACE + 4096, 1 << 47)

WORDS: dict[str, tuple[int, ...]] = {
    "rights": (15, 15, 3, 1, 2, 0, 11, 7),
    "badge": (0, 0, 1, 0x10, 0xBAD, 1 << 6 | 1),
    "guard": GUARDS,
    "dest_guard": GUARDS,
    "pivot_guard": GUARDS,
    "cspace_data": (0, 0, 0, 0, 0, 56, 1 << 6 | 1),
    "vspace_data": (0,),
    "count": (1, 1, 2, 3),
    "priority": (1, 99, 100, 100, 101, 120, 121),
    "mcp": (99, 100, 120, 120, 121, 255),
    "vaddr": (
        SPACE,
        SPACE,
        SPACE + 4096,
        SPACE + (1 << 21),
        SPACE + (1 << 30),
        0,
        0x40_0000,
        USER_LIMIT - 4096,
    ),
    "message_size": (8, 64, 64, 1984, 1992, 12, 0),
    "attributes": (0, 0, 1),
    "buffer": (0, 0x1000, 0x1000, 0x1008),
    "budget": (LEAST, LEAST, 2 * LEAST, 4 * LEAST, SLICE, LEAST - 1),
    "period": (LEAST, 4 * LEAST, 4 * LEAST, 9 * LEAST, SLICE, 1 << 56),
    "extra_refills": (0, 0, 1, 2, 8, 9),
    "domain": (0, 0, 0, 0, 1, 4),
    "duration": (0, LEAST, 2 * LEAST, 5 * LEAST, 5 * LEAST, LEAST - 1, 1 << 56),
    "flags": (0, 0, 1, 4, 8, 14),
    "irq": (1, 4, 5, 8, 0, 2, 15, 16),
    "first_port": (0x3F8, 0x400, 0x60, 0x10000),
    "last_port": (0x3FF, 0x40F, 0x60, 0x3F0),
    "port": (0x3F7, 0x3F8, 0x3FC, 0x3FF, 0x400),
    "type": (0, 1, 2, 3, 4, 21, 25, 26),
    "mask": ((1 << 64) - 1, (1 << 64) - 1, 0xFFFE, 0xFFF6),
    "address": SPOTS,
    "offset": (0, 0, 8, 60, 64),
    "length": (0, 8, 13, 56, 64),
}

KINDS: dict[str, tuple[Type, ...]] = {
    "vspace": (Type.PML4,),
    "untyped": (Type.UNTYPED,),
    "notification": (Type.NOTIFICATION,),
    "object": (Type.TCB, Type.TCB, Type.NOTIFICATION),
    "authority": (Type.TCB,),
    "thread": (Type.TCB,),
    "source": (Type.TCB,),
    "sched_context": (Type.SCHED_CONTEXT, Type.SCHED_CONTEXT, Type.NULL),
    "fault_ep": (Type.ENDPOINT, Type.ENDPOINT, Type.NULL),
    "timeout_ep": (Type.ENDPOINT, Type.NULL),
    "frame": (Type.FRAME, Type.NULL),
    "buffer_frame": (Type.FRAME, Type.FRAME, Type.NULL),
    "cspace": (Type.CNODE,),
    "policy": (Type.POLICY,),
    "root": (Type.CNODE,),
    "src_root": (Type.CNODE,),
    "pivot_root": (Type.CNODE,),
}
"""What a capability with that name is to."""

USUAL = {
    "src_root": int(Init.CNODE), "root": int(Init.CNODE), "cspace": int(Init.CNODE),
    "vspace": int(Init.PML4), "authority": int(Init.TCB),
}  # fmt: skip
"""What is mostly taken for some of them."""

PLACES = (Type.ENDPOINT, Type.ENDPOINT, Type.NOTIFICATION)
LEASE = IPC_BUFFER, 64, 3
"""Memory that is there, and can be written."""
SCENE = range(At.UNTYPED, At.FREE)


class Place(NamedTuple):
    """A slot, and how it is reached from a CNode."""

    path: int
    depth: int
    slot: Slot
    small: bool
    """Whether its CNode is another than the 256 slots that the first process has."""

    @property
    def address(self) -> int:
        """The word that a trap names it by."""
        return self.path << (64 - self.depth)

    @property
    def mine(self) -> bool:
        """Whether it is in a small CNode, or in the part of a process's that is the scene's."""
        return self.small or self.path & 0xFF >= At.UNTYPED


def places(root: Cap | None, index: int = 0, depth: int = 0, level: int = 0) -> Iterator[Place]:
    """Yield the slots below a CNode, three levels deep."""
    if root is None or not isinstance(root.thing, CNode) or root.dying or level > 2:
        return
    node = root.thing
    deeper = depth + root.guard_size + node.radix
    if deeper > 64:
        return
    base = (index << root.guard_size | root.badge) << node.radix
    for number, slot in enumerate(node.table):
        yield Place(base | number, deeper, slot, len(node.table) < 256)
        if slot.cap is not None:
            yield from places(slot.cap, base | number, deeper, level + 1)


def _busy(place: Place) -> bool:
    """Whether somebody waits at the endpoint in a slot."""
    cap = place.slot.cap
    return cap is not None and isinstance(cap.thing, Endpoint) and bool(cap.thing.queue)


class Chooser:
    """Picks what the running thread asks for."""

    def __init__(self, pick: Pick, both: Lockstep) -> None:
        thread = both.oracle.running
        assert thread is not None
        self.pick = pick
        self.places = [*places(thread.cap("cspace"))]

    def address(self, *kinds: Type) -> int:
        """Return the address of a capability to one of ``kinds``; Type.NULL: of an empty slot."""
        kind = self.pick(kinds)
        found = [
            place
            for place in self.places
            if (place.slot.cap.kind is kind if place.slot.cap else kind is Type.NULL)
            and (place.depth == 64 or kind is not Type.CNODE)
        ]
        met = [place.address for place in self.places if kind is Type.ENDPOINT and _busy(place)]
        if met and bool(self.pick((0, 1))):
            return self.pick(met)
        own = self.pick((1, 1, 1, 0))
        mine = [place.address for place in found if place.mine]
        others = [place.address for place in found[:16]]
        return self.pick((mine[-16:] if own and mine else others) or [0])

    def cap(self, address: int) -> Cap | None:
        """Return what is at an address."""
        return next((p.slot.cap for p in self.places if p.address == address), None)

    def place(self, root: int, *, empty: bool) -> tuple[int, int]:
        """Return index and depth of a slot below the CNode at ``root``."""
        found = [
            place
            for place in places(self.cap(root))
            if (place.slot.cap is None) is empty and place.mine
        ]
        if empty:
            found = found[:12] + found[-12:]
        elif found and bool(self.pick((0, 1))):  # else of what there is one, few would be picked
            kind = self.pick(sorted({place.slot.cap.kind for place in found if place.slot.cap}))
            found = [place for place in found if place.slot.cap and place.slot.cap.kind is kind]
        return self.pick([(place.path, place.depth) for place in found] or [(0, 64)])

    # -- methods

    def method(self, row: Method) -> Words:
        """Pick an invocation of a method; in a third of them, one argument is wrong."""
        slot = self._lender() if row.object is Type.LEASE else self.address(row.object)
        if row.object is Type.CNODE and self.cap(Init.CNODE) and self.pick((0, 1)):
            slot = int(Init.CNODE)
        caps = {name: self.address(*KINDS[name]) for name in row.capabilities}
        for name, usual in USUAL.items():
            if name in caps and self.cap(usual) and self.pick((0, 1, 1)):
                caps[name] = usual
        words = {name: int(self.pick(WORDS.get(name, ANY_WORD))) for name in row.arguments}
        self._places(row, slot, caps, words)
        if row.object is Type.CHANNEL and "notification" in caps and self.pick((0, 0, 1)):
            caps["notification"] = self.address(Type.NULL)
        if row.name == "Retype":
            self._retype(caps, words)
        if row.object is Type.SCHED_CONTROL and self.pick((0, 1, 1)):
            words["period"] = max(words["period"], words["budget"])
            words["flags"] = 0
        if row.object is Type.DOMAIN and "index" in words:
            words["index"] = self.pick((0, 0, 0, 1, 1, 15, 16))
        values = list(words.values())
        if row.name == "WriteRegisters":
            values += [0x40_0000, 0x7000, 0x202, 4, 5, 6][: words["count"]]
        slot, values, extras = self._spoilt(slot, values, [*caps.values()])
        trap = self.pick([Trap.CALL] * 6 + [Trap.SEND, Trap.NB_SEND])
        if row.object is Type.LEASE:
            trap = Trap.CALL
        return Words(trap, slot, row.label, tuple(values), tuple(extras))

    def _lender(self) -> int:
        """Return the address of a Reply, of one for whose answer somebody waits if there is one."""
        for place in self.places:
            thing = place.slot.cap.thing if place.slot.cap else None
            if isinstance(thing, Reply) and thing.caller:
                return place.address
        return self.address(Type.REPLY)

    def _spoilt(
        self, slot: int, values: list[int], extras: list[int]
    ) -> tuple[int, list[int], list[int]]:
        """Spoil one argument, or none."""
        wrong = self.pick(
            (*"......", "word", "word", "capability", "words", "capabilities", "slot")
        )
        if wrong == "word" and values:
            values[self.pick(range(len(values)))] = int(self.pick(ANY_WORD))
        elif wrong == "capability" and extras:
            extras[self.pick(range(len(extras)))] = self.pick([0, 1 << 60, *SCENE])
        elif wrong == "words" and values:
            values.pop()
        elif wrong == "capabilities" and extras:
            extras.pop()
        elif wrong == "slot":
            slot = self.pick([0, 1 << 60, *SCENE])
        return slot, values, extras

    def _places(self, row: Method, slot: int, caps: dict[str, int], words: dict[str, int]) -> None:
        """Set indices and depths to slots that are full or empty as the method wants."""
        for name, root, empty in (
            ("index", caps.get("root", slot), row.object is not Type.CNODE),
            ("dest_index", slot, True),
            ("src_index", caps.get("src_root", 0), False),
            ("pivot_index", caps.get("pivot_root", 0), False),
        ):
            if name in words:
                depth = name.replace("index", "depth")
                words[name], words[depth] = self.place(root, empty=empty)

    def _retype(self, caps: dict[str, int], words: dict[str, int]) -> None:
        kind = self.pick(sorted(MAKEABLE))
        sizes = [size for size in SIZES.get(kind, (0,)) if size <= 12 or kind is Type.FRAME]
        words["type"], words["size_bits"] = kind, self.pick(sizes[:9])
        words["node_index"] = words["node_depth"] = 0
        node = self.cap(caps["root"])
        table = node.thing.table if node and isinstance(node.thing, CNode) else []
        free = [at for at, place in enumerate(table) if not place.cap]
        free = [at for at in free if at >= At.FREE or len(table) < 256]
        words["node_offset"] = self.pick(free[:12] or [0])

    # -- messages

    def message(self, trap: Trap) -> Words:
        """Pick a message, or something to receive from."""
        sends = trap in (Trap.SEND, Trap.NB_SEND, Trap.CALL)
        target = self.address(*((*PLACES, Type.REPLY) if sends else PLACES))
        waits = trap is Trap.NB_SEND_WAIT
        reply = (Type.REPLY, Type.REPLY, Type.REPLY, Type.NULL)
        r12 = self.address(*(PLACES if waits else reply))
        r13 = self.address(*PLACES, Type.REPLY)
        label = self.pick((0, 0, 0, 1, 5))
        words = tuple(self.pick(ANY_WORD) for _ in range(self.pick((0, 1, 4, 6, 20))))
        extras = tuple(self.pick(SCENE) for _ in range(self.pick((0, 0, 1, 1, 2, 3))))
        place = self.place(At.A, empty=True) if self.cap(At.A) else (0, 0)
        lease = LEASE if trap is Trap.CALL and self.pick((0, 1)) else None
        return Words(trap, target, label, words, extras, r12, r13, (At.A, *place), lease)
