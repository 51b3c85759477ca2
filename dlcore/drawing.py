"""From a pen to a picture that a digit model understands, and what bends such a picture.

A network reads only what looks like its training pictures. MNIST's digits were cut out of a form,
scaled into a box of 20 x 20 pixels with their proportions kept, and laid into 28 x 28 so that
their centre of mass is in the middle (LeCun, Cortes, Burges, http://yann.lecun.com/exdb/mnist/).
A digit drawn anywhere on a pad, at any size, has to take the same way: that is `to_mnist`.
Look at what the network answers without it (`centre=False`): same model, same digit, other frame.

`shift, rotate, scale, thicken` then change one finished picture by a range of amounts, to ask
from where on the network no longer reads it.
"""

import base64
import binascii
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

CANVAS = 84  # a drawing's side in pixels: 28 * 3, so that plain shrinking averages 3 x 3 pixels
SIDE, BOX = 28, 20  # MNIST's picture and the box its digits were scaled into
_EDGE = 0.4  # of the darkest ink: a fainter pixel is the blur of an edge and widens no box


class DrawingError(ValueError):
    """What a browser sent as a drawing is none."""


def read_canvas(text: object) -> Tensor:
    """A drawing as the pad sends it: base64 of 84 x 84 bytes, row by row, 255 = ink; "" = empty.

    Returns (84, 84) float32 in [0, 1]. Raises DrawingError for anything else: any client can send
    anything, so the length is looked at before a byte is decoded.
    """
    if not isinstance(text, str):
        raise DrawingError(f"a drawing is text, not {type(text).__name__}")
    if not text:
        return torch.zeros(CANVAS, CANVAS)
    if len(text) != 4 * math.ceil(CANVAS * CANVAS / 3):  # base64: 4 letters carry 3 bytes
        raise DrawingError(f"a drawing has {CANVAS} x {CANVAS} bytes; got {len(text)} letters")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DrawingError("a drawing is base64") from error
    if len(data) != CANVAS * CANVAS:
        raise DrawingError(f"a drawing has {CANVAS} x {CANVAS} bytes, not {len(data)}")
    return torch.frombuffer(bytearray(data), dtype=torch.uint8).view(CANVAS, CANVAS) / 255


def write_canvas(canvas: Tensor) -> str:
    """The inverse of `read_canvas`: (84, 84) in [0, 1] -> base64, "" when there is no ink."""
    data = (canvas * 255).round().clamp(0, 255).to(torch.uint8)
    return base64.b64encode(data.numpy().tobytes()).decode("ascii") if data.any() else ""


def to_mnist(canvas: Tensor, centre: bool = True) -> Tensor:
    """What the network gets for a drawing: (84, 84) in [0, 1] -> (28, 28) in [0, 1].

    centre=True is MNIST's recipe: crop to the ink, scale its longer side to 20 pixels, put the
    centre of mass in the middle. centre=False only shrinks the whole canvas, as a naive app would.
    An empty drawing stays empty.
    """
    if not centre:
        return _resized(canvas, SIDE, SIDE)
    ink = canvas > _EDGE * canvas.max()
    if not ink.any():
        return torch.zeros(SIDE, SIDE)
    rows, columns = ink.any(dim=1).nonzero(), ink.any(dim=0).nonzero()
    cut = canvas[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]  # (h, w)
    factor = BOX / max(cut.shape)
    height, width = (max(1, round(side * factor)) for side in cut.shape)
    digit = _resized(cut, height, width)  # (height, width), the longer one 20

    top, left = (_offset(digit, axis) for axis in (0, 1))
    picture = torch.zeros(SIDE, SIDE)
    picture[top : top + height, left : left + width] = digit
    return picture


def from_mnist(image: Tensor) -> Tensor:
    """An MNIST picture (28, 28) in [0, 1] enlarged to a drawing (84, 84), to be drawn over."""
    return _resized(image, CANVAS, CANVAS)


def _resized(image: Tensor, height: int, width: int) -> Tensor:
    # antialias: every pixel that is given up is averaged in, so a thin line fades but never breaks
    batch = image[None, None]  # (1, 1, h, w)
    return F.interpolate(batch, (height, width), mode="bicubic", antialias=True)[0, 0].clamp(0, 1)


def _offset(digit: Tensor, axis: int) -> int:
    """Where the digit's first row (axis 0) or column (1) goes, so that its mass is centred."""
    mass = digit.sum(dim=1 - axis)  # (size,)
    middle = (mass * torch.arange(len(mass))).sum() / mass.sum()
    # whole pixels only, so that nothing is blurred a second time; and nothing may stick out
    return min(max(round(SIDE / 2 - middle.item()), 0), SIDE - len(mass))


# --- One picture (28, 28) -> a batch of pictures (N, 28, 28), one for each of N amounts ----------


def shift(image: Tensor, pixels: Tensor, *, down: bool = False) -> Tensor:
    """Moved right (or down) by each of `pixels` (N,); what leaves the picture is gone."""
    matrices = torch.eye(2, 3).repeat(len(pixels), 1, 1)  # (N, 2, 3)
    matrices[:, int(down), 2] = -pixels * 2 / SIDE  # grid_sample's picture is 2 wide
    return _warped(image, matrices)


def rotate(image: Tensor, degrees: Tensor) -> Tensor:
    """Turned clockwise about the middle by each of `degrees` (N,)."""
    cos, sin = degrees.deg2rad().cos(), degrees.deg2rad().sin()
    zero = torch.zeros_like(cos)
    # the matrix says where to look in the old picture, so it turns the other way
    matrices = torch.stack([cos, sin, zero, -sin, cos, zero], dim=1).view(-1, 2, 3)
    return _warped(image, matrices)


def scale(image: Tensor, factors: Tensor) -> Tensor:
    """Enlarged (>1) or shrunk (<1) about the middle by each of `factors` (N,)."""
    return _warped(image, torch.eye(2, 3) / factors.view(-1, 1, 1))


def thicken(image: Tensor, pixels: Tensor) -> Tensor:
    """Strokes grown (>0) or worn away (<0) on every side by each of `pixels` (N,).

    Dilation by a disk: the brightest of the picture and its copies moved that far in 16
    directions. Erosion takes the darkest. Moving by parts of a pixel makes it continuous.
    """
    angles = torch.arange(16) * (2 * math.pi / 16)
    steps = torch.stack([angles.cos(), angles.sin()], dim=1)  # (16, 2)
    steps = torch.cat([torch.zeros(1, 2), steps])  # (17, 2), the unmoved picture first
    matrices = torch.eye(2, 3).repeat(len(pixels), len(steps), 1, 1)  # (N, 17, 2, 3)
    matrices[..., 2] = steps * pixels.view(-1, 1, 1) * 2 / SIDE
    copies = _warped(image, matrices.flatten(0, 1)).view(len(pixels), len(steps), SIDE, SIDE)
    grown, worn = copies.amax(dim=1), copies.amin(dim=1)  # (N, 28, 28)
    return torch.where(pixels.view(-1, 1, 1) < 0, worn, grown)


def _warped(image: Tensor, matrices: Tensor) -> Tensor:
    """(28, 28) seen through affine `matrices` (N, 2, 3): new position -> old one, in [-1, 1]."""
    count = len(matrices)
    grid = F.affine_grid(matrices, [count, 1, SIDE, SIDE], align_corners=False)  # (N, 28, 28, 2)
    copies = image.expand(count, 1, SIDE, SIDE)
    warped = F.grid_sample(copies, grid, mode="bilinear", align_corners=False)
    return warped[:, 0].clamp(0, 1)  # (N, 28, 28)


@dataclass(frozen=True)
class Change:
    """A way to change a digit, from `low` to `high`; the amount `none` leaves it as it is."""

    apply: Callable[[Tensor, Tensor], Tensor]
    low: float
    high: float
    none: float = 0.0

    def amounts(self, count: int) -> Tensor:
        """`count` amounts (N,), evenly spread over the range."""
        return torch.linspace(self.low, self.high, count)


CHANGES = {
    "right": Change(shift, -10, 10),  # pixels
    "down": Change(lambda image, pixels: shift(image, pixels, down=True), -10, 10),  # pixels
    "rotate": Change(rotate, -180, 180),  # degrees, clockwise
    "scale": Change(scale, 0.3, 1.7, none=1.0),  # times
    "thicken": Change(thicken, -1.5, 2.5),  # pixels on every side
}
