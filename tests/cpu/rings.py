"""The modes and rings that random code runs in, and what leads it from entry to entry.

See arena.py, which puts this into a machine.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from tests.cpu.machines import (
    CODE32,
    CODE64,
    KERNEL_STACK,
    LONG_MODES,
    STACK_SELECTOR,
    USER32,
    USER64,
    USER_DATA,
)
from vectoros.assembler import assemble
from vectoros.units import PAGE_SIZE

NEXT, LAST = 0x27000, 0x27008  # the number of the entry that runs, and of the last one
ENTRIES = 0x50000  # offsets, 32 bits each
MOST_ENTRIES = 0x1000
SETS, SET_COUNT = 0x54000, 64  # registers to begin with, by turns: 256 bytes each
SOUP = 0x60000
SOUP_BYTES = PAGE_SIZE
BEHIND_SOUP = SOUP + SOUP_BYTES  # a missing page
USER = 0x70000  # three pages of data; the stack is in the last of them
USER_BYTES = 3 * PAGE_SIZE
MISSING, READ_ONLY = 0x74000, 0x76000
ROM = 0x30_0000
DEVICE = 0x7_8000  # linear; HOLE is behind it
COMMON = 0x14000  # the handler of all vectors
SOUP16_0, SOUP16_3 = 0x50, 0x5B  # selectors of 16-bit code segments that begin at SOUP


@dataclass(frozen=True)
class Ring:
    """A mode of operation, a privilege level, and how much the program there may do."""

    mode: str
    ring: int
    paging: str = ""
    vm86: bool = False

    @property
    def name(self) -> str:
        return "-".join(
            filter(None, ("vm86" if self.vm86 else self.mode, str(self.ring), self.paging))
        )

    @property
    def bits(self) -> int:
        """Of the code segment."""
        if self.vm86:
            return 16
        return {"real": 16, "protected16": 16, "long": 64}.get(self.mode, 32)

    @property
    def code_selector(self) -> int:
        if self.bits == 16:
            return SOUP16_3 if self.ring else SOUP16_0
        if self.ring:
            return USER64 if self.bits == 64 else USER32
        return CODE64 if self.bits == 64 else CODE32

    @property
    def base(self) -> int:
        """Of the code segment, which begins at SOUP if it has 16 bits."""
        return SOUP if self.bits == 16 else 0

    @property
    def handler_bits(self) -> int:
        return 16 if self.mode == "real" else 64 if self.mode in LONG_MODES else 32

    @property
    def confined(self) -> bool:
        """Whether the program cannot reach the supervisor's memory."""
        return self.ring == 3 and (bool(self.paging) or self.mode in LONG_MODES)


USER_RINGS = (
    Ring("protected32", 3, "legacy"),
    Ring("protected32", 3, "pae"),
    Ring("protected32", 3, "legacy", vm86=True),
    Ring("compatibility", 3),
    Ring("long", 3),
)
OPEN_RINGS = (
    Ring("real", 0),
    Ring("protected16", 0),
    Ring("protected32", 0),
    Ring("protected32", 3),
    Ring("protected32", 0, "legacy"),
    Ring("protected32", 0, "pae"),
    Ring("compatibility", 0),
    Ring("long", 0),
)


@functools.cache
def handler(ring: Ring) -> bytes:
    """Return the code at COMMON, which every vector leads to."""
    bits = ring.handler_bits
    constants = {
        "NEXT": NEXT,
        "LAST": LAST,
        "ENTRIES": ENTRIES,
        "SETS": SETS,
        "KERNEL": KERNEL_STACK,
        "CODE": ring.code_selector,
        "DATA": USER_DATA if ring.ring else STACK_SELECTOR,
        "SUPERVISOR": STACK_SELECTOR,
        "USER16": USER >> 4,
        "SOUP16": SOUP >> 4,
        "MASK": SET_COUNT - 1,
    }
    if bits == 16:
        source = _REAL
    elif bits == 64:
        source = _LONG
    else:
        source = _PROTECTED.replace("FRAME", _FRAME86 if ring.vm86 else _FRAMES[ring.ring])
    return assemble(source, origin=0 if bits == 16 else COMMON, bits=bits, constants=constants).code


_FRAMES = {
    0: """
        mov     esp, [eax + 128]
        push    dword ptr [eax + 32]
        push    CODE
        push    ebx
        """,
    3: """
        push    DATA
        push    dword ptr [eax + 128]
        push    dword ptr [eax + 32]
        push    CODE
        push    ebx
        """,
}
_FRAME86 = """
        push    USER16
        push    SOUP16
        push    USER16
        push    USER16
        push    USER16
        push    dword ptr [eax + 128]
        push    dword ptr [eax + 32]
        push    SOUP16
        push    ebx
        """
_PROTECTED = """
        cli
        cld
        mov     ecx, SUPERVISOR
        mov     ss, ecx
        mov     esp, KERNEL
        mov     ds, ecx
        mov     edx, NEXT
        mov     eax, [edx]
        cmp     eax, [edx + 8]
        jae     done
        mov     ebx, [eax * 4 + ENTRIES]
        inc     dword ptr [edx]
        and     eax, MASK
        shl     eax, 8
        add     eax, SETS
        FRAME
        mov     ecx, DATA
        mov     ds, ecx
        mov     es, ecx
        mov     fs, ecx
        mov     gs, ecx
        mov     ecx, [eax + 8]
        mov     edx, [eax + 16]
        mov     ebx, [eax + 24]
        mov     ebp, [eax + 40]
        mov     esi, [eax + 48]
        mov     edi, [eax + 56]
        mov     eax, [eax]
        iretd
done:   hlt
        jmp     done
"""
_LONG = """
        cli
        cld
        mov     ecx, SUPERVISOR
        mov     ss, ecx
        mov     esp, KERNEL
        mov     edx, NEXT
        mov     eax, [rdx]
        cmp     eax, [rdx + 8]
        jae     done
        mov     ecx, ENTRIES
        mov     ebx, [rcx + rax * 4]
        inc     dword ptr [rdx]
        and     eax, MASK
        shl     eax, 8
        add     eax, SETS
        push    DATA
        push    qword ptr [rax + 128]
        push    qword ptr [rax + 32]
        push    CODE
        push    rbx
        mov     ecx, DATA
        mov     ds, ecx
        mov     es, ecx
        mov     fs, ecx
        mov     gs, ecx
        mov     rcx, [rax + 8]
        mov     rdx, [rax + 16]
        mov     rbx, [rax + 24]
        mov     rbp, [rax + 40]
        mov     rsi, [rax + 48]
        mov     rdi, [rax + 56]
        mov     r8, [rax + 64]
        mov     r9, [rax + 72]
        mov     r10, [rax + 80]
        mov     r11, [rax + 88]
        mov     r12, [rax + 96]
        mov     r13, [rax + 104]
        mov     r14, [rax + 112]
        mov     r15, [rax + 120]
        mov     rax, [rax]
        iretq
done:   hlt
        jmp     done
"""
_REAL = """
        cli
        cld
        mov     ax, NEXT / 16
        mov     ds, ax
        mov     eax, [0]
        cmp     eax, [8]
        jae     done
        inc     dword ptr [0]
        mov     cx, ENTRIES / 16
        mov     ds, cx
        mov     bx, ax
        shl     bx, 2
        mov     ebx, [bx]
        and     ax, MASK
        shl     ax, 8
        mov     si, ax
        mov     cx, SETS / 16
        mov     ds, cx
        mov     cx, USER16
        mov     ss, cx
        mov     esp, [si + 128]
        mov     dx, cx
        mov     es, cx
        mov     fs, cx
        mov     cx, SOUP16
        mov     gs, cx
        push    word ptr [si + 32]
        push    cx
        push    bx
        push    dx
        mov     eax, [si]
        mov     ecx, [si + 8]
        mov     edx, [si + 16]
        mov     ebx, [si + 24]
        mov     ebp, [si + 40]
        mov     edi, [si + 56]
        mov     esi, [si + 48]
        pop     ds
        iret
done:   hlt
        jmp     done
"""
