"""Each failure is real and is found out; a good run is not accused."""

import numpy as np
import pytest

from dlcore.mlp import BREAK, Config, diagnose, job, load
from dlcore.progress import Progress
from tests.mlp_runs import TINY, default_run, last


@pytest.mark.parametrize("name", BREAK)
def test_each_failure_is_real_and_found_out_from_the_run(name: str) -> None:
    config = BREAK[name]
    table, events = load(config), list(job(config))
    found = diagnose(events, events[-1].snapshot, table)
    assert found[0].key == name
    assert all(np.isfinite(value) for value in found[0].values.values())
    if name != "overfit":
        healthy = default_run(config.dataset)[-1].metrics
        assert healthy["valid_accuracy"] > events[-1].metrics["valid_accuracy"] + 0.02


@pytest.mark.parametrize("dataset", ["circles", "moons", "gaussians", "tutorial"])
def test_a_good_run_is_not_accused(dataset: str) -> None:
    config, events = Config(dataset=dataset), default_run(dataset)
    keys = [f.key for f in diagnose(events, events[-1].snapshot, load(config))]
    assert keys == ["fine"]


def test_equal_first_weights_stay_equal_and_are_named() -> None:
    config = Config(init="zeros", activation="tanh", hidden="8", epochs=5, dropout=0.0)
    events = list(job(config))
    keys = [f.key for f in diagnose(events, events[-1].snapshot, load(config))]
    assert "symmetric" in keys


def test_a_loss_that_is_no_number_is_a_rate_too_high() -> None:
    events = [
        Progress(i, 9, {"loss": v, "accuracy": 0.5, "valid_loss": v, "valid_accuracy": 0.5})
        for i, v in enumerate([0.7, 30.0, float("nan")])
    ]
    table, snapshot = load(TINY), last(job(TINY)).snapshot
    first = diagnose(events, snapshot, table)[0]
    assert (first.key, first.values["worst"]) == ("rate", 30.0)
