"""Start from a multiboot 1 kernel, as GRUB and ``qemu -kernel`` leave the machine.

The kernel goes where it says; behind it, each at a page of its own, its modules and
then the information that EBX points to, with the strings and tables it names.

Source: Multiboot Specification 0.6.96, 3.2 "Machine state" and 3.3 "Boot information
format", whose names the fields have.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from vectoros.boot import acpi
from vectoros.boot.multiboot_header import Kernel, MultibootError, read
from vectoros.boot.system_service import memory_map
from vectoros.cpu.bits import CR0_ET, CR0_PE, Gpr, Seg
from vectoros.cpu.selftest import reset_real_mode
from vectoros.errors import BadFileError
from vectoros.layout import LOW_MEMORY_END, TEXT_MEMORY
from vectoros.memory import Rom
from vectoros.pc import Pc
from vectoros.units import KIB, MIB, PAGE_SIZE

BOOT_MAGIC = 0x2BADB002
"""EAX as a multiboot loader leaves it."""

LOADER = b"VectorOS"

INFO_FIELDS = {
    "flags": "I", "mem_lower": "I", "mem_upper": "I", "boot_device": "I",
    "cmdline": "I", "mods_count": "I", "mods_addr": "I", "syms": "16s",
    "mmap_length": "I", "mmap_addr": "I", "drives_length": "I", "drives_addr": "I",
    "config_table": "I", "boot_loader_name": "I", "apm_table": "I",
    "vbe_control_info": "I", "vbe_mode_info": "I", "vbe_mode": "H",
    "vbe_interface_seg": "H", "vbe_interface_off": "H", "vbe_interface_len": "H",
    "framebuffer_addr": "Q", "framebuffer_pitch": "I", "framebuffer_width": "I",
    "framebuffer_height": "I", "framebuffer_bpp": "B", "framebuffer_type": "B",
    "color_info": "6s",
}  # fmt: skip
INFO = struct.Struct("<" + "".join(INFO_FIELDS.values()))
MODULE = struct.Struct("<IIII")
"""mod_start, mod_end, string, reserved."""
MEMORY_ROW = struct.Struct("<IQQI")
"""size of the rest, base_addr, length, type."""

HAS_MEMORY, HAS_COMMAND_LINE, HAS_MODULES, HAS_MAP = 1 << 0, 1 << 2, 1 << 3, 1 << 6
HAS_LOADER, HAS_FRAMEBUFFER = 1 << 9, 1 << 12

_TEXT = {
    "framebuffer_addr": TEXT_MEMORY,
    "framebuffer_pitch": 160,
    "framebuffer_width": 80,
    "framebuffer_height": 25,
    "framebuffer_bpp": 16,
    "framebuffer_type": 2,  # EGA text
}
_CODE_ATTRIBUTES, _DATA_ATTRIBUTES = 0xC0_9B00, 0xC0_9300  # flat, 32 bits, ring 0
_CODE, _DATA = 0x08, 0x10
"""Selectors, which have no meaning: the kernel must load its own descriptor tables."""


class Multiboot:
    """A multiboot kernel. See :class:`vectoros.pc.Firmware`."""

    def __init__(
        self, data: bytes, name: str, command_line: str = "", modules: Sequence[bytes] = ()
    ) -> None:
        """Take the kernel in ``data``, a file called ``name``; refuse what is none."""
        self._data = data
        self._name = name
        self._command_line = command_line.encode()
        self._modules = tuple(modules)
        try:
            self.kernel: Kernel = read(data)
        except MultibootError as error:
            raise BadFileError(name, error.rule) from None

    def roms(self) -> tuple[Rom, ...]:
        """See :class:`vectoros.pc.Firmware`: there are none."""
        return ()

    def place(self, pc: Pc) -> None:
        """See :class:`vectoros.pc.Firmware`."""
        memory = pc.memory
        for piece in self.kernel.pieces:
            self._check_room(piece.address, piece.end, memory.size)
        at, modules = _page_after(max(self.kernel.end, MIB)), []
        for module in self._modules:
            self._check_room(at, at + len(module), memory.size)
            modules.append((at, module))
            at = _page_after(at + len(module))
        info = self._information(at, modules, memory.size)
        self._check_room(at, at + len(info), memory.size)
        for piece in self.kernel.pieces:
            memory.write(piece.address, self._data[piece.offset :][: piece.file_size])
            memory.clear(piece.address + piece.file_size, piece.memory_size - piece.file_size)
        for start, module in [*modules, (at, info)]:
            memory.write(start, module)
        acpi.place(memory)
        self._set_registers(pc, at)

    def _check_room(self, start: int, end: int, ram: int) -> None:
        """Refuse what does not fit into RAM, below or above the adapters' area."""
        low = end <= LOW_MEMORY_END
        if not low and not (start >= MIB and end <= ram):
            raise BadFileError(
                self._name, f"needs memory at {start:#x}..{end - 1:#x}, and there is no RAM there"
            )

    def _information(self, at: int, modules: Sequence[tuple[int, bytes]], ram: int) -> bytes:
        """Return what EBX is to point to, to be at address ``at``."""
        rows = [MEMORY_ROW.pack(MEMORY_ROW.size - 4, *row) for row in memory_map(ram)]
        map_at = at + INFO.size
        modules_at = map_at + len(rows) * MEMORY_ROW.size
        loader_at = modules_at + len(modules) * MODULE.size
        line_at = loader_at + len(LOADER) + 1
        line = self._command_line + b"\0"
        empty_at = line_at + len(line) - 1
        table = [MODULE.pack(start, start + len(data), empty_at, 0) for start, data in modules]
        values: dict[str, int | bytes] = {
            name: b"" if kind.endswith("s") else 0 for name, kind in INFO_FIELDS.items()
        }
        values |= _TEXT | {
            "flags": HAS_MEMORY | HAS_COMMAND_LINE | HAS_MODULES | HAS_MAP | HAS_LOADER
            | HAS_FRAMEBUFFER,
            "mem_lower": LOW_MEMORY_END // KIB,
            "mem_upper": (ram - MIB) // KIB,
            "cmdline": line_at,
            "mods_count": len(modules),
            "mods_addr": modules_at,
            "mmap_length": len(rows) * MEMORY_ROW.size,
            "mmap_addr": map_at,
            "boot_loader_name": loader_at,
        }  # fmt: skip
        return b"".join([INFO.pack(*values.values()), *rows, *table, LOADER, b"\0", line])

    def _set_registers(self, pc: Pc, info: int) -> None:
        """Enter 32-bit protected mode, flat, without paging or interrupts."""
        regs = pc.cpu.regs
        reset_real_mode(regs, self.kernel.entry)
        for seg in Seg:
            regs.segs[seg].load(_DATA, 0, 0xFFFF_FFFF, _DATA_ATTRIBUTES)
        regs.segs[Seg.CS].load(_CODE, 0, 0xFFFF_FFFF, _CODE_ATTRIBUTES)
        regs.gdtr.load(0, 0, 0, 0)
        regs.idtr.load(0, 0, 0, 0)
        regs.cr0 = CR0_PE | CR0_ET
        regs.gpr[Gpr.RSP] = 0
        regs.gpr[Gpr.RAX], regs.gpr[Gpr.RBX] = BOOT_MAGIC, info
        regs.update_hidden()


def _page_after(address: int) -> int:
    return -(-address // PAGE_SIZE) * PAGE_SIZE
