"""The VAE's bench rows: the plain loop's function is ours, and unequal ends are not compared."""

import dataclasses
from pathlib import Path

import pytest
import torch

from dlcore.bench import vae as bench
from dlcore.data.mnist import Mnist
from dlcore.vae import (
    Config,
    build,
    kl_to_normal,
)
from tests.vae_runs import pixels, tiny


def test_the_plain_loop_trains_the_same_function() -> None:
    ours, plain = build(Config()), bench.PlainVAE()
    layers = [layer for layer in ours.modules() if isinstance(layer, torch.nn.Linear)]
    for theirs, layer in zip(plain.children(), layers, strict=True):
        theirs.load_state_dict(layer.state_dict())
    torch.manual_seed(0)
    loss = bench.plain_loss(pixels(), *plain(pixels()))
    torch.manual_seed(0)
    noise = torch.randn(6, 2)
    mu, log_var = ours.encode(pixels())
    expected = ours.surprise(mu + (log_var / 2).exp() * noise, pixels()) + kl_to_normal(mu, log_var)
    torch.testing.assert_close(loss, expected.sum())


def test_the_row_prints_both_times_and_refuses_to_compare_unequal_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few = Mnist(tiny().train_images[:400], tiny().train_labels[:400],
                tiny().test_images[:100], tiny().test_labels[:100])  # fmt: skip
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
