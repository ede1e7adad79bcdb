r"""Assembly source as written, turned into plain statements: one instruction or directive each.

Comments go, macros are expanded, and every constant is replaced by its number
before keystone sees the text. That last step is not a convenience: keystone
0.9.2 encodes ``[rax + SIZE*2]`` and ``-SIZE`` wrongly, and silently, when
``SIZE`` is a symbol. What it gets wrong in other ways is refused here.

Every number is handed on in hexadecimal, with its ``0x``. Keystone reads any other in
a radix that it does not initialise: ``AsmLexer::LexDigit`` compares ``MCAsmInfo::Radix``
with 16. Where that piece of the heap holds a 16, ``10`` is sixteen, and a number that
has become too large for its directive makes keystone loop without end.

The language is a small part of GNU as in Intel syntax: ``label:``, ``# comment``,
``.set NAME, EXPRESSION``, ``.macro NAME A, B`` to ``.endm`` (``\A`` is an
argument, ``\@`` a number unique to the expansion), ``.section NAME``,
``.code16``, ``.code32``, ``.code64``, ``.byte``, ``.word``, ``.long``,
``.quad``, ``.ascii``, ``.asciz``, ``.zero`` and ``.balign``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from vectoros.assembly_words import (
    NAME,
    QUOTED,
    balanced,
    evaluate,
    strings,
    with_numbers,
    without_comment,
)
from vectoros.errors import BadFileError

FIRST_SECTION = "text"
"""Where a program starts before its first ``.section``."""

_CODE_SIZES = {".code16": 16, ".code32": 32, ".code64": 64}
_DATA = {".byte": 8, ".word": 16, ".long": 32, ".quad": 64}  # bits of a number
_STRINGS = {".ascii": b"", ".asciz": b"\0"}  # what follows each string
_SIZES = (".zero", ".balign")
_IGNORED = (".global", ".intel_syntax")  # every label is visible; the syntax is always Intel
_DIRECTIVES = (
    ".set", ".macro", ".endm", ".section", *_CODE_SIZES, *_DATA, *_STRINGS, *_SIZES, *_IGNORED,
)  # fmt: skip
_MAX_DEPTH = 16  # macros within macros; deeper is a macro that calls itself
_TERM = rf"(?:{NAME.pattern}|[0-9]\w*)"
_ADDRESS = re.compile(rf"{_TERM}(?:\s*[-+]\s*{_TERM})*")
_LABEL = re.compile(rf"\s*({NAME.pattern})\s*:")

_REGISTER = r"\b(?:r(?:[abcd]x|[sd]i|[sb]p|ip|[89]|1[0-5])|e(?:[abcd]x|[sd]i|[sb]p))"
_MISREAD: tuple[tuple[int, re.Pattern[str], str], ...] = (
    (0, re.compile(r"^(?:(?:rep\w*|lock)\s+)*(?![A-Za-z.\s]|$)"), "a statement starts with a word"),
    (0, re.compile(r";"), "a line holds one statement, and a comment starts with #"),
    (0, re.compile(r"[,\[]\s*[-~]\s*[A-Za-z_.$]"), "keystone takes a negated label for an address"),
    (64, re.compile(r"^iret$"), "keystone encodes a 16-bit return here; write iretq"),
    (
        64,
        re.compile(rf"\[(?![^\]]*{_REGISTER})[^\]]*\]"),
        "keystone encodes an absolute address as one relative to rip; "
        "use a base register or [rip + label]",
    ),
)
"""What keystone 0.9.2 accepts and encodes as something else: code size or 0 for any, form, why."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file of assembly: its name, for messages, and its text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """Where a statement was written."""

    file: str
    number: int
    text: str


class AssemblyError(BadFileError):
    """A line of assembly that cannot be encoded, or that keystone would encode wrongly."""

    def __init__(self, line: Line, why: str) -> None:
        """Say that ``line`` is wrong because of ``why``."""
        super().__init__(line.file, f"line {line.number}: {why}: {line.text.strip()}")
        self.line = line.number


@dataclass(frozen=True, slots=True)
class Statement:
    """Labels, then at most one instruction or directive, in which every constant is a number."""

    line: Line
    labels: tuple[str, ...]
    body: str
    bits: int
    """Size of code here: 16, 32 or 64."""
    section: str


@dataclass(slots=True)
class _Macro:
    parameters: list[str]
    body: list[str] = field(default_factory=list)


class Reader:
    """Reads sources, in order, as if they were one file.

    Constants, macros and the code size carry over from one to the next; a section
    does not: each source starts in :data:`FIRST_SECTION`.
    """

    def __init__(self, constants: Mapping[str, int], bits: int) -> None:
        """Start with ``constants`` defined, in ``bits``-bit code."""
        self._constants = dict(constants)
        self._macros: dict[str, _Macro] = {}
        self._open: _Macro | None = None
        self._bits = bits
        self._section = FIRST_SECTION
        self._expansions = 0
        self._labels: dict[str, Line] = {}

    def read(self, sources: Sequence[Source]) -> list[Statement]:
        """Return the statements of ``sources``; raise :class:`AssemblyError` at a bad one."""
        statements: list[Statement] = []
        for source in sources:
            self._section = FIRST_SECTION
            line = Line(source.name, 0, "")
            for number, text in enumerate(source.text.splitlines(), 1):
                line = Line(source.name, number, text)
                try:
                    statements.extend(self._line(line, 0))
                except ValueError as error:
                    raise AssemblyError(line, str(error)) from None
            if self._open is not None:
                raise AssemblyError(line, "the file ends inside a .macro")
        return statements

    def _line(self, line: Line, depth: int) -> Iterator[Statement]:
        body = without_comment(line.text)
        if self._open is not None:
            if body == ".endm":
                self._open = None
            else:
                self._open.body.append(body)
            return
        labels: list[str] = []
        while found := _LABEL.match(body):
            labels.append(self._declare(found[1], line))
            body = body[found.end() :].strip()
        word, _, rest = body.partition(" ")
        if word in self._macros:
            if labels:
                yield Statement(line, tuple(labels), "", self._bits, self._section)
            yield from self._expand(line, word, rest, depth)
        elif not self._consume(word, rest) and (labels or body):
            plain = self._plain(word, rest, body)
            yield Statement(line, tuple(labels), plain, self._bits, self._section)

    def _declare(self, label: str, line: Line) -> str:
        if label in self._constants:
            raise ValueError(f"{label} is a constant and cannot be a label")
        if (other := self._labels.get(label)) is not None:
            raise ValueError(f"{label} is already at {other.file} line {other.number}")
        self._labels[label] = line
        return label

    def _expand(self, line: Line, name: str, rest: str, depth: int) -> Iterator[Statement]:
        macro = self._macros[name]
        arguments = [word.strip() for word in rest.split(",")] if rest.strip() else []
        if len(arguments) != len(macro.parameters):
            count = len(macro.parameters)
            raise ValueError(f"{name} takes {count} arguments, not {len(arguments)}")
        if depth == _MAX_DEPTH:
            raise ValueError(f"{name} expands without end")
        self._expansions += 1
        values = {**dict(zip(macro.parameters, arguments, strict=True)), "@": str(self._expansions)}
        pattern = re.compile("|".join(rf"\\{re.escape(key)}(?!\w)" for key in values))
        for text in macro.body:
            plain = pattern.sub(lambda found: values[found[0][1:]], text)
            yield from self._line(Line(line.file, line.number, plain), depth + 1)

    def _consume(self, word: str, rest: str) -> bool:
        """Act on a directive that is for the reader alone; say whether it was one."""
        if word == ".set":
            name, _, expression = rest.partition(",")
            self._constants[_name(word, name)] = evaluate(expression, self._constants)
        elif word == ".macro":
            name, *parameters = rest.replace(",", " ").split() or [""]
            self._open = self._macros[_name(word, name)] = _Macro(parameters)
        elif word == ".section":
            self._section = _name(word, rest)
        elif word in _CODE_SIZES:
            self._bits = _CODE_SIZES[word]
        else:
            return word in _IGNORED
        return True

    def _plain(self, word: str, rest: str, body: str) -> str:
        """Return the statement as keystone is to read it."""
        if word in _STRINGS:
            data = strings(rest, _STRINGS[word])
            return f".byte {', '.join(map(hex, data))}" if data else ""
        if word in _SIZES:  # keystone miscounts if there is a label in the size
            return f"{word} {evaluate(rest, self._constants):#x}"
        if word in _DATA:
            self._check_range(rest, _DATA[word])
        elif word.startswith("."):
            raise ValueError(f"{word} is not one of {' '.join(_DIRECTIVES)}")
        body = with_numbers(body, self._constants)
        bare = QUOTED.sub("0", body)
        if not balanced(bare):
            raise ValueError("its brackets do not match")
        for bits, form, why in _MISREAD:
            if bits in (0, self._bits) and form.search(bare):
                raise ValueError(why)
        return body

    def _check_range(self, values: str, bits: int) -> None:
        """Refuse a number of more than ``bits`` bits: keystone leaves it out without a word."""
        for value in values.split(","):
            try:
                number = evaluate(value, self._constants)
            except ValueError:
                if _ADDRESS.fullmatch(with_numbers(value, self._constants).strip()):
                    continue  # labels, which keystone knows
                raise
            if not -(1 << bits - 1) <= number < 1 << bits:
                raise ValueError(f"{number:#x} does not fit in {bits} bits")


def _name(word: str, name: str) -> str:
    if not NAME.fullmatch(name.strip()):
        raise ValueError(f"{word} needs a name")
    return name.strip()
