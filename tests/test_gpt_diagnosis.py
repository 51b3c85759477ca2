"""What a training came to is read from its losses; and the bench and the command line know it."""

from pathlib import Path

import pytest
import torch

from dlcore import __main__ as cli
from dlcore.bench import gpt as bench
from dlcore.checkpoint import load
from dlcore.gpt import Config, Shape, restore
from dlcore.gpt_diagnosis import diagnose
from dlcore.progress import Progress
from tests.test_gpt import TEXT, TINY, trained


def run(*asked: tuple[float, float]) -> list[Progress]:
    """Steps whose held-out part was asked about: (train_loss, valid_loss)."""
    return [
        Progress(n, len(asked), {"loss": train, "train_loss": train, "valid_loss": valid})
        for n, (train, valid) in enumerate(asked, start=1)
    ]


def keys(events: list[Progress]) -> list[str]:
    return [finding.key for finding in diagnose(events)]


def test_learning_by_heart_is_a_turn_not_a_wish() -> None:
    (found,) = diagnose(run((3, 3.1), (2, 2.4), (1, 2.2), (0.4, 2.6)))
    assert found.key == "memorises"
    assert found.values["best"] == 2.2 and found.values["step"] == 3
    assert found.values["times"] == pytest.approx(9.03, abs=0.01)
    assert keys(run((3, 3.1), (2, 2.2), (1.5, 2.1))) == ["gap"]
    assert keys(run((3, 3.1), (2, 2.2), (1.9, 2.1))) == ["fine"]
    assert keys(run((3, 3.1), (2, 2.2), (2.3, 2.6))) == ["fine"]  # both rose: no learning by heart


def test_other_ends() -> None:
    assert keys([]) == []
    assert keys([Progress(1, 9, {"loss": 3.0})]) == ["early"]
    assert keys(run((2, 2), (float("nan"), 2))) == ["burst"]
    assert keys(run((2, 2), (5, 2))) == ["burst"]
    for accuracy, key in ((0.995, "solved"), (0.4, "unsolved")):
        sums = {"loss": 1.0, "valid_loss": 1.0, "valid_accuracy": accuracy}
        assert keys([Progress(1, 1, sums)]) == [key]


def test_a_real_run_that_learns_by_heart_says_so() -> None:
    import random

    letters = random.Random(0)
    text = "".join(letters.choice("abcdefgh") for _ in range(400))  # nothing to learn but itself
    config = Config(steps=200, batch_tokens=1024, context=16, layers=1, lr=0.005)
    assert keys(trained(config, text)) == ["memorises"]


def test_trained_in_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus, out = tmp_path / "verse.txt", tmp_path / "gpt.safetensors"
    corpus.write_text(TEXT, encoding="utf-8")
    words = f"train gpt --corpus {corpus} --steps 10 --batch-tokens 256 --context 16 --layers 1"
    words += f" --width 16 --heads 2 --held-out 0.2 --half --out {out}"
    assert cli.main(words.split()) == 0
    checkpoint = load(out, topic="gpt")
    assert Config(**checkpoint.config) == TINY
    assert checkpoint.metrics["valid_loss"] > 0
    assert restore(checkpoint.state, TINY).tokenizer.encode("Trăm")
    capsys.readouterr()
    assert cli.main(["train", "gpt", "--out", str(out)]) == 1  # no text, nothing to learn
    assert "characters are needed" in capsys.readouterr().err


def test_the_bench_prints_both_sides(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    threads = torch.get_num_threads()
    monkeypatch.setattr(bench, "LARGER", Shape(5000, 512, 1, 1, 8))
    monkeypatch.setattr(bench.pretrained, "find", lambda name: None)  # whatever is here or not
    bench.measure(1)
    printed = capsys.readouterr().out
    assert printed.count("ratio") == 3 and "bundled GPT, 100 tokens" in printed
    assert "a branch after 300 tokens" in printed and "weights get smollm2" in printed
    bench.measure_verses(8)
    printed = capsys.readouterr().out
    for word in ("8 couplets from no opening", "8 couplets from 50 openings"):
        assert word in printed
    for word in ("exactly 6 and 8", "level tones", "stand in the poem"):
        assert printed.count(word) == 2
    torch.set_num_threads(threads)
