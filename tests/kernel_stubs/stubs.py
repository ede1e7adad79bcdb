"""A machine with the kernel's stubs and nothing else: no firmware, no kernel behind the gate.

What a test gives in place of the kernel is a list of *answers*, functions that read
the request in the gate block and write a response. Programs are put where the
test's own page tables have them.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Iterable

from tests.kernel_stubs.direct import DEV_MANIFEST, enter, names, pieces
from vectoros.api import Machine
from vectoros.assembler import Program, assemble, assemble_sources
from vectoros.board import StopRequest
from vectoros.config import Config
from vectoros.image.format import Kind
from vectoros.image.manifest import load
from vectoros.units import MIB, PAGE_SIZE

RAM = 8 * MIB
P, W, U, NX = 1, 2, 4, 1 << 63

# Where the test puts its own things, all above the kernel.
TCBS = (2 * MIB, 2 * MIB + 0x800)
TABLES = 3 * MIB  # of the two address spaces, 4 pages each
CODE_PAGES = 4 * MIB  # physical; a page of code and a page of stack and data for each thread
USER_CODE, USER_DATA = 0x40_0000, 0x40_1000  # the same in both spaces

Answer = Callable[["Stubs"], None]


@functools.cache
def kernel() -> Program:
    """Return the stubs, assembled as for the image, for their labels."""
    plan = load(DEV_MANIFEST)
    row = next(program for program in plan.programs if program.kind is Kind.KERNEL)
    own = {"PROGRAM_LOAD": row.load, "PROGRAM_VIRTUAL": row.virtual}
    return assemble_sources(
        plan.read(row.sources), origin=row.virtual, constants={**names(), **own}
    )


class Stubs:
    """A machine about to enter the kernel, with ``answers`` in place of the kernel."""

    def __init__(self, engine: str, answers: Iterable[Answer]) -> None:
        self.machine = Machine(Config(memory=RAM, engine=engine))
        self.memory = self.machine.memory
        self.names = names()
        self.requests: list[dict[str, int]] = []
        self._answers = iter(answers)
        self.machine.pc.gate.connect(self._trap)
        enter(self.machine, [piece for piece in pieces() if piece[0].kind is Kind.KERNEL])

    def run(self, duration: str = "1ms") -> StopRequest:
        return self.machine.run(for_=duration)

    # -- memory --------------------------------------------------------------

    def put(self, address: int, *words: int) -> None:
        self.memory.write(address, struct.pack(f"<{len(words)}Q", *words))

    def word(self, address: int) -> int:
        (value,) = struct.unpack("<Q", self.memory.read(address, 8))
        return int(value)

    def symbol(self, name: str) -> int:
        """Return the physical address of a label of the stubs."""
        return kernel().symbols[name] - names()["KERNEL_VIRTUAL"] + names()["KERNEL_LOAD"]

    # -- the kernel's side -----------------------------------------------------

    @property
    def block(self) -> int:
        return self.machine.pc.gate.block

    def request(self, name: str) -> int:
        return self.word(self.block + self.names[f"GATE_{name}"])

    def answer(self, **fields: int) -> None:
        """Write a response: what ``fields`` says, and zero elsewhere."""
        for name in ("NEXT", "NEXT_CR3", "FLAGS", "COST", "TIMER", "FPU_SAVE", "FPU_LOAD"):
            self.put(self.block + self.names[f"GATE_{name}"], fields.get(name, 0))
        self.put(self.block + self.names["GATE_OP_COUNT"], 0)

    def operations(self, *rows: tuple[int, int, int, int, int]) -> None:
        """Add operations to the response: kind, width, port, value, address."""
        data = b"".join(struct.pack("<BBHIQ", *row) for row in rows)
        self.memory.write(self.block + self.names["GATE_OPS"], data)
        self.put(self.block + self.names["GATE_OP_COUNT"], len(rows))

    def _trap(self, block: int) -> None:
        fields = ("REASON", "VECTOR", "ERROR", "CR2", "CURRENT", "NOW", "RECORD", "CR3")
        self.requests.append({name: self.request(name) for name in fields})
        next(self._answers)(self)

    # -- threads ---------------------------------------------------------------

    def thread(self, number: int, text: str, **registers: int) -> Program:
        """Make thread ``number``, in an address space of its own, of the program ``text``."""
        code = assemble(text, origin=USER_CODE, constants=self.names)
        physical = CODE_PAGES + number * 2 * PAGE_SIZE
        self.memory.write(physical, code.code)
        tables = self.cr3(number)
        upper = self.memory.read(self.request("CR3") + 2048, 2048)
        self.memory.write(tables + 2048, upper)
        rights = P | W | U
        self.put(tables, tables + 0x1000 | rights)
        self.put(tables + 0x1000, tables + 0x2000 | rights)
        self.put(tables + 0x2000 + 2 * 8, tables + 0x3000 | rights)
        self.put(tables + 0x3000, physical | P | U, physical + PAGE_SIZE | rights | NX)
        values = {"RIP": USER_CODE, "CS": 0x2B, "RFLAGS": 0x202, "SS": 0x23} | registers
        values.setdefault("RSP", USER_DATA + PAGE_SIZE)
        for name, value in values.items():
            self.put(TCBS[number] + self.names[f"FRAME_{name}"], value)
        return code

    def cr3(self, number: int) -> int:
        return TABLES + number * 4 * PAGE_SIZE

    def frame(self, number: int, name: str) -> int:
        return self.word(TCBS[number] + self.names[f"FRAME_{name}"])

    def data(self, number: int) -> int:
        """Return the physical address of a thread's page of stack and data."""
        return CODE_PAGES + (number * 2 + 1) * PAGE_SIZE
