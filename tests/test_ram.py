"""Both kinds of RAM against a plain array of bytes, and against each other."""

from __future__ import annotations

import ctypes
import errno
import gc
import hashlib
import mmap
import os
import re
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from vectoros import ram as ram_module
from vectoros.errors import InvariantError, UsageError
from vectoros.ram import REBASE_PAGES, ArrayRam, Ram, RamCheckpoint, make_ram
from vectoros.units import MIB, PAGE_SIZE

PAGES = 12
PAGE = st.integers(0, PAGES - 1)
REBASE_SOONER = 5
"""In place of REBASE_PAGES, so that a dozen pages are enough to see a new base."""

Kind = Callable[[int], Ram[Any]]

KINDS: list[Kind] = [ArrayRam]
if sys.platform == "linux":
    from vectoros import ram_linux
    from vectoros.ram_linux import MemfdRam

    if MemfdRam.available():
        KINDS.append(MemfdRam)

linux = pytest.mark.skipif(len(KINDS) == 1, reason="needs Linux's page map")


@pytest.fixture(params=KINDS, ids=lambda kind: str(kind.__name__))
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


def digest_of(data: bytes) -> bytes:
    """Return the digest as architecture.md defines it."""
    whole = hashlib.sha256()
    for page in range(len(data) // PAGE_SIZE):
        content = data[page * PAGE_SIZE : (page + 1) * PAGE_SIZE]
        if any(content):
            whole.update(struct.pack("<Q", page) + hashlib.sha256(content).digest())
    return whole.digest()


class EveryRam(RuleBasedStateMachine):
    """The same stores, checkpoints and restores on each kind, and on bytes."""

    @initialize()
    def switch_on(self) -> None:
        self.rams = [kind(PAGES * PAGE_SIZE) for kind in KINDS]
        self.views = [(ram.view, ram.array) for ram in self.rams]
        self.model = bytearray(PAGES * PAGE_SIZE)
        self.saved: list[tuple[list[RamCheckpoint], bytes]] = []

    @rule(
        page=st.integers(0, PAGES - 1), offset=st.sampled_from([0, 1, 4095]), byte=st.integers(0, 3)
    )
    def store(self, page: int, offset: int, byte: int) -> None:
        at = page * PAGE_SIZE + offset
        self.model[at] = byte
        for view, _ in self.views:
            view[at] = byte

    @rule(first=PAGE, count=st.integers(1, PAGES), byte=st.integers(0, 2))
    def fill(self, first: int, count: int, byte: int) -> None:
        start, end = first * PAGE_SIZE, min(first + count, PAGES) * PAGE_SIZE
        self.model[start:end] = bytes([byte]) * (end - start)
        for _, array in self.views:
            array[start:end] = byte

    @rule()
    def checkpoint(self) -> None:
        self.saved.append(([ram.checkpoint() for ram in self.rams], bytes(self.model)))

    @rule(choice=st.integers(0, 1 << 16))
    def restore(self, choice: int) -> None:
        if not self.saved:
            return
        checkpoints, data = self.saved[choice % len(self.saved)]
        for ram, checkpoint in zip(self.rams, checkpoints, strict=True):
            changed = ram.restore(checkpoint).tolist()
            self.check_changed(changed, bytes(self.model), data)
        self.model[:] = data

    @rule(choice=st.integers(0, 1 << 16))
    def forget(self, choice: int) -> None:
        if self.saved:
            del self.saved[choice % len(self.saved)]

    @rule(numbers=st.sets(PAGE), byte=st.integers(0, 3))
    def replace(self, numbers: set[int], byte: int) -> None:
        pages = {number: bytes([byte]) * PAGE_SIZE for number in numbers}
        data = b"".join(pages.get(number, bytes(PAGE_SIZE)) for number in range(PAGES))
        for ram in self.rams:
            self.check_changed(ram.replace(pages), bytes(self.model), data)
        self.model[:] = data

    @rule(first=PAGE, count=st.integers(0, PAGES))
    def look(self, first: int, count: int) -> None:
        end = min(first + count, PAGES)
        pages = [self.model[at * PAGE_SIZE : (at + 1) * PAGE_SIZE] for at in range(PAGES)]
        for ram in self.rams:
            used = ram.pages_in_use(first, end)
            assert used == [at for at in ram.pages_in_use(0, PAGES) if first <= at < end]
            assert {at for at in range(first, end) if any(pages[at])} <= set(used)

    def check_changed(self, changed: list[int], before: bytes, after: bytes) -> None:
        assert changed == sorted(set(changed))
        for page in range(PAGES):
            span = slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
            assert page in changed or before[span] == after[span]

    @invariant()
    def all_agree(self) -> None:
        expected = digest_of(bytes(self.model))
        for ram, (view, array) in zip(self.rams, self.views, strict=True):
            assert bytes(view) == self.model
            assert array.ctypes.data == ram.address
            assert ram.digest() == expected

    @invariant()
    def checkpoints_are_what_they_were(self) -> None:
        for checkpoints, data in self.saved[-2:]:
            for checkpoint in checkpoints:
                contents = checkpoint.contents()
                pages = [contents.get(page, bytes(PAGE_SIZE)) for page in range(PAGES)]
                assert b"".join(pages) == data
                assert all(map(any, contents.values())), "a page of zeros is listed"
                assert list(contents) == sorted(contents)


@pytest.fixture(autouse=True)
def _rebase_sooner() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ram_module, "REBASE_PAGES", REBASE_SOONER)
        if len(KINDS) > 1:
            patch.setattr(ram_linux, "_MANY_RUNS", 1)
        yield


TestEveryRam = EveryRam.TestCase
TestEveryRam.settings = settings(max_examples=40, stateful_step_count=30)


def test_few_changes_share_the_base_and_many_make_a_new_one(kind: Kind) -> None:
    ram = kind(PAGES * PAGE_SIZE)
    ram.array[: REBASE_SOONER * PAGE_SIZE] = 1
    first = ram.checkpoint()
    assert list(first.pages) == [*range(REBASE_SOONER)]
    ram.array[REBASE_SOONER * PAGE_SIZE] = 1
    second = ram.checkpoint()
    assert second.base is not first.base
    assert list(second.pages) == []
    assert set(second.base.digests) == {*range(REBASE_SOONER + 1)}
    assert list(ram.dirty()) == []


def test_a_base_is_made_for_more_than_four_mebibytes_of_changes() -> None:
    assert REBASE_PAGES * PAGE_SIZE == 4 * MIB


def test_digests_of_the_base_are_not_computed_again(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    ram = kind(PAGES * PAGE_SIZE)
    ram.array[:] = 1
    ram.checkpoint()
    ram.array[0] = 2
    hashed: list[int] = []

    def sha256(data: bytes = b"") -> Any:  # noqa: ANN401  hashlib's object
        hashed.append(len(data))
        return hashlib.new("sha256", data)

    expected = digest_of(bytes(ram.view))
    monkeypatch.setattr(hashlib, "sha256", sha256)
    assert ram.digest() == expected
    assert hashed.count(PAGE_SIZE) == 1


def test_a_checkpoint_goes_into_another_ram_of_its_kind(kind: Kind) -> None:
    one, other = kind(PAGES * PAGE_SIZE), kind(PAGES * PAGE_SIZE)
    one.array[:] = 3
    one.checkpoint()
    one.array[7] = 4
    saved, expected = one.checkpoint(), one.digest()
    del one
    gc.collect()
    other.array[5 * PAGE_SIZE] = 9
    other.restore(saved)
    assert other.digest() == expected
    assert other.array[7] == 4


def test_a_checkpoint_of_another_kind_or_size_breaks_an_invariant(kind: Kind) -> None:
    ram, small = kind(PAGES * PAGE_SIZE), kind(PAGE_SIZE)
    with pytest.raises(InvariantError, match="a checkpoint of RAM of another size"):
        ram.restore(small.checkpoint())
    for other in KINDS:
        if other is not kind:
            with pytest.raises(InvariantError, match="a checkpoint of another kind of RAM"):
                ram.restore(other(PAGES * PAGE_SIZE).checkpoint())


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_no_file_outlives_its_ram_and_its_checkpoints(kind: Kind) -> None:
    gc.collect()
    before = open_files()
    ram = kind(PAGES * PAGE_SIZE)
    saved = []
    for byte in range(1, 9):
        ram.array[:] = byte
        saved.append(ram.checkpoint())
    ram.restore(saved[0])
    del ram
    assert saved[3].contents()[0] == bytes([4]) * PAGE_SIZE
    saved.clear()
    gc.collect()
    assert open_files() == before


def test_a_host_that_has_not_the_memory_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*args: object, **options: object) -> None:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    assert make_ram(MIB).size == MIB
    monkeypatch.setattr(mmap, "mmap", no_memory)
    sentence = "--memory 64M is more than this host has: [Errno 12] Cannot allocate memory"
    with pytest.raises(UsageError, match=f"^{re.escape(sentence)}$"):
        make_ram(64 * MIB)


# What follows is Linux's own.


@linux
def test_loads_leave_a_page_clean_and_stores_do_not() -> None:
    ram = MemfdRam(PAGES * PAGE_SIZE)
    assert int(ram.array.sum()) == 0
    assert list(ram.dirty()) == []
    ram.array[3 * PAGE_SIZE] = 0  # a store of what is there already
    assert list(ram.dirty()) == [3]


@linux
def test_restoring_the_base_leaves_every_page_clean() -> None:
    ram = MemfdRam(PAGES * PAGE_SIZE)
    base = ram.checkpoint()
    ram.array[:] = 1
    assert list(ram.restore(base)) == [*range(PAGES)]
    assert list(ram.dirty()) == []


@linux
def test_a_forked_child_sees_its_own_changes() -> None:
    ram = MemfdRam(PAGES * PAGE_SIZE)
    ram.array[0] = 1
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            ram.array[2 * PAGE_SIZE] = 1
            os.write(writer, bytes(list(ram.dirty())))
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    assert os.read(reader, PAGES) == bytes([0, 2])
    os.close(reader)
    assert list(ram.dirty()) == [0]


@linux
@pytest.mark.parametrize("trouble", ["page size", "no memory files", "no page map", "it lies"])
def test_a_host_that_cannot_do_it_gets_the_other_kind(
    trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise PermissionError(errno.EPERM, "not here")

    match trouble:
        case "page size":
            monkeypatch.setattr(os, "sysconf", lambda name: 16384)
        case "no memory files":
            monkeypatch.setattr(os, "memfd_create", refuse)
        case "no page map":
            monkeypatch.setattr(os, "open", refuse)
        case _:
            monkeypatch.setattr(os, "pread", lambda file, size, offset: bytes(size))
    MemfdRam.available.cache_clear()
    try:
        assert isinstance(make_ram(MIB), ArrayRam)
    finally:
        monkeypatch.undo()
        MemfdRam.available.cache_clear()
    assert isinstance(make_ram(MIB), MemfdRam)


@linux
@pytest.mark.parametrize(("call", "saves"), [("madvise", 0), ("mmap", 1)])
def test_a_failing_call_is_named_and_can_be_repeated(
    call: str, saves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ram = MemfdRam(PAGES * PAGE_SIZE)
    saved = ram.checkpoint()
    ram.array[:] = 1
    for _ in range(saves):  # a new base must be mapped; the old one only drops changes
        ram.checkpoint()

    def fail(*args: object) -> int:
        ctypes.set_errno(errno.EACCES)
        return -1

    with monkeypatch.context() as patch:
        patch.setattr(ram_linux._libc, call, fail)
        with pytest.raises(OSError, match=f"{call}: Permission denied"):
            ram.restore(saved)
    assert bytes(ram.view) == b"\1" * PAGES * PAGE_SIZE
    ram.restore(saved)
    assert ram.digest() == digest_of(bytes(PAGES * PAGE_SIZE))


@linux
def test_a_memory_file_that_does_not_take_all_is_no_base(monkeypatch: pytest.MonkeyPatch) -> None:
    ram = MemfdRam(PAGES * PAGE_SIZE)
    ram.array[:] = 1
    monkeypatch.setattr(os, "pwrite", lambda file, data, offset: 4096)
    with pytest.raises(OSError, match="the host took 4096 of 49152 bytes of a memory file"):
        ram.checkpoint()
    assert bytes(ram.view) == b"\1" * PAGES * PAGE_SIZE


@linux
def test_runs_of_pages_are_copied_together() -> None:
    assert list(ram_linux._runs([])) == []
    assert list(ram_linux._runs([0, 1, 4, 6, 7])) == [(0, 2), (4, 5), (6, 8)]
