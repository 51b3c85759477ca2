"""Attacks equal captum's, stay within their limit and within what a picture can hold; and work."""

import numpy as np
import pytest
import torch
from captum.robust import FGSM, PGD
from torch import Tensor, nn

from dlcore.adversarial import (
    LEVEL,
    Attack,
    as_saved,
    fgsm,
    fgsm_sweep,
    magnified_change,
    pgd,
)
from dlcore.preprocess import Recipe

pytestmark = pytest.mark.usefixtures("one_thread")
RECIPE = Recipe(mean=(0.4, 0.5, 0.6), std=(0.3, 0.2, 0.25))


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.Tanh(), nn.Conv2d(8, 8, 3, stride=2), nn.Tanh(),
        nn.Flatten(), nn.Linear(8 * 5 * 5, 5),
    ).eval().requires_grad_(False)  # fmt: skip


@pytest.fixture
def pixels() -> Tensor:
    """(3, 13, 13) in [0, 1], with some pixels at both ends."""
    rng = torch.Generator().manual_seed(1)
    return (torch.rand(3, 13, 13, generator=rng) * 1.2 - 0.1).clamp(0, 1)


def chances(model: nn.Module):
    """Pixels to probabilities: of those captum's attacks take the logarithm."""
    return lambda pixels: model(RECIPE.normalise(pixels)).softmax(dim=1)


@pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require gradients")
@pytest.mark.parametrize("towards", [False, True])
def test_fgsm_is_captums(model: nn.Module, pixels: Tensor, towards: bool) -> None:
    attack = Attack(model, RECIPE, 3, towards, limit=0.02)
    reference = FGSM(chances(model), lower_bound=0, upper_bound=1).perturb(
        pixels[None], epsilon=0.02, target=3, targeted=towards
    )
    before, after = fgsm(attack, pixels)
    assert (before.snapshot.pixels == pixels.numpy()).all() and before.snapshot.slope is None
    np.testing.assert_allclose(after.snapshot.pixels, reference[0].detach(), atol=1e-6)
    assert (after.snapshot.slope != 0).all()


@pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require gradients")
@pytest.mark.parametrize("towards", [False, True])
def test_pgd_is_captums(model: nn.Module, pixels: Tensor, towards: bool) -> None:
    attack = Attack(model, RECIPE, 1, towards, limit=0.03)
    reference = PGD(chances(model), lower_bound=0, upper_bound=1).perturb(
        pixels[None].requires_grad_(),
        radius=0.03,
        step_size=0.01,
        step_num=7,
        target=1,
        targeted=towards,
    )
    *_, last = pgd(attack, pixels, steps=7, step_size=0.01)
    np.testing.assert_allclose(last.snapshot.pixels, reference[0].detach(), atol=1e-5)


@pytest.mark.parametrize("seed", [None, 4])
def test_it_stays_within_the_limit_and_within_a_picture(
    model: nn.Module, pixels: Tensor, seed: int | None
) -> None:
    attack = Attack(model, RECIPE, 2, limit=4 * LEVEL)
    with torch.no_grad():  # as in the app
        events = list(pgd(attack, pixels, steps=5, seed=seed))
    assert [event.step for event in events] == [0, 1, 2, 3, 4, 5]
    for event in events:
        found = event.snapshot
        assert np.abs(found.change).max() <= 4 * LEVEL + 1e-6
        assert found.pixels.min() >= 0 and found.pixels.max() <= 1
        np.testing.assert_allclose(found.pixels, pixels.numpy() + found.change, atol=1e-6)
        expected = model(RECIPE.normalise(torch.tensor(found.pixels)[None])).softmax(dim=1)[0]
        np.testing.assert_allclose(found.probabilities, expected, rtol=1e-5)
        assert event.metrics["probability"] == pytest.approx(expected[2].item())
        assert found.answer == expected.argmax()
    assert (events[0].snapshot.change == 0).all() == (seed is None)
    assert all(weight.grad is None for weight in model.parameters())


def test_away_lowers_and_towards_raises(model: nn.Module, pixels: Tensor) -> None:
    def course(attack, **options) -> list[float]:
        return [event.metrics["probability"] for event in pgd(attack, pixels, **options)]

    away = course(Attack(model, RECIPE, 0, limit=0.05))
    there = course(Attack(model, RECIPE, 0, towards=True, limit=0.05))
    assert away[0] == there[0]
    assert away == sorted(away, reverse=True) and there == sorted(there)
    assert away[-1] < 0.8 * away[0] and there[-1] > 1.2 * there[0]
    farther = course(Attack(model, RECIPE, 0, limit=0.1))
    assert farther[-1] < away[-1]


def test_a_sweep_is_fgsm_at_every_limit(model: nn.Module, pixels: Tensor) -> None:
    limits = torch.tensor([0.0, 0.01, 0.05])
    swept = fgsm_sweep(Attack(model, RECIPE, 2), pixels, limits)
    assert swept.shape == (3, 5)
    for limit, answer in zip(limits.tolist(), swept, strict=True):
        *_, last = fgsm(Attack(model, RECIPE, 2, limit=limit), pixels)
        np.testing.assert_allclose(answer, last.snapshot.probabilities, atol=1e-6)


def test_a_saved_picture_holds_256_levels() -> None:
    saved = as_saved(torch.tensor([0.0, 0.3 * LEVEL, 0.6 * LEVEL, 1.0]))
    assert (saved * 255).tolist() == pytest.approx([0, 0, 1, 255])


def test_a_change_is_magnified_until_its_limit_is_white() -> None:
    change = np.array([-0.02, -0.01, 0.0, 0.02, 0.04])
    assert magnified_change(change, 0.02).tolist() == pytest.approx([0, 0.25, 0.5, 1, 1])
