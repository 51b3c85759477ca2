"""A generative adversarial network: two networks play against each other until digits come out.

The generator turns noise into pictures and has never seen a real one. The discriminator sees real
pictures and the generator's, and learns to tell them apart; the generator learns from nothing but
the discriminator's doubts (Goodfellow et al., "Generative adversarial nets", 2014). Look at
`step_discriminator` and `step_generator`: the same loss, pulled at from two ends.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcore.checkpoint import load as load_checkpoint
from dlcore.data.mnist import Mnist, load_mnist
from dlcore.descent import rate_at
from dlcore.device import best_dtype
from dlcore.gan_deck import Batch, Deck, either
from dlcore.gan_diagnosis import Finding, diagnose
from dlcore.gan_networks import (
    DIGITS,
    GAN,
    ConvDiscriminator,
    ConvGenerator,
    Discriminator,
    Generator,
    to_stored,
)
from dlcore.gan_play import directions, interpolate, saliency, score
from dlcore.gan_players import Players, networks, pack, unpack
from dlcore.progress import Progress
from dlcore.settings import SettingError, Settings, setting

VARIANTS = ("tutorial", "least-squares", "wgan-gp", "dcgan", "conditional")
BUNDLED = {
    "tutorial": Path(__file__).parent.parent / "weights" / "gan.safetensors",
    "conditional": Path(__file__).parent.parent / "weights" / "gan_conditional.safetensors",
}
__all__ = [  # the tab asks this module for everything, also for what stands in others
    "AS_PUBLISHED", "BREAK", "BUNDLED", "FIXED_LABELS", "GAN", "TUTORIAL", "VARIANTS", "Config",
    "Discriminator", "Finding", "Generator", "Snapshot", "build", "diagnose", "directions",
    "fixed_noise", "interpolate", "job", "load_bundled", "networks", "play", "restore", "saliency",
    "sample", "score", "step_discriminator", "step_generator", "train",
]  # fmt: skip


@dataclass(frozen=True)
class Config(Settings):
    """How the two play. The defaults give digits that one can read within a minute.

    After 1,200 steps, 40 seconds of one processor, the judge of dlcore/quality.py is sure of two
    pictures in three; after 300 steps of one in three.
    """

    variant: str = setting("tutorial", choices=VARIANTS)
    epochs: int = setting(8, low=1, high=500)
    batch_size: int = setting(128, low=8, high=1024)
    noise_dim: int = setting(100, low=1, high=256)
    lr_g: float = setting(1e-3, low=1e-6, high=0.1)  # with "cosine": the highest it gets
    lr_d: float = setting(1e-3, low=1e-6, high=0.1)
    # Here the average calms the end. A rate that shrinks as well made the pictures worse again.
    schedule: str = setting("constant", choices=("constant", "cosine"))  # see `rate_at`
    # Adam's memory of its heading. The opponent moves, so an old heading is soon a wrong one: 0.5
    # instead of the usual 0.9 (Radford et al., 2016), or better none at all.
    beta1: float = setting(0.0, low=0.0, high=0.99)
    beta2: float = setting(0.99, low=0.5, high=0.9999)  # its memory of how steep the way is
    d_steps: int = setting(1, low=1, high=5)  # updates of the discriminator for each of the other
    # Ask the discriminator for 90 % certainty about real pictures only (Salimans et al., 2016): one
    # that is never quite sure always leaves the generator a slope to climb.
    label_smoothing: float = setting(0.0, low=0.0, high=0.3)
    # Weight of R1, see `penalty`. With a little of it every digit is drawn from the start.
    r1: float = setting(0.02, low=0.0, high=100.0)
    # Draw with the generator's average over about 1 / (1 - average) steps; 0: with itself.
    average: float = setting(0.998, low=0.0, high=0.9999)
    digits: str = setting("all", choices=("all", *map(str, range(DIGITS))))
    train_share: float = setting(1.0, low=0.01, high=1.0)  # share of the training images to use
    batch_norm: bool = setting(True)  # in the generator
    # "auto": bfloat16 where the processor was measured to gain from it.
    precision: str = setting("auto", choices=("auto", "float32", "bfloat16"))
    seed: int = setting(0, low=0, high=2**31 - 1)


TUTORIAL = Config(
    epochs=20, batch_size=64, lr_g=2e-4, lr_d=2e-4, beta1=0.5, beta2=0.999, r1=0.0, average=0.0,
    precision="float32",
)  # fmt: skip

# Real failures, one click each; `diagnose` says from the run what happened.
_BREAKABLE = replace(TUTORIAL, epochs=4, train_share=0.25, batch_size=128, precision="auto")
BREAK = {
    "strong_d": replace(_BREAKABLE, lr_g=1e-5, d_steps=5),
    "rate": replace(_BREAKABLE, lr_g=0.05, lr_d=0.05),
    "no_norm": replace(_BREAKABLE, batch_norm=False, lr_g=1e-3, lr_d=1e-3),
}

# What a variant's authors change besides the loss, which a fair comparison grants them: WGAN-GP a
# critic that is always ahead (Gulrajani et al., 2017), least squares a heading (Mao et al., 2017).
AS_PUBLISHED: dict[str, dict[str, Any]] = {
    "wgan-gp": {"d_steps": 5, "beta1": 0.0, "beta2": 0.9},
    "least-squares": {"beta1": 0.5, "beta2": 0.999, "r1": 0.0},
}


@dataclass(frozen=True)
class Snapshot:
    """The game after a step. samples: what the generator makes of the same 64 noises, always.

    state: everything that is needed to go on, as `pack` makes it: weights of both, what their
    optimizers remember. It is 30 MB, so most snapshots go without; the last one never does.
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


def gradient_penalty(
    discriminator: nn.Module, images: Tensor, labels: Tensor | None, target: float
) -> Tensor:
    """How far the score's slope at some pictures (N, 28, 28) is from `target`, squared.

    Slope: by how much the score changes when the picture changes by a distance of 1.
    """
    images = images.detach().requires_grad_()
    scores = discriminator(images, labels)  # (N,)
    (slope,) = torch.autograd.grad(scores.sum(), images, create_graph=True)  # (N, 28, 28)
    return (slope.float().flatten(1).norm(dim=1) - target).square().mean()


def penalty(discriminator: nn.Module, batch: Batch, fakes: Tensor, config: Config) -> Tensor:
    """What a discriminator pays for being steep: a gentle one is the better teacher.

    WGAN-GP wants a slope of 1 everywhere between real and fake (Gulrajani et al., 2017), since its
    score could otherwise grow for ever; R1 wants a flat place around each real picture, where the
    game can come to rest (Mescheder et al., "Which training methods for GANs do converge?", 2018).
    """
    if config.variant == "wgan-gp":
        between = torch.lerp(fakes[: len(batch.real)], batch.real, batch.mix)  # (B, 28, 28)
        return 10 * gradient_penalty(discriminator, between, None, target=1)
    if not config.r1:
        return torch.zeros(())
    return config.r1 / 2 * gradient_penalty(discriminator, batch.real, batch.real_labels, target=0)


def step_discriminator(
    players: Players, batch: Batch, fakes: Tensor, config: Config
) -> dict[str, float]:
    """Look at real pictures and at fakes (N, 28, 28), and learn to tell them apart.

    The fakes come detached: no gradient reaches the generator, which must not help its opponent.
    """
    discriminator = players.gan.discriminator
    with mixed(config):
        both = torch.cat([batch.real, fakes])  # (B + N, 28, 28)
        real, fake = discriminator(both, either(batch)).float().tensor_split([len(batch.real)])
        steepness = penalty(discriminator, batch, fakes, config)
    loss = discriminator_loss(real, fake, config)
    players.optimizer_d.zero_grad()
    (loss + steepness).backward()
    players.optimizer_d.step()
    if config.variant not in ("least-squares", "wgan-gp"):  # there a score is no logit
        real, fake = real.sigmoid(), fake.sigmoid()
    return {
        "d_loss": loss.item(),
        "d_real": real.mean().item(),
        "d_fake": fake.mean().item(),
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
    watch_s: float = 1 / 6,
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
        unpack(players, start.state, steps=start.step)
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
            snapshot, looked = Snapshot(step, fixed_samples(players.artist), state), now
        yield Progress(step, end, metrics, snapshot)


def play(
    players: Players, deck: Deck, step: int, config: Config, movers: str = "dg"
) -> dict[str, float]:
    """One step of the game: `d_steps` moves of the discriminator, then one of the generator.

    movers: "d" or "g" lets only one of them learn, which is how a step is made by hand.
    """
    players.pace(rate_at(config.schedule, 1.0, step % deck.steps / deck.steps))
    metrics: dict[str, float] = {}
    for turn in range(config.d_steps):
        batch = deck.deal(step, turn)
        fakes = generate(players, batch, config)  # (N, 28, 28)
        if "d" in movers:
            metrics |= step_discriminator(players, batch, fakes.detach(), config)
    if "g" in movers:
        metrics |= step_generator(players, batch, fakes, config)
        players.follow()
    return metrics


def generate(players: Players, batch: Batch, config: Config) -> Tensor:
    """The generator's pictures (N, 28, 28) of a batch's noise, float32."""
    with mixed(config):
        return players.gan.generator(batch.noise, batch.labels).float()


def mixed(config: Config) -> torch.autocast:
    """Heavy sums in the number format that was asked for. Weights and losses stay float32."""
    dtype = best_dtype() if config.precision == "auto" else getattr(torch, config.precision)
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16)


def gradient_norm(network: nn.Module) -> float:
    """The length of the gradient that just moved a network: how hard it was pushed."""
    slopes = [p.grad for p in network.parameters() if p.grad is not None]
    return torch.nn.utils.get_total_norm(slopes).item()


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


def fixed_samples(generator: Any) -> np.ndarray:
    """A generator's pictures of the fixed noise, uint8 (64, 28, 28)."""
    labels = FIXED_LABELS if generator.classes else None
    return sample(generator, fixed_noise(generator.noise_dim), labels).numpy()


def sample(generator: nn.Module, noise: Tensor, labels: Tensor | None = None) -> Tensor:
    """noise (N, noise_dim), labels (N,) if it was taught with them -> uint8 (N, 28, 28)."""
    training = generator.training
    generator.eval()  # BatchNorm with what it learnt, so that a picture depends on its noise alone
    with torch.no_grad():
        images = generator(noise, labels)
    generator.train(training)
    return to_stored(images)


def load_bundled(name: str = "tutorial") -> GAN:
    """Players that ship with the project: "tutorial" or "conditional". See weights/README.md."""
    if name not in BUNDLED:
        raise SettingError("name", name, choices=tuple(BUNDLED))
    checkpoint = load_checkpoint(BUNDLED[name], topic="gan")
    return restore(checkpoint.state, Config(**checkpoint.config))
