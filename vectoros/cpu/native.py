"""The fast engine's native side: its state block, and the code of ``native*.S``.

The code is assembled when the first fast engine is made and lies in one page
that is writable before and executable after, never both. It calls functions
that Unicorn's Linux wheel exports; :func:`missing_symbols` says whether they
are there.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING

from vectoros.assembler import Source, assemble_sources
from vectoros.cpu import translated, unicorn_api
from vectoros.cpu.bits import (
    CR4_PAE,
    CR4_SMEP,
    DESC_P,
    EFER_LMA,
    EFER_NXE,
    Flag,
    Hidden,
)
from vectoros.cpu.breakpoints import B_BITS, PENDING_CELL, Cause
from vectoros.cpu.faults import EXT_BIT, IDT_BIT, Vector
from vectoros.cpu.paging import Access
from vectoros.cpu.registers import OFFSET
from vectoros.cpu.tss import TSS_NONE
from vectoros.errors import hold

UC_CPU = 0x1B8
"""Offset of the pointer to CPUState in Unicorn 2.1.4's ``uc_struct``."""

UC_TCG = 0x300
"""Offset of the pointer to the code generator's context in ``uc_struct``."""

TCG_INVALIDATIONS = 0xD8
"""Offset in that context of the number of blocks invalidated so far."""

RESTARTS_SHIFT = 48
"""In the bits of it from here on, repairs.S counts instructions that began anew."""

TCG_PC_START = 0xA650
"""Offset in that context of the linear address of the instruction translated last."""

NO_FLAGS = 0xFFFF_FFFF
"""In place of a block's flags: those that it has by default."""

ONE_INSTRUCTION = 1
"""Flags of a block of one instruction."""

UC_NO_EXIT_REQUEST, UC_INIT_DONE = 0x7F2, 0x7F3
"""Offsets of two flags in ``uc_struct``. The first tells the translator to leave out
a check at every load and store that only a stop from outside a block hook needs; the
second, which is 1 once the CPU exists, shows that they are where they are said to be."""

CPU_ENV = 0x128
"""Offset of the pointer to the register file in CPUState."""

CPU_CFLAGS_NEXT_TB = 0x18
"""Offset of the flags of the next block alone: n lets it have n instructions."""

CPU_INTERRUPT_REQUEST = 0x1C
"""Offset of the pending-interrupt bits."""

CPU_EXCEPTION_INDEX = 0x81A0
"""Offset of the vector that is being raised."""

CPU_MEM_IO_PC = 0x8178
"""Offset of the host address of the code that is making an MMIO access."""

INTERRUPT_NMI = 0x200
INTERRUPT_VIRQ = 0x100

VMCB_VECTOR = 0x64
"""Offset in the page at ``_vm_vmcb`` from which the CPU fetches an interrupt's vector."""

LOG_ENTRIES = 64
"""Deliveries that are remembered; a power of two."""

STUCK_LIMIT, STUCK_TICKS = 256, 4096
"""So many deliveries while no instruction retires, and each further one takes so long.

A handler that faults at its first instruction, on a stack of its own, goes on for
ever. Its time must pass, or nothing could stop it.
"""

NOWHERE = -(1 << 63)
"""A budget that never is: no block may cross the deadline, no look ahead is under way."""

LONGEST = 15
"""Bytes of an instruction (Intel SDM Vol. 2A, "Instruction Format")."""

DONE = 0x100
"""No vector: the instruction that Unicorn does not know has been done in Python."""

_NEVER = (1 << 64) - 1

_FUNCTIONS = {
    "emu_stop": "uc_emu_stop",
    "leave": "helper_check_exit_request_x86_64",
    "do_interrupt": "x86_cpu_do_interrupt_x86_64",
    "compute_flags": "cpu_cc_compute_all_x86_64",
    "raise_": "raise_exception_err_x86_64",
    "restore": "cpu_restore_state_x86_64",
    "load_code": "cpu_ldub_code_x86_64",
}
_CALLED_FROM_PYTHON = (*translated.SYMBOLS, "tlb_flush_x86_64")


class LogEntry(ctypes.Structure):
    """One delivery, as ``native.S`` records it."""

    if TYPE_CHECKING:
        tick: int
        rip: int
        rsp: int
        cr2: int
        vector: int
        error_code: int
        software: int
        cs: int
        cpl: int
        delivered: int

    _fields_ = (
        ("tick", ctypes.c_uint64),
        ("rip", ctypes.c_uint64),
        ("rsp", ctypes.c_uint64),
        ("cr2", ctypes.c_uint64),
        ("vector", ctypes.c_uint32),
        ("error_code", ctypes.c_uint32),
        ("software", ctypes.c_uint32),
        ("cs", ctypes.c_uint32),
        ("cpl", ctypes.c_uint32),
        ("delivered", ctypes.c_uint32),
        ("_pad", ctypes.c_uint64),
    )


class State(ctypes.Structure):
    """The block that the native callbacks and Python share."""

    if TYPE_CHECKING:
        budget: int
        deadline: int
        last_pc: int
        last_size: int
        invalidations_at: int
        invalidations: int
        uc: int
        env: int
        cross_at: int
        ahead_at: int
        delivering_at: int
        delivering_rip: int
        stuck_at: int
        stuck: int
        refused: int
        software: int
        cr2: int
        syscalls: int
        log_count: int
        emu_stop: int
        leave: int
        do_interrupt: int
        compute_flags: int
        raise_: int
        load_code: int
        restore: int
        now: int
        port_in: int
        port_out: int
        port_check: int
        sysenter: int
        undo_int: int
        count_at: int
        never: int
        careful: int
        withheld: int
        verdict: int
        examine: int
        debug_event: int
        undefined: int
        break_at: ctypes.Array[ctypes.c_uint64]
        watch_first: ctypes.Array[ctypes.c_uint64]
        watch_last: ctypes.Array[ctypes.c_uint64]
        vectors: ctypes.Array[ctypes.c_uint64]
        log: ctypes.Array[LogEntry]

    _fields_ = (
        ("budget", ctypes.c_int64),  # ticks left to the deadline
        ("deadline", ctypes.c_int64),  # the tick at which budget is 0
        ("last_pc", ctypes.c_uint64),  # linear address of the block charged last
        ("last_size", ctypes.c_uint64),  # how much of it is charged, in bytes
        ("invalidations_at", ctypes.c_uint64),  # host address of Unicorn's count of them
        ("invalidations", ctypes.c_uint64),  # that count at the block charged last
        ("env", ctypes.c_uint64),  # host address of the register file
        ("cross_at", ctypes.c_int64),  # the budget with which one block may cross the deadline
        ("ahead_at", ctypes.c_int64),  # the budget with which we made an interrupt shadow
        ("delivering_at", ctypes.c_int64),  # the budget and the RIP at which delivery began
        ("delivering_rip", ctypes.c_uint64),
        ("stuck_at", ctypes.c_uint64),  # tick of the last delivery
        ("stuck", ctypes.c_uint32),  # deliveries at that tick
        ("refused", ctypes.c_uint32),  # a block was refused: the slice has ended
        ("software", ctypes.c_uint32),  # INT n, INT3 or INTO is being delivered
        ("_pad", ctypes.c_uint32),
        ("uc", ctypes.c_uint64),  # host address of the Unicorn instance
        ("cr2", ctypes.c_uint64),  # CR2 as the guest last saw it
        ("syscalls", ctypes.c_uint64),
        ("log_count", ctypes.c_uint64),
        ("emu_stop", ctypes.c_uint64),
        ("leave", ctypes.c_uint64),
        ("do_interrupt", ctypes.c_uint64),
        ("compute_flags", ctypes.c_uint64),
        ("raise_", ctypes.c_uint64),
        ("load_code", ctypes.c_uint64),
        ("restore", ctypes.c_uint64),
        ("now", ctypes.c_int64),  # tick of the boundary before the access that called Python
        ("port_in", ctypes.c_uint64),
        ("port_out", ctypes.c_uint64),
        ("port_check", ctypes.c_uint64),
        ("sysenter", ctypes.c_uint64),
        ("undo_int", ctypes.c_uint64),
        ("count_at", ctypes.c_uint64),  # where Unicorn counts, even if invalidations_at is not
        ("never", ctypes.c_uint64),  # a count that Unicorn's never is
        ("careful", ctypes.c_uint32),  # a breakpoint is set: blocks have one instruction
        ("withheld", ctypes.c_uint32),  # interrupt requests that wait for a breakpoint's trap
        ("verdict", ctypes.c_uint64),
        ("examine", ctypes.c_uint64),
        ("debug_event", ctypes.c_uint64),
        ("undefined", ctypes.c_uint64),
        ("break_at", ctypes.c_uint64 * 4),  # linear addresses of instruction breakpoints
        ("watch_first", ctypes.c_uint64 * 4),  # and of what data breakpoints cover
        ("watch_last", ctypes.c_uint64 * 4),
        ("vectors", ctypes.c_uint64 * 256),
        ("log", LogEntry * LOG_ENTRIES),
    )


NEVER_AT: int = getattr(State, "never").offset  # noqa: B009 -- typed as its value


class Target(ctypes.Structure):
    """What a load or a store of a device is to call, and whose it is."""

    _fields_ = (("state", ctypes.c_uint64), ("callback", ctypes.c_uint64))


def missing_symbols() -> list[str]:
    """Return the names that this build of Unicorn does not export."""
    return [
        name
        for name in (*_FUNCTIONS.values(), *_CALLED_FROM_PYTHON)
        if not unicorn_api.exports(name)
    ]


def set_up(state: State, uc: int, env: int) -> None:
    """Make ``state`` that of the Unicorn instance at ``uc``, with its registers at ``env``."""
    state.uc, state.env = uc, env
    state.cross_at = state.ahead_at = state.delivering_at = NOWHERE
    for field, symbol in _FUNCTIONS.items():
        setattr(state, field, unicorn_api.address_of(symbol))
    state.invalidations_at = state.count_at = ctypes.addressof(invalidations(uc))
    state.never = _NEVER


def invalidations(uc: int) -> ctypes.c_uint64:
    """Return where the Unicorn instance at ``uc`` counts the blocks that it has invalidated."""
    tcg = ctypes.c_uint64.from_address(uc + UC_TCG).value
    return ctypes.c_uint64.from_address(tcg + TCG_INVALIDATIONS)


def constants() -> dict[str, int]:
    """Return every name in capitals that ``native*.S`` use."""
    segment = {"SELECTOR": 0, "BASE": 8, "LIMIT": 16, "FLAGS": 20}
    env = {
        "RAX": OFFSET["gpr"],
        "RCX": OFFSET["gpr"] + 8,
        "RDX": OFFSET["gpr"] + 16,
        "RSP": OFFSET["gpr"] + 32,
        "R11": OFFSET["gpr"] + 88,
        "RIP": OFFSET["rip"],
        "EFLAGS": OFFSET["_eflags"],
        "CC_SRC": OFFSET["_cc_src"],
        "CC_OP": OFFSET["_cc_op"],
        "DF": OFFSET["_df"],
        "HFLAGS": OFFSET["_hflags"],
        "CR2": OFFSET["cr2"],
        "TR_FLAGS": OFFSET["tr"] + segment["FLAGS"],
        "TR_LIMIT": OFFSET["tr"] + segment["LIMIT"],
        "CR4": OFFSET["cr4"],
        "DR4": OFFSET["dr"] + 8 * PENDING_CELL,
        "EFER": OFFSET["efer"],
        "STAR": OFFSET["star"],
        "LSTAR": OFFSET["lstar"],
        "FMASK": OFFSET["fmask"],
        "SYSENTER_CS": OFFSET["sysenter_cs"],
        "TSC_AUX": OFFSET["tsc_aux"],
        "ERROR_CODE": OFFSET["_error_code"],
        "IS_INT": OFFSET["_exception_is_int"],
        "NEXT_RIP": OFFSET["_exception_next_rip"],
        "OLD_EXCEPTION": OFFSET["_old_exception"],
        **{f"CS_{part}": OFFSET["segs"] + 24 + at for part, at in segment.items()},
        **{f"SS_{part}": OFFSET["segs"] + 48 + at for part, at in segment.items()},
    }
    fields: list[tuple[str, type[ctypes.Structure], str]]
    fields = [(f"ST_{name.strip('_').upper()}", State, name) for name, *_ in State._fields_]
    fields += [(f"LOG_{name.upper()}", LogEntry, name) for name, *_ in LogEntry._fields_[:-1]]
    fields += [(f"TARGET_{name.upper()}", Target, name) for name, *_ in Target._fields_]
    return {
        "UC_CPU": UC_CPU,
        "CPU_ENV": CPU_ENV,
        "CPU_MEM_IO_PC": CPU_MEM_IO_PC,
        "UC_TCG": UC_TCG,
        "TCG_PC_START": TCG_PC_START,
        "RESTARTS_SHIFT": RESTARTS_SHIFT,
        "CPU_CFLAGS_NEXT_TB": CPU_CFLAGS_NEXT_TB,
        "CPU_INTERRUPT_REQUEST": CPU_INTERRUPT_REQUEST,
        "CPU_EXCEPTION_INDEX": CPU_EXCEPTION_INDEX,
        "ONE_INSTRUCTION": ONE_INSTRUCTION,
        "BREAKPOINT": Cause.BREAKPOINT.value,
        "B_BITS": B_BITS,
        "DONE": DONE,
        "LONGEST": LONGEST,
        "NOWHERE": NOWHERE,
        "HF_CS64": Hidden.CS64.value,
        "HF_INHIBIT_IRQ": Hidden.INHIBIT_IRQ.value,
        "FLAG_RF": Flag.RF.value,
        "DESC_P": DESC_P,
        "TSS_AVAILABLE": TSS_NONE,
        "FLAG_VM_BIT": Flag.VM.bit_length() - 1,
        "FLAG_IOPL_SHIFT": 12,
        "CR4_PAE": CR4_PAE,
        "CR4_SMEP": CR4_SMEP,
        "EFER_NXE": EFER_NXE,
        "EFER_LMA": EFER_LMA,
        "IDT_BIT": IDT_BIT,
        "EXT_BIT": EXT_BIT,
        "FIRST_SELECTOR_FAULT": Vector.TS.value,
        "LAST_SELECTOR_FAULT": Vector.GP.value,
        "PF_FETCH": Access.FETCH.value,
        "PF_WRITE": Access.WRITE.value,
        "LOG_ENTRIES": LOG_ENTRIES,
        "STUCK_LIMIT": STUCK_LIMIT,
        "STUCK_TICKS": STUCK_TICKS,
        **{f"ENV_{name}": offset for name, offset in env.items()},
        **{name: getattr(kind, field).offset for name, kind, field in fields},
    }


@functools.cache
def routines() -> dict[str, int]:
    """Return the host addresses of the routines of ``native*.S``, assembled and executable."""
    return load(_SOURCES, constants())


def load(names: Sequence[str], constants: Mapping[str, int]) -> dict[str, int]:
    """Assemble these files of this folder; return the host addresses of their labels."""
    folder = files("vectoros.cpu")
    sources = [Source(name, folder.joinpath(name).read_text()) for name in names]
    page = mmap.mmap(-1, mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    program = assemble_sources(sources, origin=address, constants=constants)
    hold(len(program.code) <= mmap.PAGESIZE, "the native code has outgrown its page")
    page[: len(program.code)] = program.code
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    if libc.mprotect(address, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC) != 0:
        raise OSError(ctypes.get_errno(), "this host refuses to make memory executable")
    _pages.append(page)
    return program.symbols


_SOURCES = ("native.S", "native_debug.S", "native_errors.S", "native_instructions.S")

_pages: list[mmap.mmap] = []
"""Keeps the code alive as long as the process."""
