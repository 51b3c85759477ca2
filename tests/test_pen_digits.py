"""200 digits drawn on the real pad: they are what they claim, and the bundled network reads them.

`python -m tests.make_pen_digits` draws them again; `pytest -s` shows how many are read by style.
"""

import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from dlcore.cnn import BUNDLED, load_bundled, predict
from dlcore.drawing import to_mnist
from tests.make_pen_digits import PICTURES, STROKES, covers
from tests.pen_strokes import PER_STYLE, STYLES, Drawing, drawings

READ = 0.95  # of all 200, at least


@dataclass(frozen=True)
class PenDigits:
    pictures: np.ndarray  # (200, 84, 84) uint8
    labels: np.ndarray  # (200,)
    styles: np.ndarray  # (200,) of STYLES
    ways: np.ndarray  # (200,) which way of writing the digit
    strokes: list[Drawing]

    def as_mnist(self, centre: bool) -> Tensor:
        canvases = torch.from_numpy(self.pictures).float() / 255
        return torch.stack([to_mnist(canvas, centre) for canvas in canvases])[:, None]


@pytest.fixture(scope="module")
def pen() -> PenDigits:
    with np.load(PICTURES) as stored:
        arrays = {name: stored[name] for name in ("pictures", "labels", "styles", "ways")}
    strokes = [Drawing(**entry) for entry in json.loads(STROKES.read_text(encoding="utf-8"))]
    return PenDigits(**arrays, strokes=strokes)


def right(pen: PenDigits, centre: bool) -> np.ndarray:
    """Which of the 200 the bundled network reads: (200,) bool."""
    if not BUNDLED.exists():
        pytest.fail(f"{BUNDLED} is missing; weights/README.md names the command that makes it")
    answers = predict(load_bundled(), pen.as_mnist(centre)).argmax(dim=1).numpy()
    return answers == pen.labels


def by_style(pen: PenDigits, hit: np.ndarray) -> str:
    lines = [f"{style}: {hit[pen.styles == style].sum()} of 40" for style in STYLES]
    missed = [f"{pen.labels[i]} ({pen.styles[i]}, #{i})" for i in np.flatnonzero(~hit)]
    return f"{hit.sum()} of 200 read; {'; '.join(lines)}; not read: {', '.join(missed)}"


def test_there_are_four_of_each_digit_in_each_style(pen: PenDigits) -> None:
    assert pen.pictures.shape == (200, 84, 84) and pen.pictures.dtype == np.uint8
    for label in range(10):
        for style in STYLES:
            assert ((pen.labels == label) & (pen.styles == style)).sum() == PER_STYLE


def test_the_pictures_are_of_the_strokes_kept_beside_them(pen: PenDigits) -> None:
    for picture, drawing, label in zip(pen.pictures, pen.strokes, pen.labels, strict=True):
        assert drawing.label == label
        assert covers(picture, drawing)


def test_the_strokes_are_the_makers_with_nothing_picked_out(pen: PenDigits) -> None:
    made = json.loads(json.dumps([drawing.as_json() for drawing in drawings()]))
    assert [drawing.as_json() for drawing in pen.strokes] == made


def test_styles_are_what_they_are_called(pen: PenDigits) -> None:
    """Measured on the pictures: pens, sizes, places and slants really differ."""
    ink = torch.from_numpy(pen.pictures).float() / 255
    rows, columns = ink.amax(dim=2) > 0.5, ink.amax(dim=1) > 0.5
    height = rows.sum(dim=1).numpy() * 4
    places = torch.arange(84.0) + 0.5
    mass = ink.sum(dim=(1, 2))
    off = torch.stack([(ink.sum(dim=axis) @ places) / mass - 42 for axis in (1, 2)])
    away = off.norm(dim=0).numpy() * 4
    widths = np.array([drawing.width for drawing in pen.strokes])
    style = {name: pen.styles == name for name in STYLES}
    assert widths[style["thin"]].max() <= 12 and widths[style["thick"]].min() >= 34
    assert height[style["small"]].max() < 170 < np.median(height[style["thin"]])
    assert np.median(away[style["off-centre"]]) > 60 > 3 * np.median(away[style["thick"]])
    leaning = columns.sum(dim=1).numpy() * 4 / height
    assert np.median(leaning[style["slanted"]]) > 1.2 * np.median(leaning[style["thin"]])


def test_the_bundled_network_reads_95_of_100(pen: PenDigits) -> None:
    hit = right(pen, centre=True)
    print(by_style(pen, hit))
    assert hit.mean() >= READ, by_style(pen, hit)


def test_it_is_mnists_frame_that_makes_them_readable(pen: PenDigits) -> None:
    """The switch of the tab: without crop, scale and centring far fewer are read."""
    hit, naive = right(pen, centre=True), right(pen, centre=False)
    print(by_style(pen, naive))
    assert naive.mean() < hit.mean() - 0.1, by_style(pen, naive)
