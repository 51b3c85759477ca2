"""What the tests of the MLP and of its parts share: a tiny run, and how runs are compared."""

import pickle
from functools import cache
from typing import Any

from sklearn.datasets import load_iris

from dlcore.mlp import Config, Snapshot, job
from dlcore.progress import Progress

TINY = Config(dataset="moons", samples=120, hidden="6,5", epochs=4, batch_size=16, dropout=0.2)


def iris_csv() -> str:
    iris = load_iris()
    rows = [
        ",".join(map(str, [*row, iris.target_names[label]]))
        for row, label in zip(iris.data, iris.target, strict=True)
    ]
    return "\n".join(["a,b,c,d,kind", *rows])


@cache
def default_run(dataset: str) -> list[Progress]:
    """Our defaults on a data set: several tests look at the same run."""
    return list(job(Config(dataset=dataset)))


def last(events: Any) -> Progress:
    *_, event = events
    return event


def same(first: Snapshot, second: Snapshot) -> bool:
    """Bit for bit: the weights, what the optimiser remembers, the answers."""
    return (
        {n: v.tobytes() for n, v in first.state.items()}
        == {n: v.tobytes() for n, v in second.state.items()}
        and pickle.dumps(first.optimizer) == pickle.dumps(second.optimizer)
        and first.judged.probabilities.tobytes() == second.judged.probabilities.tobytes()
    )
