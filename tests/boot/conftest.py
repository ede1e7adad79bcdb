"""Small real-mode guests that call the BIOS and say on the serial port what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vectoros import Machine
from vectoros.assembler import assemble
from vectoros.board import Reason
from vectoros.boot import bios
from vectoros.boot.frame import FRAME_SIZE, Frame
from vectoros.boot.service import Host
from vectoros.cpu.selftest import fast_engine_checks
from vectoros.layout import BOOT_SECTOR

RAM_BYTES = 2 << 20
FRAME_AT = 0x7000

PRELUDE = """
        jmp     main

# dump: ax, bx, cx, dx in hexadecimal, then c if CF is set and z if ZF is.
dump:   pushfd
        pushad
        call    hex
        mov     ax, bx
        call    hex
        mov     ax, cx
        call    hex
        mov     ax, dx
        call    hex
        popad
        popfd
        pushfd
        pushad
        jnc     no_c
        mov     al, 'c'
        call    emit
no_c:   popad
        popfd
        pushfd
        pushad
        jnz     no_z
        mov     al, 'z'
        call    emit
no_z:   mov     al, 10
        call    emit
        popad
        popfd
        ret

hex:    push    cx
        mov     cx, 4
digit:  rol     ax, 4
        push    ax
        and     al, 15
        add     al, '0'
        cmp     al, '9'
        jbe     low
        add     al, 'a' - '0' - 10
low:    call    emit
        pop     ax
        loop    digit
        mov     al, ' '
        call    emit
        pop     cx
        ret

emit:   push    dx
        mov     dx, 0x3f8
        out     dx, al
        pop     dx
        ret

end:    mov     al, 0
        out     0xf4, al
        cli
        hlt

main:
"""
"""``dump`` prints registers by real OUTs, so that no test needs the service it tests."""


class Guest:
    """A guest that has run to its end."""

    def __init__(self, machine: Machine, said: str) -> None:
        self.machine = machine
        self.said = said
        """What it has sent since it was started."""

    @property
    def lines(self) -> list[str]:
        """The same by lines, without spaces at their ends."""
        return [line.strip() for line in self.said.splitlines()]

    def row(self, number: int) -> str:
        """Return a row of the text screen."""
        return self.machine.memory.read(0xB8000 + 160 * number, 160)[::2].decode("cp437").rstrip()

    def word(self, address: int) -> int:
        return int.from_bytes(self.machine.memory.read(address, 2), "little")


Run = Callable[..., Guest]


ENGINES = ("fast", "portable") if fast_engine_checks()[-1].ok else ("portable",)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine in turn."""
    return str(request.param)


@pytest.fixture
def run(tmp_path: Path, engine: str) -> Iterator[Run]:
    """Run ``source`` as a boot sector, with ``keys`` typed ahead; it ends at ``jmp end``."""
    machines: list[Machine] = []

    def start(source: str, keys: bytes = b"", further: bytes = b"", **options: Any) -> Guest:  # noqa: ANN401
        code = assemble(PRELUDE + source + "\n jmp end\n", origin=BOOT_SECTOR, bits=16).code
        assert len(code) <= 510, f"the test's code is {len(code)} bytes long"
        image = tmp_path / f"guest{len(machines)}.img"
        image.write_bytes(code.ljust(510, b"\0") + b"\x55\xaa" + further)
        machine = Machine.from_image(image, engine=engine, **{"memory": "2M", **options})
        machines.append(machine)
        machine.serial.send(keys)
        stop = machine.run(for_="200ms")
        said = machine.serial.text.partition("0000:7c00\r\n")[2]
        assert stop.reason is Reason.EXIT, f"{stop} after {said!r}"
        return Guest(machine, said)

    yield start
    for machine in machines:
        machine.close()


class FakeMemory:
    """RAM without a machine."""

    def __init__(self, size: int = RAM_BYTES) -> None:
        self.data = bytearray(size)
        self.frame = b""
        """The last frame that was written, wherever that was."""

    def read(self, address: int, size: int) -> bytes:
        return bytes(self.data[address : address + size]).ljust(size, b"\xff")

    def write(self, address: int, data: bytes) -> None:
        if len(data) == FRAME_SIZE:
            self.frame = data
        stored = max(0, min(len(data), len(self.data) - address))
        self.data[address : address + stored] = data[:stored]


class FakeDisk:
    """A disk whose sectors say which they are."""

    def __init__(self, sectors: int) -> None:
        self.sectors = sectors
        self.written: dict[int, bytes] = {}

    def read(self, lba: int) -> bytes:
        assert 0 <= lba < self.sectors
        return self.written.get(lba, lba.to_bytes(4, "little") * 128)

    def write(self, lba: int, data: bytes) -> None:
        assert 0 <= lba < self.sectors
        assert len(data) == 512
        self.written[lba] = data


class Desk:
    """A host without a machine, and frames to serve."""

    def __init__(self, sectors: int = 4096) -> None:
        self.memory = FakeMemory()
        self.disk = FakeDisk(sectors)
        self.host = Host(self.memory, RAM_BYTES, self.disk)
        self.host.area.fill(disks=1)

    def frame(self, vector: int, **registers: int) -> Frame:
        """Return a frame in RAM for INT ``vector``."""
        self.memory.write(FRAME_AT, bytes(FRAME_SIZE))
        frame = Frame(self.memory, FRAME_AT)
        frame.vector = vector
        for name, value in registers.items():
            setattr(frame, name, value)
        frame.store()
        return frame

    def serve(self, frame: Frame) -> None:
        """Serve ``frame`` as the gate would; what is written back is in RAM."""
        service = bios.find(frame)
        assert service is not None, f"INT {frame.vector:02X}h, AX={frame.ax:04X}h"
        service.run(self.host, frame)
        frame.store()


@pytest.fixture
def desk() -> Desk:
    """What serves frames without a machine."""
    return Desk()
