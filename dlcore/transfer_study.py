"""What a base knows, and how few pictures that saves.

Three questions about the same pictures. How does accuracy grow with pictures per class, and how far
would one get without a base (`learning_curve`)? Which stage is the best place to cut: the last ones
know most about ImageNet's own thousand labels, which need not be yours (`try_cuts`)? And how do the
classes lie before and after learning, on the plane through the features where they spread most
(`map_of`; principal components)? `nearest` is the plainest explanation of a prediction: the picture
learnt from that the network finds most alike.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcore.progress import Progress
from dlcore.transfer import (
    AT_ONCE,
    Config,
    Features,
    build,
    pictures_of,
    read,
    restore,
)
from dlcore.transfer_network import Transfer
from dlcore.transfer_pictures import Classes

COUNTS = (1, 2, 3, 5, 10, 20, 50)  # pictures per class that are tried
DRAWS = 5  # times, each with other pictures
METHODS = ("frozen", "nearest", "pixels")
_PIXELS = 24  # a side, where the head sees pixels themselves
_HEAD_STEPS, _HEAD_LR = 60, 3e-3


@dataclass(frozen=True)
class Curve:
    """counts: (K,) pictures per class; accuracy: method -> (K, DRAWS), on the held-out pictures."""

    step: int
    counts: tuple[int, ...]
    accuracy: Mapping[str, np.ndarray]


def learning_curve(
    config: Config,
    own: Classes | None = None,
    known: Features | None = None,
    weights: str = "",
) -> Iterator[Progress]:
    """Accuracy against pictures per class, of three methods; the last snapshot is the whole Curve.

    frozen: a head on a frozen base. nearest: the class of the nearest picture, by the base's
    features. pixels: a head on the pixels themselves, without a base.
    """
    config = replace(config, way="frozen", per_class=max(COUNTS))
    pictures = pictures_of(config, own)
    model = build(config, len(pictures.names), weights=weights)
    images, labels = pictures.part(held=False)
    test_images, test_labels = pictures.part(held=True)
    least = int(labels.bincount(minlength=len(pictures.names)).min())
    counts = tuple(count for count in COUNTS if count < least) + (min(least, max(COUNTS)),)
    features = Features.begun(config, known)
    done, total = 0, pictures.count + len(counts)  # to read a picture is most of the work
    for part in (images, test_images):
        for share in features.ask(model, part):
            read_so_far = done + round(share * len(part))
            yield Progress(read_so_far, total, {"pictures_read": read_so_far})
        done += len(part)
    seen = {"base": [features.rows(part) for part in (images, test_images)]}
    seen["pixels"] = [small_pixels(part) for part in (images, test_images)]
    rng = torch.Generator().manual_seed(config.seed)
    found: dict[str, list[list[float]]] = {method: [] for method in METHODS}
    for number, count in enumerate(counts, start=1):
        draws = [few_of_each(labels, count, rng) for _ in range(DRAWS)]
        for method in METHODS:
            rows, tested = seen["pixels" if method == "pixels" else "base"]
            answer = nearest_label if method == "nearest" else head_label
            right = [
                answer(rows[chosen], labels[chosen], tested) == test_labels for chosen in draws
            ]
            found[method].append([one.double().mean().item() for one in right])
        accuracy = {method: np.array(rows) for method, rows in found.items()}
        told = {method: float(rows[-1].mean()) for method, rows in accuracy.items()}
        yield Progress(done + number, total, told, Curve(done + number, counts[:number], accuracy))


def few_of_each(labels: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """Positions of `count` of each label, drawn at random."""
    mixed = torch.randperm(len(labels), generator=rng)
    return torch.cat([mixed[labels[mixed] == label][:count] for label in labels.unique()])


def head_label(rows: Tensor, labels: Tensor, tested: Tensor) -> Tensor:
    """Answers (M,) to `tested` (M, D) of a dense layer that learnt `rows` (N, D).

    It begins at zero: with all rows at every step there is then nothing random about it.
    """
    head = nn.Linear(rows.shape[1], int(labels.max()) + 1)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    optimizer = torch.optim.Adam(head.parameters(), lr=_HEAD_LR, fused=True)
    for _ in range(_HEAD_STEPS):
        loss = F.cross_entropy(head(rows), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return head(tested).argmax(dim=1)


def nearest_label(rows: Tensor, labels: Tensor, tested: Tensor) -> Tensor:
    """The label (M,) of the row (N, D) most alike to each of `tested` (M, D)."""
    return labels[alike(tested, rows).argmax(dim=1)]


def alike(one: Tensor, other: Tensor) -> Tensor:
    """Cosines (N, M) between features (N, D) and (M, D): 1 is the same direction."""
    return F.normalize(one, dim=1) @ F.normalize(other, dim=1).T


def small_pixels(images: Tensor) -> Tensor:
    """Pictures uint8 (N, 3, S, S) as rows of few pixels in [-1, 1]: (N, 3 * 24 * 24)."""
    return F.adaptive_avg_pool2d(images.float().div(127.5).sub(1), _PIXELS).flatten(1)


# --- Where to cut --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cuts:
    """For every stage as the last one: its name, how many features it gives, accuracy of a head on
    them, and the share of the base's numbers that are left away with what comes after it."""

    step: int
    stages: tuple[str, ...]
    widths: tuple[int, ...]
    accuracy: tuple[float, ...]
    saved: tuple[float, ...]


def try_cuts(
    config: Config,
    own: Classes | None = None,
    known: Features | None = None,
    weights: str = "",
) -> Iterator[Progress]:
    """A head on what each stage sees, each map averaged; the pictures go through the base once.

    `known` is not used: it holds what one stage said. The last snapshot is the whole Cuts.
    """
    config = replace(config, way="frozen", cut=0)
    pictures = pictures_of(config, own)
    model = build(config, len(pictures.names), weights=weights)
    images, labels = pictures.part(held=False)
    test_images, test_labels = pictures.part(held=True)
    both = torch.cat([images, test_images])
    parts: list[dict[str, Tensor]] = []
    done, total = 0, len(both) + len(model.stages)  # to read a picture is most of the work
    for few in both.split(AT_ONCE):
        parts.append(stage_means(model, few))
        done = min(len(parts) * AT_ONCE, len(both))
        yield Progress(done, total, {"pictures_read": done})
    sizes = [sum(p.numel() for p in stage.parameters()) for stage in model.stages.children()]
    rows = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    found: list[tuple[str, int, float, float]] = []
    for number, (name, seen) in enumerate(rows.items(), start=1):
        scaled = (seen - seen[: len(labels)].mean(0)) / (seen[: len(labels)].std(0) + 1e-6)
        answers = head_label(scaled[: len(labels)], labels, scaled[len(labels) :])
        right = (answers == test_labels).double().mean().item()
        found.append((name, seen.shape[1], right, 1 - sum(sizes[:number]) / sum(sizes)))
        names, widths, accuracy, saved = zip(*found, strict=True)
        step = done + number
        yield Progress(step, total, {"test_accuracy": right},
                       Cuts(step, names, widths, accuracy, saved))  # fmt: skip


@torch.no_grad()
def stage_means(model: Transfer, images: Tensor) -> dict[str, Tensor]:
    """The mean of every map of every stage: name -> (N, C)."""
    maps, means = model.eval().prepare(images), {}
    for name, stage in model.stages.named_children():
        maps = stage(maps)
        means[name] = maps.mean(dim=(2, 3))
    return means


# --- Before and after ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Map:
    """Where pictures lie, int8 (N, 2) in each plane, ±127 its edge; and what to compare with.

    titles: of the planes. spread: title -> how far apart classes are, in widths of a class.
    features: float32 (M, D), the trained network's, of the M pictures that were learnt from.
    """

    step: int
    titles: tuple[str, ...]
    planes: tuple[np.ndarray, ...]
    spread: Mapping[str, float]
    features: np.ndarray


def map_of(
    config: Config,
    state: Mapping[str, np.ndarray],
    own: Classes | None = None,
    known: Features | None = None,
    weights: str = "",
) -> Iterator[Progress]:
    """The pictures as pixels, as the base saw them before, and as the trained network sees them.

    The last is what its head is given where the base learnt, too, and what its head says where the
    base was frozen. The last event's snapshot is the Map.
    """
    pictures = pictures_of(config, own)
    images = torch.from_numpy(pictures.images).permute(0, 3, 1, 2)
    model = restore(state, config, weights=weights)
    before = Features.begun(config, known if config.way == "frozen" else None)
    for share in before.ask(build(config, len(pictures.names), weights=weights), images):
        yield Progress(0, 3, {"pictures_read": round(share * len(images))})
    base = before.rows(images)
    if config.way == "frozen":
        trained = base
        with torch.no_grad():
            after = model.head(base)
    else:
        after = trained = read(model, images)
    clouds = {"pixels": small_pixels(images), "before": base, "after": after}
    labels = torch.from_numpy(pictures.labels)
    learnt = trained[torch.from_numpy(~pictures.held)]
    yield Progress(3, 3, {}, Map(
        3,
        tuple(clouds),
        tuple(flat(cloud) for cloud in clouds.values()),
        {title: apart(cloud, labels) for title, cloud in clouds.items()},
        learnt.numpy(),
    ))  # fmt: skip


def flat(cloud: Tensor) -> np.ndarray:
    """Points (N, D) on the plane where they spread most: int8 (N, 2), ±127 the farthest."""
    centred = (cloud - cloud.mean(dim=0)).double()
    _, _, axes = torch.linalg.svd(centred, full_matrices=False)  # rows: directions, widest first
    # A direction is as good as its opposite; the largest entry decides, or pictures would flip.
    axes = axes[:2] * axes[:2].gather(1, axes[:2].abs().argmax(dim=1, keepdim=True)).sign()
    points = centred @ axes.T  # (N, 2)
    if points.shape[1] < 2:
        points = F.pad(points, (0, 2 - points.shape[1]))
    return (127 * points / points.abs().max().clamp_min(1e-12)).round().to(torch.int8).numpy()


def apart(cloud: Tensor, labels: Tensor) -> float:
    """How far the classes of points (N, D) are apart: the mean distance of two classes' middles,
    in units of the mean distance of a point from its own class's middle."""
    middles = torch.stack([cloud[labels == label].mean(dim=0) for label in labels.unique()])
    own = (cloud - middles[labels]).norm(dim=1).mean()
    return (torch.pdist(middles).mean() / own.clamp_min(1e-12)).item()


def nearest(features: Tensor, learnt: Tensor, count: int = 3) -> tuple[list[int], list[float]]:
    """Which pictures learnt from, features (M, D), are most alike to one (D,): places, cosines."""
    found = alike(features[None], learnt)[0].topk(min(count, len(learnt)))
    return found.indices.tolist(), found.values.tolist()
