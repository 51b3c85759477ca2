"""An adversarial example as a job: step by step, small enough to be sent to a page.

How it is made stands in dlcore/adversarial.py. Here it runs in a worker, and of every step there
are pictures to look at: the one that fools, and the change, magnified until it can be seen.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from dlcore.adversarial import LEVEL, Attack, Attacked, as_saved, fgsm, magnified_change, pgd
from dlcore.preprocess import to_pixels
from dlcore.progress import Progress
from dlcore.resnet_why import load_network
from dlcore.settings import Settings, setting


@dataclass(frozen=True)
class AttackConfig(Settings):
    """How to fool, and how far one may go."""

    method: str = setting("pgd", choices=("pgd", "fgsm"))
    limit: float = setting(2.0, low=0.25, high=16.0)  # of 255 levels of brightness; 2 is invisible
    steps: int = setting(10, low=1, high=40)  # of PGD; FGSM takes one


@dataclass(frozen=True)
class Fooled:
    """One step. picture, change: uint8 (H, W, 3), the change magnified, grey where there is none.

    probabilities (K,) float32; saved (K,): once rounded to a file's 256 levels; largest: the most
    that any pixel moved, in levels.
    """

    step: int
    picture: np.ndarray
    change: np.ndarray
    probabilities: np.ndarray
    saved: np.ndarray
    largest: float


def attack_job(
    network: str,
    pixels: np.ndarray,
    label: int,
    towards: bool,
    config: AttackConfig = AttackConfig(),  # noqa: B008
) -> Iterator[Progress]:
    """Make `network` leave `label`, or reach it if `towards`; pixels uint8 (H, W, 3), as it gets
    them but for the normalisation. Snapshot: Fooled, the untouched picture first.

    Raises FileNotFoundError where the network's weights are not here.
    """
    model = load_network(network)
    limit = config.limit * LEVEL
    attack = Attack(model, model.recipe, label, towards, limit)
    picture = to_pixels(Image.fromarray(pixels))[0]  # (3, H, W)
    if config.method == "fgsm":
        steps = fgsm(attack, picture)
    else:
        steps = pgd(attack, picture, steps=config.steps)
    for progress in steps:
        at: Attacked = progress.snapshot
        fooling = torch.from_numpy(at.pixels)
        fooled = Fooled(
            step=progress.step,
            picture=_bytes(at.pixels),
            change=_bytes(magnified_change(at.change, limit)),
            probabilities=at.probabilities,
            saved=attack.probabilities(as_saved(fooling)[None])[0].numpy(),
            largest=float(np.abs(at.change).max() / LEVEL),
        )
        yield Progress(progress.step, progress.total, progress.metrics, fooled)


def _bytes(pixels: np.ndarray) -> np.ndarray:
    """(3, H, W) in [0, 1] -> uint8 (H, W, 3)."""
    return np.rint(pixels.transpose(1, 2, 0) * 255).astype(np.uint8)
