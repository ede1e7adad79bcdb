"""A multiboot kernel's machine: memory, registers, information, and a second start."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

import pytest

from vectoros.assembler import assemble
from vectoros.board import Reason
from vectoros.boot.multiboot import BOOT_MAGIC, INFO, INFO_FIELDS, MEMORY_ROW, MODULE, Multiboot
from vectoros.config import Config
from vectoros.cpu.bits import Flag, Gpr, Seg
from vectoros.errors import BadFileError
from vectoros.layout import LOW_MEMORY_END
from vectoros.pc import Pc
from vectoros.units import MIB, PAGE_SIZE

BASE = 0x10_0000
KERNEL = """
header: .long 0x1badb002, FLAGS, (1 << 32) - 0x1badb002 - FLAGS
        .long header, header, 0, bss_end, start
start:  mov     esp, bss_end
        cmp     eax, 0x2badb002
        jne     wrong
        inc     dword ptr [0x200000]    # not part of the kernel: outlives a reset
        mov     al, [0x200000]
        cmp     al, 2
        jae     end
        mov     al, 0xe                 # port CF9h: reset
        mov     edx, 0xcf9
        out     dx, al
wait:   jmp     wait
end:    mov     eax, [ebx + 16]         # the command line's first letter
        mov     al, [eax]
        out     0xf4, al
wrong:  hlt
        .zero   64
bss_end:
"""


def kernel(flags: int = 1 << 16, origin: int = BASE) -> bytes:
    return assemble(KERNEL, origin=origin, constants={"FLAGS": flags}, bits=32).code


@pytest.fixture
def boot() -> Iterator[type[Boot]]:
    yield Boot
    for pc in Boot.made:
        pc.cpu.close()
    Boot.made.clear()


class Boot:
    """A machine about to start a multiboot kernel."""

    made: list[Pc] = []  # noqa: RUF012 -- closed by the fixture

    def __init__(
        self,
        data: bytes | None = None,
        line: str = "",
        modules: Sequence[bytes] = (),
        engine: str = "auto",
        memory: int = 16 * MIB,
    ) -> None:
        firmware = Multiboot(data or kernel(), "kernel", line, modules)
        self.pc = Pc(Config(engine=engine, memory=memory), None, firmware)
        self.made.append(self.pc)
        self.info_at = self.pc.cpu.regs.gpr[Gpr.RBX]
        values = INFO.unpack(self.pc.memory.read(self.info_at, INFO.size))
        self.info = dict(zip(INFO_FIELDS, values, strict=True))

    def string(self, address: int) -> bytes:
        return self.pc.memory.read(address, 64).partition(b"\0")[0]


@pytest.mark.parametrize("engine", ["fast", "portable"])
def test_a_kernel_runs_and_runs_again_after_a_reset(boot: type[Boot], engine: str) -> None:
    pc = boot(line="A", engine=engine).pc
    stop = pc.board.run(100_000_000)
    assert (stop.reason, stop.code) == (Reason.EXIT, ord("A"))
    assert pc.board.resets == 1


def test_the_machine_is_in_the_state_of_section_3_2(boot: type[Boot]) -> None:
    regs = boot().pc.cpu.regs
    assert regs.gpr[Gpr.RAX] == BOOT_MAGIC
    assert regs.rip == BASE + 32
    assert regs.cr0 & 0x8000_0001 == 1
    assert not regs.rflags & (Flag.VM | Flag.IF)
    for seg in Seg:
        assert (regs.segs[seg].base, regs.segs[seg].limit) == (0, 0xFFFF_FFFF)
    assert regs.code_bits == 32


def test_the_information_describes_memory(boot: type[Boot]) -> None:
    machine = boot(memory=32 * MIB)
    info = machine.info
    assert info["flags"] == 0x124D
    assert (info["mem_lower"], info["mem_upper"]) == (640, 31 * 1024)
    size = info["mmap_length"]
    rows = list(MEMORY_ROW.iter_unpack(machine.pc.memory.read(info["mmap_addr"], size)))
    assert {row[0] for row in rows} == {20}
    usable = [(base, base + length) for _, base, length, kind in rows if kind == 1]
    assert usable[1] == (MIB, 32 * MIB)
    assert usable[0][0] == 0
    assert usable[0][1] <= LOW_MEMORY_END


def test_the_information_has_the_command_line_and_the_loaders_name(boot: type[Boot]) -> None:
    machine = boot(line="root=none quiet")
    assert machine.string(machine.info["cmdline"]) == b"root=none quiet"
    assert machine.string(machine.info["boot_loader_name"]) == b"VectorOS"


def test_modules_lie_behind_the_kernel_at_pages_of_their_own(boot: type[Boot]) -> None:
    modules = [b"first" * 1000, b"", b"third"]
    machine = boot(modules=modules)
    memory, count = machine.pc.memory, machine.info["mods_count"]
    table = memory.read(machine.info["mods_addr"], count * MODULE.size)
    rows = list(MODULE.iter_unpack(table))
    assert [memory.read(start, end - start) for start, end, _, _ in rows] == modules
    assert all(start % PAGE_SIZE == 0 and start > BASE for start, *_ in rows)
    assert rows[-1][1] <= machine.info_at


def test_the_screen_is_described_as_text(boot: type[Boot]) -> None:
    info = boot().info
    assert info["framebuffer_addr"] == 0xB8000
    assert (info["framebuffer_width"], info["framebuffer_height"]) == (80, 25)
    assert info["framebuffer_type"] == 2


def test_memory_behind_the_files_bytes_is_zero_again_after_a_reset(boot: type[Boot]) -> None:
    data = bytearray(kernel())
    struct.pack_into("<I", data, 24, BASE + len(data) + 100)  # bss_end_addr
    pc = boot(bytes(data)).pc
    pc.memory.write(BASE + len(data), b"x" * 100)
    pc.memory.write(BASE, b"x" * 32)
    pc.power_on()
    assert pc.memory.read(BASE + len(data), 100) == bytes(100)
    assert pc.memory.read(BASE, 32) == bytes(data[:32])


def test_a_kernel_below_640_kib_is_loaded_there(boot: type[Boot]) -> None:
    data = kernel(origin=0x10000)
    assert boot(data).pc.memory.read(0x10000, len(data)) == data


@pytest.mark.parametrize("origin", [0x9FFF0, 0xA0000, 16 * MIB - 16, 0xE000_0000])
def test_a_kernel_where_there_is_no_ram_is_refused(boot: type[Boot], origin: int) -> None:
    with pytest.raises(BadFileError, match=f"kernel: needs memory at {origin:#x}"):
        boot(kernel(origin=origin))


def test_modules_that_do_not_fit_are_refused(boot: type[Boot]) -> None:
    with pytest.raises(BadFileError, match="and there is no RAM there"):
        boot(modules=[bytes(15 * MIB)])


def test_a_file_that_is_no_kernel_is_refused() -> None:
    with pytest.raises(BadFileError, match=r"^no\.elf: has no multiboot header") as caught:
        Multiboot(b"MZ", "no.elf")
    assert caught.value.status == 65
