from __future__ import annotations

import re

import pytest

from vectoros.config import ENGINES, Config, memory_size
from vectoros.errors import UsageError
from vectoros.layout import MAXIMUM_RAM, MINIMUM_RAM
from vectoros.units import MIB


def test_a_machine_has_64_mib_and_the_best_engine_unless_told_otherwise() -> None:
    assert Config() == Config(memory=64 * MIB, engine="auto")


@pytest.mark.parametrize("memory", [MINIMUM_RAM, MINIMUM_RAM + 4096, MAXIMUM_RAM])
@pytest.mark.parametrize("engine", ENGINES)
def test_what_the_map_has_room_for_is_accepted(memory: int, engine: str) -> None:
    assert Config(memory, engine).memory == memory


@pytest.mark.parametrize("memory", [-1, 0, MINIMUM_RAM - 4096, MAXIMUM_RAM + 4096, 1 << 70])
def test_a_machine_too_small_or_too_large_is_refused(memory: int) -> None:
    sentence = f"--memory must be from 1M to 3072M, not {memory} bytes"
    with pytest.raises(UsageError, match=f"^{re.escape(sentence)}$"):
        Config(memory)


def test_memory_comes_in_pages() -> None:
    with pytest.raises(
        UsageError, match=r"^--memory must be a multiple of 4096 bytes, not 1048577$"
    ):
        Config(MIB + 1)


def test_an_unknown_engine_is_refused_and_the_known_ones_are_named() -> None:
    sentence = "--engine must be one of auto, fast, portable, not 'kvm'"
    with pytest.raises(UsageError, match=f"^{sentence}$"):
        Config(engine="kvm")


def test_memory_is_given_in_bytes_or_as_text() -> None:
    assert memory_size(4096) == 4096
    assert memory_size("64M") == 64 * MIB


def test_text_that_is_no_size_names_the_option() -> None:
    with pytest.raises(UsageError, match=r"^--memory: a size is a whole number .* not 'lots'$"):
        memory_size("lots")


def test_these_refusals_end_the_command_with_status_2() -> None:
    assert UsageError("").status == 2
