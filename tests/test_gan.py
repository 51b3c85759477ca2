"""The GAN's losses by hand, its slopes by finite differences, its networks and its files."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcore import gan, quality
from dlcore.checkpoint import load as load_checkpoint
from dlcore.checkpoint import save
from dlcore.gan_deck import Deck
from dlcore.gan_networks import to_signed, to_stored
from dlcore.settings import SettingError
from tests.gan_runs import QUICK, run, settings, tiny

pytestmark = pytest.mark.usefixtures("one_thread")


# --- The losses -----------------------------------------------------------------------------------


def test_losses_of_the_tutorials_variant_are_binary_cross_entropy() -> None:
    config = settings("tutorial", label_smoothing=0.0)
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.5, -3.0, 0.0])
    logits = torch.cat([real, fake])
    truth = torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0])
    weight = torch.tensor([1 / 4, 1 / 4, 1 / 6, 1 / 6, 1 / 6])  # either side counts half
    wanted = F.binary_cross_entropy_with_logits(logits, truth, weight=weight, reduction="sum")
    torch.testing.assert_close(gan.discriminator_loss(real, fake, config), wanted)
    # -log D(G(z)), not log(1 - D(G(z)))
    torch.testing.assert_close(gan.generator_loss(fake, config), -fake.sigmoid().log().mean())


def test_only_real_labels_are_smoothed() -> None:
    config = settings("tutorial", label_smoothing=0.2)
    real, fake = torch.tensor([2.0]), torch.tensor([-1.5])
    wanted = -(0.8 * real.sigmoid().log() + 0.2 * (1 - real.sigmoid()).log()) / 2
    wanted -= (1 - fake.sigmoid()).log() / 2
    torch.testing.assert_close(gan.discriminator_loss(real, fake, config), wanted.squeeze())
    torch.testing.assert_close(
        gan.generator_loss(fake, config), -fake.sigmoid().log().squeeze()
    )  # as without


@pytest.mark.parametrize(
    ("variant", "of_d", "of_g"),
    # real 3, 1; fake 0.5, -1. Least squares: (4 + 0 + 0.25 + 1) / 4 and (0.25 + 4) / 2.
    [("least-squares", 1.3125, 2.125), ("wgan-gp", -2.25, 0.25)],
)
def test_losses_of_other_variants_by_hand(variant: str, of_d: float, of_g: float) -> None:
    config = settings(variant, label_smoothing=0.0)
    real, fake = torch.tensor([3.0, 1.0]), torch.tensor([0.5, -1.0])
    assert gan.discriminator_loss(real, fake, config).item() == of_d
    assert gan.generator_loss(fake, config).item() == of_g


class Bowl(nn.Module):
    """A score whose slope is known: half the squared length of a picture, so the picture itself."""

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return images.flatten(1).square().sum(dim=1) / 2


def test_gradient_penalty_of_a_known_score() -> None:
    images = torch.randn(5, 28, 28, generator=torch.Generator().manual_seed(1))
    lengths = images.flatten(1).norm(dim=1)
    for target in (0.0, 1.0):
        found = gan.gradient_penalty(Bowl(), images, None, target)
        torch.testing.assert_close(found, (lengths - target).square().mean())


def test_penalty_mixes_real_and_fake_for_wgan_and_stays_at_the_real_ones_for_r1() -> None:
    deck = Deck(tiny(), QUICK)
    batch = deck.deal(3, 0)  # the short one: 4 real pictures, 32 noises
    fakes = torch.rand(32, 28, 28)
    assert len(batch.real) == 4 and len(batch.noise) == 32
    between = batch.mix * batch.real + (1 - batch.mix) * fakes[:4]
    wanted = 10 * (between.flatten(1).norm(dim=1) - 1).square().mean()
    torch.testing.assert_close(gan.penalty(Bowl(), batch, fakes, settings("wgan-gp")), wanted)
    wanted = 0.5 / 2 * batch.real.flatten(1).square().sum(dim=1).mean()
    config = settings("tutorial", r1=0.5)
    torch.testing.assert_close(gan.penalty(Bowl(), batch, fakes, config), wanted)
    assert gan.penalty(Bowl(), batch, fakes, settings("tutorial", r1=0.0)) == 0


def test_gradient_penalty_teaches_the_slope_that_finite_differences_find() -> None:
    """Differentiated by a weight, that is twice through the network: nothing else would learn."""
    judge: Any = gan.build(QUICK).discriminator.double()
    images = torch.randn(3, 28, 28, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    weight = judge.layers[2].weight
    gan.gradient_penalty(judge, images, None, 1.0).backward()
    slope = weight.grad[5, 7].item()
    values = []
    for step in (0.01, -0.01):
        with torch.no_grad():
            weight[5, 7] += step
        values.append(gan.gradient_penalty(judge, images, None, 1.0).item())
        with torch.no_grad():
            weight[5, 7] -= step
    assert slope == pytest.approx((values[0] - values[1]) / 0.02, rel=0.01)
    assert abs(slope) > 1e-6


# --- The networks ---------------------------------------------------------------------------------


def test_the_tutorials_networks_are_as_it_says() -> None:
    players: Any = gan.build(gan.TUTORIAL)
    shapes = [tuple(m.weight.shape) for m in players.modules() if isinstance(m, nn.Linear)]
    assert shapes == [
        (256, 100), (512, 256), (1024, 512), (784, 1024), (512, 784), (256, 512), (128, 256),
        (1, 128),
    ]  # fmt: skip
    assert [type(m).__name__ for m in players.generator.layers[:3]] == [
        "Linear", "BatchNorm1d", "LeakyReLU",
    ]  # fmt: skip
    slopes = {m.negative_slope for m in players.modules() if isinstance(m, nn.LeakyReLU)}
    assert slopes == {0.2}
    assert isinstance(players.generator.layers[-1], nn.Tanh)
    bare = gan.build(dataclasses.replace(gan.TUTORIAL, batch_norm=False))
    assert not [m for m in bare.modules() if isinstance(m, nn.BatchNorm1d)]


@pytest.mark.parametrize("variant", gan.VARIANTS)
def test_every_pair_draws_and_judges(variant: str) -> None:
    players = gan.build(settings(variant, noise_dim=7)).eval()
    told = variant == "conditional"
    labels = torch.tensor([3, 3, 5]) if told else None
    images = gan.sample(players.generator, torch.randn(3, 7), labels)
    assert (images.shape, images.dtype) == ((3, 28, 28), torch.uint8)
    assert gan.score(players.discriminator, images, labels).shape == (3,)
    if told:
        with pytest.raises(ValueError, match="labels"):
            gan.sample(players.generator, torch.randn(3, 7))


def test_a_conditional_pair_heeds_its_labels() -> None:
    players = gan.build(settings("conditional")).eval()
    noise = torch.randn(1, 100).expand(2, -1)
    images = gan.sample(players.generator, noise, torch.tensor([1, 2]))
    assert not torch.equal(images[0], images[1])
    scores = gan.score(players.discriminator, images[:1].expand(2, -1, -1), torch.tensor([1, 2]))
    assert scores[0] != scores[1]


def test_a_picture_depends_on_its_noise_and_label_alone() -> None:
    """Not on those beside it, nor on those drawn before, nor on the mode left by training."""
    generator = gan.build(settings("conditional")).generator.train()
    noise = torch.randn(6, 100, generator=torch.Generator().manual_seed(4))
    sevens = gan.sample(generator, noise, torch.full((6,), 7))
    assert generator.training
    again = torch.cat(
        [gan.sample(generator, noise[n : n + 1], torch.tensor([7])) for n in range(6)]
    )
    assert (sevens.int() - again.int()).abs().max() <= 1  # sums in another order
    assert len({picture.numpy().tobytes() for picture in sevens}) == 6
    threes = gan.sample(generator, noise, torch.full((6,), 3))
    assert not any(map(torch.equal, sevens, threes))


def test_pictures_survive_the_way_there_and_back() -> None:
    images = torch.arange(256, dtype=torch.uint8).view(1, 16, 16)
    signed = to_signed(images)
    assert (signed.min(), signed.max()) == (-1, 1)
    assert torch.equal(to_stored(signed), images)


# --- What ships -----------------------------------------------------------------------------------


def test_a_file_keeps_the_networks_and_nothing_else(tmp_path: Path) -> None:
    last = run(tiny(), QUICK)[-1].snapshot
    weights = gan.networks(last.state)
    assert len(last.state) > 2 * len(weights)
    save(tmp_path / "gan.safetensors", weights, topic="gan", config=QUICK, metrics={})
    kept = load_checkpoint(tmp_path / "gan.safetensors", topic="gan")
    again = gan.restore(kept.state, gan.Config(**kept.config))
    assert np.array_equal(gan.fixed_samples(again.generator), last.samples)
    assert not again.training
    assert not any(parameter.requires_grad for parameter in again.parameters())


@pytest.mark.parametrize("name", sorted(gan.BUNDLED))
def test_bundled_players_draw_all_ten_digits(name: str) -> None:
    players = gan.load_bundled(name)
    labels = torch.arange(1000) % 10 if name == "conditional" else None
    noise = torch.randn(1000, 100, generator=torch.Generator().manual_seed(5))
    *_, last = quality.assess(gan.sample(players.generator, noise, labels), labels)
    found = last.snapshot
    assert found.histogram.min() > 0.04 and found.histogram.max() < 0.16
    if labels is not None:
        assert found.matches > 0.9


def test_only_two_are_bundled() -> None:
    with pytest.raises(SettingError, match="conditional"):
        gan.load_bundled("../cnn")
