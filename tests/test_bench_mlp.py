"""The MLP's bench row trains the tutorial's network, to the accuracy it tells."""

import argparse
from dataclasses import replace

import pytest
import torch

from dlcore.bench import mlp as bench
from dlcore.bench import rows as bench_rows
from dlcore.mlp import TUTORIAL, build, load


def test_the_bench_row_prints_both_times_and_their_ratio(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")  # the row sets it; here it is put back
    measure, about = bench_rows()["mlp"]
    assert "tutorial" in about
    measure(argparse.Namespace(repeat=1))
    printed = capsys.readouterr().out
    for part in ("plain loop", "dlcore.mlp", "ratio", "goal: at least 5"):
        assert part in printed


def test_the_bench_measures_the_tutorials_own_network_and_errors_are_errors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = load(TUTORIAL)
    ours, plain = build(TUTORIAL, table).eval(), bench.plain_network().eval()
    plain.load_state_dict(
        {n: p for n, p in zip(plain.state_dict(), ours.parameters(), strict=True)}
    )
    x = torch.from_numpy(table.features[:50])
    torch.testing.assert_close(plain(x), ours(x).sigmoid())
    monkeypatch.setattr(bench, "TARGET", 1.1)
    monkeypatch.setattr(bench, "_MOST_EPOCHS", 3)
    monkeypatch.setattr(bench, "SOONEST", replace(bench.SOONEST, epochs=2))
    with pytest.raises(ValueError, match="ours missed"):
        bench._time_ours(table, 0)
    with pytest.raises(ValueError, match="plain loop missed"):
        bench._time_plain(table, 0)
