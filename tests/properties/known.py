"""Where kernel and oracle are known to disagree, and the kernel is wrong.

A walk that comes to such a trap, and to a disagreement there, starts over. With the kernel
mended, a line here can go: tests/properties/test_known.py has the traps, and says when.
"""

from __future__ import annotations

from tests.properties.oracle.scheduling import MADE_WAY, NO_TIME, OWN_TIME

KNOWN = {MADE_WAY, NO_TIME, OWN_TIME}
"""What is remarked of such a trap."""

OF_TIME = {"current", "waiting", "ready", "charged", "account", "consumed"}
"""What may differ then."""
