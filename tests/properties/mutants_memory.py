"""Mutants of memory, of the derivation tree, and of address spaces."""

from __future__ import annotations

from tests.kernel.system import System
from tests.properties.mutants import entry_of, mutant, threads
from vectoros.kernel import derivation
from vectoros.kernel.objects import LARGE_PAGE_BITS, PAGE_BITS, Right, Type
from vectoros.kernel.process_layout import INFO_PAGE, STACK_TOP, Init
from vectoros.kernel.root import ASID_POOLS
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import CSPACE
from vectoros.kernel.vspace import Entry
from vectoros.kernel_image.invariants.facts import Facts

SPARE = 28
"""A slot that is empty in every process."""


@mutant("pspace_aligned", "I1: TCB")
def _an_object_that_is_not_aligned(system: System) -> None:
    system.slot(threads(system)[2], Init.TCB).object += 0x400


@mutant("pspace_distinct", "I2: ")
def _two_objects_in_one_place(system: System) -> None:
    shell = threads(system)[0]
    system.slot(shell, Init.NOTIFICATION).object = system.slot(shell, Init.PML4).object


@mutant("valid_cap", "I3: CNODE")
def _a_guard_that_is_too_long(system: System) -> None:
    system.slot(threads(system)[1], Init.CNODE).guard_size = 60


@mutant("valid_cap", "I3: CNODE * has a guard that is too long")
def _a_guard_with_more_bits_than_it_has(system: System) -> None:
    cnode = system.slot(threads(system)[1], Init.CNODE)
    cnode.badge = 1 << cnode.guard_size


@mutant("valid_cap", "I3: FRAME * has another size elsewhere")
def _an_object_with_two_sizes(system: System) -> None:
    frame = system.slot(threads(system)[0], Init.IPC_BUFFER)
    copy = derivation.derive(
        system.ram, frame.address, system.slot(threads(system)[0], SPARE).address
    )
    copy.bits = LARGE_PAGE_BITS


@mutant("valid_cap", "I3: FRAME * has no size of a page")
def _a_page_of_8_kib(system: System) -> None:
    frame = system.slot(threads(system)[0], Init.IPC_BUFFER).object
    for cap in Facts.collect(system.root).of[Type.FRAME]:
        if cap.object == frame:
            cap.bits = PAGE_BITS + 1


@mutant("valid_cap", "I3: NOTIFICATION")
def _a_right_that_means_nothing(system: System) -> None:
    system.slot(threads(system)[1], Init.NOTIFICATION).rights |= Right.GRANT


@mutant("valid_cap", "I3: UNTYPED")
def _a_watermark_beyond_the_end(system: System) -> None:
    untyped = system.slot(threads(system)[0], Init.UNTYPEDS)
    untyped.badge = untyped.size + 1


@mutant("valid_untyped", "I4: ")
def _memory_given_out_twice(system: System) -> None:
    for number in range(6):
        untyped = system.slot(threads(system)[0], Init.UNTYPEDS + number)
        untyped.badge = untyped.badge // 2 & -16


@mutant("untyped_mdb", "I5: ")
def _an_object_that_revoking_does_not_reach(system: System) -> None:
    shell = threads(system)[0]
    endpoint = system.slot(shell, Init.ENDPOINT)
    copy = Slot(system.ram, system.slot(shell, SPARE).address)
    copy.copy_from(endpoint)
    derivation.insert(system.ram, copy.address, system.root.anchor)


@mutant("untyped_inc", "I6: UNTYPED")
def _two_untypeds_over_the_same_memory(system: System) -> None:
    shell = threads(system)[0]
    twin = system.slot(shell, SPARE)
    twin.copy_from(system.slot(shell, Init.UNTYPEDS))
    derivation.insert(system.ram, twin.address, system.root.anchor)


@mutant("cap_refs_respects_device_region", "I7: FRAME")
def _memory_that_passes_for_a_device(system: System) -> None:
    system.slot(threads(system)[0], Init.IPC_BUFFER).device = 1


@mutant("valid_machine_state", "I8: UNTYPED")
def _old_contents_in_free_memory(system: System) -> None:
    for number in range(9):
        untyped = system.slot(threads(system)[0], Init.UNTYPEDS + number)
        if not untyped.device and untyped.size - untyped.badge >= 0x1000:
            untyped.mapping = untyped.badge + 0x1000
            system.data[untyped.object + untyped.badge] = 1


@mutant("ledger", "I9: ")
def _more_made_than_there_was(system: System) -> None:
    for number in range(9):
        system.slot(threads(system)[0], Init.UNTYPEDS + number).badge //= 2


@mutant("mdb_cte_at", "I10: slot")
def _an_empty_slot_in_the_tree(system: System) -> None:
    system.slot(threads(system)[0], Init.COM1).type = 0


@mutant("no_mloop", "I11: slot")
def _a_tree_whose_end_leads_to_its_start(system: System) -> None:
    words, opening = system.ram.words, system.root.anchor + derivation.OPEN
    last = words[system.root.anchor + derivation.CLOSE >> 3]
    words[(last >> 3) + 1], words[opening >> 3] = opening, last


@mutant("valid_mdb", "I18: slot")
def _crossed_parentheses(system: System) -> None:
    words = system.ram.words
    outer_slot = system.slot(threads(system)[0], Init.TCB)
    inner = outer_slot.open_next - 0x20 + 0x30  # a child's end; now let it come after its parent's
    outer = outer_slot.address + 0x30
    before, after = words[inner >> 3], words[(outer >> 3) + 1]
    for left, right in ((before, outer), (outer, inner), (inner, after)):
        words[(left >> 3) + 1], words[right >> 3] = right, left


@mutant("descendants_inc", "I12: ")
def _a_child_that_may_more(system: System) -> None:
    shell, ticker, _ = threads(system)
    child = derivation.derive(
        system.ram,
        system.slot(ticker, Init.NOTIFICATION).address,
        system.slot(shell, SPARE).address,
    )
    system.slot(ticker, Init.NOTIFICATION).rights = Right.READ
    child.rights = Right.READ | Right.WRITE


@mutant("descendants_inc", "I12: ")
def _a_child_with_another_badge(system: System) -> None:
    shell, ticker, _ = threads(system)
    source = system.slot(shell, Init.ENDPOINT)
    first = derivation.derive(system.ram, source.address, system.slot(ticker, SPARE).address)
    first.badge = 5
    second = derivation.derive(system.ram, first.address, system.slot(ticker, SPARE + 1).address)
    second.badge = 6


@mutant("descendants_inc", "I12: NOTIFICATION * is not in its parent UNTYPED")
def _an_object_outside_the_untyped_that_it_came_from(system: System) -> None:
    system.slot(threads(system)[0], Init.NOTIFICATION).object = 0x1000


@mutant("descendants_inc", "I12: TCB * is a child of ENDPOINT")
def _a_child_of_another_type(system: System) -> None:
    shell = threads(system)[0]
    source, place = system.slot(shell, Init.ENDPOINT), system.slot(shell, SPARE)
    derivation.derive(system.ram, source.address, place.address).type = Type.TCB


@mutant("valid_ioc", "I13: slot")
def _a_capability_that_is_in_no_tree(system: System) -> None:
    shell = threads(system)[0]
    system.slot(shell, SPARE).copy_from(system.slot(shell, Init.ENDPOINT))


@mutant("valid_ioc", "I13: slot")
def _an_empty_slot_that_remembers(system: System) -> None:
    system.slot(threads(system)[0], SPARE).badge = 1


@mutant("irq_revocable", "I14: ")
def _a_second_capability_to_all_interrupts(system: System) -> None:
    shell = threads(system)[0]
    source = system.slot(shell, Init.IRQ_CONTROL).address
    derivation.derive(system.ram, source, system.slot(shell, SPARE).address)


@mutant("irq_revocable", "I14: IRQ_CONTROL was derived")
def _a_capability_to_all_interrupts_that_came_of_another(system: System) -> None:
    shell = threads(system)[0]
    control, place = system.slot(shell, Init.IRQ_CONTROL), system.slot(shell, SPARE)
    place.copy_from(control)
    derivation.remove(system.ram, control.address)
    derivation.insert(system.ram, place.address, system.slot(shell, Init.ENDPOINT).address)


@mutant("zombies_final", "I15: the list of zombies has a loop")
def _a_list_of_zombies_without_end(system: System) -> None:
    zombie = system.slot(threads(system)[2], Init.CNODE)
    zombie.type, zombie.guard_size, zombie.mapping = Type.ZOMBIE, Type.CNODE, zombie.address
    system.root.dying = zombie.address


@mutant("zombies_final", "I15: 0x1000 is in the list of zombies, and no slot")
def _a_list_of_zombies_that_leads_elsewhere(system: System) -> None:
    system.root.dying = 0x1000


@mutant("zombies_final", "I15: ")
def _a_zombie_that_is_on_no_list(system: System) -> None:
    zombie = system.slot(threads(system)[2], Init.CNODE)
    zombie.type, zombie.guard_size = Type.ZOMBIE, Type.CNODE


@mutant("zombies_final", "I15: ")
def _a_zombie_that_is_not_the_last(system: System) -> None:
    zombie = system.slot(threads(system)[2], Init.CNODE)
    zombie.type, zombie.guard_size, zombie.mapping = Type.ZOMBIE, Type.CNODE, 0
    system.root.dying = zombie.address


@mutant("if_live_then_nonz_cap", "I16: current")
def _a_thread_that_nobody_could_stop(system: System) -> None:
    system.root.processor.current = 0x1000


@mutant("if_live_then_nonz_cap", "I16: * waits at")
def _something_that_waits_and_is_no_thread(system: System) -> None:
    at = system.slot(threads(system)[0], Init.ENDPOINT).object >> 3
    nobody = system.ram.size - 0x1000  # where all is zero
    system.ram.words[at], system.ram.words[at + 1] = nobody, nobody


@mutant("if_unsafe_then_cap", "I17: ")
def _a_capability_where_no_cnode_is(system: System) -> None:
    shell = threads(system)[0]
    untypeds = [system.slot(shell, Init.UNTYPEDS + number) for number in range(8)]
    largest = max((u for u in untypeds if u.type and not u.device), key=lambda u: u.size)
    place = largest.object + largest.size - 64
    derivation.derive(system.ram, system.slot(shell, Init.ENDPOINT).address, place)


@mutant("valid_mdb", "I18: node")
def _a_broken_link(system: System) -> None:
    system.slot(threads(system)[0], Init.TCB).open_prev += 0x40


@mutant("valid_mdb", "I18: node * leads out of RAM")
def _a_link_that_leads_out_of_memory(system: System) -> None:
    system.slot(threads(system)[0], Init.TCB).open_next = 1 << 40


@mutant("is_final", "I19: ")
def _two_capabilities_that_do_not_stand_together(system: System) -> None:
    shell = threads(system)[0]
    twin = system.slot(shell, SPARE)
    twin.copy_from(system.slot(threads(system)[1], Init.PML4))
    derivation.insert(system.ram, twin.address, system.root.anchor)


@mutant("valid_vs_lookup", "I35: page 0x7ffffffd0000")
def _a_page_without_a_capability(system: System) -> None:
    system.ram.words[entry_of(system, threads(system)[1])] += 0x1000


@mutant("asid_table", "I35: ASID")
def _an_identifier_that_leads_elsewhere(system: System) -> None:
    shell, ticker, _ = threads(system)
    pool = system.root.words[system.root.address + ASID_POOLS >> 3]
    number = system.slot(ticker, Init.PML4).mapping - 1
    system.ram.words[(pool >> 3) + number] = system.slot(shell, Init.PML4).object


@mutant("valid_table_caps", "I36: ")
def _a_table_that_is_in_no_place_and_not_empty(system: System) -> None:
    Facts.collect(system.root).of[Type.PT][0].mapping = 0


@mutant("unique_table_refs", "I37: the table at")
def _a_table_that_is_used_twice(system: System) -> None:
    at = (threads(system)[1].space >> 3) + (INFO_PAGE >> 39)
    system.ram.words[at - 1] = system.ram.words[at]


@mutant("equal_kernel_mappings", "I38: PML4")
def _a_kernel_half_of_its_own(system: System) -> None:
    system.ram.words[(threads(system)[2].space >> 3) + 300] = 3


@mutant("equal_kernel_mappings", "I38: ring 3")
def _a_kernel_half_that_ring_3_may_use(system: System) -> None:
    for space in (system.root.kernel_space, *(thread.space for thread in threads(system))):
        system.ram.words[(space >> 3) + 300] |= Entry.USER


@mutant("rights_in_pte", "I39: page")
def _a_page_that_is_writable_without_the_right(system: System) -> None:
    for frame in Facts.collect(system.root).of[Type.FRAME]:
        if frame.mapped_at and frame.mapped_at[1] == STACK_TOP - 0x1000:
            frame.rights = Right.READ


@mutant("rights_in_pte", "I39: page 0x7ffffffd0000")
def _a_page_that_is_writable_and_executable(system: System) -> None:
    at = entry_of(system, threads(system)[1])
    system.ram.words[at] = system.ram.words[at] & ~Entry.NO_EXECUTE | Entry.WRITE


@mutant("valid_irq_states", "I40: line 4")
def _an_interrupt_without_a_handler(system: System) -> None:
    derivation.remove(system.ram, system.slot(threads(system)[0], Init.COM1_IRQ).address)


@mutant("valid_irq_states", "I40: line 4 signals no notification")
def _an_interrupt_that_goes_to_an_endpoint(system: System) -> None:
    system.root.interrupt(4).type = Type.ENDPOINT


@mutant("valid_irq_states", "I40: line 11")
def _an_open_line_that_nobody_handles(system: System) -> None:
    system.root.irq_mask &= ~(1 << 11)


@mutant("valid_ioports", "I41: ports 0x3f8 to 0x10 are no range")
def _ports_that_end_before_they_begin(system: System) -> None:
    system.slot(threads(system)[0], Init.COM1).badge = 0x10


@mutant("valid_ioports", "I41: ports")
def _ports_that_two_have(system: System) -> None:
    system.slot(threads(system)[0], Init.COM1).badge = 0xFFFF


@mutant("tcb_cap_cases", "I25: TCB")
def _a_thread_with_an_endpoint_for_a_cspace(system: System) -> None:
    threads(system)[1].slot(CSPACE).type = Type.ENDPOINT
