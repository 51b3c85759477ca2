"""Are these pictures any good? Asked of a judge who had no part in making them.

The CNN that ships with the project has only ever seen real digits. Its answers show whether every
digit is drawn (a generator may fall in love with a few: mode collapse) and how many pictures are
surely one; its 64 hidden features, whether the pictures as a whole are spread like real ones. That
last number is built like the Fréchet inception distance (Heusel et al., "GANs trained by a two
time-scale update rule", 2017), but on this small network: compare it with itself only, not with a
published FID. Look at `frechet_distance`, and at `nearest`: was a picture learnt by heart?
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcore.cnn import CNN, load_bundled, predict, to_input
from dlcore.data.mnist import load_mnist
from dlcore.progress import Progress

SURE = 0.9  # a probability above which the judge counts as confident
_AT_ONCE = 250  # pictures: what they need fits in the processor's cache


@dataclass(frozen=True)
class Quality:
    """What the judge found in `n` pictures.

    histogram: (10,) float32, the share it reads as each digit; confident: the share it is more than
    90 % sure of; frechet: see `frechet_distance`, against the 10,000 test images, NaN for less than
    two pictures; matches: the share that it reads as they were meant, None if nothing was said.
    Fewer pictures give a larger distance: compare equal numbers. And do not believe `confident`
    alone: even of noise this judge may be sure, always of the same digit.
    """

    n: int
    histogram: np.ndarray
    confident: float
    frechet: float
    matches: float | None = None


def assess(images: np.ndarray | Tensor, labels: np.ndarray | Tensor | None = None
           ) -> Iterator[Progress]:  # fmt: skip
    """Judge pictures, uint8 (N, 28, 28), a part at a time; the last snapshot is the Quality.

    labels: (N,) the digits that they should be, where that was asked for.
    """
    images = torch.as_tensor(images)
    digits, sure, hidden = [], [], []
    for part in images.split(_AT_ONCE):
        logits, features = _look_at(part)
        chance, digit = logits.softmax(dim=1).max(dim=1)  # (n,), (n,)
        digits.append(digit)
        sure.append(chance)
        hidden.append(features)
        done = sum(map(len, digits))
        yield Progress(done, len(images) + 1)
    read_as, features = torch.cat(digits), torch.cat(hidden)
    quality = Quality(
        n=len(images),
        histogram=(torch.bincount(read_as, minlength=10) / len(images)).numpy(),
        confident=(torch.cat(sure) > SURE).float().mean().item(),
        frechet=frechet_distance(spread(features), real_spread()) if len(images) > 1 else np.nan,
        matches=None if labels is None
        else (read_as == torch.as_tensor(labels)).float().mean().item(),
    )  # fmt: skip
    metrics = {"confident": quality.confident, "frechet": quality.frechet}
    yield Progress(len(images) + 1, len(images) + 1, metrics, quality)


Spread = tuple[np.ndarray, np.ndarray]  # the features' mean (D,) and covariance (D, D), float64


def frechet_distance(a: Spread, b: Spread) -> float:
    """How far apart two normal distributions are (Dowson and Landau, 1982): 0 for the same.

    |mean_a - mean_b|² + trace(A + B - 2 (A B)^½). A B is not symmetric, but has the same
    eigenvalues as A^½ B A^½, which is; so no general matrix root, complex and shaky, is needed.
    """
    (mean_a, cov_a), (mean_b, cov_b) = a, b
    root = symmetric_root(cov_a)
    shared = np.linalg.eigvalsh(root @ cov_b @ root)
    overlap = np.sqrt(shared.clip(min=0)).sum()  # rounding leaves some zeros a little negative
    apart = np.square(mean_a - mean_b).sum()
    return max(0.0, float(apart + np.trace(cov_a) + np.trace(cov_b) - 2 * overlap))


def symmetric_root(matrix: np.ndarray) -> np.ndarray:
    """The symmetric matrix whose square is this one (symmetric, no negative eigenvalue)."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values.clip(min=0))) @ vectors.T


def spread(features: Tensor) -> Spread:
    """Mean and covariance of features (N, D), in float64."""
    table = features.double().numpy()
    return table.mean(axis=0), np.cov(table, rowvar=False)


@lru_cache(maxsize=1)
def real_spread() -> Spread:
    """The judge's features of the 10,000 test images: what good pictures are compared with."""
    parts = load_mnist().test_images.split(_AT_ONCE)
    return spread(torch.cat([_look_at(part)[1] for part in parts]))


@torch.no_grad()
def _look_at(images: Tensor) -> tuple[Tensor, Tensor]:
    """uint8 (N, 28, 28) -> logits (N, 10), hidden features (N, 64)."""
    body, head = _judge()
    features = body(to_input(images))
    return head(features), features


@lru_cache(maxsize=1)
def _judge() -> tuple[nn.Module, nn.Module]:
    layers = load_bundled().requires_grad_(False).layers()
    return layers[:-1], layers[-1]


def read(images: np.ndarray | Tensor) -> tuple[np.ndarray, np.ndarray]:
    """uint8 (N, 28, 28) -> the digit read in each (N,) int64, its probabilities (N, 10) float32."""
    chances = predict(_reader(), torch.as_tensor(images))
    return chances.argmax(dim=1).numpy(), chances.numpy()


@lru_cache(maxsize=1)
def _reader() -> CNN:
    return load_bundled()


@dataclass(frozen=True)
class Neighbour:
    """The training image most like a picture.

    position: which of the 60,000; distance: Euclidean, between the 784 pixels in [0, 1];
    image: uint8 (28, 28).
    """

    position: int
    distance: float
    image: np.ndarray


def nearest(image: np.ndarray | Tensor) -> Neighbour:
    """The nearest of the 60,000 training images to this one, uint8 (28, 28).

    All 47 million pixels need not be looked at. Pictures whose 4x4 blocks differ on average differ
    at least as much in their pixels; so only those are compared whole which that bound lets win.
    """
    pictures, averages = load_mnist().train_images, _block_averages()
    picture = torch.as_tensor(image)
    bound = (averages - _blocks(picture[None])).square_().sum(dim=1).mul_(16)  # (60000,)
    wanted = picture.float().flatten()  # (784,)
    best, position = float("inf"), 0
    for rows in bound.argsort().split(500):
        if bound[rows[0]] >= best:
            break
        distances = (pictures[rows].flatten(1).float() - wanted).square_().sum(dim=1)
        if distances.min() < best:
            best, position = float(distances.min()), int(rows[distances.argmin()])
    return Neighbour(position, best**0.5 / 255, pictures[position].numpy())


@lru_cache(maxsize=1)
def _block_averages() -> Tensor:
    """(60000, 49): each training image as the averages of its 4x4 blocks."""
    return torch.cat([_blocks(part) for part in load_mnist().train_images.split(1000)])


def _blocks(images: Tensor) -> Tensor:
    return F.avg_pool2d(images.float().unsqueeze(1), 4).flatten(1)
