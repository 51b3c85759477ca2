"""What to do with a GAN that has learnt: walk, steer, and ask the discriminator what it thinks.

Every noise is a picture, so a line through the noise is a film. Look at `interpolate`, which walks
around the origin rather than past it, and at `directions`, which asks the generator itself in which
directions of its hundred a step changes the picture most.
"""

from math import cos, sin
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dlcore.gan_networks import DIGITS, to_signed


def interpolate(noise_a: Tensor, noise_b: Tensor, count: int) -> Tensor:
    """From one noise (D,) to another in `count` equal turns, ends included: (count, D).

    Noises of many dimensions all lie at about the same distance from the origin. A straight line
    would cut through the empty middle; this one swings from direction to direction and lets the
    length grow or shrink steadily (White, "Sampling generative networks", 2016).
    """
    length_a, length_b = noise_a.norm(), noise_b.norm()
    a, b = noise_a / length_a.clamp_min(1e-12), noise_b / length_b.clamp_min(1e-12)
    angle = torch.atan2((a - b).norm(), (a + b).norm()).item() * 2
    share = torch.linspace(0, 1, count)[:, None]  # (count, 1)
    across = b - a * cos(angle)  # at right angles to a
    if abs(sin(angle)) < 1e-4:  # the same direction, or just the opposite: any way round is right
        across = torch.zeros_like(a)
        across[a.abs().argmin()] = 1
        across = across - a * (a @ across)
    across = across / across.norm()
    turned = (share * angle).cos() * a + (share * angle).sin() * across  # (count, D), length 1
    path = turned * torch.lerp(length_a, length_b, share)
    path[0], path[-1] = noise_a, noise_b
    return path


def directions(generator: Any, count: int = 8, *, at: int = 16, step: float = 0.05) -> Tensor:
    """The directions of the noise that change the picture most: (count, D), each of length 1.

    A small step d changes the picture by J d, where J (784, D) holds every pixel's slopes: so by
    |J d|² = d' (J'J) d. The best directions are the first eigenvectors of J'J, here averaged over
    `at` noises (Wang and Ponce, "The geometry of deep generative image models", 2021). The slopes
    are measured: a `step` forth and one back along each of the D axes.
    """
    size = generator.noise_dim
    noise = torch.randn(at, size, generator=torch.Generator().manual_seed(0))  # (at, D)
    labels = (torch.arange(at) % DIGITS).repeat_interleave(size) if generator.classes else None
    training = generator.training
    generator.eval()
    with torch.no_grad():
        forth, back = (
            generator((noise[:, None] + way * torch.eye(size)).flatten(0, 1), labels)
            for way in (step, -step)
        )  # each (at * D, 28, 28)
    generator.train(training)
    slopes = ((forth - back) / (2 * step)).view(at, size, -1)  # (at, D, 784): the Js, transposed
    _, vectors = torch.linalg.eigh((slopes @ slopes.mT).mean(dim=0))  # the greatest comes last
    best = vectors.T.flip(0)[:count]  # (count, D)
    signs = best.gather(1, best.abs().argmax(dim=1, keepdim=True)).sign()
    return best * signs  # an eigenvector has no sign of its own: the largest part is positive


def score(
    discriminator: nn.Module, images: np.ndarray | Tensor, labels: Tensor | None = None
) -> Tensor:
    """The discriminator's scores (N,) of pictures uint8 (N, 28, 28); its sigmoid is a probability.

    labels: (N,) the digits they are meant to be, for a conditional one.
    """
    with torch.no_grad():
        return discriminator(to_signed(torch.as_tensor(images)), labels)


def saliency(
    discriminator: nn.Module, image: np.ndarray | Tensor, label: int | None = None
) -> np.ndarray:
    """(28, 28) float32: how much more real the picture, uint8 (28, 28), would look with more ink.

    The gradient of the score by the pixels. It is all that a generator ever learns from.
    """
    labels = None if label is None else torch.tensor([label])
    pixels = to_signed(torch.as_tensor(image)[None]).requires_grad_()  # (1, 28, 28)
    (slope,) = torch.autograd.grad(discriminator(pixels, labels).sum(), pixels)
    return slope[0].numpy()
