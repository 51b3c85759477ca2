"""What the tests of the GAN and of its parts share: a tiny game, and how games are compared."""

import dataclasses
from functools import cache
from typing import Any

import numpy as np

from dlcore import gan
from dlcore.data.mnist import Mnist, load_mnist
from dlcore.gan_hand import HandStep, hand_step
from dlcore.progress import Progress

QUICK = gan.Config(epochs=2, batch_size=32, precision="float32")


@cache
def tiny() -> Mnist:
    """100 images: with 32 a batch, the last one of an epoch has four."""
    data = load_mnist()
    return Mnist(
        data.train_images[:100], data.train_labels[:100],
        data.test_images[:10], data.test_labels[:10],
    )  # fmt: skip


def run(data: Mnist, config: gan.Config, **options: Any) -> list[Progress]:
    return list(gan.train(gan.build(config), data, config, **options))


def settings(variant: str, **others: Any) -> gan.Config:
    return dataclasses.replace(QUICK, variant=variant, **others)


def play(
    state: Any, config: gan.Config, which: Any, data: Mnist, step: int = 0
) -> tuple[dict[str, np.ndarray], HandStep]:
    return hand_step(state, config, which, data, step)


def same(a: Any, b: Any) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)
