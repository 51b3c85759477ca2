"""A GAN's game played by hand, one move at a time, with everything a move computed.

`hand_step` makes the very move that `dlcore.gan.train` would make at that step, to the last bit,
and looks at both players before and after: which pictures there were, how they were scored, who
was pushed how hard, and how far each layer went.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from dlcore.data.mnist import Mnist
from dlcore.gan import Config, Snapshot, build, fixed_samples, generate, play
from dlcore.gan_deck import Batch, Deck, either
from dlcore.gan_networks import to_stored
from dlcore.gan_players import Players, pack, unpack

Mover = Literal["d", "g", "both"]


@dataclass(frozen=True)
class Layer:
    """How one layer was moved. player: "d" or "g"; name: "layers.0", counted from the input.

    gradient: the length of the gradient of its weights and biases together; change: how far they
    went; size: how long they were before, so that change / size is the relative step.
    """

    player: str
    name: str
    gradient: float
    change: float
    size: float


@dataclass(frozen=True)
class HandStep:
    """One step by hand. B real pictures and N noises; scores are the discriminator's raw ones.

    noise (N, noise_dim) float32; labels (N,) int64, what was to be drawn, or None;
    real (B, 28, 28), fakes and fakes_after (N, 28, 28) uint8: fakes_after is what the same noise
    gives when the generator has moved, the same as fakes if it has not.
    real_before, fake_before: scores (B,), (N,) at first; real_after, fake_between: of the same
    pictures once the discriminator has moved; fake_after: of fakes_after, in the end.
    metrics: as train reports them, of those who moved. layers: of those who moved, input first.
    """

    which: str
    step: int
    noise: np.ndarray
    labels: np.ndarray | None
    real: np.ndarray
    fakes: np.ndarray
    fakes_after: np.ndarray
    real_before: np.ndarray
    fake_before: np.ndarray
    real_after: np.ndarray
    fake_between: np.ndarray
    fake_after: np.ndarray
    metrics: Mapping[str, float]
    layers: tuple[Layer, ...]


def opening(config: Config) -> Snapshot:
    """The game before the first move."""
    players = Players.ready(build(config), config)
    return Snapshot(0, fixed_samples(players.artist), pack(players))


def hand_step(
    state: Mapping[str, Any], config: Config, which: Mover, data: Mnist, step: int
) -> tuple[dict[str, np.ndarray], HandStep]:
    """One move from `state` (a Snapshot's): the discriminator's, the generator's, or both.

    step: its number, counted from 0, which decides the cards. "d" and then "g" with the same
    number come to exactly what "both" does, and "both" to what train does.
    """
    players = Players.ready(build(config), config)
    unpack(players, state, steps=step)
    deck = Deck(data, config)
    batch = deck.deal(step, config.d_steps - 1)  # the one that both players meet
    metrics: dict[str, float] = {}
    layers: list[Layer] = []

    fakes = _peek(players, batch, config)
    real_before, fake_before = _scores(players, batch, fakes)
    if which != "g":
        before, drawn = _weights(players.gan.discriminator), _buffers(players)
        metrics |= play(players, deck, step, config, movers="d")
        _put_back(players, drawn)  # as if the generator had not been asked: it is "g" that counts
        layers += _moved("d", players.gan.discriminator, before)
    real_after, fake_between = _scores(players, batch, fakes)
    fakes_after, fake_after = fakes, fake_between
    if which != "d":
        before = _weights(players.gan.generator)
        metrics |= play(players, deck, step, config, movers="g")
        layers += _moved("g", players.gan.generator, before)
        fakes_after = _peek(players, batch, config)
        _, fake_after = _scores(players, batch, fakes_after)

    done = HandStep(
        which=which,
        step=step,
        noise=batch.noise.numpy(),
        labels=None if batch.labels is None else batch.labels.numpy(),
        real=to_stored(batch.real).numpy(),
        fakes=to_stored(fakes).numpy(),
        fakes_after=to_stored(fakes_after).numpy(),
        real_before=real_before,
        fake_before=fake_before,
        real_after=real_after,
        fake_between=fake_between,
        fake_after=fake_after,
        metrics=metrics,
        layers=tuple(layers),
    )
    return pack(players), done


@torch.no_grad()
def _peek(players: Players, batch: Batch, config: Config) -> Tensor:
    """The generator's pictures (N, 28, 28) of the batch, without BatchNorm noticing."""
    kept = _buffers(players)
    fakes = generate(players, batch, config)
    _put_back(players, kept)
    return fakes


@torch.no_grad()
def _scores(players: Players, batch: Batch, fakes: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The discriminator's scores of the real pictures (B,) and of the fakes (N,)."""
    scores = players.gan.discriminator(torch.cat([batch.real, fakes]), either(batch)).numpy()
    return scores[: len(batch.real)], scores[len(batch.real) :]


def _buffers(players: Players) -> list[Tensor]:
    return [value.clone() for value in players.gan.generator.buffers()]


def _put_back(players: Players, kept: list[Tensor]) -> None:
    for value, old in zip(players.gan.generator.buffers(), kept, strict=True):
        value.copy_(old)


def _weights(network: nn.Module) -> list[Tensor]:
    return [value.detach().clone() for value in network.parameters()]


def _moved(player: str, network: nn.Module, before: list[Tensor]) -> list[Layer]:
    """What the move that was just made did to each layer."""
    lengths: dict[str, list[Tensor]] = {}
    for (name, now), old in zip(network.named_parameters(), before, strict=True):
        slope = now.grad if now.grad is not None else torch.zeros_like(now)
        squares = torch.stack([part.detach().square().sum() for part in (slope, now - old, old)])
        lengths.setdefault(name.rpartition(".")[0], []).append(squares)
    each = {name: torch.stack(parts).sum(dim=0).sqrt() for name, parts in lengths.items()}
    return [Layer(player, name, *length.tolist()) for name, length in each.items()]
