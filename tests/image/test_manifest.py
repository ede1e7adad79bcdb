"""The manifest, and each rule of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vectoros.errors import BadFileError
from vectoros.image.format import NO_GRANTS, Access, Kind
from vectoros.image.manifest import DEFAULT_PRIORITY, DataPlan, ProgramPlan, load
from vectoros.kernel.process_layout import Grant

Project = Callable[..., Path]


def test_a_manifest_is_programs_in_order(project: Project) -> None:
    manifest = load(project())
    assert [program.name for program in manifest.programs] == ["stage2", "kernel", "shell"]
    assert manifest.boot_sector == ("boot.S",)
    kernel, shell = manifest.programs[1:]
    assert (kernel.load, kernel.virtual) == (0x10_0000, 0xFFFF_FFFF_8010_0000)
    assert kernel.sections["guard"] is None
    assert (shell.kind, shell.virtual, shell.elf) == (Kind.PROGRAM, 0x44_0000, None)
    assert (shell.priority, shell.grants) == (120, Grant.CONSOLE | Grant.POWER)
    assert shell.sections == {
        "text": Access.READ | Access.EXECUTE,
        "stack": Access.READ | Access.WRITE,
    }
    assert manifest.data == (DataPlan("logo", "logo.txt"),)


def test_a_program_may_be_a_file_that_somebody_else_made(project: Project) -> None:
    row = '[[program]]\nname = "hello"\nelf = "hello.elf"\n\n[[data]]'
    hello = load(project(image=("[[data]]", row))).programs[3]
    assert hello == ProgramPlan(
        "hello", Kind.PROGRAM, elf="hello.elf", priority=DEFAULT_PRIORITY, grants=NO_GRANTS
    )


SHELL = 'name = "shell"\nvirtual = 0x440000\nsources = ["shell.S"]'


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("[boot_sector]", "[boot-sector]", "the manifest: unknown key 'boot-sector';"
         " known are boot_sector, data, program"),
        ('[boot_sector]\nsources = ["boot.S"]', "", "has no [boot_sector]"),
        ('sources = ["boot.S"]', "", "[boot_sector]: sources must be a list of files"),
        ('["boot.S"]', "[1]", "[boot_sector]: a source is a file name, not 1"),
        ('["boot.S"]', '["boot.S"]\ncolour = 1', "[boot_sector]: unknown key 'colour';"
         " known are sources"),
        ('name = "shell"', 'name = "Shell!"', "a program's name is lower-case letters, digits"
         " and _, not 'Shell!'"),
        ('name = "shell"', "", "a program's name is lower-case letters, digits and _, not None"),
        ('name = "shell"', 'name = "kernel"', "two programs or files are called kernel"),
        ('kind = "kernel"', 'kind = "driver"',
         "program kernel: kind is one of stage2, kernel, program"),
        ('kind = "kernel"', 'kind = "data"',
         "program kernel: kind is one of stage2, kernel, program"),
        ('kind = "kernel"', "kind = []", "program kernel: kind is one of stage2, kernel, program"),
        (SHELL, 'name = "shell"\nkind = "kernel"',
         "program shell: unknown key 'priority'; known are"
         " kind, load, name, sections, sources, virtual"),
        ('kind = "kernel"', "", "program kernel: unknown key 'load'; known are"
         " grants, kind, name, priority, sections, sources, virtual"),
        ('kind = "kernel"', 'kind = "stage2"',
         "the first program, and no other, must be of kind stage2"),
        ("load = 0x100000", "load = 0x100001",
         "program kernel: load 0x100001 is not the start of a page"),
        ("load = 0x100000", "load = 0x1000000",
         "program kernel: load must be an address below 0x1000000"),
        ("load = 0x100000", "load = true",
         "program kernel: load must be an address below 0x1000000"),
        ("load = 0x100000", "", "program kernel: load must be an address below 0x1000000"),
        ("virtual = 0x8000", "virtual = -4096",
         "program stage2: virtual must be an address below 0x10000000000000000"),
        ("virtual = 0x440000", "virtual = 0xf000",
         "program shell: virtual must be an address from 0x10000 on and below 0x7f0000000000"),
        ("virtual = 0x440000", "entry = 1", "program shell: unknown key 'entry'; known are"
         " grants, kind, name, priority, sections, sources, virtual"),
        ("virtual = 0x440000", 'elf = "a"', "program shell: unknown key 'sources'; known are"
         " elf, grants, kind, name, priority"),
        (SHELL, 'name = "shell"\nelf = 1', "program shell: unknown key 'sections'; known are"
         " elf, grants, kind, name, priority"),
        ("priority = 120", "priority = 256", "program shell: priority is a number from 0 to 255"),
        ("priority = 120", "priority = 1.5", "program shell: priority is a number from 0 to 255"),
        ('["console", "power"]', '["colour"]', "program shell: grants are among"
         " console, screen, power, inspect, clock, suspended, not 'colour'"),
        ('["console", "power"]', "[1]", "program shell: grants are among"
         " console, screen, power, inspect, clock, suspended, not 1"),
        ('["console", "power"]', '"console"', "program shell: grants must be a list of words"),
        ('name = "shell"', 'name = "a_long_name_abcd"',
         "program a_long_name_abcd: the name is longer than 15 characters"),
        ('name = "logo"', 'name = "a_long_name_abcd"',
         "data a_long_name_abcd: the name is longer than 15 characters"),
        ('name = "logo"', 'name = "shell"', "two programs or files are called shell"),
        ('name = "logo"', 'name = ""',
         "a data file's name is lower-case letters, digits and _, not ''"),
        ('source = "logo.txt"', "source = 5", "data logo: source must be a file"),
        ('source = "logo.txt"', 'source = "logo.txt"\nload = 4096',
         "data logo: unknown key 'load'; known are name, source"),
        ('rx", stack = "rw"', 'boot", stack = "rw"',
         "program shell: only stage 2 has access boot"),
        ('{ text = "rx", stack = "rw" }', "{}",
         "program shell: sections must be a table of access by section"),
        ('stack = "rw"', 'stack = "rwx"',
         "program shell: access of stack is one of boot, guard, r, rw, rx, not 'rwx'"),
        ('stack = "rw"', '"st\\u001back" = "rw"',
         "program shell: 'st\\x1back' is no name of a section"),
        ('stack = "rw"', 'stack = []',
         "program shell: access of stack is one of boot, guard, r, rw, rx, not []"),
        ('data = "rw"', 'data_with_a_name = "rw"',
         "program kernel: the name kernel.data_with_a_name is longer than 16 characters"),
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
    assert str(caught.value) == f"{path}: names the source 'shall.S', which does not exist"


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
    with pytest.raises(BadFileError, match=r"program is written as \[\[program\]\]"):
        load(path)
    path.write_text("[boot_sector]\nsources = ['a']")
    with pytest.raises(BadFileError, match=r"has no \[\[program\]\]"):
        load(path)


def test_a_manifest_that_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match="is a directory and not a file"):
        load(tmp_path)


def outcome(path: Path) -> str:
    """Return the rule that the manifest at ``path`` breaks; nothing if it is a good one."""
    try:
        manifest = load(path)
        for program in manifest.programs:
            manifest.read(program.sources)
    except BadFileError as error:
        return error.rule
    return ""


VALUES = st.sampled_from(
    [
        "", "0", "-1", "1.5", "true", "[]", "{}", "''", "'a'", "['a']", "[1]", "[[]]", "{a = 1}",
        "1979-05-27", "0x400000", "99999999999999999999", "nan", '"\\u0000"', '"\\u202e"',
        "'program'", "'kernel'", "'../../../../dev/null'", "{text = 'rx'}",
    ]
)  # fmt: skip
KEYS = ("name", "kind", "load", "virtual", "sources", "sections", "elf", "priority", "grants")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.dictionaries(st.sampled_from(KEYS), VALUES), data=st.booleans())
def test_no_values_make_the_reader_fail_in_any_other_way(
    project: Project, values: dict[str, str], data: bool
) -> None:
    path = project()
    rows = "".join(f"{key} = {value}\n" for key, value in values.items())
    path.write_text(path.read_text() + f"[[{'data' if data else 'program'}]]\n{rows}")
    assert outcome(path).isprintable()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=100), position=st.integers(0, 900), size=st.integers(0, 40))
def test_no_text_makes_the_reader_fail_in_any_other_way(
    project: Project, text: str, position: int, size: int
) -> None:
    path = project()
    good = path.read_text()
    path.write_text(good[:position] + text + good[position + size :], encoding="utf-8")
    outcome(path)
