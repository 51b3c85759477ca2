"""New handwriting out of old: bend each digit a little, differently every time it is seen.

A picture shifted, turned or drawn with another pen still shows the same digit, so a network that
sees a fresh variant each time cannot learn pictures by heart; elastic bending comes from Simard et
al., "Best practices for convolutional neural networks" (2003). A whole batch is bent at once, by
one grid that says for every new pixel where to look in the old picture. Look at `bend`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

_UNTOUCHED = 0.15  # share of the pictures left alone: the real ones must stay well known
_TURN = 0.26  # radians, 15 degrees either way
_STRETCH = 0.15  # each side by up to 15 % either way
_SLANT = 0.30  # the top moves by up to 0.3 of the height: upright and italic hands
_SHIFT = 2.0  # pixels
_WOBBLE = 0.8  # pixels, standard deviation of the elastic bending
_THINNER, _THICKER = 0.7, 1.0  # how far towards one pixel less, or more, on each side of a stroke


def bend(images: Tensor, rng: torch.Generator) -> Tensor:
    """images (N, 1, H, W) float in [0, 1] -> as many variants, the same shape and range."""

    def spread(*shape: int) -> Tensor:  # even over [-1, 1]
        return torch.rand(*shape, generator=rng) * 2 - 1

    count, _, height, width = images.shape
    turn, slant = spread(count) * _TURN, spread(count) * _SLANT
    stretch = 1 + spread(count, 2) * _STRETCH  # (N, 2)
    cos, sin = turn.cos(), turn.sin()
    rotation = torch.stack([cos, -sin, sin, cos], dim=1).view(-1, 2, 2)
    shear = torch.eye(2).repeat(count, 1, 1)
    shear[:, 0, 1] = slant
    shift = spread(count, 2, 1) * _SHIFT * 2 / width  # the grid's picture is 2 wide
    affine = torch.cat([rotation @ shear * stretch.unsqueeze(1), shift], dim=2)  # (N, 2, 3)
    grid = F.affine_grid(affine, list(images.shape), align_corners=False)  # (N, H, W, 2)

    # Elastic: a few random pushes, 6 x 6 over the picture, smoothly joined.
    pushes = torch.randn(count, 2, 6, 6, generator=rng) * _WOBBLE * 2 / width
    field = F.interpolate(pushes, (height, width), mode="bicubic", align_corners=True)
    bent = F.grid_sample(images, grid + field.permute(0, 2, 3, 1), align_corners=False)

    bent = _another_pen(bent, spread(count, 1, 1, 1))
    untouched = torch.rand(count, generator=rng) < _UNTOUCHED
    return torch.where(untouched.view(-1, 1, 1, 1), images, bent)


def _another_pen(images: Tensor, amount: Tensor) -> Tensor:
    """Thinner strokes where `amount` (N, 1, 1, 1) is near -1, thicker where it is near 1.

    A stroke grows when each pixel takes the brightest of its neighbours, and shrinks when it takes
    the darkest; half a pixel is the picture half-way between.
    """
    thick = F.max_pool2d(images, 3, stride=1, padding=1)
    thin = -F.max_pool2d(-images, 3, stride=1, padding=1)
    grow, shrink = amount.clamp_min(0) * _THICKER, -amount.clamp_max(0) * _THINNER
    return images + grow * (thick - images) + shrink * (thin - images)
