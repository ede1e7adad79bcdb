"""The register file: what Unicorn keeps of an x86 CPU, as typed fields.

Both engines work on this one structure. The fast engine lays it over the live
CPU; the portable engine lays it over a copy that Unicorn's public context calls
fill and take back. Offsets are those of ``CPUX86State`` in Unicorn 2.1.4 on a
64-bit host; :mod:`vectoros.cpu.selftest` proves each of them before an engine is
used, because they are the library's private business.

Names follow the Intel SDM. Fields whose names begin with an underscore are
Unicorn's own bookkeeping and never part of a snapshot or a state hash.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from vectoros.cpu.bits import (
    ARITHMETIC_FLAGS,
    CC_OP_EFLAGS,
    CR0_EM,
    CR0_MP,
    CR0_PE,
    CR0_TS,
    CR4_OSFXSR,
    CR4_SMAP,
    DESC_B,
    DESC_DPL_SHIFT,
    DESC_L,
    EFER_LMA,
    Flag,
    Hidden,
    Hidden2,
    Seg,
)
from vectoros.errors import hold

CONTEXT_BYTES = 0x15C0
"""Size of ``CPUX86State`` up to the part that no context call copies."""


class Segment(ctypes.Structure):
    """A segment register with its hidden part (Intel SDM Vol. 3A, "Segment Registers").

    ``flags`` is the high half of the descriptor as loaded; only
    :data:`VISIBLE_ATTRIBUTES` of it are architectural.
    """

    if TYPE_CHECKING:
        selector: int
        base: int
        limit: int
        flags: int

    _fields_ = (
        ("selector", ctypes.c_uint32),
        ("base", ctypes.c_uint64),
        ("limit", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
    )

    def load(self, selector: int, base: int, limit: int, flags: int) -> None:
        """Set all four parts."""
        self.selector, self.base, self.limit, self.flags = selector, base, limit, flags

    @property
    def dpl(self) -> int:
        """Descriptor privilege level."""
        return self.flags >> DESC_DPL_SHIFT & 3


class FpuRegister(ctypes.Structure):
    """One 80-bit x87 register in its 16-byte cell."""

    if TYPE_CHECKING:
        mantissa: int
        exponent: int

    _fields_ = (
        ("mantissa", ctypes.c_uint64),
        ("exponent", ctypes.c_uint16),
        ("_pad", ctypes.c_uint8 * 6),
    )


class ZmmRegister(ctypes.Structure):
    """One vector register in its 64-byte cell; only the low 16 bytes exist on our CPU."""

    if TYPE_CHECKING:
        low: int
        high: int

    _fields_ = (
        ("low", ctypes.c_uint64),
        ("high", ctypes.c_uint64),
        ("_pad", ctypes.c_uint8 * 48),
    )


LAYOUT: tuple[tuple[str, int, type], ...] = (
    ("gpr", 0x000, ctypes.c_uint64 * 16),
    ("rip", 0x080, ctypes.c_uint64),
    ("_eflags", 0x088, ctypes.c_uint64),  # without the arithmetic flags and DF
    ("_cc_dst", 0x090, ctypes.c_uint64),
    ("_cc_src", 0x098, ctypes.c_uint64),
    ("_cc_src2", 0x0A0, ctypes.c_uint64),
    ("_cc_op", 0x0A8, ctypes.c_uint32),
    ("_df", 0x0AC, ctypes.c_int32),  # 1, or -1 while RFLAGS.DF is set
    ("_hflags", 0x0B0, ctypes.c_uint32),
    ("_hflags2", 0x0B4, ctypes.c_uint32),
    ("segs", 0x0B8, Segment * 6),
    ("ldtr", 0x148, Segment),
    ("tr", 0x160, Segment),
    ("gdtr", 0x178, Segment),
    ("idtr", 0x190, Segment),
    ("cr0", 0x1A8, ctypes.c_uint64),
    ("cr2", 0x1B8, ctypes.c_uint64),
    ("cr3", 0x1C0, ctypes.c_uint64),
    ("cr4", 0x1C8, ctypes.c_uint64),
    ("cr8", 0x1E8, ctypes.c_uint64),
    ("_a20_mask", 0x1F0, ctypes.c_int32),
    ("efer", 0x250, ctypes.c_uint64),
    ("fpu_top", 0x25C, ctypes.c_uint32),
    ("fpu_status", 0x260, ctypes.c_uint16),  # without TOP
    ("fpu_control", 0x262, ctypes.c_uint16),
    ("fpu_empty", 0x264, ctypes.c_uint8 * 8),  # by physical register: 1 if empty
    ("fpu", 0x270, FpuRegister * 8),  # by physical register
    ("fpu_opcode", 0x2F0, ctypes.c_uint16),
    ("fpu_cs", 0x2F2, ctypes.c_uint16),
    ("fpu_ds", 0x2F4, ctypes.c_uint16),
    ("fpu_ip", 0x2F8, ctypes.c_uint64),
    ("fpu_dp", 0x300, ctypes.c_uint64),
    ("mxcsr", 0x330, ctypes.c_uint32),
    ("xmm", 0x338, ZmmRegister * 16),
    ("sysenter_cs", 0x12C0, ctypes.c_uint32),
    ("sysenter_esp", 0x12C8, ctypes.c_uint64),
    ("sysenter_eip", 0x12D0, ctypes.c_uint64),
    ("star", 0x12D8, ctypes.c_uint64),
    ("lstar", 0x12E8, ctypes.c_uint64),
    ("cstar", 0x12F0, ctypes.c_uint64),
    ("fmask", 0x12F8, ctypes.c_uint64),
    ("kernel_gs_base", 0x1300, ctypes.c_uint64),
    ("tsc_aux", 0x1320, ctypes.c_uint64),
    ("xcr0", 0x1328, ctypes.c_uint64),
    ("misc_enable", 0x1338, ctypes.c_uint64),
    ("pat", 0x14A0, ctypes.c_uint64),
    ("_error_code", 0x1508, ctypes.c_int32),
    ("_exception_is_int", 0x150C, ctypes.c_int32),
    ("_exception_next_rip", 0x1510, ctypes.c_uint64),
    ("dr", 0x1518, ctypes.c_uint64 * 8),
    ("_old_exception", 0x1578, ctypes.c_int32),
    ("_vm_vmcb", 0x1580, ctypes.c_uint64),
)
"""Name, offset in bytes, type: the only place that knows an offset."""

_DF = Flag.DF.value

OFFSET = {name: offset for name, offset, _ in LAYOUT}


def _fields() -> list[tuple[str, type]]:
    """Return ``LAYOUT`` with the gaps filled, as ctypes wants it."""
    fields: list[tuple[str, type]] = []
    end = 0
    for name, offset, kind in (*LAYOUT, ("_end", CONTEXT_BYTES, ctypes.c_uint8 * 0)):
        hold(offset >= end, f"register {name} at {offset:#x} overlaps the one before it")
        if offset > end:
            fields.append((f"_gap_{end:x}", ctypes.c_uint8 * (offset - end)))
        fields.append((name, kind))
        end = offset + ctypes.sizeof(kind)
    return fields


_CS64 = Hidden.CS64.value
"""A plain number, because an enumeration's ``&`` takes half a microsecond."""


class Registers(ctypes.Structure):
    """The CPU's registers, live or as a copy."""

    if TYPE_CHECKING:
        gpr: ctypes.Array[ctypes.c_uint64]
        rip: int
        segs: ctypes.Array[Segment]
        ldtr: Segment
        tr: Segment
        gdtr: Segment
        idtr: Segment
        cr0: int
        cr2: int
        cr3: int
        cr4: int
        cr8: int
        efer: int
        fpu_top: int
        fpu_status: int
        fpu_control: int
        fpu_empty: ctypes.Array[ctypes.c_uint8]
        fpu: ctypes.Array[FpuRegister]
        fpu_opcode: int
        fpu_cs: int
        fpu_ds: int
        fpu_ip: int
        fpu_dp: int
        mxcsr: int
        xmm: ctypes.Array[ZmmRegister]
        sysenter_cs: int
        sysenter_esp: int
        sysenter_eip: int
        star: int
        lstar: int
        cstar: int
        fmask: int
        kernel_gs_base: int
        tsc_aux: int
        xcr0: int
        misc_enable: int
        pat: int
        dr: ctypes.Array[ctypes.c_uint64]
        _eflags: int
        _cc_dst: int
        _cc_src: int
        _cc_src2: int
        _cc_op: int
        _df: int
        _hflags: int
        _hflags2: int
        _a20_mask: int
        _error_code: int
        _exception_is_int: int
        _exception_next_rip: int
        _old_exception: int
        _vm_vmcb: int

    _pack_ = 1
    _fields_ = tuple(_fields())

    @property
    def rflags(self) -> int:
        """RFLAGS; an engine must have computed Unicorn's lazy flags before."""
        hold(self._cc_op == CC_OP_EFLAGS, "RFLAGS read while the arithmetic flags are lazy")
        flags = self._eflags & ~(ARITHMETIC_FLAGS | _DF) | 2
        return flags | self._cc_src & ARITHMETIC_FLAGS | (_DF if self._df < 0 else 0)

    @rflags.setter
    def rflags(self, value: int) -> None:
        self._cc_op = CC_OP_EFLAGS
        self._cc_src = value & ARITHMETIC_FLAGS
        self._df = -1 if value & _DF else 1
        self._eflags = value & ~(ARITHMETIC_FLAGS | _DF) | 2

    def settle_flags(self) -> None:
        """Take the arithmetic flags from ``_eflags``, where Unicorn puts them when it stops."""
        self._cc_src = self._eflags & ARITHMETIC_FLAGS
        self._cc_op = CC_OP_EFLAGS

    @property
    def cpl(self) -> int:
        """Current privilege level."""
        return self._hflags & Hidden.CPL

    @property
    def interrupt_shadow(self) -> bool:
        """Whether the next instruction is shielded by STI, MOV SS or POP SS."""
        return bool(self._hflags & Hidden.INHIBIT_IRQ)

    @interrupt_shadow.setter
    def interrupt_shadow(self, value: bool) -> None:
        self._hflags = self._hflags & ~Hidden.INHIBIT_IRQ | (Hidden.INHIBIT_IRQ if value else 0)

    @property
    def nmi_blocked(self) -> bool:
        """Whether an NMI handler has not yet returned."""
        return bool(self._hflags2 & Hidden2.NMI)

    @nmi_blocked.setter
    def nmi_blocked(self, value: bool) -> None:
        self._hflags2 = self._hflags2 & ~Hidden2.NMI | (Hidden2.NMI if value else 0)

    @property
    def code_bits(self) -> int:
        """Operand size that CS gives: 16, 32 or 64 bits."""
        if self._hflags & Hidden.CS64:
            return 64
        return 32 if self._hflags & Hidden.CS32 else 16

    @property
    def mode(self) -> str:
        """Operating mode, in the SDM's words."""
        if not self.cr0 & CR0_PE:
            return "real"
        if self.efer & EFER_LMA:
            return "64-bit" if self._hflags & Hidden.CS64 else "compatibility"
        if self._eflags & Flag.VM:
            return "virtual-8086"
        return f"{self.code_bits}-bit protected"

    @property
    def linear_rip(self) -> int:
        """Linear address of the next instruction."""
        if self._hflags & _CS64:
            return self.rip
        return self.segs[Seg.CS].base + self.rip & 0xFFFF_FFFF

    def update_hidden(self) -> None:
        """Derive ``_hflags`` from the architectural registers, keeping the interrupt shadow."""
        cs, ss = self.segs[Seg.CS], self.segs[Seg.SS]
        flags = self._eflags
        hidden = self._hflags & (Hidden.INHIBIT_IRQ | Hidden.SMAP)
        hidden |= ss.dpl if self.cr0 & CR0_PE else 0
        if flags & Flag.VM:
            hidden |= Hidden.CPL
        hidden |= Hidden.PE if self.cr0 & CR0_PE else 0
        hidden |= (self.cr0 & (CR0_MP | CR0_EM | CR0_TS)) << 8
        hidden |= Hidden.OSFXSR if self.cr4 & CR4_OSFXSR else 0
        hidden = hidden & ~Hidden.SMAP | (Hidden.SMAP if self.cr4 & CR4_SMAP else 0)
        if self.efer & EFER_LMA:
            hidden |= Hidden.LMA
            if cs.flags & DESC_L:
                self._hflags = hidden | Hidden.CS32 | Hidden.SS32 | Hidden.CS64
                return
        hidden |= Hidden.CS32 if cs.flags & DESC_B else 0
        hidden |= Hidden.SS32 if ss.flags & DESC_B else 0
        flat = self.segs[Seg.DS].base | self.segs[Seg.ES].base | ss.base
        if not self.cr0 & CR0_PE or flags & Flag.VM or not hidden & Hidden.CS32 or flat:
            hidden |= Hidden.ADDSEG
        self._hflags = hidden


hold(ctypes.sizeof(Registers) == CONTEXT_BYTES, "the register layout does not fill its structure")
hold(
    all(getattr(Registers, name).offset == offset for name, offset, _ in LAYOUT),
    "a register is not where its table says",
)
