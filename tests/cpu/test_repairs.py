"""Unicorn's code is changed only where it is the code that we know."""

from __future__ import annotations

import ctypes
import time

import pytest
from unicorn import unicorn_const as uc
from unicorn import x86_const as x86
from unicorn.unicorn import Uc

from tests.cpu.machines import DATA, PRESENT, A, Machine
from vectoros.cpu import repairs, unicorn_api
from vectoros.cpu.bits import Gpr
from vectoros.cpu.host_code import Place

BUFFER = ctypes.create_string_buffer(64)

needs_repair = pytest.mark.skipif(
    repairs.repair() is not None, reason=f"the repair: {repairs.repair()}"
)


def at_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unicorn_api, "address_of", lambda _symbol: ctypes.addressof(BUFFER))


def test_a_place_is_known_if_all_of_its_bytes_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    at_buffer(monkeypatch)
    BUFFER.raw = b"\x90" * 64
    assert Place("any", 3, b"\x90" * 5).known
    BUFFER[7] = b"\x91"
    assert not Place("any", 3, b"\x90" * 5).known
    assert Place("any", 3, b"\x90" * 4).known


@needs_repair
def test_other_code_is_refused_by_name_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_buffer(monkeypatch)
    BUFFER.raw = b"\x90" * 64
    place = Place("any", 16, b"\xc3")
    monkeypatch.setattr(repairs, "_PLACES", (Place("any", 0, b"\x90"), place))
    monkeypatch.setattr(unicorn_api, "exports", lambda _symbol: True)
    reason = "this build of unicorn has other code at any+0x10"
    assert repairs.repair.__wrapped__() == reason
    assert BUFFER.raw == b"\x90" * 64


@needs_repair
def test_a_function_that_is_not_exported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unicorn_api, "exports", lambda symbol: symbol != "tlb_reset_dirty_x86_64")
    reason = "this build of unicorn does not export tlb_reset_dirty_x86_64"
    assert repairs.repair.__wrapped__() == reason


@needs_repair
def test_elsewhere_than_on_linux_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    reason = "known for Linux on x86_64 only, and this is darwin"
    assert repairs.repair.__wrapped__() == reason


@needs_repair
def test_what_is_repaired_is_not_repaired_again() -> None:
    assert not any(place.known for place in repairs._PLACES)


# -- what is repaired, where no other test shows it -----------------------------------------


@needs_repair
@pytest.mark.parametrize("engine", ["fast", "portable"])
def test_accessed_bits_do_not_depend_on_the_hosts_time(engine: str) -> None:
    # A page is used, its accessed bit cleared without INVLPG, and the page used again. The
    # others lie 64, 128 and 192 pages beside it, modulo 256: they push it out of a small TLB.
    page = 0x20_0000
    others = [page + (64 * slot + 256 * lap) * 4096 for lap in range(5) for slot in (1, 2, 3)]
    bits = set()
    for seconds in (0, 0.15):
        machine = Machine(engine)
        machine.boot("long")
        entries = {}
        for linear in (page, *others):
            entries[linear] = machine.map(linear, DATA, PRESENT & ~A)
        text = f"mov rdx, cr3\n mov cr3, rdx\n mov ebx, {page}\n mov ecx, {entries[page]}\n"
        text += f"mov al, [rbx]\n and byte ptr [rcx], {0xFF ^ A}\n"
        text += "".join(f"mov edi, {other}\n mov al, [rdi]\n" for other in others)
        machine.code(text + "mov al, [rbx]\n mov al, [rcx]\n hlt")
        machine.cpu.registers_changed()
        time.sleep(seconds)  # longer than Unicorn's window, a tenth of a second
        machine.run()
        bits.add(machine.regs.gpr[Gpr.RAX] & A)
    assert bits == {0}


def bare(code: bytes) -> Uc:
    """Return a Unicorn instance as anybody may have one in this process."""
    emulator = Uc(uc.UC_ARCH_X86, uc.UC_MODE_64)
    emulator.mem_map(0, 1 << 20)
    emulator.mem_write(0x1000, code)
    return emulator


@needs_repair
def test_somebody_elses_unicorn_still_stops_when_it_is_told_to() -> None:
    emulator = bare(bytes.fromhex("ffc0 ebfc"))  # again: inc eax; jmp again
    emulator.hook_add(
        uc.UC_HOOK_BLOCK,
        lambda made, *_: made.emu_stop() if made.reg_read(x86.UC_X86_REG_EAX) == 5 else None,
    )
    emulator.emu_start(0x1000, 0)
    assert emulator.reg_read(x86.UC_X86_REG_EAX) == 5


@needs_repair
def test_somebody_elses_hook_still_sees_every_store() -> None:
    emulator = bare(bytes.fromhex("8803 75fc f4"))  # again: mov [rbx], al; jnz again; hlt
    seen = []

    def stored(_uc: Uc, _kind: int, address: int, *_rest: object) -> None:
        seen.append(address)
        if len(seen) == 20:
            emulator.emu_stop()

    emulator.hook_add(uc.UC_HOOK_MEM_WRITE, stored)
    emulator.reg_write(x86.UC_X86_REG_RBX, 0x8000)
    emulator.emu_start(0x1000, 0)
    assert seen == [0x8000] * 20
