"""The two players of a GAN: a generator that draws digits, a discriminator that doubts them.

Three pairs. The dense one is the tutorial's: it sees a picture as a row of 784 numbers. The
convolutional one (DCGAN; Radford, Metz and Chintala, 2016) draws with strokes instead of pixels,
and has a quarter of the weights. The conditional one (Mirza and Osindero, 2014) is the dense one
with the digit's name told to both players. Pictures are in [-1, 1]: -1 paper, 1 ink.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DIGITS = 10


class Generator(nn.Module):
    """Noise in, pictures out: noise-256-512-1024-784, LeakyReLU 0.2, BatchNorm, tanh.

    classes: 0, or how many kinds there are to choose from; then forward needs labels.
    """

    def __init__(self, noise_dim: int = 100, *, batch_norm: bool = True, classes: int = 0) -> None:
        super().__init__()
        self.noise_dim, self.classes = noise_dim, classes
        sizes = (noise_dim + classes, 256, 512, 1024)
        layers: list[nn.Module] = []
        for below, units in zip(sizes, sizes[1:], strict=False):
            layers.append(nn.Linear(below, units))
            if batch_norm:  # every unit back to mean 0, deviation 1 over the batch
                layers.append(nn.BatchNorm1d(units))
            layers.append(nn.LeakyReLU(0.2))
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], 28 * 28), nn.Tanh())

    def forward(self, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        """noise (N, noise_dim), labels (N,) int64 or None -> pictures (N, 28, 28) in [-1, 1]."""
        told = join(noise, labels, self.classes)  # (N, noise_dim + classes)
        return self.layers(told).view(-1, 28, 28)


class Discriminator(nn.Module):
    """A picture in, one score out: 784-512-256-128-1, LeakyReLU 0.2. Above 0: it looks real.

    The sigmoid that makes a probability of the score is in the loss, where no digit is rounded off.
    """

    def __init__(self, *, classes: int = 0) -> None:
        super().__init__()
        self.classes = classes
        self.layers = nn.Sequential(
            nn.Linear(28 * 28 + classes, 512), nn.LeakyReLU(0.2),
            nn.Linear(512, 256), nn.LeakyReLU(0.2),
            nn.Linear(256, 128), nn.LeakyReLU(0.2),
            nn.Linear(128, 1),
        )  # fmt: skip

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """images (N, 28, 28) in [-1, 1], labels (N,) or None -> scores (N,)."""
        told = join(images.flatten(1), labels, self.classes)  # (N, 784 + classes)
        return self.layers(told).squeeze(1)


class ConvGenerator(nn.Module):
    """Noise -> 64 small maps of 7x7 -> 32 of 14x14 -> one picture of 28x28."""

    def __init__(self, noise_dim: int = 100, *, batch_norm: bool = True) -> None:
        super().__init__()
        self.noise_dim, self.classes = noise_dim, 0
        norm = nn.BatchNorm2d if batch_norm else nn.Identity
        self.layers = nn.Sequential(
            nn.Linear(noise_dim, 64 * 7 * 7), nn.Unflatten(1, (64, 7, 7)), norm(64), nn.ReLU(),
            # A transposed convolution lays its kernel, weighed, around every point: it enlarges.
            nn.ConvTranspose2d(64, 32, kernel_size=4, stride=2, padding=1), norm(32), nn.ReLU(),
            nn.ConvTranspose2d(32, 1, kernel_size=4, stride=2, padding=1), nn.Tanh(),
        )  # fmt: skip

    def forward(self, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        """noise (N, noise_dim) -> pictures (N, 28, 28) in [-1, 1]."""
        return self.layers(noise).squeeze(1)


class ConvDiscriminator(nn.Module):
    """28x28 -> 32 maps of 14x14 -> 64 of 7x7 -> one score."""

    def __init__(self) -> None:
        super().__init__()
        self.classes = 0
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, kernel_size=4, stride=2, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(32, 64, kernel_size=4, stride=2, padding=1), nn.LeakyReLU(0.2),
            nn.Flatten(), nn.Linear(64 * 7 * 7, 1),
        )  # fmt: skip

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """images (N, 28, 28) in [-1, 1] -> scores (N,)."""
        return self.layers(images.unsqueeze(1)).squeeze(1)


class GAN(nn.Module):
    """Both players, so that they are saved and moved together. They share nothing."""

    def __init__(self, generator: nn.Module, discriminator: nn.Module) -> None:
        super().__init__()
        self.generator, self.discriminator = generator, discriminator


def join(inputs: Tensor, labels: Tensor | None, classes: int) -> Tensor:
    """inputs (N, D), and beside each row its label as a row with a single 1: (N, D + classes)."""
    if not classes:
        return inputs
    if labels is None:
        raise ValueError("this network was taught with labels and needs them")
    return torch.cat([inputs, F.one_hot(labels, classes).to(inputs.dtype)], dim=1)


def to_signed(images: Tensor) -> Tensor:
    """Stored pictures, uint8 0 … 255, as the networks want them: float in [-1, 1]."""
    return images.float().div_(127.5).sub_(1)


def to_stored(images: Tensor) -> Tensor:
    """Pictures in [-1, 1] as they are stored and shown: uint8, 255 ink."""
    return images.add(1).mul(127.5).round().clamp(0, 255).byte()
