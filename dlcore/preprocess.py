"""From a picture to the numbers an image network expects, one step at a time.

A network answers well about pictures prepared as those it learnt from: the shorter side resized to
256 pixels, the central 224x224 cut out, each colour shifted and scaled by the mean and deviation of
the training pictures (Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep
convolutional neural networks", 2012, section 2). Squeezing the whole picture into a square instead
keeps its edges and loses its proportions. Look at `prepare_steps`, which keeps every picture on the
way, and at `squash_steps`, to see what squeezing costs.
"""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# The middle of a strip this many times longer than wide is enough; all of it could be gigabytes.
LONGEST_STRIP = 16
_RESAMPLING = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


@dataclass(frozen=True)
class Recipe:
    """How a network's training pictures were prepared; red, green, blue in this order.

    mean, std: of pixels in [0, 1]. resize: pixels of the shorter side. crop: pixels of the square.
    """

    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    resize: int = 256
    crop: int = 224
    resample: str = "bilinear"

    def normalise(self, pixels: Tensor) -> Tensor:
        """Pixels in [0, 1] (N, 3, H, W) -> the same shape with about mean 0 and deviation 1."""
        return (pixels - _column(self.mean, pixels)) / _column(self.std, pixels)

    def denormalise(self, images: Tensor) -> Tensor:
        """The way back: what the network was given (N, 3, H, W) -> pixels, unclamped."""
        return images * _column(self.std, images) + _column(self.mean, images)


@dataclass(frozen=True)
class Prepared:
    """Every picture between the one that was sent and the network's input."""

    picture: Image.Image  # RGB, as it was sent
    resized: Image.Image  # RGB
    cropped: Image.Image  # RGB, recipe.crop squared; what the network sees, still with colours
    images: Tensor  # (1, 3, crop, crop) float32, normalised: what the network is given
    box: tuple[float, float, float, float]  # of `cropped` in `picture`: left, top, right, bottom


def prepare(picture: Image.Image, recipe: Recipe) -> Tensor:
    """An RGB picture -> a network's input, float32 (1, 3, crop, crop)."""
    return prepare_steps(picture, recipe).images


def prepare_steps(picture: Image.Image, recipe: Recipe) -> Prepared:
    """Resize the shorter side, cut out the centre, normalise; the same numbers as torchvision's."""
    middle, left, top = _middle(picture)
    width, height = middle.size
    scale = recipe.resize / min(width, height)
    # The longer side is cut off, not rounded, as torchvision does.
    size = (recipe.resize, int(recipe.resize * height / width))
    if width > height:
        size = (int(recipe.resize * width / height), recipe.resize)
    resized = middle.resize(size, _RESAMPLING[recipe.resample])
    x, y = (round((side - recipe.crop) / 2) for side in size)
    cropped = resized.crop((x, y, x + recipe.crop, y + recipe.crop))
    box = (
        left + x / scale,
        top + y / scale,
        left + (x + recipe.crop) / scale,
        top + (y + recipe.crop) / scale,
    )
    return Prepared(picture, resized, cropped, to_input_image(cropped, recipe), box)


def squash_steps(picture: Image.Image, recipe: Recipe) -> Prepared:
    """Squeeze the whole picture into the square, whatever its proportions; then normalise."""
    squashed = picture.resize((recipe.crop, recipe.crop), _RESAMPLING[recipe.resample])
    box = (0.0, 0.0, float(picture.width), float(picture.height))
    return Prepared(picture, squashed, squashed, to_input_image(squashed, recipe), box)


def to_pixels(picture: Image.Image) -> Tensor:
    """An RGB picture -> its pixels, float32 (1, 3, H, W) in [0, 1]."""
    pixels = torch.from_numpy(np.array(picture, np.uint8))  # (H, W, 3); array copies
    return pixels.permute(2, 0, 1)[None].float().div_(255)


def to_input_image(picture: Image.Image, recipe: Recipe) -> Tensor:
    """An RGB picture of the right size -> a network's input, float32 (1, 3, H, W)."""
    return recipe.normalise(to_pixels(picture))


def to_picture(pixels: Tensor) -> Image.Image:
    """Pixels (3, H, W) or (1, 3, H, W), float in [0, 1] -> an RGB picture; clamped."""
    values = pixels.detach().reshape(-1, *pixels.shape[-2:]).clamp(0, 1).mul(255).round()
    return Image.fromarray(values.byte().permute(1, 2, 0).cpu().numpy())


def _column(values: tuple[float, float, float], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(3, 1, 1)


def _middle(picture: Image.Image) -> tuple[Image.Image, int, int]:
    """The picture, or of a very long strip its middle; and where that begins: left, top."""
    width, height = picture.size
    wide, high = min(width, LONGEST_STRIP * height), min(height, LONGEST_STRIP * width)
    left, top = (width - wide) // 2, (height - high) // 2
    if (wide, high) == (width, height):
        return picture, 0, 0
    return picture.crop((left, top, left + wide, top + high)), left, top
