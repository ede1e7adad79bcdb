"""Reading images, which are anybody's."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vectoros.errors import BadFileError
from vectoros.image import Image, read, verify
from vectoros.image import format as fmt
from vectoros.image.reader import Partition

Break = Callable[[bytes], bytes]
SECTORS = 15
"""Of the image: 9 for the shell, 1 for each other entry, for the directory and the boot sector."""


def resigned(image: bytes) -> bytes:
    """Return ``image`` with the checksum that its directory should have."""
    header = fmt.Header.unpack(image[fmt.SECTOR :])
    directory = image[fmt.SECTOR : (1 + header.directory_sectors) * fmt.SECTOR]
    signed = replace(header, checksum=fmt.checksum(directory)).pack()
    return image[: fmt.SECTOR] + signed + image[fmt.SECTOR + fmt.HEADER_SIZE :]


def patched(image: bytes, offset: int, data: bytes) -> bytes:
    return image[:offset] + data + image[offset + len(data) :]


def header(field: str, value: int) -> Break:
    """Return what puts ``value`` into a field of the header."""
    offset = fmt.SECTOR + fmt.offsets(fmt.HEADER_FIELDS)[field]
    data = struct.pack("<" + fmt.HEADER_FIELDS[field], value)
    return lambda image: resigned(patched(image, offset, data))


def entry(index: int, field: str, value: int | bytes) -> Break:
    """Return what puts ``value`` into a field of an entry."""
    offset = fmt.SECTOR + fmt.HEADER_SIZE + index * fmt.ENTRY_SIZE
    offset += fmt.offsets(fmt.ENTRY_FIELDS)[field]
    data = struct.pack("<" + fmt.ENTRY_FIELDS[field], value)
    return lambda image: resigned(patched(image, offset, data))


def both(first: Break, second: Break) -> Break:
    return lambda image: second(first(image))


def outcome(path: Path) -> Image | str:
    """Return the image at ``path``, or the sentence with which it is refused."""
    try:
        return read(path)
    except BadFileError as error:
        return str(error).replace(str(path), "PATH", 1)


def test_an_image_reads_back_as_it_was_built(tmp_path: Path, image: bytes) -> None:
    path = tmp_path / "image"
    path.write_bytes(image)
    found = read(path)
    assert found.size == len(image) == SECTORS * fmt.SECTOR
    assert found.header is not None
    assert found.header.entry == found.entries[1].virtual == 0xFFFF_FFFF_8010_0000
    assert found.partitions == (Partition(True, 0xDA, 1, SECTORS - 1),)
    assert [item.name for item in found.entries] == [
        "stage2.text", "kernel.text", "kernel.data", "shell", "logo",
    ]  # fmt: skip
    assert all(item.pack() in image for item in found.entries)
    assert verify(found) == []


def test_a_longer_disk_may_hold_an_image(tmp_path: Path, image: bytes) -> None:
    path = tmp_path / "image"
    path.write_bytes(image + bytes(4096))
    assert verify(read(path)) == []


def test_somebody_elses_disk_is_an_image_without_a_directory(tmp_path: Path) -> None:
    path = tmp_path / "other"
    for tail in (b"", b"GRUB", bytes(4096), fmt.MAGIC[:-1]):
        path.write_bytes(bytes(510) + b"\x55\xaa" + tail)
        found = read(path)
        assert (found.header, found.entries) == (None, ())
        assert verify(found) == ["it has no VectorOS directory to verify it by"]


def test_a_disk_of_many_gigabytes_costs_no_memory(tmp_path: Path, image: bytes) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.write(image)
        file.truncate(64 << 30)
    tracemalloc.start()
    verify(read(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


NAME = b"stage2.text".ljust(16, b"\0")
KERNEL = "entry 1 (kernel.text)"
SHELL = "entry 3 (shell)"


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda image: b"", "is empty"),
        (lambda image: image[:8], "is 8 bytes long; a boot sector has 512"),
        (lambda image: bytes(512), "is not a disk image: bytes 510 and 511 are not 55 aa"),
        (lambda image: image[:600], "is truncated: its directory is cut short"),
        (
            lambda image: image[:1024],
            f"is truncated: it says {SECTORS * fmt.SECTOR} bytes, the file has 1024",
        ),
        (
            lambda image: image[:-1],
            f"is truncated: it says {SECTORS * 512} bytes, the file has {SECTORS * 512 - 1}",
        ),
        (
            lambda image: patched(image, 900, b"!!"),
            "is damaged: its directory does not match the checksum in it",
        ),
        (header("VERSION", 1), "has a directory of version 1; this program reads 2"),
        (header("SECTORS", 9), "has a directory of 9 sectors; 1 to 8 are allowed"),
        (header("SECTORS", 0), "has a directory of 0 sectors; 1 to 8 are allowed"),
        (header("COUNT", 0), "has 0 entries in a directory with room for 1 to 5"),
        (header("COUNT", 6), "has 6 entries in a directory with room for 1 to 5"),
        (header("RESERVED", 1), "has a reserved field in its directory that is not zero"),
        (header("IMAGE_SECTORS", 1), "says it has 1 sectors, too few for its directory"),
        (
            both(entry(0, "KIND", 2), entry(0, "LOAD", 0x14_0000)),
            "must have stage 2 as its first entry, and only there",
        ),
        (
            both(entry(1, "KIND", 1), entry(1, "LOAD", 0x9000)),
            "must have stage 2 as its first entry, and only there",
        ),
        (entry(1, "NAME", NAME), "has two entries of the name stage2.text"),
        (entry(1, "NAME", bytes(16)), "entry 1 has a name that is not printable ASCII"),
        (entry(1, "NAME", b"a\x1b[2J"), "entry 1 has a name that is not printable ASCII"),
        (entry(1, "NAME", b"\xff"), "entry 1 has a name that is not printable ASCII"),
        (entry(1, "KIND", 5), f"{KERNEL} has the unknown kind 5"),
        (entry(1, "ACCESS", 8), f"{KERNEL} has the unknown access 0x8"),
        (entry(1, "ACCESS", 7), f"{KERNEL} is writable and executable"),
        (entry(1, "PRIORITY", 1), f"{KERNEL} is no program and has a priority or grants"),
        (entry(4, "GRANTS", 1), "entry 4 (logo) is no program and has a priority or grants"),
        (entry(3, "PRIORITY", 256), f"{SHELL} has the priority 256; the highest is 255"),
        (entry(3, "GRANTS", 64), f"{SHELL} has the unknown grants 0x40"),
        (entry(3, "LOAD", 4096), f"{SHELL} is a module and has an address or an access"),
        (entry(3, "VIRTUAL", 4096), f"{SHELL} is a module and has an address or an access"),
        (entry(3, "ACCESS", 1), f"{SHELL} is a module and has an address or an access"),
        (
            entry(3, "NAME", b"0123456789abcdef"),
            "entry 3 (0123456789abcdef) is a module with a name of more than 15 characters",
        ),
        (entry(4, "MEMORY", 2), "entry 4 (logo) is a module of 1 bytes on disk and 2 in memory"),
        (
            entry(1, "LBA", 1),
            f"{KERNEL} is at sectors 1..1; the image has 2..{SECTORS - 1} for entries",
        ),
        (
            entry(1, "LENGTH", 0xFFFF_FFFF),
            f"{KERNEL} is at sectors 3..8388610; the image has 2..{SECTORS - 1} for entries",
        ),
        (entry(1, "MEMORY", 4), f"{KERNEL} is 8 bytes on disk and 4 in memory"),
        (
            both(entry(4, "MEMORY", 0), entry(4, "LENGTH", 0)),
            "entry 4 (logo) is 0 bytes on disk and 0 in memory",
        ),
        (entry(1, "LOAD", 1), f"{KERNEL} has an address that is not the start of a page"),
        (entry(1, "VIRTUAL", 1), f"{KERNEL} has an address that is not the start of a page"),
        (
            entry(1, "MEMORY", 0xFFFF_FFFF),
            f"{KERNEL} is loaded at 0x100000..0x1000ffffe and must lie in 0x100000..0x1fffff",
        ),
        (
            entry(1, "VIRTUAL", 1 << 47),
            f"{KERNEL} is mapped at 0x800000000000, which no address reaches",
        ),
        (
            entry(2, "VIRTUAL", (1 << 64) - 4096),
            "entry 2 (kernel.data) is mapped at 0xfffffffffffff000, which no address reaches",
        ),
        (entry(3, "LBA", 3), "has entries that overlap on disk: kernel.text and shell"),
        (
            entry(1, "LOAD", 0x10_2000),
            "has entries that overlap in memory: kernel.data and kernel.text",
        ),
        (
            entry(0, "VIRTUAL", 0xFFFF_FFFF_8010_2000),
            "has entries that overlap in the address space: kernel.data and stage2.text",
        ),
        (
            entry(0, "LOAD", 0x1_0000),
            "entry 0 (stage2.text) is loaded at 0x10000..0x10007 and must lie in 0x600..0xffff",
        ),
    ],
)
def test_each_rule_broken_is_one_sentence(
    tmp_path: Path, image: bytes, spoil: Break, why: str
) -> None:
    path = tmp_path / "bad.img"
    path.write_bytes(spoil(image))
    with pytest.raises(BadFileError) as caught:
        read(path)
    assert str(caught.value) == f"{path}: {why}"
    assert caught.value.status == 65


def test_more_modules_than_the_boot_code_has_room_for_are_refused(
    tmp_path: Path, image: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "image"
    path.write_bytes(image)
    monkeypatch.setattr("vectoros.image.reader.MAX_MODULES", 1)
    assert outcome(path) == "PATH: has 2 modules; 1 are allowed"


def test_modules_that_end_too_high_in_memory_are_refused(
    tmp_path: Path, image: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "image"
    path.write_bytes(image)
    monkeypatch.setattr(fmt, "ADDRESS_LIMIT", 0x20_3000)  # two pages of shell, one of logo
    assert isinstance(outcome(path), Image)
    monkeypatch.setattr(fmt, "ADDRESS_LIMIT", 0x20_2FFF)
    assert outcome(path) == ("PATH: has modules up to 0x203000 in memory; 0x202fff is the limit")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match="is a directory and not a file"):
        read(tmp_path)
    with pytest.raises(BadFileError, match="cannot be read: No such file or directory"):
        read(tmp_path / "missing")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(position=st.integers(0, SECTORS * fmt.SECTOR - 1), bit=st.integers(0, 7))
def test_one_flipped_bit_anywhere_is_noticed(
    tmp_path: Path, image: bytes, position: int, bit: int
) -> None:
    path = tmp_path / "image"
    path.write_bytes(patched(image, position, bytes([image[position] ^ 1 << bit])))
    found = outcome(path)
    assert isinstance(found, str) or verify(found) != []


# A patch may cut a field or straddle two: that is what damaged files look like.
PATCHES = st.lists(
    st.tuples(
        st.integers(fmt.SECTOR, 2 * fmt.SECTOR - 4),
        st.sampled_from([0, 1, 2, 1 << 12, 0x7FFF_FFFF, 0xFFFF_FFFF]) | st.integers(0, 0xFFFF_FFFF),
    ),
    max_size=4,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(patches=PATCHES, cut=st.integers(0, SECTORS * fmt.SECTOR) | st.none(), sign=st.booleans())
def test_no_directory_makes_the_reader_fail_in_any_other_way(
    tmp_path: Path, image: bytes, patches: list[tuple[int, int]], cut: int | None, sign: bool
) -> None:
    path = tmp_path / "image"
    for offset, word in patches:
        image = patched(image, offset, word.to_bytes(4, "little"))
    path.write_bytes((resigned(image) if sign else image)[:cut])
    found = outcome(path)
    if isinstance(found, str):
        assert found.startswith("PATH: ")
        assert found.isprintable()
    else:
        assert all(item.load + item.memory <= fmt.ADDRESS_LIMIT for item in found.entries)
        assert all(why.isprintable() for why in verify(found))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=2048), st.sampled_from([b"", b"\x55\xaa", b"\x55\xaa" + fmt.MAGIC]))
def test_no_bytes_make_the_reader_fail_in_any_other_way(
    tmp_path: Path, data: bytes, marks: bytes
) -> None:
    path = tmp_path / "image"
    path.write_bytes(patched(data, 510, marks) if len(data) > 510 else data)
    found = outcome(path)
    assert not isinstance(found, str) or found.startswith("PATH: ")
