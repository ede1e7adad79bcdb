"""A kernel's state as data: what ``vectoros kernel show --json`` prints.

Promise: while :data:`SCHEMA` stays the same, names are only added. Addresses, sizes in
bytes and times in ticks are numbers, and 0 is no object; slots and threads are named as
in the text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from vectoros.kernel.objects import Right, Type
from vectoros.kernel.root import IRQ_LINES
from vectoros.kernel.views import View
from vectoros.kernel_view.declared import camel, type_name
from vectoros.kernel_view.image import Image
from vectoros.kernel_view.memory_map import ledger
from vectoros.kernel_view.survey import Survey
from vectoros.kernel_view.words import method_name

SCHEMA = 1


def overview(image: Image, survey: Survey) -> dict[str, Any]:
    """Return what the kernel is doing."""
    root, processor = survey.root, survey.root.processor
    return {
        "schema": SCHEMA,
        "file": str(image.path),
        "tick": image.tick,
        "root": root.address,
        "ram": root.memory_total,
        "processor": {
            "current": processor.current,
            "space": processor.space,
            "timer": processor.timer,
            "idle": processor.idle,
        },
    }


def tree(survey: Survey) -> list[dict[str, Any]]:
    """Return every capability, parents first."""
    return [
        {
            "slot": cap.slot,
            "name": survey.names.slot(cap.slot),
            "parent": cap.parent if cap.depth > 1 else 0,
            "depth": cap.depth - 1,
            "type": type_name(cap.type),
            "object": cap.object,
            "size": cap.size,
            "badge": cap.badge,
            "rights": [camel(right.name or "") for right in Right if right & cap.rights],
            "device": cap.device,
        }
        for cap in survey.caps
    ]


def threads(survey: Survey) -> dict[str, Any]:
    """Return threads and scheduling contexts."""
    rows = [
        {
            **thread._asdict(),
            "name": survey.names.thread(thread.tcb),
            "state": camel(thread.state.name),
            "fault": camel(thread.fault.name),
        }
        for thread in survey.threads
    ]
    contexts = [{**_fields(row), "refills": row.refills} for row in survey.contexts]
    return {"threads": rows, "contexts": contexts}


def _fields(view: View) -> dict[str, Any]:
    """Return an object's address and fields."""
    fields = {name: getattr(view, name) for name in type(view).fields}
    return {"address": view.address, **fields}


def queues(survey: Survey) -> dict[str, Any]:
    """Return who is ready, who waits for budget, and who waits for whom."""
    return {
        "ready": [
            {"domain": domain, "priority": priority, "threads": members}
            for (domain, priority), members in survey.ready.items()
        ],
        "released": survey.released,
        "endpoints": [
            {"endpoint": cap, "threads": survey.waiting[cap]}
            for cap in sorted({c.object for c in survey.caps if c.type is Type.ENDPOINT})
            if cap in survey.waiting
        ],
        "notifications": [
            {**_fields(row), "threads": survey.waiting.get(row.address, [])}
            for row in survey.notifications
        ],
        "replies": [_fields(row) for row in survey.replies],
        "interrupts": [
            {"line": line, "notification": slot.object, "badge": slot.badge}
            for line, slot in survey.interrupts.items()
        ],
        "masked": [line for line in range(IRQ_LINES) if survey.root.irq_mask >> line & 1],
    }


def spaces(survey: Survey) -> list[dict[str, Any]]:
    """Return the address spaces."""
    return [asdict(space) for space in survey.spaces]


def memory(survey: Survey) -> dict[str, Any]:
    """Return the untypeds, and the ledger."""
    plots = [
        {
            **asdict(plot),
            "free": plot.free,
            "lost": plot.waste,
            "made": {
                type_name(kind): {"count": count, "bytes": size}
                for kind, (count, size) in sorted(plot.made.items())
            },
        }
        for plot in survey.plots
    ]
    return {"untypeds": plots, "ledger": asdict(ledger(survey.plots))}


def audit(survey: Survey) -> list[dict[str, Any]]:
    """Return the audit log."""
    return [
        {**record._asdict(), "event": camel(record.event.name), "method": method_name(record.label)}
        for record in survey.audit
    ]


SECTIONS: dict[str, Callable[[Survey], Any]] = {
    "tree": tree,
    "threads": threads,
    "queues": queues,
    "spaces": spaces,
    "memory": memory,
    "audit": audit,
}
