from __future__ import annotations

import re
from typing import Any

import pytest

from vectoros import Machine
from vectoros.config import Config
from vectoros.cpu import record
from vectoros.cpu.possible import check_possible
from vectoros.cpu.selftest import reset_real_mode
from vectoros.units import MIB

LONG = {"cr0": 0x8000_0011, "cr4": 0x20, "efer": 0x500, "cs": [8, 0, 0, 0x20_9B00]}
KERNEL = 0xFFFF_FFFF_8000_0000


@pytest.fixture(scope="module")
def reset() -> dict[str, Any]:
    """The record of a CPU in real mode."""
    with Machine(Config(MIB, "portable")) as machine:
        reset_real_mode(machine.cpu, 0x7C00)
        return record.record(machine.cpu)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"cr0": 0x11, "rflags": 0x20002},
        {"cr0": 0x8000_0011},
        {"cr0": 0x11, "efer": 0x100},
        {"cs": [0xF000, 0xFFFF_0000, 0xFFFF, 0x9B00], "rip": 0xFFF0},
        LONG | {"rip": KERNEL},
        LONG | {"cs": [8, 0, 0, 0xCF_9B00], "rip": 0xFFFF_FFFF},
        *({"tr": [0, 0, 0, 0x8000 | kind << 8]} for kind in (1, 3, 9, 11)),
    ],
)
def test_what_a_guest_can_bring_about_is_possible(
    reset: dict[str, Any], change: dict[str, Any]
) -> None:
    check_possible(reset | change)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"cr0": 1 << 32}, "bits 63:32 of CR0 must be 0"),
        ({"cr0": 1 << 31}, "CR0.PG needs CR0.PE"),
        ({"efer": 0x400}, "EFER.LMA must be EFER.LME and CR0.PG"),
        ({"efer": 0x500}, "EFER.LMA must be EFER.LME and CR0.PG"),
        (LONG | {"efer": 0x400}, "EFER.LMA must be EFER.LME and CR0.PG"),
        (LONG | {"efer": 0x100}, "EFER.LMA must be EFER.LME and CR0.PG"),
        (LONG | {"cr0": 0x11}, "EFER.LMA must be EFER.LME and CR0.PG"),
        (LONG | {"cr4": 0}, "EFER.LMA needs CR4.PAE"),
        ({"cr4": 1 << 12}, "CR4.LA57 must be 0, for paging has four levels at most"),
        (LONG | {"rflags": 0x20002}, "RFLAGS.VM must be 0 in long mode"),
        ({"cs": [0, 1 << 32, 0, 0x9B00]}, "bits 63:32 of CS's base must be 0"),
        (LONG | {"rip": 1 << 47}, "RIP must be canonical"),
        ({"rip": 1 << 32}, "bits 63:32 of RIP must be 0 outside of 64-bit mode"),
        (
            LONG | {"cs": [8, 0, 0, 0xCF_9B00], "rip": KERNEL},
            "bits 63:32 of RIP must be 0 outside of 64-bit mode",
        ),
        ({"tr": [0, 0, 0, 0]}, "TR must hold a TSS that is present"),
        ({"tr": [0, 0, 0, 0x0B00]}, "TR must hold a TSS that is present"),
        ({"tr": [0, 0, 0, 0x9B00]}, "TR must hold a TSS that is present"),
        ({"tr": [0, 0, 0, 0x8200]}, "TR must hold a TSS that is present"),
    ],
)
def test_what_no_guest_can_bring_about_is_refused(
    reset: dict[str, Any], change: dict[str, Any], rule: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(f'no CPU is in such a state: {rule}')}$"):
        check_possible(reset | change)
