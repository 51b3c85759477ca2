"""Three ways to learn the same pictures, as a race in which all have the same time.

Frozen, tuned and from scratch begin with the same pictures and seed and go on in turns: whoever has
used the least time so far makes the next step. So at any moment they can be compared as if three
equal machines raced. Look at `race`; and at `training_memory`, which counts what a step must keep.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from dlcore.progress import Progress
from dlcore.transfer import (
    WAYS,
    Clock,
    Config,
    Features,
    build,
    optimizer_for,
    pictures_of,
    train,
)
from dlcore.transfer_network import Transfer, TransferError
from dlcore.transfer_pictures import Classes


@dataclass(frozen=True)
class Lane:
    """How one way stands. points: (seconds of learning, test accuracy), oldest first.

    trained, numbers: how many numbers learn, and how many there are; memory: bytes that a step
    needs; drift: stage -> how far its weights have come, as a share of their length.
    """

    way: str
    step: int
    total: int
    seconds: float
    points: tuple[tuple[float, float], ...]
    trained: int
    numbers: int
    memory: int
    drift: Mapping[str, float]


@dataclass(frozen=True)
class Standings:
    """skipped: a way that cannot race, because too much would have to learn -> what
    TransferError says of it."""

    step: int
    lanes: tuple[Lane, ...]
    skipped: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def race(
    config: Config,
    own: Classes | None = None,
    known: Features | None = None,
    weights: str = "",
) -> Iterator[Progress]:
    """Train in all three ways; each snapshot says how they stand. Arguments as for `transfer.job`.

    A way in which the base is too large to learn is left out, and the others race.
    Metrics: <way>_test_accuracy whenever a way was tested.
    """
    pictures = pictures_of(config, own)
    lanes: dict[str, Lane] = {}
    skipped: dict[str, Mapping[str, Any]] = {}
    runs: dict[str, Iterator[Progress]] = {}
    clocks: dict[str, Clock] = {}
    for way in WAYS:
        entry = replace(config, way=way)
        try:
            model = build(entry, len(pictures.names), weights=weights)
        except TransferError as error:
            if error.key != "transfer.errors.too_large":
                raise
            skipped[way] = error.values
            continue
        batch = pictures.part(held=False)[0][: config.batch_size]
        count, whole = (
            sum(p.numel() for p in model.parameters() if p.requires_grad or every)
            for every in (False, True)
        )
        memory = training_memory(model, batch, entry)
        lanes[way] = Lane(way, 0, 0, 0.0, (), count, whole, memory, {})
        clocks[way] = Clock()
        runs[way] = train(model, pictures, entry, known, clocks[way])
    step = 0
    while runs:
        way = min(runs, key=lambda one: clocks[one].seconds)
        event = next(runs[way], None)
        if event is None:
            del runs[way]
            continue
        lanes[way] = moved(lanes[way], event, clocks[way].seconds)
        step = sum(lane.step for lane in lanes.values())
        total = max(lane.total for lane in lanes.values()) * len(lanes)
        told = {}
        if "test_accuracy" in event.metrics:
            told = {f"{way}_test_accuracy": event.metrics["test_accuracy"]}
        yield Progress(step, total, told, Standings(step, tuple(lanes.values()), skipped))


def moved(lane: Lane, event: Progress, seconds: float) -> Lane:
    """A lane after one more event of its run."""
    lane = replace(lane, step=event.step, total=event.total, seconds=seconds)
    if event.snapshot is None:
        return lane
    point = (lane.seconds, event.metrics["test_accuracy"])
    return replace(lane, points=(*lane.points, point), drift=event.snapshot.drift or {})


def training_memory(model: Transfer, images: Tensor, config: Config) -> int:
    """Bytes that a training step must keep at once: all weights; for those that learn a gradient
    and Adam's two averages, each as large; and what the way back through the network needs of the
    way there.
    """
    kept: dict[int, int] = {}

    def keep(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return value

    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    network: nn.Module = model
    inputs = images
    if config.way == "frozen":  # the base was asked before; a step sees its answers only
        with torch.no_grad():
            inputs, network = model.eval().features(images), model.head
    was_training = network.training
    network.train()
    statistics = {name: value.clone() for name, value in network.named_buffers()}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
        network(inputs).sum()
    for name, value in network.named_buffers():  # a look must not change what normalises
        value.copy_(statistics[name])
    network.train(was_training)
    learning = [p for group in optimizer_for(model, config).param_groups for p in group["params"]]
    weights = sum(_bytes(p) for p in model.parameters())
    maps = sum(size for place, size in kept.items() if place not in own)
    return weights + 3 * sum(_bytes(p) for p in learning) + maps


def _bytes(value: Any) -> int:
    return value.numel() * value.element_size()
