"""Any sequence of mapping, beside a model of tables and a walk of the bytes in RAM."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.kernel.mapping_rig import Rig
from tests.kernel.system import PAIR, System, memory_of, serve_boot
from vectoros.kernel.objects import Type
from vectoros.kernel_image import invariants

BOOTED = serve_boot(memory_of(PAIR, size=8 << 20))
"""Two processes; its RAM is copied for each example."""

TOP = 1 << 47
A = 0x1234_4000_0000
PLACES = (A, A + 0x1000, A + 0x20_0000, A + 0x20_1000, A + (1 << 30), A + (1 << 39),
          TOP - 0x1000, TOP - 0x20_0000, TOP - 0x2000)  # fmt: skip
CHOICE = st.integers(0, 11)
ADDRESSES = st.sampled_from(
    (*PLACES, *PLACES[:4] * 4, A + 8, A + 0x1_0000, TOP, TOP + 1, (1 << 64) - 0x1000)
)
RIGHTS = st.sampled_from([3, 3, 3, 2, 2, 2, 1, 0])

Row = tuple[int, int, int, bool, bool]
"""Of what is mapped: address, frame, size, whether writable, whether executable."""


@dataclass
class Table:
    """A table: entries by the address that they start at."""

    bits: int
    """Of the address, that an entry leaves; of a PML4, 39."""
    entries: dict[int, Table | Page] = field(default_factory=dict)
    copies: int = 1
    at: tuple[int, int] | None = None


@dataclass
class Page:
    """An entry that maps a frame."""

    frame: Frame
    writable: bool
    executable: bool


@dataclass
class Frame:
    """A frame that there is."""

    address: int
    bits: int
    device: bool = False


@dataclass
class Capability:
    """A capability to a frame: what it permits, and where it believes the frame to be."""

    frame: Frame
    rights: int
    at: tuple[int, int] | None = None


def walk(data: bytearray, table: int, bits: int, base: int = 0, count: int = 256) -> list[Row]:
    """Return what a processor finds from ``table`` on, all levels' permissions taken together."""
    found: list[Row] = []
    for number, (entry,) in enumerate(struct.iter_unpack("<Q", data[table : table + 8 * count])):
        address = base + (number << bits)
        if not entry & 1:
            continue
        assert entry & 4, "a lower half that ring 3 may not use"
        below = entry & 0xF_FFFF_FFFF_F000
        if bits == 12 or entry & 0x80:
            found.append((address, below, 1 << bits, bool(entry & 2), not entry >> 63))
        else:
            assert entry & 2, "a table that forbids writing"
            assert not entry >> 63, "a table that forbids execution"
            found += walk(data, below, bits - 9, address, 512)
    return found


class Mapping(RuleBasedStateMachine):
    """The running thread maps and unmaps what it has been given."""

    @initialize()
    def begin(self) -> None:
        system = System(bytearray(BOOTED.data))
        self.rig = rig = Rig(system)
        self.program = walk(rig.system.data, rig.space, 39)
        self.spaces: dict[int, int] = {}  # the numbers of address spaces, by slot
        self.tops: dict[int, Table] = {}  # those that there are, by number
        self.new_space()
        self.new_space()
        self.tables: dict[int, Table] = {}
        kinds = ((Type.PDPT, 30), (Type.PD, 21), (Type.PT, 12))
        for space in self.spaces:
            for kind, bits in kinds:
                self.tables[rig.new(kind)] = Table(bits)
                self.put_table(list(self.tables)[-1], space, A)
        self.frames: dict[int, Capability] = {}
        for bits in (12, 12, 21):
            slot = rig.new(Type.FRAME, bits)
            self.frames[slot] = Capability(Frame(rig.slot(slot).object, bits), 3)
        for number, bits in enumerate((12, 21, 30), 1):
            slot = rig.device_frame(bits, number << 32)
            self.frames[slot] = Capability(Frame(number << 32, bits, device=True), 3)
        rig.root.processor.space = rig.slot(next(iter(self.spaces))).object

    def new_space(self) -> None:
        """Make an address space, which gets the first number that is free."""
        number = next(n for n in range(2, 10) if n not in self.tops)
        self.spaces[self.rig.new_space()] = number
        self.tops[number] = Table(39)

    def pick(self, slots: Iterable[int], choice: int) -> int:
        known = list(slots)
        return known[choice % len(known)]

    def find(self, space: Table, vaddr: int, bits: int) -> tuple[Table, int] | int:
        """Return the table that has the entry for ``bits`` of the address; or the bits left."""
        table = space
        while table.bits > bits:
            below = table.entries.get(vaddr >> table.bits << table.bits)
            if not isinstance(below, Table):
                return table.bits
            table = below
        return table, vaddr >> bits << bits

    def place(self, space: Table, vaddr: int, bits: int) -> tuple[Table, int] | tuple[int, ...]:
        found = self.find(space, vaddr, bits)
        return (6, 0, 2, found) if isinstance(found, int) else found

    def map_error(
        self, cap: Capability, slot: int, vaddr: int, rights: int, execute: bool
    ) -> tuple[int, ...]:
        number, size = self.spaces[slot], 1 << cap.frame.bits
        allowed = rights & cap.rights
        if cap.at and cap.at[0] != number:
            return (2, 0)
        if (cap.at and cap.at[1] != vaddr) or vaddr // size >= (TOP - 1) // size:
            return (1, 0)
        if vaddr % size:
            return (5,)
        if not allowed & 2:
            return (1, 1)
        if execute and (allowed & 1 or cap.frame.device):
            return (1, 2)
        found = self.find(self.tops[number], vaddr, cap.frame.bits)
        if isinstance(found, int):
            return (6, 0, 2, found)
        there = found[0].entries.get(vaddr)
        own = isinstance(there, Page) and there.frame is cap.frame and cap.at
        return (8,) if there and not own else (0,)

    @rule(
        choice=CHOICE,
        which=CHOICE,
        vaddr=ADDRESSES,
        rights=RIGHTS,
        execute=st.sampled_from([False, False, True]),
    )
    def map(self, choice: int, which: int, vaddr: int, rights: int, execute: bool) -> None:
        self.put(
            self.pick(self.frames, choice), self.pick(self.spaces, which), vaddr, rights, execute
        )

    @rule(choice=CHOICE, rights=RIGHTS, execute=st.booleans())
    def map_again(self, choice: int, rights: int, execute: bool) -> None:
        slot = self.pick(self.frames, choice)
        at = self.frames[slot].at
        space = next((slot for slot, number in self.spaces.items() if at and number == at[0]), None)
        if at and space:
            self.put(slot, space, at[1], rights, execute)

    @rule(choice=st.integers(0, 999), rights=RIGHTS, execute=st.booleans())
    def map_where_there_is_room(self, choice: int, rights: int, execute: bool) -> None:
        rooms = [
            (slot, space, vaddr)
            for vaddr in PLACES
            for slot, cap in self.frames.items()
            for space in self.spaces
            if cap.at is None and self.map_error(cap, space, vaddr, cap.rights, False) == (0,)
        ]
        if rooms:
            self.put(*rooms[choice % len(rooms)], rights, execute)

    def put(self, slot: int, space: int, vaddr: int, rights: int, execute: bool) -> None:
        cap, number = self.frames[slot], self.spaces[space]
        expected = self.map_error(cap, space, vaddr, rights, execute)
        assert self.rig.map(slot, vaddr, rights, int(execute), space) == expected
        if expected == (0,):
            found = self.find(self.tops[number], vaddr, cap.frame.bits)
            assert not isinstance(found, int)
            writable = bool(rights & cap.rights & 1)
            found[0].entries[vaddr] = Page(cap.frame, writable, execute)
            cap.at = (number, vaddr)

    def forget(self, cap: Capability) -> None:
        at, cap.at = cap.at, None
        space = self.tops.get(at[0]) if at else None
        if at and space:
            found = self.find(space, at[1], cap.frame.bits)
            if not isinstance(found, int):
                there = found[0].entries.get(at[1])
                if isinstance(there, Page) and there.frame is cap.frame:
                    del found[0].entries[at[1]]

    @rule(choice=CHOICE)
    def unmap(self, choice: int) -> None:
        slot = self.pick(self.frames, choice)
        assert self.rig.call(slot, "Unmap") == (0,)
        self.forget(self.frames[slot])

    @rule(choice=CHOICE, rights=st.sampled_from([3, 2, 1]))
    def copy(self, choice: int, rights: int) -> None:
        if len(self.frames) < 12:
            cap = self.frames[source := self.pick(self.frames, choice)]
            slot = self.rig.copy(source, rights=rights)
            self.frames[slot] = Capability(cap.frame, cap.rights & rights)

    @rule(choice=CHOICE)
    def delete_page(self, choice: int) -> None:
        if len(self.frames) > 6:
            slot = self.pick(self.frames, choice)
            self.rig.delete(slot)
            self.forget(self.frames.pop(slot))

    @rule(choice=CHOICE, which=CHOICE, vaddr=ADDRESSES)
    def map_table(self, choice: int, which: int, vaddr: int) -> None:
        self.put_table(self.pick(self.tables, choice), self.pick(self.spaces, which), vaddr)

    @rule(choice=st.integers(0, 999))
    def map_table_where_there_is_room(self, choice: int) -> None:
        rooms = [
            (slot, space, vaddr)
            for slot, table in self.tables.items()
            for space, number in self.spaces.items()
            for vaddr in PLACES
            if not table.at
            and not isinstance(found := self.find(self.tops[number], vaddr, table.bits + 9), int)
            and found[1] not in found[0].entries
        ]
        if rooms:
            self.put_table(*rooms[choice % len(rooms)])

    def put_table(self, slot: int, space: int, vaddr: int) -> None:
        table, number = self.tables[slot], self.spaces[space]
        found = self.find(self.tops[number], vaddr, table.bits + 9)
        if table.at:
            expected: tuple[int, ...] = (2, 0)
        elif vaddr >= TOP:
            expected = (1, 0)
        elif isinstance(found, int):
            expected = (6, 0, 2, found)
        else:
            expected = (8,) if found[1] in found[0].entries else (0,)
            if expected == (0,):
                found[0].entries[found[1]] = table
                table.at = (number, found[1])
        assert self.rig.call(slot, "Map", vaddr, capabilities=(space,)) == expected

    def take_away(self, table: Table) -> None:
        top = self.tops.get(table.at[0]) if table.at else None
        if table.at and top:
            found = self.find(top, table.at[1], table.bits + 9)
            if not isinstance(found, int) and found[0].entries.get(table.at[1]) is table:
                del found[0].entries[table.at[1]]
        table.at = None

    @rule(choice=CHOICE)
    def unmap_table(self, choice: int) -> None:
        slot = self.pick(self.tables, choice)
        table = self.tables[slot]
        expected = (0,) if table.copies == 1 else (9,)
        assert self.rig.call(slot, "Unmap") == expected
        if table.copies == 1:
            self.take_away(table)
            table.entries.clear()

    @rule(choice=CHOICE)
    def copy_table(self, choice: int) -> None:
        table = self.tables[source := self.pick(self.tables, choice)]
        if table.at and len(self.tables) < 8:
            self.tables[self.rig.copy(source)] = table
            table.copies += 1

    @rule(choice=CHOICE)
    def delete_table(self, choice: int) -> None:
        slot = self.pick(self.tables, choice)
        table = self.tables[slot]
        if len(self.tables) > 6:
            del self.tables[slot]
            self.rig.delete(slot)
            table.copies -= 1
            if not table.copies:
                self.take_away(table)
                kind = {30: Type.PDPT, 21: Type.PD, 12: Type.PT}[table.bits]
                self.tables[self.rig.new(kind)] = Table(table.bits)

    @rule(choice=CHOICE)
    def end_a_space_and_begin_another(self, choice: int) -> None:
        slot = self.pick(self.spaces, choice)
        if choice == 0:
            self.rig.delete(slot)
            del self.tops[self.spaces.pop(slot)]
            self.new_space()

    @invariant()
    def the_processor_finds_what_the_model_has(self) -> None:
        for slot, number in getattr(self, "spaces", {}).items():
            rows = walk(self.rig.system.data, self.rig.slot(slot).object, 39)
            assert rows == flat(self.tops[number])

    def teardown(self) -> None:
        assert walk(self.rig.system.data, self.rig.space, 39) == self.program
        invariants.check(self.rig.root)


def flat(table: Table) -> list[Row]:
    """Return what the model has mapped, by address."""
    found: list[Row] = []
    for address, entry in sorted(table.entries.items()):
        if isinstance(entry, Table):
            found += flat(entry)
        else:
            frame = entry.frame
            size = 1 << frame.bits
            found.append((address, frame.address, size, entry.writable, entry.executable))
    return found


Mapping.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestMapping = Mapping.TestCase


@pytest.mark.parametrize("seed", range(8))
def test_long_sequences_too(seed: int) -> None:
    random, machine = Random(seed), Mapping()
    machine.begin()
    vaddrs = (*PLACES, *PLACES[:4] * 4, A + 8, TOP)
    for _ in range(250):
        choice, which, execute = random.randrange(999), random.randrange(12), random.random() < 0.3
        vaddr, rights = random.choice(vaddrs), random.choice([3, 3, 2, 2, 1])
        steps: list[tuple[int, Callable[..., None], tuple[int, ...]]] = [
            (4, machine.map, (which, choice, vaddr, rights, execute)),
            (3, machine.map_again, (which, rights, execute)),
            (8, machine.map_where_there_is_room, (choice, rights, execute)),
            (2, machine.map_table, (which, choice, vaddr)),
            (4, machine.map_table_where_there_is_room, (choice,)),
            (2, machine.unmap, (which,)),
            (2, machine.copy, (which, rights)),
            (2, machine.unmap_table, (which,)),
            (1, machine.copy_table, (which,)),
            (1, machine.delete_page, (which,)),
            (2, machine.delete_table, (which,)),
            (1, machine.end_a_space_and_begin_another, (choice % 3,)),
        ]
        ((_, step, arguments),) = random.choices(steps, [weight for weight, *_ in steps])
        step(*arguments)
        machine.the_processor_finds_what_the_model_has()
    machine.teardown()
