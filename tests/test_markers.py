"""Which tests run: what ``-m`` asks for, and what a host lacks (tests/conftest.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import conftest
from tests.conftest import asks_for_slow, reason_to_skip


@pytest.mark.parametrize("expression", ["linux", "slow or linux", "linux and not qemu"])
def test_naming_a_marker_asks_for_its_tests(expression: str) -> None:
    assert asks_for_slow(expression)


@pytest.mark.parametrize("expression", ["", "not slow", "qemu", "not linux and not slow", "slower"])
def test_anything_else_does_not(expression: str) -> None:
    assert not asks_for_slow(expression)


def test_a_missing_file_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(conftest.FILES, "linux", ((tmp_path, "vmlinuz-*", "linux-image"),))
    reason = f"linux: no {tmp_path}/vmlinuz-*; install the Debian package linux-image"
    assert reason_to_skip("linux", slow=True) == reason
    (tmp_path / "vmlinuz-6").touch()
    assert reason_to_skip("linux", slow=True) is None
    assert reason_to_skip("linux", slow=False) == "linux: run with --slow"
