"""The kernel's numbers under the names that assembly and C use.

Each is written once, in the module of kernel/ that it belongs to: traps, methods, errors,
objects, messages, the trap frame, the gate block, and what BOOT leaves for programs.
"""

from __future__ import annotations

from enum import Enum

from vectoros.kernel import abi, boot_info, boot_record, frame, gate, message, process_layout, ring
from vectoros.kernel.endpoint import Endpoint
from vectoros.kernel.errors import Error, Lookup
from vectoros.kernel.methods import METHODS
from vectoros.kernel.notification import Notification
from vectoros.kernel.objects import FIXED_BITS, SLOT_BITS, Right, Type
from vectoros.kernel.reply import Reply
from vectoros.kernel.root import PROCESSOR
from vectoros.kernel.sched_context import SchedContext
from vectoros.kernel.scheduler import BITMAP, Processor
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import CSPACE, POLICY, VSPACE, Tcb
from vectoros.kernel.views import View

PHYSMAP = 0xFFFF_8000_0000_0000
"""Virtual address of physical address 0, in ring 0 (firmware/kernel_space.S, as the next two)."""

KERNEL_BASE = 0xFFFF_FFFF_8000_0000
"""Virtual address of the kernel's image less its physical one: -2 GiB."""

GATE_VIRTUAL = 0xFFFF_FFFF_C000_0000
"""Virtual address of the kernel gate's page, in ring 0."""


def constants() -> dict[str, int]:
    """Return what ring 3 shares with the kernel, and the stubs with the gate.

    >>> constants()["TRAP_CALL"], hex(constants()["METHOD_IO_PORT_OUT8"])
    (1, '0x1204')
    """
    return {**_interface(), **_gate(), **_boot()}


def _named(prefix: str, table: type[View] | type[Enum]) -> dict[str, int]:
    """Return offsets of fields, or numbers of an enumeration, under ``prefix`` and their names."""
    if issubclass(table, Enum):
        return {f"{prefix}_{row.name}": row.value for row in table}
    return {f"{prefix}_{name.upper()}": field.offset for name, field in table.fields.items()}


def _interface() -> dict[str, int]:
    """Return what a program says in a trap, and hears."""
    return {
        **_named("TRAP", abi.Trap),
        **_named("FAULT", abi.Fault),
        **_named("STATE", abi.State),
        **{row.constant: row.label for row in METHODS},
        **_named("TYPE", Type),
        **_named("RIGHT", Right),
        **_named("ERROR", Error),
        **_named("LOOKUP", Lookup),
        "MESSAGE_MAX_LENGTH": message.MAX_LENGTH,
        "MESSAGE_REGISTERS": message.REGISTERS,
        "MESSAGE_LENDS": message.LENDS,
        "MESSAGE_EXTRA": 1 << message.EXTRA_SHIFT,
        "MESSAGE_UNWRAPPED": 1 << message.UNWRAPPED_SHIFT,
        "MESSAGE_LABEL_SHIFT": message.LABEL_SHIFT,
        **{name: at for name, at in vars(message).items() if name.startswith("IPC_")},
        **_named("CHANNEL", ring.Ring),
        **_named("SUBSCRIBER", ring.Subscriber),
        "CHANNEL_RING": ring.RING,
    }


def _gate() -> dict[str, int]:
    """Return what a trap is made of: the frame and the gate block."""
    return {
        **_named("FRAME", frame.TrapFrame),
        "FRAME_SIZE": frame.SIZE,
        "FRAME_SYSCALL": frame.FRAME_SYSCALL,
        "GATE_SIZE": gate.SIZE,
        **_named("GATE", gate.GateBlock),
        **_named("GATE", gate.Flag),
        "GATE_OPS": gate.OPS,
        "GATE_PANIC_TEXT": gate.PANIC_TEXT,
        "PANIC_TEXT": gate.PANIC_TEXT,
        **_named("REASON", gate.Reason),
        "OP_SIZE": gate.OP_SIZE,
        **_named("OP", gate.Operation),
        **_named("OP", gate.Op),
        "OP_ADDRESS": gate.Operation.fields["target"].offset,
        "PHYSMAP": PHYSMAP,
        "KERNEL_BASE": KERNEL_BASE,
        "GATE_VIRTUAL": GATE_VIRTUAL,
        "COST_UNIT": abi.COST_UNIT,
        "TCB_SIZE": 1 << FIXED_BITS[Type.TCB],
        "TCB_FPU": abi.TCB_FPU,
    }


def _boot() -> dict[str, int]:
    """Return what the kernel is told at BOOT, and what it tells each program."""
    return {
        "BOOT_RECORD": boot_record.BOOT_RECORD,
        **_named("BOOT", boot_record.BootRecord),
        "BOOT_MAGIC_VALUE": int.from_bytes(boot_record.MAGIC, "little"),
        "BOOT_COMMAND_LINE": boot_record.COMMAND_LINE,
        "BOOT_COMMAND_LINE_SIZE": boot_record.COMMAND_LINE_SIZE,
        "BOOT_MEMORY": boot_record.MEMORY,
        "BOOT_MEMORY_SIZE": boot_record.MemoryRange.SIZE,
        "BOOT_MAX_MEMORY": boot_record.MAX_MEMORY,
        "BOOT_MODULES": boot_record.MODULES,
        "BOOT_MODULE_SIZE": boot_record.Module.SIZE,
        "BOOT_MAX_MODULES": boot_record.MAX_MODULES,
        "BOOT_MODULE_NAME": 0,
        **_named("BOOT_MODULE", boot_record.Module),
        **_named("INFO", boot_info.BootInfo),
        "INFO_MAGIC_VALUE": int.from_bytes(boot_info.MAGIC, "little"),
        "INFO_COMMAND_LINE": boot_info.COMMAND_LINE,
        "INFO_COMMAND_LINE_SIZE": boot_record.COMMAND_LINE_SIZE,
        "INFO_NAMES": boot_info.NAMES,
        "INFO_NAME_SIZE": boot_record.NAME_SIZE,
        "INFO_MAX_NAMES": boot_info.MAX_NAMES,
        **_named("INIT", process_layout.Init),
        **_named("GRANT", process_layout.Grant),
        "USER_FIRST": process_layout.USER_FIRST,
        "USER_LIMIT": process_layout.USER_LIMIT,
        "IPC_BUFFER": process_layout.IPC_BUFFER,
        "STACK_TOP": process_layout.STACK_TOP,
        "STACK_SIZE": process_layout.STACK_SIZE,
        "MAX_PROCESSES": process_layout.MAX_PROCESSES,
    }


def objects() -> dict[str, int]:
    """Return where the stubs find what they need of kernel objects (kernel/stubs/fastpath.S)."""
    return {
        **{
            f"TCB_{name.upper()}": field.offset
            for name, field in Tcb.fields.items()
            if name not in frame.TrapFrame.fields
        },
        "TCB_CSPACE": CSPACE,
        "TCB_VSPACE": VSPACE,
        "TCB_POLICY": POLICY,
        **_named("SLOT", Slot),
        "SLOT_SHIFT": SLOT_BITS,
        **_named("ENDPOINT", Endpoint),
        **_named("NOTIFICATION", Notification),
        **_named("REPLY", Reply),
        **_named("SCHED_CONTEXT", SchedContext),
        **_named("PROCESSOR", Processor),
        "PROCESSOR_BITMAP": BITMAP,
        "ROOT_PROCESSOR": PROCESSOR,
    }
