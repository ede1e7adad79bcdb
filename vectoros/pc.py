"""The PC: every device of the machine, plugged into the board.

The order of :attr:`Pc.devices` is fixed: it decides who goes first when two
events are due at one tick, and it is the order in which state hashes see them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vectoros import machine_info
from vectoros.board import Board, Reason
from vectoros.clock import Clock
from vectoros.config import Config
from vectoros.cpu.selftest import make_cpu
from vectoros.devices.ata import Ata, AtaControl
from vectoros.devices.bios_gate import BiosGate
from vectoros.devices.debug_console import DebugConsole
from vectoros.devices.device import Device
from vectoros.devices.disk import Overlay
from vectoros.devices.exit import Exit
from vectoros.devices.kernel_gate import KernelGate
from vectoros.devices.pic_pair import PicPair
from vectoros.devices.pit import Pit
from vectoros.devices.port61 import Port61
from vectoros.devices.power import Power
from vectoros.devices.uart import Uart
from vectoros.disk import DiskImage
from vectoros.layout import BIOS_ROM, IRQS, KERNEL_GATE, MACHINE_INFO, memory_area, port_area
from vectoros.memory import Memory, Rom
from vectoros.serial_port import SerialPort
from vectoros.units import PhysAddr


@dataclass(frozen=True, slots=True)
class Milestone:
    """A line on the debug console, and when it was finished."""

    tick: int
    text: str


class Pc:
    """A whole machine, switched on and not yet started."""

    def __init__(self, config: Config, disk: DiskImage | None, bios: bytes = b"") -> None:
        """Build the machine that ``config`` describes, with ``disk`` in its drive.

        ``bios`` is what its BIOS's ROM holds; without, there is none.
        """
        self.config = config
        self.disk = disk
        self.clock = Clock()
        self.memory = Memory(config.memory)
        info = machine_info.page(config.memory, config.append)
        self.memory.add_rom(Rom("machine_info", PhysAddr(MACHINE_INFO), info))
        if bios:
            self.memory.add_rom(Rom("bios", PhysAddr(BIOS_ROM), bios))
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
        self.board.mmio.strobe(KERNEL_GATE + KernelGate.doorbell.offset, self.gate.ring)
        self.cpu = make_cpu(config.engine, self.memory, self.board, self.clock)
        self.board.plug(self.cpu, self.pic, self.devices)

    def _devices(self) -> list[Device]:
        clock, board = self.clock, self.board
        self.uart = Uart(clock, irq=self.pic.input(IRQS["com1"]), transmit=self.serial.transmit)
        self.uart.name = "com1"
        pit = Pit(clock, irq=self.pic.input(IRQS["pit"]))
        ata = Ata(clock, irq=self.pic.input(IRQS["ata"]), disk=self.disk)
        self.bios_gate = BiosGate(clock)
        self.hard_disk: Overlay | None = ata.overlay
        self.gate = KernelGate(clock, ram=self.memory.ram.view)
        return [
            self.pic.master,
            self.pic.slave,
            pit,
            Port61(clock, pit=pit),
            self.uart,
            ata,
            AtaControl(clock, ata=ata),
            DebugConsole(clock, deliver=self._milestone),
            Exit(clock, stop=lambda code: board.request_stop(Reason.EXIT, code)),
            Power(clock, power_off=lambda: board.request_stop(Reason.POWER_OFF)),
            self.gate,
            self.bios_gate,
        ]

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
        }

    def history(self) -> dict[str, Any]:
        """Return what the host has seen of the guest, in canonical form."""
        milestones = [[milestone.tick, milestone.text] for milestone in self.milestones]
        return {"serial": bytes(self.serial.output), "milestones": milestones}

    def rewrite_history(self, history: Mapping[str, Any]) -> None:
        """Have seen what :meth:`history` returned, and nothing else."""
        self.serial.output[:] = history["serial"]
        self.milestones[:] = [Milestone(tick, text) for tick, text in history["milestones"]]
