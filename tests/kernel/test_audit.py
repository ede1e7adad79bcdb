"""The audit log: what changed somebody's authority is in it, and who may read it."""

from __future__ import annotations

import pytest

from tests.kernel.invoking import invoke
from tests.kernel.system import Spec, System, boot
from vectoros.kernel import derivation
from vectoros.kernel.abi import Trap
from vectoros.kernel.audit import CAPACITY, Event
from vectoros.kernel.errors import Error
from vectoros.kernel.methods import label
from vectoros.kernel.objects import Right, Type
from vectoros.kernel.process_layout import Grant, Init

SET_PRIORITY = label(Type.TCB, "SetPriority")


@pytest.fixture
def server() -> System:
    """A system in which a process that has INSPECT runs, and the other has no turn."""
    return boot((Spec("server", 100, Grant.INSPECT), Spec("client", 99)))


def read(system: System, index: int) -> tuple[int, ...]:
    return invoke(system, Init.AUDIT_LOG, Type.AUDIT_LOG, "Read", index)


def test_the_log_is_its_readers_and_nobodys_to_write(server: System) -> None:
    thread, other = server.processes(server.running, 2)
    slot = server.slot(thread, Init.AUDIT_LOG)
    assert (slot.type, slot.rights) == (Type.AUDIT_LOG, Right.READ)
    assert not server.slot(other, Init.AUDIT_LOG).type


def test_a_method_that_changes_authority_is_written_down(server: System) -> None:
    thread = server.running
    assert invoke(server, Init.AUDIT_LOG, Type.AUDIT_LOG, "Describe") == (0, 0, CAPACITY)
    assert invoke(server, Init.TCB, Type.TCB, "SetPriority", 100, caps=(Init.TCB,)) == (0,)
    tick = server.block.now
    assert invoke(server, Init.AUDIT_LOG, Type.AUDIT_LOG, "Describe") == (0, 1, CAPACITY)
    expected = (tick, Event.INVOKED, thread.id, thread.address, SET_PRIORITY, 0, 100, 0)
    assert read(server, 0) == (0, *expected)


@pytest.mark.parametrize(
    ("words", "caps", "status"),
    [
        ((99,), (), Error.TRUNCATED_MESSAGE),
        ((99,), (Init.PML4,), Error.INVALID_CAPABILITY),
        ((256,), (Init.TCB,), Error.RANGE_ERROR),
    ],
)
def test_its_refusal_is_written_down_too(
    server: System, words: tuple[int, ...], caps: tuple[int, ...], status: Error
) -> None:
    found = invoke(server, Init.TCB, Type.TCB, "SetPriority", *words, caps=caps)
    assert found[0] == status
    assert read(server, 0)[5:8] == (SET_PRIORITY, status, words[0])


def test_other_methods_are_not_written_down(server: System) -> None:
    invoke(server, Init.TCB, Type.TCB, "Describe")
    invoke(server, Init.AUDIT_LOG, Type.AUDIT_LOG, "Describe")
    server.syscall(Trap.SEND, Init.NOTIFICATION)
    assert invoke(server, Init.AUDIT_LOG, Type.AUDIT_LOG, "Describe")[1] == 0


def test_a_record_that_is_not_there_is_out_of_range(server: System) -> None:
    assert read(server, 0) == (Error.RANGE_ERROR, 0, 0)
    for _ in range(CAPACITY + 2):
        invoke(server, Init.TCB, Type.TCB, "SetPriority", 100, caps=(Init.TCB,))
    for index in (1, CAPACITY + 2, 1 << 63):
        assert read(server, index) == (Error.RANGE_ERROR, 2, CAPACITY + 1)
    assert read(server, 2)[0] == read(server, CAPACITY + 1)[0] == 0


@pytest.mark.parametrize(("name", "words"), [("Describe", ()), ("Read", (99,))])
def test_reading_needs_the_right_before_its_arguments(
    server: System, name: str, words: tuple[int, ...]
) -> None:
    server.slot(server.running, Init.AUDIT_LOG).rights = 0
    found = invoke(server, Init.AUDIT_LOG, Type.AUDIT_LOG, name, *words)
    assert found == (Error.ILLEGAL_OPERATION,)


def test_a_record_without_its_index_is_truncated(server: System) -> None:
    found = invoke(server, Init.AUDIT_LOG, Type.AUDIT_LOG, "Read")
    assert found == (Error.TRUNCATED_MESSAGE,)


def test_without_a_log_nothing_is_written_anywhere(server: System) -> None:
    root = server.root
    derivation.remove(server.ram, root.audit.address)
    low = bytes(server.data[:4096])
    assert invoke(server, Init.TCB, Type.TCB, "SetPriority", 100, caps=(Init.TCB,)) == (0,)
    assert server.data[:4096] == low
