"""What attention that one can read costs, and how soon sequences that repeat are completed.

Both sides train the same network on the same sequences from the same weights. The plain one is
made of `nn.MultiheadAttention`, asked for the weights of every head, which the heatmaps need. Ours
is not written for speed but to be read, and should cost at most a quarter more.
"""

import time
from collections.abc import Collection
from dataclasses import replace
from statistics import median

import torch
from torch import Tensor, nn

from dlcore.attention import AttentionOnly, Config, MultiHeadAttention, build, job, train
from dlcore.attention_heads import to_torch
from dlcore.bench.race import Race
from dlcore.jobs import stream

GOAL, GOAL_SECONDS, GOAL_ACCURACY = 0.8, 30.0, 0.99
STEPS = 60


class PlainAttention(nn.Module):
    """`nn.MultiheadAttention` in the place of ours, with its weights."""

    def __init__(self, theirs: nn.MultiheadAttention) -> None:
        super().__init__()
        self.theirs = theirs

    def forward(
        self, x: Tensor, mask: Tensor, muted: Collection[int] = ()
    ) -> tuple[Tensor, Tensor]:
        return self.theirs(x, x, x, attn_mask=~mask, average_attn_weights=False)


def plain(config: Config) -> AttentionOnly:
    """The network that `build` makes, with torch's attention in it."""
    model = build(config)
    ours = [layer for layer in model.layers if isinstance(layer, MultiHeadAttention)]
    model.layers = nn.ModuleList(PlainAttention(to_torch(layer)) for layer in ours)
    return model


def measure(repeat: int) -> None:
    """Print the seconds for the same steps on both sides, then those of whole trainings."""
    torch.set_num_threads(1)  # as the topic's own job does
    config, race = Config(steps=STEPS), Race()
    steps_of(build(config), config)  # the first run of anything is slow
    for _ in range(repeat):
        first, slow, second = (steps_of(make(config), config) for make in (build, plain, build))
        race.add(first, slow, second)
    race.report(
        "dlcore", plain="nn.MultiheadAttention", ours="MultiHeadAttention", goal=GOAL
    )  # fmt: skip
    completed(replace(Config(), steps=STEPS))  # starts the worker, which a page finds ready
    done = [completed(replace(Config(), seed=seed)) for seed in range(repeat)]
    seconds, accuracy = zip(*done, strict=True)
    print(f"{'training':<13} {median(seconds):7.1f} s   ", end="")
    print(f"(by the clock, in a worker as the page has it; goal: at most {GOAL_SECONDS:g})")
    print(f"{'held out':<13} {min(accuracy):7.1%}     (the worst; goal: {GOAL_ACCURACY:.0%})")


def steps_of(model: AttentionOnly, config: Config) -> float:
    """Seconds for a short training."""
    begun = time.process_time()
    for _ in train(model, config):
        pass
    return time.process_time() - begun


def completed(config: Config) -> tuple[float, float]:
    """Seconds of a whole training, and the held-out accuracy that it ends with."""
    begun = time.monotonic()
    *_, last = stream(job, config)
    return time.monotonic() - begun, last.metrics["held_out_accuracy"]
