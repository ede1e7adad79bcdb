r"""The capability graph in the language of Graphviz, for who wants another layout.

    $ vectoros kernel show ready.vxs --dot - | dot -Tsvg -o other.svg

It is the same graph as the picture's: boxes with rows, objects by type, dashed derivations.
"""

from __future__ import annotations

from collections.abc import Iterator

from vectoros.kernel.objects import Type
from vectoros.kernel_view.graph import Graph, Key, Node, Row
from vectoros.kernel_view.svg import colour

_SHAPES = {
    Type.ENDPOINT: "oval",
    Type.NOTIFICATION: "hexagon",
    Type.REPLY: "cds",
    Type.SCHED_CONTEXT: "parallelogram",
    Type.FRAME: "folder",
    Type.PT: "folder",
    Type.UNTYPED: "box3d",
}
_DERIVED = "style=dashed, color=gray50, constraint=false"
_SPECIAL = str.maketrans({letter: "\\" + letter for letter in '"\\{}|<>'})


def document(graph: Graph, title: str) -> str:
    """Return the graph."""
    return "\n".join([f"digraph {_quoted(title)} {{", *_lines(graph), "}", ""])


def _lines(graph: Graph) -> Iterator[str]:
    yield '  rankdir=LR; node [fontname="monospace", fontsize=10];'
    names: dict[Key, str] = {}
    for prefix, nodes in (("u", graph.untypeds), ("o", graph.nodes)):
        for number, (key, node) in enumerate(nodes.items()):
            names[prefix, key] = f"{prefix}{number}"
            yield f"  {names[prefix, key]} {_attributes(node)};"
    ports: dict[int, str] = {}
    for number, box in enumerate(graph.boxes):
        ports |= {id(row): f"b{number}:r{place}" for place, row in enumerate(box.rows)}
        cells = "|".join(f"<r{place}> {_field(row.text)}\\l" for place, row in enumerate(box.rows))
        yield f'  b{number} [shape=record, label="{_field(box.title)}|{cells}"];'
    for box in graph.boxes:
        for row in box.rows:
            for target in row.targets:
                name = names.get(("o", target)) or names.get(("u", target))
                if name:
                    yield f'  {ports[id(row)]} -> {name} [color="{colour(row.type)}"];'
    for source, target in graph.derived:
        start = ports[id(source)] if isinstance(source, Row) else names.get(("u", source))
        if start:
            yield f"  {start} -> {ports[id(target)]} [{_DERIVED}];"


def _attributes(node: Node) -> str:
    text = "\\n".join(line.translate(_SPECIAL) for line in node.lines)
    ink, shape = colour(node.type), _SHAPES.get(node.type, "box")
    return f'[shape={shape}, color="{ink}", label="{text}"]'


def _field(text: str) -> str:
    """Return a text as a field of a record."""
    return text.translate(_SPECIAL)


def _quoted(text: str) -> str:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'
