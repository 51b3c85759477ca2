"""The VAE's training: it learns, repeats, can be stopped, and goes wrong as the tutorial's did."""

import dataclasses
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dlcore.vae import (
    TUTORIAL,
    Config,
    build,
    job,
    restore,
    to_pixels,
    train,
)
from dlcore.vae_plane import Watcher
from tests.vae_runs import TINY, tiny


def test_the_mistake_leaves_nothing_in_the_codes() -> None:
    wrong = dataclasses.replace(TUTORIAL, hidden="256,128", batch_size=50, epochs=4, lr=3e-3)
    right = dataclasses.replace(wrong, reduction="elbo", likelihood="bernoulli")
    *_, crushed = train(build(wrong), tiny(), wrong)
    *_, learnt = train(build(right), tiny(), right)
    assert crushed.metrics["test_kl"] < 0.02  # every cloud is the standard normal
    assert learnt.metrics["test_kl"] > 2
    _, made = crushed.snapshot.pairs
    assert made.std(axis=0).mean() < 2  # and every picture comes out the same


def test_a_little_training_beats_the_mean_picture() -> None:
    config = dataclasses.replace(TINY, epochs=6)
    model, steps = build(config), 0
    for event in train(model, tiny(), config):
        steps += 1
        told = event.metrics
        assert told["loss"] == pytest.approx(told["reconstruction"] + told["kl"])
    assert steps == event.step == event.total == 120
    assert told["test_loss"] == pytest.approx(told["test_reconstruction"] + told["test_kl"])
    mean = to_pixels(tiny().train_images).mean(dim=0).clamp(1e-3, 1 - 1e-3)
    nothing_known = F.binary_cross_entropy(
        mean.expand(600, -1), to_pixels(tiny().test_images), reduction="sum"
    )
    assert told["test_loss"] < nothing_known.item() / 600 - 5


def test_the_same_seed_gives_the_same_numbers_whoever_watches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(seed: int) -> tuple[list[dict[str, float]], Tensor]:
        config = dataclasses.replace(TINY, seed=seed, epochs=1, binarize=True, dropout=0.1)
        model = build(config)
        events = list(train(model, tiny(), config))
        return [dict(event.metrics) for event in events], model.mu.weight.detach()

    first = run(0)
    monkeypatch.setattr(Watcher, "look", lambda self, step, last: self.take(step, keep=True))
    again, other = run(0), run(1)
    assert first[0] == again[0] and torch.equal(first[1], again[1])
    assert first[0] != other[0]


def test_snapshots_are_small_few_and_enough_to_go_on_with() -> None:
    config = dataclasses.replace(TINY, epochs=1)
    model = build(config)
    events = list(train(model, tiny(), config))
    first, last = events[0].snapshot, events[-1].snapshot
    for snapshot in (first, last):
        assert snapshot.means.shape == (500, 2) and snapshot.means.dtype == np.int8
        assert snapshot.labels.tolist() == tiny().test_labels[:500].tolist()
        assert snapshot.manifold.shape == (100, 14, 14) and snapshot.manifold.dtype == np.uint8
        assert snapshot.pairs.shape == (2, 8, 28, 28) and snapshot.pairs.dtype == np.uint8
        sent = [snapshot.means, snapshot.labels, snapshot.manifold, snapshot.pairs]
        assert sum(array.nbytes for array in sent) < 36_000
    assert sum(event.snapshot is None for event in events) >= len(events) // 2
    assert events[1].snapshot is None and last.step == len(events)
    stopped = restore(last.state, config)
    torch.testing.assert_close(
        stopped.encode(tiny().test_images)[0], model.encode(tiny().test_images)[0].detach(),
        rtol=0, atol=0.02,
    )  # fmt: skip
    shown = 127 * stopped.encode(tiny().test_images[:500])[0].numpy() / last.span
    assert np.abs(shown - last.means).max() < 1.5


@pytest.mark.parametrize("dims", [2, 5])
def test_a_network_that_ran_away_can_still_be_looked_at(dims: int) -> None:
    model = build(dataclasses.replace(TINY, latent_dim=dims))
    for parameter in model.parameters():
        parameter.data.fill_(math.nan)
    snapshot = Watcher(model, tiny().test_images, tiny().test_labels).take(1, keep=True)
    assert not snapshot.means.any() and not snapshot.manifold.any()


def test_every_setting_trains() -> None:
    short = dataclasses.replace(TINY, epochs=1, train_share=0.1)
    for other in (
        {"model": "autoencoder"}, {"likelihood": "gaussian"}, {"latent_dim": 1},
        {"latent_dim": 20}, {"beta": 0.0}, {"schedule": "cosine"},
        {"activation": "silu"}, {"precision": "bfloat16"},
    ):  # fmt: skip
        config = dataclasses.replace(short, **other)
        model = build(config)
        *_, last = train(model, tiny(), config)
        assert math.isfinite(last.metrics["test_loss"])
        assert last.snapshot.means.any()


def test_job_loads_all_of_mnist() -> None:
    event = next(job(Config(epochs=3)))
    assert (event.step, event.total) == (1, 3 * math.ceil(60_000 / Config().batch_size))
    assert event.snapshot.state is not None  # so that Stop finds a network from the first step
