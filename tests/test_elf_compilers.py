"""Programs that gcc and ld made: every layout that they choose by themselves can be loaded."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from vectoros.elf import ElfError, Flags, read
from vectoros.elf_symbols import symbols

pytestmark = pytest.mark.gcc

SOURCE = """\
const char text[] = "constant";
int counter = 7;
char table[100000];
void _start(void) { for (;;) counter += table[counter & 15] + text[counter & 7]; }
"""

Compile = Callable[..., bytes]


@pytest.fixture
def compile_c(tmp_path: Path) -> Compile:
    """Return a function that compiles and links a source with some flags more."""

    def call(*flags: str, source: str = SOURCE) -> bytes:
        path = tmp_path / "program.c"
        path.write_text(source)
        command = ["gcc", "-static", "-nostdlib", "-ffreestanding", "-O1", *flags]
        command += ["-o", str(tmp_path / "program"), str(path)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        return (tmp_path / "program").read_bytes()

    return call


@pytest.mark.parametrize(
    "flags",
    [
        (),
        ("-g",),
        ("-s",),
        ("-O2", "-fno-asynchronous-unwind-tables"),
        ("-Wl,-z,noseparate-code",),
        ("-Wl,-z,max-page-size=0x200000",),
        ("-Wl,-z,relro",),
        ("-Wl,--build-id=none",),
        ("-Wl,-Ttext-segment=0x10000",),
        ("-Wl,-Ttext-segment=0x7e0000000000", "-mcmodel=large"),
    ],
    ids=" ".join,
)
def test_a_default_layout_is_loaded_as_pyelftools_reads_it(
    compile_c: Compile, flags: tuple[str, ...]
) -> None:
    data = compile_c(*flags)
    found = read(data)
    theirs = ELFFile(io.BytesIO(data))
    assert found.entry == theirs["e_entry"]
    assert [
        (part.address, part.offset, part.file_size, part.memory_size, part.flags)
        for part in found.segments
    ] == [
        (part["p_vaddr"], part["p_offset"], part["p_filesz"], part["p_memsz"], part["p_flags"])
        for part in theirs.iter_segments("PT_LOAD")
    ]
    assert sum(part.memory_size for part in found.segments) > 100_000
    assert {part.flags for part in found.segments} >= {
        Flags.READ | Flags.EXECUTE,
        Flags.READ | Flags.WRITE,
    }


def test_its_symbols_are_there_for_a_debugger(compile_c: Compile) -> None:
    data = compile_c()
    found = {symbol.name: symbol for symbol in symbols(data)}
    assert found["_start"].value == read(data).entry
    assert found["table"].size == 100_000
    assert symbols(compile_c("-s")) == ()


THREAD_LOCAL = SOURCE.replace("int counter", "__thread int counter")


@pytest.mark.parametrize(
    ("flags", "source", "why"),
    [
        (("-Wl,-N",), SOURCE, "is writable and executable"),
        (("-Wl,-n",), SOURCE, "is writable and executable"),
        (("-Wl,-z,max-page-size=0x10",), SOURCE, "share the page at 0x400000"),
        (("-static-pie", "-fPIE"), SOURCE, "is position independent (ET_DYN)"),
        (("-c",), SOURCE, "is an object file (ET_REL)"),
        (("-Wl,-z,execstack",), SOURCE, "asks for an executable stack"),
        ((), THREAD_LOCAL, "has thread-local variables (PT_TLS)"),
    ],
)  # fmt: skip
def test_what_nobody_could_load_is_refused(
    compile_c: Compile, flags: tuple[str, ...], source: str, why: str
) -> None:
    data = compile_c(*flags, "-Wl,--no-warn-rwx-segments", source=source)
    with pytest.raises(ElfError) as caught:
        read(data)
    assert why in caught.value.rule
