"""The memory of a channel: a header and a ring of messages, which programs share.

The kernel writes the header once. After that it is theirs: who has the channel mapped
writable publishes, one thread at a time; who has it mapped at all reads, at a place of
its own. Nobody waits for anybody. A publisher overwrites the oldest message when the
ring is full, and a reader whom it has overtaken counts what it lost.

A publisher sets ``begun``, then writes the message, then sets ``head``. So message n is
there if n is below ``head``, and whole if ``begun`` is at most n + capacity after it was
copied. images/programs/channel.S does both.
"""

from __future__ import annotations

from vectoros.kernel.views import Field, View

MAGIC = int.from_bytes(b"VXCHAN\x01\0", "little")
RING = 0x80
"""Offset of the first message."""


class Ring(View):
    """The header."""

    magic = Field(0x00, "VXCHAN, version 1; 0: the channel is not configured")
    name0 = Field(0x08, "bytes 0 to 7 of its name")
    name1 = Field(0x10, "bytes 8 to 15")
    message_size = Field(0x18, "bytes of a message, a multiple of eight")
    capacity = Field(0x20, "messages that the ring holds")
    begun = Field(0x40, "messages that were ever begun to be written")
    head = Field(0x48, "messages that were ever published")


class Subscriber(View):
    """What a reader keeps of a channel, in memory of its own."""

    cursor = Field(0x00, "number of the message that it reads next")
    overrun = Field(0x08, "messages that were overwritten before it came to them")
