"""Snapshots as files. test_determinism.py goes on from one in another process."""

from __future__ import annotations

import hashlib
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vectoros import Machine, __version__
from vectoros.codec import decode, encode
from vectoros.config import Config
from vectoros.cpu.selftest import reset_real_mode
from vectoros.errors import BadFileError
from vectoros.pc import Milestone
from vectoros.snapshot import Snapshot, SnapshotError
from vectoros.snapshot_file import MAGIC, PackedPages, load, save
from vectoros.units import MIB, PAGE_SIZE

any_examples = settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with Machine(Config(MIB, "portable", firmware=False)) as found:
        found.memory.write(0x7C00, b"\x40\xeb\xfd")  # inc ax; jmp back
        found.memory.write(MIB - 5, b"tail!")
        reset_real_mode(found.cpu, 0x7C00)
        found.pc.cpu.registers_changed()
        found.run(until_tick=5_000)
        found.pc.serial.output += b"hello"
        found.milestones.append(Milestone(99, "up"))
        yield found


@pytest.fixture(scope="module")
def whole(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A good file's contents."""
    path = tmp_path_factory.mktemp("whole") / "saved"
    assert save(machine.snapshot(), path) == path.stat().st_size
    return path.read_bytes()


def test_a_saved_machine_is_what_it_was(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "saved"
    before = machine.state_hash()
    machine.snapshot()
    saved = machine.snapshot()
    save(saved, path)
    loaded = load(path)
    assert loaded.tick == 5_001
    assert loaded.name == str(path)
    assert loaded.state == saved.state
    assert loaded.fingerprint == saved.fingerprint
    files = dict.fromkeys(("disk", "kernel", "initrd"))
    assert loaded.history == {"serial": b"hello", "milestones": [[99, "up"]], **files}
    assert loaded.ram.contents() == saved.ram.contents()
    machine.run(for_=1000)
    machine.memory.write(0x9000, b"later")
    machine.restore(loaded)
    assert machine.state_hash() == before


def test_a_loaded_snapshot_may_be_saved_again_and_is_the_same_file(
    whole: bytes, tmp_path: Path
) -> None:
    (tmp_path / "one").write_bytes(whole)
    loaded = load(tmp_path / "one")
    history = {key: value for key, value in loaded.history.items() if value is not None}
    save(replace(loaded, history=history), tmp_path / "two")
    assert (tmp_path / "two").read_bytes() == whole


def test_pages_of_zeros_take_no_room(whole: bytes) -> None:
    assert len(whole) < 3 * PAGE_SIZE


def test_an_old_file_is_replaced_whole(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "saved"
    path.write_bytes(b"old" * 100_000)
    save(machine.snapshot(), path)
    assert load(path).tick == 5_001
    assert os.listdir(tmp_path) == ["saved"]


def test_a_file_that_cannot_be_written_is_named(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match="missing/saved: cannot be written: No such file"):
        save(machine.snapshot(), tmp_path / "missing" / "saved")


def refusal(tmp_path: Path, data: bytes) -> str:
    """Return why ``data`` is no snapshot, without the file's name."""
    path = tmp_path / "saved"
    path.write_bytes(data)
    with pytest.raises(BadFileError) as refused:
        load(path)
    name, _, rule = str(refused.value).partition(": ")
    assert name == str(path)
    assert refused.value.status == 65
    assert len(rule) < 250
    return rule


def sealed(head: object, packed: bytes = b"", version: int = 1) -> bytes:
    """Return a file with a right digest: what only a wrong program or an attacker makes."""
    inside = encode(head) if not isinstance(head, bytes) else head
    body = struct.pack("<Q", len(inside)) + inside + packed
    return MAGIC + bytes([version]) + hashlib.sha256(body).digest() + body


def opened(whole: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the head and the packed pages of a good file."""
    end = 48 + int.from_bytes(whole[40:48], "little")
    return decode(whole[48:end]), whole[end:]


def test_a_good_file_is_what_the_docstring_says(whole: bytes) -> None:
    head, packed = opened(whole)
    assert sealed(head, packed) == whole
    assert sorted(head) == ["fingerprint", "history", "pages", "state", "version"]
    assert head["version"] == __version__
    numbers = struct.unpack(f"<{len(head['pages']) // 4}I", head["pages"])
    assert numbers == (7, 255)
    assert len(zlib.decompress(packed)) == 2 * PAGE_SIZE


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "is not a VectorOS snapshot: it does not start with VXSNAP"),
        (b"\x7fELF" + bytes(100), "is not a VectorOS snapshot: it does not start with VXSNAP"),
        (MAGIC[:5], "is not a VectorOS snapshot: it does not start with VXSNAP"),
        (MAGIC, "is cut short: it has not even a whole header"),
        (MAGIC + b"\1" + bytes(31), "is cut short: it has not even a whole header"),
        (MAGIC + b"\2" + bytes(32), "has snapshot format 2, and this is format 1"),
        (MAGIC + b"\1" + bytes(40), "is damaged: its SHA-256 does not match its contents"),
    ],
)
def test_what_is_no_snapshot_is_refused(tmp_path: Path, data: bytes, rule: str) -> None:
    assert refusal(tmp_path, data) == rule


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path, rule in (
        (tmp_path, "is a directory"),
        (tmp_path / "none", "cannot be read: No such"),
    ):
        with pytest.raises(BadFileError, match=re.escape(f"{path}: {rule}")):
            load(path)


def test_a_snapshot_of_another_version_is_refused(tmp_path: Path, whole: bytes) -> None:
    head, packed = opened(whole)
    data = sealed({**head, "version": "9.9.9"}, packed)
    assert refusal(tmp_path, data) == f"was saved by VectorOS 9.9.9, and this is {__version__}"


FOREIGN = "is not a snapshot that VectorOS wrote: "


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"more": 1}, "its head does not have version, fingerprint, state, history, pages"),
        ({"version": 1}, "version is not a str"),
        ({"state": []}, "state is not a dict"),
        ({"state": {}}, "it names no memory size, or no tick"),
        ({"fingerprint": {"memory": "1M"}}, "it names no memory size, or no tick"),
        ({"pages": b"\0\0\0"}, "its list of pages is cut short"),
        ({"pages": struct.pack("<2I", 255, 7)}, "its page numbers are not in order"),
        ({"pages": struct.pack("<2I", 7, 7)}, "its page numbers are not in order"),
        (
            {"pages": struct.pack("<2I", 7, 256 + 2048)},
            "page 2304 is not one of 1048576 bytes of RAM and 8388608 of video memory",
        ),
        ({"fingerprint": {"memory": -(1 << 23)}}, "page 255 is not one of -8388608 bytes of RAM"),
        ({"pages": struct.pack("<I", 7)}, "its pages do not unpack to 4096 bytes"),
        ({"pages": struct.pack("<3I", 7, 8, 9)}, "its pages do not unpack to 12288 bytes"),
        ({"history": {}}, "its serial output is not bytes"),
        ({"history": {"serial": b"", "milestones": [7]}}, "its milestones are not ticks and texts"),
        ({"history": {"serial": b"", "milestones": [["x", 1]]}}, "its milestones are not ticks"),
        ({"history": {"serial": b"", "milestones": [], "disk": [1]}}, "its disk is not a path"),
    ],
)
def test_a_sealed_file_with_a_wrong_head_is_refused(
    tmp_path: Path, whole: bytes, change: dict[str, object], reason: str
) -> None:
    head, packed = opened(whole)
    assert refusal(tmp_path, sealed({**head, **change}, packed)).startswith(FOREIGN + reason)


def test_a_head_that_is_no_table_or_longer_than_the_file_is_refused(tmp_path: Path) -> None:
    reason = "its head does not have version, fingerprint, state, history, pages"
    assert refusal(tmp_path, sealed([])) == FOREIGN + reason
    assert refusal(tmp_path, sealed(b"?")) == FOREIGN + "the value at byte 0 is cut short"
    for body, reason in (
        (b"\xff" * 9, "its head claims 18446744073709551615 bytes of 1"),
        (b"\0" * 7, "it has no head"),
    ):
        data = MAGIC + b"\1" + hashlib.sha256(body).digest() + body
        assert refusal(tmp_path, data) == FOREIGN + reason


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda packed: b"", "its pages are not one whole zlib stream"),
        (lambda packed: packed[:-1], "its pages are not one whole zlib stream"),
        (lambda packed: packed + b"\0", "its pages are not one whole zlib stream"),
        (lambda packed: packed + packed, "its pages are not one whole zlib stream"),
        (lambda packed: b"\0" + packed, "Error -3 while decompressing data"),
    ],
)
def test_pages_that_do_not_unpack_are_refused(
    tmp_path: Path,
    whole: bytes,
    damage: Callable[[bytes], bytes],
    reason: str,
) -> None:
    head, packed = opened(whole)
    assert refusal(tmp_path, sealed(head, damage(packed))).startswith(FOREIGN + reason)


def test_pages_are_unpacked_only_as_far_as_they_may_go(monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked = []

    class Counting:
        def __init__(self) -> None:
            self.inner = real()

        def decompress(self, data: bytes, limit: int) -> bytes:
            unpacked.append(len(piece := self.inner.decompress(data, limit)))
            return piece

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401  of the real one
            return getattr(self.inner, name)

    real = zlib.decompressobj
    monkeypatch.setattr(zlib, "decompressobj", Counting)
    bomb = zlib.compress(bytes(64 * MIB))
    with pytest.raises(ValueError, match="its pages do not unpack to 4096 bytes"):
        PackedPages((0,), bomb).check(MIB)
    assert sum(unpacked) <= MIB


def test_pages_of_every_size_are_unpacked(tmp_path: Path) -> None:
    data = os.urandom(300 * PAGE_SIZE) + bytes(300 * PAGE_SIZE)
    pages = PackedPages(tuple(range(600)), zlib.compress(data, 1))
    pages.check(600 * PAGE_SIZE)
    assert b"".join(pages.contents().values()) == data


# Fuzz: whatever the bytes, one sentence or a snapshot.


def try_to_load(path: Path, data: bytes) -> Snapshot | None:
    path.write_bytes(data)
    try:
        return load(path)
    except BadFileError:
        return None


@any_examples
@given(data=st.binary(max_size=200), start=st.sampled_from([b"", MAGIC, MAGIC + b"\1"]))
def test_random_bytes_are_no_snapshot(tmp_path: Path, data: bytes, start: bytes) -> None:
    assert try_to_load(tmp_path / "saved", start + data) is None


@any_examples
@given(data=st.data())
def test_any_damage_is_noticed(tmp_path: Path, whole: bytes, data: Any) -> None:  # noqa: ANN401
    damaged = bytearray(whole)
    at = data.draw(st.integers(0, len(whole) - 1))
    match data.draw(st.sampled_from(["flip", "cut", "insert", "remove"])):
        case "flip":
            damaged[at] ^= 1 << data.draw(st.integers(0, 7))
        case "cut":
            del damaged[at:]
        case "insert":
            damaged[at:at] = data.draw(st.binary(min_size=1, max_size=9))
        case _:
            del damaged[at : at + data.draw(st.integers(1, 9))]
    if damaged != whole:
        assert try_to_load(tmp_path / "saved", bytes(damaged)) is None


@any_examples
@given(data=st.data())
def test_a_sealed_file_with_any_damage_is_refused_or_restored_whole(
    tmp_path: Path,
    whole: bytes,
    machine: Machine,
    data: Any,  # noqa: ANN401  hypothesis's data
) -> None:
    head_end = 48 + int.from_bytes(whole[40:48], "little")
    inside, packed = bytearray(whole[48:head_end]), bytearray(whole[head_end:])
    for part in data.draw(st.lists(st.sampled_from([inside, inside, packed]), min_size=1)):
        part[data.draw(st.integers(0, len(part) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    loaded = try_to_load(tmp_path / "saved", sealed(bytes(inside), bytes(packed)))
    if loaded is None:
        return
    good, before = machine.snapshot(), machine.state_hash()
    sentence = ""
    try:
        machine.restore(loaded)
    except SnapshotError as refused:
        sentence = str(refused)
    if not sentence:
        machine.restore(good)
    assert machine.state_hash() == before
    assert sentence == "" or sentence.startswith(str(tmp_path / "saved"))
