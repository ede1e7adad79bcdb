"""The system of tests/kernel, for what looks at one."""

from tests.kernel.fixtures import system

__all__ = ["system"]
