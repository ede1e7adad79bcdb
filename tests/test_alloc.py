"""The memory policy: what it gives out, and where, against a model of free pages."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from vectoros.alloc import AllocError, Memory, NoMemoryError, pieces

PAGE = 4096
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
ONE = ([[(0, GIB)]], [[10]])

NODES = [
    [(0x1_0000, 0x9_FC00), (MIB, 2 * MIB)],
    [(2 * MIB, 3 * MIB + 0x1800)],
    [(8 * MIB, 8 * MIB)],
]
DISTANCES = [[10, 30, 20], [30, 10, 20], [20, 20, 10]]


def test_pages_come_from_one_word_until_it_is_empty() -> None:
    memory = Memory(*ONE)
    pages = [memory.page() for _ in range(64)]
    assert sorted(pages) == list(range(0, 256 * KIB, PAGE))
    assert memory.ledger == (GIB, 256 * KIB, 0, GIB - 256 * KIB)


def test_a_page_to_and_fro_is_the_same_page() -> None:
    memory = Memory(*ONE)
    first = memory.page()
    memory.give_back(first)
    assert memory.page() == first


@pytest.mark.parametrize("size", [1, PAGE + 1, 3 * PAGE, 64 * KIB, 2 * MIB, 300 * MIB, GIB])
def test_a_block_is_aligned_to_the_power_of_two_above_its_size(size: int) -> None:
    memory = Memory(*ONE)
    if size < GIB:
        memory.page()
    block = max(PAGE, 1 << (size - 1).bit_length())
    address = memory.block(size)
    assert address % block == 0
    used = size + (PAGE if size < GIB else 0)
    assert memory.ledger == (GIB, used, block - size, GIB - used - (block - size))
    memory.give_back(address, size)
    assert memory.ledger[2] == 0


def test_what_was_split_is_whole_again() -> None:
    memory = Memory(*ONE)
    taken = [(memory.block(size), size) for size in (PAGE, 8 * KIB, 2 * MIB, PAGE, 5 * MIB)]
    for address, size in taken[::-1]:
        memory.give_back(address, size)
    assert memory.block(GIB) == 0


def test_free_pages_of_words_become_blocks_when_there_are_no_others() -> None:
    memory = Memory([[(0, 256 * KIB)]], [[10]])
    pages = memory.pages(64)
    for page in pages:
        if page != 128 * KIB:
            memory.give_back(page)
    assert memory.block(128 * KIB) == 0
    with pytest.raises(NoMemoryError, match="no 0x20000 adjacent bytes are free"):
        memory.block(128 * KIB)
    memory.give_back(128 * KIB)
    assert memory.block(128 * KIB) == 128 * KIB


def test_memory_is_taken_from_the_nearest_node_that_has_it() -> None:
    nodes = [[(number * MIB, (number + 1) * MIB)] for number in range(3)]
    memory = Memory(nodes, DISTANCES)
    found = [memory.node_of(memory.block(512 * KIB, near=1)) for _ in range(6)]
    assert found == [1, 1, 2, 2, 0, 0]
    memory = Memory(nodes, DISTANCES)
    assert [memory.node_of(page) for page in memory.pages(768, near=0)[::256]] == [0, 2, 1]


def test_pages_are_taken_all_or_none() -> None:
    memory = Memory([[(0, 4 * PAGE)]], [[10]])
    with pytest.raises(NoMemoryError, match="no 5 pages are free"):
        memory.pages(5)
    assert memory.ledger == (4 * PAGE, 0, 0, 4 * PAGE)
    assert sorted(memory.pages(4)) == [0, PAGE, 2 * PAGE, 3 * PAGE]
    with pytest.raises(NoMemoryError, match="no page is free"):
        memory.page()


def test_a_node_is_not_owned_twice() -> None:
    with pytest.raises(ValueError, match="the memory at 0x1000 is owned twice"):
        Memory([[(0, 2 * PAGE)], [(PAGE, 3 * PAGE)]], [[10, 20], [20, 10]])


@pytest.mark.parametrize(
    ("address", "size", "message"),
    [
        (0, PAGE, "nothing is taken at 0x0, 0x1000 are given back"),
        (1 * MIB + 8, PAGE, "nothing is taken at 0x100008, 0x1000 are given back"),
        (1 * MIB + PAGE, PAGE, "nothing is taken at 0x101000, 0x1000 are given back"),
        (1 * MIB, 8 * KIB, "0x1000 bytes are taken at 0x100000, 0x2000 are given back"),
        (3 * MIB, PAGE, "0x3000 bytes are taken at 0x300000, 0x1000 are given back"),
        (3 * MIB, 16 * KIB, "0x3000 bytes are taken at 0x300000, 0x4000 are given back"),
        (3 * MIB + PAGE, PAGE, "nothing is taken at 0x301000, 0x1000 are given back"),
        (4 * MIB, PAGE, "no node has the memory at 0x400000"),
        (2 * MIB, PAGE, "no node has the memory at 0x200000"),
    ],
)
def test_what_was_not_taken_is_not_given_back(address: int, size: int, message: str) -> None:
    nodes = [[(0, 2 * PAGE)], [(MIB, MIB + 2 * PAGE)], [(3 * MIB, 4 * MIB)]]
    memory = Memory(nodes, DISTANCES)
    assert (memory.page(0), memory.page(1)) == (0, MIB)
    assert 3 * MIB in [memory.block(12 * KIB, 2) for _ in range(64)]
    memory.give_back(0)
    before = memory.ledger
    with pytest.raises(AllocError, match=f"^{message}$"):
        memory.give_back(address, size)
    assert memory.ledger == before


@given(st.integers(0, 1 << 48), st.integers(0, 1 << 48))
def test_pieces_cover_whole_pages_and_nothing_else(start: int, end: int) -> None:
    at = -(-start // PAGE) * PAGE
    for address, bits in pieces(start, end):
        assert address == at
        assert address % (1 << bits) == 0
        at += 1 << bits
    assert at == max(end // PAGE * PAGE, -(-start // PAGE) * PAGE)


class Policy(RuleBasedStateMachine):
    """The library beside a set of free page numbers for each node."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = Memory(NODES, DISTANCES)
        self.free = [
            {page for start, end in ranges for page in range(-(-start // PAGE), end // PAGE)}
            for ranges in NODES
        ]
        self.all = [set(pages) for pages in self.free]
        self.taken: dict[int, int] = {}

    def fits(self, node: int, pages: int) -> bool:
        free = self.free[node]
        starts = {page - page % pages for page in free} if len(free) >= pages else set()
        return any(all(first + n in free for n in range(pages)) for first in starts)

    def expect(self, size: int, near: int) -> int | None:
        pages = max(1, (1 << (size - 1).bit_length()) // PAGE)
        order = sorted(range(len(NODES)), key=lambda node: DISTANCES[near][node])
        return next((node for node in order if self.fits(node, pages)), None)

    @rule(
        size=st.one_of(st.sampled_from([PAGE] * 3), st.integers(1, 2 * MIB)),
        near=st.integers(0, 2),
        count=st.sampled_from([1, 1, 9]),
    )
    def take(self, size: int, near: int, count: int) -> None:
        for _ in range(count):
            node = self.expect(size, near)
            if node is None:
                with pytest.raises(NoMemoryError):
                    self.memory.block(size, near)
                return
            address = self.memory.block(size, near)
            pages = max(1, (1 << (size - 1).bit_length()) // PAGE)
            block = {address // PAGE + number for number in range(pages)}
            assert address % (pages * PAGE) == 0
            assert block <= self.free[node]
            self.free[node] -= block
            self.taken[address] = size

    @precondition(lambda self: self.taken)
    @rule(data=st.data(), count=st.sampled_from([1, 1, 7]))
    def give_back(self, data: st.DataObject, count: int) -> None:
        for _ in range(min(count, len(self.taken))):
            address = data.draw(st.sampled_from(sorted(self.taken)))
            size = self.taken.pop(address)
            self.memory.give_back(address, size)
            pages = max(1, (1 << (size - 1).bit_length()) // PAGE)
            node = next(n for n, pages_ in enumerate(self.all) if address // PAGE in pages_)
            self.free[node] |= {address // PAGE + number for number in range(pages)}

    @rule(
        address=st.integers(0, 2047).map(lambda n: n * PAGE // 2),
        size=st.integers(1, 8).map(PAGE.__mul__),
    )
    def give_back_what_is_not_so(self, address: int, size: int) -> None:
        if self.taken.get(address) != size:
            with pytest.raises(AllocError):
                self.memory.give_back(address, size)

    @invariant()
    def every_byte_is_counted(self) -> None:
        total, used, waste, free = self.memory.ledger
        assert used == sum(self.taken.values())
        assert free == PAGE * sum(map(len, self.free))
        assert total == used + waste + free == sum(e - s for ranges in NODES for s, e in ranges)

    def teardown(self) -> None:
        for address, size in self.taken.items():
            self.memory.give_back(address, size)
        for node, ranges in enumerate(NODES):
            whole = [bits for start, end in ranges for _, bits in pieces(start, end)]
            for bits in sorted(whole, reverse=True):
                assert self.memory.node_of(self.memory.block(1 << bits, node)) == node
        assert self.memory.ledger[3] == 0


Policy.TestCase.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)
TestPolicy = Policy.TestCase
