"""The transfer row measures the same learning on both sides."""

import dataclasses
import re

import pytest
import torch

from dlcore.bench import transfer as bench
from dlcore.transfer import Config, Features, Transfer, build, pictures_of


def test_both_sides_learn_the_same_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """One batch of all pictures, so that their order does not matter."""
    config = Config(per_class=1, epochs=1, batch_size=8)
    pictures = bench.learnt_only(pictures_of(config))
    assert (~pictures.held).sum() == 3 and pictures.held.sum() == 1
    models: list[Transfer] = []

    def remembered(*args: object) -> Transfer:
        models.append(build(config, 3))
        return models[-1]

    monkeypatch.setattr(bench, "build", remembered)
    kept = Features.begun(config)
    assert list(kept.ask(remembered(), pictures.part(held=False)[0]))[-1] == 1.0
    longer = dataclasses.replace(config, epochs=2)
    assert bench.plain(config, pictures) > 0 and bench.ours(longer, pictures, kept) > 0
    once = models[1].head.weight
    first = build(config, 3).head.weight
    moved = (models[2].head.weight - first).abs().mean() / (once - first).abs().mean()
    assert 1.5 < moved < 2.5, "two steps go about twice as far as one"
    assert (
        torch.sign(once - first).eq(torch.sign(models[2].head.weight - first)).float().mean() > 0.9
    )


def test_the_row_prints_its_ratio(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "ours", lambda *_: 0.001)
    monkeypatch.setattr(bench, "plain", lambda *_: 0.05)
    bench.measure(1)
    printed = capsys.readouterr().out
    assert "features kept" in printed and "ratio" in printed and "50.0" in printed
    seconds = re.search(r"training +([\d.]+) s +\(a head on kept features, 30 epochs\)", printed)
    assert seconds and 0 < float(seconds[1]) < 30
