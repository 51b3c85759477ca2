"""Sentences as batches: little padding, hidden words, counts by hand."""

import numpy as np
import pytest
import torch

from dlcore.batches import by_length, count_ratios, hide_words
from dlcore.text import PAD, UNKNOWN


def test_batches_hold_every_sentence_once_and_little_padding() -> None:
    lengths = torch.randint(3, 40, (500,), generator=torch.Generator().manual_seed(0))
    batches = by_length(lengths, 16, torch.Generator().manual_seed(1))
    assert sorted(torch.cat(batches).tolist()) == list(range(500))
    assert max(map(len, batches)) <= 16
    cost = sum(int(lengths[batch].max()) * len(batch) for batch in batches)
    assert cost < 1.2 * int(lengths.sum())  # at random it is about 1.7
    other = by_length(lengths, 16, torch.Generator().manual_seed(2))
    assert batches[0].tolist() != other[0].tolist()
    longest = [int(lengths[batch].max()) for batch in batches]
    assert longest != sorted(longest)  # in length they are sorted, in time they are not


def test_hidden_words_are_unknown_and_their_pairs_gone() -> None:
    rows = [[[5, 3, 0], [6, 4, 7], [8, 3, 9]], [[5, 3, 0], [0, 0, 0], [0, 0, 0]]]
    ids = torch.tensor(rows).repeat(400, 1, 1)
    hidden = hide_words(ids, 0.3, torch.Generator().manual_seed(0))
    gone = hidden[..., 0] == UNKNOWN
    assert gone[ids[..., 0] != PAD].float().mean() == pytest.approx(0.3, abs=0.04)
    assert torch.equal(hidden[..., 0] == PAD, ids[..., 0] == PAD)  # padding is not hidden
    whole = hidden[::2]
    for n in (1, 2):
        broken = (whole[:, n, 0] == UNKNOWN) | (whole[:, n - 1, 0] == UNKNOWN)
        assert torch.equal(whole[:, n, 2] == PAD, broken)
    rootless = whole[..., 1] == PAD
    assert rootless[whole[..., 0] == UNKNOWN].float().mean() == pytest.approx(0.5, abs=0.06)
    assert not rootless[whole[..., 0] != UNKNOWN].any()
    assert torch.equal(hide_words(ids, 0.0, torch.Generator()), ids)


def test_counted_ratios_are_naive_bayes_by_hand() -> None:
    ids = torch.tensor([[[2], [3]], [[2], [0]], [[3], [4]]])
    ratios = count_ratios(ids, torch.tensor([1.0, 1.0, 0.0]), size=5)
    # praise: 2 twice, 3 once; complaint: 3 once, 4 once; one more of each
    expected = [np.log(3 / 6 / (1 / 5)), np.log(2 / 6 / (2 / 5)), np.log(1 / 6 / (2 / 5))]
    assert ratios[:2].tolist() == [0, 0]
    np.testing.assert_allclose(ratios[2:], expected, rtol=1e-5)
