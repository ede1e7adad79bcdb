"""The ACPI tables, read back as an operating system reads them: from RAM, by the standard."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from vectoros import Machine
from vectoros.boot import acpi
from vectoros.boot import acpi_fields as form
from vectoros.boot.dsdt import ISA_DEVICES, definition_block
from vectoros.boot.system_service import RESERVED, memory_map
from vectoros.clock import Clock
from vectoros.config import Config
from vectoros.devices.catalogue import MODELS
from vectoros.devices.device import Device
from vectoros.devices.pm_timer import TIMER_BITS
from vectoros.devices.power import Power
from vectoros.devices.reset_control import ResetControl
from vectoros.layout import ACPI_TABLES, IRQS, PORTS
from vectoros.units import MIB


def read(fields: dict[str, str], data: bytes) -> dict[str, Any]:
    """Return the fields of a structure by name."""
    code = "<" + "".join(fields.values())
    return dict(zip(fields, struct.unpack_from(code, data), strict=True))


class System:
    """What an operating system knows after it has walked the tables in ``data``."""

    def __init__(self, data: bytes, base: int) -> None:
        self.data = data
        self.base = base
        at = next(at for at in range(0, len(data), 16) if data[at : at + 8] == b"RSD PTR ")
        self.root = data[at : at + 36]
        self.rsdp = read(form.RSDP_FIELDS, self.root)

    def table(self, address: int) -> bytes:
        at = address - self.base
        (length,) = struct.unpack_from("<I", self.data, at + 4)
        return self.data[at : at + length]

    @property
    def fadt(self) -> dict[str, Any]:
        (address,) = struct.unpack_from("<I", self.table(self.rsdp["RsdtAddress"]), 36)
        return read(form.FADT_FIELDS, self.table(address)[36:])


@pytest.fixture
def system() -> System:
    """The tables as our BIOS leaves them in a machine's memory."""
    with Machine(Config(memory=1 << 20)) as machine:
        return System(machine.memory.read(0xE0000, 0x20000), 0xE0000)


def test_structures_have_the_sizes_of_the_standard() -> None:
    sizes = {name: form.size(getattr(form, name)) for name in dir(form) if name.endswith("_FIELDS")}
    assert sizes == {
        "RSDP_FIELDS": 36,
        "HEADER_FIELDS": 36,
        "GENERIC_ADDRESS_FIELDS": 12,
        "FADT_FIELDS": 276 - 36,
        "FACS_FIELDS": 64,
    }


def test_the_root_pointer_has_both_of_its_checksums(system: System) -> None:
    assert sum(system.root[:20]) % 256 == 0
    assert sum(system.root) % 256 == 0
    assert (system.rsdp["Revision"], system.rsdp["Length"]) == (2, 36)


def test_both_root_tables_lead_to_the_same_fadt(system: System) -> None:
    rsdt = system.table(system.rsdp["RsdtAddress"])
    xsdt = system.table(system.rsdp["XsdtAddress"])
    assert (rsdt[:4], xsdt[:4], len(rsdt), len(xsdt)) == (b"RSDT", b"XSDT", 40, 44)
    assert struct.unpack_from("<I", rsdt, 36) == struct.unpack_from("<Q", xsdt, 36)


def test_every_table_sums_to_zero_and_has_its_signature(system: System) -> None:
    (fadt,) = struct.unpack_from("<I", system.table(system.rsdp["RsdtAddress"]), 36)
    places = {
        b"RSDT": system.rsdp["RsdtAddress"],
        b"XSDT": system.rsdp["XsdtAddress"],
        b"FACP": fadt,
        b"DSDT": system.fadt["X_DSDT"],
    }
    for signature, address in places.items():
        table = system.table(address)
        assert table[:4] == signature
        assert sum(table) % 256 == 0, signature
    assert system.fadt["DSDT"] == system.fadt["X_DSDT"]


def test_the_facs_lies_where_firmware_may_be_waited_for(system: System) -> None:
    address = system.fadt["FIRMWARE_CTRL"]
    facs = read(form.FACS_FIELDS, system.table(address))
    assert address % 64 == 0
    assert (facs["Signature"], facs["Length"], facs["Version"]) == (b"FACS", 64, 2)


def test_old_and_new_addresses_of_a_register_agree(system: System) -> None:
    fadt = system.fadt
    for name, length in (
        ("PM1a_EVT_BLK", "PM1_EVT_LEN"),
        ("PM1a_CNT_BLK", "PM1_CNT_LEN"),
        ("PM_TMR_BLK", "PM_TMR_LEN"),
    ):
        space, bits, offset, _, address = struct.unpack("<BBBBQ", fadt[f"X_{name}"])
        assert (space, bits, offset, address) == (1, 8 * fadt[length], 0, fadt[name])


@pytest.mark.parametrize(
    ("block", "registers"),
    [
        ("PM1a_EVT_BLK", ["PM1_STS", "PM1_EN"]),
        ("PM1a_CNT_BLK", ["PM1A_CNT"]),
        ("PM_TMR_BLK", ["PM_TMR"]),
    ],
)
def test_a_block_is_at_the_ports_of_the_device_that_has_its_registers(
    system: System, block: str, registers: list[str]
) -> None:
    area = next(area for area in PORTS if area.base == system.fadt[block])
    model: type[Device] = MODELS[area.name]
    assert [name.upper() for name in model.registers] == registers
    # The width with which a driver is to access it is the registers' own.
    access = struct.unpack("<BBBBQ", system.fadt[f"X_{block}"])[3]
    assert {1 << access - 1} == {reg.width for reg in model.registers.values()}


def test_what_the_tables_say_switches_the_machine_off(system: System) -> None:
    dsdt = system.table(system.fadt["X_DSDT"])
    at = dsdt.index(b"_S5_")
    assert dsdt[at + 4 : at + 7] == b"\x12\x06\x04"  # a package of four
    off: list[str] = []
    power = Power(Clock(), power_off=lambda: off.append("off"))
    power.write(0, 2, dsdt[at + 7] << 10 | 1 << 13)
    assert off == ["off"]


def test_what_the_tables_say_resets_the_machine(system: System) -> None:
    fadt = system.fadt
    assert fadt["Flags"] >> 10 & 1, "RESET_REG_SUP"
    space, bits, offset, access, address = struct.unpack("<BBBBQ", fadt["RESET_REG"])
    assert (space, bits, offset, access) == (1, 8, 0, 1)
    assert MODELS[next(area.name for area in PORTS if area.base == address)] is ResetControl
    resets: list[str] = []
    ResetControl(Clock(), reset=lambda: resets.append("reset")).write(0, 1, fadt["RESET_VALUE"])
    assert resets == ["reset"]


def test_flags_say_what_the_machine_has_and_has_not(system: System) -> None:
    fadt = system.fadt
    assert fadt["SMI_CMD"] == 0, "always in ACPI mode"
    assert Power(Clock(), power_off=lambda: None).pm1a_cnt.SCI_EN == 1
    assert fadt["SCI_INT"] == 9
    assert fadt["CENTURY"] == 0x32
    assert bool(fadt["Flags"] >> 8 & 1) == (TIMER_BITS == 32), "TMR_VAL_EXT"
    assert not fadt["Flags"] >> 4 & 1, "PWR_BUTTON: the button is in the event block"
    assert fadt["IAPC_BOOT_ARCH"] & 3 == 3, "legacy devices, 8042"
    assert (fadt["GPE0_BLK"], fadt["GPE1_BLK"], fadt["PM1b_EVT_BLK"]) == (0, 0, 0)


def test_the_address_map_never_gives_the_tables_away() -> None:
    for size in (MIB, 64 * MIB):
        kinds = {
            kind
            for base, length, kind in memory_map(size)
            if base <= ACPI_TABLES.base < base + length
        }
        assert kinds == {RESERVED}
    assert len(acpi.tables(ACPI_TABLES.base)) <= ACPI_TABLES.size


def test_tables_can_lie_elsewhere() -> None:
    system = System(acpi.tables(0x7FF0_0000), 0x7FF0_0000)
    assert system.table(system.fadt["DSDT"])[:4] == b"DSDT"


def test_the_tables_are_there_again_after_a_reset() -> None:
    with Machine(Config(memory=1 << 20)) as machine:
        machine.memory.write(ACPI_TABLES.base, bytes(4096))
        machine.pc.request_reset()
        machine.run(for_="1us")
        assert machine.memory.read(ACPI_TABLES.base, 8) == b"RSD PTR "


def test_every_isa_device_is_one_of_the_address_map() -> None:
    areas = {area.name for area in PORTS}
    for device in ISA_DEVICES:
        assert set(device.areas) <= areas, device
        assert device.irq is None or device.irq in IRQS, device
    assert len({device.name for device in ISA_DEVICES}) == len(ISA_DEVICES)


@pytest.mark.acpica
def test_intels_disassembler_reads_every_table_without_a_complaint(tmp_path: Path) -> None:
    system = System(acpi.tables(0xE0000), 0xE0000)
    (fadt,) = struct.unpack_from("<I", system.table(system.rsdp["RsdtAddress"]), 36)
    tables = {
        "rsdt": system.table(system.rsdp["RsdtAddress"]),
        "xsdt": system.table(system.rsdp["XsdtAddress"]),
        "facp": system.table(fadt),
        "facs": system.table(system.fadt["FIRMWARE_CTRL"]),
        "dsdt": system.table(system.fadt["DSDT"]),
    }
    for name, data in tables.items():
        file = tmp_path / f"{name}.dat"
        file.write_bytes(data)
        done = subprocess.run(
            ["iasl", "-d", file], capture_output=True, text=True, check=True, cwd=tmp_path
        )
        said = done.stdout + done.stderr
        assert "warning" not in said.lower(), said
        assert "error" not in said.lower(), said


@pytest.mark.acpica
def test_intels_compiler_makes_the_same_program_of_what_was_disassembled(tmp_path: Path) -> None:
    (tmp_path / "dsdt.dat").write_bytes(acpi.table(b"DSDT", 2, definition_block()))
    subprocess.run(["iasl", "-d", "dsdt.dat"], capture_output=True, check=True, cwd=tmp_path)
    done = subprocess.run(
        ["iasl", "-oa", "-p", "again", "dsdt.dsl"],  # -oa: without its own optimizations
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert "0 Errors, 0 Warnings, 0 Remarks" in done.stdout
    assert (tmp_path / "again.aml").read_bytes()[36:] == definition_block()
