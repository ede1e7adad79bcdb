"""Which tests run: what ``-m`` asks for, and what a host lacks (tests/conftest.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import conftest
from tests.conftest import OPT_IN, asked_for, reason_to_skip


@pytest.mark.parametrize(
    ("expression", "asked"),
    [
        ("linux", {"linux"}),
        ("slow or linux", {"slow", "linux"}),
        ("linux and not qemu", {"linux"}),
        ("linux and not slow", {"linux"}),
        ("", set()),
        ("not slow", set()),
        ("qemu", set()),
        ("slower", set()),
    ],
)
def test_naming_a_marker_asks_for_its_tests(expression: str, asked: set[str]) -> None:
    assert asked_for(expression, slow=False) == asked


def test_slow_asks_for_all() -> None:
    assert asked_for("", slow=True) == set(OPT_IN)


def test_a_missing_file_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(conftest.FILES, "linux", ((tmp_path, "vmlinuz-*", "linux-image"),))
    reason = f"linux: no {tmp_path}/vmlinuz-*; install the Debian package linux-image"
    assert reason_to_skip("linux") == reason
    (tmp_path / "vmlinuz-6").touch()
    assert reason_to_skip("linux") is None
