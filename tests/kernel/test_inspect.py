"""What can be seen in an image, without a kernel that runs."""

from __future__ import annotations

from tests.kernel.system import FAR, System, pair
from vectoros.kernel import inspect
from vectoros.kernel.abi import Fault, State, Trap
from vectoros.kernel.gate import Reason
from vectoros.kernel.memory import PlainMemory, Ram
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Init
from vectoros.kernel.root import Root


def test_the_root_object_is_found_in_an_image(system: System) -> None:
    memory = PlainMemory(bytearray(system.data))
    found = inspect.find_root(memory)
    assert found == system.root.address
    assert inspect.threads(Root(Ram(memory), found)) == inspect.threads(system.root)


def test_an_image_without_a_kernel_has_none() -> None:
    assert inspect.find_root(PlainMemory(bytearray(1 << 20))) is None


def test_ready_and_waiting_threads_are_where_they_are() -> None:
    system, server, client = pair()
    assert inspect.ready(system.root) == {100: [client.address]}
    system.syscall(Trap.RECV, Init.ENDPOINT)
    endpoint = system.slot(server, Init.ENDPOINT).object
    assert inspect.waiting(system.root) == {endpoint: [server.address]}
    assert inspect.ready(system.root) == {}


def test_a_fault_is_still_there_after_the_crash() -> None:
    system, _, client = pair()
    system.syscall(Trap.RECV, Init.ENDPOINT)
    system.trap(Reason.EXCEPTION, vector=14, error=6, cr2=0xBAD0)
    thread = inspect.threads(system.root)[1]
    assert (thread.name, thread.state) == ("client", State.BLOCKED_ON_REPLY)
    assert (thread.fault, thread.fault_address) == (Fault.VM_FAULT, 0xBAD0)
    assert thread.tcb == client.address


def test_capabilities_show_type_badge_and_rights() -> None:
    system, server, client = pair()
    found = inspect.capabilities(system.root, client.slot(0x400))[FAR]
    assert (found.type, found.badge, found.rights) == (Type.ENDPOINT, 7, 15)
    assert found.object == system.slot(server, Init.ENDPOINT).object


def test_what_was_derived_is_deeper_than_what_it_came_from() -> None:
    system, server, client = pair()
    depths = {cap.slot: cap.depth for cap in inspect.tree(system.root)}
    original = system.slot(server, Init.ENDPOINT).address
    assert depths[system.slot(client, FAR).address] == depths[original] + 1
