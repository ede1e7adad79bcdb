"""The crash report: the chain in order, decoded, on both engines, without touching the guest."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from vectoros import Machine
from vectoros.board import Reason, StopRequest
from vectoros.cpu.descriptors import Gate
from vectoros.cpu.paging import translate
from vectoros.crash import RECENT_TICKS, repeated_fault
from vectoros.crash_report import Crash

Sector = Callable[[str], Path]
ENGINES = ("fast", "portable")


def crash(image: Path, engine: str = "auto") -> Crash:
    with Machine.from_image(image, engine=engine, firmware=False) as machine:
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
    with Machine.from_image(sector(name), firmware=False) as machine:
        found = machine.crash(machine.run())
    assert found is not None
    assert (found.reason, found.summary, found.chain) == ("idle", summary, [])
    (hlt,) = [line for line in found.code if line.endswith("hlt")]
    assert found.code[found.code.index(hlt) + 1].startswith("> ")


def test_any_other_end_is_no_crash(sector: Sector) -> None:
    for name, reason in [("hello", Reason.POWER_OFF), ("exit7", Reason.EXIT)]:
        with Machine.from_image(sector(name), firmware=False) as machine:
            stop = machine.run(for_="1ms")
            assert stop.reason is reason
            assert machine.crash(stop) is None


def test_code_around_rip_is_what_was_written(sector: Sector) -> None:
    found = crash(sector("triple_fault"))
    at = next(index for index, line in enumerate(found.code) if line.startswith("> "))
    assert found.code[at].endswith("mov rbx, qword ptr [rax]")
    assert found.code[at - 1].endswith("mov eax, 0xdead000")
    assert found.code[at + 1].endswith("hlt")


GATE = Gate(selector=8, offset=0x7D00, type=14, dpl=0, present=True)
IDT, GDT = 0x5000, 0x6000


@pytest.mark.parametrize(
    ("gate", "failure"),
    [
        (replace(GATE, type=0), "entry 14 of the IDT is not a gate: its type is 0"),
        (replace(GATE, present=False), "entry 14 of the IDT is not present"),
        (replace(GATE, selector=3), "entry 14 of the IDT has the null selector"),
        (
            replace(GATE, selector=0x50),
            "entry 14 of the IDT names selector 0x50, which is beyond its table",
        ),
        (
            replace(GATE, selector=0x10),
            "entry 14 of the IDT names selector 0x10, which is not a present code segment",
        ),
        (
            GATE,
            "entry 14 of the IDT is sound (handler 0008:0000000000007d00): "
            "the frame could not be pushed on its stack",
        ),
        (
            replace(GATE, ist=2),
            "entry 14 of the IDT is sound (handler 0008:0000000000007d00): "
            "the frame could not be pushed on stack 2 of the interrupt stack table",
        ),
    ],
    ids=["type", "absent", "null", "beyond", "data", "sound", "ist"],
)
def test_why_a_fault_was_not_delivered_is_read_from_the_tables(
    sector: Sector, gate: Gate, failure: str
) -> None:
    with Machine.from_image(sector("triple_fault"), firmware=False) as machine:
        stop = machine.run()
        code = bytes(8) + (0x0020_9A00_0000_0000).to_bytes(8, "little")
        machine.memory.write(GDT, code + (0x0000_9200_0000_0000).to_bytes(8, "little"))
        machine.memory.write(IDT + 14 * 16, gate.encode(16))
        machine.cpu.gdtr.load(0, GDT, 23, 0)
        machine.cpu.idtr.load(0, IDT, 0xFFF, 0)
        found = machine.crash(stop)
    assert found is not None
    assert found.chain[0].failure == failure


def test_a_table_that_is_not_mapped_is_said_to_be_so(sector: Sector) -> None:
    with Machine.from_image(sector("triple_fault"), firmware=False) as machine:
        stop = machine.run()
        machine.cpu.idtr.load(0, 0xDEAD000, 0xFFF, 0)
        found = machine.crash(stop)
    assert found is not None
    assert found.chain[0].failure == (
        "entry 14 of the IDT at 0xdead000, or what it names, cannot be read: #PF(0x0)"
    )


def test_in_real_mode_only_the_frame_can_be_at_fault(sector: Sector) -> None:
    with Machine.from_image(sector("breakpoint"), firmware=False) as machine:
        stop = machine.run()
        machine.cpu.idtr.load(0, 0, 0x3FF, 0)
        found = machine.crash(stop)
    assert found is not None
    assert found.chain[0].failure == "its frame could not be pushed"


def test_exceptions_that_were_handled_before_are_listed_apart(sector: Sector) -> None:
    with Machine.from_image(sector("traps"), firmware=False) as machine:
        machine.run(until_tick=100)
        machine.cpu.idtr.load(0, 0, 0, 0)
        machine.pc.cpu.registers_changed()
        found = machine.crash(machine.run())
    assert found is not None
    assert [link.name for link in found.chain] == ["#BP", "#GP", "#DF"]
    assert [link.name for link in found.earlier] == ["#BP"] * 4
    assert all(link.delivered and link.failure is None for link in found.earlier)
    assert "Delivered before\n  -  #BP software interrupt\n" in found.text()


def test_milestones_are_shown_by_tick(sector: Sector) -> None:
    with Machine.from_image(sector("hello"), firmware=False) as machine:
        machine.run()
        machine.cpu.rflags = 2
        found = machine.crash(StopRequest(machine.clock.now, Reason.IDLE))
    assert found is not None
    (line,) = found.milestones
    assert line.endswith("ns)  hello")
    assert f"Last milestones, by tick\n  {line}" in found.text()


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
    with Machine.from_image(sector(name), firmware=False) as machine:
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


def test_an_exception_in_our_own_kernel_is_told_with_its_place(tmp_path: Path) -> None:
    image = Path(__file__).parent.parent / "images" / "dev.img"
    with Machine.from_image(image) as machine:
        machine.serial.expect("vectoros> ", timeout="1s")
        machine.run(for_="2ms")  # until the shell waits, and nobody runs
        gate = machine.symbols.address("gate")
        assert gate is not None
        undefined = translate(machine.cpu, machine.memory, gate, look=True)
        machine.memory.write(undefined, b"\x0f\x0b")  # UD2
        machine.serial.send("x")
        found = machine.crash(machine.run(for_="10ms"))
    assert found is not None
    assert found.summary.startswith("idle for ever: halted with interrupts off, after a panic: ")
    assert "#UD" in found.summary
    (fault,) = [link for link in found.earlier if link.name == "#UD"]
    assert fault.place.startswith("gate+0x0/")
    kinds = [(frame.kind, frame.place.partition("+")[0]) for frame in found.backtrace]
    assert kinds == [("rip", "halt"), ("interrupted", "gate"), ("interrupted", "idle_woken")]
    assert "in halt+0x2/0x4 (kernel/stubs/entry.S:" in found.text()


def test_a_handler_that_mends_nothing_is_noticed(tmp_path: Path) -> None:
    image = tmp_path / "ud2.img"
    image.write_bytes(b"\x0f\x0b".ljust(510, b"\0") + b"\x55\xaa")
    with Machine.from_image(image) as machine:  # its BIOS's handlers only return
        stop = machine.run(for_="1ms")
        assert repeated_fault(machine.pc) == "#UD at 0000:7c00"
        assert machine.crash(stop) is None


def test_many_different_exceptions_are_no_such_thing(sector: Sector) -> None:
    with Machine.from_image(sector("traps"), firmware=False) as machine:
        machine.run(for_="100us")
        assert len(machine.pc.cpu.faults()) == 64
        assert repeated_fault(machine.pc) is None


def test_what_was_handled_long_ago_has_nothing_to_do_with_a_halt(sector: Sector) -> None:
    with Machine.from_image(sector("frames"), firmware=False) as machine:
        machine.run()
        stop = StopRequest(machine.clock.now, Reason.IDLE)
        recent = machine.crash(stop)
        machine.clock.set(machine.clock.now + RECENT_TICKS)
        late = machine.crash(stop)
    assert recent is not None
    assert late is not None
    assert [link.name for link in recent.earlier] == ["#BP", "#OF"]
    assert late.earlier == []
