"""Fields against the units themselves, planes against scikit-learn, health by hand."""

import dataclasses
import itertools
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from dlcore.data.tables import Table
from dlcore.judgement import judge
from dlcore.mlp import (
    BEST_ON_TUTORIAL,
    Config,
    build,
    diagnose,
    edit,
    job,
    load,
    predict,
    restore,
    train,
)
from tests.mlp_runs import TINY, last


def test_the_fields_are_the_units_own_answers() -> None:
    config = replace(TINY, activation="tanh")
    event, table = last(job(config)), load(config)
    picture, model = event.snapshot.picture, restore(event.snapshot.state, config)
    assert picture.fields.shape == (12, 24, 24) and picture.fields.dtype == np.uint8
    assert picture.output.shape == (60, 60) and picture.planes is None
    x_low, x_high, y_low, y_high = picture.view
    assert x_low < table.features[:, 0].min() and y_high > table.features[:, 1].max()
    # The top right cell of the output, and one cell of the third unit of layer 2, by hand.
    corner = [x_high - (x_high - x_low) / 120, y_high - (y_high - y_low) / 120]
    chance = predict(model, np.array([corner]))[0, 1].item()
    assert picture.output[0, 59] == round(255 * chance)
    grid = [
        [x_low + (c + 0.5) / 24 * (x_high - x_low), y_high - (r + 0.5) / 24 * (y_high - y_low)]
        for r in range(24)
        for c in range(24)
    ]
    with torch.no_grad():
        unit = model.trace(torch.tensor(grid))[1][:, 2]
    field = (128 + 127 * unit / unit.abs().max()).round().view(24, 24)
    assert np.abs(picture.fields[6 + 2].astype(int) - field.numpy()).max() <= 1


def test_many_units_get_smaller_fields_and_three_classes_no_output() -> None:
    config = replace(TINY, hidden="64,20", epochs=1)
    assert last(job(config)).snapshot.picture.fields.shape == (85, 16, 16)
    rows = ["x,y,kind"] + [f"{i % 7},{i * 3 % 11},{'abc'[i % 3]}" for i in range(60)]
    snapshot = last(job(Config(dataset="csv", epochs=1), "\n".join(rows), "kind")).snapshot
    assert snapshot.picture.output is None and snapshot.picture.fields is not None
    assert [plane.shape for plane in snapshot.picture.planes] == [(60, 2)] * 3


def test_the_planes_are_principal_components_and_stay_the_right_way_up() -> None:
    config = replace(BEST_ON_TUTORIAL, epochs=3)
    table = load(config)
    events = list(train(build(config, table), table, config, watch_s=0.0))
    pictures = [e.snapshot.picture for e in events if e.snapshot]
    assert len(pictures) == 3
    first, final = pictures[0], pictures[-1]
    assert [p.shape for p in first.planes] == [(400, 2)] * 3
    assert first.shown.shape == (400,) and first.planes[0].dtype == np.int8
    # The reference: scikit-learn's PCA, up to a turn. Distances between rows know no turn.
    model = restore(events[-1].snapshot.state, config)
    with torch.no_grad():
        hidden = model.trace(torch.from_numpy(table.features[first.shown]))[0].numpy()
    reference = PCA(2).fit_transform(hidden)
    ours = final.planes[1].astype(float)
    far = [np.linalg.norm(p[:, None] - p, axis=2).ravel() for p in (ours, reference)]
    assert np.corrcoef(*far)[0, 1] > 0.999
    assert np.abs(first.planes[0].astype(int) - final.planes[0]).max() <= 1  # inputs never move
    for before, after in itertools.pairwise(pictures):
        for old, new in zip(before.planes, after.planes, strict=True):
            assert (old.astype(float) * new).sum() > 0
            assert old.shape == new.shape


def test_health_counts_dead_and_saturated_units() -> None:
    relu = replace(TINY, activation="relu", epochs=1)
    table, snapshot = load(relu), last(job(relu)).snapshot
    dead = snapshot
    for unit in range(3):
        dead = edit(dead, table, relu, layer=0, unit=unit, source=None, value=-900.0)
    assert dead.health.dead[0] >= 0.5 > snapshot.health.dead[0]
    assert dead.health.saturated == (0.0, 0.0)
    sigmoid = replace(TINY, activation="sigmoid", init="large", epochs=1)
    assert last(job(sigmoid)).snapshot.health.saturated[1] > 0.3


@pytest.mark.parametrize("dataset", ["circles", "tutorial"])
@pytest.mark.parametrize("activation", ["linear", "relu", "tanh"])
def test_a_network_that_ran_away_can_still_be_looked_at(dataset: str, activation: str) -> None:
    config = Config(
        dataset=dataset, activation=activation, optimizer="momentum", lr=100.0, epochs=8,
        schedule="constant", standardize=False, stretch=1000.0, hidden="16,16", l2=1.0,
    )  # fmt: skip
    events = list(job(config))
    snapshot, table = events[-1].snapshot, load(config)
    assert diagnose(events, snapshot, table)[0].key == "rate"
    judged = judge(snapshot.judged.probabilities, snapshot.judged.labels)
    assert 0.3 < judged.accuracy < 0.7
    edit(snapshot, table, config, layer=0, unit=0, source=0, value=0.0)


def test_a_snapshot_is_small_and_plain() -> None:
    snapshot = last(job(replace(BEST_ON_TUTORIAL, epochs=1))).snapshot
    assert len(pickle.dumps(snapshot)) < 100_000
    assert all(not isinstance(value, Tensor) for value in vars(snapshot.picture).values())
    assert {f.name for f in dataclasses.fields(Table)} >= {"train", "held_out"}
