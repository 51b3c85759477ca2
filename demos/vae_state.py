"""What the VAE tab remembers of a session, which model answers, and what may be asked."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from demos.kit.errors import UserError
from demos.kit.models import Models, Own
from demos.kit.run import Run
from demos.widgets.drawing_pad import drawn
from dlcore import vae
from dlcore.data.mnist import load_mnist
from dlcore.drawing import to_mnist

SECTIONS = ("explore", "train", "compare")
STEPS = 10  # pictures along a path
SAMPLES = 8  # drawn from a posterior
FARTHEST = 1e6  # world units from the middle; no plane is as large

Point = tuple[float, float]


@dataclass(frozen=True)
class Trained(Own[vae.VAE]):
    """The reader's own model and how it was asked for."""

    config: vae.Config


# By latent dimensions.
MODELS = Models("vae", vae.load_bundled, vae.bundled, bundled=("2", "20"))


@dataclass(frozen=True)
class Overlay:
    """What lies on the plane over the points: where the reader pointed, the path, the draws."""

    pointer: Point | None = None
    path: tuple[Point, Point] | None = None
    draws: int = 0  # how often other samples were asked for
    loaded: tuple[str, int] | None = None  # a test image on the pad: its pixels, its position


def trained(run: Run) -> Trained | None:
    """What is kept of a run, stopped ones included; None when it ended before its first weights."""
    if run.kept is None:
        return None
    return Trained(vae.restore(run.kept.state, run.config), run.config)


def what_it_gets(pixels: object, overlay: Overlay) -> Tensor | None:
    """The picture (28, 28) that the encoder gets for the pad; None while the pad is empty.

    A test image that was loaded goes to it as it stands in MNIST, until it is drawn over.
    """
    canvas = drawn(pixels)
    if overlay.loaded and pixels == overlay.loaded[0]:
        return load_mnist().test_images[overlay.loaded[1]] / 255
    return to_mnist(canvas) if canvas.any() else None


# --- What a browser may ask: checked here, because any client can send anything ------------------


def point_of(data: object) -> Point:
    """A place {"x", "y"} on the plane. Raises UserError."""
    if not isinstance(data, dict):
        raise UserError("vae.errors.no_point")
    return _place([data.get("x"), data.get("y")])


def path_of(data: object) -> tuple[Point, Point]:
    """A path {"from": [x, y], "to": [x, y]}. Raises UserError."""
    if not isinstance(data, dict):
        raise UserError("vae.errors.no_point")
    return _place(data.get("from")), _place(data.get("to"))


def _place(pair: Any) -> Point:
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        raise UserError("vae.errors.no_point")
    for number in pair:
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise UserError("vae.errors.no_point")
        if not abs(number) <= FARTHEST:  # false for NaN, too
            raise UserError("vae.errors.no_point")
    return float(pair[0]), float(pair[1])


def changed(overlay: object, **news: Any) -> Overlay:
    """The overlay with something new on it."""
    return dataclasses.replace(overlay if isinstance(overlay, Overlay) else Overlay(), **news)
