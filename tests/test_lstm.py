"""The LSTM against `nn.LSTM`, sentences alone against sentences in batches, and its training."""

import dataclasses
import itertools
from collections.abc import Generator

import numpy as np
import pytest
import torch
from torch import nn

from dlcore.data.opinions import FIVE, OpinionError
from dlcore.lstm import (
    TUTORIAL,
    Config,
    LSTMCellByHand,
    Mean,
    Snapshot,
    build,
    encode,
    evaluate,
    job,
    predict,
    restore,
    train,
)
from dlcore.lstm_trace import trace
from dlcore.settings import SettingError
from dlcore.text import PAD, UNKNOWN
from tests.readers import KINDS, TEXTS, TINY, few_opinions, new_reader, reader


def test_the_preset_is_the_tutorials_network() -> None:
    model = build(TUTORIAL, [text for _, text in FIVE])
    assert isinstance(model.recurrent, nn.LSTM)
    assert (model.recurrent.input_size, model.recurrent.hidden_size) == (16, 32)
    assert not model.recurrent.bidirectional and model.dropout.p == 0
    assert (model.head.in_features, model.head.out_features) == (32, 1)
    assert (TUTORIAL.epochs, TUTORIAL.lr, TUTORIAL.tokens) == (50, 1e-2, "word")
    assert model.embedding.padding_idx == PAD != UNKNOWN
    assert min(model.vocabulary.number.values()) == 2  # no word shares a number with padding


@torch.no_grad()
@pytest.mark.parametrize("kind, both", KINDS)
def test_a_sentence_alone_is_read_as_in_any_batch(kind: str, both: bool) -> None:
    model = reader(kind, both)
    together = predict(model, TEXTS)
    alone = np.concatenate([predict(model, [text]) for text in TEXTS])
    assert np.abs(together - alone).max() < 1e-6
    ids, lengths = encode(model, TEXTS)
    wider = nn.functional.pad(ids, (0, 0, 0, 30), value=PAD)  # padding is never read
    assert np.abs(model(wider, lengths).sigmoid().numpy() - alone).max() < 1e-6


@torch.no_grad()
def test_the_cell_by_hand_is_torchs_lstm_cell() -> None:
    model = reader()
    assert isinstance(model.recurrent, nn.LSTM)
    reference = nn.LSTMCell(TINY.embedding, TINY.hidden)
    reference.load_state_dict(
        {name.removesuffix("_l0"): value for name, value in model.recurrent.state_dict().items()}
    )
    word, hidden, cell = torch.randn(4, TINY.embedding), *torch.randn(2, 4, TINY.hidden)
    mine = LSTMCellByHand(model.recurrent)(word, hidden, cell, {})
    theirs = reference(word, (hidden, cell))
    torch.testing.assert_close(mine["hidden"], theirs[0], atol=1e-6, rtol=0)
    torch.testing.assert_close(mine["cell"], theirs[1], atol=1e-6, rtol=0)


def test_a_tiny_training_learns_and_an_untrained_reader_does_not() -> None:
    data, model = few_opinions(), new_reader()
    assert evaluate(model, data, data.train).accuracy < 0.65
    events = list(train(model, data, dataclasses.replace(TINY, epochs=8)))
    last = events[-1]
    assert evaluate(model, data, data.train).accuracy > 0.9
    # too few sentences to generalise from; but the number told is the kept reader's own
    assert last.metrics["test_accuracy"] == evaluate(model, data, data.test).accuracy
    steps = -(-len(data.train) // TINY.batch_size)
    assert last.step == last.total == len(events) == 8 * steps
    ends = [e.step for e in events if "valid_accuracy" in e.metrics]
    assert ends == [steps * n for n in range(1, 9)]
    assert [e.step for e in events if "test_accuracy" in e.metrics] == [8 * steps]
    assert all({"loss", "accuracy"} <= e.metrics.keys() for e in events)


def test_the_tutorials_five_sentences_are_learnt_by_heart() -> None:
    *_, last = job(TUTORIAL)
    assert last.step == 50
    model = restore(last.snapshot.state, TUTORIAL)
    answers = predict(model, [text for _, text in FIVE]) > 0.5
    assert answers.tolist() == [label == 1 for label, _ in FIVE]
    assert set(last.metrics) == {"loss", "accuracy"}  # nothing is left to validate or test on


def test_the_same_seed_gives_the_same_last_digit_and_another_does_not() -> None:
    data = few_opinions()
    configs = [TINY, TINY, dataclasses.replace(TINY, seed=1)]
    first, second, third = (
        list(train(build(c, data.texts(data.train)), data, c, watch=TEXTS[1])) for c in configs
    )
    assert [e.metrics for e in first] == [e.metrics for e in second]
    assert first[-1].snapshot.watched.tolist() == second[-1].snapshot.watched.tolist()
    assert first[-1].metrics != third[-1].metrics


def test_the_watched_sentence_is_read_by_the_network_of_that_moment() -> None:
    data, model = few_opinions(), new_reader()
    events = list(train(model, data, TINY, watch=TEXTS[1]))
    snapshots = [e.snapshot for e in events if e.snapshot is not None]
    assert len(snapshots) >= TINY.epochs
    for snapshot in (snapshots[0], snapshots[-1]):
        assert isinstance(snapshot, Snapshot)
        then = restore(snapshot.state, TINY)
        # The state keeps the words' vectors in half the digits.
        np.testing.assert_allclose(snapshot.watched, trace(then, TEXTS[1]).probabilities, atol=1e-3)
    assert not np.array_equal(snapshots[0].watched, snapshots[-1].watched)
    unwatched = next(e.snapshot for e in train(model, data, TINY) if e.snapshot)
    assert unwatched.watched.size == 0


def test_close_at_any_moment_leaves_a_usable_reader() -> None:
    steps = train(new_reader(), few_opinions(), TINY)
    events = list(itertools.islice(steps, 7))
    assert isinstance(steps, Generator)
    steps.close()
    latest = [e for e in events if e.snapshot is not None][-1]
    assert 0 < predict(restore(latest.snapshot.state, TINY), TEXTS)[0] < 1


def test_the_mean_of_the_weights_is_their_mean() -> None:
    model = new_reader()
    mean = Mean(model, averaging=0.9)
    total, weights = 0.0, 0.0
    for n in range(5):
        with torch.no_grad():
            model.head.bias.fill_(n)
        mean.update()
        total, weights = 0.9 * total + n, 0.9 * weights + 1
    assert mean.model.head.bias.item() == pytest.approx(total / weights, rel=1e-5)
    latest = Mean(model, averaging=0.0)
    latest.update()
    assert latest.model.head.bias.item() == 4


@pytest.mark.parametrize(
    "field, value",
    [("data", "fr"), ("model", "transformer"), ("epochs", 0), ("lr", float("nan")),
     ("hidden", 10**6), ("tokens", "letter"), ("dropout", 1.0), ("bidirectional", 1)],
)  # fmt: skip
def test_a_bad_setting_is_named(field: str, value: object) -> None:
    with pytest.raises(SettingError) as caught:
        Config(**{field: value})  # type: ignore[arg-type]
    assert caught.value.field == field


def test_a_csv_of_the_users_own_is_learnt() -> None:
    rows = [f"{word} {n},{label}" for n in range(30) for word, label in (("zin", 1), ("zoq", 0))]
    config = Config(data="csv", epochs=20)
    *_, last = job(config, "text,label\n" + "\n".join(rows))
    assert last.metrics["test_accuracy"] == 1.0
    with pytest.raises(OpinionError):
        next(job(config))


@pytest.mark.slow
def test_the_default_settings_read_most_of_the_vietnamese_test_part() -> None:
    *_, last = job(Config())
    assert last.metrics["test_accuracy"] >= 0.82
