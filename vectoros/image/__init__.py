"""Disk images: what a manifest says goes in, the bytes, and how to read them back.

:func:`build` makes an image, :func:`read` checks any image, and :func:`verify`
compares one with the digests in it.
"""

from __future__ import annotations

from vectoros.image.builder import build
from vectoros.image.reader import Image, read
from vectoros.image.verifier import verify

__all__ = ["Image", "build", "read", "verify"]
