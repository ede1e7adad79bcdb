"""Which tests a plain ``pytest`` runs, and how hypothesis behaves here.

A test that takes long runs only with ``--slow``, or when ``-m`` names a marker of
it that says so: ``pytest -m linux``. A test that needs another program or file runs
wherever that is installed; elsewhere the reason it was skipped names the Debian
package. ``pytest -rs`` prints the reasons.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

OPT_IN = ("slow", "linux")
"""Markers whose tests run only when asked for: by ``--slow``, or by name with ``-m``."""

PROGRAMS = {
    "qemu": ("qemu-system-x86_64", "qemu-system-x86"),
    "gdb": ("gdb", "gdb"),
    "nasm": ("nasm", "nasm"),
    "gcc": ("gcc", "gcc"),
    "binutils": ("readelf", "binutils"),
    "acpica": ("iasl", "acpica-tools"),
}
"""Markers whose tests need a program: its name, and the Debian package that has it."""

FILES = {
    "linux": (
        (Path("/boot"), "vmlinuz-*-cloud-amd64", "linux-image-cloud-amd64"),
        (Path("/bin"), "busybox", "busybox-static"),
    ),
}
"""Markers whose tests need files: folder, pattern, and the Debian package that has them."""

# No deadline: it would measure the host. The same examples each time under CI,
# so that a red run can be run again; fresh ones at home, so that bugs are found.
settings.register_profile("vectoros", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("vectoros")


SECTORS = Path(__file__).parent / "guest" / "sectors"


@pytest.fixture
def sector(tmp_path: Path) -> Callable[[str], Path]:
    """A function that makes a disk image of one sector from tests/guest/sectors/NAME.S."""
    # Loaded here: coverage must see our modules load.
    from vectoros.assembler import assemble
    from vectoros.devices.disk import SECTOR_BYTES
    from vectoros.disk import BOOT_SIGNATURE
    from vectoros.layout import BOOT_SECTOR

    def make(name: str) -> Path:
        source = SECTORS / f"{name}.S"
        text = source.read_text(encoding="utf-8")
        code = assemble(text, origin=BOOT_SECTOR, name=source.name, bits=16).code
        image = tmp_path / f"{name}.img"
        image.write_bytes(code.ljust(SECTOR_BYTES - len(BOOT_SIGNATURE), b"\0") + BOOT_SIGNATURE)
        return image

    return make


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare ``--slow``."""
    parser.addoption("--slow", action="store_true", help="also run the tests that take long")


def asked_for(expression: str, *, slow: bool) -> set[str]:
    """Return which of :data:`OPT_IN` a run with ``-m expression`` asks for."""
    return {name for name in OPT_IN if slow or re.search(rf"(?<!not )\b{name}\b", expression)}


def reason_to_skip(marker: str) -> str | None:
    """Return why a test with ``marker`` cannot run here, or None if it can."""
    if marker in PROGRAMS:
        program, package = PROGRAMS[marker]
        if shutil.which(program) is None:
            return f"{marker}: {program} not found; install the Debian package {package}"
    for folder, pattern, package in FILES.get(marker, ()):
        if not any(folder.glob(pattern)):
            return f"{marker}: no {folder / pattern}; install the Debian package {package}"
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what this run did not ask for or this host cannot do."""
    asked = asked_for(config.getoption("-m"), slow=bool(config.getoption("--slow")))
    needs = (*PROGRAMS, *FILES)
    reasons = {name: reason for name in needs if (reason := reason_to_skip(name)) is not None}
    for item in items:
        markers = {marker.name for marker in item.iter_markers()}
        if (opt_in := markers & set(OPT_IN)) and not opt_in & asked:
            names = " or ".join(sorted(opt_in))
            item.add_marker(pytest.mark.skip(reason=f"{names}: run with --slow, or name it in -m"))
        for name in sorted(markers & set(reasons)):
            item.add_marker(pytest.mark.skip(reason=reasons[name]))
