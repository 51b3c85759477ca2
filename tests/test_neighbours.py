"""Neighbours point in the same direction, whatever their length."""

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors

from dlcore.neighbours import nearest_rows


def test_neighbours_are_scikit_learns() -> None:
    rng = torch.Generator().manual_seed(0)
    features, query = torch.randn(50, 8, generator=rng), torch.randn(8, generator=rng)
    found = nearest_rows(query, features, 7)
    reference = NearestNeighbors(metric="cosine").fit(features.numpy())
    distances, positions = reference.kneighbors(query.numpy()[None], 7)
    assert found.positions.tolist() == positions[0].tolist()
    np.testing.assert_allclose(found.similarities, 1 - distances[0], atol=1e-5)


def test_length_does_not_count_and_nothing_is_like_nothing() -> None:
    features = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.1, 0.0], [-1.0, 0.0]])
    found = nearest_rows(torch.tensor([2.0, 0.0]), features, 9)
    assert found.positions.tolist() == [1, 2, 0, 3]  # of equals the earlier first
    np.testing.assert_allclose(found.similarities, [1, 1, 0, -1], atol=1e-6)
