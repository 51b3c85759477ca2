"""What the CNN tab remembers of a session, which network answers, and what may be asked."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from demos.kit.errors import UserError
from demos.kit.models import NAMES, Models, Own
from demos.kit.run import Run
from demos.widgets.drawing_pad import drawn
from dlcore import cnn
from dlcore.data.mnist import load_mnist
from dlcore.drawing import CHANGES, to_mnist
from dlcore.settings import SettingError

WHICH = (*NAMES, "both")
SECTIONS = ("sees", "train", "transform", "why")
LAYERS = {"conv1": 32, "conv2": 64}  # what can be muted
UNITS = {  # what can be inspected: stage -> how many
    **dict.fromkeys(("conv1", "relu1", "pool1"), 32),
    **dict.fromkeys(("conv2", "relu2", "pool2", "flat", "hidden"), 64),
    "softmax": 10,
}


@dataclass(frozen=True)
class Trained(Own[cnn.CNN]):
    """The reader's own network, and how it did."""

    evaluation: cnn.Evaluation | None  # on the test set, once it is known


@dataclass(frozen=True)
class Look:
    """What this page is looking at."""

    muted: Mapping[str, cnn.Muted] = field(default_factory=dict)  # network -> maps switched off
    touched: str = "bundled"  # the network whose filters were switched last
    unit: tuple[str, str, int] | None = None  # network, stage and unit under the magnifying glass
    loaded: tuple[str, int] | None = None  # a test image on the pad: its pixels, its position
    judged: str = "yours"  # the network whose mistakes are shown

    def muted_of(self, name: str) -> cnn.Muted:
        return self.muted.get(name, cnn.NONE_MUTED)


# Which answers on the test set are already known: a network never changes once it is here.
known: "WeakKeyDictionary[cnn.CNN, cnn.Evaluation]" = WeakKeyDictionary()


MODELS = Models("cnn", lambda _: cnn.load_bundled(), lambda _: cnn.BUNDLED)


def trained(run: Run) -> Trained | None:
    """What is kept of a run, stopped ones included; None when it ended before its first step."""
    if run.snapshot is None:
        return None
    return Trained(cnn.restore(run.snapshot.state), run.snapshot.evaluation)


def networks(which: object, own: Trained | None) -> dict[str, cnn.CNN]:
    """The networks that answer: name -> model. Raises UserError."""
    if not isinstance(which, str) or which not in WHICH:
        raise UserError("cnn.errors.unknown_model")
    return {name: MODELS.named(name, own) for name in (NAMES if which == "both" else (which,))}


def what_it_gets(pixels: object, centre: object, look: Look) -> Tensor | None:
    """The picture (28, 28) that the network gets for the pad; None while the pad is empty.

    A test image that was loaded goes to the network as it stands in MNIST, until it is drawn over.
    """
    canvas = drawn(pixels)
    if look.loaded and pixels == look.loaded[0]:
        return load_mnist().test_images[look.loaded[1]] / 255
    return to_mnist(canvas, centre=bool(centre)) if canvas.any() else None


def as_batch(image: Tensor) -> Tensor:
    """(28, 28) or (N, 28, 28) -> (N, 1, 28, 28)."""
    return image.reshape(-1, 1, 28, 28)


@torch.no_grad()
def traced(model: cnn.CNN, image: Tensor, muted: cnn.Muted) -> cnn.Trace:
    """Every stage for one picture (28, 28)."""
    return model.trace(as_batch(image), muted)


# --- What a browser may ask: checked here, because any client can send anything ------------------


def whole(data: Any, name: str, below: int) -> int:
    """A whole number from an event's data, 0 ≤ number < below. Raises UserError."""
    value = data.get(name) if isinstance(data, dict) else None
    if type(value) is not int or not 0 <= value < below:
        raise UserError("cnn.errors.unknown_choice")
    return value


def one_of(data: Any, name: str, choices: Mapping[str, int]) -> str:
    value = data.get(name) if isinstance(data, dict) else None
    if not isinstance(value, str) or value not in choices:
        raise UserError("cnn.errors.unknown_choice")
    return value


def toggled(look: Look, name: str, data: Any) -> dict[str, cnn.Muted]:
    """The muted maps after the filter {"layer", "unit"} of network `name` was switched."""
    layer = one_of(data, "layer", LAYERS)
    return {**look.muted, name: look.muted_of(name) ^ {(layer, whole(data, "unit", LAYERS[layer]))}}


def unit_of(name: str, data: Any) -> tuple[str, str, int]:
    """The map {"stage", "unit"} that is to be inspected: network, stage, unit."""
    stage = one_of(data, "stage", UNITS)
    return name, stage, whole(data, "unit", UNITS[stage])


def bends(kind: object, amounts: Sequence[Any]) -> tuple[str, dict[str, float]]:
    """The change to sweep, and the amount of each. Raises SettingError, UserError."""
    if not isinstance(kind, str) or kind not in CHANGES:
        raise UserError("cnn.errors.unknown_choice")
    named = dict(zip(CHANGES, amounts, strict=True))
    for name, amount in named.items():
        low, high = CHANGES[name].low, CHANGES[name].high
        number = isinstance(amount, (int, float)) and not isinstance(amount, bool)
        if not number or not math.isfinite(amount) or not low <= amount <= high:
            raise SettingError(name, amount, low=low, high=high)
    return kind, {name: float(amount) for name, amount in named.items()}
