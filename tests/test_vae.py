"""The VAE against torch.distributions and by-hand sums; the networks that ship, on the test set."""

import dataclasses
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Bernoulli, Normal, kl_divergence

from dlcore.bench import vae as bench
from dlcore.checkpoint import load as load_checkpoint
from dlcore.data.mnist import Mnist, load_mnist
from dlcore.settings import SettingError
from dlcore.vae import (
    BETAS,
    PIXELS,
    TUTORIAL,
    VAE,
    Config,
    build,
    bundled,
    draw,
    elbo,
    evaluate,
    importance_bound,
    job,
    kl_to_normal,
    load_bundled,
    objective,
    path,
    pictures,
    posterior,
    restore,
    to_pixels,
    train,
)
from dlcore.vae_plane import Plane, Watcher, find_plane, manifold, span_of

TINY = Config(epochs=2, batch_size=50, lr=5e-3, hidden="256,128", precision="float32")


@pytest.fixture(scope="module")
def tiny() -> Mnist:
    """The first 1,000 and 600 images."""
    whole = load_mnist()
    return Mnist(
        whole.train_images[:1000], whole.train_labels[:1000],
        whole.test_images[:600], whole.test_labels[:600],
    )  # fmt: skip


@pytest.fixture(scope="module")
def pixels(tiny: Mnist) -> Tensor:
    return to_pixels(tiny.test_images[:6])


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# --- The network ---------------------------------------------------------------------------------


def test_it_is_the_tutorials_network() -> None:
    shapes = [tuple(value.shape) for value in build(TUTORIAL).state_dict().values()]
    assert shapes == [
        (512, 784), (512,), (256, 512), (256,), (2, 256), (2,), (2, 256), (2,),
        (256, 2), (256,), (512, 256), (512,), (784, 512), (784,),
    ]  # fmt: skip
    assert sum(math.prod(shape) for shape in shapes) == 1_068_820


def test_pictures_are_read_alike_as_bytes_and_as_floats(tiny: Mnist) -> None:
    model, images = build(TINY), tiny.test_images[:5]
    as_floats = images.float() / 255
    torch.testing.assert_close(model.encode(images)[0], model.encode(as_floats)[0])
    torch.testing.assert_close(to_pixels(as_floats), as_floats.view(5, PIXELS))
    decoded = model.decode(torch.randn(5, 2))
    assert decoded.shape == (5, 28, 28) and decoded.min() >= 0 and decoded.max() <= 1


# --- The two terms -------------------------------------------------------------------------------


def test_kl_is_that_of_torch_distributions() -> None:
    mu, log_var = torch.randn(7, 5, generator=rng()), torch.randn(7, 5, generator=rng(1))
    expected = kl_divergence(Normal(mu, (log_var / 2).exp()), Normal(0.0, 1.0)).sum(dim=1)
    torch.testing.assert_close(kl_to_normal(mu, log_var), expected)


def test_bernoulli_surprise_is_that_of_torch_distributions(pixels: Tensor) -> None:
    model, z, binary = build(TINY), torch.randn(6, 2), pixels.round()
    coins = Bernoulli(probs=model.decode(z).view(6, -1))
    torch.testing.assert_close(model.surprise(z, binary), -coins.log_prob(binary).sum(dim=1))


def test_a_grey_counts_as_ink_and_as_paper_in_parts(pixels: Tensor) -> None:
    model, z = build(TINY), torch.randn(6, 2)
    chance = model.decode(z).view(6, -1)
    expected = -(pixels * chance.log() + (1 - pixels) * (1 - chance).log()).sum(dim=1)
    torch.testing.assert_close(model.surprise(z, pixels), expected)


def test_gaussian_surprise_is_that_of_torch_distributions(pixels: Tensor) -> None:
    model = build(dataclasses.replace(TINY, likelihood="gaussian", sigma=0.3))
    z = torch.randn(6, 2)
    greys = Normal(model.decode(z).view(6, -1), 0.3)
    torch.testing.assert_close(model.surprise(z, pixels), -greys.log_prob(pixels).sum(dim=1))


def test_losses_are_both_terms_summed_per_image(pixels: Tensor) -> None:
    model = build(dataclasses.replace(TINY, latent_dim=3))
    reconstruction, kl = model.losses(pixels, rng())
    mu, log_var = model.encode(pixels)
    z = mu + (log_var / 2).exp() * torch.randn(6, 3, generator=rng())
    torch.testing.assert_close(reconstruction, model.surprise(z, pixels))
    torch.testing.assert_close(kl, kl_to_normal(mu, log_var))
    each = [model.losses(pixels[i : i + 1], rng())[1].item() for i in range(6)]
    assert kl.tolist() == pytest.approx(each, rel=1e-5)  # no image depends on its neighbours


def test_dropout_hides_pixels_from_the_encoder_alone(pixels: Tensor) -> None:
    model = build(TINY)
    asked: list[Tensor] = []
    encode = model.encode
    model.encode = lambda images: asked.append(images) or encode(images)  # type: ignore
    reconstruction, _ = model.losses(pixels, rng(), dropout=0.25)
    [shown] = asked
    hidden = (shown == 0) & (pixels > 0)
    assert 0.15 < hidden.sum() / (pixels > 0).sum() < 0.35
    torch.testing.assert_close(shown[~hidden], pixels[~hidden] / 0.75)
    z = model.reparameterize(*encode(shown), generator_after(pixels, 0.25))
    torch.testing.assert_close(reconstruction, model.surprise(z, pixels))  # of the whole picture


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


def test_an_autoencoders_code_is_a_point(pixels: Tensor) -> None:
    model = build(dataclasses.replace(TINY, model="autoencoder"))
    mu, log_var = model.encode(pixels)
    assert torch.equal(model.reparameterize(mu, log_var, rng()), mu)
    reconstruction, kl = model.losses(pixels, rng())
    assert torch.equal(kl, torch.zeros(6))
    torch.testing.assert_close(reconstruction, model.surprise(mu, pixels))
    assert not posterior(model, pixels[0].view(28, 28)).sigma.any()


# --- What is minimised ---------------------------------------------------------------------------


def test_beta_weighs_the_second_term() -> None:
    terms = torch.tensor([100.0, 140.0]), torch.tensor([4.0, 6.0])
    assert objective(*terms, Config()).item() == 120 + 5
    assert objective(*terms, Config(beta=4)).item() == 120 + 4 * 5
    assert objective(*terms, Config(beta=0)).item() == 120
    warmed = Config(beta=4, warm_up=0.2)
    assert [objective(*terms, warmed, done).item() for done in (0, 0.1, 0.2, 1)] == [
        120, 130, 140, 140,
    ]  # fmt: skip


def test_the_tutorials_mistake_is_mean_squared_error_beside_a_summed_kl(pixels: Tensor) -> None:
    model = build(TUTORIAL)
    objective(*model.losses(pixels, rng()), TUTORIAL).backward()
    ours = [value.grad.clone() for value in model.parameters() if value.grad is not None]
    model.zero_grad()
    mu, log_var = model.encode(pixels)
    z = model.reparameterize(mu, log_var, rng())
    kl = -0.5 * torch.sum(1 + log_var - mu**2 - torch.exp(log_var), dim=1)
    (F.mse_loss(model.decode(z).flatten(1), pixels) + kl.mean()).backward()
    for mine, value in zip(ours, model.parameters(), strict=True):
        torch.testing.assert_close(mine, value.grad, rtol=1e-4, atol=1e-7)


def test_the_mistake_leaves_nothing_in_the_codes(tiny: Mnist) -> None:
    wrong = dataclasses.replace(TUTORIAL, hidden="256,128", batch_size=50, epochs=4, lr=3e-3)
    right = dataclasses.replace(wrong, reduction="elbo", likelihood="bernoulli")
    *_, crushed = train(build(wrong), tiny, wrong)
    *_, learnt = train(build(right), tiny, right)
    assert crushed.metrics["test_kl"] < 0.02  # every cloud is the standard normal
    assert learnt.metrics["test_kl"] > 2
    _, made = crushed.snapshot.pairs
    assert made.std(axis=0).mean() < 2  # and every picture comes out the same


# --- Training ------------------------------------------------------------------------------------


def test_a_little_training_beats_the_mean_picture(tiny: Mnist) -> None:
    config = dataclasses.replace(TINY, epochs=6)
    model, steps = build(config), 0
    for event in train(model, tiny, config):
        steps += 1
        told = event.metrics
        assert told["loss"] == pytest.approx(told["reconstruction"] + told["kl"])
    assert steps == event.step == event.total == 120
    assert told["test_loss"] == pytest.approx(told["test_reconstruction"] + told["test_kl"])
    mean = to_pixels(tiny.train_images).mean(dim=0).clamp(1e-3, 1 - 1e-3)
    nothing_known = F.binary_cross_entropy(
        mean.expand(600, -1), to_pixels(tiny.test_images), reduction="sum"
    )
    assert told["test_loss"] < nothing_known.item() / 600 - 5


def test_the_same_seed_gives_the_same_numbers_whoever_watches(
    tiny: Mnist, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(seed: int) -> tuple[list[dict[str, float]], Tensor]:
        config = dataclasses.replace(TINY, seed=seed, epochs=1, binarize=True, dropout=0.1)
        model = build(config)
        events = list(train(model, tiny, config))
        return [dict(event.metrics) for event in events], model.mu.weight.detach()

    first = run(0)
    monkeypatch.setattr(Watcher, "look", lambda self, step, last: self.take(step, keep=True))
    again, other = run(0), run(1)
    assert first[0] == again[0] and torch.equal(first[1], again[1])
    assert first[0] != other[0]


def test_snapshots_are_small_few_and_enough_to_go_on_with(tiny: Mnist) -> None:
    config = dataclasses.replace(TINY, epochs=1)
    model = build(config)
    events = list(train(model, tiny, config))
    first, last = events[0].snapshot, events[-1].snapshot
    for snapshot in (first, last):
        assert snapshot.means.shape == (500, 2) and snapshot.means.dtype == np.int8
        assert snapshot.labels.tolist() == tiny.test_labels[:500].tolist()
        assert snapshot.manifold.shape == (100, 14, 14) and snapshot.manifold.dtype == np.uint8
        assert snapshot.pairs.shape == (2, 8, 28, 28) and snapshot.pairs.dtype == np.uint8
        sent = [snapshot.means, snapshot.labels, snapshot.manifold, snapshot.pairs]
        assert sum(array.nbytes for array in sent) < 36_000
    assert sum(event.snapshot is None for event in events) >= len(events) // 2
    assert events[1].snapshot is None and last.step == len(events)
    stopped = restore(last.state, config)
    torch.testing.assert_close(
        stopped.encode(tiny.test_images)[0], model.encode(tiny.test_images)[0].detach(),
        rtol=0, atol=0.02,
    )  # fmt: skip
    shown = 127 * stopped.encode(tiny.test_images[:500])[0].numpy() / last.span
    assert np.abs(shown - last.means).max() < 1.5


@pytest.mark.parametrize("dims", [2, 5])
def test_a_network_that_ran_away_can_still_be_looked_at(tiny: Mnist, dims: int) -> None:
    model = build(dataclasses.replace(TINY, latent_dim=dims))
    for parameter in model.parameters():
        parameter.data.fill_(math.nan)
    snapshot = Watcher(model, tiny.test_images, tiny.test_labels).take(1, keep=True)
    assert not snapshot.means.any() and not snapshot.manifold.any()


def test_every_setting_trains(tiny: Mnist) -> None:
    short = dataclasses.replace(TINY, epochs=1, train_share=0.1)
    for other in (
        {"model": "autoencoder"}, {"likelihood": "gaussian"}, {"latent_dim": 1},
        {"latent_dim": 20}, {"beta": 0.0}, {"schedule": "cosine"},
        {"activation": "silu"}, {"precision": "bfloat16"},
    ):  # fmt: skip
        config = dataclasses.replace(short, **other)
        model = build(config)
        *_, last = train(model, tiny, config)
        assert math.isfinite(last.metrics["test_loss"])
        assert last.snapshot.means.any()


@pytest.mark.parametrize(
    "field, value",
    [("latent_dim", 0), ("beta", -1), ("sigma", 0), ("model", "gan"), ("hidden", "9,9"), ("lr", 1)],
)
def test_a_bad_setting_is_named(field: str, value: object) -> None:
    with pytest.raises(SettingError) as caught:
        Config(**{field: value})  # type: ignore[arg-type]
    assert caught.value.field == field


def test_job_loads_all_of_mnist() -> None:
    event = next(job(Config(epochs=3)))
    assert (event.step, event.total) == (1, 3 * math.ceil(60_000 / Config().batch_size))
    assert event.snapshot.state is not None  # so that Stop finds a network from the first step


# --- What one can ask a trained network ----------------------------------------------------------


def test_elbo_of_a_picture_is_the_mean_over_its_codes(tiny: Mnist) -> None:
    model, image = load_bundled("2"), tiny.test_images[3]
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


def test_the_importance_weighted_bound_is_the_elbo_for_one_code_and_rises_with_more(
    tiny: Mnist,
) -> None:
    model, few = load_bundled("beta=1"), to_pixels(tiny.test_images[:20])
    nats = [
        importance_bound(model, few.repeat(400 // k, 1), k, rng()).mean().item() for k in (1, 5, 50)
    ]
    reconstruction, kl = model.losses(few.repeat(400, 1), rng())
    assert nats[0] == pytest.approx(-(reconstruction + kl).mean().item(), abs=0.2)
    assert nats[0] + 0.3 < nats[1] and nats[1] + 0.1 < nats[2]


def test_the_importance_weighted_bound_is_computed_as_in_the_paper(pixels: Tensor) -> None:
    model = build(dataclasses.replace(TINY, latent_dim=3))
    mu, log_var = (value.detach() for value in model.encode(pixels))
    generator, logs = rng(), []
    for count in (1000, 200):  # 1,200 codes for each picture, in two parts
        noise = torch.randn(6, count, 3, generator=generator)
        z = mu[:, None] + (log_var[:, None] / 2).exp() * noise
        of_codes = Normal(0.0, 1.0).log_prob(z).sum(2)
        of_clouds = Normal(mu[:, None], (log_var[:, None] / 2).exp()).log_prob(z).sum(2)
        with torch.no_grad():
            coins = model.decode(z.view(-1, 3)).view(6, count, PIXELS)
        seen = (pixels[:, None] * coins.log() + (1 - pixels[:, None]) * (1 - coins).log()).sum(2)
        logs.append(seen + of_codes - of_clouds)
    expected = torch.cat(logs, dim=1).logsumexp(dim=1) - math.log(1200)
    torch.testing.assert_close(
        importance_bound(model, pixels, 1200, rng()), expected, rtol=1e-4, atol=1e-2
    )


# --- The plane -----------------------------------------------------------------------------------


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


# --- The networks that ship ----------------------------------------------------------------------

NAMES = ("2", "20", "autoencoder", *(f"beta={beta:g}" for beta in BETAS))


def shipped(name: str) -> tuple[VAE, dict[str, float], dict[str, float]]:
    told = load_checkpoint(bundled(name), topic="vae").metrics
    model = load_bundled(name)
    return model, told, evaluate(model, load_mnist().test_images)


@pytest.mark.parametrize("name, most", [("2", 136.0), ("20", 95.75)])
def test_the_bundled_networks_bound_on_the_test_set(name: str, most: float) -> None:
    model, told, result = shipped(name)
    assert result["loss"] <= most
    assert told["test_loss"] == pytest.approx(result["loss"], abs=0.02)  # stored as float16
    assert model.encoder[0].out_features == 512 and model.mu.out_features == int(name)
    assert not any(value.requires_grad for value in model.parameters())


def test_more_beta_means_less_in_the_code_and_worse_pictures() -> None:
    results, images, told = [], load_mnist().test_images[:1500], []
    for beta in BETAS:
        name = f"beta={beta:g}"
        checkpoint = load_checkpoint(bundled(name), topic="vae")
        assert Config(**checkpoint.config).beta == beta
        told.append(checkpoint.metrics["test_loss"])  # of all 10,000
        results.append(evaluate(load_bundled(name), images))
    codes, details = ([result[term] for result in results] for term in ("kl", "reconstruction"))
    assert codes == sorted(codes, reverse=True) and details == sorted(details)
    assert [result["loss"] for result in results] == pytest.approx(told, abs=2.5)
    assert min(told) == told[BETAS.index(1.0)]  # the bound is best where it was asked for


def test_the_bundled_autoencoder_copies_best_and_spreads_widest() -> None:
    _, told, result = shipped("autoencoder")
    assert told["test_loss"] == pytest.approx(result["loss"], abs=0.02)
    assert result["kl"] == 0
    assert result["loss"] < load_checkpoint(bundled("beta=1")).metrics["test_reconstruction"]
    images = load_mnist().test_images[:500]
    spans = [span_of(load_bundled(n).encode(images)[0]) for n in ("autoencoder", "beta=1")]
    assert spans[0] > 1.5 * spans[1]


def test_all_files_together_are_small() -> None:
    assert sum(bundled(name).stat().st_size for name in itertools.chain(NAMES)) < 12e6


# --- What is measured ----------------------------------------------------------------------------


def test_the_plain_loop_trains_the_same_function(pixels: Tensor) -> None:
    ours, plain = build(Config()), bench.PlainVAE()
    layers = [layer for layer in ours.modules() if isinstance(layer, torch.nn.Linear)]
    for theirs, layer in zip(plain.children(), layers, strict=True):
        theirs.load_state_dict(layer.state_dict())
    torch.manual_seed(0)
    loss = bench.plain_loss(pixels, *plain(pixels))
    torch.manual_seed(0)
    noise = torch.randn(6, 2)
    mu, log_var = ours.encode(pixels)
    expected = ours.surprise(mu + (log_var / 2).exp() * noise, pixels) + kl_to_normal(mu, log_var)
    torch.testing.assert_close(loss, expected.sum())


def test_the_row_prints_both_times_and_refuses_to_compare_unequal_ends(
    tiny: Mnist, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few = Mnist(tiny.train_images[:400], tiny.train_labels[:400],
                tiny.test_images[:100], tiny.test_labels[:100])  # fmt: skip
    monkeypatch.setattr(bench, "load_mnist", lambda: few)
    monkeypatch.setattr(bench, "PLAIN_EPOCHS", 1)
    short = dataclasses.replace(bench.OURS, epochs=2, batch_size=32, precision="float32")
    monkeypatch.setattr(bench, "OURS", short)
    bench.measure(1)
    printed = capsys.readouterr().out
    for word in ("plain loop", "dlcore.vae", "ratio", "code to picture"):
        assert word in printed
    monkeypatch.setattr(bench, "OURS", dataclasses.replace(short, lr=1e-5, epochs=1))
    with pytest.raises(ValueError, match="ended higher"):
        bench.measure(1)


def test_the_bound_of_fifty_codes_is_printed_beside_the_published_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(bench, "cache_dir", lambda: tmp_path)
    small = dataclasses.replace(bench.FIFTY_CODES, epochs=1, train_share=0.01, hidden="256,128")
    monkeypatch.setattr(bench, "FIFTY_CODES", small)
    bench.measure_iwae(samples=50, images=40)
    first = capsys.readouterr().out
    assert "86.76" in first and (tmp_path / "vae-fifty-codes.safetensors").is_file()
    bench.measure_iwae(samples=50, images=40)  # the network is kept: no second training
    again = capsys.readouterr().out
    assert again.startswith("network: ") and again.splitlines()[-3:] == first.splitlines()[-3:]
