"""The manifest, and each rule of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vectoros.errors import BadFileError
from vectoros.image.format import Access, Kind
from vectoros.image.manifest import load

Project = Callable[..., Path]


def test_a_manifest_is_programs_in_order(project: Project) -> None:
    manifest = load(project())
    assert [program.name for program in manifest.programs] == ["stage2", "kernel", "shell"]
    assert manifest.boot_sector == ("boot.S",)
    shell = manifest.programs[2]
    assert (shell.kind, shell.load, shell.virtual) == (Kind.PROGRAM, 0x14_0000, 0x44_0000)
    assert shell.sections == {
        "text": Access.READ | Access.EXECUTE,
        "stack": Access.READ | Access.WRITE,
    }


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("[boot_sector]", "[boot-sector]", "the manifest: unknown key 'boot-sector';"
         " known are boot_sector, program"),
        ('[boot_sector]\nsources = ["boot.S"]', "", "has no [boot_sector]"),
        ('sources = ["boot.S"]', "", "[boot_sector]: sources must be a list of files"),
        ('["boot.S"]', "[1]", "[boot_sector]: a source is a file name, not 1"),
        ('["boot.S"]', '["boot.S"]\ncolour = 1', "[boot_sector]: unknown key 'colour';"
         " known are sources"),
        ('name = "shell"', 'name = "Shell!"', "a program's name is lower-case letters, digits"
         " and _, not 'Shell!'"),
        ('name = "shell"', "", "a program's name is lower-case letters, digits and _, not None"),
        ('name = "shell"', 'name = "kernel"', "two programs are called kernel"),
        ('"program"', '"driver"', "program shell: kind is one of stage2, kernel, program"),
        ('"program"', '"kernel"', "exactly one program must be of kind kernel"),
        ('"program"', '"stage2"', "the first program, and no other, must be of kind stage2"),
        ("load = 0x140000", "load = 0x140001",
         "program shell: load 0x140001 is not the start of a page"),
        ("load = 0x140000", "load = 0x1000000",
         "program shell: load must be an address below 0x1000000"),
        ("load = 0x140000", "load = true",
         "program shell: load must be an address below 0x1000000"),
        ("load = 0x140000", "", "program shell: load must be an address below 0x1000000"),
        ("virtual = 0x440000", "virtual = -4096",
         "program shell: virtual must be an address below 0x10000000000000000"),
        ("virtual = 0x440000", "entry = 1", "program shell: unknown key 'entry'; known are"
         " kind, load, name, sections, sources, virtual"),
        ('{ text = "rx", stack = "rw" }', "{}",
         "program shell: sections must be a table of access by section"),
        ('stack = "rw"', 'stack = "rwx"',
         "program shell: access of stack is one of boot, guard, r, rw, rx, not 'rwx'"),
        ('stack = "rw"', 'stack = []',
         "program shell: access of stack is one of boot, guard, r, rw, rx, not []"),
        ('stack = "rw"', 'stack_with_a_name = "rw"',
         "shell.stack_with_a_name is longer than 16 characters"),
    ],
)  # fmt: skip
def test_each_rule_broken_is_one_sentence(project: Project, old: str, new: str, why: str) -> None:
    path = project(image=(old, new))
    with pytest.raises(BadFileError) as caught:
        load(path)
    assert str(caught.value) == f"{path}: {why}"
    assert caught.value.status == 65


def test_a_missing_source_is_named(project: Project) -> None:
    path = project(image=('["shell.S"]', '["shall.S"]'))
    with pytest.raises(BadFileError) as caught:
        load(path).read(["shall.S"])
    assert str(caught.value) == f"{path}: names the source shall.S, which does not exist"


def test_what_is_not_toml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "image.toml"
    for text in ("[[program", "a = " + "9" * 5000, "a = " + "[" * 5000):
        path.write_text(text)
        with pytest.raises(BadFileError, match=r"image\.toml: is not TOML: "):
            load(path)
    path.write_text("[boot_sector]\nsources = ['a']\nprogram = 5")
    with pytest.raises(BadFileError, match=r"unknown key 'program'"):
        load(path)
    path.write_text("program = 5\n[boot_sector]\nsources = ['a']")
    with pytest.raises(BadFileError, match=r"has no \[\[program\]\]"):
        load(path)


def test_a_manifest_that_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match="is a directory and not a file"):
        load(tmp_path)
