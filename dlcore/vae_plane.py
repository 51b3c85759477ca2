"""What a latent space looks like: the codes of real digits, and the digits that codes decode to.

Two latent numbers are a plane. Of more, the plane is shown along which the codes spread most
(principal components; Pearson, 1901). Look at `Plane`: the way from the plane to the latent space
and back, the same for any number of dimensions.
"""

import math
import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

PICTURE_SIDE = 28
MOST_CODES = 500  # test images whose codes are shown
GRID = 10  # decoded points along each side of the plane
PAIRS = 8  # pictures shown beside what became of them
PICTURES_EVERY_S, STATE_EVERY_S = 1 / 6, 1.0
_SPANS = (3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100)


class Coder(Protocol):
    """What is asked of a network here; `dlcore.vae.VAE` has it."""

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]: ...
    def decode(self, z: Tensor) -> Tensor: ...
    def state_dict(self) -> dict[str, Tensor]: ...


@dataclass(frozen=True)
class Plane:
    """A flat cut through the latent space: its middle, and two directions at right angles.

    centre: (D,) float32; axes: (2, D) float32. For one latent number the second direction is 0.
    """

    centre: np.ndarray
    axes: np.ndarray

    def to_plane(self, z: Tensor) -> Tensor:
        """Codes (N, D) -> where they are on the plane (N, 2), or over it."""
        return (z - torch.from_numpy(self.centre)) @ torch.from_numpy(self.axes).T

    def to_latent(self, points: Tensor) -> Tensor:
        """Points of the plane (N, 2) -> codes (N, D)."""
        return torch.from_numpy(self.centre) + points @ torch.from_numpy(self.axes)


def find_plane(codes: Tensor, before: Plane | None = None) -> Plane:
    """The plane to show codes (N, D) on: all there is for D ≤ 2, else where they spread most.

    A direction is as good as its opposite: each is turned the way it was `before`, or else so
    that its largest entry is positive. Or the picture would flip from one moment to the next.
    """
    dims = codes.shape[1]
    if dims <= 2:
        return Plane(np.zeros(dims, np.float32), np.eye(2, dims, dtype=np.float32))
    cloud = codes.double().nan_to_num(0, 0, 0)  # of a network that ran away
    centre = cloud.mean(dim=0)  # (D,)
    _, directions = torch.linalg.eigh((cloud - centre).T @ (cloud - centre))  # (D, D), least first
    axes = directions[:, -2:].flip(1).T  # (2, D)
    if before is not None and before.axes.shape == axes.shape:
        turn = (axes * torch.from_numpy(before.axes)).sum(dim=1, keepdim=True)  # (2, 1)
    else:
        turn = axes.gather(1, axes.abs().argmax(dim=1, keepdim=True))  # (2, 1)
    axes = torch.where(turn < 0, -axes, axes)
    return Plane(centre.float().numpy(), axes.float().numpy())


def span_of(points: Tensor) -> float:
    """Half the width of a square around 0 that holds all points (N, 2).

    One of a few round numbers: a picture whose scale changed all the time could not be followed.
    """
    widest = points.nan_to_num(0, 0, 0).abs().max().item() * 1.02
    beyond = 10.0 ** math.ceil(math.log10(max(widest, 1.0)))
    return float(next((span for span in _SPANS if span >= widest), beyond))


@torch.no_grad()
def manifold(model: Coder, plane: Plane, *, size: int, span: float) -> Tensor:
    """Decoded points of the plane: (size * size, 28, 28) uint8, row by row from the top left.

    The points are the middles of size x size equal fields of the square from -span to span.
    """
    middles = torch.linspace(-1 + 1 / size, 1 - 1 / size, size) * span  # (size,)
    points = torch.cartesian_prod(middles.flip(0), middles).flip(1)  # (size², 2): x, y; y from top
    return to_bytes_of_grey(model.decode(plane.to_latent(points)))


def to_bytes_of_grey(pictures: Tensor) -> Tensor:
    """Probabilities or greys in [0, 1] -> uint8, 0 paper … 255 ink."""
    return pictures.nan_to_num(0).mul(255).round().to(torch.uint8)


@dataclass(frozen=True)
class Snapshot:
    """A moment of a training: as much of the latent space as fits in 36 kB, and at times the whole
    network.

    state: all weights as float16 (2 MB), about once a second and with the last step; else None.
    plane, span: what part of the latent space is shown: a square from -span to span.
    means: int8 (M, 2), the codes of M fixed test images on the plane, ±127 is ±span.
    labels: uint8 (M,), which digits they are.
    manifold: uint8 (100, 14, 14), as `manifold` gives it for 10x10 points, at half the size.
    pairs: uint8 (2, 8, 28, 28): pictures, and what the network made of them.
    """

    step: int
    state: dict[str, np.ndarray] | None
    plane: Plane
    span: float
    means: np.ndarray
    labels: np.ndarray
    manifold: np.ndarray
    pairs: np.ndarray


class Watcher:
    """Takes snapshots of a network in training, as many as an eye can follow.

    It has a clock of its own and never draws a random number: who watches changes nothing.
    """

    def __init__(
        self, model: Coder, images: Tensor, labels: Tensor, dtype: torch.dtype = torch.float32
    ) -> None:
        """images (N, 28, 28) uint8, labels (N,): the first MOST_CODES of them are shown.

        dtype: the number format of the training, which then does for looking, too.
        """
        self.model, self.images, self.dtype = model, images[:MOST_CODES], dtype
        self.labels = labels[:MOST_CODES].to(torch.uint8).numpy()
        self.plane: Plane | None = None
        self.pictured_at = self.kept_at = -float("inf")
        self.pause = PICTURES_EVERY_S

    def look(self, step: int, *, last: bool) -> Snapshot | None:
        """A snapshot after `step`; None while the one before is fresh, unless it is the last."""
        now = time.monotonic()
        if not last and now - self.pictured_at < self.pause:
            return None
        keep = last or now - self.kept_at >= STATE_EVERY_S
        snapshot = self.take(step, keep=keep)
        self.pictured_at = time.monotonic()
        self.kept_at = self.pictured_at if keep else self.kept_at
        # On a slow or busy machine looking takes longer: never more than a tenth of the time.
        self.pause = max(PICTURES_EVERY_S, 9 * (self.pictured_at - now))
        return snapshot

    @torch.no_grad()
    def take(self, step: int, *, keep: bool) -> Snapshot:
        coarse = torch.autocast("cpu", dtype=self.dtype, enabled=self.dtype != torch.float32)
        with coarse:
            means, _ = self.model.encode(self.images)  # (M, D)
        self.plane = find_plane(means, self.plane)
        points = self.plane.to_plane(means)  # (M, 2)
        span = span_of(points)
        with coarse:
            tiles = manifold(self.model, self.plane, size=GRID, span=span).float()
            remade = to_bytes_of_grey(self.model.decode(means[:PAIRS]))  # (8, 28, 28)
        small = F.avg_pool2d(tiles[:, None], 2).squeeze(1).round()  # (100, 14, 14)
        return Snapshot(
            step=step,
            state=half(self.model.state_dict()) if keep else None,
            plane=self.plane,
            span=span,
            means=(127 * points.nan_to_num(0, 0, 0) / span).round().to(torch.int8).numpy(),
            labels=self.labels,
            manifold=small.to(torch.uint8).numpy(),
            pairs=torch.stack([self.images[:PAIRS], remade]).numpy(),
        )


def half(state: dict[str, Tensor]) -> dict[str, np.ndarray]:
    """Weights as float16: half of what travels and of the file; a picture's nats stay the same to
    two decimals (a test)."""
    return {name: value.detach().to(torch.float16).numpy().copy() for name, value in state.items()}
