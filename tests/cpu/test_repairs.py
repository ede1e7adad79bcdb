"""Unicorn's code is changed only where it is the code that we know."""

from __future__ import annotations

import ctypes

import pytest

from vectoros.cpu import repairs, unicorn_api

BUFFER = ctypes.create_string_buffer(64)

needs_repair = pytest.mark.skipif(
    repairs.repair() is not None, reason=f"the repair: {repairs.repair()}"
)


def at_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unicorn_api, "address_of", lambda _symbol: ctypes.addressof(BUFFER))


def test_a_place_is_known_if_all_of_its_bytes_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    at_buffer(monkeypatch)
    BUFFER.raw = b"\x90" * 64
    assert repairs.Place("any", 3, b"\x90" * 5).known
    BUFFER[7] = b"\x91"
    assert not repairs.Place("any", 3, b"\x90" * 5).known
    assert repairs.Place("any", 3, b"\x90" * 4).known


@needs_repair
def test_other_code_is_refused_by_name_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_buffer(monkeypatch)
    BUFFER.raw = b"\x90" * 64
    place = repairs.Place("any", 16, b"\xc3")
    monkeypatch.setattr(repairs, "_PLACES", (repairs.Place("any", 0, b"\x90"), place))
    monkeypatch.setattr(unicorn_api, "exports", lambda _symbol: True)
    reason = "this build of unicorn has other code at any+0x10"
    assert repairs.repair.__wrapped__() == reason
    assert BUFFER.raw == b"\x90" * 64


@needs_repair
def test_a_function_that_is_not_exported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unicorn_api, "exports", lambda symbol: symbol != "tlb_reset_dirty_x86_64")
    reason = "this build of unicorn does not export tlb_reset_dirty_x86_64"
    assert repairs.repair.__wrapped__() == reason


@needs_repair
def test_elsewhere_than_on_linux_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    reason = "known for Linux on x86_64 only, and this is darwin"
    assert repairs.repair.__wrapped__() == reason


@needs_repair
def test_what_is_repaired_is_not_repaired_again() -> None:
    assert not any(place.known for place in repairs._PLACES)
