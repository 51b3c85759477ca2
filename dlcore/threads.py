"""How many cores a training takes."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one core inside the block, for networks whose steps take a fraction of a
    millisecond: handing halves of such a step to another core and waiting for them takes as long
    as computing them, and on a shared machine many times longer.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
