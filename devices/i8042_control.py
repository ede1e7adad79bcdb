"""The control port of the keyboard controller."""

from __future__ import annotations

from vectoros.clock import Clock
from vectoros.devices.device import Device
from vectoros.devices.i8042 import I8042
from vectoros.devices.i8042_registers import Status
from vectoros.devices.registers import Access, Register


class I8042Control(Device):
    """Status, and the place for commands. The state is all the data port's."""

    name = "i8042_control"
    source = I8042.source

    status = Register(0, Access.R, Status, "status; a read changes nothing")
    command = Register(0, Access.W, int, "command: writing obeys it")

    def __init__(self, clock: Clock, *, controller: I8042) -> None:
        """Be the second port of ``controller``."""
        self._controller = controller
        super().__init__(clock)
        self.timekeeper = controller

    def catch_up(self) -> None:
        """Do what is overdue in the controller."""
        self._controller.catch_up()

    @status.read_by
    def _status(self) -> int:
        return self._controller.status()

    @command.written_by
    def _command(self, code: int) -> None:
        self._controller.command(code)
