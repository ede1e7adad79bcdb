"""The files of the host that a saved machine needs again, and where they are.

A snapshot holds none of them: a disk image is too large, and a kernel file is wanted
only when the machine is reset. It remembers their places and their SHA-256 digests.
"""

from __future__ import annotations

import os
from typing import cast

from vectoros.config import Config, host_file
from vectoros.disk import DiskImage
from vectoros.errors import BadFileError, UsageError
from vectoros.files import HostFile
from vectoros.pc import Pc
from vectoros.snapshot import Snapshot, SnapshotError

Place = str | os.PathLike[str]

_TITLES = {"disk": "disk image", "kernel": "kernel file", "initrd": "initrd"}


def places(pc: Pc) -> dict[str, list[str]]:
    """Return place and digest of each file that ``pc`` was made from, by what it is."""
    files = {"disk": pc.disk, "kernel": pc.config.kernel, "initrd": pc.config.initrd}
    return {
        name: [os.path.abspath(file.path), file.sha256]
        for name, file in files.items()
        if file is not None
    }


def config_of(
    saved: Snapshot, engine: str, reboot: bool, kernel: Place | None, initrd: Place | None
) -> Config:
    """Return the choices for a machine like that of ``saved``, which came from a file."""
    fingerprint = saved.fingerprint
    try:
        return Config(
            memory=cast(int, fingerprint["memory"]),  # as snapshot_file.load() has checked
            engine=engine,
            reboot=reboot,
            append=cast(str, fingerprint["command_line"]),
            firmware=cast(bool, fingerprint["firmware"]),
            kernel=file_of(saved, "kernel", kernel),
            initrd=file_of(saved, "initrd", initrd),
        )
    except UsageError as reason:
        rule = f"is of no machine that can be built: {reason}"
        raise BadFileError(saved.name, rule) from None


def disk_of(saved: Snapshot, elsewhere: Place | None) -> DiskImage | None:
    """Return the disk image of ``saved``, read where it was or ``elsewhere``."""
    where = _where(saved, "disk", elsewhere)
    if where is None:
        return None
    image = DiskImage(where)
    _check(saved, "disk", os.fspath(image.path), image.sha256)
    return image


def file_of(saved: Snapshot, name: str, elsewhere: Place | None) -> HostFile | None:
    """Return the kernel file or the initrd of ``saved``, read where it was or ``elsewhere``."""
    where = _where(saved, name, elsewhere)
    if where is None:
        return None
    file = host_file(where)
    _check(saved, name, file.path, file.sha256)
    return file


def _where(saved: Snapshot, name: str, elsewhere: Place | None) -> Place | None:
    if saved.history[name] is not None:
        was: str = saved.history[name][0]
        return was if elsewhere is None else elsewhere
    if elsewhere is not None:
        article = "an" if name == "initrd" else "a"
        raise SnapshotError(f"{saved.name}: was saved without {article} {name}, so it takes none")
    return None


def _check(saved: Snapshot, name: str, path: str, digest: str) -> None:
    """Raise :class:`SnapshotError` unless the file at ``path`` is the one of ``saved``."""
    wanted = saved.history[name][1]
    if digest != wanted:
        raise SnapshotError(
            f"{saved.name}: needs the {_TITLES[name]} with SHA-256 {wanted:.16}..., "
            f"and {path} has {digest:.16}..."
        )
