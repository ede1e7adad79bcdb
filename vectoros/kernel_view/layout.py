"""Where everything in a picture of the capability graph goes.

Three columns: untypeds, the boxes of who holds capabilities, and objects. Nothing in a
column overlaps, so that every text can be read; lines run in the gaps between columns
alone. An object stands near the rows that lead to it, among those of its type.

Every length is in pixels. Letters are as wide as :data:`LETTER` says, whatever the font:
the picture tells its viewer to set each text to the width that was planned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from vectoros.kernel.objects import Type
from vectoros.kernel_view.declared import type_name
from vectoros.kernel_view.graph import Box, Graph, Key, Node

LETTER = 6.6
LINE = 16
PADDING = 8
GAP = 10
"""Between one thing and the next in a column."""
GROUP_GAP = 26
MARGIN = 24
LEFT_GUTTER = 190
RIGHT_GUTTER = 260
"""Room for the lines between columns."""

SLANT = 12
"""What shapes that are no rectangles need on either side of their text."""


_CONTROLS = (
    Type.IRQ_CONTROL, Type.IO_PORT_CONTROL, Type.ASID_CONTROL, Type.SCHED_CONTROL, Type.DOMAIN,
)  # fmt: skip
_HEADINGS = {
    **dict.fromkeys(_CONTROLS, "controls"),
    Type.FRAME: "frames, of one owner or shared",
    Type.PT: "page tables",
}


@dataclass(frozen=True)
class Rect:
    """A place."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """Half-way down."""
        return self.y + self.height / 2

    @property
    def right(self) -> float:
        """The right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.y + self.height


@dataclass
class Layout:
    """The places in a picture whose upper left corner is 0, ``top``."""

    width: float
    height: float
    boxes: list[tuple[Box, Rect]]
    rows: dict[int, Rect]
    """By the row's identity."""
    nodes: dict[Key, Rect]
    untypeds: dict[Key, Rect]
    headings: list[tuple[str, Rect]]
    """Over the objects of each type."""


def text_width(text: str) -> float:
    """Return the width that a text is set to."""
    return LETTER * len(text)


def arrange(graph: Graph, top: float) -> Layout:
    """Return where everything goes, below ``top``."""
    boxes_x = MARGIN + _widest(graph.untypeds.values()) + LEFT_GUTTER
    boxes, rows, bottom = _boxes(graph.boxes, boxes_x, top)
    nodes_x = max(rect.right for _, rect in boxes) + RIGHT_GUTTER if boxes else boxes_x
    pulls = _pulls(graph, rows)
    headings, nodes, nodes_bottom = _groups(graph.nodes, pulls, nodes_x, top)
    untypeds = _column(graph.untypeds, list(graph.untypeds), MARGIN, top)
    ends = [bottom, nodes_bottom, *(rect.bottom for rect in untypeds.values())]
    titles = max((text_width(title) for title, _ in headings), default=0.0)
    width = nodes_x + max(_widest(graph.nodes.values()), titles) + MARGIN
    return Layout(width, max(ends) + MARGIN, boxes, rows, nodes, untypeds, headings)


def _widest(nodes: Iterable[Node]) -> float:
    return max((_size(node)[0] for node in nodes), default=0.0)


def _size(node: Node) -> tuple[float, float]:
    bar = 0 if node.share is None else GAP
    width = max(map(text_width, node.lines)) + 2 * (PADDING + SLANT)
    return width, LINE * len(node.lines) + PADDING + bar


def _boxes(
    boxes: list[Box], x: float, top: float
) -> tuple[list[tuple[Box, Rect]], dict[int, Rect], float]:
    texts = [text for box in boxes for text in (box.title, *(row.text for row in box.rows))]
    width = max(map(text_width, texts), default=0.0) + 2 * PADDING
    places, rows, y = [], {}, top
    for box in boxes:
        height = LINE * (len(box.rows) + 1) + 2 * PADDING
        places.append((box, Rect(x, y, width, height)))
        for number, row in enumerate(box.rows, 1):
            rows[id(row)] = Rect(x, y + PADDING / 2 + LINE * number, width, LINE)
        y += height + GROUP_GAP
    return places, rows, y - GROUP_GAP


def _pulls(graph: Graph, rows: dict[int, Rect]) -> dict[Key, float]:
    """Return the height at which a node would like to be: among the rows that lead to it."""
    wishes: dict[Key, list[float]] = defaultdict(list)
    for box in graph.boxes:
        for row in box.rows:
            for target in row.targets:
                wishes[target].append(rows[id(row)].middle)
    return {key: sum(heights) / len(heights) for key, heights in wishes.items()}


def _groups(
    nodes: dict[Key, Node], pulls: dict[Key, float], x: float, top: float
) -> tuple[list[tuple[str, Rect]], dict[Key, Rect], float]:
    """Return headings and places of the objects, those of a type together."""
    kinds: dict[str, list[Key]] = defaultdict(list)
    for key in sorted(nodes, key=lambda key: pulls.get(key, 0.0)):
        kinds[_HEADINGS.get(nodes[key].type) or type_name(nodes[key].type)].append(key)
    means = {
        kind: sum(pulls.get(key, 0.0) for key in keys) / len(keys) for kind, keys in kinds.items()
    }
    headings, places, y = [], dict[Key, Rect](), top
    for kind in sorted(kinds, key=lambda kind: (means[kind], kind)):
        headings.append((kind, Rect(x, y, 0, LINE)))
        y += LINE + PADDING / 2
        column = _column(nodes, kinds[kind], x, y)
        places.update(column)
        y = max(rect.bottom for rect in column.values()) + GROUP_GAP / 2
    return headings, places, y


def _column(nodes: dict[Key, Node], order: list[Key], x: float, top: float) -> dict[Key, Rect]:
    """Stack nodes in this order."""
    places, y = {}, top
    for key in order:
        width, height = _size(nodes[key])
        places[key] = Rect(x, y, width, height)
        y += height + GAP
    return places
