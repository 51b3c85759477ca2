"""Ten seeds are ten runs, and on average they are as good as promised."""

from dataclasses import replace

import numpy as np
import pytest

from dlcore.mlp import BEST_ON_TUTORIAL, job, seeds_job
from tests.mlp_runs import TINY, last


def test_ten_seeds_are_ten_runs() -> None:
    events = list(seeds_job(TINY, count=3))
    singles = [last(job(replace(TINY, seed=s))).metrics["valid_accuracy"] for s in range(3)]
    assert len(events) == TINY.epochs
    final = events[-1]
    assert final.snapshot.accuracy.tolist() == singles
    assert final.metrics["valid_accuracy"] == pytest.approx(np.mean(singles))
    assert final.metrics["valid_accuracy_low"] == min(singles)
    assert final.metrics["valid_accuracy_high"] == max(singles)


def test_the_defaults_reach_94_5_percent_on_the_tutorials_table() -> None:
    event = last(seeds_job(BEST_ON_TUTORIAL, count=10))
    assert event.metrics["valid_accuracy"] >= 0.945
    assert event.metrics["valid_accuracy_low"] >= 0.92
