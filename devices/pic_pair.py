"""Two 8259As as on the PC/AT: fifteen interrupts, the slave on the master's input 2."""

from __future__ import annotations

from vectoros.clock import Clock
from vectoros.devices.pic import SPURIOUS_LEVEL, Pic
from vectoros.errors import ConfigError
from vectoros.irq import Line

CASCADE = 2
"""The master's input that carries the slave's output (IBM PC/AT)."""

FLOATING_VECTOR = 0xFF
"""What the CPU reads in an acknowledge cycle that no chip answers."""


class PicPair:
    """Master and slave. Their registers and state are those of the two chips."""

    def __init__(self, clock: Clock) -> None:
        """Wire the pair; its output is not connected yet."""
        self.output = Line()
        """To the CPU's INTR pin."""
        self.master = Pic(clock, output=self.output)
        self.slave = Pic(clock, output=self.master.inputs[CASCADE], master=False)
        self.master.name, self.slave.name = "pic1", "pic2"

    def input(self, irq: int) -> Line:
        """Return the line of interrupt ``irq``, from 0 to 15."""
        if irq == CASCADE or not 0 <= irq < 16:
            raise ConfigError(f"IRQ must be 0 to 15 and not {CASCADE} (the cascade), not {irq}")
        return self.master.inputs[irq] if irq < 8 else self.slave.inputs[irq - 8]

    def acknowledge(self) -> int:
        """Run the CPU's INTA cycle: put the highest request in service, return its vector."""
        level = self.master.accept()
        if level is None:
            return self.master.vector(SPURIOUS_LEVEL)
        if not self.master.cascades(level):
            return self.master.vector(level)
        # The slave whose identity the master calls answers with its own vector.
        if level != CASCADE or self.slave.icw3 & 7 != CASCADE:
            return FLOATING_VECTOR
        inner = self.slave.accept()
        return self.slave.vector(SPURIOUS_LEVEL if inner is None else inner)
