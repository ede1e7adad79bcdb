"""``vectoros kernel abi``: the kernel's whole interface, for people and for programs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vectoros import cli
from vectoros.kernel.abi import Fault, State, Trap
from vectoros.kernel.errors import Error
from vectoros.kernel.methods import METHODS
from vectoros.kernel.objects import Type
from vectoros.kernel_view.abi import WIDTH


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert cli.main(["kernel", "abi", *words]) == 0
    return capsys.readouterr().out


@pytest.fixture
def found(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(printed(capsys, "--json"))
    return data


def test_the_last_line_counts(capsys: pytest.CaptureFixture[str]) -> None:
    last = printed(capsys).splitlines()[-1]
    assert last == f"{len(METHODS)} methods, {len(Trap) - 1}+1 traps"
    assert len(METHODS) >= 55


def test_the_data_have_everything_that_the_kernel_declares(found: dict[str, Any]) -> None:
    assert found["schema"] == 1
    assert found["counts"] == {"methods": len(METHODS), "traps": 11, "debug_traps": 1}
    for key, declared in (
        ("traps", Trap),
        ("types", Type),
        ("errors", Error),
        ("faults", Fault),
        ("states", State),
    ):
        assert [row["number"] for row in found[key]] == [member.value for member in declared]
    assert [row["label"] for row in found["methods"]] == [row.label for row in METHODS]


def test_a_method_has_arguments_results_cost_and_conditions(found: dict[str, Any]) -> None:
    methods = {f"{row['object']}.{row['name']}": row for row in found["methods"]}
    assert methods["CNode.Copy"] | {"conditions": None, "meaning": ""} == {
        "object": "CNode",
        "name": "Copy",
        "number": 4,
        "label": 0x204,
        "constant": "METHOD_CNODE_COPY",
        "arguments": ["dest_index", "dest_depth", "src_index", "src_depth", "rights"],
        "capabilities": ["src_root"],
        "results": [],
        "cost": 8,
        "audited": True,
        "meaning": "",
        "conditions": None,
    }
    first = methods["CNode.Copy"]["conditions"][0]
    assert first == {"error": "RangeError", "words": "1, 64", "meaning": "a depth is not 1 to 64"}
    names = {row["name"] for row in found["errors"]}
    assert {c["error"] for row in methods.values() for c in row["conditions"]} <= names


def test_errors_and_faults_say_what_their_words_hold(found: dict[str, Any]) -> None:
    errors = {row["name"]: row["words"] for row in found["errors"]}
    assert errors["RangeError"] == "0: least, 1: greatest that is allowed"
    assert all(row["words"] for row in found["faults"][1:])


def test_types_have_sizes_and_rights(found: dict[str, Any]) -> None:
    types = {row["name"]: row for row in found["types"]}
    assert (types["TCB"]["size_bits"], types["CNode"]["size_bits"]) == (11, None)
    assert types["Notification"]["rights"] == ["Write", "Read"]
    assert all(row["size"] for row in found["types"] if row["size_bits"])


def test_no_line_of_the_text_is_wide_but_in_tables(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys)
    methods = text[text.index("\nMethods\n") :]
    assert max(map(len, methods.splitlines())) <= WIDTH


@pytest.mark.parametrize(("name", "count"), [("CNode", 8), ("cnode.copy", 1), ("PDPT", 2)])
def test_an_object_or_a_method_can_be_asked_for(
    name: str, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(printed(capsys, name).split("\n\n")) == count
    assert len(json.loads(printed(capsys, name, "--json"))["methods"]) == count


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("CNode.Fork", "CNode has no method 'Fork'; there are Revoke, Delete, "),
        ("Semaphore", "there is no object with methods called 'Semaphore'; there are Untyped, "),
        ("Endpoint", "there is no object with methods called 'Endpoint'; there are Untyped, "),
        ("", "there is no object with methods called ''; there are Untyped, "),
    ],
)
def test_a_name_that_is_not_there_is_one_sentence(
    name: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["kernel", "abi", name]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"vectoros: error: {sentence}")
    assert shown.err.count("\n") == 1
