"""Eight defects of Unicorn 2.1.4, repaired in its code in memory, and one detour cut short.

1. ``idiv r32`` with a dividend of -2**63 and a divisor of -1 ends the host's
   process, from ring 3, too. Hardware raises #DE (Intel SDM Vol. 2A, "IDIV").
2. BT, BTS, BTR and BTC leave OF, SF, AF and PF undefined, and Unicorn takes
   whatever is cheapest to compute where the block of translated code began. So a
   pause, which makes a block begin elsewhere, would be visible to the guest, and
   sooner or later be in its memory as part of an interrupt's frame. Repaired, they
   leave those flags as they were.
3. A store that goes past Unicorn's check for translated code must be impossible
   while its page holds any. When a block is made, Unicorn takes the short way only
   from the *linear* page of the block, so a store through a second mapping of the
   same memory changes the code unnoticed. Repaired, as in QEMU: it is taken from
   all mappings of a page of memory when that gets its first block.
4. After such a check, Unicorn gives the short way back if the *mapping* cannot be
   executed: too often, when the memory can be through another one, and not often
   enough for a guest that does not use NX, whose every store is checked. Repaired,
   as in QEMU: it is given back if the memory holds no translated code (any more).
5. A store that is not aligned is made byte by byte in such pages. If one changes the
   running block, the instruction begins anew as a block of its own; by then, some
   bytes may be stored, and an addition to memory adds to them twice. A pause before
   the instruction avoids it, and so is visible. Repaired, the whole store is checked
   before the first byte is stored.
6. Where a block ends in an indirect jump, the next one is entered directly if it has
   been met before, without a look at INTR. Behind STI that look is due: INTR could not
   be taken before. So the interrupt came at once or much later, by what had been
   translated so far (Linux enables interrupts by ``sti; ret``). Repaired, there is a look
   behind every interrupt shadow.
7. A TLB that was used little for a tenth of a second shrinks: of the host's time. What
   it still holds shows in accessed and dirty bits that the guest has cleared without
   INVLPG, as Linux does. Repaired, the window is a number of flushes.
8. Nobody is told that an instruction begins anew, though the rest of its block, which
   was charged, has not run. Repaired, Unicorn counts it, beside the blocks that it
   has invalidated.
9. Each block begins with a call that looks whether Unicorn was told to stop. Where
   only the block hook ever does that, which leaves the block itself, the call is left
   out: if ``uc_struct.no_exit_request`` is set, which leaves out those at each access.

The code is recognised by its bytes in the Linux x86-64 wheel. A page is writable
or executable, never both, and not executable while it is being written: no other
thread may be running Unicorn when the first engine is made. Other users of Unicorn
in this process see no difference but the repairs.

The fast engine insists on all. The portable one computes the flags and looks at INTR at
every instruction, and can have all stores checked, so it takes them where it can.
"""

from __future__ import annotations

import functools
import platform
import sys

from vectoros.cpu import guards, host_code, stack_guard, unicorn_api
from vectoros.cpu.host_code import Place, far_jump, overwrite
from vectoros.cpu.native import (
    CPU_CFLAGS_NEXT_TB,
    RESTARTS_SHIFT,
    TCG_INVALIDATIONS,
    UC_CPU,
    UC_NO_EXIT_REQUEST,
    UC_TCG,
)
from vectoros.cpu.registers import OFFSET

DIVISION = Place(
    "helper_idivl_EAX_x86_64",
    0,
    bytes.fromhex("488b4710 8b17 48c1e020 4809d0 85f6 741e 4863f6 4899 48f7fe"),
)
"""All up to the host's own division."""

BIT_TEST = Place(
    "gen_intermediate_code_x86_64", -0xFAE2, bytes.fromhex("83e802 83f82b 0f87b86e0000")
)
"""``sub eax, 2; cmp eax, 43; ja default``: 45 ways to compute flags lazily, but for two."""

BIT_TEST_REPAIRED = bytes.fromhex("83e802 83f82b 90e9b86e0000")
"""``ja`` has become ``nop; jmp``: always compute all flags, and replace CF."""

SHADOW = Place("gen_intermediate_code_x86_64", -0x19965, bytes.fromhex("b8f7ffffff 482183a8000000"))
"""What do_gen_eob_worker() does only for a block in an interrupt shadow: ``mov eax, ~8;
and [rbx + 168], rax``: the shadow is over, as far as translation goes."""

SHADOW_REPAIRED = bytes.fromhex("80a3a8000000f7 4531f6 6690")
"""``and byte [rbx + 168], ~8; xor r14d, r14d``: and the block does not end in a jump."""

FIRST_BLOCK = Place(
    "tlb_protect_code_x86_64", 0, bytes.fromhex("4889f7 ba01000000 be00100000 e97e96f9ff")
)
"""What is called when a page of memory gets its first block. It does nothing of use."""

EVERY_BLOCK = Place(
    "tlb_reset_dirty_by_vaddr_x86_64",
    0,
    bytes.fromhex(
        "4989f9 4989f0 4889d7 4d8b9928010000 4d8d53c0 498db3c8f7ffff 4983eb10"
        "498b02 48c1e806 488d5001 83f8ff 7445 498b4a08 83ea01 48c1e206 488d4108"
    ),
)
"""What is called when a block is made, and goes through all TLBs. It is of no use any more."""

CHECKED = Place("tlb_set_dirty_x86_64", 0x26D, bytes.fromhex("48837d10ff 747c"))
"""The last test of notdirty_write(), which is not exported: ``cmp [entry.addr_code], -1; je``."""

BLOCK_CHECK = Place(
    "translator_loop_x86_64",
    0x283,
    bytes.fromhex("488b3526650201 4889ef 4c899c2488000000 4c895c2420 4c89b42480000000 e8b987f2ff"),
)
"""Where each block gets its call of helper_check_exit_request(); the last five bytes do it."""

TLB_SIZE = Place(
    "tlb_flush_by_mmuidx_x86_64",
    -0x1960,
    bytes.fromhex(
        "4155 4989d5 4154 4989fc 55 4889f5 53 4883ec08 488b36 488b4710"
        "4c8b4f20 488b4f18 48c1ee06 4c8d8000e1f505"
    ),
)
"""The beginning of tlb_mmu_resize_locked(), up to ``lea r8, [rax + 100000000]``: a tenth of
a second after the window began, by the host's clock."""

TLB_SIZE_REPAIRED = bytes.fromhex(
    "4155 6a7f 415d 4154 4989fc 55 4889f5 53 50 488b36 48ff4f10 4c8b4710 4d01e8"
    "4c8b4f20 488b4f18 48c1ee06 6690"
)
"""A window is 127 flushes. ``now`` is 127, always; what was the window's beginning is that
when one begins, and counts down; the window is over when 127 > beginning + 127."""

BEGIN_ANEW = Place(
    "tb_invalidate_phys_page_range_x86_64",
    -0x21,
    bytes.fromhex("488b442420 c7401801000000 4889c7 e82d2cf7ff"),
)
"""The end of tb_invalidate_phys_page_range__locked(): one instruction, from the main loop."""

STORE_BYTE = Place(
    "helper_ret_stb_mmu_x86_64", 0, bytes.fromhex("4157 4156 4155 4989fd 4154 55 53 89cb")
)
"""The beginning of what stores a byte, alone or as a part of a store that is not aligned."""

_LEAST = 1 << 63

_STEP = 16
"""Bytes from one far jump to the next in the freed EVERY_BLOCK. Places that are too short
for one, or that call, lead there: CHECKED to the first, BLOCK_CHECK to the second."""

_PLACES = (
    DIVISION,
    BIT_TEST,
    SHADOW,
    FIRST_BLOCK,
    EVERY_BLOCK,
    CHECKED,
    STORE_BYTE,
    BLOCK_CHECK,
    TLB_SIZE,
    BEGIN_ANEW,
)
_CALLED = {
    "RAISE": "raise_exception_ra_x86_64",
    "HOST_ADDRESS": "qemu_map_ram_ptr_x86_64",
    "CHECK_STORES": "tlb_reset_dirty_x86_64",
    "EMIT_CALL": "tcg_gen_callN_x86_64",
    "CHECK": "tb_invalidate_phys_page_fast_x86_64",
    "LEAVE_BLOCK": "cpu_loop_exit_noexc_x86_64",
    "RAM_NUMBER": "qemu_ram_addr_from_host_x86_64",
}
_OFFSETS = {
    "UC_CPU": UC_CPU,
    "UC_TCG": UC_TCG,
    "TCG_INVALIDATIONS": TCG_INVALIDATIONS,
    "RESTARTS_SHIFT": RESTARTS_SHIFT,
    "CPU_CFLAGS_NEXT_TB": CPU_CFLAGS_NEXT_TB,
    "LEAVING": 0x20,  # in the frame of tb_invalidate_phys_page_range__locked(): CPUState
    "UC_PAGES": 0x2E0,  # in uc_struct: the tree of page descriptors: its root,
    "UC_ROOT_SIZE": 0x2F0,  # how many entries that has,
    "UC_ROOT_SHIFT": 0x2F4,  # which bits of a page's number select one,
    "UC_LEVELS": 0x2F8,  # and the levels between it and the descriptors
    "UC_STORING": 0x568,  # in bytes, a store that is being made byte by byte; else 0
    "TCG_UC": 0x9970,  # in the code generator's context
    "UC_NO_EXIT_REQUEST": UC_NO_EXIT_REQUEST,
    "ENV_UC": 0x1B58,  # behind the register file
    "ENV_TLB_MASK": -0x40,  # before it: for each kind of access, a mask,
    "ENV_TLB": -0x38,  # and where the entries are
    "CPU_UC": 0x81A8,  # in CPUState
    "REGION_RIGHTS": 0x88,  # in MemoryRegion: what uc_mem_map() was told
    "ENTRY_WRITE": 8,  # in a TLB's entry: the address for stores, and flags
    "ENTRY_CODE": 0x10,  # the address for fetches, or -1
    "ENTRY_ADDEND": 0x20,  # from a linear address to the host's
    "CHECK_THIS": 0x400,  # the flag that has a store checked: TLB_NOTDIRTY
    "RAM_ADDRESS": 0x10,  # in the frame of notdirty_write()
}
_CHECKED_KEEP, _CHECKED_GIVE_BACK = 7, 0x83
"""Where notdirty_write() goes on, from CHECKED: to its end, and with the hooks of stores."""


@functools.cache
def repair() -> str | None:
    """Repair Unicorn, once a process; return why it cannot be done here, or None if it is."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"known for Linux on x86_64 only, and this is {sys.platform}"
    names = [*(place.symbol for place in _PLACES), *_CALLED.values()]
    names += [*guards.NAMES, *stack_guard.NAMES]
    missing = [name for name in names if not unicorn_api.exports(name)]
    if missing:
        return f"this build of unicorn does not export {missing[0]}"
    for place in _PLACES:
        if not place.known:
            return f"this build of unicorn has other code at {place.symbol}{place.offset:+#x}"
    if (reason := guards.problem() or stack_guard.problem()) is not None:
        return reason
    try:
        routines = _routines()
        for place, code in _repaired(routines):
            overwrite(place.address, code)
        for address, code in guards.put_up():
            overwrite(address, code)
        stack_guard.put_up()
    except OSError as failure:
        return str(failure)
    return None


def _repaired(routines: dict[str, int]) -> list[tuple[Place, bytes]]:
    """Return what each place is to become. None is used before the last is written."""
    step = EVERY_BLOCK.address + _STEP
    to_first = _near(CHECKED.address + 5, step)
    to_second = _near(BLOCK_CHECK.address + len(BLOCK_CHECK.code), step + _STEP)
    steps = (b"\xc3", far_jump(routines["checked"]), far_jump(routines["block_check"]))  # ret
    return [
        (DIVISION, far_jump(routines["idivl"])),
        (BIT_TEST, BIT_TEST_REPAIRED),
        (SHADOW, SHADOW_REPAIRED),
        (TLB_SIZE, TLB_SIZE_REPAIRED),
        (FIRST_BLOCK, far_jump(routines["first_block"])),
        (EVERY_BLOCK, b"".join(code.ljust(_STEP, b"\xcc") for code in steps)),
        (CHECKED, b"\xe9" + to_first + b"\x90\x90"),  # jmp
        (BLOCK_CHECK, BLOCK_CHECK.code[:-4] + to_second),
        (STORE_BYTE, far_jump(routines["store_byte"])),
        (BEGIN_ANEW, far_jump(routines["begin_anew"])),
    ]


def _near(behind: int, target: int) -> bytes:
    """Return the distance from ``behind`` a jump or call to ``target``, as it has it."""
    return (target - behind).to_bytes(4, "little", signed=True)


def _routines() -> dict[str, int]:
    """Assemble ``repairs.S`` into a page of its own; return where its routines are."""
    constants = {
        "RAX": OFFSET["gpr"],
        "RDX": OFFSET["gpr"] + 16,
        "LEAST": _LEAST,
        "KEEP": CHECKED.address + _CHECKED_KEEP,
        "STORE_GOES_ON": STORE_BYTE.address + len(STORE_BYTE.code),
        "GIVE_BACK": CHECKED.address + _CHECKED_GIVE_BACK,
        **{name: unicorn_api.address_of(symbol) for name, symbol in _CALLED.items()},
        **_OFFSETS,
    }
    return host_code.place("repairs.S", lambda _data: constants, b"")
