"""Translated code, by where the guest's code lies: what an engine must forget when it changes.

Unicorn's public way to forget code takes a linear address and looks it up as a
fetch: that sets the page tables' accessed bits, and finds nothing in pages that
may not be executed. Where the build exports what is underneath, we use that. It
is exact, the guest sees nothing of it, and it may be called from a callback.
"""

from __future__ import annotations

import ctypes

from vectoros.cpu import unicorn_api as api
from vectoros.errors import hold
from vectoros.memory import Memory

SYMBOLS = ("tb_invalidate_phys_range_x86_64", "qemu_ram_addr_from_host_x86_64")


def exported() -> bool:
    """Whether this build of Unicorn exports what :class:`Translated` calls."""
    return all(api.exports(name) for name in SYMBOLS)


class Translated:
    """The translated code of one Unicorn instance."""

    def __init__(self, uc: int, memory: Memory) -> None:
        """Know the code of ``memory`` that the instance at host address ``uc`` has translated."""
        self._uc = uc
        self._memory = memory
        self._invalidate = api.lib.tb_invalidate_phys_range_x86_64
        self._invalidate.argtypes = (ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64)
        self._number = api.lib.qemu_ram_addr_from_host_x86_64
        self._number.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
        self._number.restype = ctypes.c_uint64

    def forget(self, address: int, size: int) -> None:
        """Forget what was translated from ``size`` bytes of RAM at physical ``address``."""
        start = self._key(address)
        self._invalidate(self._uc, start, start + size)

    def _key(self, address: int) -> int:
        """Return by which address Unicorn remembers what it translated at ``address``.

        Its pieces of RAM lie side by side there, in the order in which they were mapped.
        """
        memory = self._memory
        if address < memory.size:
            return address
        offset = memory.offset(address, 1)
        hold(offset is not None, f"{address:#x} is not in RAM")
        key: int = self._number(self._uc, memory.ram.address + (offset or 0))
        return key
