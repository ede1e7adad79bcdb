"""Run the suite and print its table.

$ PYTHONPATH=. python -m tests.conformance.kernel               # all ids
$ PYTHONPATH=. python -m tests.conformance.kernel CNODE-00      # those with this in their id
$ PYTHONPATH=. python -m tests.conformance.kernel --json
"""

from __future__ import annotations

import argparse
import json
import sys

from tests.conformance.kernel.suite import (
    CASES,
    FAILED,
    PASSED,
    RUNNERS,
    lines,
    problem,
    totals,
)


def main() -> int:
    """Run what the arguments name; return 1 if a case failed."""
    parser = argparse.ArgumentParser(
        prog="tests.conformance.kernel",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("part", nargs="?", default="", help="of the ids to run")
    parser.add_argument("--json", action="store_true", help="print data instead of a table")
    parser.add_argument("--runner", choices=RUNNERS, help="only this one")
    options = parser.parse_args()
    chosen = [case for case in CASES if options.part in case.id]
    names = [options.runner] if options.runner else RUNNERS
    found = {case: {name: problem(case, name) for name in names} for case in chosen}
    if options.json:
        rows = [
            {"id": case.id, "title": case.title, **row, "steps": len(case.steps)}
            for case, row in found.items()
        ]
        print(json.dumps(rows, indent=1))
    else:
        results = {
            case: {name: FAILED if wrong else PASSED for name, wrong in row.items()}
            for case, row in found.items()
        }
        print(*lines(results), totals(results), sep="\n")
        for case, row in found.items():
            for name, wrong in row.items():
                if wrong:
                    print(f"{case.id} ({name}): {wrong}")
    return int(any(wrong for row in found.values() for wrong in row.values()))


sys.exit(main())
