"""A kernel file in place of a BIOS: which format it has, and who starts it.

Each format has a module of its own, whose class is the machine's firmware then.
"""

from __future__ import annotations

from vectoros.boot.elf_image import ElfImage
from vectoros.boot.linux import Linux
from vectoros.boot.linux_header import is_linux
from vectoros.boot.multiboot import Multiboot
from vectoros.boot.multiboot_header import find_header
from vectoros.elf import IDENT
from vectoros.errors import BadFileError
from vectoros.files import HostFile
from vectoros.pc import Firmware

ELF_MAGIC = IDENT[:4]


def kernel_firmware(kernel: HostFile, command_line: str, initrd: HostFile | None) -> Firmware:
    """Return what starts ``kernel``; raise :class:`BadFileError` if nothing can."""
    rest = b"" if initrd is None else initrd.data
    if is_linux(kernel.data):
        return Linux(kernel.data, kernel.path, command_line, rest)
    if find_header(kernel.data) is not None:  # before ELF: it may be both, and says how it starts
        modules = () if initrd is None else (initrd.data,)
        return Multiboot(kernel.data, kernel.path, command_line, modules)
    if kernel.data.startswith(ELF_MAGIC):
        return ElfImage(kernel.data, kernel.path, command_line, rest)
    raise BadFileError(
        kernel.path,
        "is no kernel: neither a Linux bzImage (HdrS at 0x202), nor a multiboot kernel, "
        "nor an ELF executable",
    )
