"""``vectoros image``: build is reproducible, inspect is complete, verify is strict."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from vectoros import cli
from vectoros.image.format import Kind, grant_words
from vectoros.image.modules import program
from vectoros.image.reader import read

ROOT = Path(__file__).parents[2]
IMAGE, MANIFEST = ROOT / "images" / "dev.img", ROOT / "images" / "dev.toml"


def output(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 0) -> str:
    assert cli.main([str(argument) for argument in arguments]) == status
    return capsys.readouterr().out


def test_build_gives_the_committed_image(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    built = tmp_path / "dev.img"
    said = output(capsys, "image", "build", MANIFEST, "-o", built)
    assert built.read_bytes() == IMAGE.read_bytes()
    digest = hashlib.sha256(built.read_bytes()).hexdigest()
    assert said == f"{built}: {built.stat().st_size} bytes, SHA-256 {digest}\n"


def test_inspect_shows_everything_that_is_in_an_image(capsys: pytest.CaptureFixture[str]) -> None:
    said = output(capsys, "image", "inspect", IMAGE)
    image = read(IMAGE)
    assert f"boot sector: SHA-256 {hashlib.sha256(image.boot_sector).hexdigest()}\n" in said
    last = image.size // 512 - 1
    assert f"\npartition 1: active, type 0xda, sectors 1..{last}\n" in said
    rows = {line.partition(" ")[0]: line.split() for line in said.splitlines() if line}
    for entry in image.entries:
        row = rows[entry.name]
        assert row[1] == entry.kind.name.lower()
        assert row[-1] == entry.digest.hex()
        if entry.kind is Kind.PROGRAM:
            assert row[2:] == [
                "-", str(entry.length), str(entry.length), "-", "-",
                str(entry.priority), *(grant_words(entry.grants) or ["-"]), entry.digest.hex(),
            ]  # fmt: skip
            found = program(image, entry)
            assert f"program {entry.name} starts at {found.entry:#x}\n" in said
            assert all(segment.digest.hex() in said for segment in found.segments)


def test_inspect_in_json_has_what_the_reader_found(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(output(capsys, "image", "inspect", IMAGE, "--json"))
    entries = read(IMAGE).entries
    assert [row["name"] for row in found["entries"]] == [entry.name for entry in entries]
    first, entry = found["entries"][0], entries[0]
    assert first == {
        "name": entry.name,
        "kind": "stage2",
        "access": str(entry.access),
        "sector": entry.lba,
        "bytes": entry.length,
        "memory": entry.memory,
        "load": f"{entry.load:#x}",
        "virtual": f"{entry.virtual:#x}",
        "priority": 0,
        "grants": [],
        "sha256": entry.digest.hex(),
        "program": None,
    }
    assert (found["size"], found["version"]) == (IMAGE.stat().st_size, 2)
    sector = hashlib.sha256(IMAGE.read_bytes()[:512]).hexdigest()
    assert found["boot_sector"] == {"sha256": sector}
    assert found["partitions"][0]["active"] is True


def test_inspect_in_json_has_each_segment_of_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(output(capsys, "image", "inspect", IMAGE, "--json"))
    shell = next(row for row in found["entries"] if row["name"] == "shell")
    assert "console" in shell["grants"]
    file = IMAGE.read_bytes()[shell["sector"] * 512 :][: shell["bytes"]]
    theirs = list(ELFFile(io.BytesIO(file)).iter_segments("PT_LOAD"))
    first = shell["program"]["segments"][0]
    assert len(shell["program"]["segments"]) == len(theirs)
    assert first == {
        "access": "r-x",
        "virtual": f"{theirs[0]['p_vaddr']:#x}",
        "offset": theirs[0]["p_offset"],
        "bytes": theirs[0]["p_filesz"],
        "memory": theirs[0]["p_memsz"],
        "sha256": hashlib.sha256(theirs[0].data()).hexdigest(),
    }
    assert shell["program"]["entry"] == first["virtual"]


def test_a_program_that_is_none_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = bytearray(IMAGE.read_bytes())
    shell = next(entry for entry in read(IMAGE).entries if entry.name == "shell")
    data[shell.lba * 512] = 0
    image = tmp_path / "dev.img"
    image.write_bytes(data)
    assert cli.main(["image", "inspect", str(image)]) == 65
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"vectoros: error: {image}: program shell is not an ELF file:"
        " it does not begin with 7f 45 4c 46\n"
    )


def test_an_image_of_somebody_else_can_be_inspected_and_not_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "other.img"
    image.write_bytes(bytes(510) + b"\x55\xaa")
    said = output(capsys, "image", "inspect", image)
    digest = hashlib.sha256(image.read_bytes()).hexdigest()
    assert said == (
        f"{image}: 512 bytes, bootable, without a VectorOS directory\n\n"
        f"boot sector: SHA-256 {digest}\n"
    )
    assert json.loads(output(capsys, "image", "inspect", image, "--json"))["entries"] == []
    assert output(capsys, "image", "verify", image, status=65) == ""


def test_verify_passes_what_was_built(capsys: pytest.CaptureFixture[str]) -> None:
    said = output(capsys, "image", "verify", IMAGE)
    count = len(read(IMAGE).entries)
    assert said == f"{IMAGE}: as built: {count} entries, {IMAGE.stat().st_size} bytes\n"
    found = json.loads(output(capsys, "image", "verify", IMAGE, "--json"))
    assert found == {"ok": True, "faults": []}


def test_verify_finds_a_bit_that_was_turned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = bytearray(IMAGE.read_bytes())
    data[-1] ^= 1
    image = tmp_path / "dev.img"
    image.write_bytes(data)
    found = json.loads(output(capsys, "image", "verify", image, "--json", status=65))
    assert found["ok"] is False
    assert len(found["faults"]) == 1
