"""Transfer learning: a network that has seen a million pictures learns yours from ten.

The early layers of an image network find edges and textures, the later ones parts of things, and
most of that serves any picture (Yosinski et al., "How transferable are features in deep neural
networks?", 2014). So take a network trained on ImageNet, the *base*, put a new head in the place
of its thousand labels, and learn: only the head (the base is *frozen*), or the base's last stages
as well, gently (*tuned*); or, to see what the base is worth, the same network from random weights
(*scratch*). Look at `build`, where the order of two lines in `Transfer` matters, and at `train`:
what a frozen base says of a picture never changes, so it is asked once, and an epoch of the head
then takes a millisecond.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from dlcore.progress import Progress
from dlcore.settings import Settings, setting
from dlcore.supervised import fit
from dlcore.transfer_base import check_trainable, own_copy, pretrained_base, random_base
from dlcore.transfer_network import NETWORKS, Transfer
from dlcore.transfer_pictures import (
    Classes,
    Pictures,
    digit_pictures,
    own_pictures,
    texture_pictures,
)

WAYS = ("frozen", "tuned", "scratch")
SIZES = (96, 128, 160, 224)
Event = TypeVar("Event")
AT_ONCE = 32  # pictures that go through the base together
MOST_KNOWN = 2_000  # pictures whose features one run hands on to the next, 5 to 16 kB each
_TIMES_TOLD = 12  # how often a training of the base is tested, at most
_MOST_PAST = 60  # earlier moments that are kept


@dataclass(frozen=True)
class Config(Settings):
    """How to learn. The defaults: ten crops a class, a frozen base, a second."""

    way: str = setting("frozen", choices=WAYS)
    data: str = setting("textures", choices=("textures", "digits", "own"))
    per_class: int = setting(10, low=1, high=100)  # pictures to learn from; own classes use all
    epochs: int = setting(30, low=1, high=1000)
    depth: int = setting(3, low=1, high=9)  # tuned: so many of the base's last stages learn, too
    cut: int = setting(0, low=0, high=8)  # so many of the base's last stages are left away
    lr: float = setting(3e-3, low=1e-5, high=0.3)  # of the head, which begins at random
    # Of a pretrained stage: it is nearly right already, and a large step would destroy that.
    base_lr: float = setting(1e-4, low=1e-6, high=0.1)
    scratch_lr: float = setting(3e-3, low=1e-5, high=0.1)  # of a base that begins at random
    batch_size: int = setting(16, low=2, high=128)
    # Pixels of a side. The base learnt with 224; with 96 it takes a fifth of the time.
    size: int = setting(96, choices=SIZES)
    base: str = setting("efficientnet_lite0", choices=tuple(NETWORKS))
    seed: int = setting(0, low=0, high=2**31 - 1)


# The tutorial's base and its `classifier[6]`. It never trains; these are usual settings for it.
TUTORIAL = Config(base="vgg16", lr=1e-3, size=224, epochs=10)


def build(config: Config, classes: int, *, weights: str = "") -> Transfer:
    """A base and a new head for so many classes; the seed decides all that begins at random.

    weights: the base's file, if elsewhere than usual. Raises TransferError.
    """
    torch.manual_seed(config.seed)
    if config.way == "scratch":
        base = random_base(config.base)
        names = tuple(name for name, _ in base.stages.named_children())
        kept = names[: len(names) - config.cut] if config.cut < len(names) else names
        return Transfer(base, classes, cut=config.cut, trained=kept, fresh=True)
    base = pretrained_base(config.base, weights)
    if config.way == "frozen":
        return Transfer(base, classes, cut=config.cut)
    names = tuple(name for name, _ in base.stages.named_children())
    kept = names[: max(1, len(names) - config.cut)]
    learning = kept[-config.depth :]
    check_trainable(base, [base.stages.get_submodule(name) for name in learning])
    base = own_copy(base, learning)
    return Transfer(base, classes, cut=config.cut, trained=learning)


def pictures_of(config: Config, own: Classes | None = None) -> Pictures:
    """The pictures to learn from and to test on. Raises PicturesError."""
    if config.data == "own":
        return own_pictures(own or {}, config.size)
    make = texture_pictures if config.data == "textures" else digit_pictures
    return make(config.per_class, config.size, config.seed)


@dataclass(frozen=True)
class Features:
    """What a frozen base says of pictures, so that it is never asked twice.

    of: base, stages left away and size; known: a picture's digest -> its features, float32 (D,).
    """

    of: tuple[str, int, int]
    known: dict[bytes, np.ndarray]

    @classmethod
    def begun(cls, config: Config, before: "Features | None" = None) -> "Features":
        """Nothing yet, or what earlier runs found out last if they had the same base."""
        of = (config.base, config.cut, config.size)
        known = list(before.known.items()) if before and before.of == of else []
        return cls(of, dict(known[-MOST_KNOWN:]))

    def ask(self, model: Transfer, images: Tensor) -> Iterator[float]:
        """Let the base read those of the images (N, 3, S, S) it does not know; yields how much is
        done, as a share, once at least."""
        new = {key: at for at, key in enumerate(digests(images)) if key not in self.known}
        keys, places = list(new), torch.tensor(list(new.values()), dtype=torch.int64)
        for start in range(0, len(keys), AT_ONCE):
            few = slice(start, start + AT_ONCE)
            rows = read(model, images[places[few]]).numpy()  # (n, D)
            self.known.update(zip(keys[few], rows, strict=True))
            yield (start + len(keys[few])) / len(keys)
        yield 1.0

    def rows(self, images: Tensor) -> Tensor:
        """What was said of images that were read: (N, D)."""
        return torch.from_numpy(np.stack([self.known[key] for key in digests(images)]))


def digests(images: Tensor) -> list[bytes]:
    """What tells each picture (3, S, S) from all others."""
    return [digest(image) for image in images]


def digest(image: Tensor) -> bytes:
    return hashlib.blake2b(image.contiguous().numpy().tobytes(), digest_size=16).digest()


@dataclass(frozen=True)
class Evaluation:
    """A network's answers to the M held-out pictures."""

    accuracy: float
    loss: float
    confusion: np.ndarray  # (C, C) int64: row the true class, column the answer
    answers: np.ndarray  # (M,) int64
    sure: np.ndarray  # (M,) float32, the probability of the answer


@dataclass(frozen=True)
class Moment:
    """How far a network was after a step: the metrics, and (C, C) as in Evaluation."""

    step: int
    metrics: Mapping[str, float]
    confusion: np.ndarray


@dataclass(frozen=True)
class Snapshot:
    """The network after a step. seconds: of learning so far, without testing.

    state: what has changed of the network (`restore` makes the rest), or None.
    drift: stage -> how far its weights have come, as a share of their length at first.
    features: what the frozen base said, with the last step of a frozen way.
    past: every time that the held-out pictures were tried, this one included. An epoch of a head
    takes a millisecond, so whoever listens misses most of them.
    """

    step: int
    seconds: float
    state: dict[str, np.ndarray] | None = None
    evaluation: Evaluation | None = None
    drift: Mapping[str, float] | None = None
    features: Features | None = None
    past: tuple[Moment, ...] = ()


@dataclass
class Clock:
    """Seconds of learning: without testing, and without what happens elsewhere between steps."""

    seconds: float = 0.0


def train(
    model: Transfer,
    pictures: Pictures,
    config: Config,
    known: Features | None = None,
    clock: Clock | None = None,
) -> Iterator[Progress]:
    """Teach `model` in place; stop asking at any step and it is as good as it got so far.

    known: features from an earlier run, to ask the base less. clock: is kept going.
    Metrics: loss and accuracy of each batch; test_loss, test_accuracy when the held-out pictures
    were tried, which a frozen base allows after every epoch; pictures_read while it reads them.
    """
    clock = clock or Clock()
    images, labels = pictures.part(held=False)
    test_images, test_labels = pictures.part(held=True)
    features = None
    network: nn.Module = model
    inputs, test_inputs = images, test_images
    epochs, batches = config.epochs, -(-len(labels) // config.batch_size)
    if config.way == "frozen":
        features = Features.begun(config, known)
        waiting = Progress(0, epochs * batches)
        for share in timed(features.ask(model, images), clock):
            yield replace(waiting, metrics={"pictures_read": round(share * len(images))})
        for share in features.ask(model, test_images):
            read_so_far = len(images) + round(share * len(test_images))
            yield replace(waiting, metrics={"pictures_read": read_so_far})
        inputs, test_inputs = features.rows(images), features.rows(test_images)  # (N, D), (M, D)
        network = model.head
    first = weights_of(model)
    told = times_told(epochs, config.way)
    epoch = 0

    def after_epoch() -> tuple[dict[str, float], Snapshot | None]:
        nonlocal epoch
        epoch += 1
        if epoch not in told:
            return {}, None
        began = time.perf_counter()
        result = judge(scores(network, test_inputs), test_labels)
        last = epoch == epochs
        snapshot = Snapshot(
            epoch * batches,
            0.0,
            state=changed(model),
            evaluation=result,
            drift=drift(model, first),
            features=features if last else None,
        )
        clock.seconds -= time.perf_counter() - began
        return {"test_loss": result.loss, "test_accuracy": result.accuracy}, snapshot

    steps = fit(
        network,
        inputs=inputs,
        labels=labels,
        prepare=lambda batch: batch,
        loss_function=nn.CrossEntropyLoss(),
        optimizer=optimizer_for(model, config),
        epochs=epochs,
        batch_size=config.batch_size,
        rng=torch.Generator().manual_seed(config.seed),
        after_epoch=after_epoch,
    )
    past: list[Moment] = []
    for event in timed(steps, clock):
        snapshot = event.snapshot
        if snapshot is not None:
            past.append(Moment(event.step, event.metrics, snapshot.evaluation.confusion))
            if len(past) > _MOST_PAST:
                del past[1::2]
            snapshot = replace(snapshot, seconds=clock.seconds, past=tuple(past))
        yield replace(event, snapshot=snapshot)


def timed(events: Iterator[Event], clock: Clock) -> Iterator[Event]:
    """The same events; the clock goes on only while the next one is being made."""
    while True:
        begun = time.perf_counter()
        try:
            event = next(events)
        except StopIteration:
            return
        finally:
            clock.seconds += time.perf_counter() - begun
        yield event


def times_told(epochs: int, way: str) -> set[int]:
    """After which epochs the held-out pictures are tried: each costs the base a second or two."""
    if way == "frozen":
        return set(range(1, epochs + 1))
    return {round(epochs ** (n / (_TIMES_TOLD - 1))) for n in range(_TIMES_TOLD)} | {epochs}


def optimizer_for(model: Transfer, config: Config) -> torch.optim.Optimizer:
    """Adam, with a rate of its own for the head and for the stages that learn."""
    stages = [p for p in model.stages.parameters() if p.requires_grad]
    rate = config.scratch_lr if config.way == "scratch" else config.base_lr
    groups = [{"params": list(model.head.parameters()), "lr": config.lr}]
    if stages:
        groups.append({"params": stages, "lr": rate})
    return torch.optim.Adam(groups, fused=True)


@torch.no_grad()
def scores(network: nn.Module, inputs: Tensor) -> Tensor:
    """Logits (N, C) for all inputs, AT_ONCE at a time; the network is left in eval mode."""
    network.eval()
    return torch.cat([network(part) for part in inputs.split(AT_ONCE)])


def judge(logits: Tensor, labels: Tensor) -> Evaluation:
    """What answers (N, C) are worth, given the true labels (N,)."""
    sure, answers = logits.softmax(dim=-1).max(dim=-1)
    count = logits.shape[1]
    confusion = torch.bincount(labels * count + answers, minlength=count**2)
    return Evaluation(
        accuracy=(answers == labels).double().mean().item(),
        loss=nn.functional.cross_entropy(logits, labels).item(),
        confusion=confusion.view(count, count).numpy(),
        answers=answers.numpy(),
        sure=sure.numpy(),
    )


def weights_of(model: Transfer) -> dict[str, list[Tensor]]:
    """A copy of the weights that learn: of the trained stages, by name, and of the head."""
    parts = {name: model.stages.get_submodule(name) for name in model.trained}
    return {
        name: [p.detach().clone() for p in part.parameters()]
        for name, part in {**parts, "head": model.head}.items()
    }


def drift(model: Transfer, first: Mapping[str, list[Tensor]]) -> dict[str, float]:
    """|w - w0| / |w0| of every stage: how far its weights have come since `first`."""
    shares = {name: 0.0 for name, _ in model.stages.named_children()}  # what is frozen stays
    for name, now in weights_of(model).items():
        moved = sum((a - b).square().sum().item() for a, b in zip(now, first[name], strict=True))
        length = sum(b.square().sum().item() for b in first[name])
        shares[name] = (moved / max(length, 1e-12)) ** 0.5
    return shares


def changed(model: Transfer) -> dict[str, np.ndarray]:
    """All that training may have changed: the head, and the stages that learn, statistics too."""
    parts = ["head", *(f"stages.{name}" for name in model.trained)]
    return {
        name: value.detach().cpu().numpy().copy()
        for name, value in model.state_dict().items()
        if name.startswith(tuple(f"{part}." for part in parts))
    }


def restore(
    state: Mapping[str, np.ndarray | Tensor], config: Config, *, weights: str = ""
) -> Transfer:
    """The network that `changed` came from, ready to predict. Raises TransferError."""
    classes = state["head.bias"].shape[0]
    model = build(config, classes, weights=weights)
    new = {name: torch.as_tensor(value) for name, value in state.items()}
    model.load_state_dict({**model.state_dict(), **new})
    return model.eval().requires_grad_(False)


def job(
    config: Config,
    own: Classes | None = None,
    known: Features | None = None,
    weights: str = "",
) -> Iterator[Progress]:
    """Open the pictures, build, train: what a worker runs when *Train* is pressed.

    own: one's own classes, for data="own".
    """
    pictures = pictures_of(config, own)
    model = build(config, len(pictures.names), weights=weights)
    yield from train(model, pictures, config, known)


def predict(model: Transfer, images: Tensor) -> Tensor:
    """images uint8 (N, 3, S, S) -> probabilities (N, C)."""
    return scores(model, images).softmax(dim=-1)


@torch.no_grad()
def read(model: Transfer, images: Tensor) -> Tensor:
    """images uint8 (N, 3, S, S) -> features (N, D), AT_ONCE at a time."""
    model.eval()
    return torch.cat([model.features(part) for part in images.split(AT_ONCE)])
