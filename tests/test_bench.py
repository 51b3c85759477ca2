"""The benchmark compares like with like, and its arithmetic agrees with torch's own counter."""

import argparse
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from dlcore.bench import cnn as bench
from dlcore.bench import rows
from dlcore.bench.plain import PictureDataset, PlainCNN, train_plain
from dlcore.cnn import Config, build, to_input
from dlcore.data.mnist import Mnist, load_mnist


@pytest.fixture(scope="module")
def tiny() -> Mnist:
    data = load_mnist()
    return Mnist(
        data.train_images[:1500],
        data.train_labels[:1500],
        data.test_images[:500],
        data.test_labels[:500],
    )


def test_the_plain_network_is_the_same_function(tiny: Mnist) -> None:
    ours, plain = build(Config()).eval(), PlainCNN().eval()
    plain.load_state_dict(ours.state_dict())  # the same names and shapes, or this fails
    images = to_input(tiny.test_images[:20])
    torch.testing.assert_close(plain(images), ours(images))


def test_the_plain_loader_hands_out_the_same_pixels(tiny: Mnist) -> None:
    pictures = PictureDataset(tiny.train_images, tiny.train_labels)
    assert len(pictures) == 1500
    image, label = pictures[7]
    assert torch.equal(image, to_input(tiny.train_images[7:8])[0])
    assert label == int(tiny.train_labels[7])


def test_the_plain_loop_learns(tiny: Mnist) -> None:
    train = PictureDataset(tiny.train_images, tiny.train_labels)
    test = PictureDataset(tiny.test_images, tiny.test_labels)
    first, second = train_plain(train, test, epochs=2)
    assert 0.5 < first < second < 1


def test_counted_work_agrees_with_torchs_own_counter(tiny: Mnist) -> None:
    model, images = build(Config()), to_input(tiny.train_images[:8])
    with FlopCounterMode(display=False) as counter:
        model(images).sum().backward()
    assert bench.step_flops(8) == counter.get_total_flops()


def test_the_row_prints_both_times_their_ratio_and_the_share_of_the_peak(
    tiny: Mnist, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "load_mnist", lambda: tiny)
    monkeypatch.setattr(bench, "TARGET", 0.4)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")  # the row sets it; here it is put back
    measure, _ = rows()["cnn"]
    measure(argparse.Namespace(repeat=1))
    printed = capsys.readouterr().out
    for part in ("plain loop", "dlcore.cnn", "ratio", "GFLOP/s", "bfloat16", "float32"):
        assert part in printed


def test_a_run_that_never_gets_there_is_an_error(
    tiny: Mnist, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "TARGET", 1.1)
    monkeypatch.setattr(bench, "_PATIENCE", 2)
    with pytest.raises(ValueError, match="missed"):
        bench._time_ours(tiny, seed=0)
    with pytest.raises(ValueError, match="missed"):
        bench._time_plain(tiny, seed=0)


@pytest.mark.parametrize("row", ["startup", "page", "pen", "stream", "first"])
def test_the_apps_rows_run_outside_dlcore(row: str, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    code = 0

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        commands.append(command)
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(subprocess, "run", run)
    measure, about = rows()[row]
    measure(argparse.Namespace(repeat=3))
    measure(argparse.Namespace(repeat=None))
    plain = [sys.executable, "-m", "demos.bench", row]
    assert commands == [[*plain, "--repeat", "3"], plain]
    assert about
    code = 1
    with pytest.raises(ValueError, match=row):
        measure(argparse.Namespace(repeat=1))
