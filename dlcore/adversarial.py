"""A change too small to see that makes a network see something else.

The slope of the loss says for every pixel in which direction it hurts most. *FGSM* (Goodfellow,
Shlens, Szegedy, "Explaining and harnessing adversarial examples", 2015,
https://arxiv.org/abs/1412.6572) moves every pixel by the same small amount in its direction, once.
*PGD* (Madry et al. 2018, https://arxiv.org/abs/1706.06083) takes many smaller steps, and after each
pulls every pixel back to within the amount allowed. Either away from the right label, or towards a
label that was chosen. Look at the perturbation: it is no picture of the new thing at all.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcore.preprocess import Recipe
from dlcore.progress import Progress

LEVEL = 1 / 255  # the smallest change that a picture file can hold


@dataclass(frozen=True)
class Attack:
    """Whom to fool about what, and how far one may go.

    recipe: how `model` wants its pictures prepared. label: the one to leave, or, if `towards`, the
    one to reach. limit: how far any pixel may move, in pixels' units of [0, 1]: 2 * LEVEL is
    invisible.
    """

    model: nn.Module
    recipe: Recipe
    label: int
    towards: bool = False
    limit: float = 2 * LEVEL

    def probabilities(self, pixels: Tensor) -> Tensor:
        """Pixels (N, 3, H, W) in [0, 1] -> (N, K)."""
        with torch.no_grad():
            return self.model(self.recipe.normalise(pixels)).softmax(dim=1)

    def slope(self, pixels: Tensor) -> Tensor:
        """Where the loss rises for each pixel (N, 3, H, W): uphill leads away from the label.

        For a label to be reached, with the sign turned: there downhill is the way.
        """
        pixels = pixels.detach().requires_grad_()
        with torch.enable_grad():
            logits = self.model(self.recipe.normalise(pixels))
            labels = torch.full((len(logits),), self.label)
            loss = F.cross_entropy(logits, labels, reduction="sum")
            (slope,) = torch.autograd.grad(loss, pixels)
        return -slope if self.towards else slope


@dataclass(frozen=True)
class Attacked:
    """A picture under attack: pixels (3, H, W) float32 in [0, 1]; change, what was added to it.

    probabilities (K,) float32; slope (3, H, W) float32: the one that led here, None at the start.
    """

    pixels: np.ndarray
    change: np.ndarray
    probabilities: np.ndarray
    slope: np.ndarray | None = None

    @property
    def answer(self) -> int:
        return int(self.probabilities.argmax())


def fgsm(attack: Attack, pixels: Tensor) -> Iterator[Progress]:
    """One step of the whole limit, up the slope; pixels (3, H, W) in [0, 1]. Snapshot: Attacked.

    Two events: the picture as it was, and fooled.
    """
    yield from pgd(attack, pixels, steps=1, step_size=attack.limit)


def pgd(
    attack: Attack,
    pixels: Tensor,
    *,
    steps: int = 10,
    step_size: float | None = None,
    seed: int | None = None,
) -> Iterator[Progress]:
    """Many steps up the slope, never farther from the picture than the limit. Snapshot: Attacked.

    step_size: of each step, in pixels' units; None: such that two and a half limits could be walked
    (Madry et al.). seed: begin at a random place within the limit; None: at the picture itself.
    metrics: the label's "probability".
    """
    if step_size is None:
        step_size = 2.5 * attack.limit / steps
    original = pixels[None]  # (1, 3, H, W)
    fooled = original
    if seed is not None:
        rng = torch.Generator().manual_seed(seed)
        places = torch.rand(original.shape, generator=rng, dtype=pixels.dtype)
        fooled = (original + attack.limit * (2 * places - 1)).clamp(0, 1)
    yield _progress(attack, original, fooled, None, 0, steps)
    for step in range(1, steps + 1):
        slope = attack.slope(fooled)
        moved = fooled + step_size * slope.sign()
        change = (moved - original).clamp(-attack.limit, attack.limit)
        fooled = (original + change).clamp(0, 1)  # still a picture
        yield _progress(attack, original, fooled, slope, step, steps)


def fgsm_sweep(attack: Attack, pixels: Tensor, limits: Tensor) -> Tensor:
    """What the network answers after FGSM with each of `limits` (N,) -> probabilities (N, K).

    The slope is asked for once; only how far to follow it differs. pixels (3, H, W) in [0, 1].
    """
    direction = attack.slope(pixels[None]).sign()  # (1, 3, H, W)
    return torch.cat(
        [attack.probabilities((pixels + limit * direction).clamp(0, 1)) for limit in limits]
    )


def as_saved(pixels: Tensor) -> Tensor:
    """Pixels in [0, 1] rounded to the 256 levels of a picture file: does it still fool?"""
    return (pixels * 255).round() / 255


def magnified_change(change: np.ndarray, limit: float) -> np.ndarray:
    """A change made visible, (3, H, W) in [0, 1]: grey is none, 0 and 1 are the limit."""
    return np.clip(0.5 + change / (2 * limit), 0, 1)


def _progress(
    attack: Attack, original: Tensor, fooled: Tensor, slope: Tensor | None, step: int, steps: int
) -> Progress:
    chances = attack.probabilities(fooled)[0]
    snapshot = Attacked(
        pixels=fooled[0].numpy(),
        change=(fooled - original)[0].numpy(),
        probabilities=chances.numpy(),
        slope=None if slope is None else slope[0].numpy(),
    )
    return Progress(step, steps, {"probability": chances[attack.label].item()}, snapshot)
