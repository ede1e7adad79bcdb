"""BOOT: what a boot record becomes, and what cannot be started."""

from __future__ import annotations

import struct

import pytest

from tests.kernel.system import (
    DATA,
    DEV,
    KERNEL_PML4,
    RODATA,
    SIZE,
    TEXT,
    Spec,
    System,
    elf,
    memory_of,
    serve_boot,
)
from vectoros.kernel import vspace
from vectoros.kernel.abi import State
from vectoros.kernel.boot_info import NAMES, BootInfo
from vectoros.kernel.boot_record import BOOT_RECORD, BootRecord
from vectoros.kernel.gate import Flag, Op, Reason
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import (
    INFO_PAGE,
    IPC_BUFFER,
    SCREEN,
    STACK_SIZE,
    STACK_TOP,
    Grant,
    Init,
)
from vectoros.kernel.root import CONTROL_TYPES, ROOT_SIZE
from vectoros.kernel.tcb import CSPACE, HANDLER, Tcb
from vectoros.kernel.vspace import Entry
from vectoros.kernel_image import inspect, invariants, walks
from vectoros.units import PAGE_SIZE


def pages(system: System, thread: Tcb) -> dict[int, walks.Mapping]:
    return {page.address: page for page in walks.mappings(system.ram, thread.space)}


def content(system: System, thread: Tcb, address: int, size: int) -> bytes:
    frame = pages(system, thread)[address].frame
    return bytes(system.data[frame : frame + size])


def test_the_thread_of_the_highest_priority_runs_first(system: System) -> None:
    assert system.running.name == "ticker"
    assert system.block.next_cr3 == system.running.space
    assert Flag(system.block.flags) == Flag.SET_TS


def test_a_thread_starts_at_its_entry_in_ring_3_with_its_boot_info(system: System) -> None:
    thread = system.running
    assert (thread.rip, thread.rsp, thread.rdi, thread.rsi) == (TEXT, STACK_TOP, INFO_PAGE, 0)
    assert (thread.cs & 3, thread.ss & 3, thread.rflags) == (3, 3, 0x202)
    assert thread.vector == 0


def test_segments_are_copied_and_mapped_as_they_ask(system: System) -> None:
    found = pages(system, system.running)
    assert content(system, system.running, TEXT, 4) == b"\x0f\x05\xeb\xfe"
    assert content(system, system.running, RODATA, 9) == b"constant\0"
    assert content(system, system.running, DATA, 6) == b"value\0"
    assert content(system, system.running, DATA + 0x1000, 4096) == bytes(4096)
    rights = {address: found[address].access & _RIGHTS for address in (TEXT, RODATA, DATA)}
    assert rights == {TEXT: 0, RODATA: Entry.NO_EXECUTE, DATA: Entry.NO_EXECUTE | Entry.WRITE}


_RIGHTS = Entry.WRITE | Entry.NO_EXECUTE


def test_every_page_has_been_accessed_and_written_as_far_as_the_cpu_is_concerned(
    system: System,
) -> None:
    for page in pages(system, system.running).values():
        assert page.access & (Entry.ACCESSED | Entry.DIRTY) == Entry.ACCESSED | Entry.DIRTY


def test_tables_leave_it_to_the_page_what_is_allowed(system: System) -> None:
    space = system.running.space
    tables = {cap.object for cap in inspect.tree(system.root) if cap.type is Type.PDPT}
    entry = system.ram.words[vspace.find(system.ram, space, TEXT, 39)[0]]
    assert entry & 0xFFF == Entry.PRESENT | Entry.WRITE | Entry.USER | Entry.ACCESSED
    assert entry & ~0xFFF in tables


def test_the_stack_has_a_guard_below_it_and_nothing_above(system: System) -> None:
    found = pages(system, system.running)
    stack = range(STACK_TOP - STACK_SIZE, STACK_TOP, PAGE_SIZE)
    assert all(found[page].access & _RIGHTS == vspace.READ_WRITE & _RIGHTS for page in stack)
    assert stack.start - PAGE_SIZE not in found
    assert STACK_TOP not in found


def test_boot_info_says_where_things_are(system: System) -> None:
    thread = system.running
    info = BootInfo(system.ram, pages(system, thread)[INFO_PAGE].frame)
    assert (info.process, info.process_count, info.untyped_count) == (2, 3, 9)
    assert (info.ipc_buffer, info.entry, info.memory_total) == (IPC_BUFFER, TEXT, 16 << 20)
    assert (info.screen_base, info.screen_width, info.screen_pitch) == (SCREEN, 1024, 4096)
    names = content(system, thread, INFO_PAGE, 4096)[NAMES : NAMES + 48]
    assert struct.unpack("16s16s16s", names) == tuple(
        name.ljust(16, b"\0") for name in (b"shell", b"ticker", b"victim")
    )
    assert pages(system, thread)[INFO_PAGE].access & _RIGHTS == Entry.NO_EXECUTE


def test_the_ipc_buffer_is_the_frame_in_its_slot(system: System) -> None:
    thread = system.running
    assert pages(system, thread)[IPC_BUFFER].frame == thread.buffer
    assert system.slot(thread, Init.IPC_BUFFER).object == thread.buffer


def test_the_screen_is_mapped_for_everybody_who_may_and_nobody_else(system: System) -> None:
    shell, ticker, victim = (Tcb(system.ram, t.tcb) for t in inspect.threads(system.root))
    for thread in (shell, ticker):
        screen = pages(system, thread)[SCREEN]
        assert (screen.frame, screen.size) == (0xE000_0000, 1 << 21)
        assert SCREEN + (1 << 21) in pages(system, thread)
    assert SCREEN not in pages(system, victim)


def test_a_framebuffer_at_an_odd_place_is_mapped_in_small_pages() -> None:
    system = serve_boot(
        memory_of([Spec(grants=Grant.SCREEN)], screen=(0xE000_1000, 64, 64, 256, 32))
    )
    assert pages(system, system.running)[SCREEN].size == 4096
    invariants.check(system.root)


def test_the_grants_are_the_capabilities_that_they_promise(system: System) -> None:
    shell, ticker, victim = (Tcb(system.ram, t.tcb) for t in inspect.threads(system.root))

    def has(thread: Tcb) -> dict[int, Type]:
        found = inspect.capabilities(system.root, thread.slot(CSPACE))
        return {number: cap.type for number, cap in found.items() if number < Init.MEMORY}

    own: dict[int, Type] = {
        1: Type.TCB,
        2: Type.CNODE,
        3: Type.PML4,
        4: Type.FRAME,
        5: Type.NOTIFICATION,
        7: Type.SCHED_CONTEXT,
        17: Type.REPLY,
    }
    port, line = Type.IO_PORT, Type.IRQ_HANDLER
    assert has(victim) == own
    assert has(ticker) == {**own, 15: port, 16: line}
    assert has(shell) == {
        **own,
        6: Type.ENDPOINT,
        19: Type.AUDIT_LOG,
        **{8: port, 9: line, 10: port, 11: line, 12: port, 13: port, 14: port},
        18: Type.ASID_POOL,
        **{Init[kind.name]: kind for kind in CONTROL_TYPES},
        **dict.fromkeys(range(32, 35), Type.TCB),
        **dict.fromkeys(range(64, 73), Type.UNTYPED),
    }


def test_faults_go_to_who_has_inspect_badged_with_the_process(system: System) -> None:
    shell, ticker, victim = (Tcb(system.ram, t.tcb) for t in inspect.threads(system.root))
    endpoint = system.slot(shell, Init.ENDPOINT).object
    handlers = [thread.slot(HANDLER) for thread in (ticker, victim)]
    assert [(slot.object, slot.badge) for slot in handlers] == [(endpoint, 2), (endpoint, 3)]
    assert shell.slot(HANDLER).type == Type.NULL


def test_what_is_suspended_is_made_and_not_started(system: System) -> None:
    states = {thread.name: thread.state for thread in inspect.threads(system.root)}
    assert states == {
        "shell": State.RUNNING,
        "ticker": State.RUNNING,
        "victim": State.INACTIVE,
    }


def test_all_free_memory_is_in_an_untyped(system: System) -> None:
    pieces = [piece for piece in inspect.untypeds(system.root) if not piece.device]
    start, end = system.root.address + ROOT_SIZE, 16 << 20
    assert [piece.base for piece in pieces] == [
        start,
        *(piece.base + piece.size for piece in pieces[:-1]),
    ]
    assert pieces[-1].base + pieces[-1].size == end


def test_all_interrupts_but_timer_and_cascade_are_masked(system: System) -> None:
    assert system.ops == [(Op.OUT, 1, 0x21, 0xFA), (Op.OUT, 1, 0xA1, 0xFF)]


def test_every_space_has_the_kernels_half(system: System) -> None:
    half = system.data[KERNEL_PML4 + 0x800 : KERNEL_PML4 + 0x1000]
    for space in inspect.objects(system.root, Type.PML4):
        assert system.data[space + 0x800 : space + 0x1000] == half


def test_recovery_starts_the_first_program_alone() -> None:
    system = serve_boot(memory_of(DEV, command_line=b"quiet recovery"))
    assert [thread.name for thread in inspect.threads(system.root)] == ["shell"]
    invariants.check(system.root)


def test_a_word_that_contains_recovery_is_not_it() -> None:
    system = serve_boot(memory_of(DEV, command_line=b"norecovery"))
    assert system.root.process_count == 3


def test_what_memory_held_before_is_not_in_new_objects() -> None:
    data = memory_of(DEV)
    used = bytearray(data)
    first = BootRecord(System(used).ram, BOOT_RECORD).kernel_end
    used[first:] = b"\xa5" * (len(data) - first)
    clean, dirty = serve_boot(data), serve_boot(used)
    for cap in inspect.tree(clean.root):
        if cap.type in (Type.FRAME, Type.TCB, Type.PT) and cap.object < len(data):
            page = slice(cap.object, cap.object + 2048)
            assert clean.data[page] == dirty.data[page], f"{cap.type.name} {cap.object:#x}"


@pytest.mark.parametrize(
    ("programs", "size", "text"),
    [
        ([], SIZE, "the image has no program to start"),
        ([Spec(file=b"hello")], SIZE, "program shell: is not an ELF file"),
        ([Spec(file=elf()[:200])], SIZE, "program shell: is cut short"),
        ([Spec(priority=256)], SIZE, "program shell: priority 256 is above 255"),
        ([Spec(f"p{n}") for n in range(32)], 4 << 20, "not enough memory: no 0x"),
        ([Spec()], 0x20_4000, "not enough memory: the kernel ends at 0x"),
    ],
)
def test_what_cannot_be_started_is_said(programs: list[Spec], size: int, text: str) -> None:
    system = serve_boot(memory_of(programs, size=size))
    assert Flag(system.block.flags) == Flag.PANIC
    assert system.block.next == 0
    assert system.panic.startswith(text)


def test_a_place_without_a_boot_record_is_said() -> None:
    system = System(memory_of(DEV))
    system.block.record = 0x7000
    system.trap(Reason.BOOT)
    assert system.panic == "there is no boot record at 0x7000"
