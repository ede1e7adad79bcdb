"""MOV to and from debug registers, and watched pages, put right in Unicorn 2.1.4's code.

Unicorn keeps DR0-7 and does nothing with them. Its two routines for the
instructions also miss the #GP for upper halves that are not zero, DR7.GD, and the
bits that are fixed; and nobody could tell that breakpoints were enabled. Its hooks
for watched pages, which QEMU has, are empty. All four are replaced
(``debug_helpers.S``); every engine of the process has the first two, the fast one
uses the others.

The code is recognised by its bytes, as in :mod:`vectoros.cpu.repairs`. Where it is
not, DR0-7 are registers without an effect.
"""

from __future__ import annotations

import ctypes
import functools
import platform
import sys

from vectoros.cpu import native, unicorn_api
from vectoros.cpu.bits import CR4_DE, Hidden
from vectoros.cpu.breakpoints import CHANGED, DR7_GD, Cause
from vectoros.cpu.host_code import far_jump, overwrite, place
from vectoros.cpu.registers import OFFSET

_ENV_OFFSET = 0x8A50
"""Offset of the register file itself in CPUState."""

CPU_UC = 0x81A8
"""Offset of the pointer to ``uc_struct`` in CPUState."""

_DR6_WRITABLE, _DR6_FIXED = 0xE00F, 0xFFFF_0FF0
_DR7_WRITABLE, _DR7_FIXED = 0xFFFF_23FF, 0x400
"""What software can change, and what is always set (Intel SDM Vol. 3B, "Debug Registers")."""

_ROUTINES = {
    "helper_set_dr_x86_64": ("set_dr", "4156 4155 4154 4989fc 55 53 83fe07"),
    "helper_get_dr_x86_64": ("get_dr", "83fe05 744b 7f19 83fe04 752c f687c801000008"),
    "cpu_check_watchpoint_x86_64": ("check_watchpoint", "c3 6666 2e0f1f840000000000"),
    "cpu_watchpoint_address_matches_x86_64": ("address_matches", "31c0 c3"),
}
"""By exported name: what replaces it, and the bytes that it begins with."""


@functools.cache
def repair_debug_registers() -> str | None:
    """Replace the routines, once a process; return why it cannot be done here, or None."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"known for Linux on x86_64 only, and this is {sys.platform}"
    missing = [name for name in (*_ROUTINES, *_CALLED.values()) if not unicorn_api.exports(name)]
    if missing:
        return f"this build of unicorn does not export {missing[0]}"
    for name, (_, code) in _ROUTINES.items():
        address, expected = unicorn_api.address_of(name), bytes.fromhex(code)
        if ctypes.string_at(address, len(expected)) != expected:
            return f"this build of unicorn has another {name}"
    try:
        symbols = place("debug_helpers.S", lambda _data: _constants(), b"")
        for name, (routine, _) in _ROUTINES.items():
            overwrite(unicorn_api.address_of(name), far_jump(symbols[routine]))
    except OSError as reason:
        return str(reason)
    return None


_CALLED = {"RAISE": "raise_exception_err_ra_x86_64", "EMU_STOP": "uc_emu_stop"}


def _constants() -> dict[str, int]:
    """Return what the routines must know."""
    return {
        "ENV": _ENV_OFFSET,
        "CPU_UC": CPU_UC,
        "CR4_DE": CR4_DE,
        "HF_CS64": Hidden.CS64.value,
        "DR7_GD": DR7_GD,
        "DR6_WRITABLE": _DR6_WRITABLE,
        "DR6_FIXED": _DR6_FIXED,
        "DR7_WRITABLE": _DR7_WRITABLE,
        "DR7_FIXED": _DR7_FIXED,
        "CHANGED": CHANGED,
        "DETECT": Cause.DETECT.value,
        "ENV_CR4": OFFSET["cr4"],
        "ENV_HFLAGS": OFFSET["_hflags"],
        **{f"ENV_DR{number}": OFFSET["dr"] + 8 * number for number in range(8)},
        **{f"ST_{name.upper()}": getattr(native.State, name).offset for name in _STATE},
        **{name: unicorn_api.address_of(symbol) for name, symbol in _CALLED.items()},
    }


_STATE = ("watch_first", "watch_last", "examine")
