"""A table of a manifest, read key by key: each value is of its type or refused by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from vectoros.errors import BadFileError
from vectoros.units import PAGE_SIZE

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the TOML file at ``path``, which messages call ``where``."""

    path: Path
    where: str
    values: Mapping[str, Any]

    def called(self, where: str) -> Table:
        """Return the same table under another name."""
        return replace(self, where=where)

    def refuse(self, why: str) -> NoReturn:
        """Say what is wrong with this table."""
        raise BadFileError(self.path, f"{self.where}: {why}")

    def has(self, key: str) -> bool:
        """Whether there is a ``key``."""
        return key in self.values

    def check_known(self, *known: str) -> None:
        """Refuse a key that is not among ``known``: it would do nothing."""
        for key in self.values:
            if key not in known:
                self.refuse(f"unknown key {key!a}; known are {', '.join(sorted(known))}")

    def table(self, key: str) -> Table:
        """Return the table under ``key``."""
        value = self.values.get(key)
        if not isinstance(value, dict):
            raise BadFileError(self.path, f"has no [{key}]")
        return Table(self.path, f"[{key}]", value)

    def rows(self, key: str) -> list[Table]:
        """Return the tables of the list under ``key``; there may be none."""
        rows = self.values.get(key, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            self.refuse(f"{key} is written as [[{key}]]")
        return [Table(self.path, f"[[{key}]]", row) for row in rows]

    def name(self, what: str) -> str:
        """Return the ``name``, a word that assembly and commands can use."""
        name = self.values.get("name")
        if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            rule = "is lower-case letters, digits and _"
            raise BadFileError(self.path, f"{what} {rule}, not {name!a}")
        return name

    def file(self, key: str) -> str:
        """Return the name of a file."""
        value = self.values.get(key)
        if not isinstance(value, str):
            self.refuse(f"{key} must be a file")
        return value

    def files(self, key: str) -> tuple[str, ...]:
        """Return the names of files, at least one."""
        values = self.values.get(key)
        if not isinstance(values, list) or not values:
            self.refuse(f"{key} must be a list of files")
        for value in values:
            if not isinstance(value, str):
                self.refuse(f"a source is a file name, not {value!a}")
        return tuple(values)

    def number(self, key: str, default: int, last: int) -> int:
        """Return a number from 0 to ``last``, or ``default`` if there is none."""
        value = self.values.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= last:
            self.refuse(f"{key} is a number from 0 to {last}")
        return value

    def address(self, key: str, first: int, limit: int) -> int:
        """Return an address from ``first`` on and below ``limit``, at a page."""
        value = self.values.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not first <= value < limit:
            above = f"from {first:#x} on and " if first else ""
            self.refuse(f"{key} must be an address {above}below {limit:#x}")
        if value % PAGE_SIZE:
            self.refuse(f"{key} {value:#x} is not the start of a page")
        return value

    def word(self, key: str, words: Mapping[str, T], default: str) -> T:
        """Return what the word under ``key`` stands for in ``words``."""
        word = self.values.get(key, default)
        if not isinstance(word, str) or word not in words:
            self.refuse(f"{key} is one of {', '.join(words)}")
        return words[word]

    def words(self, key: str, words: Mapping[str, T]) -> list[T]:
        """Return what the words of the list under ``key`` stand for; there may be none."""
        found = self.values.get(key, [])
        if not isinstance(found, list):
            self.refuse(f"{key} must be a list of words")
        for word in found:
            if not isinstance(word, str) or word not in words:
                self.refuse(f"{key} are among {', '.join(words)}, not {word!a}")
        return [words[word] for word in found]

    def words_by_name(self, key: str, what: str, words: Mapping[str, T]) -> dict[str, T]:
        """Return the table under ``key``, in which each name has a word of ``words``."""
        table = self.values.get(key)
        if not isinstance(table, dict) or not table:
            self.refuse(f"{key} must be a table of {what} by section")
        for name, word in table.items():
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", name):
                self.refuse(f"{name!a} is no name of a section")
            if not isinstance(word, str) or word not in words:
                known = ", ".join(sorted(words))
                self.refuse(f"{what} of {name} is one of {known}, not {word!a}")
        return {name: words[word] for name, word in table.items()}
