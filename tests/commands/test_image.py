"""``vectoros image``: build is reproducible, inspect is complete, verify is strict."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from vectoros import cli
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


def test_inspect_shows_every_entry(capsys: pytest.CaptureFixture[str]) -> None:
    said = output(capsys, "image", "inspect", IMAGE)
    for entry in read(IMAGE).entries:
        assert f"{entry.name} " in said
        assert f" {entry.load:#x} " in said


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
        "sha256": entry.digest.hex(),
    }
    assert (found["size"], found["version"]) == (IMAGE.stat().st_size, 1)
    assert found["partitions"][0]["active"] is True


def test_an_image_of_somebody_else_can_be_inspected_and_not_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "other.img"
    image.write_bytes(bytes(510) + b"\x55\xaa")
    said = output(capsys, "image", "inspect", image)
    assert said == f"{image}: 512 bytes, bootable, without a VectorOS directory\n"
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
