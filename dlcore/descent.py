"""Four rules for walking downhill, written out, and how the learning rate moves on the way.

All weights of a network stand in one long vector, and so does their gradient: each rule is then
two or three lines that change whole vectors. They give what torch.optim gives (a test compares),
in a quarter of the time for a network this small. Look at what each one remembers: nothing, where
it was heading (momentum), how steep each direction used to be (RMSprop), or both (Adam; Kingma and
Ba, 2015).
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

OPTIMIZERS = ("sgd", "momentum", "rmsprop", "adam")
SCHEDULES = ("constant", "cosine", "one-cycle")
_MEMORY = {
    "sgd": (),
    "momentum": ("velocity",),  # where it is heading
    "rmsprop": ("mean_square",),  # of the slopes: how steep each direction is
    "adam": ("velocity", "mean_square"),
}
_TINY = 1e-8  # no division by zero


def flatten(model: nn.Module) -> tuple[Tensor, Tensor]:
    """All weights as one vector (P,), and their gradient as another.

    The model's own parameters become windows onto them: whatever changes the vector changes it.
    """
    parameters = list(model.parameters())
    vector = torch.cat([parameter.detach().flatten() for parameter in parameters])  # (P,)
    gradient = torch.zeros_like(vector)
    sizes = [parameter.numel() for parameter in parameters]
    windows = zip(vector.split(sizes), gradient.split(sizes), strict=True)
    for parameter, (values, slopes) in zip(parameters, windows, strict=True):
        parameter.data = values.view_as(parameter)
        parameter.grad = slopes.view_as(parameter)
    return vector, gradient


@dataclass
class Descent:
    """One of OPTIMIZERS and what it remembers. updates: how many it made."""

    rule: str
    updates: int = 0
    memory: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def begin(cls, rule: str, size: int) -> "Descent":
        return cls(rule, 0, {name: torch.zeros(size) for name in _MEMORY[rule]})

    def step(self, vector: Tensor, gradient: Tensor, lr: float) -> None:
        """Move `vector` (P,) in place, once."""
        self.updates += 1
        velocity, mean_square = self.memory.get("velocity"), self.memory.get("mean_square")
        if velocity is None and mean_square is None:  # sgd: straight down
            vector.sub_(gradient, alpha=lr)
        elif mean_square is None and velocity is not None:  # momentum: a ball that rolls
            velocity.mul_(0.9).add_(gradient)
            vector.sub_(velocity, alpha=lr)
        elif velocity is None and mean_square is not None:  # rmsprop: small steps where it is steep
            mean_square.mul_(0.99).addcmul_(gradient, gradient, value=0.01)
            vector.addcdiv_(gradient, mean_square.sqrt().add_(_TINY), value=-lr)
        elif velocity is not None and mean_square is not None:
            # adam: both; and both began at zero, which the divisions make up for
            velocity.lerp_(gradient, 0.1)
            mean_square.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
            root = (mean_square / (1 - 0.999**self.updates)).sqrt_().add_(_TINY)
            vector.addcdiv_(velocity, root, value=-lr / (1 - 0.9**self.updates))

    def pack(self) -> dict[str, Any]:
        """Everything needed to go on later, as plain numbers and NumPy arrays."""
        memory = {name: value.numpy().copy() for name, value in self.memory.items()}
        return {"rule": self.rule, "updates": self.updates, **memory}

    @classmethod
    def unpack(cls, packed: dict[str, Any], rule: str, size: int) -> "Descent":
        """Go on from `pack()`; from nothing, or from another rule's memory, it begins anew."""
        names = _MEMORY[rule]
        fits = packed.get("rule") == rule and all(np.shape(packed[n]) == (size,) for n in names)
        if not fits:
            return cls.begin(rule, size)
        memory = {name: torch.tensor(packed[name]) for name in names}
        return cls(rule, packed["updates"], memory)


def rate_at(schedule: str, highest: float, done: float) -> float:
    """The learning rate when a share `done` in [0, 1) of the run is over.

    "cosine" starts at the highest and lands softly; "one-cycle" (Smith, 2018) warms up first.
    """
    if schedule == "constant":
        return highest
    warm = 0.3 if schedule == "one-cycle" else 0.0
    if done < warm:
        return highest * (0.04 + 0.96 * (1 - math.cos(math.pi * done / warm)) / 2)
    return highest * (1 + math.cos(math.pi * (done - warm) / (1 - warm))) / 2
