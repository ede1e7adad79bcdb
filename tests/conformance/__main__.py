"""Run one subject on all machines and print what is not as expected, as rows for the allow-list.

$ PYTHONPATH=. python -m tests.conformance exceptions           # all three
$ PYTHONPATH=. python -m tests.conformance exceptions fast      # its text as printed
"""

from __future__ import annotations

import sys

from tests.conformance import allowlist
from tests.conformance.machines import MACHINES, run
from tests.conformance.subjects import subject
from vectoros.errors import BadFileError


def main(arguments: list[str]) -> int:
    """Run what ``arguments`` name; return 1 if a case has an outcome that is not allowed."""
    name, *machines = arguments
    try:
        cases = subject(name).cases
    except BadFileError as error:
        print(error, file=sys.stderr)
        return 65
    if machines:
        for machine in machines:
            print(run(name, machine).text, end="")
        return 0
    for machine in MACHINES:
        print(f"{machine}: {run(name, machine).end or 'ended well'}")
    bad = _show_surprises(name, cases)
    print(f"{name}: {len(cases)} cases, {bad} that are neither ok nor as the allow-list has them")
    return 1 if bad else 0


def _show_surprises(name: str, cases: tuple[str, ...]) -> int:
    """Print what is not as expected, by the machines that agree on it; return how many cases."""
    allowed = allowlist.load()
    groups: dict[tuple[str, ...], list[str]] = {}
    bad = 0
    for case in (f"{name}.{case}" for case in cases):
        by_outcome: dict[str, list[str]] = {}
        for machine in MACHINES:
            outcome = run(name, machine).outcome(case)
            if outcome != allowed.expected(case, machine):
                by_outcome.setdefault(outcome, []).append(machine)
        bad += bool(by_outcome)
        for outcome, machines in by_outcome.items():
            groups.setdefault(tuple(machines), []).append(f'"{case}" = "{outcome}"')
    for agreed, lines in groups.items():
        print(f"machines = {list(agreed)}", *lines, sep="\n")
    return bad


sys.exit(main(sys.argv[1:]))
