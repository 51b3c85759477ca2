"""Small trainings run on one core, and give the others back however they end."""

from collections.abc import Callable, Generator

import pytest
import torch

from dlcore import lstm, mlp


@pytest.mark.parametrize(
    "job",
    [
        lambda: mlp.job(mlp.Config(samples=20)),
        lambda: mlp.seeds_job(mlp.Config(samples=20), count=2),
        lambda: lstm.job(lstm.TUTORIAL),
    ],
    ids=["mlp", "seeds", "lstm"],
)
def test_a_training_that_is_stopped_leaves_the_threads_as_they_were(
    job: Callable[[], Generator[object, None, None]],
) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        steps = job()
        next(steps)
        assert torch.get_num_threads() == 1
        steps.close()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
