"""The cards of the game: which real pictures and which noise each step of a GAN gets to see.

Told by the seed and the step's number alone: there is no hidden state of a random generator to
keep. So a run that was paused, or is played by hand, meets the same cards as one that ran through.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dlcore.data.mnist import Mnist
from dlcore.gan_networks import to_signed
from dlcore.updates import Batches

_NOISE = 1_000_000_007  # keeps the noise of neighbouring seeds apart


@dataclass(frozen=True)
class Batch:
    """What one step sees: real pictures (B, 28, 28) in [-1, 1], noise (N, noise_dim), labels."""

    real: Tensor
    real_labels: Tensor | None  # (B,), told to a conditional GAN only
    noise: Tensor
    labels: Tensor | None  # (N,): what the generator is asked to draw
    mix: Tensor  # (B, 1, 1) in [0, 1], for `gradient_penalty`


class Deck:
    """Deals the pictures and the noise of every move.

    steps: how many `config.epochs` passes over the pictures take.
    """

    def __init__(self, data: Mnist, config: Any) -> None:
        images, labels = data.train_images, data.train_labels
        if config.digits != "all":
            chosen = labels == int(config.digits)
            images, labels = images[chosen], labels[chosen]
        count = max(config.batch_size, round(config.train_share * len(labels)))
        self.images, self.labels = images[:count], labels[:count]  # MNIST is in random order
        self.config, self._rng = config, torch.Generator()
        self.batches = Batches(len(self.labels), config.batch_size, config.seed)
        self.steps = max(1, round(config.epochs * self.batches.per_epoch / config.d_steps))

    def deal(self, step: int, turn: int) -> Batch:
        """What a step shows in the discriminator's move number `turn`, both counted from 0."""
        config = self.config
        update = step * config.d_steps + turn
        rows = self.batches.rows(update)
        rng = self._rng.manual_seed((config.seed + 1) * _NOISE + update)
        size = config.batch_size  # also where the last real pictures are fewer
        noise = torch.randn(size, config.noise_dim, generator=rng)
        real, real_labels = self.images[rows], self.labels[rows]
        mix = torch.rand(len(real), 1, 1, generator=rng)
        if config.variant != "conditional":
            return Batch(to_signed(real), None, noise, None, mix)
        wanted = self.labels[torch.randint(len(self.labels), (size,), generator=rng)]
        return Batch(to_signed(real), real_labels, noise, wanted, mix)


def either(batch: Batch) -> Tensor | None:
    """The labels of a batch's real pictures and then of its fakes (B + N,), or None."""
    if batch.real_labels is None or batch.labels is None:
        return None
    return torch.cat([batch.real_labels, batch.labels])
