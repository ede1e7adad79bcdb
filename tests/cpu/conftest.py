"""The oracle of the CPU tests: Unicorn's own MMU and delivery, one step at a time.

No guest code runs. A block hook, which Unicorn calls before the first block,
makes one access or raises one event; whatever comes of it, the CPU then stops.
The hooks are host code, because Unicorn leaves them by longjmp when they fault,
and no Python frame would survive that.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from vectoros.assembler import assemble
from vectoros.clock import Clock
from vectoros.cpu import native, unicorn_api
from vectoros.cpu.bits import EFER_LMA, Flag
from vectoros.cpu.core import Counters, Fault, Stop
from vectoros.cpu.engine import Engine
from vectoros.cpu.registers import CONTEXT_BYTES, OFFSET, Registers
from vectoros.memory import Memory

RAM_BYTES = 1 << 20

FUNCTIONS = {
    "fault": "raise_exception_err_x86_64",  # (vector, error code)
    "software": "helper_raise_interrupt_x86_64",  # (vector, length of the instruction)
    "external": "do_interrupt_x86_hardirq_x86_64",  # (vector, 1)
    "load": "cpu_ldub_mmuidx_ra_x86_64",  # (address, MMU index, 0)
    "store": "cpu_stb_mmuidx_ra_x86_64",  # (address, byte, MMU index)
    "fetch": "get_page_addr_code_x86_64",  # (address)
    "do_interrupt": "x86_cpu_do_interrupt_x86_64",
    "loop_exit": "cpu_loop_exit_x86_64",
    "flush_tlb": "tlb_flush_x86_64",
    "digest": "x86_update_hflags_x86_64",
}

EXCEPTION_INDEX = 0x81A0  # in Unicorn 2.1.4's CPUState
EXCP_HLT = 0x10001  # the exception that only stops the CPU

_SOURCE = """
block:                                          # rcx state
        push    rbx
        mov     rbx, rcx
        mov     rdi, [rbx + ST_ENV]
        mov     rsi, [rbx + ST_A]
        mov     rdx, [rbx + ST_B]
        mov     rcx, [rbx + ST_C]
        xor     r8d, r8d
        call    qword ptr [rbx + ST_FUNCTION]   # a fault does not return
        mov     [rbx + ST_RESULT], rax
        jmp     finish

invalid:                                        # rsi state
        push    rbx
        mov     rbx, rsi
        mov     esi, 6
        jmp     raised
intr:                                           # esi vector, rdx state
        push    rbx
        mov     rbx, rdx
raised:
        mov     rax, [rbx + ST_ENV]
        mov     edx, [rbx + ST_EXTERNAL]
        mov     ecx, [rax + ENV_IS_INT]
        xor     ecx, 1
        mov     [rbx + ST_EXTERNAL], ecx
        jz      mended
        test    edx, edx
        js      mended                          # nothing was being delivered
        lea     ecx, [rsi - 10]                 # #TS to #GP: mended as in native_errors.S
        cmp     ecx, 3
        ja      mended
        test    dword ptr [rax + ENV_ERROR_CODE], 2
        jz      ext
        test    dword ptr [rax + ENV_EFER], EFER_LMA
        jz      ext
        shr     dword ptr [rax + ENV_ERROR_CODE], 1
        inc     dword ptr [rax + ENV_ERROR_CODE]
ext:
        or      [rax + ENV_ERROR_CODE], edx
mended:
        mov     [rbx + ST_VECTOR], esi
        inc     dword ptr [rbx + ST_ATTEMPTS]
        cmp     dword ptr [rbx + ST_PROBING], 0
        jne     finish
        cmp     dword ptr [rax + ENV_IS_INT], 0
        jne     enter
        cmp     esi, 1
        je      enter
        or      dword ptr [rax + ENV_EFLAGS], FLAG_RF
enter:
        mov     rdi, [rbx + ST_CPU]
        call    qword ptr [rbx + ST_DO_INTERRUPT]       # a fault does not return
finish:
        mov     dword ptr [rbx + ST_DONE], 1
        mov     rdi, [rbx + ST_CPU]
        mov     dword ptr [rdi + EXCEPTION_INDEX], EXCP_HLT
        call    qword ptr [rbx + ST_LOOP_EXIT]          # does not return
"""


class State(ctypes.Structure):
    """What the hooks read and write."""

    if TYPE_CHECKING:
        env: int
        cpu: int
        function: int
        a: int
        b: int
        c: int
        result: int
        do_interrupt: int
        loop_exit: int
        vector: int
        attempts: int
        probing: int
        done: int
        external: int

    _fields_ = (
        *((name, ctypes.c_uint64) for name in ("env", "cpu", "function", "a", "b", "c")),
        *((name, ctypes.c_uint64) for name in ("result", "do_interrupt", "loop_exit")),
        *((name, ctypes.c_uint32) for name in ("vector", "attempts", "probing", "done")),
        ("external", ctypes.c_int32),  # being delivered: 0 INT n, 1 another event, -1 nothing
    )


@dataclass(frozen=True)
class Result:
    """What became of a step."""

    delivered: bool  # False: shutdown
    attempts: int  # deliveries begun
    vector: int | None  # of the last of them
    value: int


class Nothing:
    """Surroundings in which nobody answers."""

    def port_read(self, port: int, width: int) -> int:
        return (1 << 8 * width) - 1

    def port_write(self, port: int, width: int, value: int) -> None: ...

    def mmio_read(self, address: int, width: int) -> int:
        return (1 << 8 * width) - 1

    def mmio_write(self, address: int, width: int, value: int) -> None: ...

    def acknowledge(self) -> int:
        return 0


class Oracle(Engine):
    """A Unicorn instance whose registers lie open and that runs no guest code."""

    name = "oracle"

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory, Nothing(), Clock())
        assert self._handle.value is not None
        self._cpu = ctypes.c_uint64.from_address(self._handle.value + native.UC_CPU).value
        env = ctypes.c_uint64.from_address(self._cpu + native.CPU_ENV).value
        self.regs = Registers.from_address(env)
        self._reset = bytes(self.regs)
        self._functions = {key: unicorn_api.address_of(name) for key, name in FUNCTIONS.items()}
        self._flush = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self._functions["flush_tlb"])
        self._state = State(env=env, cpu=self._cpu)
        self._state.do_interrupt = self._functions["do_interrupt"]
        self._state.loop_exit = self._functions["loop_exit"]
        routines, data = self._assemble(), ctypes.addressof(self._state)
        for hook in ("block", "intr", "invalid"):
            kind = "insn_invalid" if hook == "invalid" else hook
            self.hook(getattr(unicorn_api.uc, f"UC_HOOK_{kind.upper()}"), routines[hook], data=data)

    def _assemble(self) -> dict[str, int]:
        page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self._keep.append(page)
        origin = ctypes.addressof(ctypes.c_char.from_buffer(page))
        constants = {
            "ENV_IS_INT": OFFSET["_exception_is_int"],
            "ENV_EFLAGS": OFFSET["_eflags"],
            "ENV_EFER": OFFSET["efer"],
            "ENV_ERROR_CODE": OFFSET["_error_code"],
            "EFER_LMA": EFER_LMA,
            "FLAG_RF": Flag.RF.value,
            "EXCEPTION_INDEX": EXCEPTION_INDEX,
            "EXCP_HLT": EXCP_HLT,
        }
        for name, *_ in State._fields_:
            constants[f"ST_{name.upper()}"] = getattr(State, name).offset
        program = assemble(_SOURCE, origin=origin, constants=constants, name="oracle")
        page[: len(program.code)] = program.code
        return program.symbols

    def set_registers(self, image: bytes) -> None:
        """Take ``image``, a whole register file, and forget cached translations."""
        ctypes.memmove(ctypes.addressof(self.regs), image, CONTEXT_BYTES)
        self._flush(self._cpu)

    @property
    def reset_image(self) -> bytes:
        """The register file as Unicorn resets it."""
        return self._reset

    def step(self, function: str, *operands: int, probing: bool = False) -> Result:
        """Call ``function`` inside the CPU; with ``probing``, deliver nothing that it raises."""
        state = self._state
        state.function = self._functions[function]
        state.a, state.b, state.c = (*operands, 0, 0, 0)[:3]
        state.vector = state.attempts = state.done = state.result = 0
        state.probing = int(probing)
        state.external = 1 if function == "external" else -1
        self.regs._old_exception = -1
        self.regs._eflags = self.regs.rflags  # where Unicorn takes them from when it starts
        self._start()
        vector = state.vector if state.attempts else None
        return Result(bool(state.done), state.attempts, vector, state.result)

    def digest(self) -> None:
        """Let Unicorn derive its digest of the mode from the registers."""
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self._functions["digest"])(self._state.env)

    def run(self, deadline: int, pause: int | None = None) -> Stop:
        raise NotImplementedError

    def shorten(self, deadline: int) -> None: ...

    def memory_changed(self, address: int, size: int) -> None: ...

    def pages_changed(self, pages: Sequence[int]) -> None: ...

    def faults(self) -> list[Fault]:
        return []

    def counters(self) -> Counters:
        return Counters({}, 0)

    def _abandon(self) -> None: ...


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    """The oracle; a test that needs it is skipped where Unicorn's wheel does not export enough."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("the oracle is host code for Linux on x86-64")
    missing = [name for name in FUNCTIONS.values() if not unicorn_api.exports(name)]
    if missing:
        pytest.skip(f"this build of Unicorn does not export {missing[0]}")
    engine = Oracle(Memory(RAM_BYTES))
    yield engine
    engine.close()
