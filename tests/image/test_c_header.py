"""The header for programs in C: as the kernel's tables say, and gcc agrees."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from vectoros.image import build, kernel_constants, read, verify
from vectoros.image.c_header import header, main
from vectoros.kernel.boot_info import COMMAND_LINE, NAMES, BootInfo

ROOT = Path(__file__).parents[2]
SDK = ROOT / "docs" / "sdk"
HOW_TO = ROOT / "docs" / "how-to" / "write-a-program.md"


def compiled(folder: Path, source: str, *flags: str) -> Path:
    """Compile and link ``source`` as the how-to does; return the program."""
    path = folder / "hello.c"
    path.write_text(source)
    command = re.search(r"^\$ (gcc .*?\\\n.*)$", HOW_TO.read_text(), re.MULTILINE)
    assert command is not None
    words = command[1].replace("\\\n", "").split()
    words[words.index("docs/sdk")] = str(SDK)
    ran = subprocess.run(
        [*words, "-Wextra", "-Werror", *flags],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return folder / "hello"


def block(opening: str) -> str:
    """Return the block of the how-to that begins with ``opening``."""
    found = re.search(rf"^```{opening}(.*?)^```", HOW_TO.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None, opening
    return found[1]


BOOT = """\
[boot_sector]
sources = ["start.S"]

[[program]]
name = "stage2"
kind = "stage2"
load = 0x8000
virtual = 0x8000
sources = ["start.S"]
sections = { text = "boot" }

[[program]]
name = "kernel"
kind = "kernel"
load = 0x100000
virtual = 0xffffffff80100000
sources = ["start.S"]
sections = { text = "rx" }

"""


def test_the_committed_header_is_what_the_tables_say() -> None:
    assert (SDK / "vectoros.h").read_text() == header(), (
        "run: python -m vectoros.image.c_header docs/sdk/vectoros.h"
    )


def test_the_command_writes_it_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "vectoros.h")]) == 0
    assert (tmp_path / "vectoros.h").read_text() == header()
    assert main([]) == 2
    assert "usage: " in capsys.readouterr().err


def test_every_constant_has_its_value() -> None:
    found = dict(re.findall(r"^#define VX_([A-Z]\w+) +(0x[0-9a-f]+|\d+)\b", header(), re.M))
    values = kernel_constants.constants()
    assert found.pop("PORT_COM1") == "0x3f8"
    assert {name: int(value, 0) for name, value in found.items()} == {
        name: values[name] for name in found
    }
    for name in ("TRAP_CALL", "METHOD_IO_PORT_OUT8", "ERROR_RANGE_ERROR", "INIT_COM1_IRQ"):
        assert name in found


@pytest.mark.gcc
@pytest.mark.parametrize("standard", ["gnu11", "gnu17"])
def test_gcc_lays_the_boot_info_out_as_the_kernel_does(tmp_path: Path, standard: str) -> None:
    offsets = {name: field.offset for name, field in BootInfo.fields.items()}
    offsets |= {"command_line": COMMAND_LINE, "names": NAMES}
    checks = "".join(
        f'_Static_assert(__builtin_offsetof(struct vx_boot_info, {name}) == {offset}, "");\n'
        for name, offset in offsets.items()
    )
    compiled(
        tmp_path, block("c\n") + checks, f"-std={standard}", "-Wpedantic", "-Wno-overlength-strings"
    )


@pytest.mark.gcc
@pytest.mark.parametrize("level", ["-O0", "-O1", "-O2", "-Os"])
def test_the_example_of_the_how_to_goes_into_an_image(tmp_path: Path, level: str) -> None:
    program = compiled(tmp_path, block("c\n"), level)
    manifest = tmp_path / "my.toml"
    (tmp_path / "start.S").write_text("nop\n")
    (tmp_path / "bang.S").write_text("hello:" + block("\nhello:"))
    manifest.write_text(BOOT + block("toml\n"))
    (tmp_path / "my.img").write_bytes(build(manifest))
    image = read(tmp_path / "my.img")
    assert verify(image) == []
    hello, bang = image.entries[2:]
    assert (hello.name, hello.length) == ("hello", program.stat().st_size)
    assert (bang.name, bang.priority) == ("bang", 100)
