"""The VAEs that ship, on the test set."""

import itertools

import pytest

from dlcore.checkpoint import load as load_checkpoint
from dlcore.data.mnist import load_mnist
from dlcore.vae import (
    BETAS,
    VAE,
    Config,
    bundled,
    evaluate,
    load_bundled,
)
from dlcore.vae_plane import span_of

NAMES = ("2", "20", "autoencoder", *(f"beta={beta:g}" for beta in BETAS))


def shipped(name: str) -> tuple[VAE, dict[str, float], dict[str, float]]:
    told = load_checkpoint(bundled(name), topic="vae").metrics
    model = load_bundled(name)
    return model, told, evaluate(model, load_mnist().test_images)


@pytest.mark.parametrize("name, most", [("2", 136.0), ("20", 95.0)])
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
