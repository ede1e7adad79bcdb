"""What every test of the kernel may ask for."""

from tests.kernel.fixtures import hand, rig, system, two

__all__ = ["hand", "rig", "system", "two"]
