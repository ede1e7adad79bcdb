"""Linux on the PC's own screen and keyboard."""

from __future__ import annotations

import pytest

from tests.linux.conftest import Boot

pytestmark = pytest.mark.linux


def test_its_shell_is_shown_on_the_screen_and_obeys_the_keyboard(boot: Boot) -> None:
    with boot(append="console=ttyS0 console=tty0") as machine:
        machine.serial.expect("Console: colour VGA\\+ 80x25", timeout="5s")
        machine.serial.expect("Run /init", timeout="5s")
        machine.run(for_="100ms")
        assert machine.screen.text().endswith("\nlinux#")
        machine.keyboard.type("echo Shift, $((6*7)), done\n")
        machine.run(for_="300ms")
        assert machine.screen.text().splitlines()[-2:] == ["Shift, 42, done", "linux#"]
