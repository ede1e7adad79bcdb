"""``vectoros kernel show``: what a kernel has in memory, from a snapshot or from RAM."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.system import boot
from vectoros import Machine, cli
from vectoros.kernel import vspace
from vectoros.kernel.audit import AuditLog
from vectoros.kernel.objects import PAGE_BITS, Type
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import Tcb
from vectoros.kernel.vspace import Entry
from vectoros.kernel_image import inspect

DEV_IMG = Path(__file__).parents[2] / "images" / "dev.img"
SECTIONS = ("tree", "threads", "queues", "spaces", "memory", "audit")
TITLES = ("Capabilities", "Threads", "Who waits", "Address spaces", "Memory", "Audit log")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot of dev.img at its prompt, after the victim has faulted."""
    path = tmp_path_factory.mktemp("show") / "dev.vxs"
    with Machine.from_image(DEV_IMG) as machine:
        machine.serial.expect("vectoros> ", timeout="5s")
        machine.serial.send("fault\n")
        machine.serial.expect("vectoros> ", timeout="5s")
        machine.run(for_="1ms")  # until the shell waits for the next line
        machine.save(path)
    return path


@pytest.fixture
def ram(tmp_path: Path) -> Path:
    """The memory of a kernel that has just booted, as bytes."""
    path = tmp_path / "dev.ram"
    path.write_bytes(boot().data)
    return path


def printed(capsys: pytest.CaptureFixture[str], *words: object, status: int = 0) -> str:
    assert cli.main(["kernel", "show", *map(str, words)]) == status
    return capsys.readouterr().out


def test_everything_is_shown_unless_a_section_is_asked_for(
    saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = printed(capsys, saved)
    assert whole.startswith("file ")
    assert re.findall(rf"^({'|'.join(TITLES)})\b.*\n\n", whole, re.MULTILINE) == [*TITLES]
    for section, title in zip(SECTIONS, TITLES, strict=True):
        part = printed(capsys, saved, f"--{section}")
        assert part.startswith(title)
        assert part.rstrip() in whole


def test_the_tree_names_slots_after_their_processes(
    saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = printed(capsys, saved, "--tree")
    assert re.search(r"^Untyped .* shell\[64\]$", tree, re.MULTILINE)
    assert re.search(r"^  Endpoint 0x\w+ rwgp +shell\[6\]$", tree, re.MULTILINE)
    assert re.search(r"^    Endpoint 0x\w+ badge 0x3 rwgp +victim.handler$", tree, re.MULTILINE)
    assert re.search(r"^ +\d+ x Frame 4 KiB rw +victim\[", tree, re.MULTILINE)


def test_the_full_tree_has_a_line_for_each_capability(
    saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    caps = json.loads(printed(capsys, saved, "--tree", "--json"))["tree"]
    full = printed(capsys, saved, "--tree", "--full").splitlines()
    assert len(full) == 3 + len(caps)  # title, empty line, key
    for row in caps:
        assert any(line.endswith(f"  {row['name']}") for line in full)


def test_threads_queues_and_the_fault_of_the_victim(
    saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    threads = printed(capsys, saved, "--threads")
    assert re.search(r"^shell +\d+ +BlockedOnReceive .* at 0x\w+ shell\[6\]$", threads, re.M)
    assert re.search(r"^victim .* last fault VmFault at 0x\w+, address 0x\w+$", threads, re.M)
    queues = printed(capsys, saved, "--queues")
    assert re.search(r"^Endpoint 0x\w+ shell\[6\]: shell waits to receive$", queues, re.M)
    assert re.search(r"^interrupt 4: signals 0x\w+ at 0x\w+ shell\[5\]$", queues, re.M)


def test_the_ledger_adds_up(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    memory = json.loads(printed(capsys, saved, "--memory", "--json"))["memory"]
    book = memory["ledger"]
    assert book["objects"] + book["free"] + book["waste"] == book["total"]
    roots = [row["size"] for row in memory["untypeds"] if not row["level"] and not row["device"]]
    assert book["total"] == sum(roots)
    assert all(row["lost"] >= 0 for row in memory["untypeds"])


def test_address_spaces_show_that_no_page_is_writable_and_executable(
    saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spaces = printed(capsys, saved, "--spaces")
    assert spaces.count("  r-x  ") == 3
    assert spaces.endswith("\nwritable and executable: nothing\n")


def test_a_page_that_is_both_is_marked(ram: Path, capsys: pytest.CaptureFixture[str]) -> None:
    system = boot()
    space = system.running.space
    first = next(inspect.pages(system.root, space))
    at, _ = vspace.find(system.ram, space, first.address, PAGE_BITS)
    system.ram.words[at] = (system.ram.words[at] | Entry.WRITE) & ~Entry.NO_EXECUTE
    ram.write_bytes(system.data)
    spaces = printed(capsys, ram, "--spaces")
    assert "  rwx!  1 of 4 KiB\n" in spaces
    assert spaces.endswith("WRITABLE AND EXECUTABLE: 1 regions, marked with !\n")


def test_ram_alone_shows_the_same_as_a_snapshot_but_for_the_tick(
    ram: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = printed(capsys, ram)
    assert re.search(r"^file +.*dev\.ram, RAM$", whole, re.MULTILINE)
    assert re.search(r"^processor +runs ticker$", whole, re.MULTILINE)
    found = json.loads(printed(capsys, ram, "--json"))
    assert found["tick"] is None
    assert [*found][-6:] == [*SECTIONS]
    assert {row["name"] for row in found["threads"]["threads"]} == {"shell", "ticker", "victim"}


def test_data_and_tree_have_the_same_capabilities_as_the_kernel(
    ram: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows: list[dict[str, Any]] = json.loads(printed(capsys, ram, "--tree", "--json"))["tree"]
    caps = list(inspect.tree(boot().root))
    assert [(row["slot"], row["object"]) for row in rows] == [(c.slot, c.object) for c in caps]
    slots = {row["slot"] for row in rows}
    assert all(row["parent"] in slots for row in rows if row["depth"])


def test_data_tell_who_is_ready_at_which_domain_and_priority(
    ram: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    queues = json.loads(printed(capsys, ram, "--queues", "--json"))["queues"]
    assert [(row["domain"], row["priority"]) for row in queues["ready"]] == [(0, 100)]
    assert queues["released"] == []


def test_two_pictures_do_not_go_to_one_place(ram: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed(capsys, ram, "--svg", "-", "--dot", "-", status=2)


@pytest.mark.parametrize("option", ["--svg", "--dot"])
def test_a_picture_does_not_take_the_place_of_what_it_shows(
    option: str, ram: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = ram.read_bytes()
    printed(capsys, ram, option, ram, status=2)
    assert ram.read_bytes() == before


def test_what_a_program_calls_itself_cannot_disturb_a_terminal(
    ram: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    system = boot()
    system.running.set_name("\x1b[31mred\n")
    ram.write_bytes(system.data)
    assert "\x1b" not in printed(capsys, ram)


def test_threads_of_one_name_are_told_apart(ram: Path, capsys: pytest.CaptureFixture[str]) -> None:
    system = boot()
    for address in inspect.objects(system.root, Type.TCB):
        Tcb(system.ram, address).set_name("same")
    ram.write_bytes(system.data)
    found = json.loads(printed(capsys, ram, "--threads", "--json"))["threads"]["threads"]
    assert len({row["name"] for row in found}) == 3


@pytest.mark.parametrize(
    ("content", "status", "sentence"),
    [
        (b"", 65, "is neither a snapshot nor RAM"),
        (b"x" * 5000, 65, "is neither a snapshot nor RAM"),
        (bytes(8192), 65, "holds no kernel: there is no root object in its memory"),
        (b"VXSNAP\0", 65, "is cut short: it has not even a whole header"),
        (None, 65, "cannot be read: No such file"),
    ],
)
def test_a_file_without_a_kernel_is_one_sentence(
    content: bytes | None, status: int, sentence: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    assert cli.main(["kernel", "show", str(path)]) == status
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"vectoros: error: {path}: {sentence}")
    assert shown.err.count("\n") == 1


def test_a_snapshot_that_is_cut_short_is_one_sentence(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cut.vxs"
    path.write_bytes(saved.read_bytes()[:-100])
    assert cli.main(["kernel", "show", str(path)]) == 65
    assert "is damaged: its SHA-256 does not match" in capsys.readouterr().err


def test_damage_in_one_part_does_not_hide_the_others(
    ram: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    system = boot()
    log = AuditLog(system.ram, system.root.audit.object)
    log.written = 1
    log.record(0).event = 99
    ram.write_bytes(system.data)
    assert cli.main(["kernel", "show", str(ram)]) == 65
    shown = capsys.readouterr()
    sentence = f"audit record {log.address + 64:#x} is of event 99, which there is not"
    assert f"Audit log\n\ndamaged: {sentence}" in shown.out
    assert "\nshell " in shown.out
    assert shown.err == (f"vectoros: error: {ram}: its kernel is damaged: {sentence}\n")
    assert cli.main(["kernel", "show", str(ram), "--json"]) == 65
    found = json.loads(capsys.readouterr().out)
    assert found["audit"] == {"damaged": sentence}


def test_a_broken_tree_is_told(ram: Path, capsys: pytest.CaptureFixture[str]) -> None:
    system = boot()
    slot = next(cap.slot for cap in inspect.tree(system.root))
    Slot(system.ram, slot).open_next = 0x40
    ram.write_bytes(system.data)
    assert cli.main(["kernel", "show", str(ram)]) == 65
    assert "damaged: the derivation tree breaks at" in capsys.readouterr().err


def test_nobody_has_to_read_it_all(
    ram: Path, command: list[str], environment: dict[str, str]
) -> None:
    line = f"{' '.join(command)} kernel show {ram} | head -1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"],
        capture_output=True,
        env=environment,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"file ")


def test_without_a_terminal_and_without_utf_8_it_is_the_same(
    ram: Path, run: Callable[..., subprocess.CompletedProcess[bytes]],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert run("kernel", "show", ram).stdout.decode("ascii") == printed(capsys, ram)
