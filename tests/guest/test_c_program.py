"""A program in C, made with the header and the words of the how-to, runs in ring 3."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from vectoros import Machine
from vectoros.image import build
from vectoros.kernel.errors import Error
from vectoros.kernel.process_layout import Grant

ROOT = Path(__file__).parents[2]
HOW_TO = ROOT / "docs" / "how-to" / "write-a-program.md"

pytestmark = pytest.mark.gcc

Add = Callable[[str, str], Path]

REPORTER = """
#include "vectoros.h"

static char table[1 << 20];
static volatile double root = 2;

static void say(const char *what, vx_word number)
{
    char digits[20];
    int count = 0;

    while (*what)
        vx_debug_put_char(*what++);
    do
        digits[count++] = (char)('0' + number % 10);
    while (number /= 10);
    while (count)
        vx_debug_put_char(digits[--count]);
    vx_debug_put_char('\\n');
}

void run(const struct vx_boot_info *info)
{
    vx_word ring, stack = (vx_word)__builtin_frame_address(0), sum = 0, value = 0;
    double guess = root;

    __asm__("mov %%cs, %0" : "=r"(ring));
    say("c: ring ", ring & 3);
    say("c: grants ", info->grants);
    say("c: out8 without a grant ", vx_out8(VX_INIT_EXIT, 0xf4, 7));
    say("c: in8 of another port ", vx_in8(VX_INIT_COM1, 0x71, &value));
    say("c: out8 with a grant ", vx_out8(VX_INIT_COM1, VX_PORT_COM1 + 7, 0xa5));
    say("c: in8 with a grant ", vx_in8(VX_INIT_COM1, VX_PORT_COM1 + 7, &value));
    say("c: the scratch register holds ", value);
    say("c: stack is ours ", info->stack_top - stack < 0x10000);
    for (unsigned long at = 0; at < sizeof table; at++)
        sum += (vx_word)table[at];
    say("c: the sum of zeros is ", sum);
    for (int turn = 0; turn < 8; turn++)
        guess = (guess + 2 / guess) / 2;
    say("c: 10^6 times the root of 2 is ", (vx_word)(guess * 1000000));
    say("c: name is ", (vx_word)info->names[info->process - 1][0]);
}

VX_START(run);
"""


@pytest.fixture
def image_with(tmp_path: Path) -> Add:
    """Return a function that adds a program in C, with some grants, to the development image."""
    images = tmp_path / "images"
    images.mkdir()
    for folder in ("firmware", "kernel", "images/programs"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    for data in (ROOT / "images").glob("logo.*"):
        (images / data.name).symlink_to(data)

    def add(source: str, grants: str) -> Path:
        (images / "program.c").write_text(source)
        command = re.search(r"^\$ (gcc .*\\\n.*)$", HOW_TO.read_text(), re.MULTILINE)
        assert command is not None
        words = command[1].replace("\\\n", "").replace("hello.c", "program.c").split()
        words[words.index("docs/sdk")] = str(ROOT / "docs" / "sdk")
        subprocess.run(words, cwd=images, check=True)
        row = (
            f'\n[[program]]\nname = "c_program"\nelf = "hello"\npriority = 110\ngrants = {grants}\n'
        )
        manifest = images / "my.toml"
        manifest.write_text((ROOT / "images" / "dev.toml").read_text() + row)
        image = tmp_path / "my.img"
        image.write_bytes(build(manifest))
        return image

    return add


def example() -> str:
    found = re.search(r"^```c\n(.*?)^```", HOW_TO.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("engine", ["fast", "portable"])
def test_the_example_of_the_how_to_says_hello(image_with: Add, engine: str) -> None:
    image = image_with(example(), '["console"]')
    with Machine.from_image(image, engine=engine) as machine:
        machine.serial.expect(r"hello from process \d\r\n", timeout="2s")
        machine.serial.expect(r"vectoros> ", timeout="2s")


def test_it_has_what_it_was_given_and_nothing_else(image_with: Add) -> None:
    with Machine.from_image(image_with(REPORTER, '["console"]')) as machine:
        machine.serial.expect(r"vectoros> ", timeout="2s")
        said = [line.text for line in machine.milestones if line.text.startswith("c: ")]
    assert said == [
        "c: ring 3",
        f"c: grants {Grant.CONSOLE.value}",
        f"c: out8 without a grant {Error.INVALID_CAPABILITY.value}",
        f"c: in8 of another port {Error.ILLEGAL_OPERATION.value}",
        "c: out8 with a grant 0",
        "c: in8 with a grant 0",
        f"c: the scratch register holds {0xA5}",
        "c: stack is ours 1",
        "c: the sum of zeros is 0",
        "c: 10^6 times the root of 2 is 1414213",
        f"c: name is {ord('c')}",
    ]
