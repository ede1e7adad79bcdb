"""Run one subject on all machines and print what differs.

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
    allowed = allowlist.load()
    bad = 0
    for machine in MACHINES:
        done = run(name, machine)
        print(f"{machine}: {done.end or 'ended well'}")
        for case in (f"{name}.{case}" for case in cases):
            outcome, expected = done.outcome(case), allowed.expected(case, machine)
            if outcome != "ok" or expected != "ok":
                state = "allowed" if outcome == expected else "NOT ALLOWED"
                bad += outcome != expected
                print(f'  {state}: "{case}" = "{outcome}"')
    print(f"{name}: {len(cases)} cases, {bad} outcomes that are neither ok nor allowed")
    return 1 if bad else 0


sys.exit(main(sys.argv[1:]))
