"""Two networks at play, each with the optimizer that moves it; and how to put a game away."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Adam

from dlcore.gan_networks import GAN


@dataclass
class Players:
    """The two networks, each with the optimizer that moves it and nothing else.

    average: the generator as it was on average of late, which draws better than it ever does at one
    moment (Yazici et al., "The unusual effectiveness of averaging in GAN training", 2019). It never
    plays. None if none was asked for.
    """

    gan: GAN
    optimizer_d: Adam
    optimizer_g: Adam
    rates: tuple[float, float]  # the highest learning rates of the two
    average: nn.Module | None
    keeps: float  # of the average, at each step; the rest is the generator of that moment
    steps: int = 0

    @classmethod
    def ready(cls, gan: GAN, config: Any) -> "Players":
        betas = (config.beta1, config.beta2)
        return cls(
            gan.train(),
            Adam(gan.discriminator.parameters(), lr=config.lr_d, betas=betas, fused=True),
            Adam(gan.generator.parameters(), lr=config.lr_g, betas=betas, fused=True),
            (config.lr_d, config.lr_g),
            copy.deepcopy(gan.generator).requires_grad_(False) if config.average else None,
            config.average,
        )

    def pace(self, share: float) -> None:
        """Both learn at this share of their highest rates from now on."""
        for optimizer, rate in zip((self.optimizer_d, self.optimizer_g), self.rates, strict=True):
            optimizer.param_groups[0]["lr"] = share * rate

    @torch.no_grad()
    def follow(self) -> None:
        """Move the average a little towards the generator: fast at first, when all is new."""
        self.steps += 1
        if self.average is None:
            return
        share = 1 - min(self.keeps, self.steps / (self.steps + 9))
        mine, its = (
            [value for value in network.state_dict().values() if value.is_floating_point()]
            for network in (self.average, self.gan.generator)
        )  # weights, and what BatchNorm knows of the units' means and deviations
        torch._foreach_lerp_(mine, its, share)

    @property
    def artist(self) -> nn.Module:
        """The generator whose pictures are worth showing."""
        return self.gan.generator if self.average is None else self.average


def pack(players: Players) -> dict[str, np.ndarray]:
    """Weights of both, the average, and what their optimizers remember, as named arrays."""
    tensors: dict[str, Tensor] = dict(players.gan.state_dict())
    if players.average is not None:
        tensors |= {f"average.{name}": v for name, v in players.average.state_dict().items()}
    for who, optimizer in (("g", players.optimizer_g), ("d", players.optimizer_d)):
        for number, memory in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer_{who}.{number}.{name}": v for name, v in memory.items()}
    return {name: value.detach().numpy().copy() for name, value in tensors.items()}


def unpack(players: Players, state: Mapping[str, Any] | None, *, steps: int) -> None:
    """Put what `pack` made after so many steps back. Raises ValueError if it does not fit."""
    if state is None:
        raise ValueError("this snapshot only has samples; go on from one that has a state")
    tensors = {name: torch.tensor(value) for name, value in state.items()}
    _fill(players.gan, {n: v for n, v in tensors.items() if n.startswith(("gen", "disc"))})
    if players.average is not None:
        # A run that was without an average begins one where it stands.
        _fill(players.average, _part(tensors, "average.") or _part(tensors, "generator."))
    for who, optimizer in (("g", players.optimizer_g), ("d", players.optimizer_d)):
        memory: dict[int, dict[str, Tensor]] = {}
        for key, value in _part(tensors, f"optimizer_{who}.").items():
            number, name = key.split(".")
            memory.setdefault(int(number), {})[name] = value
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": memory, "param_groups": groups})
    players.steps = steps


def networks(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights of a pair that draws and judges, from a state: what a file keeps.

    Its generator is the average, if the state has one.
    """
    tensors = {name: torch.as_tensor(value) for name, value in state.items()}
    drawn = _part(tensors, "average.") or _part(tensors, "generator.")
    judged = _part(tensors, "discriminator.")
    return {f"generator.{name}": value for name, value in drawn.items()} | {
        f"discriminator.{name}": value for name, value in judged.items()
    }


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}


def _fill(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    wanted = {name: value.shape for name, value in network.state_dict().items()}
    if wanted != {name: value.shape for name, value in weights.items()}:
        raise ValueError("this state is of other networks: start a new run")
    network.load_state_dict(weights)
