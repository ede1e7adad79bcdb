"""An x86_64 PC that you can import: deterministic to the byte, and written to be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vectoros.api import Machine

__all__ = ["Machine", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Import :class:`Machine` on first use: ``vectoros --help`` must not load an emulator."""
    if name == "Machine":
        from vectoros.api import Machine

        return Machine
    raise AttributeError(f"module 'vectoros' has no attribute {name!r}")
