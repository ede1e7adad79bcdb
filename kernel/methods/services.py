"""The methods of devices, of channels and leases, and of security."""

from __future__ import annotations

from vectoros.kernel.methods.memory import NEW, PLACE, UNREACHED
from vectoros.kernel.methods.row import row
from vectoros.kernel.objects import Type

_PORT = "IllegalOperation: the capability does not cover all the ports"
_NO_READ = "IllegalOperation: the capability has no Read"
_NO_WRITE = "IllegalOperation: the capability has no Write"
_NO_TYPE = "RangeError(0, greatest type): there is no such type"
MAX_COPY = 1 << 16
"""Bytes that a method of LEASE copies at most, since it is not preempted."""

SERVICES = (
    row(
        Type.IRQ_CONTROL, 1, "Get(irq, index, depth, root*)", 8, "make a handler of a line",
        "RangeError(0, 15): irq is above", "IllegalOperation: the line is the kernel's own",
        "RevokeFirst: the line has a handler", *NEW, audited=True,
    ),
    row(Type.IRQ_HANDLER, 1, "Ack()", 4, "let the interrupt come again"),
    row(
        Type.IRQ_HANDLER, 2, "SetNotification(notification*)", 6,
        "signal the notification, with the capability's badge, when the interrupt comes",
        "InvalidCapability(1): no notification with Write", audited=True,
    ),
    row(
        Type.IRQ_HANDLER, 3, "Clear()", 6, "signal nothing any more, and mask the interrupt",
        audited=True,
    ),
    row(
        Type.IO_PORT_CONTROL, 1, "Issue(first_port, last_port, index, depth, root*)", 8,
        "make a capability to a range of ports", "RangeError(0, 65535): a port is above",
        "InvalidArgument(1): the last is below the first",
        "RevokeFirst: some of the ports have been issued", *NEW, audited=True,
    ),
    *(
        row(
            Type.IO_PORT, n, f"In{bits}(port)", 4, f"read {bits} bits",
            f"{_PORT}, or the trap goes on to receive", results="value",
        )
        for n, bits in enumerate((8, 16, 32), 1)
    ),
    *(
        row(Type.IO_PORT, n, f"Out{bits}(port, value)", 4, f"write {bits} bits", _PORT)
        for n, bits in enumerate((8, 16, 32), 4)
    ),
    row(
        Type.CHANNEL, 1, "Configure(name0, name1, message_size)", 6, "name the channel, in at most"
        " 16 bytes, and divide it into messages",
        "IllegalOperation: it has been, or the capability has no Write",
        "RangeError(8, greatest that fits twice): message_size is outside",
        "AlignmentError: message_size is not a multiple of 8", audited=True,
    ),
    row(
        Type.CHANNEL, 2, "SetNotification(notification*)", 6,
        "set what Wake signals; an empty capability takes it away", _NO_WRITE,
        "InvalidCapability(1): neither empty nor a notification with Write",
        "DeleteFirst: 64 other channels have one", audited=True,
    ),
    row(
        Type.CHANNEL, 3, "Map(vaddr, rights, vspace*)", 12,
        "map the ring, as Frame.Map does; who may write it may publish", *PLACE, *UNREACHED,
        audited=True,
    ),
    row(Type.CHANNEL, 4, "Unmap()", 8, "take the mapping away, if there is one", audited=True),
    row(
        Type.CHANNEL, 5, "Wake()", 6, "wake who waits for its notification, at a unit each; who"
        " waits for several hears one, and looks at all its rings", _NO_WRITE,
        "IllegalOperation: the channel has no notification", results="woken",
    ),
    row(
        Type.CHANNEL, 6, "Describe()", 4, "say name, message size and how many messages it holds",
        results="name0 name1 message_size capacity",
    ),
    row(
        Type.LEASE, 1, "Describe()", 2, "Call to a Reply: say what its caller has lent",
        "IllegalOperation: nobody waits for the reply, or nothing was lent",
        results="length rights",
    ),
    *(
        row(
            Type.LEASE, number, f"{name}(offset, address, length)", 6,
            f"Call to a Reply: copy {way}",
            f"IllegalOperation: nobody waits for the reply, or nothing was lent with {name}",
            "RangeError(0, length): offset and length go beyond the lease",
            f"InvalidArgument(2): length is above {MAX_COPY}",
            "InvalidArgument(1): the caller may not use the memory at address",
            "InvalidArgument(0): the lender's memory is no longer what it lent",
        )
        for number, name, way in (
            (2, "Read", "from what its caller has lent to the memory at address"),
            (3, "Write", "from the memory at address to what its caller has lent"),
        )
    ),
    row(
        Type.AUDIT_LOG, 1, "Describe()", 2, "say how many records were ever written, and how many"
        " there is room for", _NO_READ, results="written capacity",
    ),
    row(
        Type.AUDIT_LOG, 2, "Read(index)", 4, "answer a record, counted from the first ever",
        _NO_READ, "RangeError(oldest, newest): the record is not there",
        results="tick event subject object label status word0 word1",
    ),
    row(
        Type.POLICY, 1, "Restrict(type, mask)", 4, "forbid the methods of a type that are not in"
        " the mask: bit n is method n; of type 0, trap n", _NO_WRITE, _NO_TYPE, audited=True,
    ),
    row(
        Type.POLICY, 2, "Describe(type)", 2, "say what is allowed of a type", _NO_READ, _NO_TYPE,
        results="mask",
    ),
)  # fmt: skip
