"""Whatever is in memory, it is shown, or told to be damaged."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from contextlib import suppress
from pathlib import Path

from hypothesis import given, settings

from tests.kernel.damage import BOOTED, DAMAGE, damaged
from vectoros.errors import BadFileError
from vectoros.kernel.root import Root
from vectoros.kernel_view import dot, svg
from vectoros.kernel_view.image import Image
from vectoros.kernel_view.show import Showing
from vectoros.kernel_view.text import SECTIONS


@settings(max_examples=100, deadline=None)
@given(DAMAGE)
def test_text_data_and_pictures_end_well(damage: list[tuple[int, int]]) -> None:
    system = damaged(damage)
    showing = Showing(Image(Path("damaged.ram"), None, Root(system.ram, BOOTED.root.address)))
    assert showing.text([*SECTIONS], full=True).isascii()
    assert showing.text([*SECTIONS], full=False).isascii()
    assert showing.json([*SECTIONS]).startswith("{")
    with suppress(BadFileError):
        ET.fromstring(showing.picture(svg.picture))
        assert showing.picture(dot.document).endswith("}\n")
