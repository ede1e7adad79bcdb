"""From manifest to image: reproducible, and each bad manifest refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vectoros.errors import BadFileError
from vectoros.image import build, read, verify
from vectoros.image.format import SECTOR, Access, Kind

ROOT = Path(__file__).parents[2]
Project = Callable[..., Path]


def test_the_committed_image_is_what_its_manifest_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed = (ROOT / "images" / "dev.img").read_bytes()
    monkeypatch.chdir(ROOT)
    assert build(Path("images/dev.toml")) == committed, "run: vectoros image build images/dev.toml"
    monkeypatch.chdir(tmp_path)
    assert build(ROOT / "images" / "dev.toml") == committed


def test_the_committed_image_is_small_and_sound() -> None:
    image = read(ROOT / "images" / "dev.img")
    assert image.size < 256 * 1024
    assert verify(image) == []
    assert {entry.kind for entry in image.entries} == set(Kind)


def test_the_image_does_not_depend_on_where_its_project_lies(project: Project) -> None:
    path = project()
    first = build(path)
    elsewhere = path.parent / "deep" / "er"
    elsewhere.mkdir(parents=True)
    for file in path.parent.glob("*.*"):
        (elsewhere / file.name).write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert build(elsewhere / "image.toml") == first


def test_sections_become_entries_and_guards_become_holes(project: Project, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(build(project()))
    entries = {entry.name: entry for entry in read(tmp_path / "out").entries}
    assert list(entries) == [
        "stage2.text", "kernel.text", "kernel.data", "shell.text", "shell.stack",
    ]  # fmt: skip
    data = entries["kernel.data"]
    assert (data.load, data.virtual) == (0x10_1000, 0xFFFF_FFFF_8010_1000)
    assert (data.length, data.memory) == (8, 7008)  # the zeros are not stored
    assert data.access == Access.READ | Access.WRITE
    assert entries["shell.text"].access == Access.READ | Access.EXECUTE | Access.USER
    assert entries["shell.stack"].length == 0
    assert entries["stage2.text"].access == Access(0)


def test_the_boot_sector_has_code_partition_and_signature(project: Project) -> None:
    image = build(project())
    assert image[0] == 0xF4
    assert image[446] == 0x80
    assert image[450] == 0xDA
    assert int.from_bytes(image[454:458], "little") == 1
    assert int.from_bytes(image[458:462], "little") == len(image) // SECTOR - 1
    assert image[510:512] == b"\x55\xaa"


@pytest.mark.parametrize(
    ("file", "old", "new", "why"),
    [
        ("boot", "hlt", ".zero 447", "the boot sector has 447 bytes of code; 446 fit"),
        (
            "stage2", "nop", "nop\n.zero 70000\nnop",
            "stage2.text at 0x8000..0x19177 is too large: it must end below 0x10000",
        ),
        ("stage2", "nop", "# nothing", "program stage2: no source has a section text"),
        (
            "kernel", ".zero 7000", ".zero 1 << 24",
            "kernel.data at 0x101000..0x1101007 is too large: it must end below 0x200000",
        ),
        ("kernel", ".section guard\n.zero 4096", ".section guard\n.byte 1",
         "program kernel: the guard guard is not empty"),
        ("kernel", "section data", "section dota", "program kernel: section dota has no access"),
        ("image", '"boot"', '"rx"', "stage 2 is loaded and never mapped: its access must be boot"),
        (
            "image", "load = 0x140000", "load = 0x102000",
            "shell.text at 0x102000..0x102007 overlaps kernel.data at 0x101000..0x102b5f",
        ),
        (
            "image", "load = 0x8000", "load = 0x7000",
            "stage2.text at 0x7000..0x7007 overlaps the boot code's own memory at 0x600..0x7dff",
        ),
        (
            "image", "load = 0x100000", "load = 0x9f000",
            "kernel.data at 0xa0000..0xa1b5f lies in the hole at 0xa0000..0xfffff",
        ),
        (
            "image", "virtual = 0x440000", "virtual = 0xffffffff80101000",
            "shell.text at 0xffffffff80101000..0xffffffff80101007 overlaps"
            " kernel.data at 0xffffffff80101000..0xffffffff80102b5f",
        ),
    ],
)  # fmt: skip
def test_what_the_boot_code_could_not_load_is_refused(
    project: Project, file: str, old: str, new: str, why: str
) -> None:
    path = project(**{file: (old, new)})
    with pytest.raises(BadFileError) as caught:
        build(path)
    assert str(caught.value) == f"{path}: {why}"


def test_an_error_in_a_source_names_the_source_and_the_line(project: Project) -> None:
    path = project(kernel=("hlt", "halt"))
    with pytest.raises(BadFileError) as caught:
        build(path)
    assert str(caught.value) == f"{path.parent / 'kernel.S'}: line 1: invalid mnemonic: halt"


def test_too_many_sections_are_refused(project: Project) -> None:
    extra = [f"s{index}" for index in range(50)]
    source = "".join(f"\n.section {name}\n.byte 1" for name in extra)
    access = "".join(f', {name} = "r"' for name in extra)
    path = project(
        shell=("4096\n", f"4096{source}"), image=('stack = "rw"', f'stack = "rw"{access}')
    )
    with pytest.raises(BadFileError) as caught:
        build(path)
    assert str(caught.value) == f"{path}: has 55 sections; a directory holds 50"
