"""Holes of a latent plane, counted on coders whose answers are known."""

import numpy as np
import pytest
import torch
from torch import Tensor

from dlcore.vae_holes import count_holes
from dlcore.vae_plane import Plane


class Faithful:
    """A coder whose picture says where it was decoded: nothing is lost."""

    def decode(self, z: Tensor) -> Tensor:
        pictures = torch.zeros(len(z), 28, 28)
        pictures[:, 0, :2] = (z + 4) / 8
        return pictures

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return images[:, 0, :2] / 255 * 8 - 4, torch.zeros(len(images), 2)

    def state_dict(self) -> dict[str, Tensor]:
        return {}


class Silent(Faithful):
    """One that says nothing about its pictures."""

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return torch.zeros(len(images), 2), torch.zeros(len(images), 2)


def test_holes_are_places_without_digits_and_without_a_way_back() -> None:
    plane = Plane(np.zeros(2, np.float32), np.eye(2, dtype=np.float32))
    middle = torch.zeros(1, 2)
    whole = count_holes(Faithful(), plane, middle, span=4)
    silent = count_holes(Silent(), plane, middle, span=4)
    assert whole.found_again == 1.0
    # a circle with a tenth of the plane's width as its radius
    circle = np.pi * 0.1**2
    assert silent.found_again == pytest.approx(circle, abs=0.01) == silent.lived_in
    everywhere = torch.cartesian_prod(*[torch.linspace(-4, 4, 20)] * 2)
    assert count_holes(Silent(), plane, everywhere, span=4).lived_in == 1.0
