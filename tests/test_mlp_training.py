"""Training against the tutorial's own loop; runs that are paused, stepped, stopped, continued."""

import itertools
import pickle
from collections.abc import Generator
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dlcore.data.tables import DATASETS, TableError
from dlcore.judgement import judge, logistic
from dlcore.mlp import TUTORIAL, Config, build, diagnose, job, load, restore, train
from tests.mlp_runs import TINY, default_run, iris_csv, last, same


def test_the_tutorials_preset_is_the_tutorials_loop() -> None:
    """Plain PyTorch with autograd, BCELoss and torch.optim.Adam, from the same seed."""
    table = load(TUTORIAL)
    x, y = torch.from_numpy(table.features), torch.from_numpy(table.labels)[:, None].float()
    for seed in (0, 5):
        config = replace(TUTORIAL, seed=seed)
        torch.manual_seed(seed)
        model = nn.Sequential(
            nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(),
            nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1), nn.Sigmoid(),
        )  # fmt: skip
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for _ in range(50):
            loss = F.binary_cross_entropy(model(x[table.train]), y[table.train])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            chance = model(x[table.held_out])[:, 0].numpy()
        ours = last(job(config))
        assert ours.step == 50
        np.testing.assert_allclose(ours.snapshot.judged.probabilities[:, 1], chance, atol=2e-3)
        right = ((chance > 0.5) == table.labels[table.held_out]).mean()
        assert ours.metrics["valid_accuracy"] == pytest.approx(right, abs=0.006)


@pytest.mark.parametrize(
    "config",
    [
        TINY,
        replace(TINY, optimizer="momentum", schedule="constant", activation="tanh"),
        replace(TINY, batch_size=2048, dropout=0.0, schedule="one-cycle", optimizer="rmsprop"),
    ],
)
def test_stepping_and_pausing_make_one_run_bit_for_bit(config: Config) -> None:
    whole = last(job(config))
    snapshot, strides = None, itertools.cycle([1, 3, 2])
    while snapshot is None or snapshot.step < whole.total:
        done = snapshot.step if snapshot else 0
        count = min(next(strides), whole.total - done)
        events = list(job(config, start=snapshot, updates=count))
        assert events[-1].step == events[-1].total == done + count
        snapshot = pickle.loads(pickle.dumps(events[-1].snapshot))
    assert same(snapshot, whole.snapshot)
    assert events[-1].metrics == whole.metrics


def test_going_on_after_stop_reaches_the_same_end_and_then_begins_again() -> None:
    table, model = load(TINY), build(TINY, load(TINY))
    steps = train(model, table, TINY, watch_s=0.0)
    assert isinstance(steps, Generator)
    stopped = next(e.snapshot for e in steps if e.snapshot and e.step >= 10)
    steps.close()
    whole = last(job(TINY))
    assert same(last(job(TINY, start=stopped)).snapshot, whole.snapshot)
    again = list(job(TINY, start=whole.snapshot))
    assert (again[0].step, again[-1].step) == (whole.total + 1, 2 * whole.total)
    assert np.isfinite(again[-1].metrics["loss"])


def test_another_network_cannot_go_on_from_here() -> None:
    snapshot = last(job(TINY)).snapshot
    with pytest.raises(TableError) as caught:
        list(job(replace(TINY, hidden="7,5"), start=snapshot, updates=1))
    assert caught.value.key == "mlp.errors.other_network"
    # Another optimiser can: it begins without memories.
    assert last(job(replace(TINY, optimizer="sgd"), start=snapshot, updates=1)).step == 25


def test_events_say_what_the_curves_need() -> None:
    events = list(job(TINY))
    per_epoch = 6  # 96 rows, 16 at a time
    assert events[-1].step == events[-1].total == 4 * per_epoch
    assert [e.step for e in events if "grad_norm" in e.metrics] == list(range(1, 25))
    ends = [e for e in events if "loss" in e.metrics]
    assert [e.step for e in ends] == [6, 12, 18, 24]
    assert all(
        e.metrics.keys() == {"loss", "accuracy", "valid_loss", "valid_accuracy"} for e in ends
    )
    assert ends[0].snapshot is not None and ends[-1].snapshot is not None
    each = [e for e in job(TINY, updates=3) if "loss" in e.metrics]
    assert [e.step for e in each] == [1, 2, 3]


def test_metrics_are_those_of_the_networks_own_answers() -> None:
    table, event = load(TINY), last(job(TINY))
    model = restore(event.snapshot.state, TINY)
    for prefix, rows in (("", table.train), ("valid_", table.held_out)):
        with torch.no_grad():
            logits = model(torch.from_numpy(table.features[rows]))[:, 0]
        labels = torch.from_numpy(table.labels[rows]).float()
        loss = F.binary_cross_entropy_with_logits(logits, labels).item()
        assert event.metrics[f"{prefix}loss"] == pytest.approx(loss, rel=1e-4)
        right = ((logits > 0) == (labels > 0.5)).float().mean().item()
        assert event.metrics[f"{prefix}accuracy"] == pytest.approx(right)


def test_the_seed_decides_and_only_the_seed() -> None:
    first, again, other = (last(job(replace(TINY, seed=s))).snapshot for s in (1, 1, 2))
    assert same(first, again) and not same(first, other)


@pytest.mark.parametrize("dataset", ["circles", "moons", "xor", "gaussians", "spiral"])
def test_the_defaults_learn_every_shape(dataset: str) -> None:
    assert default_run(dataset)[-1].metrics["valid_accuracy"] >= 0.93
    straight = logistic(load(Config(dataset=dataset))).judgement.accuracy
    if dataset in ("circles", "xor", "spiral"):
        assert straight < 0.75  # so it was the hidden layers that did it


@pytest.mark.parametrize("dataset", DATASETS[:-1])
@pytest.mark.parametrize("share", [0.05, 0.95])
def test_the_smallest_tables_do_not_break_it(dataset: str, share: float) -> None:
    """One row to train on, or one held out."""
    config = Config(dataset=dataset, samples=20, noise=1.0, train_share=share, epochs=2)
    events, table = list(job(config)), load(config)
    answers = events[-1].snapshot.judged
    assert len(answers.labels) == len(table.held_out) == round(20 * (1 - share))
    assert diagnose(events, events[-1].snapshot, table)
    assert 0 <= logistic(table).judgement.accuracy <= 1
    assert judge(answers.probabilities, answers.labels).confusion.sum() == len(answers.labels)


def test_three_classes_from_a_csv() -> None:
    config = Config(dataset="csv", epochs=30)
    event = last(job(config, csv=iris_csv(), target="kind"))
    assert event.metrics["valid_accuracy"] >= 0.9
    chance = event.snapshot.judged.probabilities
    assert chance.shape == (30, 3)
    np.testing.assert_allclose(chance.sum(axis=1), 1, atol=1e-5)
