"""Instructions that meet a page fault midway; see ``paging_midway.S``.

A row is one instruction in two rings. GOOD, BAD and AFTER are pages side by side; RDX is
BAD. Before it, RAX is 99h and RCX is 77h, and both must still be so after the fault.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MISSING, READ_ONLY, SUPERVISOR = "0", "5", "3"
"""Bits of BAD's entry: none; present and user; present and writable."""

KEPT = ("GOOD + 0xff8, NONE, ONES", "BAD, NONE, ONES", "AFTER, NONE, ONES")
"""What an instruction that faults has not changed in memory."""


@dataclass(frozen=True, slots=True)
class Row:
    """An instruction that faults."""

    name: str
    instruction: str
    error: int
    cr2: str = "BAD"
    bits: str = READ_ONLY
    setup: tuple[str, ...] = ()
    rsp: str = ""
    """The stack pointer at the instruction, if ``setup`` loads it."""

    error_mask: int = 0xFF
    """W is left open (bit 1) where an operand is read and written, and is not there."""

    kept: tuple[str, ...] = KEPT
    """All, but for a store of more than a quadword or of several values: Vol. 3A, 8.1.1."""

    ring3_only: bool = False
    compat: bool = False
    """32-bit code of ring 3 instead, with ESP, EAX and ECX."""

    def cases(self) -> Iterable[str]:
        """Return the lines of its cases."""
        if self.compat:
            yield from self._case("compat", "TO_COMPAT_64 CODE32_3, DATA_3, 0", "STACK3_TOP", 4)
            return
        if not self.ring3_only:
            yield from self._case("ring0", "", "STACK_TOP", 0)
        yield from self._case("ring3", "TO_RING3_64 0", "STACK3_TOP", 4)

    def _case(self, ring: str, enter: str, stack: str, user: int) -> Iterable[str]:
        yield f"CASE64 {self.name}.{ring}"
        if self.rsp:
            yield "GATE64_IST 14, 1"  # where the handler finds a stack
        yield f"SET_PAGES {self.bits}"
        yield enter
        yield "mov edx, BAD"
        yield from self.setup
        yield from ("mov eax, 0x99", "mov ecx, 0x77", "MARK", self.instruction)
        yield "WANT VECTOR, 14"
        yield f"WANT_BITS ERROR, {self.error_mask:#x}, {(self.error | user) & self.error_mask}"
        yield f"WANT CR2, {self.cr2}"
        yield from ("WANT RIP, 0", "WANT RAX, 0x99", "WANT RCX, 0x77")
        yield f"WANT RSP, {self.rsp or stack}"
        yield from (f"WANT_MEM {memory}" for memory in self.kept)


def _across() -> Iterable[Row]:
    yield Row("across.load", "mov rax, [rdx - 3]", 0, bits=MISSING)
    yield Row("across.load.first", "mov eax, [rdx + 0xfff]", 0, "BAD + 0xfff", MISSING)
    yield Row("across.store", "mov [rdx - 3], rcx", 2, bits=MISSING)
    yield Row("across.store.first", "mov [rdx + 0xffe], ecx", 2, "BAD + 0xffe", MISSING)
    yield Row("across.store.read_only", "mov [rdx - 7], rcx", 3)
    yield Row("across.store.read_only.first", "mov [rdx + 0xffd], ecx", 3, "BAD + 0xffd")
    yield Row("across.movups", "movups xmm0, [rdx - 1]", 0, bits=MISSING)
    yield Row("across.movups.store", "movups [rdx - 15], xmm0", 3, kept=KEPT[1:])
    yield Row("across.movups.store.half", "movups [rdx - 8], xmm0", 3, kept=KEPT[1:])
    yield Row("across.fstp", "fstp tbyte ptr [rdx - 9]", 3, setup=("fldz",), kept=KEPT[1:])
    yield Row("across.fstp.half", "fstp tbyte ptr [rdx - 8]", 3, setup=("fldz",), kept=KEPT[1:])
    yield Row("across.fxsave", "fxsave [rdx - 0x20]", 3, kept=KEPT[1:])
    yield Row("across.add", "add [rdx - 3], rcx", 3)
    yield Row("across.xchg", "xchg [rdx - 3], rcx", 3)
    yield Row("across.lock", "lock add [rdx - 3], rcx", 3)
    yield Row("across.cmpxchg", "lock cmpxchg [rdx - 1], ecx", 3)


_READ_ONLY = {
    "mov": "mov [rdx], cl",
    "mov.immediate": "mov dword ptr [rdx], 5",
    "add": "add [rdx], rcx",
    "add.nothing": "add dword ptr [rdx], 0",
    "not": "not dword ptr [rdx]",
    "inc": "inc byte ptr [rdx]",
    "shl": "shl dword ptr [rdx], 1",
    "lock.add": "lock add [rdx], rcx",
    "lock.inc": "lock inc dword ptr [rdx]",
    "lock.or": "lock or dword ptr [rdx], 0",
    "xadd": "xadd [rdx], rcx",
    "lock.xadd": "lock xadd [rdx], rcx",
    "xchg": "xchg [rdx], rcx",
    "cmpxchg": "cmpxchg [rdx], ecx",
    "lock.cmpxchg": "lock cmpxchg [rdx], ecx",
    "bts": "bts dword ptr [rdx], 0",
    "lock.bts": "lock bts dword ptr [rdx], 0",
    "setz": "setz byte ptr [rdx]",
    "movnti": "movnti [rdx], ecx",
    "movaps": "movaps [rdx], xmm0",
    "movd": "movd dword ptr [rdx], xmm0",
    "fst": "fst dword ptr [rdx]",
    "fnstcw": "fnstcw [rdx]",
    "stmxcsr": "stmxcsr [rdx]",
    "fxsave": "fxsave [rdx]",
    "sgdt": "sgdt [rdx]",
    "sidt": "sidt [rdx]",
    "str": "str word ptr [rdx]",
    "smsw": "smsw word ptr [rdx]",
    "mov.segment": "mov word ptr [rdx], ds",
    "pop": "pop qword ptr [rdx]",
}


def _read_only() -> Iterable[Row]:
    for name, instruction in _READ_ONLY.items():
        fld = ("fldz",) if name == "fst" else ()
        yield Row(f"read_only.{name}", instruction, 3, setup=fld)
    # The comparison fails, and there is a write cycle all the same.
    zero = ("mov ebx, 0", "mov edx, 0", "mov esi, BAD")
    yield Row("read_only.cmpxchg8b", "lock cmpxchg8b [rsi]", 3, setup=zero)
    yield Row("read_only.cmpxchg16b", "lock cmpxchg16b [rsi]", 3, setup=zero)
    yield Row("read_only.cmpxchg8b.unlocked", "cmpxchg8b [rsi]", 3, setup=zero)
    either: dict[str, Any] = {"bits": MISSING, "error_mask": 0xFD}
    yield Row("missing.add", "add [rdx], rcx", 2, **either)
    yield Row("missing.xchg", "xchg [rdx], rcx", 2, **either)
    yield Row("missing.cmpxchg", "lock cmpxchg [rdx], ecx", 2, **either)


def _stack() -> Iterable[Row]:
    def at(rsp: str) -> dict[str, Any]:
        return {"setup": (f"mov esp, {rsp}",), "rsp": rsp, "bits": MISSING}

    top = at("AFTER")
    yield Row("push", "push rcx", 2, "AFTER - 8", **top)
    yield Row("push.across", "push rcx", 2, "AFTER - 4", **at("AFTER + 4"))
    yield Row("push.immediate", "push 5", 2, "AFTER - 8", **top)
    yield Row("push.word", "push cx", 2, "AFTER - 2", **top)
    yield Row("push.memory", "push qword ptr [rdx - 8]", 2, "AFTER - 8", **top)
    yield Row("push.segment", "push fs", 2, "AFTER - 8", **top)
    yield Row("pushf", "pushfq", 2, "AFTER - 8", **top)
    yield Row("call", "call home", 2, "AFTER - 8", **top)
    yield Row("call.register", "call rdx", 2, "AFTER - 8", **top)
    yield Row("enter", "enter 0, 0", 2, "AFTER - 8", **top)
    # The push is well, but what it leaves RSP at could not be written (Vol. 2A, "ENTER").
    locals_ = at("AFTER + 8") | {"kept": KEPT[:2]}
    yield Row("enter.locals", "enter 0x18, 0", 2, "AFTER - 0x18", **locals_)
    yield Row("pop", "pop rcx", 0, **at("BAD"))
    yield Row("pop.across", "pop rcx", 0, **at("BAD - 4"))
    yield Row("popf", "popfq", 0, **at("BAD"))
    yield Row("pop.memory", "pop qword ptr [rdx]", 2, bits=MISSING)
    yield Row("pop.memory.both", "pop qword ptr [rdx - 8]", 0, **at("BAD"))
    yield Row("ret", "ret", 0, **at("BAD"))
    yield Row("ret.immediate", "ret 8", 0, **at("BAD"))
    yield Row("retf", "retfq", 0, "BAD", **at("BAD - 8"))
    yield Row("iret", "iretq", 0, "BAD", **at("BAD"))
    hidden: dict[str, Any] = {
        "setup": ("mov esp, BAD",),
        "rsp": "BAD",
        "bits": SUPERVISOR,
        "ring3_only": True,
    }
    yield Row("pop.hidden", "pop rcx", 1, **hidden)
    yield Row("retf.hidden", "retfq", 1, **hidden)
    yield Row("iret.hidden", "iretq", 1, **hidden)
    yield Row("leave", "leave", 0, bits=MISSING, setup=("mov ebp, BAD",))


def _compat() -> Iterable[Row]:
    def at(esp: str) -> dict[str, Any]:
        return {"setup": (f"mov esp, {esp}",), "rsp": esp, "bits": MISSING, "compat": True}

    yield Row("pusha", "pushad", 2, "AFTER - 4", **at("AFTER + 12"))
    yield Row("pusha.word", ".byte 0x66, 0x60", 2, "AFTER - 2", **at("AFTER + 6"))
    yield Row("popa", "popad", 0, "BAD + 4", **at("BAD - 12"))  # ESP's place is skipped
    yield Row("push.compat", "push ecx", 2, "AFTER - 4", **at("AFTER"))
    yield Row("call.compat", "call edx", 2, "AFTER - 4", **at("AFTER"))
    far = ".byte 0x9a, 0, 0, 1, 0, 0x2b, 0"  # CODE32_3:ORIGIN
    yield Row("call.far", far, 2, "AFTER - 4", **at("AFTER + 4"), kept=KEPT[:2])


SOURCE = "\n".join(
    line
    for rows in (_across(), _read_only(), _stack(), _compat())
    for row in rows
    for line in row.cases()
)
