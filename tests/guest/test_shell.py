"""The shell of the committed image: every command, its answer, and the line editor."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from vectoros.api import Machine
from vectoros.board import Reason
from vectoros.boot.native import KernelMemory
from vectoros.kernel.abi import State
from vectoros.kernel.memory import Ram
from vectoros.kernel.root import Root
from vectoros.kernel_image import inspect

IMAGE = Path(__file__).parents[2] / "images" / "dev.img"
PROMPT = "vectoros> "
COMMANDS = ["help", "echo", "uptime", "mem", "ps", "fault", "exit", "poweroff"]


class Terminal:
    """A machine at its prompt, and somebody who types."""

    def __init__(self, engine: str = "auto", memory: str = "64M") -> None:
        self.machine = Machine.from_image(IMAGE, engine=engine, memory=memory)
        self.machine.serial.expect(PROMPT, timeout="2s")
        self._seen = len(self.machine.serial.text)

    def root(self) -> Root:
        memory = KernelMemory(self.machine.memory)
        where = inspect.find_root(memory)
        assert where is not None
        return Root(Ram(memory), where)

    def send(self, text: str) -> None:
        self.machine.serial.send(text)

    def answer(self) -> str:
        """Return what comes up to and with the next prompt."""
        self.machine.serial.expect(PROMPT, timeout="1s")
        text = self.machine.serial.text
        start, self._seen = self._seen, len(text)
        return text[start:]

    def ask(self, line: str) -> str:
        """Type ``line``; return what comes between its echo and the next prompt."""
        self.send(line + "\r")
        return self.answer().removeprefix(line + "\r\n").removesuffix(PROMPT)


@pytest.fixture(scope="module")
def shell() -> Iterator[Terminal]:
    """A terminal shared by tests that leave the guest as they found it."""
    terminal = Terminal()
    yield terminal
    terminal.machine.close()


def test_it_says_that_it_is_ready(shell: Terminal) -> None:
    text = shell.machine.serial.text
    assert "\r\nVectorOS ready. Type help for the commands.\r\nvectoros> " in text


def test_help_names_every_command(shell: Terminal) -> None:
    assert [line.split()[0] for line in shell.ask("help").splitlines()] == COMMANDS


def test_uptime_is_the_clock(shell: Terminal) -> None:
    before = shell.machine.clock.now
    found = re.fullmatch(r"up (\d+)\.(\d{6}) s \((\d+) ticks\)\r\n", shell.ask("uptime"))
    assert found is not None
    ticks = int(found[3])
    assert before < ticks < shell.machine.clock.now
    assert int(found[1] + found[2]) == ticks // 4000


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("", ""),
        ("   ", ""),
        ("echo", "\r\n"),
        ("echo a  b ", "a  b \r\n"),
        ("  echo   x", "x\r\n"),
        ("echoes", "unknown command: echoes; type help for the commands\r\n"),
        ("frob nicate", "unknown command: frob nicate; type help for the commands\r\n"),
        ("exit", "usage: exit CODE, a number from 0 to 255\r\n"),
        ("exit 256", "usage: exit CODE, a number from 0 to 255\r\n"),
        ("exit 99999999999", "usage: exit CODE, a number from 0 to 255\r\n"),
        ("exit -1", "usage: exit CODE, a number from 0 to 255\r\n"),
        ("exit 1x", "usage: exit CODE, a number from 0 to 255\r\n"),
        ("exit 1 2", "usage: exit CODE, a number from 0 to 255\r\n"),
        ("fault xx", "usage: fault [pf|ud|gp|de|null|nx|wx]\r\n"),
    ],
)
def test_a_line_has_its_answer(shell: Terminal, line: str, answer: str) -> None:
    assert shell.ask(line) == answer


@pytest.mark.parametrize(
    ("line", "report"),
    [
        ("fault", r"14 #PF page fault, error 0x7 \(user write to a present page, protection\),"
         r" address 0xffffffff80100000, rip 0x4c00[0-9a-f]{2}"),
        ("fault pf", r"14 #PF page fault, error 0x7 .*"),
        ("fault null", r"14 #PF page fault, error 0x4 \(user read of an absent page, not mapped\),"
         r" address 0x0, rip 0x4c00[0-9a-f]{2}"),
        ("fault nx", r"14 #PF page fault, error 0x15 \(user fetch from a present page,"
         r" protection\), address (0x7fffffffeff8), rip \1"),
        ("fault wx", r"14 #PF page fault, error 0x7 \(user write to a present page, protection\),"
         r" address 0x4c0000, rip 0x4c00[0-9a-f]{2}"),
        ("fault ud", r"6 #UD invalid opcode \(no such instruction\), rip 0x4c00[0-9a-f]{2}"),
        ("fault gp", r"13 #GP general protection, error 0x0 \(a privileged instruction or a bad"
         r" selector or address\), rip 0x4c00[0-9a-f]{2}"),
        ("fault de", r"0 #DE divide error \(division by zero or a quotient too large\),"
         r" rip 0x4c00[0-9a-f]{2}"),
    ],
)  # fmt: skip
def test_the_victims_fault_is_reported_and_the_shell_lives_on(
    shell: Terminal, line: str, report: str
) -> None:
    assert re.fullmatch(rf"fault: victim: vector {report}\r\n", shell.ask(line))
    assert shell.ask("echo alive") == "alive\r\n"


def test_both_backspaces_erase_and_not_beyond_the_start(shell: Terminal) -> None:
    shell.send("\b\x7fecxx\b\x7fho ok\r")
    assert shell.answer() == "ecxx\b \b\b \bho ok\r\nok\r\nvectoros> "


def test_control_u_erases_the_line_and_control_c_forgets_it(shell: Terminal) -> None:
    shell.send("ab\x15echo x\r")
    assert shell.answer() == "ab" + "\b \b" * 2 + "echo x\r\nx\r\nvectoros> "
    shell.send("echo y\x03")
    assert shell.answer() == "echo y^C\r\nvectoros> "


def test_cr_lf_and_cr_lf_together_each_end_one_line(shell: Terminal) -> None:
    shell.send("echo a\recho b\necho c\r\necho d\r")
    text = "".join(shell.answer() for _ in range(4))
    assert [line for line in text.split("\r\n") if len(line) == 1] == ["a", "b", "c", "d"]


def test_a_line_that_is_too_long_is_cut_and_the_bell_rings(shell: Terminal) -> None:
    shell.send("echo " + "x" * 150 + "\r")
    assert "x" * 114 + "\a" * 36 + "\r\n" + "x" * 114 + "\r\n" in shell.answer()


def test_ps_tells_what_every_process_does(shell: Terminal) -> None:
    shell.ask("fault ud")
    header, *rows = shell.ask("ps").splitlines()
    assert header.split() == ["#", "name", "state", "priority", "time", "(us)", "last", "fault"]
    shown = [row.split(maxsplit=5) for row in rows]
    assert [row[:4] for row in shown] == [
        ["1", "shell", "running", "100"],
        ["2", "ticker", "waiting", "120"],
        ["3", "victim", "faulted", "100"],
    ]
    assert [row[5] for row in shown[:2]] == ["none", "none"]
    assert re.fullmatch(r"vector 6 at 0x4c00[0-9a-f]{2}", shown[2][5])
    assert int(shown[0][4]) > 0


def test_ps_says_what_the_kernel_objects_in_ram_do(shell: Terminal) -> None:
    shell.ask("fault nx")
    shown = [row.split(maxsplit=5) for row in shell.ask("ps").splitlines()[1:]]
    threads = inspect.threads(shell.root())
    words = ["stopped", "running", "receiving", "sending", "calling", "waiting"]
    assert threads[2].state == State.INACTIVE
    words[State.INACTIVE] = "faulted"
    assert [row[:4] for row in shown] == [
        [str(thread.process), thread.name, words[thread.state], str(thread.priority)]
        if thread.name != "shell"  # which is waiting for input again by now
        else ["1", "shell", "running", "100"]
        for thread in threads
    ]
    for row, thread in zip(shown[1:], threads[1:], strict=True):
        assert int(row[4]) == thread.consumed // 4000
    assert int(shown[0][4]) <= threads[0].consumed // 4000
    assert shown[2][5] == f"page fault at {threads[2].fault_ip:#x}"


def test_mem_says_what_the_untypeds_in_ram_hold(shell: Terminal) -> None:
    total, boot, objects, free = (int(line.split()[0]) for line in shell.ask("mem").splitlines())
    pieces = [piece for piece in inspect.untypeds(shell.root()) if not piece.device]
    assert total - boot == sum(piece.size for piece in pieces)
    assert objects == sum(piece.used for piece in pieces)
    assert free == total - boot - objects


@pytest.mark.parametrize("memory", ["16M", "64M"])
def test_mem_adds_up_to_the_memory_of_the_machine(memory: str) -> None:
    terminal = Terminal(memory=memory)
    rows = [line.split(maxsplit=1) for line in terminal.ask("mem").splitlines()]
    total, boot, objects, free = (int(number) for number, _ in rows)
    assert total == terminal.machine.memory.size
    assert boot + objects + free == total
    assert 0 < objects < 4 << 20
    assert boot + objects < 16 << 20  # the design's limit for the image at its prompt


def test_exit_stops_the_machine_with_its_code() -> None:
    terminal = Terminal()
    terminal.send("exit 7\r")
    stop = terminal.machine.run(for_="1s")
    assert (stop.reason, stop.code) == (Reason.EXIT, 7)


def test_poweroff_switches_the_machine_off() -> None:
    terminal = Terminal()
    terminal.send("poweroff\r")
    assert terminal.machine.run(for_="1s").reason is Reason.POWER_OFF
