"""The C interface of Unicorn, without the Python bindings' wrappers.

The bindings catch exceptions and convert arguments on every callback, which
costs more than the callbacks themselves, and on x86 they refuse some hooks. So
the engines call the library directly. Only this module and the engines know
that it is Unicorn.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

# Silences Unicorn's warnings about register numbers that it will drop in 2.2.
os.environ.setdefault("UC_IGNORE_REG_BREAK", "1")

from unicorn import unicorn_const as uc
from unicorn import x86_const as x86
from unicorn.unicorn import __version__ as UNICORN_VERSION
from unicorn.unicorn_py3.unicorn import uclib

from vectoros.errors import InvariantError

__all__ = [
    "UNICORN_VERSION",
    "BlockHook",
    "InHook",
    "IntrHook",
    "InvalidHook",
    "MmioRead",
    "MmioWrite",
    "OutHook",
    "ProtectionHook",
    "SkipHook",
    "VoidHook",
    "address_of",
    "check",
    "exports",
    "lib",
    "quick",
    "uc",
    "x86",
]

lib: Any = uclib

quick: Any = ctypes.PyDLL(uclib._name)
"""The same library, for calls that return at once: they keep the interpreter's lock."""

_POINTER = ctypes.c_void_p

BlockHook = ctypes.CFUNCTYPE(None, _POINTER, ctypes.c_uint64, ctypes.c_uint32, _POINTER)
IntrHook = ctypes.CFUNCTYPE(None, _POINTER, ctypes.c_uint32, _POINTER)
InvalidHook = ctypes.CFUNCTYPE(ctypes.c_bool, _POINTER, _POINTER)
VoidHook = ctypes.CFUNCTYPE(None, _POINTER, _POINTER)
SkipHook = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, _POINTER)
InHook = ctypes.CFUNCTYPE(ctypes.c_uint32, _POINTER, ctypes.c_uint32, ctypes.c_int, _POINTER)
OutHook = ctypes.CFUNCTYPE(None, _POINTER, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint32, _POINTER)
ProtectionHook = ctypes.CFUNCTYPE(
    ctypes.c_bool,
    _POINTER,
    ctypes.c_int,
    ctypes.c_uint64,
    ctypes.c_int,
    ctypes.c_int64,
    _POINTER,
)
MmioRead = ctypes.CFUNCTYPE(ctypes.c_uint64, _POINTER, ctypes.c_uint64, ctypes.c_uint, _POINTER)
MmioWrite = ctypes.CFUNCTYPE(
    None, _POINTER, ctypes.c_uint64, ctypes.c_uint, ctypes.c_uint64, _POINTER
)


def check(error: int, what: str) -> None:
    """Raise unless ``error``, which ``what`` returned, is UC_ERR_OK."""
    if error != uc.UC_ERR_OK:
        raise InvariantError(f"{what} failed: unicorn error {error}")


def exports(name: str) -> bool:
    """Whether the library exports ``name``."""
    return hasattr(lib, name)


def address_of(name: str) -> int:
    """Return the host address of the exported function ``name``."""
    address = ctypes.cast(getattr(lib, name), ctypes.c_void_p).value
    if address is None:
        raise InvariantError(f"unicorn exports {name} at address 0")
    return address
