"""I/O ports: each method, and what ring 3 may not reach."""

from __future__ import annotations

from tests.conformance.kernel.dsl import CNODE, EP, PORT_CONTROL, A, B, case, delete, invoke
from tests.conformance.kernel.step import Step
from vectoros.kernel.errors import Error
from vectoros.kernel.process_layout import Init

COM1, SCRATCH, EXIT = int(Init.COM1), 0x3FF, int(Init.EXIT)
NOT_COVERED = Error.ILLEGAL_OPERATION


def issue(first: int, last: int, index: int = A, depth: int = 64, root: int = CNODE) -> Step:
    """Invoke Issue."""
    return invoke(PORT_CONTROL, "IO_PORT_CONTROL.Issue", first, last, index, depth, root)


CASES = (
    case("IOPORT-001", "Out8 writes a port, and In8 reads it",
         invoke(COM1, "IO_PORT.Out8", SCRATCH, 0xA5),
         invoke(COM1, "IO_PORT.In8", SCRATCH).gives(0xA5)),
    case("IOPORT-002", "In8 of a port that is not covered",
         invoke(COM1, "IO_PORT.In8", 0x400).refused(NOT_COVERED),
         invoke(COM1, "IO_PORT.In8", 0x3F7).refused(NOT_COVERED),
         invoke(COM1, "IO_PORT.In8", (1 << 16) + SCRATCH).refused(NOT_COVERED)),
    case("IOPORT-003", "In16 of which the second port is not covered",
         invoke(COM1, "IO_PORT.In16", SCRATCH).refused(NOT_COVERED)),
    case("IOPORT-004", "In32 of which the last port is not covered",
         invoke(COM1, "IO_PORT.In32", SCRATCH - 2).refused(NOT_COVERED)),
    case("IOPORT-005", "Out8 of a port that is not covered",
         invoke(COM1, "IO_PORT.Out8", 0x400, 0).refused(NOT_COVERED)),
    case("IOPORT-006", "Out16 of which the second port is not covered",
         invoke(COM1, "IO_PORT.Out16", SCRATCH, 0).refused(NOT_COVERED)),
    case("IOPORT-007", "Out32 of which the last port is not covered",
         invoke(COM1, "IO_PORT.Out32", SCRATCH - 2, 0).refused(NOT_COVERED)),
    case("IOPORT-008", "a message that is too short",
         invoke(COM1, "IO_PORT.In8", SCRATCH).cut(0),
         *(invoke(COM1, f"IO_PORT.In{bits}", SCRATCH).cut(0) for bits in (16, 32)),
         *(invoke(COM1, f"IO_PORT.Out{bits}", SCRATCH, 0).cut(1) for bits in (8, 16, 32))),
    case("IOPORT-009", "ports of 16 and 32 bits; where nobody answers all bits are one",
         issue(0x2F8, 0x2FF), invoke(A, "IO_PORT.In16", 0x2F8).gives(0xFFFF),
         invoke(A, "IO_PORT.In32", 0x2F8).gives(0xFFFF_FFFF),
         invoke(A, "IO_PORT.Out16", 0x2F8, 1 << 40), invoke(A, "IO_PORT.Out32", 0x2FC, 5)),
    case("IOPORT-010", "Issue makes a capability to a range of ports",
         issue(0x2F8, 0x2FF), invoke(A, "IO_PORT.Out8", 0x2FF, 0x11),
         invoke(A, "IO_PORT.In8", 0x300).refused(NOT_COVERED)),
    case("IOPORT-011", "Issue: a port above 65535",
         issue(0x1_0000, 0x1_0000).refused(Error.RANGE_ERROR, 0, 65535),
         issue(0xFFFF, 0x1_0000).refused(Error.RANGE_ERROR, 0, 65535)),
    case("IOPORT-012", "Issue: the last port is below the first",
         issue(0x2FF, 0x2F8).refused(Error.INVALID_ARGUMENT, 1)),
    case("IOPORT-013", "Issue: some of the ports have been issued, until those are deleted",
         issue(0x3FF, 0x400).refused(Error.REVOKE_FIRST), issue(0x2F8, 0x2FF),
         issue(0x2F0, 0x2F8, B).refused(Error.REVOKE_FIRST),
         issue(0x2FF, 0x300, B).refused(Error.REVOKE_FIRST),
         issue(0x2FA, 0x2FA, B).refused(Error.REVOKE_FIRST),
         issue(0x2F0, 0x2F7, B), delete(A), issue(0x2F8, 0x300, A)),
    case("IOPORT-014", "Issue: depths from 1 to 64",
         *(issue(0x2F8, 0x2FF, depth=depth).refused(Error.RANGE_ERROR, 1, 64)
           for depth in (0, 65))),
    case("IOPORT-015", "Issue: root, index and depth lead to no slot",
         issue(0x2F8, 0x2FF, 1 << 63).refused(Error.FAILED_LOOKUP, 0, 4, 64, 0, 56),
         issue(0x2F8, 0x2FF, root=EP).refused(Error.FAILED_LOOKUP, 0, 1)),
    case("IOPORT-016", "Issue: the slot is not empty",
         issue(0x2F8, 0x2FF, EP).refused(Error.DELETE_FIRST)),
    case("IOPORT-017", "Issue: a message that is too short",
         issue(0x2F8, 0x2FF).cut(3), issue(0x2F8, 0x2FF).bare()),
)  # fmt: skip
