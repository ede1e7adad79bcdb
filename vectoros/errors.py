"""How VectorOS can fail: four kinds, never mixed.

1. *The guest does something wrong.* It gets what hardware or the kernel would
   give it, a fault or an error code. That is never an exception here.
2. *The user of the tool does something wrong*: :class:`UsageError`.
3. *A file is not what it claims to be*: :class:`BadFileError`.
4. *We did something wrong*: :class:`InvariantError`. Nothing catches it.

The command line prints kinds 2 and 3 as one sentence and exits with their
``status``; kind 4 ends with a traceback, because it is a bug of ours.
"""

from __future__ import annotations

from os import PathLike, fspath


class UserError(Exception):
    """Something outside VectorOS is wrong, and one sentence says what.

    The message names the file or option, the rule, and the offender.
    """

    status = 2
    """Exit status of the command line."""


class UsageError(UserError):
    """An option or an argument cannot be what was given. Exit status 2."""


class BadFileError(UserError):
    """A file breaks a rule of its format. Exit status 65 (``EX_DATAERR`` of sysexits.h)."""

    status = 65

    def __init__(self, path: str | PathLike[str], rule: str) -> None:
        """Say that the file at ``path`` breaks ``rule``, a phrase that reads on from its name."""
        super().__init__(f"{fspath(path)}: {rule}")
        self.path = fspath(path)
        self.rule = rule


class ConfigError(UsageError):
    """A machine cannot be put together as asked: two devices in one place, say."""


class InvariantError(AssertionError):
    """A property that we promised does not hold. Nothing may catch it."""


def hold(condition: bool, claim: str) -> None:
    """Raise :class:`InvariantError` unless ``condition``. Unlike ``assert``, ``-O`` keeps it."""
    if not condition:
        raise InvariantError(claim)
