"""A half-precision matrix times one vector, by the quicker of the two ways that PyTorch has.

Where a processor has instructions of its own for half precision, PyTorch leaves such products to
the library oneDNN, which lays the matrix out anew before each. Many vectors at once repay that; for
a single one, as for each token that a model writes, it costs twice what the product itself does.
PyTorch's own loop reads the matrix as it lies. Which is quicker here is found out by trying.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from time import perf_counter
from typing import Any

import torch
import torch.nn.functional as F

onednn: Any = torch.backends.mkldnn  # its former name
_QUICKER = 1.25  # oneDNN is switched off for everybody, so a small gain is none
_TRIES, _MATRICES = 3, 16
_lock = Lock()
_inside = 0
_was_on = True


@contextmanager
def quick_half_products() -> Iterator[None]:
    """Inside the block a half-precision matrix meets a single vector as fast as it can here."""
    if gain() < _QUICKER:
        yield
        return
    with without_onednn():
        yield


@contextmanager
def without_onednn() -> Iterator[None]:
    """PyTorch's own loops inside the block. The switch is one for all threads: the first that comes
    in turns it off, the last that leaves turns it back."""
    global _inside, _was_on
    with _lock:
        if not _inside:
            _was_on, onednn.enabled = onednn.enabled, False
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                onednn.enabled = _was_on


@cache
def gain(dtype: torch.dtype = torch.float16) -> float:
    """How many times as fast the product is without oneDNN; about 1 where it is not used anyway."""
    # Together more than a processor keeps at hand, like a model's: reading them is what takes time.
    matrices = torch.ones(_MATRICES, 3072, 576, dtype=dtype)
    vector = torch.ones(1, 576, dtype=dtype)

    def seconds() -> float:
        begun = perf_counter()
        for matrix in matrices:
            F.linear(vector, matrix)
        return perf_counter() - begun

    with_it = min(seconds() for _ in range(_TRIES))
    with without_onednn():
        without = min(seconds() for _ in range(_TRIES))
    return with_it / without
