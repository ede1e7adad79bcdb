"""Host code of ours beside Unicorn's: pages for it, and the ways that lead to it.

Unicorn's own code is recognised by its bytes before any of it is changed. A page is
writable or executable, never both. Unicorn calls many of its own functions through the
slots of its procedure linkage table, which are data; a slot that holds the address of
our function makes it stand in for Unicorn's.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files

from vectoros.assembler import assemble
from vectoros.cpu import unicorn_api
from vectoros.errors import hold

_CALL = b"\xe8"
_JUMP_THROUGH_SLOT = bytes.fromhex("ff25")
"""``jmp [rip + n]``"""


_FAR_JUMP = bytes.fromhex("ff2500000000")
"""``jmp [rip]``: to the address in the eight bytes behind it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A piece of Unicorn's code."""

    symbol: str
    offset: int  # from the exported function ``symbol``
    code: bytes  # what is there

    @property
    def address(self) -> int:
        """Where it lies in this process."""
        return unicorn_api.address_of(self.symbol) + self.offset

    @property
    def known(self) -> bool:
        """Whether it is what it is in the one build that we know."""
        return ctypes.string_at(self.address, len(self.code)) == self.code


def far_jump(target: int) -> bytes:
    """Return the code of a jump to the host address ``target``: 14 bytes."""
    return _FAR_JUMP + target.to_bytes(8, "little")


def overwrite(address: int, code: bytes) -> None:
    """Put ``code`` at ``address``, in executable pages."""
    first = address & -mmap.PAGESIZE
    size = (address + len(code) - first + mmap.PAGESIZE - 1) & -mmap.PAGESIZE
    protect(first, size, mmap.PROT_READ | mmap.PROT_WRITE)
    ctypes.memmove(address, code, len(code))
    protect(first, size, mmap.PROT_READ | mmap.PROT_EXEC)


def protect(address: int, size: int, protection: int) -> None:
    """Change the protection of whole pages (Linux only)."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    if libc.mprotect(address, size, protection) != 0:
        raise OSError(ctypes.get_errno(), "this host refuses to change the protection of code")


@contextmanager
def writable(address: int, size: int) -> Iterator[None]:
    """Make read-only data writable for a while."""
    first = address & -mmap.PAGESIZE
    pages = (address + size - first + mmap.PAGESIZE - 1) & -mmap.PAGESIZE
    protect(first, pages, mmap.PROT_READ | mmap.PROT_WRITE)
    try:
        yield
    finally:
        protect(first, pages, mmap.PROT_READ)


def place(source: str, constants: Callable[[int], dict[str, int]], data: bytes) -> dict[str, int]:
    """Assemble a file of this package and put it in pages of its own, ``data`` before it.

    ``constants`` is given the address of ``data``. Return the addresses of the symbols.
    """
    start = -(-len(data) // mmap.PAGESIZE) * mmap.PAGESIZE
    pages = mmap.mmap(-1, start + mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(pages))
    text = files("vectoros.cpu").joinpath(source).read_text()
    program = assemble(text, origin=address + start, constants=constants(address), name=source)
    hold(len(program.code) <= mmap.PAGESIZE, f"{source} has outgrown its page")
    pages[: len(data)] = data
    pages[start : start + len(program.code)] = program.code
    protect(address + start, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC)
    _pages.append(pages)
    return program.symbols


def slot_behind(call: int) -> ctypes.c_uint64:
    """Return the slot through which the CALL at host address ``call`` finds its way.

    Raise :class:`LookupError` if there is no such call.
    """
    if ctypes.string_at(call, 1) != _CALL:
        raise LookupError(f"no call at {call:#x}")
    stub = call + 5 + ctypes.c_int32.from_address(call + 1).value
    if ctypes.string_at(stub, 2) != _JUMP_THROUGH_SLOT:
        raise LookupError(f"the call at {call:#x} is a direct one")
    return ctypes.c_uint64.from_address(stub + 6 + ctypes.c_int32.from_address(stub + 2).value)


_pages: list[mmap.mmap] = []
"""Keeps the code alive as long as the process."""
