"""CPUID: what our CPU says of itself, where Unicorn's model does not tell the truth.

The model underneath is Unicorn's Sandy Bridge: the newest without RDRAND, whose
results would come from the host. Unicorn answers the leaves that are not
mentioned here (Intel SDM Vol. 2A, "CPUID").
"""

from __future__ import annotations

from vectoros.units import TICKS_PER_SECOND

CRYSTAL_HZ = 25_000_000

Leaf = tuple[int, int, int, int]
"""EAX, EBX, ECX, EDX."""

_MAXIMUM_LEAF, _MAXIMUM_EXTENDED_LEAF = 0x16, 0x8000_0008
_EXTENDED, _HYPERVISOR = 0x8000_0000, 0x4000_0000
_VENDOR = (0x756E_6547, 0x6C65_746E, 0x4965_6E69)  # "GenuineIntel" in EBX, ECX, EDX
_OSXSAVE = 1 << 27
_CR4_OSXSAVE = 1 << 18
_MHZ = TICKS_PER_SECOND // 1_000_000

LEAVES: dict[tuple[int, int], Leaf] = {
    (0, 0): (_MAXIMUM_LEAF, *_VENDOR),
    # Family 6, model 42. SSE3 PCLMUL SSSE3 CX16 SSE4.1 SSE4.2 POPCNT AES XSAVE and the
    # hypervisor bit; no local APIC, no MONITOR, no AVX.
    (1, 0): (0x0002_06A1, 0x0000_0800, 0x8698_2203, 0x078B_F9FD),
    # No MONITOR; no local APIC, whose timer would have to run always.
    (5, 0): (0, 0, 0, 0),
    (6, 0): (0, 0, 0, 0),
    # SMEP: Unicorn heeds CR4's bit with every model.
    (7, 0): (0, 1 << 7, 0, 0),
    # XSAVE: x87 and SSE state, 576 bytes. XSAVEOPT.
    (0xD, 0): (3, 0x240, 0x240, 0),
    (0xD, 1): (1, 0, 0, 0),
    (0xD, 2): (0, 0, 0, 0),
    # The time-stamp counter neither stops nor changes its rate,
    (0x8000_0007, 0): (0, 0, 0, 1 << 8),
    # The time-stamp counter runs at CRYSTAL_HZ * EBX / EAX.
    (0x15, 0): (1, TICKS_PER_SECOND // CRYSTAL_HZ, CRYSTAL_HZ, 0),
    (0x16, 0): (_MHZ, _MHZ, 100, 0),
    # RDTSCP NX SYSCALL and long mode as Unicorn has it, and 1 GiB pages, which its MMU maps.
    (0x8000_0001, 0): (0x0002_06A1, 0, 1, 0x2C10_0800),
}
"""By leaf and subleaf; the second is 0 where a leaf has none."""

_SUBLEAVES = (7, 0xD)

_EMPTY: Leaf = (0, 0, 0, 0)
_FIRST_EMPTY, _LAST_EMPTY = 0xE, 0x14


def cpuid(leaf: int, subleaf: int, cr4: int) -> Leaf | None:
    """Return the registers for ``leaf``, or None if Unicorn's own answer stands."""
    if leaf >> 28 == _HYPERVISOR >> 28 or _FIRST_EMPTY <= leaf <= _LAST_EMPTY:
        return _EMPTY
    if leaf > _MAXIMUM_EXTENDED_LEAF or _MAXIMUM_LEAF < leaf < _EXTENDED:
        leaf, subleaf = _MAXIMUM_LEAF, 0  # a leaf that is none has the last one's data
    found = LEAVES.get((leaf, subleaf if leaf in _SUBLEAVES else 0))
    if leaf == 1 and found is not None and cr4 & _CR4_OSXSAVE:
        return found[0], found[1], found[2] | _OSXSAVE, found[3]
    return found
