"""The kernel stays small enough to be read in an afternoon."""

from __future__ import annotations

from pathlib import Path

import pytest

KERNEL = Path(__file__).parents[2] / "kernel"
LIMITS = {"py": 7_000, "S": 1_000}
"""Lines, of all files with the ending together (issue 5)."""


@pytest.mark.parametrize("ending", LIMITS)
def test_the_kernel_keeps_its_line_budget(ending: str) -> None:
    files = sorted(KERNEL.rglob(f"*.{ending}"))
    lines = {
        file.relative_to(KERNEL).as_posix(): len(file.read_text(encoding="utf-8").splitlines())
        for file in files
    }
    total = sum(lines.values())
    print(f"kernel/**/*.{ending}: {total} of {LIMITS[ending]} lines in {len(files)} files")
    assert files, "the kernel has moved"
    assert total < LIMITS[ending], sorted(lines.items(), key=lambda item: -item[1])[:10]
