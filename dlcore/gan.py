"""A generative adversarial network: two networks play against each other until digits come out.

The generator turns noise into pictures and has never seen a real one. The discriminator sees real
pictures and the generator's, and learns to tell them apart; the generator learns from nothing but
the discriminator's doubts (Goodfellow et al., "Generative adversarial nets", 2014). Look at
`step_discriminator` and `step_generator`: the same loss, pulled at from two ends.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Adam

from dlcore.checkpoint import load as load_checkpoint
from dlcore.data.mnist import Mnist, load_mnist
from dlcore.device import best_dtype
from dlcore.gan_networks import (
    DIGITS,
    GAN,
    ConvDiscriminator,
    ConvGenerator,
    Discriminator,
    Generator,
)
from dlcore.progress import Progress
from dlcore.settings import SettingError, Settings, setting
from dlcore.updates import Batches

VARIANTS = ("tutorial", "least-squares", "wgan-gp", "dcgan", "conditional")
BUNDLED = {
    "tutorial": Path(__file__).parent.parent / "weights" / "gan.safetensors",
    "conditional": Path(__file__).parent.parent / "weights" / "gan_conditional.safetensors",
}
PENALTY = 10.0  # weight of the gradient penalty (Gulrajani et al., 2017)


@dataclass(frozen=True)
class Config(Settings):
    """How the two play. The defaults give digits that one can read within a minute."""

    variant: str = setting("tutorial", choices=VARIANTS)
    epochs: int = setting(12, low=1, high=500)
    batch_size: int = setting(128, low=8, high=1024)
    noise_dim: int = setting(100, low=1, high=256)
    # Twice the tutorial's rate learns in half the time and still stays in balance.
    lr_g: float = setting(4e-4, low=1e-6, high=0.1)
    lr_d: float = setting(4e-4, low=1e-6, high=0.1)
    # Adam's memory of its heading. The opponent moves, so an old heading is soon a wrong one: 0.5
    # instead of the usual 0.9 (Radford et al., 2016).
    beta1: float = setting(0.5, low=0.0, high=0.99)
    beta2: float = setting(0.999, low=0.5, high=0.9999)
    d_steps: int = setting(1, low=1, high=5)  # updates of the discriminator for each of the other
    # Ask the discriminator for 90 % certainty about real pictures only (Salimans et al., 2016): one
    # that is never quite sure always leaves the generator a slope to climb.
    label_smoothing: float = setting(0.1, low=0.0, high=0.3)
    digits: str = setting("all", choices=("all", *map(str, range(DIGITS))))
    train_share: float = setting(1.0, low=0.01, high=1.0)  # share of the training images to use
    batch_norm: bool = setting(True)  # in the generator
    # "auto": bfloat16 where the processor was measured to gain from it.
    precision: str = setting("auto", choices=("auto", "float32", "bfloat16"))
    seed: int = setting(0, low=0, high=2**31 - 1)


TUTORIAL = Config(
    epochs=20, batch_size=64, lr_g=2e-4, lr_d=2e-4, label_smoothing=0.0, precision="float32"
)


@dataclass(frozen=True)
class Snapshot:
    """The game after a step. samples: what the generator makes of the same 64 noises, always.

    state: everything that is needed to go on (weights of both, what their optimizers remember), as
    `pack` makes it. It is 24 MB, so most snapshots go without; the last one never does.
    """

    step: int
    samples: np.ndarray  # (64, 28, 28) uint8
    state: dict[str, np.ndarray] | None = None


def build(config: Config) -> GAN:
    """Two new players; the seed decides their first weights."""
    torch.manual_seed(config.seed)
    if config.variant == "dcgan":
        generator = ConvGenerator(config.noise_dim, batch_norm=config.batch_norm)
        return GAN(generator, ConvDiscriminator())
    classes = DIGITS if config.variant == "conditional" else 0
    return GAN(
        Generator(config.noise_dim, batch_norm=config.batch_norm, classes=classes),
        Discriminator(classes=classes),
    )


def discriminator_loss(real: Tensor, fake: Tensor, config: Config) -> Tensor:
    """How badly the discriminator tells real from fake, given its scores (N,) of either."""
    truth = 1 - config.label_smoothing
    if config.variant == "wgan-gp":  # no right answer: only push the two means apart
        return fake.mean() - real.mean()
    if config.variant == "least-squares":  # scores near 1 for real, 0 for fake (Mao et al., 2017)
        return ((real - truth).square().mean() + fake.square().mean()) / 2
    return (  # a classifier's loss: ln 2 = 0.69 for one that cannot tell
        F.binary_cross_entropy_with_logits(real, torch.full_like(real, truth))
        + F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
    ) / 2


def generator_loss(fake: Tensor, config: Config) -> Tensor:
    """How little the discriminator is fooled, given its scores (N,) of the generator's pictures."""
    if config.variant == "wgan-gp":
        return -fake.mean()
    if config.variant == "least-squares":
        return (fake - 1).square().mean()
    # Not minus the discriminator's loss, which is flat when every fake is seen through, but the
    # loss of calling fakes real, which is steepest there (Goodfellow et al., section 3).
    return F.binary_cross_entropy_with_logits(fake, torch.ones_like(fake))


def gradient_penalty(discriminator: nn.Module, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """Keeps a WGAN's score from being infinitely steep (Gulrajani et al., 2017).

    real, fake (N, 28, 28), mix (N, 1, 1) in [0, 1]: at a point between the two, a step of length 1
    towards any other picture should change the score by about 1.
    """
    between = (mix * real + (1 - mix) * fake).requires_grad_()  # (N, 28, 28)
    scores = discriminator(between)  # (N,)
    (slope,) = torch.autograd.grad(scores.sum(), between, create_graph=True)
    return (slope.float().flatten(1).norm(dim=1) - 1).square().mean()


@dataclass
class Players:
    """The two networks, each with the optimizer that moves it and nothing else."""

    gan: GAN
    optimizer_d: Adam
    optimizer_g: Adam

    @classmethod
    def ready(cls, gan: GAN, config: Config) -> "Players":
        betas = (config.beta1, config.beta2)
        return cls(
            gan.train(),
            Adam(gan.discriminator.parameters(), lr=config.lr_d, betas=betas, fused=True),
            Adam(gan.generator.parameters(), lr=config.lr_g, betas=betas, fused=True),
        )


@dataclass(frozen=True)
class Batch:
    """What one step sees: real pictures (B, 28, 28) in [-1, 1], noise (N, noise_dim), labels."""

    real: Tensor
    real_labels: Tensor | None  # (B,), told to a conditional GAN only
    noise: Tensor
    labels: Tensor | None  # (N,): what the generator is asked to draw
    mix: Tensor  # (B, 1, 1) in [0, 1], for `gradient_penalty`


def step_discriminator(
    players: Players, batch: Batch, fakes: Tensor, config: Config
) -> dict[str, float]:
    """Look at real pictures and at fakes (N, 28, 28), and learn to tell them apart.

    The fakes come detached: no gradient reaches the generator, which must not help its opponent.
    """
    discriminator, count = players.gan.discriminator, len(batch.real)
    with mixed(config):
        both = torch.cat([batch.real, fakes])  # (B + N, 28, 28)
        real, fake = discriminator(both, either(batch)).float().tensor_split([count])
    loss = discriminator_loss(real, fake, config)
    if config.variant == "wgan-gp":
        penalty = gradient_penalty(discriminator, batch.real, fakes[:count], batch.mix)
        loss = loss + PENALTY * penalty
    players.optimizer_d.zero_grad()
    loss.backward()
    players.optimizer_d.step()
    seen_through = config.variant in ("least-squares", "wgan-gp")  # scores, not probabilities
    shown = (real, fake) if seen_through else (real.sigmoid(), fake.sigmoid())
    return {
        "d_loss": loss.item(),
        "d_real": shown[0].mean().item(),
        "d_fake": shown[1].mean().item(),
        "d_grad": gradient_norm(discriminator),
    }


def step_generator(
    players: Players, batch: Batch, fakes: Tensor, config: Config
) -> dict[str, float]:
    """Change the generator so that its pictures `fakes` (N, 28, 28) look more real to the other.

    The slope runs back through the discriminator, which says which pixels to change and how, but
    is not itself moved: it is the judge here, not the pupil.
    """
    discriminator = players.gan.discriminator.requires_grad_(False)
    with mixed(config):
        scores = discriminator(fakes, batch.labels).float()  # (N,)
    loss = generator_loss(scores, config)
    players.optimizer_g.zero_grad()
    loss.backward()
    players.optimizer_g.step()
    discriminator.requires_grad_(True)
    return {"g_loss": loss.item(), "g_grad": gradient_norm(players.gan.generator)}


def train(
    gan: GAN,
    data: Mnist,
    config: Config,
    *,
    start: Snapshot | None = None,
    watch_s: float = 0.2,
    save_s: float = 1.0,
) -> Iterator[Progress]:
    """Teach both in place; yields a Progress after each step of the generator.

    start: go on from a snapshot that has a `state`, as if there had been no pause; after its end a
    run goes on for another `config.epochs`.
    Metrics: d_loss, g_loss; d_real, d_fake, the discriminator's mean score of real and of fake
    pictures (a probability; for least-squares and wgan-gp the raw score); d_grad, g_grad, the
    lengths of the gradients. A Snapshot comes at most every `watch_s` seconds, its state every
    `save_s`, and both with the last step.
    """
    players = Players.ready(gan, config)
    step = 0
    if start is not None:
        unpack(players, start)
        step = start.step
    deck = Deck(data, config)
    end = (step // deck.steps + 1) * deck.steps
    looked = saved = -inf
    while step < end:
        metrics = play(players, deck, step, config)
        step += 1
        now, snapshot = time.monotonic(), None
        if step == end or now - looked >= watch_s:
            state = None
            if step == end or now - saved >= save_s:
                state, saved = pack(players), now
            snapshot, looked = Snapshot(step, fixed_samples(gan), state), now
        yield Progress(step, end, metrics, snapshot)


def play(players: Players, deck: "Deck", step: int, config: Config) -> dict[str, float]:
    """One step of the game: `d_steps` moves of the discriminator, then one of the generator."""
    metrics: dict[str, float] = {}
    for turn in range(config.d_steps):
        batch = deck.deal(step, turn)
        fakes = generate(players, batch, config)  # (N, 28, 28)
        metrics |= step_discriminator(players, batch, fakes.detach(), config)
    return metrics | step_generator(players, batch, fakes, config)


def generate(players: Players, batch: Batch, config: Config) -> Tensor:
    """The generator's pictures (N, 28, 28) of a batch's noise, float32."""
    with mixed(config):
        return players.gan.generator(batch.noise, batch.labels).float()


class Deck:
    """Deals every step its pictures and its noise, told by the seed and the step's number alone.

    So a run that was paused, or played by hand, meets the same cards as one that ran through.
    steps: how many `config.epochs` passes over the pictures take.
    """

    def __init__(self, data: Mnist, config: Config) -> None:
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
        config = self.config
        update = step * config.d_steps + turn
        rows = self.batches.rows(update)
        rng = self._rng.manual_seed((config.seed + 1) * 1_000_000_007 + update)
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


def mixed(config: Config) -> torch.autocast:
    """Heavy sums in the number format that was asked for. Weights and losses stay float32."""
    dtype = best_dtype() if config.precision == "auto" else getattr(torch, config.precision)
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16)


def gradient_norm(network: nn.Module) -> float:
    """The length of the gradient that just moved a network: how hard it was pushed."""
    slopes = [p.grad for p in network.parameters() if p.grad is not None]
    return torch.nn.utils.get_total_norm(slopes).item()


def pack(players: Players) -> dict[str, np.ndarray]:
    """Weights of both, and what their optimizers remember, as named arrays."""
    arrays = {name: value.numpy().copy() for name, value in players.gan.state_dict().items()}
    for who, optimizer in (("g", players.optimizer_g), ("d", players.optimizer_d)):
        for number, memory in optimizer.state_dict()["state"].items():
            for name, value in memory.items():
                arrays[f"optimizer_{who}.{number}.{name}"] = value.numpy().copy()
    return arrays


def unpack(players: Players, start: Snapshot) -> None:
    """Put a snapshot's state back. Raises ValueError if there is none or it does not fit."""
    if start.state is None:
        raise ValueError("this snapshot only has samples; go on from one that has a state")
    players.gan.load_state_dict(networks(start.state))
    for who, optimizer in (("g", players.optimizer_g), ("d", players.optimizer_d)):
        memory: dict[int, dict[str, Tensor]] = {}
        for key, value in start.state.items():
            if key.startswith(f"optimizer_{who}."):
                _, number, name = key.split(".")
                memory.setdefault(int(number), {})[name] = torch.tensor(value)
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": memory, "param_groups": groups})


def networks(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights in a state, without the optimizers' memory: what a file keeps."""
    return {
        name: torch.tensor(value)
        for name, value in state.items()
        if not name.startswith("optimizer_")
    }


def restore(state: Mapping[str, Any], config: Config) -> GAN:
    """The players that these weights make, ready to draw and to judge."""
    gan = build(config)
    gan.load_state_dict(networks(state))
    return gan.eval().requires_grad_(False)


def job(config: Config, start: Snapshot | None = None) -> Iterator[Progress]:
    """Load, build, train: what a worker runs when *Train* is pressed."""
    yield from train(build(config), load_mnist(), config, start=start)


def fixed_noise(noise_dim: int) -> Tensor:
    """Always the same 64 noises (64, noise_dim): what changes in their pictures is learning."""
    return torch.randn(64, noise_dim, generator=torch.Generator().manual_seed(2014))


FIXED_LABELS = torch.arange(64) % DIGITS  # what a conditional generator is asked to draw of them


def fixed_samples(gan: GAN) -> np.ndarray:
    labels = FIXED_LABELS if gan.generator.classes else None
    return sample(gan.generator, fixed_noise(gan.generator.noise_dim), labels).numpy()


def sample(generator: nn.Module, noise: Tensor, labels: Tensor | None = None) -> Tensor:
    """noise (N, noise_dim), labels (N,) if it was taught with them -> uint8 (N, 28, 28)."""
    training = generator.training
    generator.eval()  # BatchNorm with what it learnt, so that a picture depends on its noise alone
    with torch.no_grad():
        images = generator(noise, labels)
    generator.train(training)
    return to_bytes(images)


def to_signed(images: Tensor) -> Tensor:
    """Stored pictures, uint8 0 … 255, as the networks want them: float in [-1, 1]."""
    return images.float().div_(127.5).sub_(1)


def to_bytes(images: Tensor) -> Tensor:
    """Pictures in [-1, 1] as they are stored and shown: uint8, 255 ink."""
    return images.add(1).mul(127.5).round().clamp(0, 255).byte()


def load_bundled(name: str = "tutorial") -> GAN:
    """Players that ship with the project: "tutorial" or "conditional". See weights/README.md."""
    if name not in BUNDLED:
        raise SettingError("name", name, choices=tuple(BUNDLED))
    checkpoint = load_checkpoint(BUNDLED[name], topic="gan")
    state = {key: value.float() for key, value in checkpoint.state.items()}
    return restore(state, Config(**checkpoint.config))
