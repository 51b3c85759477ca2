"""Which rows an update sees, and which units it leaves out, told by the seed and its number alone.

So a run that was paused, stepped through by hand or continued tomorrow makes the same updates, to
the last bit, as one that ran through: there is no hidden state of a random generator to keep.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

_FAR = 1_000_003  # keeps the numbers of neighbouring seeds apart
_DROPOUT = 500_000_000


class Batches:
    """`count` rows in batches of `size`, in a new order each epoch; in file order if all at once.

    per_epoch: how many updates see every row once.
    """

    def __init__(self, count: int, size: int, seed: int) -> None:
        self.count, self.size, self.seed = count, min(size, count), seed
        self.per_epoch = math.ceil(count / self.size)
        self._rng = torch.Generator()
        self._epoch, self._order = -1, list[Tensor]()

    def rows(self, update: int) -> Tensor | slice:
        """The rows of update number `update`, counted from 0: int64 (B,), or all of them."""
        if self.size == self.count:
            return slice(0, self.count)
        epoch, number = divmod(update, self.per_epoch)
        if epoch != self._epoch:
            self._rng.manual_seed(self.seed * _FAR + epoch)
            order = torch.randperm(self.count, generator=self._rng)
            self._epoch, self._order = epoch, list(order.split(self.size))
        return self._order[number]

    def masks(self, update: int, rows: int, units: Sequence[int], rate: float) -> list[Tensor]:
        """Dropout (Srivastava et al., 2014): for each layer (rows, units), 0 for a silent unit.

        Each is silent with probability `rate`; the others speak 1 / (1 - rate) times as loud, so
        that the layer above hears as much as it will when nobody is silent. No masks for rate 0.
        """
        if not rate:
            return []
        self._rng.manual_seed(self.seed * _FAR + _DROPOUT + update)
        speaks = torch.rand(rows, sum(units), generator=self._rng) >= rate
        return list((speaks / (1 - rate)).split(list(units), dim=1))
