"""The capability graph as SVG: a picture that needs no program but a viewer.

Solid lines are capabilities: each starts at the row that tells its slot, rights and badge.
Dashed lines are derivations, from what was copied or retyped to what came of it. Whatever
an image holds becomes text of the picture and never its markup.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from vectoros.kernel.objects import Type
from vectoros.kernel_view.declared import type_name
from vectoros.kernel_view.graph import Graph, Node, Row
from vectoros.kernel_view.layout import (
    GAP,
    LINE,
    MARGIN,
    PADDING,
    SLANT,
    Layout,
    Rect,
    arrange,
    text_width,
)
from vectoros.kernel_view.words import RIGHTS_KEY, is_memory

INK = "#1f2430"
FAINT = "#8a90a0"
PAPER = "#ffffff"
PANEL = "#f6f7f9"

COLOURS = {
    Type.UNTYPED: "#8a6d3b",
    Type.CNODE: "#4a5568",
    Type.TCB: "#2563a8",
    Type.ENDPOINT: "#b83280",
    Type.NOTIFICATION: "#c05621",
    Type.REPLY: "#805ad5",
    Type.SCHED_CONTEXT: "#2c7a7b",
    Type.FRAME: "#5f7f2f",
    Type.PML4: "#2f855a",
    Type.CHANNEL: "#0e7490",
    Type.AUDIT_LOG: "#9b2c2c",
    Type.POLICY: "#9b2c2c",
    Type.ZOMBIE: "#000000",
}
_DEVICES = "#6b46c1"
"""Of whatever leads to a device, and of the controls."""

LEGEND = (
    Type.TCB, Type.CNODE, Type.ENDPOINT, Type.NOTIFICATION, Type.REPLY, Type.SCHED_CONTEXT,
    Type.PML4, Type.FRAME, Type.CHANNEL, Type.UNTYPED, Type.IRQ_HANDLER, Type.AUDIT_LOG,
)  # fmt: skip
_SPOKEN = {
    Type.FRAME: "frames and page tables",
    Type.IRQ_HANDLER: "devices and controls",
    Type.AUDIT_LOG: "audit log, policy",
}


def colour(kind: Type) -> str:
    """Return the colour of a type, dark enough for text on white."""
    return COLOURS[Type.FRAME] if is_memory(kind) else COLOURS.get(kind, _DEVICES)


def picture(graph: Graph, title: str) -> str:
    """Return the picture."""
    legend = list(_legend(title))
    layout = arrange(graph, top=MARGIN + LINE * 4.5)
    width = max(layout.width, 1000)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{layout.height:g}"'
            f' viewBox="0 0 {width:g} {layout.height:g}"'
            ' font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="11">',
            f"<title>{escape(title)}</title>",
            f'<rect width="100%" height="100%" fill="{PAPER}"/>',
            *legend,
            "<g>",
            *_derivations(graph, layout),
            *_capabilities(graph, layout),
            "</g>",
            *_boxes(layout),
            *_untypeds(graph, layout),
            *_objects(graph, layout),
            "</svg>",
            "",
        ]
    )


def _text(x: float, y: float, text: str, fill: str = INK, weight: str = "normal") -> str:
    """Return a text whose lower left corner is given, as wide as the layout has planned."""
    bold = f' font-weight="{weight}"' if weight != "normal" else ""
    return (
        f'<text x="{x:g}" y="{y:g}" fill="{fill}"{bold} textLength="{text_width(text):g}"'
        f' lengthAdjust="spacingAndGlyphs" xml:space="preserve">{escape(text)}</text>'
    )


def _legend(title: str) -> Iterator[str]:
    y: float = MARGIN
    yield _text(MARGIN, y, title, weight="bold")
    x, y = float(MARGIN), y + LINE * 1.5
    for kind in LEGEND:
        name = _SPOKEN.get(kind, type_name(kind))
        yield _shape(kind, Rect(x, y - 10, 26, 12))
        yield _text(x + 32, y, name)
        x += 32 + text_width(name) + 2 * PADDING
        if x > 900:
            x, y = float(MARGIN), y + LINE
    samples = ((f"a capability; rights: {RIGHTS_KEY}", ""), ("derived from", "4 3"))
    for said, dash in samples:
        yield _line(x, y - 4, x + 26, y - 4, FAINT, dash)
        yield _text(x + 32, y, said)
        x += 32 + text_width(said) + 2 * PADDING


def _line(x1: float, y1: float, x2: float, y2: float, ink: str, dash: str = "") -> str:
    return _curve(f"M{x1:g} {y1:g}L{x2:g} {y2:g}", ink, dash)


def _curve(path: str, ink: str, dash: str = "", opacity: float = 1.0) -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    faint = f' opacity="{opacity:g}"' if opacity < 1 else ""
    return f'<path d="{path}" fill="none" stroke="{ink}" stroke-width="1.2"{dashes}{faint}/>'


def _between(a: tuple[float, float], b: tuple[float, float], pull: float) -> str:
    """Return a path that leaves ``a`` and reaches ``b`` horizontally."""
    (x1, y1), (x2, y2) = a, b
    return f"M{x1:g} {y1:g}C{x1 + pull:g} {y1:g} {x2 - pull:g} {y2:g} {x2:g} {y2:g}"


def _capabilities(graph: Graph, layout: Layout) -> Iterator[str]:
    for box in graph.boxes:
        for row in box.rows:
            start = layout.rows[id(row)]
            for target in row.targets:
                ink = colour(row.type)
                if target in layout.nodes:
                    end = layout.nodes[target]
                    pull = (end.x - start.right) / 2
                    ends = (start.right, start.middle), (end.x, end.middle)
                    yield _curve(_between(*ends, pull), ink, opacity=0.75)
                    yield f'<circle cx="{end.x:g}" cy="{end.middle:g}" r="2.5" fill="{ink}"/>'
                elif target in layout.untypeds:
                    end = layout.untypeds[target]
                    ends = (end.right, end.middle), (start.x, start.middle)
                    yield _curve(_between(*ends, (start.x - end.right) / 2), ink, opacity=0.6)


def _derivations(graph: Graph, layout: Layout) -> Iterator[str]:
    for source, target in graph.derived:
        end = layout.rows[id(target)]
        if not isinstance(source, Row):
            start = layout.untypeds.get(source)
            if start is not None:
                ends = (start.right, start.bottom - PADDING), (end.x, end.middle)
                path = _between(*ends, (end.x - start.right) / 2)
                yield _curve(path, FAINT, "4 3", opacity=0.55)
            continue
        begin = layout.rows[id(source)]
        bulge = min(28 + abs(begin.y - end.y) / 14, 120)
        x = begin.x
        path = (
            f"M{x:g} {begin.middle:g}C{x - bulge:g} {begin.middle:g} {x - bulge:g} {end.middle:g}"
            f" {x:g} {end.middle:g}"
        )
        yield _curve(path, colour(target.type), "4 3")
        yield f'<circle cx="{x:g}" cy="{end.middle:g}" r="2.5" fill="{colour(target.type)}"/>'


def _boxes(layout: Layout) -> Iterator[str]:
    for box, place in layout.boxes:
        yield _rect(place, PANEL, INK, rounded=6)
        yield _text(place.x + PADDING, place.y + LINE, box.title, weight="bold")
        for row in box.rows:
            where = layout.rows[id(row)]
            yield _text(where.x + PADDING, where.y + LINE - 4, row.text, colour(row.type))


def _untypeds(graph: Graph, layout: Layout) -> Iterator[str]:
    for key, place in layout.untypeds.items():
        node = graph.untypeds[key]
        yield _shape(Type.UNTYPED, place)
        yield from _lines(node, place)
        inner = place.width - 2 * PADDING
        bar = Rect(place.x + PADDING, place.bottom - GAP, inner, 5)
        yield _rect(bar, PAPER, colour(Type.UNTYPED))
        filled = inner * min(1.0, max(node.share or 0.0, 0.0))
        if filled:
            yield _rect(Rect(bar.x, bar.y, filled, 5), colour(Type.UNTYPED), "none")


def _objects(graph: Graph, layout: Layout) -> Iterator[str]:
    for heading, place in layout.headings:
        yield _text(place.x, place.y + LINE - 4, heading, FAINT)
    for key, place in layout.nodes.items():
        node = graph.nodes[key]
        yield _shape(node.type, place)
        yield from _lines(node, place)


def _lines(node: Node, place: Rect) -> Iterator[str]:
    for number, line in enumerate(node.lines, 1):
        ink = colour(node.type) if number == 1 else INK
        yield _text(place.x + PADDING + SLANT, place.y + LINE * number - 2, line, ink)


def _rect(place: Rect, fill: str, ink: str, rounded: float = 0) -> str:
    corner = f' rx="{rounded:g}"' if rounded else ""
    return (
        f'<rect x="{place.x:g}" y="{place.y:g}" width="{place.width:g}" height="{place.height:g}"'
        f'{corner} fill="{fill}" stroke="{ink}"/>'
    )


def _shape(kind: Type, place: Rect) -> str:
    """Return the outline of an object, by its type."""
    ink, fill = colour(kind), PAPER
    middle, cut = place.middle, min(SLANT, place.width / 5)
    x, y, right, bottom = place.x, place.y, place.right, place.bottom
    match kind:
        case Type.ENDPOINT:
            return _rect(place, fill, ink, rounded=place.height / 2)
        case Type.NOTIFICATION:
            points = [(x + cut, y), (right - cut, y), (right, middle), (right - cut, bottom),
                      (x + cut, bottom), (x, middle)]  # fmt: skip
        case Type.REPLY:
            points = [(x, y), (right - cut, y), (right, middle), (right - cut, bottom), (x, bottom),
                      (x + cut / 2, middle)]  # fmt: skip
        case Type.SCHED_CONTEXT:
            points = [(x + cut, y), (right, y), (right - cut, bottom), (x, bottom)]
        case Type.TCB:
            return _rect(place, fill, ink, rounded=4) + _line(x + 4, y + 1, x + 4, bottom - 1, ink)
        case Type.FRAME | Type.PT:
            behind = Rect(x + 3, y + 3, place.width, place.height)
            return _rect(behind, fill, ink) + _rect(place, fill, ink)
        case Type.UNTYPED | Type.PML4 | Type.CNODE | Type.CHANNEL:
            return _rect(place, fill, ink)
        case _:
            points = [(x + cut / 2, y), (right - cut / 2, y), (right, y + cut / 2),
                      (right, bottom), (x, bottom), (x, y + cut / 2)]  # fmt: skip
    joined = " ".join(f"{px:g},{py:g}" for px, py in points)
    return f"<polygon points={quoteattr(joined)} fill={quoteattr(fill)} stroke={quoteattr(ink)}/>"
