"""The capability graph and its pictures: complete, legible, and the same every time."""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from itertools import combinations
from pathlib import Path

import pytest

from tests.kernel.system import System, boot
from vectoros import cli
from vectoros.kernel.objects import Type
from vectoros.kernel_image import inspect
from vectoros.kernel_view import dot, svg
from vectoros.kernel_view.graph import Graph, Row, build
from vectoros.kernel_view.layout import LETTER, LINE, Rect, arrange
from vectoros.kernel_view.survey import Survey
from vectoros.kernel_view.words import is_memory

SPACE = "{http://www.w3.org/2000/svg}"
TITLE = "a title"


@pytest.fixture(scope="module")
def system() -> System:
    return boot()


@pytest.fixture(scope="module")
def graph(system: System) -> Graph:
    return build(Survey(system.root))


@pytest.fixture(scope="module")
def drawn(graph: Graph) -> ET.Element:
    return ET.fromstring(svg.picture(graph, TITLE))


def texts(drawn: ET.Element) -> list[tuple[str, Rect]]:
    """Return each text with the rectangle that its letters are set in."""
    found = []
    for text in drawn.iter(f"{SPACE}text"):
        x, y, width = (float(text.attrib[name]) for name in ("x", "y", "textLength"))
        found.append((text.text or "", Rect(x, y - LINE + 4, width, LINE)))
    return found


def overlap(a: Rect, b: Rect) -> bool:
    return a.x < b.right and b.x < a.right and a.y < b.bottom and b.y < a.bottom


def test_every_capability_is_in_a_row(system: System, graph: Graph) -> None:
    rows = [row.text for box in graph.boxes for row in box.rows]
    assert {box.title for box in graph.boxes} == {
        "shell", "ticker", "victim", "the kernel's own slots",
    }  # fmt: skip
    singles = [
        cap
        for cap in inspect.tree(system.root)
        if not is_memory(cap.type) and cap.type is not Type.UNTYPED
    ]
    grouped = sum(int(n) for row in rows for n in re.findall(r" (\d+) (?:x \w|PDPT|PD|PT)", row))
    assert len(singles) <= len(rows)
    assert grouped > 40, "frames and tables are counted"
    assert "[6] Endpoint rwgp" in rows
    assert ".handler Endpoint badge 0x3 rwgp" in rows


def test_every_row_leads_to_what_is_drawn(graph: Graph) -> None:
    for box in graph.boxes:
        for row in box.rows:
            assert row.targets or row.text.endswith(": this one")
            for target in row.targets:
                assert (target in graph.nodes) != (target in graph.untypeds)


def test_derivations_start_at_untypeds_and_at_rows(graph: Graph) -> None:
    rows = {id(row): row.text for box in graph.boxes for row in box.rows}
    shown = {(rows[id(s)] if isinstance(s, Row) else "", rows[id(t)]) for s, t in graph.derived}
    assert ("[6] Endpoint rwgp", ".handler Endpoint badge 0x2 rwgp") in shown
    assert ("", "[6] Endpoint rwgp") in shown
    assert all(s in graph.untypeds for s, _ in graph.derived if not isinstance(s, Row))


def test_a_booted_system_is_few_enough_things_to_look_at(graph: Graph) -> None:
    assert len(graph.nodes) + len(graph.untypeds) < 80
    assert max(len(box.rows) for box in graph.boxes) < 60


def test_no_text_touches_another_and_all_are_on_the_page(drawn: ET.Element) -> None:
    page = Rect(0, 0, float(drawn.attrib["width"]), float(drawn.attrib["height"]))
    shown = texts(drawn)
    assert len(shown) > 100
    for text, place in shown:
        assert place.x >= 0, text
        assert place.right <= page.width, text
        assert place.bottom <= page.height, text
        assert place.width == pytest.approx(LETTER * len(text), abs=0.01)
    for (text, place), (other, there) in combinations(shown, 2):
        assert not overlap(place, there), f"{text!r} and {other!r}"


def test_no_box_or_object_touches_another(graph: Graph) -> None:
    layout = arrange(graph, 100)
    places = [
        *(rect for _, rect in layout.boxes), *layout.nodes.values(), *layout.untypeds.values(),
    ]  # fmt: skip
    for a, b in combinations(places, 2):
        assert not overlap(a, b)
    for box, rect in layout.boxes:
        for row in box.rows:
            inner = layout.rows[id(row)]
            assert rect.y < inner.y
            assert inner.bottom <= rect.bottom


def test_lines_are_as_many_as_capabilities_and_derivations(graph: Graph, drawn: ET.Element) -> None:
    paths = [path.attrib for path in drawn.iter(f"{SPACE}path") if "C" in path.attrib["d"]]
    dashed = [path for path in paths if "stroke-dasharray" in path]
    assert len(dashed) == len(graph.derived)
    solid = sum(len(row.targets) for box in graph.boxes for row in box.rows)
    assert len(paths) - len(dashed) == solid


def test_the_picture_is_light_and_has_a_legend(drawn: ET.Element) -> None:
    background = drawn.find(f"{SPACE}rect")
    assert background is not None
    assert background.attrib["fill"] == "#ffffff"
    legend = [text for text, place in texts(drawn) if place.y < 80]
    assert {"a title", "Endpoint", "frames and page tables", "derived from"} <= set(legend)


def test_the_same_kernel_is_the_same_picture(system: System, graph: Graph) -> None:
    again = build(Survey(system.copy().root))
    assert svg.picture(again, TITLE) == svg.picture(graph, TITLE)
    assert dot.document(again, TITLE) == dot.document(graph, TITLE)


def test_what_a_program_calls_itself_is_text_and_no_markup() -> None:
    hostile = boot()
    hostile.running.set_name('"><a|{\\&x')
    found = build(Survey(hostile.root))
    drawn = ET.fromstring(svg.picture(found, '<&"'))
    assert drawn.find(f".//{SPACE}a") is None
    assert '"><a|{\\&x' in [text for text, _ in texts(drawn)]
    assert '\\"\\>\\<a\\|\\{\\\\&x' in dot.document(found, '"')


def test_every_name_that_graphviz_is_told_is_declared(graph: Graph) -> None:
    document = dot.document(graph, TITLE)
    declared = set(re.findall(r"^  (\w+) \[", document, re.MULTILINE))
    ends = re.findall(r"^  (\w+)(?::(\w+))? -> (\w+)(?::(\w+))?", document, re.MULTILINE)
    assert len(ends) == len(graph.derived) + sum(
        len(row.targets) for box in graph.boxes for row in box.rows
    )
    for a, port, b, other in ends:
        assert {a, b} <= declared
        assert all(f"<{name}>" in document for name in (port, other) if name)


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")
def test_graphviz_takes_it(graph: Graph) -> None:
    given = dot.document(graph, TITLE).encode()
    done = subprocess.run(["dot", "-Tsvg"], input=given, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.fixture
def ram(system: System, tmp_path: Path) -> Path:
    path = tmp_path / "dev.ram"
    path.write_bytes(system.data)
    return path


def test_the_command_writes_pictures_to_files_or_to_standard_output(
    ram: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "a.svg", tmp_path / "a.dot"]
    words = ["kernel", "show", str(ram), "--svg", str(files[0]), "--dot", str(files[1])]
    assert cli.main(words) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in said] == [*map(str, files)]
    for option, file in zip(("--svg", "--dot"), files, strict=True):
        assert cli.main(["kernel", "show", str(ram), option, "-"]) == 0
        assert capsys.readouterr().out == file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--svg", "-", "--tree"], "--svg and --dot draw everything"),
        (["--dot", "-", "--json"], "--svg and --dot draw everything"),
        (["--svg", "/nonesuch/x"], "--svg /nonesuch/x: cannot be written: No such file"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(
    words: list[str], sentence: str, ram: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["kernel", "show", str(ram), *words]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert sentence in shown.err
    assert shown.err.count("\n") == 1


def test_a_damaged_kernel_is_not_drawn(
    ram: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = boot()
    damaged.running.state = 99
    ram.write_bytes(damaged.data)
    assert cli.main(["kernel", "show", str(ram), "--svg", str(tmp_path / "a.svg")]) == 65
    assert "its kernel is damaged: thread" in capsys.readouterr().err
    assert not (tmp_path / "a.svg").exists()
