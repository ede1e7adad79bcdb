"""Small kernels: a bzImage and an ELF executable that tell what they were given."""

from __future__ import annotations

import struct

from vectoros.assembler import assemble
from vectoros.boot import long_mode
from vectoros.boot.linux import ENTRY_64
from vectoros.boot.linux_header import HEADER_END, PARAGRAPH, SECTOR
from vectoros.elf import Flags
from vectoros.elf_writer import Section, write
from vectoros.layout import port_area
from vectoros.units import MIB

SETUP_SECTORS = 1
LOAD_ADDRESS = 2 * MIB
ELF_ADDRESS = 1 * MIB
INIT_SIZE = 64 << 10

SAY = """
        cld
next:   lodsb                           # the text at rsi, to COM1
        test    al, al
        jz      said
        mov     edx, PORT_COM1
        out     dx, al
        jmp     next
said:   mov     edx, AND_THEN
        mov     eax, VALUE
        out     dx, al
        cli
        hlt
"""

FIELDS = {
    "setup_sects": (0x1F1, "B", SETUP_SECTORS),
    "syssize": (0x1F4, "I", 0),
    "boot_flag": (0x1FE, "H", 0xAA55),
    "jump": (0x200, "H", 0xEB | (HEADER_END - 0x202) << 8),
    "header": (0x202, "4s", b"HdrS"),
    "version": (0x206, "H", 0x20F),
    "loadflags": (0x211, "B", 1),
    "initrd_addr_max": (0x22C, "I", 0x7FFF_FFFF),
    "kernel_alignment": (0x230, "I", 2 * MIB),
    "relocatable_kernel": (0x234, "B", 1),
    "xloadflags": (0x236, "H", 1),
    "cmdline_size": (0x238, "I", 255),
    "pref_address": (0x258, "Q", LOAD_ADDRESS),
    "init_size": (0x260, "I", INIT_SIZE),
}


def code(source: str, origin: int, **constants: int) -> bytes:
    """Return 64-bit code for ``origin``, with the names that :data:`SAY` uses."""
    ports = {"PORT_COM1": port_area("com1").base, "PORT_EXIT": port_area("exit").base}
    ends = {"AND_THEN": ports["PORT_EXIT"], "VALUE": 7}
    return assemble(source, origin=origin, constants={**ports, **ends, **constants}).code


def bzimage(kernel: bytes | None = None, **changed: object) -> bytes:
    """Return a bzImage, with ``changed`` header fields, whose 64-bit entry point is ``kernel``.

    As it stands, it sends its command line to COM1 and stops with status 7.
    """
    if kernel is None:
        load_text = f"mov esi, [rsi + {0x228}]\n"
        kernel = code(load_text + SAY, LOAD_ADDRESS + ENTRY_64)
    body = bytes(ENTRY_64) + kernel
    body += bytes(-len(body) % PARAGRAPH)
    data = bytearray((SETUP_SECTORS + 1) * SECTOR)
    values = {"syssize": len(body) // PARAGRAPH, **changed}
    for name, (offset, form, usual) in FIELDS.items():
        struct.pack_into("<" + form, data, offset, values.get(name, usual))
    return bytes(data) + body


def executable(source: str = SAY, **constants: int) -> bytes:
    """Return an ELF executable of ``source``; as it stands, it does as :func:`bzimage` does."""
    text = Section(
        "text", ELF_ADDRESS, code(source, ELF_ADDRESS, **constants), Flags.READ | Flags.EXECUTE
    )
    zeros = Section("bss", ELF_ADDRESS + 0x1000, bytes(0x2000), Flags.READ | Flags.WRITE)
    return write([text, zeros], {}, ELF_ADDRESS)


RESET = {"AND_THEN": port_area("reset_control").base, "VALUE": 6}
"""For the constants of :func:`code`: reset the machine instead of stopping it."""

PARAMETERS = long_mode.PARAMETERS
