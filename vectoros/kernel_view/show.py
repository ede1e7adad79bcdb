"""``vectoros kernel show``: what is asked for, as far as damage lets it be told."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar

from vectoros.errors import BadFileError
from vectoros.kernel_image.inspect import InspectError
from vectoros.kernel_view import data, text
from vectoros.kernel_view.graph import Graph, build
from vectoros.kernel_view.image import Image
from vectoros.kernel_view.names import printable
from vectoros.kernel_view.survey import Survey
from vectoros.units import format_ticks

T = TypeVar("T")


class Showing:
    """A kernel being shown, and what was found to be damaged on the way."""

    def __init__(self, image: Image) -> None:
        """Look at the kernel in ``image``."""
        self._image = image
        self._survey = Survey(image.root)
        self._damage: list[str] = []

    def text(self, sections: Sequence[str], *, full: bool) -> str:
        """Return ``sections`` for people, after an overview if they are all there are."""
        makers = {**text.SECTIONS, "tree": lambda survey: text.capability_tree(survey, full=full)}
        parts = {name: self._part(makers[name], _damaged) for name in sections}
        if len(sections) == len(makers):
            whole = self._part(lambda survey: text.overview(self._image, survey), _damaged)
            parts = {"": whole, **parts}
        return "\n".join(text.document(parts)).removesuffix("\n")

    def json(self, sections: Sequence[str]) -> str:
        """Return ``sections`` for programs."""
        found: dict[str, Any] = data.overview(self._image, self._survey)
        for name in sections:
            found[name] = self._part(data.SECTIONS[name], lambda told: {"damaged": told})
        return json.dumps(found, indent=2)

    def picture(self, draw: Callable[[Graph, str], str]) -> str:
        """Return the capability graph, as ``draw`` draws it."""
        try:
            return draw(self._graph, printable(self._title))
        except InspectError as told:
            raise BadFileError(self._image.path, f"its kernel is damaged: {told}") from None

    @cached_property
    def _graph(self) -> Graph:
        return build(self._survey)

    @property
    def _title(self) -> str:
        tick = self._image.tick
        when = "" if tick is None else f" at tick {tick} ({format_ticks(tick)})"
        return f"{self._image.path.name}{when}: who holds which capabilities"

    @property
    def counts(self) -> str:
        """What a picture shows, in a few words."""
        graph = self._graph
        objects = len(graph.nodes) + len(graph.untypeds)
        return f"{len(self._survey.caps)} capabilities, {objects} nodes, {len(graph.boxes)} holders"

    def _part(self, make: Callable[[Survey], T], tell: Callable[[str], T]) -> T:
        try:
            return make(self._survey)
        except InspectError as told:
            self._damage.append(str(told))
            return tell(str(told))

    def check(self) -> None:
        """Raise :class:`BadFileError` if something was damaged."""
        if self._damage:
            raise BadFileError(self._image.path, f"its kernel is damaged: {self._damage[0]}")


def _damaged(told: str) -> str:
    return f"damaged: {told}"
