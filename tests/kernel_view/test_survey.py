"""Names, trees and maps of a kernel in which programs have been busy."""

from __future__ import annotations

import pytest

from tests.kernel.invoking import DEPTH, SPARE, invoke
from tests.kernel.system import FAR, System, pair
from vectoros.kernel import derivation
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Init
from vectoros.kernel.slot import SIZE, Slot
from vectoros.kernel.tcb import CSPACE, Tcb
from vectoros.kernel.vspace import Entry
from vectoros.kernel_image.walks import Mapping
from vectoros.kernel_view import graph, text, tree
from vectoros.kernel_view.memory_map import ledger, plots, regions
from vectoros.kernel_view.survey import Survey

NODE, INNER, THREAD, LAND = SPARE, 30, 31, 27
"""Slots of the server: a CNode, another one, a thread, and an untyped."""


def untyped_of(system: System, bits: int) -> int:
    """Return the slot of the smallest untyped that has room for 2^bits bytes."""
    server, count = system.running, system.root.untyped_count
    slots = [Init.UNTYPEDS + number for number in range(count)]
    free = [n for n in slots if (s := system.slot(server, n)).size - s.badge >= 2 << bits]
    return min(free, key=lambda n: system.slot(server, n).size)


def retype(system: System, kind: Type, slot: int, bits: int = 0, source: int = 0) -> None:
    words = (kind, bits, 0, 0, slot, 1)
    given = source or untyped_of(system, 16)
    assert invoke(system, given, Type.UNTYPED, "Retype", *words, caps=(Init.CNODE,)) == (0,)


@pytest.fixture
def busy() -> System:
    """A server with a CNode in a CNode, a second thread, and an untyped of its own."""
    system, server, _ = pair()
    retype(system, Type.CNODE, NODE, 4)
    retype(system, Type.CNODE, INNER, 4)
    retype(system, Type.TCB, THREAD)
    retype(system, Type.UNTYPED, LAND, 16)
    retype(system, Type.ENDPOINT, 26, source=LAND)
    retype(system, Type.FRAME, 25, 12, source=LAND)
    # The inner CNode into slot 3 of the first, and an endpoint into slot 5 of it.
    node = system.slot(server, NODE)
    words = (3, 4, INNER, DEPTH)
    assert invoke(system, NODE, Type.CNODE, "Move", *words, caps=(Init.CNODE,)) == (0,)
    inner = Slot(system.ram, node.object + 3 * SIZE)
    assert inner.type == Type.CNODE
    found, minted = move_to_inner(system, inner), (5, 4, 26, DEPTH, 15, 9)
    assert invoke(system, found, Type.CNODE, "Mint", *minted, caps=(Init.CNODE,)) == (0,)
    return system


def move_to_inner(system: System, inner: Slot) -> int:
    """Give the server a capability to the inner CNode, in slot INNER again."""
    words = (INNER, DEPTH, 3, 4, 15)
    given = invoke(system, Init.CNODE, Type.CNODE, "Copy", *words, caps=(NODE,))
    assert given == (0,)
    assert system.slot(system.running, INNER).object == inner.object
    return INNER


def test_a_slot_in_a_cnode_in_a_cnode_has_a_path(busy: System) -> None:
    survey = Survey(busy.root)
    minted = next(cap for cap in survey.caps if cap.type is Type.ENDPOINT and cap.badge == 9)
    assert survey.names.slot(minted.slot) == f"server[{NODE}][3][5]"


def test_the_tree_indents_what_was_derived(busy: System) -> None:
    lines = tree.lines(Survey(busy.root))
    at = next(n for n, line in enumerate(lines) if f"server[{LAND}]" in line)
    land = len(lines[at]) - len(lines[at].lstrip())
    below = lines[at + 1 : at + 4]
    indents = [len(line) - len(line.lstrip()) - land for line in below]
    assert indents == [2, 4, 2]
    assert below[0].split()[0] == "Endpoint"
    assert "badge 0x9" in below[1]
    assert below[2].split()[:3] == ["Frame", "4", "KiB"]


def test_an_untyped_in_an_untyped_is_counted_once(busy: System) -> None:
    survey = Survey(busy.root)
    found = plots(survey.caps)
    (land,) = [plot for plot in found if plot.level]
    assert land.made == {Type.ENDPOINT: [1, 16], Type.FRAME: [1, 4096]}
    assert (land.used, land.waste) == (8192, 4096 - 16)
    book = ledger(found)
    assert book.objects + book.free + book.waste == book.total
    objects = {(c.object, c.size) for c in survey.caps if c.size and c.type is not Type.UNTYPED}
    assert book.objects == sum(size for _, size in objects)


def test_two_threads_of_one_cspace_share_a_box(busy: System) -> None:
    thread = Tcb(busy.ram, busy.slot(busy.running, THREAD).object)
    thread.set_name("helper")
    source = busy.running.slot(CSPACE)
    derivation.derive(busy.ram, source.address, thread.address + CSPACE)
    boxes = graph.build(Survey(busy.root)).boxes
    (shared,) = [box for box in boxes if "server" in box.title]
    assert sorted(shared.title.split(", ")) == ["helper", "server"]
    rows = [row.text for row in shared.rows]
    assert "helper.cspace CNode: this one" in rows
    assert "server.cspace CNode: this one" in rows


def test_a_zombie_is_shown_with_what_it_was(busy: System) -> None:
    slot = busy.slot(busy.running, THREAD)
    slot.type, slot.guard_size, slot.badge = Type.ZOMBIE, Type.TCB, 6
    survey = Survey(busy.root)
    shown = [line for line in tree.lines(survey) if "Zombie" in line]
    assert len(shown) == 1
    assert f"of TCB {slot.object:#x} 6 slots left" in shown[0]
    assert text.memory(survey)
    assert graph.build(survey).boxes


def test_many_alike_capabilities_are_one_row(busy: System) -> None:
    for number in range(100, 112):
        words = (number, DEPTH, Init.ENDPOINT, DEPTH, 15)
        answer = invoke(busy, Init.CNODE, Type.CNODE, "Copy", *words, caps=(Init.CNODE,))
        assert answer == (0,)
    (box,) = [box for box in graph.build(Survey(busy.root)).boxes if box.title == "server"]
    assert f"[{Init.ENDPOINT}, 26, 100..111] 14 x Endpoint rwgp" in [row.text for row in box.rows]


def test_a_badge_is_said_where_the_capability_is(busy: System) -> None:
    (box,) = [box for box in graph.build(Survey(busy.root)).boxes if box.title == "client"]
    assert f"[{FAR}] Endpoint badge 0x7 rwgp" in [row.text for row in box.rows]


def test_pages_side_by_side_are_one_region_if_they_may_be_used_alike() -> None:
    code, data = Entry.PRESENT | Entry.USER, Entry.PRESENT | Entry.USER | Entry.WRITE
    data |= Entry.NO_EXECUTE
    pages = [
        Mapping(0x1000, 0x9000, 0x1000, code),
        Mapping(0x2000, 0x5000, 0x1000, code),
        Mapping(0x3000, 0x6000, 0x1000, data),
        Mapping(0x5000, 0x7000, 0x1000, data),
        Mapping(0x6000, 0x7000, 0x1000, data),
    ]
    found = [(r.start, r.end, r.access, r.pages) for r in regions(pages)]
    assert found == [
        (0x1000, 0x3000, "r-x", 2),
        (0x3000, 0x4000, "rw-", 1),
        (0x5000, 0x7000, "rw-", 2),
    ]
    assert all(region.exclusive for region in regions(pages))
    assert not regions([Mapping(0, 0, 0x1000, data & ~Entry.NO_EXECUTE)])[0].exclusive


def test_a_survey_writes_nothing(busy: System) -> None:
    before = bytes(busy.data)
    survey = Survey(busy.root)
    for section in text.SECTIONS.values():
        section(survey)
    graph.build(survey)
    assert bytes(busy.data) == before


def test_a_channel_and_its_bell_have_names(busy: System) -> None:
    retype(busy, Type.CHANNEL, 124, 12)
    name = int.from_bytes(b"clock\x1b", "little")
    assert invoke(busy, 124, Type.CHANNEL, "Configure", name, 0, 64) == (0,)
    bell = (Init.NOTIFICATION,)
    assert invoke(busy, 124, Type.CHANNEL, "SetNotification", caps=bell) == (0,)
    lines = tree.lines(Survey(busy.root))
    assert any("'clock?' rw" in line and line.endswith("  server[124]") for line in lines)
    assert any(line.endswith("  kernel.bell[0]") for line in lines)
    nodes = graph.build(Survey(busy.root)).nodes.values()
    assert [node.lines[1] for node in nodes if node.type is Type.CHANNEL] == ["'clock?'"]
