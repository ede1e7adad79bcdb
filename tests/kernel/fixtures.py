"""Systems whose invariants are checked when a test is done with them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kernel.hand import Hand
from tests.kernel.mapping_rig import Rig
from tests.kernel.system import System, boot, pair
from vectoros.kernel.tcb import Tcb
from vectoros.kernel_image import invariants


@pytest.fixture
def system() -> Iterator[System]:
    """The system of dev.img, of which the ticker runs first."""
    made = boot()
    yield made
    invariants.check(made.root)


@pytest.fixture
def two() -> Iterator[tuple[System, Tcb, Tcb]]:
    """A server, which runs, and a client that has a capability to its endpoint."""
    made = pair()
    yield made
    invariants.check(made[0].root)


@pytest.fixture
def rig() -> Iterator[Rig]:
    """A system whose running thread has memory to make objects of."""
    made = Rig()
    yield made
    invariants.check(made.root)


@pytest.fixture
def hand() -> Iterator[Hand]:
    """A thread that invokes capabilities of its CNode."""
    made = Hand()
    yield made
    invariants.check(made.system.root)
