"""``python -m vectoros`` is the ``vectoros`` command."""

from __future__ import annotations

import sys

from vectoros.cli import main

if __name__ == "__main__":
    sys.exit(main())
