"""Batches and dropout follow from the seed and the number of the update alone."""

import pytest
import torch

from dlcore.updates import Batches


def test_dropout_silences_its_share_and_keeps_the_mean() -> None:
    first, second = Batches(100, 10, seed=3).masks(7, 2000, [10, 20], 0.3)
    assert first.shape == (2000, 10) and second.shape == (2000, 20)
    assert float((second == 0).float().mean()) == pytest.approx(0.3, abs=0.02)
    assert float(second.mean()) == pytest.approx(1, abs=0.02)
    assert not Batches(100, 10, seed=3).masks(7, 5, [4], 0.0)


def test_an_epoch_sees_every_row_once_in_a_new_order() -> None:
    batches = Batches(50, 16, seed=1)
    epochs = [torch.cat([batches.rows(e * 4 + i) for i in range(4)]) for e in range(2)]  # type: ignore[misc]
    assert all(sorted(rows.tolist()) == list(range(50)) for rows in epochs)
    assert not torch.equal(*epochs)
    assert torch.equal(Batches(50, 16, seed=1).rows(6), batches.rows(6))  # type: ignore[arg-type]
