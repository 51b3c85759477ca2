"""The plane on which codes are shown: which one it is, its sides, its sheet of pictures."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from dlcore.vae_plane import Plane, find_plane, manifold, span_of
from tests.vae_runs import rng


def test_two_codes_are_their_own_plane() -> None:
    codes = torch.randn(50, 2, generator=rng())
    plane = find_plane(codes)
    assert torch.equal(plane.to_plane(codes), codes)
    assert torch.equal(plane.to_latent(codes), codes)
    line = find_plane(codes[:, :1])
    assert torch.equal(line.to_plane(codes[:, :1])[:, 0], codes[:, 0])
    assert torch.equal(line.to_latent(codes), codes[:, :1])


def test_the_plane_of_many_codes_is_where_they_spread_most() -> None:
    codes = torch.randn(400, 6, generator=rng()) * torch.tensor([1.0, 9, 1, 5, 1, 1]) + 3
    plane = find_plane(codes)
    assert plane.axes @ plane.axes.T == pytest.approx(np.eye(2), abs=1e-5)
    assert plane.axes[0, 1] > 0.95 and plane.axes[1, 3] > 0.95
    points = torch.randn(7, 2, generator=rng(1))
    torch.testing.assert_close(plane.to_plane(plane.to_latent(points)), points)
    _, widths, directions = torch.linalg.svd(codes - codes.mean(dim=0), full_matrices=False)
    ours = torch.linalg.vector_norm(plane.to_plane(codes), dim=0)
    torch.testing.assert_close(ours, widths[:2], rtol=1e-4, atol=0)
    torch.testing.assert_close(torch.from_numpy(plane.axes).abs(), directions[:2].abs())


def test_the_plane_keeps_its_sides_from_one_moment_to_the_next() -> None:
    codes = torch.randn(400, 6, generator=rng()) * torch.tensor([5.0, 4.9, 3, 1, 1, 1])
    plane = find_plane(codes)
    mirrored = Plane(plane.centre, -plane.axes)
    assert find_plane(codes, mirrored).axes == pytest.approx(mirrored.axes)
    assert find_plane(-codes).axes == pytest.approx(plane.axes, abs=1e-5)  # no "before": by rule


def test_the_manifold_stands_where_the_page_draws_it() -> None:
    class Marker:
        """Decodes a code to a picture that tells it: the first two pixels are 0.5 + z / 10."""

        def decode(self, z: Tensor) -> Tensor:
            made = torch.zeros(len(z), 28, 28)
            made[:, 0, :2] = 0.5 + z / 10
            return made

    plane = find_plane(torch.zeros(5, 2))
    tiles = manifold(Marker(), plane, size=4, span=2.0)[:, 0, :2].float() / 255  # type: ignore[arg-type]
    codes = ((tiles - 0.5) * 10).view(4, 4, 2)
    assert codes[0, 0].tolist() == pytest.approx([-1.5, 1.5], abs=0.05)  # top left
    assert codes[0, 3].tolist() == pytest.approx([1.5, 1.5], abs=0.05)  # top right
    assert codes[3, 0].tolist() == pytest.approx([-1.5, -1.5], abs=0.05)  # bottom left


def test_the_span_holds_all_points_and_moves_in_steps() -> None:
    assert span_of(torch.tensor([[0.1, -0.2]])) == 3
    assert span_of(torch.tensor([[0.0, -3.5]])) == 4
    assert span_of(torch.tensor([[57.0, 1.0]])) == 60
    assert span_of(torch.tensor([[math.nan, 1.0]])) == 3
    assert span_of(torch.tensor([[5e4, 1.0]])) >= 5e4
