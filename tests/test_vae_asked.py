"""What one can ask a trained VAE: the cost of a picture, a path, the bound of many codes."""

import dataclasses
import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from dlcore.vae import (
    PIXELS,
    build,
    draw,
    elbo,
    importance_bound,
    load_bundled,
    path,
    pictures,
    posterior,
    to_pixels,
)
from tests.vae_runs import TINY, pixels, rng, tiny


def test_elbo_of_a_picture_is_the_mean_over_its_codes() -> None:
    model, image = load_bundled("2"), tiny().test_images[3]
    terms = elbo(model, image, samples=500)
    assert terms.loss == terms.reconstruction + terms.kl
    cloud = posterior(model, image)
    z = draw(cloud, 500, seed=0)
    expected = model.surprise(z, to_pixels(image[None]).expand(500, -1)).mean().item()
    assert terms.reconstruction == pytest.approx(expected, rel=1e-4)
    normal = Normal(torch.from_numpy(cloud.mu), torch.from_numpy(cloud.sigma))
    assert terms.kl == pytest.approx(kl_divergence(normal, Normal(0.0, 1.0)).sum().item(), rel=1e-4)


def test_a_path_is_straight_and_even() -> None:
    start, end = torch.tensor([0.0, 4.0]), torch.tensor([2.0, 0.0])
    codes = path(start, end, 5)
    assert codes.tolist() == [[0, 4], [0.5, 3], [1, 2], [1.5, 1], [2, 0]]
    model = build(TINY)
    assert torch.equal(pictures(model, codes)[2], pictures(model, codes[2:3])[0]) or (
        (pictures(model, codes)[2] - pictures(model, codes[2:3])[0]).abs().max() < 1e-5
    )


def test_the_importance_weighted_bound_is_the_elbo_for_one_code_and_rises_with_more() -> None:
    model, few = load_bundled("beta=1"), to_pixels(tiny().test_images[:20])
    nats = [
        importance_bound(model, few.repeat(400 // k, 1), k, rng()).mean().item() for k in (1, 5, 50)
    ]
    reconstruction, kl = model.losses(few.repeat(400, 1), rng())
    assert nats[0] == pytest.approx(-(reconstruction + kl).mean().item(), abs=0.2)
    assert nats[0] + 0.3 < nats[1] and nats[1] + 0.1 < nats[2]


def test_the_importance_weighted_bound_is_computed_as_in_the_paper() -> None:
    model = build(dataclasses.replace(TINY, latent_dim=3))
    mu, log_var = (value.detach() for value in model.encode(pixels()))
    generator, logs = rng(), []
    for count in (1000, 200):  # 1,200 codes for each picture, in two parts
        noise = torch.randn(6, count, 3, generator=generator)
        z = mu[:, None] + (log_var[:, None] / 2).exp() * noise
        of_codes = Normal(0.0, 1.0).log_prob(z).sum(2)
        of_clouds = Normal(mu[:, None], (log_var[:, None] / 2).exp()).log_prob(z).sum(2)
        with torch.no_grad():
            coins = model.decode(z.view(-1, 3)).view(6, count, PIXELS)
        seen = (pixels()[:, None] * coins.log() + (1 - pixels()[:, None]) * (1 - coins).log()).sum(
            2
        )
        logs.append(seen + of_codes - of_clouds)
    expected = torch.cat(logs, dim=1).logsumexp(dim=1) - math.log(1200)
    torch.testing.assert_close(
        importance_bound(model, pixels(), 1200, rng()), expected, rtol=1e-4, atol=1e-2
    )
