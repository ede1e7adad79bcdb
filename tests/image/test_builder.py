"""From manifest to image: reproducible, and what the boot code could not load refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vectoros.errors import BadFileError
from vectoros.image import build, read, verify
from vectoros.image.format import SECTOR, Access, Kind
from vectoros.kernel.process_layout import Grant

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
    assert {entry.kind for entry in image.entries} >= {Kind.STAGE2, Kind.KERNEL, Kind.PROGRAM}


def test_the_image_does_not_depend_on_where_its_project_lies(project: Project) -> None:
    path = project()
    first = build(path)
    elsewhere = path.parent / "deep" / "er"
    elsewhere.mkdir(parents=True)
    for file in path.parent.glob("*.*"):
        (elsewhere / file.name).write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert build(elsewhere / "image.toml") == first


def test_the_kernels_sections_become_entries_and_guards_become_holes(
    project: Project, tmp_path: Path
) -> None:
    (tmp_path / "out").write_bytes(build(project()))
    entries = {entry.name: entry for entry in read(tmp_path / "out").entries}
    assert list(entries) == ["stage2.text", "kernel.text", "kernel.data", "shell", "logo"]
    data = entries["kernel.data"]
    assert (data.load, data.virtual) == (0x10_1000, 0xFFFF_FFFF_8010_1000)
    assert (data.length, data.memory) == (8, 7008)  # the zeros are not stored
    assert data.access == Access.READ | Access.WRITE
    assert entries["kernel.text"].access == Access.READ | Access.EXECUTE
    assert entries["stage2.text"].access == Access(0)


def test_programs_and_data_become_whole_files(project: Project, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(build(project()))
    shell, logo = read(tmp_path / "out").entries[3:]
    assert (shell.kind, shell.priority) == (Kind.PROGRAM, 120)
    assert shell.grants == Grant.CONSOLE | Grant.POWER
    assert (logo.kind, logo.length, logo.memory) == (Kind.DATA, 1, 1)
    for entry in (shell, logo):
        assert (entry.load, entry.virtual, entry.access) == (0, 0, Access(0))
    image = (tmp_path / "out").read_bytes()
    assert image[shell.lba * SECTOR :].startswith(b"\x7fELF")
    assert image[logo.lba * SECTOR :] == b"V".ljust(SECTOR, b"\0")


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
            "stage2.text at 0x8000..0x19177 does not lie in 0x600..0xffff",
        ),
        ("stage2", "nop", "# nothing", "program stage2: no source has a section text"),
        (
            "kernel", ".zero 7000", ".zero 1 << 24",
            "kernel.data at 0x101000..0x1101007 does not lie in 0x100000..0x1fffff",
        ),
        ("kernel", ".section guard\n.zero 4096", ".section guard\n.byte 1",
         "program kernel: the guard guard is not empty"),
        ("kernel", "section data", "section dota", "program kernel: section dota has no access"),
        ("image", '"boot"', '"rx"', "stage 2 is loaded and never mapped: its access must be boot"),
        (
            "image", "load = 0x8000", "load = 0x7000",
            "stage2.text at 0x7000..0x7007 overlaps the boot code's own memory at 0x600..0x7dff",
        ),
        (
            "image", "load = 0x100000", "load = 0x9f000",
            "kernel.text at 0x9f000..0x9f007 does not lie in 0x100000..0x1fffff",
        ),
        (
            "image", "virtual = 0x8000", "virtual = 0xffffffff80101000",
            "kernel.data at 0xffffffff80101000..0xffffffff80102b5f overlaps"
            " stage2.text at 0xffffffff80101000..0xffffffff80101007",
        ),
        ("shell", "section stack", "section stark", "program shell: section stark has no access"),
        ("image", 'text = "rx", stack', 'text = "rw", stack',
         "program shell starts at 0x440000, which is in no executable segment"),
        (
            "image", "virtual = 0x440000", "virtual = 0x7efffffff000",
            "program shell segment 1 at 0x7f0000000000..0x7f0000000fff is not inside"
            " 0x10000..0x7effffffffff",
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
        kernel=("4096\n", f"4096{source}"), image=('guard = "guard"', f'guard = "guard"{access}')
    )
    with pytest.raises(BadFileError) as caught:
        build(path)
    assert str(caught.value) == f"{path}: has 55 entries; a directory holds 50"


def test_too_many_modules_are_refused(project: Project) -> None:
    rows = "".join(f'\n[[data]]\nname = "x{n}"\nsource = "logo.txt"\n' for n in range(31))
    path = project(image=("[[data]]", f"{rows}\n[[data]]"))
    with pytest.raises(BadFileError) as caught:
        build(path)
    assert str(caught.value) == f"{path}: has 33 modules; the boot code has room for 32"


def test_modules_that_fit_one_by_one_and_not_together_are_refused(project: Project) -> None:
    path = project(image=('"logo.txt"', '"logo.txt"\n[[data]]\nname = "big"\nsource = "big"'))
    with (path.parent / "big").open("wb") as file:
        file.truncate(14 << 20)
    with pytest.raises(BadFileError) as caught:
        build(path)
    assert str(caught.value) == (
        f"{path}: has modules that end at 0x1003000 in memory; they must end below 0x1000000"
    )


@pytest.mark.parametrize("size", [0, (14 << 20) + 1, 1 << 40])
def test_a_file_that_could_be_no_module_is_refused_unread(project: Project, size: int) -> None:
    path = project(image=('"logo.txt"', '"big"'))
    big = path.parent / "big"
    with big.open("wb") as file:
        file.truncate(size)
    with pytest.raises(BadFileError) as caught:
        build(path)
    assert str(caught.value) == f"{big}: has {size} bytes; a module has 1 to 14680064"


def test_a_program_of_another_compiler_goes_in_as_it_is(project: Project, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(build(project()))
    entry = read(tmp_path / "out").entries[3]
    elf = (tmp_path / "out").read_bytes()[entry.lba * SECTOR :][: entry.length]
    row = '[[program]]\nname = "copy"\nelf = "copy"\n\n[[data]]'
    path = project(image=("[[data]]", row))
    (path.parent / "copy").write_bytes(elf)
    (tmp_path / "again").write_bytes(build(path))
    copy = read(tmp_path / "again").entries[4]
    assert (copy.name, copy.digest, copy.priority, copy.grants) == (
        "copy", entry.digest, 100, Grant(0),
    )  # fmt: skip
    (path.parent / "copy").write_bytes(elf[:-1] + b"!")  # behind what is loaded
    build(path)
    (path.parent / "copy").write_bytes(b"#!/bin/sh\n")
    with pytest.raises(BadFileError) as caught:
        build(path)
    assert str(caught.value) == (
        f"{path.parent / 'copy'}: is not an ELF file: it does not begin with 7f 45 4c 46"
    )
