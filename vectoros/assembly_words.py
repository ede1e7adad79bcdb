"""The words of assembly source: names, quoted text, numbers, and constant expressions.

Everything here works on one piece of text and knows nothing of lines or files.
Each function raises :class:`ValueError` with a phrase that says what is wrong.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping

_STRING = r"\"(?:\\.|[^\"\\])*\""
_CHARACTER = r"'(?:\\.|[^'\\])'"
NAME = re.compile(r"\$?[A-Za-z_.][\w.$]*")
QUOTED = re.compile(rf"{_STRING}|{_CHARACTER}")

_COMMENT = re.compile(rf"({QUOTED.pattern})|(?:#|//).*")
_WORD = re.compile(rf"{QUOTED.pattern}|\b[0-9]\w*|{NAME.pattern}")
_STRINGS = re.compile(rf"\s*{_STRING}(?:\s*,\s*{_STRING})*\s*")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": 10, "r": 13, "t": 9, "b": 8, "0": 0, "\\": 92, '"': 34, "'": 39}

_OPERATORS: dict[type[ast.AST], Callable[..., int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
    ast.USub: operator.neg,
    ast.Invert: operator.invert,
}
_SHIFTS: dict[type[ast.AST], Callable[[int, int], int]] = {
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}
_MAX_SHIFT = 63  # bits; more can only be a mistake, and could cost any amount of memory


def without_comment(text: str) -> str:
    """Return ``text`` without its comment, which starts with ``#`` or ``//``."""
    return _COMMENT.sub(lambda found: found[1] or "", text).strip()


def with_numbers(text: str, constants: Mapping[str, int]) -> str:
    """Return ``text`` with each number, constant and character as a hexadecimal number.

    >>> with_numbers("cmp al, 'A' + SHIFT * 10", {"SHIFT": 3})
    'cmp al, 0x41 + 0x3 * 0xa'
    """

    def replace(found: re.Match[str]) -> str:
        word = found[0]
        if word[0] == "'":
            value = unescape(word)[0]
        elif word[0].isdigit():
            value = _number(word)
        elif word in constants:
            value = constants[word]
        else:
            return word
        if not -(1 << 63) <= value < 1 << 64:
            raise ValueError(f"{value:#x} does not fit in 64 bits")
        return f"{value:#x}" if value >= 0 else f"({value:#x})"

    return _WORD.sub(replace, text)


def _number(word: str) -> int:
    try:
        return int(word, base=0)
    except ValueError:
        raise ValueError(f"{word} is not a number") from None


def unescape(literal: str) -> bytes:
    """Return the bytes of a quoted string or character."""

    def escape(found: re.Match[str]) -> str:
        if found[1] not in _ESCAPES:
            raise ValueError(f"{found[0]} is not an escape")
        return chr(_ESCAPES[found[1]])

    return _ESCAPE.sub(escape, literal[1:-1]).encode("utf-8")


def strings(text: str, end: bytes) -> bytes:
    """Return the bytes of a list of strings, each followed by ``end``."""
    if not _STRINGS.fullmatch(text):
        raise ValueError("this directive takes strings in double quotes")
    return b"".join(unescape(found[0]) + end for found in QUOTED.finditer(text))


def balanced(text: str) -> bool:
    """Whether every bracket of ``text`` is closed, by one of its kind and in order."""
    brackets = re.sub(r"[^()\[\]]", "", text)
    while brackets != (brackets := brackets.replace("()", "").replace("[]", "")):
        pass
    return not brackets


def evaluate(expression: str, constants: Mapping[str, int]) -> int:
    """Return the value of ``expression``, with C's operators and precedence.

    >>> evaluate("1 << BIT | 3", {"BIT": 4})
    19
    """
    plain = with_numbers(expression, constants).strip()
    try:
        return _value(ast.parse(plain, mode="eval").body)
    except (SyntaxError, ArithmeticError, MemoryError, RecursionError) as error:
        raise ValueError(f"{expression.strip()!r} is not an expression") from error


def _value(node: ast.AST) -> int:
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.Name(id=name):
            raise ValueError(f"{name} is not a constant")
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(operand))
        case ast.BinOp(op=op, left=left, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left), _value(right))
        case ast.BinOp(op=op, left=left, right=right) if type(op) in _SHIFTS:
            bits = _value(right)
            if not 0 <= bits <= _MAX_SHIFT:
                raise ValueError(f"a shift is by 0 to {_MAX_SHIFT} bits, not {bits}")
            return _SHIFTS[type(op)](_value(left), bits)
    raise ValueError(f"{ast.unparse(node)!r} is not an expression of numbers")
