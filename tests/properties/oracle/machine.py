"""The oracle: makes the traps that the kernel makes, and says what must come of them."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from tests.properties.oracle import (
    channels,
    contexts,
    devices,
    faults,
    leases,
    notifications,
    security,
    spaces,
    thread_slots,
    threads,
    untypeds,
)
from tests.properties.oracle.answers import (
    answer,
    extra_addresses,
    label_of,
    message_of,
)
from tests.properties.oracle.capability import Cap, Slot
from tests.properties.oracle.endpoints import receive, send
from tests.properties.oracle.lookup import named
from tests.properties.oracle.methods import REGISTERED, Invocation
from tests.properties.oracle.refusal import NotFound, Refused, capability, illegal
from tests.properties.oracle.replying import reply_to
from tests.properties.oracle.scheduling import choose, give_way, settle
from tests.properties.oracle.things import Endpoint, Notification, Reply, Tcb
from tests.properties.oracle.world import Record, World
from vectoros.kernel.abi import COST_FAULT, COST_INTERRUPT, COST_SWITCH, TRAPS, State, Trap
from vectoros.kernel.audit import Event
from vectoros.kernel.errors import Error, Lookup
from vectoros.kernel.methods import BY_LABEL
from vectoros.kernel.objects import Right, Type

LOADED = (channels, contexts, devices, leases, spaces, thread_slots, threads, untypeds, security)
"""Modules whose methods are in the list because they have been imported."""


TIMER = 0
"""Its line, which signals nobody."""


class Times(NamedTuple):
    """When a trap was made, and when its cost was over."""

    now: int
    until: int
    settled: bool
    """Whether accounts are known to be settled, and are not put off."""


class Faulted(Exception):
    """The thread has faulted: there is no answer."""


class Oracle:
    """A system, and what traps do to it."""

    time: Times
    """Of the last trap."""
    price: int = 0
    """Units that it costs until then."""
    extra: int = 0
    """Cost of telling that a budget is used up, and of the switch to another thread."""

    def __init__(self, world: World) -> None:
        self.world = world

    @property
    def running(self) -> Tcb | None:
        """The thread that runs."""
        return self.world.current

    def trap(self, *times: Times, **registers: int) -> None:
        """Let the running thread make a system call with these registers.

        With several times it was preempted: it has made it again, and goes on.
        """
        thread, world = self.world.current, self.world
        assert thread is not None
        thread.registers.update(registers)
        for time in times[:-1]:
            world.now = time.now
            if time.settled:
                settle(world, time.until)
        world.begin(times[-1].now)
        self._serve(thread, thread.registers["rax"])
        self._end(times[-1])

    def interrupt(self, line: int, time: Times) -> None:
        """Let a line of the interrupt controllers interrupt."""
        world = self.world
        world.begin(time.now)
        world.cost += COST_INTERRUPT
        if line == TIMER:
            pass
        elif not world.masked >> line & 1:
            world.masked |= 1 << line
            cap = world.lines[line].cap
            if cap is not None:
                assert isinstance(cap.thing, Notification)
                notifications.signal(world, cap.thing, cap.badge)
        self._end(time)

    def exception(self, vector: int, error: int, address: int, time: Times) -> None:
        """Let the running thread fault."""
        assert self.world.current is not None
        self.world.begin(time.now)
        faults.exception(self.world, self.world.current, vector, error, address)
        self._end(time)

    def _end(self, time: Times) -> None:
        """End a trap; remember what it costs besides what it did."""
        before, self.time, self.price = self.world.current, time, self.world.cost
        told = choose(self.world, time.until, settled=time.settled)
        if before is not None and not before.caps:
            before = None  # it has ended
        switched = self.world.current is not before
        self.extra = COST_FAULT * told + COST_SWITCH * switched

    def _serve(self, thread: Tcb, number: int) -> None:
        world = self.world
        try:
            if number not in list(Trap):
                faults.no_trap(world, thread)
                return
            world.cost += TRAPS[Trap(number)].cost
            if not security.allows(thread, 0, number):
                self._denied(thread, 0, number)
            self._made(thread, Trap(number))
        except Refused as refused:
            error = int(refused.error)
            answer(world, thread, refused.words, label=error, status=error)
        except Faulted:
            pass

    def _made(self, thread: Tcb, trap: Trap) -> None:
        world, registers = self.world, thread.registers
        rdi = registers["rdi"]
        match trap:
            case Trap.DEBUG_PUT_CHAR:
                registers["rax"] = 0
            case Trap.YIELD:
                registers["rax"] = 0
                give_way(world)
            case Trap.CALL | Trap.SEND | Trap.NB_SEND:
                call, blocking = trap is Trap.CALL, trap is not Trap.NB_SEND
                self._invoke(thread, rdi, call=call, blocking=blocking)
            case Trap.RECV | Trap.NB_RECV | Trap.WAIT | Trap.NB_WAIT:
                blocking = trap in (Trap.RECV, Trap.WAIT)
                self._receive(thread, blocking, trap in (Trap.RECV, Trap.NB_RECV))
            case Trap.REPLY_RECV:
                self._answer(thread)
                self._receive(thread, True, True)
            case Trap.NB_SEND_RECV | Trap.NB_SEND_WAIT:
                recv = trap is Trap.NB_SEND_RECV
                target = registers["r13" if recv else "r12"]
                self._invoke(thread, target, blocking=False, lending=True, last=False)
                if thread.state is State.RUNNING:
                    self._receive(thread, True, recv)
                else:
                    answer(world, thread)

    # -- receiving

    def _find(self, thread: Tcb, address: int) -> Slot:
        """Return the slot that something is to be received through, or fault."""
        try:
            return named(thread.cap("cspace"), address)
        except NotFound as failure:
            faults.no_capability(self.world, thread, address, failure, receiving=True)
            raise Faulted from None

    def _nothing(self, thread: Tcb, address: int) -> Faulted:
        failure = NotFound(Lookup.MISSING_CAPABILITY, 0)
        faults.no_capability(self.world, thread, address, failure, receiving=True)
        return Faulted()

    def _answer(self, thread: Tcb) -> None:
        """Answer whoever waits for that; with what is no Reply object, nobody."""
        try:
            cap = named(thread.cap("cspace"), thread.registers["r12"]).cap
        except NotFound:
            return
        if cap is not None and isinstance(cap.thing, Reply):
            self._named(thread, thread.registers["r12"], blocking=False)
            self._allowed(thread, cap.kind, 1)
            reply_to(self.world, thread, cap)

    def _reply(self, thread: Tcb) -> Cap | None:
        address = thread.registers["r12"]
        cap = self._find(thread, address).cap
        if cap is not None and (not isinstance(cap.thing, Reply)):
            raise self._nothing(thread, address)
        return cap

    def _receive(self, thread: Tcb, blocking: bool, replies: bool) -> None:
        world, address = self.world, thread.registers["rdi"]
        cap = self._find(thread, address).cap
        if cap is None or not cap.rights & Right.READ:
            raise self._nothing(thread, address)
        if isinstance(cap.thing, Endpoint):
            given = self._reply(thread) if replies else None
            self._allowed(thread, cap.kind, 2)
            reply = given.thing if given else None
            assert reply is None or isinstance(reply, Reply)
            receive(world, thread, cap, blocking=blocking, reply=reply)
        elif isinstance(cap.thing, Notification) and cap.thing.bound in (None, thread):
            self._allowed(thread, cap.kind, 2)
            notifications.wait(world, thread, cap.thing, blocking=blocking)
        else:
            raise self._nothing(thread, address)

    # -- invoking

    def _invoke(
        self, thread: Tcb, address: int, *, call: bool = False, blocking: bool = True,
        lending: bool = False, last: bool = True,
    ) -> None:  # fmt: skip
        """Send a message to a capability; answer, unless it waits, or more is to come."""
        world = self.world
        slot, extras = self._named(thread, address, blocking)
        cap = slot.cap
        if cap is None:
            raise capability(0)
        words: tuple[int, ...] = ()
        if isinstance(cap.thing, Endpoint):
            self._allowed(thread, cap.kind, 1)
            if not send(world, thread, cap, call=call, blocking=blocking, lending=call or lending):
                return
        elif isinstance(cap.thing, Notification):
            self._allowed(thread, cap.kind, 1)
            notifications.signal_through(world, cap)
        elif isinstance(cap.thing, Reply) and not call:
            self._allowed(thread, cap.kind, 1)
            reply_to(world, thread, cap)
        else:
            words = self._method(thread, slot, extras, last)
        if last:
            answer(world, thread, words)

    def _named(self, thread: Tcb, address: int, blocking: bool) -> tuple[Slot, list[Slot]]:
        """Return the slots that are invoked and sent along."""
        slots: list[Slot] = []
        for at in (address, *extra_addresses(self.world, thread)):
            try:
                slots.append(named(thread.cap("cspace"), at))
            except NotFound as failure:
                if not blocking:
                    raise failure.refused() from None
                faults.no_capability(self.world, thread, at, failure, receiving=False)
                raise Faulted from None
            if slots[0].cap is None:
                break
        return slots[0], slots[1:]

    def _method(self, thread: Tcb, slot: Slot, extras: list[Slot], last: bool) -> tuple[int, ...]:
        cap, label = slot.cap, label_of(thread)
        assert cap is not None
        kind = Type.LEASE if cap.kind is Type.REPLY else cap.kind
        row = BY_LABEL.get(label)
        if row is None or row.object is not kind or cap.dying:
            raise illegal()
        self._allowed(thread, kind, row.number)
        self.world.cost += row.cost
        message = message_of(self.world, thread)
        names, caps = row.arguments, row.capabilities
        record = Record(
            Event.INVOKED, thread.id, cap.thing.address, label, 0,
            ((*message[: len(names)], 0, 0)[0], (*message[: len(names)], 0, 0)[1]),
        )  # fmt: skip
        call = Invocation(
            thread, slot, message, dict(zip(names, message, strict=False)),
            dict(zip(caps, extras, strict=False)),
        )  # fmt: skip
        try:
            if len(message) < len(names) or len(extras) < len(caps):
                raise Refused(Error.TRUNCATED_MESSAGE)
            if not last and row.name.startswith("In") and kind is Type.IO_PORT:
                raise illegal()
            words = REGISTERED[label](self.world, call)
        except Refused as refused:
            if row.audited:
                self.world.note(replace(record, status=int(refused.error)))
            raise
        if row.audited:
            self.world.note(record)
        return words

    # -- policies

    def _allowed(self, thread: Tcb, kind: Type, number: int) -> None:
        if not security.allows(thread, kind, number):
            self._denied(thread, kind, number)

    def _denied(self, thread: Tcb, kind: int, number: int) -> None:
        label = kind << 8 | number
        self.world.note(Record(Event.DENIED, thread.id, 0, label, 3, (0, 0)))
        raise illegal()
