"""The committed image under QEMU: from the boot sector to the prompt, and every command."""

from __future__ import annotations

import re
import select
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vectoros.image import read
from vectoros.image.format import MAGIC, SECTOR, Access

pytestmark = pytest.mark.qemu

IMAGE = Path(__file__).parents[2] / "images" / "dev.img"
CR0_WP = 1 << 16
CR4_SMEP_SMAP = 1 << 20 | 1 << 21
PATIENCE_S = 20  # host seconds for any one answer; a busy host needs one or two
MILESTONES = [
    "[boot] real mode: boot sector at 0000:7c00",
    "[boot] stage 2: read from disk",
    "[boot] protected mode: 32 bits, flat segments",
    "[boot] loaded: kernel and programs, by polled ATA",
    "[boot] long mode: 64 bits, kernel at -2 GiB",
    "[boot] paging: 4 levels, every page W^X",
    "[boot] interrupts: IDT, PIC, PIT at 100 Hz, COM1",
    "[boot] timer: first interrupt taken",
    "[boot] ring 3: starting the shell",
]


class Qemu:
    """A running QEMU, its serial port and its monitor."""

    def __init__(self, folder: Path, *options: str, image: Path = IMAGE) -> None:
        """Start it on ``image``, of which it changes nothing; files go to ``folder``."""
        self.milestones = folder / "debug-console"
        monitor = folder / "monitor"
        command = [
            "qemu-system-x86_64", "-M", "pc", "-m", "64M", "-display", "none", "-no-reboot",
            "-drive", f"file={image},format=raw,if=ide,snapshot=on",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
            "-debugcon", f"file:{self.milestones}",
            "-serial", "stdio", "-monitor", f"unix:{monitor},server=on,wait=off", *options,
        ]  # fmt: skip
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.serial = ""
        self._seen = 0
        self._monitor_path = str(monitor)

    def expect(self, pattern: str) -> str:
        """Wait for ``pattern`` on the serial port; return what came up to and with it."""
        while (found := re.compile(pattern).search(self.serial, self._seen)) is None:
            shown = self.serial[self._seen :]
            assert self.process.stdout is not None
            ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE_S)
            assert ready, f"no {pattern!r} within {PATIENCE_S} s after {shown!r}"
            data = self.process.stdout.raw.read(4096)  # type: ignore[attr-defined]
            assert data, f"QEMU ended before {pattern!r} and after {shown!r}"
            self.serial += data.decode("ascii")
        start, self._seen = self._seen, found.end()
        return self.serial[start : found.end()]

    def send(self, text: str) -> None:
        """Type ``text``."""
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode("latin-1"))
        self.process.stdin.flush()

    def ask(self, line: str) -> str:
        """Send ``line``; return what comes between its echo and the next prompt."""
        self.send(line + "\r")
        return self.expect("vectoros> ").removeprefix(line + "\r\n").removesuffix("vectoros> ")

    def monitor(self, command: str) -> str:
        """Return what QEMU's monitor answers to ``command``."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE_S)
            connection.connect(self._monitor_path)
            text = _until_prompt(connection)
            connection.sendall(command.encode() + b"\n")
            text = _until_prompt(connection)
        return text.partition("\n")[2]

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


def _until_prompt(connection: socket.socket) -> str:
    text = b""
    while not text.endswith(b"(qemu) "):
        text += connection.recv(65536)
    return text.decode().replace("\r", "")


@pytest.fixture
def qemu(tmp_path: Path) -> Iterator[Qemu]:
    """QEMU, at the guest's first prompt."""
    machine = Qemu(tmp_path)
    machine.expect("vectoros> ")
    yield machine
    machine.close()


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Qemu]:
    """The same, shared by tests that leave the guest as they found it."""
    machine = Qemu(tmp_path_factory.mktemp("qemu"))
    machine.expect("vectoros> ")
    yield machine
    machine.close()


def test_it_boots_to_the_prompt_by_way_of_every_milestone(qemu: Qemu) -> None:
    boot = qemu.serial[qemu.serial.index("[boot]") :]
    lines = boot.split("\r\n")
    assert lines[: len(MILESTONES)] == MILESTONES
    assert any("VectorOS ready" in line for line in lines)
    assert lines[-1] == "vectoros> "
    assert qemu.milestones.read_text() == "".join(f"{line}\n" for line in MILESTONES)


def test_help_names_every_command(shell: Qemu) -> None:
    commands = [line.split()[0] for line in shell.ask("help").splitlines()]
    assert commands == ["help", "echo", "uptime", "fault", "exit", "poweroff"]


def test_uptime_counts_the_timers_hundredths(shell: Qemu) -> None:
    found = re.fullmatch(r"up (\d+)\.(\d\d) s \((\d+) ticks\)\r\n", shell.ask("uptime"))
    assert found is not None
    assert int(found[1] + found[2]) == int(found[3]) > 0


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
def test_a_line_has_its_answer(shell: Qemu, line: str, answer: str) -> None:
    assert shell.ask(line) == answer


@pytest.mark.parametrize(
    ("line", "report"),
    [
        ("fault", r"14 #PF page fault, error 0x7 \(user write to a present page, protection\),"
         r" address 0xffffffff80100000, rip 0x44[0-9a-f]{4}"),
        ("fault pf", r"14 #PF page fault, error 0x7 .*"),
        ("fault null", r"14 #PF page fault, error 0x4 \(user read of an absent page, not mapped\),"
         r" address 0x0, rip 0x44[0-9a-f]{4}"),
        ("fault nx", r"14 #PF page fault, error 0x15 \(user fetch from a present page,"
         r" protection\), address (0x44[0-9a-f]{4}), rip \1"),
        ("fault wx", r"14 #PF page fault, error 0x7 \(user write to a present page, protection\),"
         r" address 0x440000, rip 0x44[0-9a-f]{4}"),
        ("fault ud", r"6 #UD invalid opcode \(no such instruction\), rip 0x44[0-9a-f]{4}"),
        ("fault gp", r"13 #GP general protection, error 0x0 \(a privileged instruction or a bad"
         r" selector or address\), rip 0x44[0-9a-f]{4}"),
        ("fault de", r"0 #DE divide error \(division by zero or a quotient too large\),"
         r" rip 0x44[0-9a-f]{4}"),
    ],
)  # fmt: skip
def test_a_fault_is_reported_and_the_shell_lives_on(shell: Qemu, line: str, report: str) -> None:
    assert re.fullmatch(rf"fault: vector {report}\r\n", shell.ask(line))
    assert shell.ask("echo alive") == "alive\r\n"


def test_both_backspaces_erase_and_not_beyond_the_start(shell: Qemu) -> None:
    shell.send("\b\x7fecxx\b\x7fho ok\r")
    text = shell.expect("vectoros> ")
    assert text == "ecxx\b \b\b \bho ok\r\nok\r\nvectoros> "


def test_cr_lf_and_cr_lf_together_each_end_one_line(shell: Qemu) -> None:
    shell.send("echo a\recho b\necho c\r\necho d\r")
    text = "".join(shell.expect("vectoros> ") for _ in range(4))
    assert [line for line in text.split("\r\n") if len(line) == 1] == ["a", "b", "c", "d"]


def test_a_line_that_is_too_long_is_cut_and_the_bell_rings(shell: Qemu) -> None:
    shell.send("echo " + "x" * 150)
    shell.expect("x{114}\a{36}")
    assert shell.ask("").endswith("x" * 114 + "\r\n")


def test_exit_stops_the_machine_with_its_code(qemu: Qemu) -> None:
    qemu.send("exit 7\r")
    assert qemu.process.wait(PATIENCE_S) == 7 << 1 | 1  # as isa-debug-exit has it


def test_poweroff_switches_the_machine_off(qemu: Qemu) -> None:
    qemu.send("poweroff\r")
    assert qemu.process.wait(PATIENCE_S) == 0


def test_a_trap_in_ring_0_is_a_panic_with_registers(qemu: Qemu) -> None:
    qemu.monitor("nmi")  # at the prompt, so the CPU is in the kernel's hlt
    text = qemu.expect(r"rflags 0x[0-9a-f]+ \r\n")
    assert re.match(r"panic: vector 2 NMI \(a non-maskable interrupt\), rip 0xf{8}801", text)
    names = re.findall(r"([a-z0-9]+) 0x", text)[1:]
    assert " ".join(names) == (
        "rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 cs rflags"
    )
    assert "HLT=1" in qemu.monitor("info registers")


def test_the_page_tables_are_what_the_directory_says(shell: Qemu) -> None:
    rows = re.findall(r"^([0-9a-f]{16}): ([0-9a-f]{16}) (.{9})$", shell.monitor("info tlb"), re.M)
    mapped = {
        int(virtual, 16): (int(physical, 16), flags[0] == "X", flags[7] == "U", flags[8] == "W")
        for virtual, physical, flags in rows
    }
    expected = {
        entry.virtual + offset: (
            entry.load + offset,
            Access.EXECUTE not in entry.access,
            Access.USER in entry.access,
            Access.WRITE in entry.access,
        )
        for entry in read(IMAGE).entries
        if entry.access
        for offset in range(0, entry.memory, 4096)
    }
    assert mapped == expected
    assert control_register(shell, 0) & CR0_WP


def control_register(machine: Qemu, number: int) -> int:
    found = re.search(rf"CR{number}=([0-9a-f]{{8}})", machine.monitor("info registers"))
    assert found is not None
    return int(found[1], 16)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Qemu]]:
    """Return what starts QEMU in another way than the fixtures above."""
    machines: list[Qemu] = []

    def start(*options: str, image: Path = IMAGE) -> Qemu:
        machines.append(Qemu(tmp_path, *options, image=image))
        return machines[-1]

    yield start
    for machine in machines:
        machine.close()


def test_smep_and_smap_are_on_where_the_processor_has_them(
    started: Callable[..., Qemu],
) -> None:
    machine = started("-cpu", "max")
    machine.expect("vectoros> ")
    assert control_register(machine, 4) & CR4_SMEP_SMAP == CR4_SMEP_SMAP
    assert "user fetch from" in machine.ask("fault nx")


def test_a_processor_without_long_mode_is_told_so(started: Callable[..., Qemu]) -> None:
    machine = started("-cpu", "qemu32")
    machine.expect("boot: this processor has no long mode, or no no-execute pages\r\n")


def test_a_disk_without_a_directory_is_told_so(
    started: Callable[..., Qemu], tmp_path: Path
) -> None:
    path = tmp_path / "disk"
    path.write_bytes(IMAGE.read_bytes().replace(MAGIC, b"NOTHING!"))
    started(image=path).expect("0000:7c00\r\nboot: no VectorOS directory\r\n")


def test_a_disk_that_ends_too_soon_is_told_so(started: Callable[..., Qemu], tmp_path: Path) -> None:
    path = tmp_path / "disk"
    path.write_bytes(IMAGE.read_bytes()[: 2 * SECTOR])
    started(image=path).expect("0000:7c00\r\nboot: cannot read the disk\r\n")
