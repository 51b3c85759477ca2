"""Pictures that a network finds alike: neighbours in its feature space.

Before the last layer every picture is a row of numbers, its features. Rows that point in nearly the
same direction belong to pictures that the network would answer nearly alike, whatever their pixels:
their *cosine similarity* is near 1. A prediction can be explained by them ("because of these"),
which needs neither gradients nor labels (Papernot and McDaniel, "Deep k-nearest neighbors", 2018,
https://arxiv.org/abs/1803.04765).
"""

from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Nearest:
    """The most similar rows, the best first: positions (k,) int64, similarities (k,) in [-1, 1]."""

    positions: np.ndarray
    similarities: np.ndarray


def nearest_rows(query: Tensor, features: Tensor, count: int) -> Nearest:
    """The `count` rows of `features` (M, D) most similar to `query` (D,); all of them if fewer.

    Of equally similar ones the earlier first. A row of zeros is similar to none: 0.
    """
    similarities = F.normalize(features, dim=1) @ F.normalize(query, dim=0)  # (M,)
    best, order = similarities.sort(descending=True, stable=True)
    return Nearest(order[:count].numpy(), best[:count].numpy())
