"""The temperature: found where it is known, and the shipped network's certainties measured."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from dlcore.__main__ import main
from dlcore.checkpoint import load
from dlcore.cnn import load_bundled, predict
from dlcore.cnn_calibration import calibrate, temperature
from dlcore.data.mnist import load_mnist


@pytest.mark.parametrize("true", [0.3, 1.0, 2.5])
def test_a_known_temperature_is_found(true: float) -> None:
    rng = torch.Generator().manual_seed(0)
    honest = 2 * torch.randn(20_000, 10, generator=rng)
    labels = torch.multinomial(honest.softmax(1), 1, generator=rng).squeeze(1)
    assert temperature(honest * true, labels) == pytest.approx(true, rel=0.03)


def test_no_other_temperature_does_better() -> None:
    rng = torch.Generator().manual_seed(1)
    logits, labels = torch.randn(500, 10, generator=rng), torch.arange(500) % 10
    logits[torch.arange(500), labels] += 1
    best = temperature(logits, labels)
    losses = [F.cross_entropy(logits / (best * by), labels).item() for by in (0.9, 1.0, 1.1)]
    assert losses[1] == min(losses)


def test_the_answers_stay_and_a_second_time_changes_nothing() -> None:
    data = load_mnist()
    images, labels = data.test_images[:1000], data.test_labels[:1000]
    model = load_bundled()
    before = predict(model, images)
    calibrate(model, images, labels)
    with torch.no_grad():  # as if it boasted
        model.fc2.weight.mul_(3)
        model.fc2.bias.mul_(3)
    assert calibrate(model, images, labels) == pytest.approx(3, rel=1e-3)
    assert torch.equal(predict(model, images).argmax(1), before.argmax(1))
    assert calibrate(model, images, labels) == pytest.approx(1, abs=1e-3)


def test_the_shipped_network_is_as_often_right_as_it_is_sure() -> None:
    data = load_mnist()
    sure, digits = predict(load_bundled(), data.test_images).max(1)
    right = (digits == data.test_labels).float()
    assert abs(sure.mean().item() - right.mean().item()) < 0.002
    middling = (sure > 0.5) & (sure < 0.95)  # among the doubtful too
    assert abs(sure[middling].mean() - right[middling].mean()) < 0.1


def test_the_command_writes_a_calibrated_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    assert main(["train", "cnn", "--train-share", "0.02", "--out", str(file)]) == 0
    assert main(["calibrate", str(file), "--out", str(out)]) == 0
    assert "temperature" in capsys.readouterr().out
    old, new = load(file), load(out)
    assert new.metrics["test_loss"] < old.metrics["test_loss"]
    assert new.metrics["test_accuracy"] == pytest.approx(old.metrics["test_accuracy"])
    assert new.config == old.config
    assert main(["calibrate", str(tmp_path / "none.safetensors")]) == 1
