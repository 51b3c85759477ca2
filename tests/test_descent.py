"""The four rules against torch.optim, and the learning rate over a run."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from dlcore.descent import OPTIMIZERS, SCHEDULES, Descent, flatten, rate_at
from dlcore.mlp import MLP, backpropagate


@pytest.mark.parametrize("rule", OPTIMIZERS)
def test_the_rules_are_torch_optims(rule: str) -> None:
    kinds: dict[str, Any] = {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.05),
        "momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
        "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.05),
        "adam": lambda p: torch.optim.Adam(p, lr=0.05),
    }
    rng = torch.Generator().manual_seed(0)
    theirs = nn.Parameter(torch.randn(50, generator=rng))
    ours, descent, optimizer = (
        theirs.detach().clone(),
        Descent.begin(rule, 50),
        kinds[rule]([theirs]),
    )
    for _ in range(30):
        slope = torch.randn(50, generator=rng)
        theirs.grad = slope.clone()
        optimizer.step()
        descent.step(ours, slope, 0.05)
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-5, atol=1e-6)


def test_flat_weights_are_windows_onto_the_network() -> None:
    model = MLP([2, 3, 1])
    vector, gradient = flatten(model)
    vector.fill_(0.5)
    assert all(bool((p == 0.5).all()) for p in model.parameters())
    backpropagate(model, torch.ones(4, 2), torch.ones(4, 1))
    assert gradient.norm() > 0
    parts = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    assert torch.equal(torch.cat(parts), gradient)


def test_the_learning_rate_over_a_run() -> None:
    done = np.linspace(0, 1, 101)[:-1]
    for schedule in SCHEDULES:
        rates = [rate_at(schedule, 2.0, share) for share in done]
        assert max(rates) == pytest.approx(2.0)
        assert min(rates) > 0
    assert rate_at("cosine", 2.0, 0.5) == pytest.approx(1.0)
    assert rate_at("one-cycle", 2.0, 0.0) == pytest.approx(0.08)
    assert rate_at("one-cycle", 2.0, 0.3) == pytest.approx(2.0)
    assert rate_at("constant", 2.0, 0.99) == 2.0
