"""Does every place of a latent plane mean something? Two ways to count the holes.

A decoder paints something for any code, and a network that reads digits finds one in almost
anything. So nobody is asked whether a picture looks like a digit. Instead: are there real digits
near this place? And does the encoder, given what the decoder painted here, point back to here? An
encoder that was never asked about a place answers with another one. Look at both for a plain
autoencoder, and for a network that says nothing about its pictures.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from dlcore.vae_plane import Coder, Plane, manifold

NEAR = 0.1  # of the plane's width


@dataclass(frozen=True)
class Holes:
    """Shares in [0, 1] of places spread evenly over the plane as it is shown.

    lived_in: with one of the real pictures near; found_again: whose decoded picture is encoded
    near. Near is within NEAR of the plane's width.
    """

    lived_in: float
    found_again: float


@torch.no_grad()
def count_holes(
    model: Coder, plane: Plane, points: Tensor, *, span: float, size: int = 20
) -> Holes:
    """points (M, 2): where real pictures are on the plane, a square from -span to span; size x size
    places are looked at.
    """
    middles = torch.linspace(-1 + 1 / size, 1 - 1 / size, size) * span  # (size,)
    places = torch.cartesian_prod(middles.flip(0), middles).flip(1)  # (size², 2), as in `manifold`
    pictures = manifold(model, plane, size=size, span=span)  # (size², 28, 28) uint8
    again = plane.to_plane(model.encode(pictures)[0])  # (size², 2)
    reach = NEAR * 2 * span
    return Holes(
        lived_in=(torch.cdist(places, points).amin(dim=1) < reach).float().mean().item(),
        found_again=((again - places).norm(dim=1) < reach).float().mean().item(),
    )
