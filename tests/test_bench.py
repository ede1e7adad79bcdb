"""The benchmarks: that they run and compute what they claim to. How fast is nobody's test."""

from __future__ import annotations

import hashlib
import importlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from unicorn import unicorn_const as uc
from unicorn.unicorn import Uc

from vectoros import bench
from vectoros.bench import Row, alternate, as_json, cells, number, ratio_row, row, slope
from vectoros.commands.bench import command
from vectoros.errors import InvariantError, UsageError

ROOT = Path(__file__).parent.parent
QUESTIONS = bench.load(ROOT / "benchmarks")
image: Any = importlib.import_module("benchmarks.programs.image")
runners: Any = importlib.import_module("benchmarks.programs.runners")

COMPILED_SHA256 = {
    "mix.bin": "08833978fa5a5419b053f1d20eaacf05364ac66f92fcb6213ade3b04729004b2",
    "flat.bin": "b68bbf383922551bdc5563fed2779081d5a36446716beefecbf1d0c286475d47",
}
FIELDS = ["name", "median", "worst", "unit", "target", "met", "ratio", "against", "how"]


# -- rows --------------------------------------------------------------------


def test_a_row_of_times_has_the_longest_as_its_worst_and_is_met_below_its_target() -> None:
    made = row("x", "ms", [3.0, 1.0, 2.0], "CPU time", target=2.5, peer=("y", [12.0, 10.0, 2.5]))
    assert made == Row("x", 2.0, 3.0, "ms", 2.5, True, 0.25, "y", "CPU time; 3 samples")
    assert row("x", "ms", [2.5], "", target=2.5).met is False


def test_a_row_of_speeds_has_the_lowest_as_its_worst_and_is_met_at_its_target() -> None:
    made = row("x", "MIPS", [300.0, 100.0, 200.0], "CPU time", target=200.0)
    assert (made.median, made.worst, made.met) == (200.0, 100.0, True)
    assert row("x", "MIPS", [199.0], "", target=200.0).met is False


def test_a_row_without_target_or_peer_says_so() -> None:
    made = row("x", "ms", [1.0], "CPU time")
    assert (made.target, made.met, made.ratio, made.against) == (None, None, None, None)


def test_a_ratio_is_the_median_of_the_rounds_and_not_the_ratio_of_the_medians() -> None:
    made = ratio_row("x/y", [10.0, 40.0, 90.0], ("y", [10.0, 20.0, 100.0]), 0.95)
    assert (made.name, made.median, made.ratio, made.unit) == ("x/y", 1.0, 1.0, "x")
    assert (made.worst, made.target, made.met, made.against) == (0.9, 0.95, True, "y")


def test_a_row_of_no_samples_is_our_own_mistake() -> None:
    with pytest.raises(InvariantError, match=r"^x has no samples$"):
        row("x", "ms", [], "CPU time")


def test_subjects_take_turns() -> None:
    order: list[str] = []

    def subject(name: str) -> Iterator[float]:
        for value in (1.0, 2.0, 3.0):
            order.append(name)
            yield value

    a, b = subject("a"), subject("b")
    samples = alternate(3, {"a": lambda: next(a), "b": lambda: next(b)})
    assert "".join(order) == "ababab"
    assert samples == {"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0, 3.0]}


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 50), st.integers(1, 50))
def test_a_slope_leaves_out_what_starting_costs(
    start: int, each: int, short: int, more: int
) -> None:
    assert slope(lambda count: start + each * count, short, short + more) == each


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.00"),
        (0.5, "0.500"),
        (9.994, "9.99"),
        (99.96, "100"),
        (-3.5, "-3.50"),
        (1e6, "1000000"),
    ],
)
def test_a_number_has_three_digits_that_count(value: float, text: str) -> None:
    assert number(value) == text


def test_a_person_reads_the_target_with_its_direction_and_a_miss_in_capitals() -> None:
    missed = row("x", "ms", [2.0], "CPU time", target=1.0, peer=("y", [4.0]))
    assert cells(missed) == (
        "x",
        "2.00",
        "2.00",
        "ms",
        "< 1.00",
        "NO",
        "0.500 y",
        "CPU time; 1 samples",
    )
    assert cells(row("x", "MIPS", [2.0], "", target=1.0))[4:7] == (">= 1.00", "yes", "")


def test_a_program_gets_rows_with_every_field_and_the_host() -> None:
    data = json.loads(json.dumps(as_json([row("x", "ms", [1.0], "CPU time")])))
    assert list(data["rows"][0]) == FIELDS
    assert {"cpu", "cores", "load", "system", "python"} == set(data["host"])


# -- the guest programs ------------------------------------------------------


@pytest.mark.parametrize("name", COMPILED_SHA256)
def test_the_compiled_mix_is_what_the_makefile_makes(name: str) -> None:
    compiled = (ROOT / "benchmarks" / "programs" / name).read_bytes()
    digest = hashlib.sha256(compiled).hexdigest()
    assert digest == COMPILED_SHA256[name], f"make -C benchmarks/programs {name}"


@pytest.mark.parametrize(
    ("make", "instructions"),
    [(image.mix, image.INSTRUCTIONS), (image.flat_mix, image.FLAT_INSTRUCTIONS)],
)
def test_a_repetition_of_the_mix_has_the_known_number_of_instructions(
    make: Callable[[int], Any], instructions: int
) -> None:
    def count(repetitions: int) -> int:
        seen = 0

        def on_instruction(*_: object) -> None:
            nonlocal seen
            seen += 1

        program = make(repetitions)
        emulator = Uc(uc.UC_ARCH_X86, uc.UC_MODE_32)
        emulator.mem_map(0, 4 << 20)
        emulator.mem_write(image.ORIGIN, program.data)
        emulator.hook_add(uc.UC_HOOK_CODE, on_instruction)
        emulator.emu_start(program.entry, 0)
        return seen

    assert count(1) - count(0) == instructions


@pytest.mark.parametrize("make", [image.mix, image.flat_mix])
def test_a_wrong_result_of_the_mix_is_noticed(make: Callable[[int], Any]) -> None:
    bytecode = bytes([0, 77, 1, 3, 5, 3])  # PUSH 77, ADD, ROTATE, STORE 3
    good = make(1)
    assert good.data.count(bytecode) == 1
    bad = image.Image(good.data.replace(bytecode, bytes([0, 78, 1, 3, 5, 3])), good.entry)
    for name, run in runners.available(qemu=False).items():
        assert run(good) > 0
        with pytest.raises(InvariantError, match=rf"^{name}: .*wrongly: status 1$"):
            run(bad)


def test_only_the_rights_of_its_data_tell_the_mix_with_nx_from_the_one_without() -> None:
    one, other = image.mix(1), image.mix(1, nx=False)
    places = [at for at, byte in enumerate(one.data) if byte != other.data[at]]
    assert len(places) == 1
    assert (one.data[places[0]], other.data[places[0]]) == (0x80, 0)
    assert (len(one.data), one.entry) == (len(other.data), other.entry)


@pytest.mark.parametrize("event", image.EVENTS)
def test_each_event_costs_the_same_virtual_time_on_both_engines(event: str) -> None:
    def ticks(engine: str) -> int:
        with runners.machine(image.trap(event, 3), engine) as subject:
            subject.run()
            return int(subject.clock.now)

    engines = [name for name in runners.available(qemu=False) if name != "unicorn"]
    assert len({ticks(engine) for engine in engines}) == 1


def test_the_events_are_the_traps_that_they_are_called() -> None:
    def traps(event: str) -> dict[int, int]:
        with runners.machine(image.trap(event, 3), "auto") as subject:
            subject.run()
            counters = subject.pc.cpu.counters()
            end = {0x81: 1}
            return {
                **{v: n for v, n in counters.traps.items() if v not in end},
                -1: counters.syscalls,
            }

    assert traps("empty") == {-1: 0}
    assert traps("int-n") == {0x80: 3, -1: 0}
    assert traps("page-fault") == {14: 3, -1: 0}
    assert traps("undefined") == {6: 3, -1: 0}
    assert traps("syscall") == {-1: 3}


@pytest.mark.parametrize(
    ("event", "bus", "area"),
    [
        ("port-read", "ports", "com1"),
        ("port-write", "ports", "com1"),
        ("device-read", "mmio", "com1_mmio"),
    ],
)
def test_the_accesses_reach_the_device(event: str, bus: str, area: str) -> None:
    with runners.machine(image.trap(event, 3), "auto") as subject:
        subject.run()
        assert getattr(subject.pc.board, bus).accesses[area] == 3


def test_the_guest_of_the_snapshots_stores_to_every_page_in_one_pass() -> None:
    snapshot: Any = QUESTIONS["snapshot"]
    with runners.machine(image.stores(snapshot.PAGES), "auto") as subject:
        subject.run(until_tick=snapshot.PASS_TICKS)
        first = 0x24_0000 // 4096
        ram = subject.memory.ram
        assert all(any(ram.page(first + page)) for page in range(snapshot.PAGES))
        assert not any(ram.page(first + snapshot.PAGES))


@pytest.mark.qemu
def test_qemu_runs_the_same_images(tmp_path: Path) -> None:
    run = runners.available(qemu=True)["qemu-icount"]
    mixes = (image.mix(1), image.mix(1, nx=False), image.flat_mix(1))
    for program in (*mixes, *(image.trap(event, 3) for event in image.EVENTS)):
        assert run(program) > 0
    boot: Any = QUESTIONS["boot"]
    disk = tmp_path / "minimal.img"
    disk.write_bytes(boot._minimal())
    assert boot._qemu(disk) > 0


# -- the questions and the command -------------------------------------------

kernel: Any = QUESTIONS["kernel"]
KERNEL_ROWS = (
    *kernel.TARGETS_NS, "notification", "map", "unmap", "delete", "copy", "revoke.descendant",
    "publish",
)  # fmt: skip

ANSWERS = {
    "boot": {"boot.cold": 1000.0, "boot.help": 150.0, "boot.emulate": 200.0},
    "flat": {},
    "gate": {"gate.fast.yield": 3000.0},
    "kernel": {
        **{f"kernel.{name}.{n}": ns for name, ns in kernel.TARGETS_NS.items() for n in (3, 10)},
        **{f"kernel.scale.{name}": kernel.SCALE for name in KERNEL_ROWS},
        "kernel.alloc.page": 1000.0,
        "kernel.alloc.worst": 5000.0,
    },
    "linux": {},
    "mips": {"mips.fast/unicorn": 0.8},
    "snapshot": {"snapshot.take": 2.0, "snapshot.restore": 1.0},
    "traps": {f"traps.fast.{event}": 500.0 for event in ("int-n", "page-fault", "undefined")},
}
"""What has a target, by question; what compares with QEMU is left out of a quick run."""


def test_there_is_a_question_a_file_and_each_says_what_it_asks() -> None:
    assert sorted(QUESTIONS) == sorted(ANSWERS)
    manual = command.help or ""
    for name, question in QUESTIONS.items():
        first = (question.__doc__ or "").partition(".")[0]
        assert re.search(rf"^ +{name} +{re.escape(first[0].lower() + first[1:])}$", manual, re.M)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_question_is_answered_with_rows(name: str) -> None:
    rows = QUESTIONS[name].measure(quick=True)
    names = [one.name for one in rows]
    assert len(set(names)) == len(names)
    for one in rows:
        assert one.name.startswith(f"{name}.")
        assert one.how
        assert (one.ratio is None) == (one.against is None)
        assert one.against in {None, *names}
    targets = {one.name: one.target for one in rows if one.target is not None}
    if "fast" in runners.available(qemu=False):
        assert targets == ANSWERS[name]


def test_the_command_prints_the_rows_and_writes_them_for_programs(tmp_path: Path) -> None:
    target = tmp_path / "rows.json"
    arguments = ["snapshot", "--quick", "--json", str(target)]
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    rows = json.loads(target.read_text())["rows"]
    shown = [line.split()[0] for line in done.stdout.splitlines()[2:]]
    assert [one["name"] for one in rows] == shown
    assert list(rows[0]) == FIELDS
    assert "vectoros: snapshot: What a snapshot costs" in done.stderr


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    names = "boot, flat, gate, kernel, linux, mips, snapshot, traps"
    rule = rf"^there is no benchmark 'mops'; there are {names}$"
    with pytest.raises(UsageError, match=rule):
        CliRunner().invoke(command, ["mips", "mops"], catch_exceptions=False)


def test_a_folder_that_is_no_checkout_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "benchmarks").mkdir()  # somebody else's
    monkeypatch.setattr(bench, "__file__", str(tmp_path / "vectoros" / "bench.py"))
    rule = rf"^bench measures a checkout of VectorOS, and {tmp_path} is none: "
    with pytest.raises(UsageError, match=rule):
        bench.find(tmp_path)
    assert bench.find(ROOT) == ROOT / "benchmarks"


def test_a_checkout_is_found_from_anywhere_by_the_code_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "__file__", str(ROOT / "vectoros" / "bench.py"))
    assert bench.find(tmp_path) == ROOT / "benchmarks"


def test_the_checkout_is_not_put_where_its_packages_would_be_imported_twice() -> None:
    assert not {"kernel", "devices", "firmware"} & set(sys.modules)
