"""What a picture may suffer on its way: blur, noise, a turn, a tighter crop, JPEG.

A person still names the thing; does the network? Each change has an amount, from none to far more
than a person would call harmless, and `sweep` asks the network at every amount in between: how the
probability goes down, and where another answer takes over. Hendrycks and Dietterich measured such
corruptions for all of ImageNet (2019, https://arxiv.org/abs/1903.12261).
"""

import io
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from dlcore.preprocess import Recipe, to_picture, to_pixels
from dlcore.progress import Progress

# --- One picture (C, H, W) -> a batch (N, C, H, W), one for each of N amounts ---------------------


def blurred(pixels: Tensor, sigmas: Tensor) -> Tensor:
    """Blurred with a Gaussian of each deviation in `sigmas` (N,), in pixels; edges go on outside.

    Any values, not only pixels in [0, 1].
    """
    return torch.stack([_blurred(pixels, sigma) for sigma in sigmas.tolist()])


def _blurred(pixels: Tensor, sigma: float) -> Tensor:
    reach = math.ceil(4 * sigma)  # farther away a Gaussian is less than a thousandth
    if not reach:
        return pixels
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=pixels.dtype) / sigma) ** 2)
    kernel = (weights / weights.sum()).view(1, 1, 1, -1)
    rows = F.pad(pixels[:, None], (reach,) * 4, mode="replicate")  # (C, 1, H + 2r, W + 2r)
    # A Gaussian is the same in every direction: blur along the rows, then along the columns.
    return F.conv2d(F.conv2d(rows, kernel), kernel.mT)[:, 0]


def noisy(pixels: Tensor, deviations: Tensor) -> Tensor:
    """Gaussian noise of each deviation (N,) added to pixels in [0, 1]; always the same pattern."""
    rng = torch.Generator().manual_seed(0)
    noise = torch.randn(pixels.shape, generator=rng, dtype=pixels.dtype)
    return (pixels + deviations.view(-1, 1, 1, 1) * noise).clamp(0, 1)


def turned(pixels: Tensor, degrees: Tensor) -> Tensor:
    """Turned clockwise about the middle by each of `degrees` (N,); corners get the mean colour."""
    cos, sin = degrees.deg2rad().cos(), degrees.deg2rad().sin()
    zero = torch.zeros_like(cos)
    _, height, width = pixels.shape
    # The matrix says where to look in the old picture, in units of its half height and half width.
    wide = width / height
    matrices = torch.stack([cos, sin / wide, zero, -sin * wide, cos, zero], dim=1).view(-1, 2, 3)
    grid = F.affine_grid(
        matrices.to(pixels.dtype), [len(degrees), *pixels.shape], align_corners=False
    )
    mean = pixels.mean(dim=(1, 2), keepdim=True)  # (C, 1, 1)
    copies = (pixels - mean).expand(len(degrees), *pixels.shape)
    # What lies outside counts as zero: that is the mean colour once the mean is added again.
    return mean + F.grid_sample(copies, grid, mode="bilinear", align_corners=False)


def cut_closer(pixels: Tensor, shares: Tensor) -> Tensor:
    """Only the middle, of each share (N,) in (0, 1] of the height and width, enlarged again."""
    height, width = pixels.shape[-2:]
    copies = []
    for share in shares.tolist():
        high, wide = max(1, round(share * height)), max(1, round(share * width))
        top, left = (height - high) // 2, (width - wide) // 2
        middle = pixels[None, :, top : top + high, left : left + wide]
        copies.append(F.interpolate(middle, (height, width), mode="bilinear", align_corners=False))
    return torch.cat(copies)


def packed(pixels: Tensor, qualities: Tensor) -> Tensor:
    """Pixels (3, H, W) in [0, 1] saved as a JPEG of each quality (N,), 1 to 99, and opened again.

    100 leaves the picture as it is.
    """
    copies = []
    for quality in qualities.tolist():
        if quality >= 100:
            copies.append(pixels[None])
            continue
        file = io.BytesIO()
        to_picture(pixels).save(file, "JPEG", quality=max(1, round(quality)))
        copies.append(to_pixels(Image.open(file)).to(pixels.dtype))
    return torch.cat(copies)


@dataclass(frozen=True)
class Disturbance:
    """A way to change a picture; the amount goes from `none`, which changes nothing, to `most`."""

    apply: Callable[[Tensor, Tensor], Tensor]
    none: float
    most: float

    def amounts(self, count: int) -> Tensor:
        """`count` amounts (N,), evenly spread, the one that changes nothing first."""
        return torch.linspace(self.none, self.most, count)


DISTURBANCES = {
    "blur": Disturbance(blurred, 0.0, 12.0),  # deviation in pixels
    "noise": Disturbance(noisy, 0.0, 0.6),  # deviation; the whole range of a pixel is 1
    "rotate": Disturbance(turned, 0.0, 180.0),  # degrees, clockwise
    "crop": Disturbance(cut_closer, 1.0, 0.1),  # share of the sides that is left
    "jpeg": Disturbance(packed, 100.0, 1.0),  # quality
}


def disturbed(pixels: Tensor, amounts: Mapping[str, float]) -> Tensor:
    """Pixels (3, H, W) in [0, 1] with several changes, one after the other -> the same shape.

    amounts: a name in DISTURBANCES -> its amount. They are applied in that table's order: a lens,
    a sensor, a hand, and the file last.
    """
    for name, change in DISTURBANCES.items():
        amount = amounts.get(name, change.none)
        if amount != change.none:
            pixels = change.apply(pixels, torch.tensor([amount]))[0]
    return pixels


@dataclass(frozen=True)
class Sweep:
    """What the network answered so far: amounts (S,), probabilities (S, K), both float32."""

    amounts: np.ndarray
    probabilities: np.ndarray


def sweep(
    model: nn.Module,
    recipe: Recipe,
    pixels: Tensor,
    name: str,
    *,
    count: int = 21,
    others: Mapping[str, float] | None = None,
) -> Iterator[Progress]:
    """Ask `model` about a picture, pixels (3, H, W) in [0, 1], under more and more of one change.

    The other changes stay at `others`. Snapshot: Sweep, growing.
    """
    amounts = DISTURBANCES[name].amounts(count)
    rows: list[Tensor] = []
    for done, amount in enumerate(amounts.tolist(), start=1):
        changed = disturbed(pixels, {**(others or {}), name: amount})
        with torch.no_grad():
            rows.append(model(recipe.normalise(changed[None])).softmax(dim=1))
        snapshot = Sweep(amounts[:done].numpy(), torch.cat(rows).numpy())
        yield Progress(done, count, snapshot=snapshot)
