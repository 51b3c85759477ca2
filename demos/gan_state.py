"""What the GAN tab remembers of a session, which players answer, and what may be asked of them."""

import math
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from demos.kit import models
from demos.kit.errors import UserError
from demos.kit.run import Run
from demos.widgets.drawing_pad import drawn
from dlcore import gan
from dlcore.data.mnist import load_mnist
from dlcore.drawing import to_mnist
from dlcore.gan_networks import GAN

SECTIONS = ("train", "hand", "variants", "judge", "play", "break")
STARTS = ("fresh", "yours")  # of a game by hand
SHORTEST_RACE, LONGEST_RACE = 20, 2_000  # steps of G for each variant
LANE = 25  # noises whose pictures are compared
DRAWN = 40  # pictures on the table under *Play*
STEPS = 12  # pictures of a walk, both ends included
DIRECTIONS = 4  # sliders
FARTHEST = 4.0  # how far a slider goes, in standard deviations of the noise
ANY = -1  # no digit in particular


@dataclass(frozen=True)
class Own(models.Own[GAN]):
    """The reader's own players, held read-only."""

    config: gan.Config
    kept: gan.Snapshot  # what they can go on from

    @property
    def players(self) -> GAN:
        return self.model


MODELS = models.Models(
    "gan", gan.load_bundled, gan.BUNDLED.__getitem__, bundled=("tutorial", "conditional")
)


@dataclass(frozen=True)
class Pair:
    """Two players that are asked something, and how the discriminator's answer is meant."""

    players: GAN
    variant: str

    @property
    def probable(self) -> bool:
        """Whether the score is a probability's logit; else it is just a number."""
        return self.variant not in ("least-squares", "wgan-gp")

    def told(self, scores: Tensor) -> Tensor:
        """Scores as they are shown: probabilities, where they are any."""
        return scores.sigmoid() if self.probable else scores

    def noise(self, count: int, seed: int) -> Tensor:
        """(count, noise_dim), always the same ones for a seed."""
        size = int(self.players.generator.noise_dim)  # type: ignore[arg-type]
        return torch.randn(count, size, generator=torch.Generator().manual_seed(seed))

    @property
    def conditional(self) -> bool:
        return bool(self.players.generator.classes)

    def labels(self, digit: int, count: int) -> Tensor | None:
        """What to tell players that want to be told: the digit, or each digit in turn."""
        if not self.conditional:
            return None
        return torch.full((count,), digit) if digit != ANY else torch.arange(count) % 10


@dataclass(frozen=True)
class Look:
    """What lies on the table under *Play*, and which two pictures a walk leads between."""

    draws: int = 0  # how often others were asked for
    ends: tuple[int, int] = (0, 1)
    second: bool = False  # whether the next click chooses the walk's end, not its beginning

    def picked(self, index: int) -> "Look":
        ends = (self.ends[0], index) if self.second else (index, self.ends[1])
        return Look(self.draws, ends, not self.second)


SHAPE = ("variant", "noise_dim", "batch_norm")  # a change of one of these makes other networks


def going_on(config: gan.Config, run: Run | None) -> tuple[Any, ...] | None:
    """What a worker needs to go on with a run; None where there is nothing to go on with."""
    if run is None or run.kept is None:
        return None
    same = all(getattr(run.config, name) == getattr(config, name) for name in SHAPE)
    return (config, run.kept) if same else None


_LEGS = """\
def legs(count):  # the page went on where it had ended
    start = None
    for _ in range(count):
        for progress in job(config, start):
            yield progress
        start = progress.snapshot
"""


def script_call(run: Run | None) -> tuple[str, str]:
    """What the script of *Download script* has to do before the training, and the training."""
    if run is None or len(run.arguments) < 2:
        return "", "job(config)"
    steps = gan.Deck(load_mnist(), run.config).steps
    return _LEGS, f"legs({max(1, round(run.latest.total / steps))})"


def trained(run: Run) -> Own | None:
    """What is kept of a run, stopped ones included; None when it ended before its first weights."""
    if run.kept is None:
        return None
    return Own(gan.restore(run.kept.state, run.config), run.config, run.kept)


def pair(which: object, own: object) -> Pair:
    """The players of this name. Raises UserError."""
    players = MODELS.named(which, own)
    if which == models.YOURS and isinstance(own, Own):
        return Pair(players, own.config.variant)
    return Pair(players, str(which))


_directions: "WeakKeyDictionary[nn.Module, Tensor]" = WeakKeyDictionary()


def directions_of(generator: nn.Module) -> Tensor:
    """The directions of the noise (K, noise_dim) that change most, found once a generator."""
    if generator not in _directions:
        _directions[generator] = gan.directions(generator, DIRECTIONS)[0]
    return _directions[generator]


_usual: "WeakKeyDictionary[nn.Module, tuple[Tensor, Tensor]]" = WeakKeyDictionary()
_ASKED = 500  # pictures that a mean score is taken over


def usual_scores(pair: Pair) -> tuple[float, float]:
    """What D says on average of real test images and of its own generator's pictures."""
    judge = pair.players.discriminator
    if judge not in _usual:
        test = load_mnist()
        labels = pair.labels(ANY, _ASKED)
        fakes = gan.sample(pair.players.generator, pair.noise(_ASKED, 0), labels)
        named = test.test_labels[:_ASKED] if pair.conditional else None
        real = gan.score(judge, test.test_images[:_ASKED], named)
        _usual[judge] = real, gan.score(judge, fakes, labels)
    real, fake = _usual[judge]
    return pair.told(real).mean().item(), pair.told(fake).mean().item()


def what_it_gets(pixels: object) -> Tensor | None:
    """The picture (28, 28) in [0, 1] that is on the pad; None while the pad is empty."""
    canvas = drawn(pixels)
    return to_mnist(canvas) if canvas.any() else None


# --- What a browser may ask: checked here, because any client can send anything ------------------


def whole(data: Any, name: str, below: int) -> int:
    """A whole number from an event's data, 0 ≤ number < below. Raises UserError."""
    value = data.get(name) if isinstance(data, dict) else None
    if type(value) is not int or not 0 <= value < below:
        raise UserError("gan.errors.unknown_choice")
    return value


def digit_of(value: object) -> int:
    """A digit, or ANY."""
    if type(value) is not int or not ANY <= value <= 9:
        raise UserError("gan.errors.unknown_choice")
    return value


def amounts_of(values: Any) -> list[float]:
    """How far each slider was moved."""
    for value in values:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or abs(value) > FARTHEST:
            raise UserError("gan.errors.amount", most=FARTHEST)
    return [float(value) for value in values]


def race_steps(value: object) -> int:
    """Steps of G for each variant. Raises UserError."""
    if isinstance(value, int | float) and value in range(SHORTEST_RACE, LONGEST_RACE + 1):
        return int(value)
    raise UserError("gan.errors.steps", low=SHORTEST_RACE, high=LONGEST_RACE)


def look_of(value: object) -> Look:
    return value if isinstance(value, Look) else Look()
