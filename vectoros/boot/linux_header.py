"""The setup header of a Linux kernel: what a bzImage says of itself, checked.

Promise: whatever bytes it is given, :func:`read_header` returns a header whose
numbers can be used as they are, or raises :class:`BadFileError` with the rule that is
broken.

Source: Linux's ``Documentation/arch/x86/boot.rst`` (names of the fields), protocol
2.12 and later: from there on a kernel says whether it has a 64-bit entry point.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from vectoros.errors import BadFileError
from vectoros.units import MIB, PAGE_SIZE

HEADER_START = 0x1F1
MAGIC_AT, MAGIC = 0x202, b"HdrS"
BOOT_FLAG_AT, BOOT_FLAG = 0x1FE, 0xAA55
JUMP_AT = 0x200
"""A short jump over the header: its displacement says where the header ends."""

OLDEST = 0x020C
"""Protocol 2.12 (Linux 3.8)."""

SECTOR = 512
PARAGRAPH = 16
"""Bytes that ``syssize`` counts."""

SETUP_SECTORS_IF_ZERO = 4
LOADED_HIGH, XLF_KERNEL_64 = 1, 1
"""Bit 0 of ``loadflags``, and of ``xloadflags``."""

_FIELDS = {
    "setup_sects": (0x1F1, "B"),
    "syssize": (0x1F4, "I"),
    "version": (0x206, "H"),
    "loadflags": (0x211, "B"),
    "initrd_addr_max": (0x22C, "I"),
    "kernel_alignment": (0x230, "I"),
    "relocatable_kernel": (0x234, "B"),
    "xloadflags": (0x236, "H"),
    "cmdline_size": (0x238, "I"),
    "pref_address": (0x258, "Q"),
    "init_size": (0x260, "I"),
}
"""Where each field is that counts here, and its format."""

HEADER_END = 0x264
"""Behind the last of them."""


@dataclass(frozen=True, slots=True)
class Header:
    """What counts of a setup header. Names are those of the protocol."""

    raw: bytes
    """All of the header, for the kernel to read back: from :data:`HEADER_START` on."""
    kernel: memoryview
    """The protected-mode kernel, which is what is loaded."""
    version: int
    initrd_addr_max: int
    """Last address that an initrd may occupy."""
    cmdline_size: int
    """Characters of a command line at most, the zero behind it not counted."""
    pref_address: int
    """Where the kernel is loaded."""
    init_size: int
    """Bytes from there on that it needs until it has found out what memory there is."""


def is_linux(data: bytes) -> bool:
    """Whether ``data`` has a setup header's magic number in its place."""
    return data[MAGIC_AT : MAGIC_AT + len(MAGIC)] == MAGIC


def read_header(data: bytes, name: str) -> Header:
    """Return the header of the kernel in ``data``, which messages call ``name``."""
    if len(data) < HEADER_END:
        raise BadFileError(name, f"is cut short: {len(data)} bytes, and its header ends at 0x264")
    field = {
        key: struct.unpack_from("<" + form, data, at)[0] for key, (at, form) in _FIELDS.items()
    }
    rule = _broken_form(data, field) or _broken_numbers(field)
    if rule is not None:
        raise BadFileError(name, rule)
    start = ((field["setup_sects"] or SETUP_SECTORS_IF_ZERO) + 1) * SECTOR
    size = field["syssize"] * PARAGRAPH
    if start + size > len(data):
        there = max(0, len(data) - start)
        raise BadFileError(name, f"is cut short: syssize says {size} bytes, {there} are there")
    return Header(
        raw=data[HEADER_START : _end(data)],
        kernel=memoryview(data)[start : start + size],
        version=field["version"],
        initrd_addr_max=field["initrd_addr_max"],
        cmdline_size=field["cmdline_size"],
        pref_address=field["pref_address"],
        init_size=field["init_size"],
    )


def _end(data: bytes) -> int:
    """Return the offset behind the header."""
    return JUMP_AT + 2 + data[JUMP_AT + 1]


def _broken_form(data: bytes, field: dict[str, int]) -> str | None:
    """Return the rule that the header breaks as such: a kind of kernel that cannot be booted."""
    (flag,) = struct.unpack_from("<H", data, BOOT_FLAG_AT)
    version, found = field["version"], data[MAGIC_AT : MAGIC_AT + len(MAGIC)]
    if flag != BOOT_FLAG:
        return f"is no Linux kernel: boot_flag is {flag:#x}, not {BOOT_FLAG:#x}"
    if found != MAGIC:
        return f"is no Linux kernel: it has {found.hex(' ')} at 0x202, not HdrS"
    if version < OLDEST:
        need = f"{OLDEST >> 8}.{OLDEST & 0xFF}"
        return f"has boot protocol {version >> 8}.{version & 0xFF:02}; {need} or later is needed"
    if _end(data) < HEADER_END:
        return f"has a setup header that ends at {_end(data):#x}, before init_size"
    if not field["loadflags"] & LOADED_HIGH:
        return "is a zImage, to be loaded low: loadflags has no LOADED_HIGH"
    if not field["xloadflags"] & XLF_KERNEL_64:
        return "has no 64-bit entry point: xloadflags has no XLF_KERNEL_64"
    return None


def _broken_numbers(field: dict[str, int]) -> str | None:
    """Return the rule that addresses and sizes break among themselves."""
    address, alignment = field["pref_address"], field["kernel_alignment"]
    size = field["syssize"] * PARAGRAPH
    if size == 0:
        return "has no kernel: syssize is 0"
    if address < MIB or address % PAGE_SIZE:
        return f"is to be loaded at {address:#x}: pref_address must be a page above 1 MiB"
    if field["relocatable_kernel"] and (alignment == 0 or alignment & alignment - 1):
        return f"has kernel_alignment {alignment:#x}, which is no power of two"
    if field["relocatable_kernel"] and address % alignment:
        return f"has pref_address {address:#x}, no multiple of kernel_alignment {alignment:#x}"
    if field["init_size"] < size:
        return f"has init_size {field['init_size']}, and the kernel alone has {size} bytes"
    if field["initrd_addr_max"] < MIB:
        return f"leaves no room for an initrd: initrd_addr_max is {field['initrd_addr_max']:#x}"
    return None
