r"""An initramfs: the files that a Linux kernel starts with, as one cpio archive.

Promise: equal files give equal bytes. Entries are sorted, owned by root, numbered from
1, and dated to the epoch.

Source: Linux's ``Documentation/driver-api/early-userspace/buffer-format.rst``, "newc".
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

MAGIC = "070701"
TRAILER = "TRAILER!!!"
ALIGNMENT = 4

DIRECTORY, PROGRAM, LINK = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o755, stat.S_IFLNK | 0o777

APPLETS = (
    "cat", "cttyhack", "dmesg", "echo", "free", "grep", "halt", "head", "kill", "ls",
    "mount", "poweroff", "ps", "reboot", "sed", "setsid", "sh", "sleep", "sync", "top", "uname",
    "vi",
)  # fmt: skip
"""Programs that the shell of :func:`busybox_initramfs` finds, besides ``busybox`` itself."""

READY = "initramfs: starting a shell"
"""What its ``/init`` says just before there is a prompt."""

PROMPT = "linux# "

INIT = f"""\
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
export HOME=/ PS1='{PROMPT}'
echo '{READY}'
while :; do setsid cttyhack sh; done
"""
"""Its first program: a shell on the console. Only a child of this process can stop its jobs."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file: type and permissions as ``stat`` has them, and contents or a link's target."""

    mode: int
    data: bytes = b""


def archive(entries: Mapping[str, Entry]) -> bytes:
    """Return the archive of ``entries``, by path without a leading slash."""
    numbers = count(1)
    parts = [_member(name, entries[name], next(numbers)) for name in sorted(entries)]
    return b"".join([*parts, _member(TRAILER, Entry(0), 0)])


def busybox_initramfs(busybox: bytes) -> bytes:
    """Return an initramfs that leads to a shell; ``busybox`` is that program, statically linked."""
    entries = {name: Entry(DIRECTORY) for name in ("bin", "dev", "proc", "root", "sys", "tmp")}
    entries |= {f"bin/{name}": Entry(LINK, b"busybox") for name in APPLETS}
    entries |= {"bin/busybox": Entry(PROGRAM, busybox), "init": Entry(PROGRAM, INIT.encode())}
    return archive(entries)


def _member(name: str, entry: Entry, number: int) -> bytes:
    path = name.encode() + b"\0"
    links, owner, group, date, device, size = 1, 0, 0, 0, (0, 0, 0, 0), len(entry.data)
    numbers = (number, entry.mode, owner, group, links, date, size, *device, len(path), 0)
    head = MAGIC + "".join(f"{value:08X}" for value in numbers)
    return _padded(head.encode() + path) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT)
