"""The run log: which code ran last, for whoever wants to know how a guest came there.

A *run* is code that is executed in a row, from where control was transferred to it
up to where it was transferred away. How an engine cuts code into blocks does not
matter, so both engines write the same log; a loop of one run takes one row.

The log is written by a hook of its own, which is installed when it is asked for: a
machine without one does not pay.
"""

from __future__ import annotations

import ctypes
import functools
from typing import TYPE_CHECKING, NamedTuple

from vectoros.cpu import native
from vectoros.cpu import unicorn_api as api
from vectoros.cpu.core import Cpu
from vectoros.cpu.engine_fast import FastEngine
from vectoros.cpu.engine_portable import PortableEngine
from vectoros.errors import InvariantError, hold

RUNS = 4096
"""Runs that are remembered; a power of two."""

UC_HOOK_CALLBACK = 0x28
"""Offset of the callback, and of its data behind it, in Unicorn 2.1.4's ``struct hook``."""

_SOURCE = "native_blocks.S"


class Run(NamedTuple):
    """Code that was executed in a row, or left before its end."""

    pc: int
    """Linear address."""
    size: int
    """Bytes."""
    first: int
    """The tick at which it began."""
    last: int
    """The same when it was run last."""
    times: int
    """How often it was run, each time from its end back to its beginning."""


class _Row(ctypes.Structure):
    if TYPE_CHECKING:
        pc: int
        size: int
        first: int
        last: int
        times: int

    _fields_ = (
        ("pc", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
        ("first", ctypes.c_int64),
        ("last", ctypes.c_int64),
        ("times", ctypes.c_uint64),
    )


class _Log(ctypes.Structure):
    if TYPE_CHECKING:
        state: int
        block: int
        newest: int
        count: int
        runs: ctypes.Array[_Row]

    _fields_ = (
        ("state", ctypes.c_uint64),  # host address of the engine's native.State
        ("block", ctypes.c_uint64),  # host address of the engine's own block hook
        ("newest", ctypes.c_uint64),  # host address of the row written last
        ("count", ctypes.c_uint64),  # rows written so far
        ("runs", _Row * RUNS),
    )


class RunLog:
    """The last runs of a CPU, from now on."""

    def __init__(self, cpu: Cpu) -> None:
        """Install the hook. Code that was translated without it is forgotten."""
        self._log = _Log()
        if isinstance(cpu, FastEngine):
            self._hook_fast(cpu)
        elif isinstance(cpu, PortableEngine):
            self._hook_portable(cpu)
        else:
            raise InvariantError(f"{cpu.name} is an engine without a run log")
        cpu._uc.ctl_flush_tb()

    def runs(self) -> list[Run]:
        """Return what is remembered, oldest first."""
        log = self._log
        start = max(log.count - RUNS, 0)
        rows = (log.runs[number % RUNS] for number in range(start, log.count))
        return [Run(row.pc, row.size, row.first, row.last, row.times) for row in rows]

    def _hook_fast(self, engine: FastEngine) -> None:
        """Stand in front of the engine's own hook, in its place.

        Not beside it: Unicorn calls the only hook of its kind from the block itself,
        and where that is, `block` must know. And it is not removed: that would make
        Unicorn walk the guest's page tables, and set bits there.
        """
        log = self._log
        log.state = ctypes.addressof(engine._state)
        log.block = native.routines()["block"]
        log.newest = ctypes.addressof(log.runs)
        log.runs[0].pc = (1 << 64) - 1  # nothing continues it or repeats it
        where = ctypes.c_uint64 * 2
        hook = where.from_address(engine._block_hook + UC_HOOK_CALLBACK)
        hold(tuple(hook) == (log.block, log.state), "the block hook is not where it should be")
        hook[:] = [_routine(), ctypes.addressof(log)]
        engine._keep.append(log)

    def _hook_portable(self, engine: PortableEngine) -> None:
        """Stand behind the engine's own hook, and do what native_blocks.S does."""
        log, meter = self._log, engine._meter

        def on_block(_uc: int, address: int, size: int, _data: int) -> None:
            if engine._pause is not None:
                return  # it does not run
            row, tick = log.runs[(log.count - 1) % RUNS], meter.charged - size
            # A run may be left before its end, and gone on with: by a single step.
            retired = min(tick - row.last, row.size)
            for done in (row.size, retired):
                if log.count and row.pc + done == address:
                    row.size = done + size
                    return
            row.size = retired
            before = log.runs[(log.count - 2) % RUNS]
            if log.count and (before.pc, before.size) == (row.pc, row.size):
                before.last, before.times = row.last, before.times + row.times
            else:
                row = log.runs[log.count % RUNS]
                log.count += 1
            row.pc, row.size, row.times = address, size, 1
            row.first = row.last = tick

        engine.hook(api.uc.UC_HOOK_BLOCK, api.BlockHook(engine.guarded(on_block, None)))


@functools.cache
def _routine() -> int:
    """Return the host address of ``log_block``, assembled and executable."""
    state = ("refused", "deadline", "budget")
    names = {f"ST_{name.upper()}": getattr(native.State, name).offset for name in state}
    names |= {f"LOG_{name.upper()}": getattr(_Log, name).offset for name, _ in _Log._fields_}
    names |= {f"RUN_{name.upper()}": getattr(_Row, name).offset for name, _ in _Row._fields_}
    names |= {"RUNS": RUNS, "RUN_ROW": ctypes.sizeof(_Row)}
    return native.load([_SOURCE], names)["log_block"]
