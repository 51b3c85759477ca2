"""The VAE's network and both terms of its loss, against torch.distributions and by-hand sums."""

import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Bernoulli, Normal, kl_divergence

from dlcore.settings import SettingError
from dlcore.vae import (
    PIXELS,
    TUTORIAL,
    Config,
    build,
    kl_to_normal,
    objective,
    posterior,
    to_pixels,
)
from tests.vae_runs import TINY, pixels, rng, tiny

# --- The network ----------------------------------------------------------------------------------


def test_it_is_the_tutorials_network() -> None:
    shapes = [tuple(value.shape) for value in build(TUTORIAL).state_dict().values()]
    assert shapes == [
        (512, 784), (512,), (256, 512), (256,), (2, 256), (2,), (2, 256), (2,),
        (256, 2), (256,), (512, 256), (512,), (784, 512), (784,),
    ]  # fmt: skip
    assert sum(math.prod(shape) for shape in shapes) == 1_068_820


def test_pictures_are_read_alike_as_bytes_and_as_floats() -> None:
    model, images = build(TINY), tiny().test_images[:5]
    as_floats = images.float() / 255
    torch.testing.assert_close(model.encode(images)[0], model.encode(as_floats)[0])
    torch.testing.assert_close(to_pixels(as_floats), as_floats.view(5, PIXELS))
    decoded = model.decode(torch.randn(5, 2))
    assert decoded.shape == (5, 28, 28) and decoded.min() >= 0 and decoded.max() <= 1


@pytest.mark.parametrize(
    "field, value",
    [("latent_dim", 0), ("beta", -1), ("sigma", 0), ("model", "gan"), ("hidden", "9,9"), ("lr", 1)],
)
def test_a_bad_setting_is_named(field: str, value: object) -> None:
    with pytest.raises(SettingError) as caught:
        Config(**{field: value})  # type: ignore[arg-type]
    assert caught.value.field == field


# --- The two terms --------------------------------------------------------------------------------


def test_kl_is_that_of_torch_distributions() -> None:
    mu, log_var = torch.randn(7, 5, generator=rng()), torch.randn(7, 5, generator=rng(1))
    expected = kl_divergence(Normal(mu, (log_var / 2).exp()), Normal(0.0, 1.0)).sum(dim=1)
    torch.testing.assert_close(kl_to_normal(mu, log_var), expected)


def test_bernoulli_surprise_is_that_of_torch_distributions() -> None:
    model, z, binary = build(TINY), torch.randn(6, 2), pixels().round()
    coins = Bernoulli(probs=model.decode(z).view(6, -1))
    torch.testing.assert_close(model.surprise(z, binary), -coins.log_prob(binary).sum(dim=1))


def test_a_grey_counts_as_ink_and_as_paper_in_parts() -> None:
    model, z = build(TINY), torch.randn(6, 2)
    chance = model.decode(z).view(6, -1)
    expected = -(pixels() * chance.log() + (1 - pixels()) * (1 - chance).log()).sum(dim=1)
    torch.testing.assert_close(model.surprise(z, pixels()), expected)


def test_gaussian_surprise_is_that_of_torch_distributions() -> None:
    model = build(dataclasses.replace(TINY, likelihood="gaussian", sigma=0.3))
    z = torch.randn(6, 2)
    greys = Normal(model.decode(z).view(6, -1), 0.3)
    torch.testing.assert_close(model.surprise(z, pixels()), -greys.log_prob(pixels()).sum(dim=1))


def test_losses_are_both_terms_summed_per_image() -> None:
    model = build(dataclasses.replace(TINY, latent_dim=3))
    reconstruction, kl = model.losses(pixels(), rng())
    mu, log_var = model.encode(pixels())
    z = mu + (log_var / 2).exp() * torch.randn(6, 3, generator=rng())
    torch.testing.assert_close(reconstruction, model.surprise(z, pixels()))
    torch.testing.assert_close(kl, kl_to_normal(mu, log_var))
    each = [model.losses(pixels()[i : i + 1], rng())[1].item() for i in range(6)]
    assert kl.tolist() == pytest.approx(each, rel=1e-5)  # no image depends on its neighbours


def test_dropout_hides_pixels_from_the_encoder_alone() -> None:
    model = build(TINY)
    asked: list[Tensor] = []
    encode = model.encode
    model.encode = lambda images: asked.append(images) or encode(images)  # type: ignore
    reconstruction, _ = model.losses(pixels(), rng(), dropout=0.25)
    [shown] = asked
    hidden = (shown == 0) & (pixels() > 0)
    assert 0.15 < hidden.sum() / (pixels() > 0).sum() < 0.35
    torch.testing.assert_close(shown[~hidden], pixels()[~hidden] / 0.75)
    z = model.reparameterize(*encode(shown), generator_after(pixels(), 0.25))
    torch.testing.assert_close(reconstruction, model.surprise(z, pixels()))  # of the whole picture


def generator_after(pixels: Tensor, dropout: float) -> torch.Generator:
    """A generator that has drawn what dropout draws."""
    generator = rng()
    torch.empty_like(pixels).bernoulli_(1 - dropout, generator=generator)
    return generator


def test_the_slope_passes_through_a_draw_to_both_parameters() -> None:
    model = build(TINY)
    mu, log_var = torch.tensor([[0.3, -1.0]]), torch.tensor([[0.5, -0.2]])
    mu.requires_grad_(), log_var.requires_grad_()
    z = model.reparameterize(mu, log_var, rng())
    noise = torch.randn(1, 2, generator=rng())
    torch.testing.assert_close(z, mu + (log_var / 2).exp() * noise)
    z.sum().backward()
    torch.testing.assert_close(mu.grad, torch.ones(1, 2))
    torch.testing.assert_close(log_var.grad, (noise * (log_var / 2).exp() / 2).detach())


def test_draws_have_the_clouds_mean_and_width() -> None:
    model = build(TINY)
    mu, log_var = torch.tensor([1.0, -2.0]), torch.tensor([0.0, -3.0])
    z = model.reparameterize(mu.expand(20000, 2), log_var.expand(20000, 2), rng())
    assert z.mean(dim=0).tolist() == pytest.approx(mu.tolist(), abs=0.03)
    assert z.std(dim=0).tolist() == pytest.approx((log_var / 2).exp().tolist(), rel=0.03)


def test_an_autoencoders_code_is_a_point() -> None:
    model = build(dataclasses.replace(TINY, model="autoencoder"))
    mu, log_var = model.encode(pixels())
    assert torch.equal(model.reparameterize(mu, log_var, rng()), mu)
    reconstruction, kl = model.losses(pixels(), rng())
    assert torch.equal(kl, torch.zeros(6))
    torch.testing.assert_close(reconstruction, model.surprise(mu, pixels()))
    assert not posterior(model, pixels()[0].view(28, 28)).sigma.any()


# --- What is minimised ----------------------------------------------------------------------------


def test_beta_weighs_the_second_term() -> None:
    terms = torch.tensor([100.0, 140.0]), torch.tensor([4.0, 6.0])
    assert objective(*terms, Config()).item() == 120 + 5
    assert objective(*terms, Config(beta=4)).item() == 120 + 4 * 5
    assert objective(*terms, Config(beta=0)).item() == 120
    warmed = Config(beta=4, warm_up=0.2)
    assert [objective(*terms, warmed, done).item() for done in (0, 0.1, 0.2, 1)] == [
        120, 130, 140, 140,
    ]  # fmt: skip


def test_the_tutorials_mistake_is_mean_squared_error_beside_a_summed_kl() -> None:
    model = build(TUTORIAL)
    objective(*model.losses(pixels(), rng()), TUTORIAL).backward()
    ours = [value.grad.clone() for value in model.parameters() if value.grad is not None]
    model.zero_grad()
    mu, log_var = model.encode(pixels())
    z = model.reparameterize(mu, log_var, rng())
    kl = -0.5 * torch.sum(1 + log_var - mu**2 - torch.exp(log_var), dim=1)
    (F.mse_loss(model.decode(z).flatten(1), pixels()) + kl.mean()).backward()
    for mine, value in zip(ours, model.parameters(), strict=True):
        torch.testing.assert_close(mine, value.grad, rtol=1e-4, atol=1e-7)
