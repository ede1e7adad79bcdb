"""The symbol map of dev.img: the committed one is what its sources say."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from vectoros.boot.symbols import symbols
from vectoros.cli import vectoros
from vectoros.symbol_map import load

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "images"


def test_the_committed_map_is_made_from_the_sources() -> None:
    made = symbols(IMAGES / "dev.toml").text()
    assert made == (IMAGES / "dev.map").read_text(encoding="utf-8"), (
        "run: vectoros image build images/dev.toml -o images/dev.img --map images/dev.map"
    )


def test_labels_stand_in_the_lines_that_the_map_names() -> None:
    found = load(IMAGES / "dev.map").symbols
    assert {"bios", "boot_sector", "stage2", "kernel", "shell", "ticker", "victim"} == set(found)
    near = 0
    for rows in found.values():
        for row in rows:
            lines = (ROOT / row.file).read_text(encoding="utf-8").splitlines()
            before = lines[max(0, row.line - 4) : row.line]
            near += any(line.lstrip().startswith(f"{row.name}:") for line in before)
    total = sum(map(len, found.values()))
    assert near >= 0.9 * total, f"only {near} of {total} labels are where the map says"


def test_the_map_is_written_beside_an_image_on_request(tmp_path: Path) -> None:
    image, file = tmp_path / "dev.img", tmp_path / "dev.map"
    words = ["image", "build", str(IMAGES / "dev.toml"), "-o", str(image), "--map", str(file)]
    done = CliRunner().invoke(vectoros, words, catch_exceptions=False)
    assert done.exit_code == 0
    assert image.read_bytes() == (IMAGES / "dev.img").read_bytes()
    assert file.read_bytes() == (IMAGES / "dev.map").read_bytes()
