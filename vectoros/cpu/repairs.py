"""Two defects of Unicorn 2.1.4, repaired in its code in memory.

1. ``idiv r32`` with a dividend of -2**63 and a divisor of -1 ends the host's
   process, from ring 3, too. Hardware raises #DE (Intel SDM Vol. 2A, "IDIV").
2. BT, BTS, BTR and BTC leave OF, SF, AF and PF undefined, and Unicorn takes
   whatever is cheapest to compute where the block of translated code began. So a
   pause, which makes a block begin elsewhere, would be visible to the guest, and
   sooner or later be in its memory as part of an interrupt's frame. Repaired, they
   leave those flags as they were.

The code is recognised by its bytes in the Linux x86-64 wheel. A page is writable
or executable, never both, and not executable while it is being written: no other
thread may be running Unicorn when the first engine is made.

The fast engine insists on both. The portable one computes the flags at every
instruction and needs the first only, and takes it where it can.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import platform
import sys
from importlib.resources import files

from vectoros.assembler import assemble
from vectoros.cpu import unicorn_api
from vectoros.cpu.registers import OFFSET

_GENERATOR = "gen_intermediate_code_x86_64"
_BIT_TEST_AT = -0xFAE2
"""Offset from it of the code that chooses how BT's flags are to be computed."""

_BIT_TEST = bytes.fromhex("83e802 83f82b 0f87b86e0000")
"""``sub eax, 2; cmp eax, 43; ja default``: 45 ways to compute flags lazily, but for two."""

_BIT_TEST_REPAIRED = bytes.fromhex("83e802 83f82b 90e9b86e0000")
"""``ja`` has become ``nop; jmp``: always compute all flags, and replace CF."""

_DIVISION = "helper_idivl_EAX_x86_64"
_DIVISION_CODE = bytes.fromhex("488b4710 8b17 48c1e020 4809d0 85f6 741e 4863f6 4899 48f7fe")
"""What it begins with, to the host's own division."""

JUMP = bytes.fromhex("ff2500000000")
"""``jmp [rip]``: to the address in the eight bytes behind it."""

_LEAST = 1 << 63


@functools.cache
def repair() -> str | None:
    """Repair Unicorn, once a process; return why it cannot be done here, or None if it is."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"known for Linux on x86_64 only, and this is {sys.platform}"
    names = (_GENERATOR, _DIVISION, "raise_exception_ra_x86_64")
    missing = [name for name in names if not unicorn_api.exports(name)]
    if missing:
        return f"this build of unicorn does not export {missing[0]}"
    bit_test = unicorn_api.address_of(_GENERATOR) + _BIT_TEST_AT
    division = unicorn_api.address_of(_DIVISION)
    for address, code in ((bit_test, _BIT_TEST), (division, _DIVISION_CODE)):
        if ctypes.string_at(address, len(code)) != code:
            return f"this build of unicorn has other code at {address:#x}"
    try:
        target = _replacement()
        overwrite(division, JUMP + target.to_bytes(8, "little"))
        overwrite(bit_test, _BIT_TEST_REPAIRED)
    except OSError as reason:
        return str(reason)
    return None


def _replacement() -> int:
    """Assemble ``repairs.S`` into a page of its own; return the address of the division."""
    page = mmap.mmap(-1, mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    constants = {
        "RAX": OFFSET["gpr"],
        "RDX": OFFSET["gpr"] + 16,
        "RAISE": unicorn_api.address_of("raise_exception_ra_x86_64"),
        "LEAST": _LEAST,
    }
    source = files("vectoros.cpu").joinpath("repairs.S").read_text()
    program = assemble(source, origin=address, constants=constants, name="repairs.S")
    page[: len(program.code)] = program.code
    protect(address, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC)
    _pages.append(page)
    return program.symbols["idivl"]


def overwrite(address: int, code: bytes) -> None:
    """Put ``code`` at ``address``, in executable pages."""
    first = address & -mmap.PAGESIZE
    size = (address + len(code) - first + mmap.PAGESIZE - 1) & -mmap.PAGESIZE
    protect(first, size, mmap.PROT_READ | mmap.PROT_WRITE)
    ctypes.memmove(address, code, len(code))
    protect(first, size, mmap.PROT_READ | mmap.PROT_EXEC)


def protect(address: int, size: int, protection: int) -> None:
    """Give host memory another protection."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    if libc.mprotect(address, size, protection) != 0:
        raise OSError(ctypes.get_errno(), "this host refuses to change the protection of code")


_pages: list[mmap.mmap] = []
"""Keeps the code alive as long as the process."""
