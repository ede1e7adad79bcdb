"""Each invariant rejects what it is there to reject."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.kernel.system import System, boot
from vectoros.errors import InvariantError
from vectoros.kernel import inspect, invariants, vspace
from vectoros.kernel.abi import State
from vectoros.kernel.notification import Notification
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import INFO_PAGE, Init
from vectoros.kernel.tcb import VSPACE, Tcb

Mutant = Callable[[System], None]
MUTANTS: list[tuple[str, str, Mutant]] = []


def mutant(invariant: str, message: str) -> Callable[[Mutant], Mutant]:
    def keep(change: Mutant) -> Mutant:
        MUTANTS.append((invariant, message, change))
        return change

    return keep


def named(system: System, name: str) -> Tcb:
    found = next(thread for thread in inspect.threads(system.root) if thread.name == name)
    return Tcb(system.ram, found.tcb)


def last_page(system: System, thread: Tcb) -> int:
    """Return where the entry of the boot info page is."""
    table = thread.space
    for kind in (Type.PML4, Type.PDPT, Type.PD):
        table = system.ram.words[(table >> 3) + vspace.index(kind, INFO_PAGE)] & vspace.ADDRESS
    return table // 8 + vspace.index(Type.PT, INFO_PAGE)


@mutant("tree_is_nested", "I18: node")
def _a_broken_link(system: System) -> None:
    system.slot(named(system, "shell"), Init.TCB).open_prev += 0x40


@mutant("tree_is_nested", "I10: slot")
def _an_empty_slot_in_the_tree(system: System) -> None:
    system.slot(named(system, "shell"), Init.COM1).type = 0


@mutant("tree_is_nested", "I18: slot")
def _crossed_parentheses(system: System) -> None:
    words = system.ram.words
    slot = system.slot(named(system, "shell"), Init.TCB)
    child = slot.open_next  # opens inside; now let it close behind its parent
    inner = child - 0x20 + 0x30
    outer = slot.address + 0x30
    before, after = words[inner >> 3], words[(outer >> 3) + 1]
    for left, right in ((before, outer), (outer, inner), (inner, after)):
        words[(left >> 3) + 1], words[right >> 3] = right, left


@mutant("objects_are_apart", "I1: TCB")
def _an_object_that_is_not_aligned(system: System) -> None:
    system.slot(named(system, "victim"), Init.TCB).object += 0x400


@mutant("objects_are_apart", "I2: ")
def _two_objects_in_one_place(system: System) -> None:
    shell = named(system, "shell")
    system.slot(shell, Init.NOTIFICATION).object = system.slot(shell, Init.PML4).object


@mutant("untypeds_hold_their_children", "I4: untyped")
def _a_watermark_beyond_the_end(system: System) -> None:
    untyped = system.slot(named(system, "shell"), Init.UNTYPEDS)
    untyped.badge = untyped.size + 1


@mutant("untypeds_hold_their_children", "I4: ")
def _memory_given_out_twice(system: System) -> None:
    system.slot(named(system, "shell"), Init.UNTYPEDS).badge -= 0x1000


@mutant("slots_are_of_known_type", "I25: TCB")
def _a_thread_without_an_address_space(system: System) -> None:
    named(system, "ticker").slot(VSPACE).type = Type.CNODE


@mutant("slots_are_of_known_type", "I3: CNode")
def _a_guard_that_is_too_long(system: System) -> None:
    system.slot(named(system, "ticker"), Init.CNODE).guard_size = 60


@mutant("queues_are_well_formed", "I27: thread 0x")
def _a_thread_in_the_wrong_queue(system: System) -> None:
    named(system, "shell").priority = 99


@mutant("queues_are_well_formed", "I30: the bitmap")
def _a_bitmap_that_forgets(system: System) -> None:
    processor = system.root.processor
    system.ram.words[(processor.address + 0x40 >> 3) + 1] = 0


@mutant("queues_are_well_formed", "I30: the summary")
def _a_summary_that_invents(system: System) -> None:
    system.root.processor.occupied |= 8


@mutant("queues_are_well_formed", "I20: the queue")
def _a_queue_with_a_loop(system: System) -> None:
    shell = named(system, "shell")
    shell.queue_next = shell.address


@mutant("queues_are_well_formed", "I20: the tail")
def _a_queue_with_a_wrong_tail(system: System) -> None:
    system.ram.words[(system.root.processor.queue(100) >> 3) + 1] = 0


@mutant("nobody_is_lost", "I28: thread victim is ready in 0")
def _a_lost_wake_up(system: System) -> None:
    named(system, "victim").state = State.RUNNING


@mutant("waiting_is_mutual", "I20: thread victim waits nowhere")
def _a_thread_that_waits_nowhere(system: System) -> None:
    victim = named(system, "victim")
    victim.state = State.BLOCKED_ON_SEND
    victim.blocked_on = system.slot(named(system, "shell"), Init.ENDPOINT).object


@mutant("binding_is_mutual", "I20: notification")
def _a_notification_bound_to_another(system: System) -> None:
    shell, ticker = named(system, "shell"), named(system, "ticker")
    Notification(system.ram, shell.bound).bound = ticker.address


@mutant("pages_are_not_writable_and_executable", "W^X: page 0x7ffffffd0000")
def _a_page_that_is_writable_and_executable(system: System) -> None:
    at = last_page(system, named(system, "ticker"))
    system.ram.words[at] = system.ram.words[at] & ~(1 << 63) | vspace.Entry.WRITE


@mutant("pages_are_not_writable_and_executable", "I35: page 0x7ffffffd0000")
def _a_page_without_a_capability(system: System) -> None:
    system.ram.words[last_page(system, named(system, "ticker"))] += 0x1000


@mutant("kernel_half_is_closed", "I38: PML4")
def _a_kernel_half_of_its_own(system: System) -> None:
    system.ram.words[(named(system, "victim").space >> 3) + 300] = 3


@mutant("kernel_half_is_closed", "I38: ring 3")
def _a_kernel_half_that_ring_3_may_use(system: System) -> None:
    for space in inspect.objects(system.root, Type.PML4):
        system.ram.words[(space >> 3) + 300] |= vspace.Entry.USER


@pytest.mark.parametrize(
    ("invariant", "message", "change"), MUTANTS, ids=lambda v: getattr(v, "__name__", "")
)
def test_a_mutant_is_rejected(invariant: str, message: str, change: Mutant) -> None:
    system = boot()
    change(system)
    with pytest.raises(InvariantError, match=re.escape(message)):
        getattr(invariants, invariant)(system.root)


def test_every_invariant_has_a_mutant() -> None:
    named_in_mutants = {invariant for invariant, _, _ in MUTANTS}
    assert named_in_mutants == {invariant.__name__ for invariant in invariants.INVARIANTS}


def test_a_system_that_has_just_booted_is_sound() -> None:
    invariants.check(boot().root)
