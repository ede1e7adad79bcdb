"""The decoder of every method: the modules that have them, and the table they fill.

Importing one registers its functions (``decodes``, ``finalises``).
"""

from __future__ import annotations

from vectoros.kernel import (  # noqa: F401  what registers itself needs no name here
    asid,
    audit,
    channel,
    cnode_methods,
    contexts,
    domain,
    endpoint,
    ioport,
    irq,
    lease,
    mapping,
    notification,
    policy,
    reply,
    thread,
    thread_space,
    untyped,
)
from vectoros.kernel.invocation import REGISTERED, Decoder

DECODERS: dict[int, Decoder] = REGISTERED
"""By label."""
