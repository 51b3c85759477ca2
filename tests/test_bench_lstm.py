"""The LSTM's bench row compares the same answers."""

import pytest
import torch

from dlcore.bench import lstm as bench
from dlcore.lstm import encode
from tests.readers import TEXTS, reader


def test_the_bench_compares_the_same_answers() -> None:
    model = reader()
    ids, lengths = encode(model, TEXTS)
    torch.testing.assert_close(bench.read_packed(model, ids, lengths), model(ids, lengths))
    assert bench.picture(model, TEXTS[1]) < 1


def test_the_bench_row_prints_times_and_ratios(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "epoch", lambda kind: {"padded": 2.0}.get(kind, 1.0))
    before = torch.get_num_threads()
    bench.measure(1)
    torch.set_num_threads(before)
    printed = capsys.readouterr().out
    assert "sorted, cut batches" in printed and "ratio  2.00" in printed
    assert "ms for" in printed
