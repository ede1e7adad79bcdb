from __future__ import annotations

import tracemalloc
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vectoros.codec import MAX_DEPTH, MAX_INT_BYTES, decode, encode

LIMIT = 1 << 8 * MAX_INT_BYTES - 1
LEAVES = (
    st.none() | st.booleans() | st.integers(-LIMIT, LIMIT - 1) | st.text(max_size=9) | st.binary()
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


def nested(depth: int, *innermost: object) -> list[Any]:
    """Return a list within ``depth`` others."""
    value: list[Any] = [*innermost]
    for _ in range(depth):
        value = [value]
    return value


def typed(value: Any) -> Any:  # noqa: ANN401  any plain value
    """Return ``value`` such that True and 1 are different."""
    if isinstance(value, list):
        return [typed(item) for item in value]
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    return type(value), value


@given(VALUES)
def test_what_is_encoded_is_decoded_again(value: object) -> None:
    assert typed(decode(encode(value))) == typed(value)


@given(VALUES, VALUES)
@example(True, 1)
@example(0, False)
@example("", b"")
@example([], {})
@example([["a"]], ["a"])
@example({"a": 1, "b": 2}, {"b": 2, "a": 1})
def test_equal_values_and_only_they_have_equal_encodings(one: object, other: object) -> None:
    assert (encode(one) == encode(other)) == (typed(one) == typed(other))


def test_the_format_is_what_the_docstring_says() -> None:
    eight = (0).to_bytes(8, "little")
    assert encode(None) == b"N" + eight
    assert encode(True) + encode(False) == b"T" + eight + b"F" + eight
    assert encode(-2) == b"I\x01" + bytes(7) + b"\xfe"
    assert encode(128) == b"I\x02" + bytes(7) + b"\x80\x00"
    assert encode("ä") == b"S\x02" + bytes(7) + b"\xc3\xa4"
    assert encode(b"\0") == encode(bytearray(1)) == encode(memoryview(b"\0")) == b"B\x01" + bytes(8)
    assert encode((None,)) == encode([None]) == b"L\x09" + bytes(7) + encode(None)
    both = encode("a") + encode(1) + encode("b") + encode(2)
    assert encode({"b": 2, "a": 1}) == b"D" + len(both).to_bytes(8, "little") + both


@pytest.mark.parametrize("number", [1, 127, 128, -128, -129, LIMIT - 1, -LIMIT])
def test_an_integer_takes_the_fewest_bytes(number: int) -> None:
    assert decode(encode(number)) == number
    with pytest.raises(OverflowError):
        number.to_bytes(len(encode(number)) - 10, "little", signed=True)


@pytest.mark.parametrize(
    "value", [1.5, {1: 2}, {"a": {None: 1}}, object(), [set()], LIMIT, -LIMIT - 1]
)
def test_what_no_state_is_made_of_has_no_encoding(value: object) -> None:
    with pytest.raises(TypeError, match="a state cannot hold"):
        encode(value)


def test_nesting_ends_at_the_same_depth_both_ways() -> None:
    deepest = nested(MAX_DEPTH)
    assert decode(encode(deepest)) == deepest
    with pytest.raises(TypeError, match="a state cannot be nested more than 32 deep"):
        encode(nested(MAX_DEPTH + 1))
    deeper = encode(deepest)
    deeper = b"L" + len(deeper).to_bytes(8, "little") + deeper
    with pytest.raises(ValueError, match="the value at byte 297 is nested more than 32 deep"):
        decode(deeper)


def entry(tag: bytes, content: bytes, size: int | None = None) -> bytes:
    return tag + (len(content) if size is None else size).to_bytes(8, "little") + content


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the value at byte 0 is cut short"),
        (b"N" + bytes(7), "the value at byte 0 is cut short"),
        (encode(None) + b"N", "1 bytes follow the value"),
        (entry(b"B", b"", 1 << 63), "the value at byte 0 claims 9223372036854775808 bytes of 0"),
        (entry(b"L", entry(b"B", b"ab", 3)), "the value at byte 9 claims 3 bytes of 2"),
        (entry(b"N", b"x"), "byte 0 does not begin a value: b'N' and 1 bytes"),
        (entry(b"I", b""), "byte 0 does not begin a value: b'I' and 0 bytes"),
        (entry(b"I", bytes(17)), "byte 0 does not begin a value: b'I' and 17 bytes"),
        (entry(b"I", b"\x01\x00"), "byte 0 does not begin a value: b'I' and 2 bytes"),
        (entry(b"I", b"\xff\xff"), "byte 0 does not begin a value: b'I' and 2 bytes"),
        (entry(b"X", b""), "byte 0 does not begin a value: b'X' and 0 bytes"),
        (entry(b"S", b"\xff"), "'utf-8' codec can't decode byte 0xff"),
        (entry(b"D", encode("a")), "the table at byte 0 is not pairs of a name and a value"),
        (entry(b"D", encode(1) * 2), "the table at byte 0 is not pairs of a name and a value"),
        (entry(b"D", encode("a") * 4), "the names of the table at byte 0 are not in order"),
        (
            entry(b"D", b"".join(map(encode, ("b", 1, "a", 2)))),
            "the names of the table at byte 0 are not in order",
        ),
    ],
)
def test_what_is_no_encoding_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}"):
        decode(data)


def check_decoding(data: bytes) -> None:
    try:
        value = decode(data)
    except ValueError:
        return
    assert encode(value) == data


@given(st.binary(max_size=60))
def test_random_bytes_are_refused_or_were_an_encoding(data: bytes) -> None:
    check_decoding(data)


@settings(max_examples=150)
@given(VALUES, st.data())
def test_a_damaged_encoding_is_refused_or_is_another_one(value: object, data: Any) -> None:  # noqa: ANN401  hypothesis's data
    damaged = bytearray(encode(value))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255) | st.sampled_from(b"NTFISBLD"))
    check_decoding(bytes(damaged[: data.draw(st.integers(0, len(damaged)))] or damaged))


@pytest.mark.parametrize(
    "data",
    [
        entry(b"B", b"", (1 << 64) - 1),
        encode(nested(MAX_DEPTH - 1, bytes(100_000))),
        encode([None] * 10_000),
        encode([[]] * 10_000),
        encode([{}] * 10_000),
    ],
)
def test_what_is_decoded_takes_no_more_memory_than_a_small_multiple(data: bytes) -> None:
    tracemalloc.start()
    try:
        with suppress(ValueError):
            decode(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 * len(data) + 20_000
