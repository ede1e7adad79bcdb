"""The PC: every device of the machine, plugged into the board.

The order of :attr:`Pc.devices` is fixed: it decides who goes first when two
events are due at one tick, and it is the order in which state hashes see them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from vectoros import machine_info
from vectoros.board import Board, Reason
from vectoros.clock import Clock
from vectoros.cmos import cmos_contents
from vectoros.config import Config
from vectoros.cpu.power_on import power_on
from vectoros.cpu.selftest import make_cpu
from vectoros.devices.ata import Ata, AtaControl
from vectoros.devices.bios_gate import BiosGate
from vectoros.devices.debug_console import DebugConsole
from vectoros.devices.device import Device
from vectoros.devices.elcr import Elcr
from vectoros.devices.exit import Exit
from vectoros.devices.i8042 import I8042
from vectoros.devices.i8042_control import I8042Control
from vectoros.devices.kernel_gate import KernelGate
from vectoros.devices.pic_pair import PicPair
from vectoros.devices.pit import Pit
from vectoros.devices.pm_timer import PmTimer
from vectoros.devices.port61 import Port61
from vectoros.devices.power import Power
from vectoros.devices.power_events import PowerEvents
from vectoros.devices.reset_control import ResetControl
from vectoros.devices.rtc import Rtc
from vectoros.devices.system_control import SystemControlA
from vectoros.devices.uart import Uart
from vectoros.devices.vbe import Vbe
from vectoros.devices.vga import Vga
from vectoros.disk import DiskImage
from vectoros.layout import (
    FRAMEBUFFER,
    FRAMEBUFFER_SIZE,
    IRQS,
    MACHINE_INFO,
    VIDEO_MEMORY,
    memory_area,
    port_area,
)
from vectoros.memory import Memory, Rom
from vectoros.serial_port import SerialPort
from vectoros.units import PhysAddr


@dataclass(frozen=True, slots=True)
class Milestone:
    """A line on the debug console, and when it was finished."""

    tick: int
    text: str


class Firmware(Protocol):
    """What the machine starts with."""

    def roms(self) -> Sequence[Rom]:
        """Return the ROMs that it is in."""

    def place(self, pc: Pc) -> None:
        """Put into RAM and registers what must be there when the CPU starts.

        The CPU has just been reset. This is called at power-on, and again after every
        reset of the machine: RAM then has what the guest left in it.
        """


class Pc:
    """A whole machine, switched on and not yet started."""

    def __init__(self, config: Config, disk: DiskImage | None, firmware: Firmware) -> None:
        """Build the machine that ``config`` describes, with ``disk`` in its drive."""
        self.config = config
        self.disk = disk
        self.firmware = firmware
        self.clock = Clock()
        self.memory = Memory(config.memory, VIDEO_MEMORY)
        command_line = config.append if config.kernel is None else ""  # a kernel file is handed it
        info = machine_info.page(config.memory, command_line)
        self.memory.add_rom(Rom("machine_info", PhysAddr(MACHINE_INFO), info))
        for rom in firmware.roms():
            self.memory.add_rom(rom)
        self.board = Board(self.clock)
        self.serial = SerialPort()
        self.milestones: list[Milestone] = []
        self._listeners: list[Callable[[Milestone], None]] = []
        self.pic = PicPair(self.clock)
        self.devices = self._devices()
        for device in self.devices:
            if (area := memory_area(device.name)) is not None:
                self.board.mmio.attach(area, device)
            else:
                self.board.ports.attach(port_area(device.name), device)
        self.cpu = make_cpu(config.engine, self.memory, self.board, self.clock)
        self.board.plug(self.cpu, self.pic, self.devices)
        if config.reboot:
            self.board.on_reset(self.power_on)
        self.power_on()

    def _devices(self) -> list[Device]:
        clock, board = self.clock, self.board
        self.uart = Uart(clock, irq=self.pic.input(IRQS["com1"]), transmit=self.serial.transmit)
        self.uart.name = "com1"
        pit = Pit(clock, irq=self.pic.input(IRQS["pit"]))
        self.ata = Ata(clock, irq=self.pic.input(IRQS["ata"]), disk=self.disk)
        self.bios_gate = BiosGate(clock)
        self.gate = KernelGate(clock, ram=self.memory.ram.view[: self.memory.size])
        return [
            self.pic.master,
            self.pic.slave,
            Elcr(clock, pics=self.pic),
            pit,
            Port61(clock, pit=pit),
            *self._keyboard(),
            self._rtc(),
            SystemControlA(clock, reset=self.request_reset),
            self.uart,
            self.ata,
            AtaControl(clock, ata=self.ata),
            *self._display(),
            DebugConsole(clock, deliver=self._milestone),
            Exit(clock, stop=lambda code: board.request_stop(Reason.EXIT, code)),
            *self._power(),
            ResetControl(clock, reset=self.request_reset),
            self.gate,
            self.bios_gate,
        ]

    def _display(self) -> tuple[Device, Device]:
        self.vga = Vga(self.clock)
        self.vbe = Vbe(
            self.clock,
            memory=FRAMEBUFFER_SIZE,
            clear=lambda size: self.memory.clear(FRAMEBUFFER, size),
        )
        return self.vga, self.vbe

    def _power(self) -> tuple[Device, ...]:
        self.power_events = PowerEvents(self.clock, irq=self.pic.input(IRQS["power_events"]))
        control = Power(self.clock, power_off=lambda: self.board.request_stop(Reason.POWER_OFF))
        return self.power_events, control, PmTimer(self.clock)

    def _keyboard(self) -> tuple[Device, Device]:
        self.i8042 = I8042(
            self.clock,
            keyboard_irq=self.pic.input(IRQS["keyboard"]),
            mouse_irq=self.pic.input(IRQS["mouse"]),
            reset_machine=self.request_reset,
        )
        control = I8042Control(self.clock, controller=self.i8042)
        self.i8042.name, control.name = "keyboard", "keyboard_control"
        return self.i8042, control

    def _rtc(self) -> Rtc:
        sectors = None if self.disk is None else self.disk.sectors
        return Rtc(
            self.clock,
            irq=self.pic.input(IRQS["rtc"]),
            start=self.config.rtc,
            contents=cmos_contents(self.config.memory, sectors),
        )

    def power_on(self) -> None:
        """Start the CPU: registers as after RESET, and what the firmware puts in place."""
        power_on(self.cpu)
        self.firmware.place(self)
        self.cpu.registers_changed()

    def request_reset(self) -> None:
        """Reset the machine: from an access at REACTION_TICKS from now, else at once."""
        self.board.request_stop(Reason.RESET)

    def on_milestone(self, listener: Callable[[Milestone], None]) -> None:
        """Call ``listener`` with each milestone from now on."""
        self._listeners.append(listener)

    def _milestone(self, text: str) -> None:
        milestone = Milestone(self.clock.now, text)
        self.milestones.append(milestone)
        for listener in self._listeners:
            listener(milestone)

    def fingerprint(self) -> dict[str, object]:
        """Return what two machines must have in common to share a snapshot."""
        return {
            "memory": self.config.memory,
            "devices": [f"{device.name}:{type(device).__name__}" for device in self.devices],
            "disk_sectors": 0 if self.disk is None else self.disk.sectors,
            "command_line": self.config.append,
            "firmware": self.config.firmware,
            "kernel": None if self.config.kernel is None else self.config.kernel.sha256,
            "initrd": None if self.config.initrd is None else self.config.initrd.sha256,
        }

    def history(self) -> dict[str, Any]:
        """Return what the host has seen of the guest, in canonical form."""
        milestones = [[milestone.tick, milestone.text] for milestone in self.milestones]
        return {"serial": bytes(self.serial.output), "milestones": milestones}

    def rewrite_history(self, history: Mapping[str, Any]) -> None:
        """Have seen what :meth:`history` returned, and nothing else."""
        self.serial.output[:] = history["serial"]
        self.milestones[:] = [Milestone(tick, text) for tick, text in history["milestones"]]
