"""Each invariant rejects what it is there to reject."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

from tests.kernel.system import boot
from tests.properties import mutants_memory, mutants_threads
from tests.properties.mutants import MUTANTS, Mutant
from vectoros.errors import InvariantError
from vectoros.kernel_image import invariants
from vectoros.kernel_image.invariants.facts import Facts

FUNCTIONS = {function.__name__: function for function in invariants.INVARIANTS}
MODULES = (mutants_memory, mutants_threads)
"""Importing them has filled the table."""


@pytest.mark.parametrize(
    ("invariant", "message", "change"), MUTANTS, ids=lambda v: getattr(v, "__name__", "")
)
def test_a_mutant_is_rejected(invariant: str, message: str, change: Mutant) -> None:
    system = boot()
    change(system)
    with pytest.raises(InvariantError) as caught:
        FUNCTIONS[invariant](Facts.collect(system.root))
    assert fnmatchcase(str(caught.value), f"{message}*")


def test_every_invariant_has_a_mutant_which_it_rejects_by_its_number() -> None:
    assert {invariant for invariant, _, _ in MUTANTS} == set(FUNCTIONS)
    for invariant, message, _ in MUTANTS:
        assert (FUNCTIONS[invariant].__doc__ or "").startswith(message.partition(" ")[0])


def test_the_list_has_all_41_numbers() -> None:
    found = {(function.__doc__ or "").partition(":")[0] for function in invariants.INVARIANTS}
    assert found == {f"I{number}" for number in range(1, 42)}


def test_a_system_that_has_just_booted_is_sound() -> None:
    invariants.check(boot().root)
