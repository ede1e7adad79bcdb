"""Boot info: what a program finds when it starts.

One read-only page in every process, whose address is in ``rdi`` at entry. So a
program learns at run time where things are, and no header needs to know.
"""

from __future__ import annotations

from vectoros.kernel.views import Field, View

MAGIC = b"VXINFO\x01\0"

COMMAND_LINE = 0x80
NAMES = 0x100
MAX_NAMES = 32


class BootInfo(View):
    """The page."""

    magic = Field(0x00, "VXINFO, version 1")
    process = Field(0x08, "number of this process, from 1")
    process_count = Field(0x10, "processes made at boot")
    untyped_count = Field(0x18, "boot untypeds; the first with INSPECT has them from INIT_UNTYPEDS")
    grants = Field(0x20, "bits of what this process was given")
    tick_frequency = Field(0x28, "ticks in a second: what the time stamp counter counts")
    memory_total = Field(0x30, "bytes of RAM")
    ipc_buffer = Field(0x38, "virtual address of this thread's IPC buffer")
    stack_top = Field(0x40, "rsp at entry")
    screen_base = Field(0x48, "virtual address of the framebuffer; 0 if not given")
    screen_width = Field(0x50, "pixels")
    screen_height = Field(0x58, "pixels")
    screen_pitch = Field(0x60, "bytes from one line to the next")
    screen_bpp = Field(0x68, "bits of a pixel")
    entry = Field(0x70, "where this process started")
