"""The symbol map of an image that we built: boot code, kernel stubs, programs, and the BIOS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from vectoros.assembler import Program, assemble_sources
from vectoros.boot import rom
from vectoros.image.constants import constants
from vectoros.image.manifest import load
from vectoros.image.pieces import assemble
from vectoros.layout import BIOS_SHADOW, BOOT_SECTOR
from vectoros.symbol_map import Symbol, SymbolMap


def symbols(path: Path) -> SymbolMap:
    """Return the labels of the image that the manifest at ``path`` describes, and the BIOS's.

    Files are named from the folder above the manifest's, wherever that lies.
    """
    manifest = load(path)
    names = constants(manifest)
    root = path.resolve().parent.parent

    def shown(file: str) -> str:
        found = Path(file).resolve()
        return found.relative_to(root).as_posix() if found.is_relative_to(root) else found.name

    boot_sector = assemble_sources(
        manifest.read(manifest.boot_sector), origin=BOOT_SECTOR, constants=names, bits=16
    )
    found = list(_labels("boot_sector", boot_sector, shown))
    for plan in manifest.programs:
        if plan.elf is None:
            found += _labels(plan.name, assemble(manifest, plan, names), shown)
    for program in rom.programs():
        found += _labels("bios", program, "firmware/{}".format, BIOS_SHADOW)
    return SymbolMap(found)


def _labels(
    name: str, program: Program, shown: Callable[[str], str], base: int = 0
) -> Iterator[Symbol]:
    lines = {address: line for address, line in reversed(program.lines)}
    for label, address in program.symbols.items():
        if (line := lines.get(address)) is not None:  # else nothing stands behind it
            yield Symbol(name, base + address, label, shown(line.file), line.number)
