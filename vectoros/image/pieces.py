"""The pieces of an image: what a manifest names, assembled, each with its entry.

Stage 2 and the kernel give a piece for each section that is loaded. A program is
one piece, an ELF64 file, whoever made it: :mod:`vectoros.elf` reads what was
assembled here as strictly as what somebody else's compiler wrote.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256

from vectoros import elf, elf_writer
from vectoros.assembler import Program, assemble_sources
from vectoros.errors import BadFileError
from vectoros.image.format import NO_GRANTS, Access, Entry, Kind
from vectoros.image.manifest import Manifest, ProgramPlan
from vectoros.image.modules import read_program
from vectoros.kernel.process_layout import Grant

Piece = tuple[Entry, bytes]
"""An entry without its place on the disk, and the bytes that go there."""

_ROUND = 8  # sizes are multiples of this, so that the guest can clear memory in words

_FLAGS = {
    Access.READ: elf.Flags.READ,
    Access.READ | Access.WRITE: elf.Flags.READ | elf.Flags.WRITE,
    Access.READ | Access.EXECUTE: elf.Flags.READ | elf.Flags.EXECUTE,
}


def all_pieces(manifest: Manifest, names: Mapping[str, int]) -> Iterator[Piece]:
    """Yield the pieces in the order of the directory; assembly sees the constants ``names``."""
    for plan in manifest.programs:
        if plan.kind is Kind.PROGRAM:
            yield _program(manifest, plan, names)
        else:
            yield from _sections(manifest, plan, names)
    for item in manifest.data:
        yield _module(item.name, Kind.DATA, manifest.read_module(item.source))


def _sections(manifest: Manifest, plan: ProgramPlan, names: Mapping[str, int]) -> Iterator[Piece]:
    """Yield a piece for each section that is loaded."""
    program = assemble(manifest, plan, names)
    for section, start, content, access in _assembled(manifest, plan, program):
        stored = content.rstrip(b"\0")  # the boot code zeroes what the image does not hold
        stored = stored.ljust(_rounded(len(stored)), b"\0")
        yield (
            Entry(
                name=f"{plan.name}.{section}",
                lba=0,
                length=len(stored),
                load=plan.load + start - plan.virtual,
                memory=_rounded(len(content)),
                virtual=start,
                kind=plan.kind,
                access=access,
                digest=sha256(stored).digest(),
            ),
            stored,
        )


def _program(manifest: Manifest, plan: ProgramPlan, names: Mapping[str, int]) -> Piece:
    """Return the piece of a program for ring 3, which is certain to be loadable."""
    if plan.elf is not None:
        file = manifest.read_module(plan.elf)
        where, name = manifest.file(plan.elf), ""
    else:
        program = assemble(manifest, plan, names)
        sections = [
            elf_writer.Section(section, start, content, _FLAGS[access])
            for section, start, content, access in _assembled(manifest, plan, program)
        ]
        file = elf_writer.write(sections, program.symbols, plan.virtual)
        where, name = manifest.path, f"program {plan.name} "
    try:
        read_program(file)
    except elf.ElfError as error:
        raise BadFileError(where, f"{name}{error.rule}") from None
    return _module(plan.name, Kind.PROGRAM, file, plan.priority, plan.grants)


def _module(
    name: str, kind: Kind, file: bytes, priority: int = 0, grants: Grant = NO_GRANTS
) -> Piece:
    entry = Entry(
        name, 0, len(file), 0, len(file), 0, kind, Access(0), sha256(file).digest(),
        priority, grants,
    )  # fmt: skip
    return entry, file


def assemble(manifest: Manifest, plan: ProgramPlan, names: Mapping[str, int]) -> Program:
    """Return the program of ``plan``; its sources see the constants ``names``."""
    own = {**names, "PROGRAM_VIRTUAL": plan.virtual}
    if plan.load:
        own["PROGRAM_LOAD"] = plan.load
    bits = 16 if plan.kind is Kind.STAGE2 else 64
    program = assemble_sources(
        manifest.read(plan.sources), origin=plan.virtual, constants=own, bits=bits
    )
    for section in program.sections:
        if section not in plan.sections:
            raise BadFileError(
                manifest.path, f"program {plan.name}: section {section} has no access"
            )
    for section in plan.sections:
        if section not in program.sections:
            raise BadFileError(
                manifest.path, f"program {plan.name}: no source has a section {section}"
            )
    return program


def _assembled(
    manifest: Manifest, plan: ProgramPlan, program: Program
) -> Iterator[tuple[str, int, bytes, Access]]:
    """Yield name, address, bytes and access of each section that is no guard."""
    for section, (start, end) in program.sections.items():
        content = program.code[start - plan.virtual : end - plan.virtual]
        access = plan.sections[section]
        if access is not None:
            yield section, start, content, access
        elif any(content):
            raise BadFileError(
                manifest.path, f"program {plan.name}: the guard {section} is not empty"
            )


def _rounded(size: int) -> int:
    return -(-size // _ROUND) * _ROUND
