"""What the tests of the VAE and of its parts share: few images and a short training."""

from functools import cache

import torch
from torch import Tensor

from dlcore.data.mnist import Mnist, load_mnist
from dlcore.vae import Config, to_pixels

TINY = Config(epochs=2, batch_size=50, lr=5e-3, hidden="256,128", precision="float32")


@cache
def tiny() -> Mnist:
    """The first 1,000 and 600 images."""
    whole = load_mnist()
    return Mnist(
        whole.train_images[:1000], whole.train_labels[:1000],
        whole.test_images[:600], whole.test_labels[:600],
    )  # fmt: skip


@cache
def pixels() -> Tensor:
    return to_pixels(tiny().test_images[:6])


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
