"""The crash report: the chain in order, decoded, on both engines, without touching the guest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from vectoros import Machine
from vectoros.board import Reason
from vectoros.crash import Crash

Sector = Callable[[str], Path]
ENGINES = ("fast", "portable")


def crash(image: Path, engine: str = "auto") -> Crash:
    with Machine.from_image(image, engine=engine) as machine:
        found = machine.crash(machine.run())
        assert found is not None
        return found


@pytest.mark.parametrize("engine", ENGINES)
def test_the_chain_of_a_triple_fault_is_told_in_order(sector: Sector, engine: str) -> None:
    found = crash(sector("triple_fault"), engine)
    assert found.reason == "triple_fault"
    assert found.earlier == []
    first, second = found.chain
    assert (first.name, first.meaning, first.cr2) == ("#PF", "page fault", "0xdead000")
    assert (first.error_code, first.error) == (0, "supervisor read, page not present")
    assert first.failure == "the IDT at 0x0 has no entry 14: its limit is 0x0"
    assert (second.name, second.meaning, second.cr2) == ("#DF", "double fault", None)
    assert second.failure == "the IDT at 0x0 has no entry 8: its limit is 0x0"
    assert first.cs_rip == second.cs_rip
    assert first.cs_rip.startswith("0008:0000000000007c")
    assert (first.ring, first.delivered, first.tick) == (0, False, second.tick)


def test_both_engines_report_one_crash(sector: Sector) -> None:
    for name in ("triple_fault", "breakpoint", "idle", "deaf"):
        fast, portable = (crash(sector(name), engine).data() for engine in ENGINES)
        assert fast == portable


def test_a_software_interrupt_starts_the_chain_in_real_mode(sector: Sector) -> None:
    found = crash(sector("breakpoint"))
    assert [link.name for link in found.chain] == ["#BP", "#GP", "#DF"]
    first, second, _ = found.chain
    assert (first.meaning, first.error_code) == ("software interrupt", None)
    assert (second.error_code, second.error) == (3 * 8 + 2, "IDT entry 3")
    assert first.cs_rip.startswith("0000:7c")
    assert "real mode, ring 0" in found.location


@pytest.mark.parametrize(
    ("name", "summary"),
    [
        ("idle", "idle for ever: halted with interrupts off"),
        ("deaf", "idle for ever: halted, and no device has anything left to do"),
    ],
)
def test_a_halt_for_ever_says_why_and_where(sector: Sector, name: str, summary: str) -> None:
    with Machine.from_image(sector(name)) as machine:
        found = machine.crash(machine.run())
    assert found is not None
    assert (found.reason, found.summary, found.chain) == ("idle", summary, [])
    (hlt,) = [line for line in found.code if line.endswith("hlt")]
    assert found.code[found.code.index(hlt) + 1].startswith("> ")


def test_any_other_end_is_no_crash(sector: Sector) -> None:
    for name, reason in [("hello", Reason.POWER_OFF), ("exit7", Reason.EXIT)]:
        with Machine.from_image(sector(name)) as machine:
            stop = machine.run(for_="1ms")
            assert stop.reason is reason
            assert machine.crash(stop) is None


def test_code_around_rip_is_what_was_written(sector: Sector) -> None:
    found = crash(sector("triple_fault"))
    at = next(index for index, line in enumerate(found.code) if line.startswith("> "))
    assert found.code[at].endswith("mov rbx, qword ptr [rax]")
    assert found.code[at - 1].endswith("mov eax, 0xdead000")
    assert found.code[at + 1].endswith("hlt")


def test_page_walks_show_why_an_address_is_not_mapped(sector: Sector) -> None:
    walks = crash(sector("triple_fault")).walks
    (rip,) = [lines for name, lines in walks.items() if name.startswith("rip")]
    assert [line.split()[0] for line in rip] == ["PML4E", "PDPTE", "PDE", "physical"]
    missing = walks["cr2 0xdead000"]
    assert [line.split()[0] for line in missing] == ["PML4E", "PDPTE", "PDE", "not"]
    assert missing[-1] == "not present"


def test_what_came_before_is_shown(sector: Sector) -> None:
    found = crash(sector("triple_fault"))
    assert found.serial == ["x"]
    assert found.registers["rax"] == "000000000dead000"
    assert found.registers["cr2"] == "000000000dead000"
    assert found.registers["idtr"] == "base 0x0 limit 0x0"


@pytest.mark.parametrize("name", ["triple_fault", "breakpoint", "idle"])
def test_making_a_report_changes_nothing(sector: Sector, name: str) -> None:
    with Machine.from_image(sector(name)) as machine:
        stop = machine.run(for_="1ms")
        before = machine.state_hash()
        for _ in range(2):
            machine.crash(stop)
            machine.report(stop)
        assert machine.state_hash() == before


def test_the_text_has_headings_and_fits_a_terminal(sector: Sector) -> None:
    text = crash(sector("triple_fault")).text()
    headings = [line for line in text.splitlines() if not line.startswith(" ")]
    assert [heading.partition(":")[0].split(" of ")[0] for heading in headings] == [
        "Guest crash",
        "Exceptions, first to last",
        "Code",
        "Registers",
        "Page walk",
        "Page walk",
        "Last serial output",
    ]
    assert max(map(len, text.splitlines())) <= 80
    assert "  1. #PF page fault at 0xdead000\n" in text
    assert "     error code 0x0: supervisor read, page not present\n" in text


def test_the_data_is_plain(sector: Sector) -> None:
    data = crash(sector("triple_fault")).data()
    assert json.loads(json.dumps(data)) == data
