r"""The machine as a Python object: what the command line, tests and programs use.

    from vectoros import Machine
    with Machine.from_image("images/dev.img") as m:
        m.serial.expect(r"ready", timeout="2s")
        m.serial.send("help\n")
        print(m.cpu.rip, m.clock.now, m.state_hash())

All times are virtual. Nothing here waits for the host.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from vectoros import report, saved_files, snapshot, snapshot_file, symbol_map
from vectoros.board import Reason, StopRequest
from vectoros.boot import native
from vectoros.boot.bios import Bios
from vectoros.boot.boot_sector import BootSector
from vectoros.boot.kernel_file import kernel_firmware
from vectoros.clock import Clock
from vectoros.config import (
    KERNEL_MEMORY,
    RTC_START,
    Config,
    duration_ticks,
    host_file,
    memory_size,
    rtc_start,
)
from vectoros.cpu.registers import Registers
from vectoros.cpu.run_log import RunLog
from vectoros.crash import CRASHES, crash_of
from vectoros.crash_report import Crash
from vectoros.disk import DiskImage
from vectoros.errors import BadFileError, UsageError
from vectoros.explain.watcher import Event, Watcher
from vectoros.guest_symbols import GuestSymbols
from vectoros.keyboard import Keyboard
from vectoros.memory import Memory
from vectoros.mouse import Mouse
from vectoros.panic_watch import PanicWatch
from vectoros.pc import Firmware, Milestone, Pc
from vectoros.serial_console import Serial
from vectoros.serial_port import Watch
from vectoros.snapshot import Snapshot
from vectoros.symbol_map import SymbolMap
from vectoros.symbols import files
from vectoros.symbols.table import Union
from vectoros.trace import Tracer

if TYPE_CHECKING:
    from vectoros.screen import Screen


class Machine:
    """A PC. Use it as a context manager, or :meth:`close` it."""

    def __init__(self, config: Config | None = None, disk: DiskImage | None = None) -> None:
        """Switch on the machine that ``config`` describes, with ``disk`` in its drive.

        The CPU stands at the reset vector, before the BIOS; or, if the machine is to
        have none, in real mode at 0000:7C00, where a BIOS would have put the boot sector;
        or at the entry point of a kernel file.
        """
        config = config or Config()
        self._pc = Pc(config, disk, _firmware(config))
        native.attach(self._pc)
        self._watchers: list[Callable[[int], None]] = []
        self._names = GuestSymbols(self._pc)
        self._log: RunLog | None = None
        self.serial = Serial(self._pc, self._run_to_text)
        self.panic_watch = PanicWatch(self._pc)
        """What stops the machine when a Linux kernel has panicked."""
        self.keyboard = Keyboard(self._pc)
        self.mouse = Mouse(self._pc)

    @classmethod
    def from_image(
        cls,
        path: str | os.PathLike[str],
        *,
        memory: int | str = "64M",
        engine: str = "auto",
        rtc: datetime | str = RTC_START,
        reboot: bool = True,
        append: str = "",
        firmware: bool = True,
    ) -> Self:
        """Return a machine about to boot the disk image at ``path``.

        It stands at the reset vector, and its BIOS will load the first sector; or,
        without ``firmware``, where a BIOS would have left it: the first sector is at
        0000:7C00, in real mode, DL is 80h. ``append`` is the guest's command line.
        ``rtc`` is what its clock tells at first, such as ``2030-05-01T12:00:00``.
        When the guest resets it, it boots again, or stops if ``reboot`` is false.
        """
        config = Config(
            memory=memory_size(memory),
            engine=engine,
            rtc=rtc_start(rtc),
            reboot=reboot,
            append=append,
            firmware=firmware,
        )
        disk = DiskImage(path)
        disk.boot_sector()  # refuse what no BIOS would boot
        return cls(config, disk)

    @classmethod
    def from_kernel(
        cls,
        path: str | os.PathLike[str],
        *,
        initrd: str | os.PathLike[str] | None = None,
        disk: str | os.PathLike[str] | None = None,
        memory: int | str = KERNEL_MEMORY,
        engine: str = "auto",
        rtc: datetime | str = RTC_START,
        reboot: bool = True,
        append: str = "",
    ) -> Self:
        """Return a machine about to start the kernel file at ``path``, without a BIOS.

        It is a Linux kernel (bzImage), which finds ``initrd`` in memory, or an ELF64
        executable (docs/reference/kernel-files.md). ``append`` is its command line;
        the image at ``disk`` is only a disk. A reset starts the same kernel again.
        """
        config = Config(
            memory=memory_size(memory),
            engine=engine,
            rtc=rtc_start(rtc),
            reboot=reboot,
            append=append,
            firmware=False,
            kernel=host_file(path),
            initrd=None if initrd is None else host_file(initrd),
        )
        return cls(config, None if disk is None else DiskImage(disk))

    @classmethod
    def from_snapshot(
        cls,
        path: str | os.PathLike[str],
        *,
        disk: str | os.PathLike[str] | None = None,
        kernel: str | os.PathLike[str] | None = None,
        initrd: str | os.PathLike[str] | None = None,
        engine: str = "auto",
        reboot: bool = True,
    ) -> Self:
        """Return the machine that :meth:`save` wrote to ``path``, as it was then.

        Its disk image is read where it was, or at ``disk``; another one is refused. So
        it is with its kernel file and its initrd, which a reset needs again.
        """
        saved = snapshot_file.load(path)
        config = saved_files.config_of(saved, engine, reboot, kernel, initrd)
        try:
            machine = cls(config, saved_files.disk_of(saved, disk))
        except UsageError as reason:
            raise BadFileError(path, f"is of no machine that can be built: {reason}") from None
        try:
            machine.restore(saved)
        except BaseException:
            machine.close()
            raise
        return machine

    # -- looking -------------------------------------------------------------

    @property
    def engine(self) -> str:
        """The engine that runs the CPU: fast or portable."""
        return self._pc.cpu.name

    @property
    def cpu(self) -> Registers:
        """The CPU's registers, by their SDM names."""
        return self._pc.cpu.regs

    @property
    def clock(self) -> Clock:
        """Virtual time."""
        return self._pc.clock

    @property
    def memory(self) -> Memory:
        """Guest-physical memory."""
        return self._pc.memory

    @property
    def screen(self) -> Screen:
        """What the display shows: its pixels, or its text."""
        from vectoros.screen import Screen  # loads numpy, which takes as long as a boot

        pc = self._pc
        return Screen(pc.memory, pc.vga, pc.vbe, pc.clock)

    @property
    def pc(self) -> Pc:
        """The parts of the machine."""
        return self._pc

    @property
    def milestones(self) -> list[Milestone]:
        """Lines that the guest wrote to the debug console, with their ticks."""
        return self._pc.milestones

    def state_hash(self) -> str:
        """Return the SHA-256 of everything that the guest can see."""
        return snapshot.state_hash(self._pc)

    def report(self, stop: StopRequest) -> dict[str, Any]:
        """Return what the machine did until ``stop``, as data (docs/reference/run-report.md)."""
        return report.run_report(self._pc, stop, self.crash(stop))

    def crash(self, stop: StopRequest) -> Crash | None:
        """Return why the guest cannot go on, if ``stop`` is that it cannot."""
        if stop.reason not in CRASHES:  # to find the names may take a second
            return None
        return crash_of(self._pc, stop, self.symbols, self._log)

    def record_branches(self) -> None:
        """Have crash reports tell the last branches. From now on code runs slower."""
        self._log = self._log or RunLog(self._pc.cpu)

    def add_symbols(self, path: str | os.PathLike[str], offset: int = 0) -> None:
        """Let reports name addresses as the file at ``path`` does.

        It is an ELF program, a System.map, or a map of ours; its code runs ``offset``
        above where it was linked. Where a Linux kernel has moved itself to, is found out.
        """
        self._names.add(files.load(Path(path), offset))

    @property
    def symbols(self) -> Union:
        """The names of addresses: of :meth:`add_symbols`, else of the map beside the disk image.

        A Linux kernel that none of them knows has names of its own, in memory.
        """
        return self._names.now()

    def trace(self, kinds: Collection[str], write: Callable[[str], None]) -> None:
        """Call ``write`` with a line for each event of ``kinds``, from now on.

        Kinds are those of :data:`vectoros.trace.KINDS`.
        """
        tracer = Tracer(self._pc, kinds, write)
        self._watchers.append(lambda _tick: tracer.poll())

    def explain(self, tell: Callable[[Event], None], symbols: SymbolMap | None = None) -> None:
        """Call ``tell`` with everything that the guest does for the first time, from now on.

        ``symbols`` says which code that is; without it, those of the map beside the
        disk image, which names the firmware's code, too.
        """
        if symbols is None:
            disk = self._pc.disk
            symbols = SymbolMap() if disk is None else symbol_map.beside(Path(disk.path))
        watcher = Watcher(self._pc, symbols, tell)
        self._watchers.append(watcher.poll)

    # -- running -------------------------------------------------------------

    def run(
        self,
        *,
        until: str | None = None,
        until_tick: int | None = None,
        for_: str | int | None = None,
        served: Callable[[int], None] | None = None,
    ) -> StopRequest:
        """Run until something stops the machine; say what did, and at which tick.

        ``until`` is a regular expression for the serial output from now on,
        ``until_tick`` an absolute tick, ``for_`` a virtual duration.
        """
        limit = until_tick
        if for_ is not None:
            end = self._pc.clock.now + duration_ticks(for_)
            limit = end if limit is None else min(limit, end)
        if until is None:
            return self._go(limit, served)
        start = len(self._pc.serial.output)
        return self._run_to_text(until, start, limit, served)[1]

    def _run_to_text(
        self,
        pattern: str,
        start: int,
        limit: int | None,
        served: Callable[[int], None] | None = None,
    ) -> tuple[Watch, StopRequest]:
        try:
            re.compile(pattern)
        except re.error as reason:
            raise UsageError(f"{pattern!r} is not a regular expression: {reason}") from None
        board = self._pc.board
        watch = self._pc.serial.watch(
            pattern, start, lambda _watch: board.request_stop(Reason.MATCH)
        )
        try:
            return watch, self._go(limit, served)
        finally:
            self._pc.serial.unwatch(watch)

    def _go(self, limit: int | None, served: Callable[[int], None] | None) -> StopRequest:
        watchers = self._watchers
        if not watchers:
            return self._pc.board.run(limit, served)

        def watched(tick: int) -> None:
            for watch in watchers:
                watch(tick)
            if served is not None:
                served(tick)

        try:
            return self._pc.board.run(limit, watched)
        finally:
            for watch in watchers:
                watch(self._pc.clock.now)

    def power_button(self) -> None:
        """Press the power button at the present tick: a guest that listens switches off."""
        self._pc.power_events.press_button()
        self._pc.board.events.refresh()

    def interrupt(self) -> None:
        """Stop a run in progress at the end of its slice. Safe from a signal handler."""
        self._pc.board.interrupt()

    # -- snapshots -----------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Return the whole machine as it is now."""
        return snapshot.take(self._pc)

    def restore(self, saved: Snapshot) -> None:
        """Be the machine of ``saved``, which is of a machine like this one."""
        snapshot.restore(self._pc, saved)
        self.panic_watch.forget()

    def save(self, path: str | os.PathLike[str]) -> int:
        """Write the machine as it is now to the file at ``path``; return its size in bytes."""
        saved = self.snapshot()
        history = saved.history | saved_files.places(self._pc)
        return snapshot_file.save(replace(saved, history=history), path)

    # -- the end -------------------------------------------------------------

    def close(self) -> None:
        """Free the machine; it must not be used again."""
        self._pc.cpu.close()

    def __enter__(self) -> Self:
        """Return the machine."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Free the machine."""
        self.close()


def _firmware(config: Config) -> Firmware:
    """Return what the machine that ``config`` describes starts with."""
    if config.kernel is not None:
        return kernel_firmware(config.kernel, config.append, config.initrd)
    return Bios() if config.firmware else BootSector()
