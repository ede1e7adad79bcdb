"""The domains' schedule: whose turn it is, and until when.

Turns end at fixed times. What is left over when a trap ends too late is lost to the next
turn, but a turn that would be over before it began starts late.
"""

from __future__ import annotations

from tests.properties.oracle.world import NEVER, World

ENTRIES = 16


def start_turn(world: World, entry: int, now: int) -> None:
    """Let it be an entry's turn from ``now`` on."""
    domain, ticks = world.turns[entry]
    world.turn, world.domain = entry, domain
    world.turn_end = now + ticks if ticks else NEVER


def next_turn(world: World, until: int) -> None:
    """Let the turn that has ended be followed by the next entry's, or by the first's."""
    entry = world.turn + 1
    if entry == ENTRIES or not world.turns[entry][1]:
        entry = world.first_turn
    missed = world.turn_end + world.turns[entry][1] <= until
    start_turn(world, entry, until if missed else world.turn_end)
