"""CPUID tells the truth: what it advertises works, and what it does not, does not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cpu.absent_features import (
    ALIASES,
    CR4,
    DEVIATIONS,
    NOTHING_TO_TRY,
    REGISTERS,
    UNDEFINED,
)
from tests.cpu.feature_programs import PRELUDE, PROGRAMS
from tests.cpu.machines import DATA, ENGINES, PRESENT, TABLES, Machine, same
from vectoros.cpu import refusals
from vectoros.cpu.bits import CR4_PSE, CR4_SMEP, EFER_NXE, Gpr
from vectoros.cpu.core import Stop
from vectoros.cpu.cpuid_reader import CpuidReader
from vectoros.cpu.features import FEATURES, advertised, identity, unnamed
from vectoros.cpu.msrs import rules

needs_refusals = pytest.mark.skipif(
    refusals.refuse() is not None, reason=f"refusals: {refusals.refuse()}"
)
every_engine = pytest.mark.parametrize("engine", ENGINES)
UD, GP, PF = 6, 13, 14
PROTECTION, FETCH = 1, 1 << 4


@pytest.fixture(scope="module", params=ENGINES)
def read(request: pytest.FixtureRequest) -> Iterator[CpuidReader]:
    """CPUID, executed on each engine."""
    reader = CpuidReader(request.param)
    yield reader
    reader.close()


def run(engine: str, code: str, mode: str = "long", data: int = 0) -> Machine:
    """Run ``code`` to a HLT, or to the fault that it raises."""
    machine = Machine(engine)
    machine.boot(mode)
    machine.code(code + "\n hlt")
    machine.memory.write(DATA, data.to_bytes(8, "little"))
    machine.regs.gpr[Gpr.RDI] = DATA
    machine.cpu.registers_changed()
    assert machine.run(1000) is Stop.HALT
    return machine


def fault(machine: Machine) -> tuple[int, int] | None:
    """Return vector and error code of the only fault, if there was one."""
    faults = machine.cpu.faults()
    assert len(faults) <= 1, faults
    return (faults[0].vector, faults[0].error_code) if faults else None


def raw(engine: str, code: str) -> Machine:
    """Run bytes in long mode behind the prelude, with known registers."""
    listed = ", ".join(f"0x{byte:02x}" for byte in bytes.fromhex(code))
    return run(engine, f"{PRELUDE} mov eax, 0x1111\n mov ebx, 0x4444\n .byte {listed}")


# -- the tables -------------------------------------------------------------------


ELSEWHERE = {"DE", "PSE", "PAE", "PSE-36", "SMEP", "NX", "PAGE1GB", "INVARIANT_TSC"}
"""Advertised features that have a test of their own below."""


def test_every_advertised_feature_is_tried(read: CpuidReader) -> None:
    assert {feature.name for feature in advertised(read)} == set(PROGRAMS) | ELSEWHERE


def test_every_feature_that_is_not_advertised_is_tried(read: CpuidReader) -> None:
    have = {feature.name for feature in advertised(read)}
    absent = {feature.name for feature in FEATURES} - have
    tried = {*UNDEFINED, *CR4, *REGISTERS, *ALIASES, *DEVIATIONS, "XGETBV_ECX_1"}
    assert absent - tried == NOTHING_TO_TRY
    assert {name.partition(" ")[0] for name in tried} <= absent


def test_no_bit_is_advertised_that_has_no_name(read: CpuidReader) -> None:
    assert list(unnamed(read)) == []


def test_a_feature_says_where_its_bit_is() -> None:
    places = {feature.name: feature.place for feature in FEATURES}
    assert places["SMEP"] == "CPUID.(EAX=07H,ECX=0):EBX[7]"
    assert places["NX"] == "CPUID.(EAX=80000001H,ECX=0):EDX[20]"
    assert len(places) == len(FEATURES), "a name twice"
    assert len({(f.leaf, f.subleaf, f.register, f.bit) for f in FEATURES}) == len(FEATURES)


def test_the_cpu_is_a_sandy_bridge(read: CpuidReader) -> None:
    found = identity(read)
    assert (found.vendor, found.family, found.model, found.stepping) == ("GenuineIntel", 6, 42, 1)
    assert found.brand == "Intel Xeon E312xx (Sandy Bridge)"


@pytest.mark.parametrize(
    ("signature", "family", "model"),
    [(0x0002_06A1, 6, 42), (0x0000_0543, 5, 4), (0x0060_0F12, 21, 1), (0x00A2_0F10, 25, 33)],
)
def test_family_and_model_are_put_together_as_the_sdm_says(
    signature: int, family: int, model: int
) -> None:
    found = identity(lambda leaf, subleaf: (signature if leaf == 1 else 0, 0, 0, 0))
    assert (found.family, found.model, found.stepping) == (family, model, signature & 15)


@pytest.mark.parametrize("leaf", [0x17, 0x1234, 0x8000_0009, 0x8000_001D, 0xFFFF_FFFF])
def test_a_leaf_beyond_the_last_is_the_last_basic_one(read: CpuidReader, leaf: int) -> None:
    assert read(leaf, 0) == read(0x16, 0)


@pytest.mark.parametrize("leaf", [0x4000_0000, 0x4000_0001, 0x4FFF_FFFF])
def test_the_hypervisor_has_no_name_and_nothing_to_offer(read: CpuidReader, leaf: int) -> None:
    assert read(leaf, 0) == (0, 0, 0, 0)


# -- what is advertised -----------------------------------------------------------


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_advertised_works_alike_on_both_engines(name: str) -> None:
    code, expected = PROGRAMS[name]
    machines = [run(engine, PRELUDE + code) for engine in ENGINES]
    for machine in machines:
        assert fault(machine) is None
        assert machine.regs.gpr[Gpr.RAX] == expected, hex(machine.regs.gpr[Gpr.RAX])
    same(*machines)


@every_engine
def test_de_takes_dr4_away(engine: str) -> None:
    code = "mov rax, cr4\n or eax, 8\n mov cr4, rax\n mov rax, dr4"
    assert fault(run(engine, code)) == (UD, 0)
    assert fault(run(engine, "mov rax, dr4")) is None


def large_page(engine: str, kind: str, entry_at: int, entry: bytes, linear: int) -> Machine:
    """Read from ``linear`` in a machine where a paging structure has ``entry``."""
    machine = Machine(engine)
    machine.boot("protected32" if kind != "long" else "long", paging=kind)
    register = "rbx" if kind == "long" else "ebx"
    machine.code(f"mov ebx, {linear:#x}\n mov eax, [{register}]\n hlt")
    machine.memory.write(entry_at, entry)
    machine.memory.write(DATA, b"here")
    if kind == "legacy":
        machine.regs.cr4 |= CR4_PSE
    machine.cpu.registers_changed()
    assert machine.run(100) is Stop.HALT
    assert fault(machine) is None
    return machine


HERE = int.from_bytes(b"here", "little")
LARGE = 0xE3  # present, writable, accessed, dirty, PS


@every_engine
def test_pse_maps_4_mib_at_a_time(engine: str) -> None:
    entry = LARGE.to_bytes(4, "little")
    machine = large_page(engine, "legacy", TABLES + 4, entry, 0x40_0000 + DATA)
    assert machine.regs.gpr[Gpr.RAX] == HERE


@every_engine
def test_pse_36_reaches_beyond_4_gib(engine: str) -> None:
    entry = (LARGE | 1 << 13).to_bytes(4, "little")  # bit 32 of the address
    machine = large_page(engine, "legacy", TABLES + 4, entry, 0x40_0000 + DATA)
    assert [row[:2] for row in machine.world.log] == [("read", (1 << 32) + DATA)]


@every_engine
def test_pae_maps_2_mib_at_a_time(engine: str) -> None:
    # The first page directory is the second structure that the bench made.
    entry = LARGE.to_bytes(8, "little")
    machine = large_page(engine, "pae", TABLES + 0x1000 + 8, entry, 0x20_0000 + DATA)
    assert machine.regs.gpr[Gpr.RAX] == HERE


@every_engine
def test_page1gb_maps_a_gib_at_a_time(engine: str) -> None:
    entry = LARGE.to_bytes(8, "little")
    machine = large_page(engine, "long", TABLES + 0x1000 + 8, entry, 0x4000_0000 + DATA)
    assert machine.regs.gpr[Gpr.RAX] == HERE


@every_engine
@pytest.mark.parametrize("feature", ["SMEP", "NX"])
def test_code_is_not_fetched_from_where_it_must_not_be(engine: str, feature: str) -> None:
    machine = Machine(engine)
    machine.boot("long")
    machine.code("jmp rdi\n hlt")
    page = DATA & ~0xFFF
    machine.memory.write(DATA, b"\xf4")
    # All pages are the user's; ring 0 may fetch from one only without SMEP.
    for vector_page in range(0, 0x28000, 0x1000):
        machine.map(vector_page, vector_page, PRESENT & ~4)
    if feature == "NX":
        machine.regs.efer |= EFER_NXE
        machine.map(page, page, PRESENT & ~4 | 1 << 63)
    else:
        machine.regs.cr4 |= CR4_SMEP
    machine.regs.gpr[Gpr.RDI] = DATA
    machine.cpu.registers_changed()
    assert machine.run(100) is Stop.HALT
    assert fault(machine) == (PF, PROTECTION | FETCH)
    assert machine.regs.cr2 == DATA


@every_engine
def test_the_time_stamp_counter_goes_on_while_the_cpu_is_halted(engine: str) -> None:
    machine = Machine(engine)
    machine.boot("long")
    machine.code("rdtsc\n mov ebx, eax\n hlt")
    machine.handler(2, "rdtsc\n sub eax, ebx\n hlt")
    assert machine.run(100) is Stop.HALT
    machine.clock.set(machine.clock.now + 1_000_000)
    machine.cpu.nmi_pending = True
    assert machine.run(100) is Stop.HALT
    assert machine.regs.gpr[Gpr.RAX] == 1_000_000 + 5  # and two instructions in between


# -- what is not ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "code"),
    [
        pytest.param(name, code, marks=needs_refusals if code[:2] in ("c4", "c5") else ())
        for name, codes in UNDEFINED.items()
        for code in codes
    ],
)
def test_an_instruction_that_is_not_there_is_undefined(name: str, code: str) -> None:
    machines = [raw(engine, code) for engine in ENGINES]
    for machine in machines:
        assert fault(machine) == (UD, 0)
        assert machine.memory.read(machine.cpu.faults()[0].rip, len(code) // 2).hex() == code
    same(*machines)


@needs_refusals
@every_engine
@pytest.mark.parametrize("mode", ["protected32", "compatibility"])
def test_vex_is_undefined_where_it_is_not_lds_or_les(engine: str, mode: str) -> None:
    assert fault(run(engine, ".byte 0xc5, 0xf8, 0x77", mode)) == (UD, 0)
    assert fault(run(engine, ".byte 0xc4, 0xe2, 0x70, 0xf2, 0xc3", mode)) == (UD, 0)
    far = 0x20 << 32 | 0x1234  # to the stack's segment, of ring 0 as we are
    machine = run(engine, ".byte 0xc5, 0x07", mode, far)  # lds eax, [edi]
    assert (fault(machine), machine.regs.gpr[Gpr.RAX]) == (None, 0x1234)


@needs_refusals
@pytest.mark.parametrize(("name", "bits"), CR4.items())
def test_a_bit_of_cr4_that_is_not_there_is_a_general_protection(name: str, bits: int) -> None:
    code = f"mov rax, cr4\n or rax, {bits:#x}\n mov cr4, rax"
    machines = [run(engine, code) for engine in ENGINES]
    assert {fault(machine) for machine in machines} == {(GP, 0)}
    assert {machine.regs.cr4 for machine in machines} == {0x20}
    same(*machines)


@needs_refusals
@every_engine
@pytest.mark.parametrize("name", REGISTERS)
def test_a_register_that_is_not_there_is_a_general_protection(engine: str, name: str) -> None:
    for number in REGISTERS[name]:
        for access in ("rdmsr", "wrmsr"):
            code = f"mov ecx, {number:#x}\n xor eax, eax\n xor edx, edx\n {access}"
            assert fault(run(engine, code)) == (GP, 0), (hex(number), access)


@every_engine
def test_there_is_no_xgetbv_but_of_xcr0(engine: str) -> None:
    assert fault(run(engine, PRELUDE + "mov ecx, 1\n xgetbv")) == (GP, 0)


@pytest.mark.parametrize("name", ALIASES)
def test_what_an_older_cpu_takes_for_something_else_is_that(name: str) -> None:
    code, expected = ALIASES[name]
    machines = [raw(engine, code) for engine in ENGINES]
    assert {fault(machine) for machine in machines} == {None}
    assert {machine.regs.gpr[Gpr.RAX] for machine in machines} == {expected}
    same(*machines)


@pytest.mark.parametrize("name", DEVIATIONS)
def test_what_is_known_to_deviate_still_does_and_alike(name: str) -> None:
    machines = [raw(engine, DEVIATIONS[name][0]) for engine in ENGINES]
    assert {fault(machine) for machine in machines} == {None}, "mended? take it off the list"
    same(*machines)


def test_no_rule_for_a_register_contradicts_another() -> None:
    rows = list(rules())
    for index, (first, last, _) in enumerate(rows[:-1]):
        assert first <= last
        for other_first, other_last, _ in rows[index + 1 : -1]:
            assert last < other_first or other_last < first, (hex(first), hex(other_first))
