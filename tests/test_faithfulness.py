"""Curves by hand on a network that sees one place only; randomisation forgets in its order."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from dlcore.faithfulness import (
    Curves,
    covered,
    deletion_insertion,
    random_heat,
    randomisation,
    rank_correlation,
    ranking,
    shuffle_weights,
    stage_names,
)
from dlcore.saliency import METHODS, Asked, explanation_of, grad_cam_steps

pytestmark = pytest.mark.usefixtures("one_thread")


class Corner(nn.Module):
    """Sees only the upper left 8 x 8 pixels: their sum decides for label 0, against label 1."""

    def forward(self, images: Tensor) -> Tensor:
        sums = images[:, :, :8, :8].sum(dim=(1, 2, 3)) / 48
        return torch.stack([sums, -sums], dim=1)


def heat_of(*corner: int) -> Tensor:
    """(32, 32): 1 in an 8 x 8 square, beginning at this row and column, and 0 elsewhere."""
    heat = torch.zeros(32, 32)
    row, column = corner
    heat[row : row + 8, column : column + 8] = 1
    return heat


def test_what_matters_falls_first_and_rises_first() -> None:
    images = torch.ones(1, 3, 32, 32)
    heats = {"right": heat_of(0, 0), "wrong": -heat_of(0, 0)}
    *_, last = deletion_insertion(Corner(), images, heats, 0, steps=16)
    right, wrong = last.snapshot["right"], last.snapshot["wrong"]
    sure, half = torch.tensor(2 * 3 * 64 / 48).sigmoid().item(), 0.5
    # 16 squares of 8 x 8: the right one is gone after the first step, or only with the last
    assert right.deletion.tolist() == pytest.approx([sure, *[half] * 16])
    assert wrong.deletion.tolist() == pytest.approx([*[sure] * 16, half])
    assert right.shares.tolist() == pytest.approx([step / 16 for step in range(17)])
    # trapezia: of the first sixteenth half a square and half a triangle, then 15 squares
    assert right.deletion_area == pytest.approx(((sure + half) / 2 + 15 * half) / 16)
    assert wrong.deletion_area == pytest.approx((15 * sure + (sure + half) / 2) / 16)


def test_insertion_begins_with_the_blurred_picture_and_ends_with_the_picture() -> None:
    images = torch.zeros(1, 3, 32, 32)
    images[:, :, :8, :8] = 1
    heats = {"right": heat_of(0, 0), "wrong": -heat_of(0, 0)}
    *_, last = deletion_insertion(Corner(), images, heats, 0, steps=16, blur=6.0)
    right, wrong = last.snapshot["right"].insertion, last.snapshot["wrong"].insertion
    sure = torch.tensor(2 * 3 * 64 / 48).sigmoid().item()
    assert right[0] == wrong[0] < 0.995  # little of the square is left when it is blurred
    assert right[1:].tolist() == pytest.approx([sure] * 16)
    assert wrong[:-1].tolist() == pytest.approx([wrong[0]] * 16)
    assert wrong[-1] == pytest.approx(sure)
    assert last.snapshot["right"].insertion_area > last.snapshot["wrong"].insertion_area


def test_the_curves_grow_together() -> None:
    images = torch.ones(1, 3, 32, 32)
    events = list(deletion_insertion(Corner(), images, {"a": heat_of(0, 0)}, 0, steps=4))
    assert [event.step for event in events] == [1, 2, 3, 4, 5] and events[0].total == 5
    for number, event in enumerate(events, start=1):
        curves: Curves = event.snapshot["a"]
        assert len(curves.shares) == len(curves.deletion) == len(curves.insertion) == number
        assert np.isfinite([curves.deletion_area, curves.insertion_area]).all()
    assert np.array_equal(events[0].snapshot["a"].deletion, events[-1].snapshot["a"].deletion[:1])


def test_places_are_ranked_by_their_mean_heat() -> None:
    heat = torch.zeros(6, 5)
    heat[0, 4] = 9  # its square lies half outside the picture: only what is inside counts
    heat[2:4, 2:4] = 3
    ranks = ranking(heat, cell=2)
    assert ranks.shape == (6, 5)
    assert (ranks[:2, 4] == 0).all()
    assert torch.equal(ranks < 2 / 9, (heat > 0) | (torch.arange(6)[:, None] < 2)
                       & (torch.arange(5) == 4))  # fmt: skip
    assert sorted(set(ranks.flatten().tolist())) == pytest.approx([k / 9 for k in range(9)])
    single = ranking(torch.tensor([[1.0, 3.0], [3.0, 2.0]]))  # of equals the upper left first
    assert single.tolist() == [[0.75, 0.0], [0.25, 0.5]]


def test_a_random_heat_repeats() -> None:
    images = torch.zeros(1, 3, 12, 16)
    assert torch.equal(random_heat(images, 1), random_heat(images, 1))
    assert random_heat(images).shape == (12, 16)
    assert not torch.equal(random_heat(images, 1), random_heat(images, 2))


def test_a_brush_covers_what_it_painted() -> None:
    images = torch.randn(2, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(20, 20)
    mask[5:9, 5:9], mask[12, 12] = 1, 0.5
    grey = covered(images, mask)
    assert (grey[:, :, 5:9, 5:9] == 0).all()
    torch.testing.assert_close(grey[:, :, 12, 12], images[:, :, 12, 12] / 2)
    assert torch.equal(grey[:, :, :5], images[:, :, :5])
    hidden = covered(images, mask, blur=5.0)
    assert torch.equal(hidden[:, :, :5], images[:, :, :5])
    under = hidden[:, :, 5:9, 5:9]
    assert 0 < under.abs().mean() < 0.5 * images[:, :, 5:9, 5:9].abs().mean()


@pytest.fixture
def model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 4),
    ).eval()  # fmt: skip


def test_randomisation_destroys_from_the_answer_down(model: nn.Sequential) -> None:
    images = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    asked = Asked(model, images, 1, model[2])
    events = list(randomisation(asked, METHODS["occlusion"], seed=3))
    assert [event.snapshot.layer for event in events] == ["", "6", "2", "0"]
    assert events[0].snapshot.similarity == 1
    assert (events[0].snapshot.explanation.heat == explanation_of(METHODS["occlusion"](asked)).heat
            ).all()  # fmt: skip
    with torch.no_grad():
        chance = model(images).softmax(dim=1)[0, 1].item()
    assert events[0].snapshot.probability == pytest.approx(chance)
    assert all(abs(event.snapshot.similarity) < 0.95 for event in events[1:])
    # with its second convolution destroyed, too, the network is another than with its head alone
    heats = [event.snapshot.explanation.heat for event in events]
    assert not any(np.allclose(a, b) for a, b in zip(heats, heats[1:], strict=False))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    again = list(randomisation(asked, METHODS["occlusion"], seed=3))
    assert [e.metrics for e in again] == [e.metrics for e in events]


def test_an_edge_detector_does_not_pass(model: nn.Sequential) -> None:
    """What explains the picture and not the network stays the same: the test must say so."""
    images = torch.randn(1, 3, 16, 16)

    def edges(asked: Asked):
        heat = torch.zeros(1, 16, 16)
        heat[:, 1:] = asked.images.diff(dim=2).abs().sum(dim=1)
        yield next(grad_cam_steps(asked)).__class__(1, 1, snapshot=asked.explanation(heat))

    events = list(randomisation(Asked(model, images, 0, model[2]), edges))
    assert [event.snapshot.similarity for event in events] == pytest.approx([1, 1, 1, 1])


def test_shuffled_weights_are_the_same_numbers(model: nn.Sequential) -> None:
    weight = model.get_parameter("2.weight")
    before = weight.clone()
    shuffle_weights(model[2], torch.Generator().manual_seed(0))
    assert not torch.equal(before, weight)
    assert torch.equal(before.flatten().sort()[0], weight.flatten().sort()[0])


def test_stages_are_named_one_by_one() -> None:
    model = nn.Module()
    model.stages = nn.Sequential()
    model.stages.add_module("low", nn.Conv2d(3, 4, 3))
    model.stages.add_module("pool", nn.MaxPool2d(2))  # nothing to shuffle in it
    model.stages.add_module("high", nn.Conv2d(4, 4, 3))
    model.dropout, model.head = nn.Dropout(), nn.Linear(4, 2)
    assert stage_names(model) == {"low": "stages.low", "high": "stages.high", "head": "head"}


@pytest.mark.parametrize("kind", ["any", "ties", "turned"])
def test_rank_correlation_is_scipys(kind: str) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 9, 7)).astype(np.float32)
    if kind == "ties":
        a, b = np.maximum(a, 0), np.round(b)
    if kind == "turned":
        b = -(a**3)
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a.ravel(), b.ravel()).statistic)


def test_a_heat_without_any_order_is_like_none() -> None:
    assert np.isnan(rank_correlation(np.zeros((3, 3)), np.arange(9).reshape(3, 3)))
