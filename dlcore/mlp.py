"""A multilayer perceptron: rows of numbers in, a class out.

Each layer adds up its inputs in many ways and bends the sums (an activation function); without the
bend any number of layers would be no more than one. How a network whose middle layers nobody tells
what to do can learn is the discovery of backpropagation (Rumelhart, Hinton and Williams, "Learning
representations by back-propagating errors", 1986). Look at `learn`: the whole of it, ten lines, no
autograd (a test compares). Then at `BREAK`: five ways to make it fail.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcore.data.tables import DATASETS, Table, TableError, make_table, read_table
from dlcore.descent import OPTIMIZERS, SCHEDULES, Descent, flatten, rate_at
from dlcore.diagnosis import Finding, diagnose
from dlcore.judgement import Baseline, Judgement, judge, logistic
from dlcore.portrait import Health, Picture, examine, shown_rows, take_picture
from dlcore.progress import Progress
from dlcore.settings import SettingError, Settings, setting

__all__ = [  # the tab asks this module for everything, also for what stands in others
    "BEST_ON_TUTORIAL", "BREAK", "MLP", "TUTORIAL", "Answers", "Baseline", "Config", "Finding",
    "Health", "Judgement", "Picture", "Seeds", "Snapshot", "build", "diagnose", "edit", "job",
    "judge", "load", "logistic", "predict", "restore", "seeds_job", "train",
]  # fmt: skip

MOST_LAYERS, MOST_UNITS = 6, 64
LARGEST_EDIT = 1000.0
# The function, and how an error passes back through it, told from its own output.
ACTIVATIONS = {
    "relu": (torch.relu, lambda error, out: error * (out > 0)),
    "tanh": (torch.tanh, lambda error, out: error * (1 - out * out)),
    "sigmoid": (torch.sigmoid, lambda error, out: error * out * (1 - out)),
    "linear": (lambda x: x, lambda error, out: error),
    "leaky_relu": (
        lambda x: F.leaky_relu(x, 0.01),
        lambda error, out: torch.where(out > 0, error, 0.01 * error),
    ),
}


def layer_sizes(text: str) -> str:
    """Units of each hidden layer, as "32,16"; "" is none. Raises ValueError."""
    sizes = [int(part) for part in text.replace(" ", ",").split(",") if part]
    if len(sizes) > MOST_LAYERS or not all(1 <= size <= MOST_UNITS for size in sizes):
        raise ValueError(f"at most {MOST_LAYERS} hidden layers of 1 to {MOST_UNITS} units")
    return ",".join(map(str, sizes))


@dataclass(frozen=True)
class Config(Settings):
    """What to learn and how. The defaults do well on every data set here."""

    dataset: str = setting("circles", choices=DATASETS)
    samples: int = setting(1000, low=20, high=5000)
    noise: float = setting(0.1, low=0.0, high=1.0)
    stretch: float = setting(1.0, low=1.0, high=1000.0)  # the second column in other units
    train_share: float = setting(0.8, low=0.05, high=0.95)
    hidden: str = setting("32,32", check=layer_sizes)
    activation: str = setting("relu", choices=tuple(ACTIVATIONS))
    optimizer: str = setting("adam", choices=OPTIMIZERS)
    lr: float = setting(1e-2, low=1e-5, high=100.0)  # with a schedule: the highest it gets
    # Large steps find the valley, small ones its floor.
    schedule: str = setting("cosine", choices=SCHEDULES)
    batch_size: int = setting(32, low=1, high=2048)  # as many as there are rows: full batch
    epochs: int = setting(40, low=1, high=2000)
    l1: float = setting(0.0, low=0.0, high=1.0)  # pulls weights to exactly zero
    l2: float = setting(3e-4, low=0.0, high=1.0)  # pulls large weights most
    dropout: float = setting(0.1, low=0.0, high=0.9)
    standardize: bool = setting(True)  # each column: mean 0, standard deviation 1
    init: str = setting("he", choices=("default", "he", "xavier", "small", "large", "zeros"))
    data_seed: int = setting(42, low=0, high=2**31 - 1)
    seed: int = setting(0, low=0, high=2**31 - 1)

    @property
    def hidden_sizes(self) -> list[int]:
        return [int(part) for part in self.hidden.split(",") if part]


BEST_ON_TUTORIAL = Config(dataset="tutorial")
# 50 updates from raw columns, no mini-batches: it stops long before it is done.
TUTORIAL = Config(
    dataset="tutorial", hidden="64,32,16", lr=1e-3, schedule="constant", batch_size=2048,
    epochs=50, l2=0.0, dropout=0.0, standardize=False, init="default",
)  # fmt: skip

# Real failures, one click each; `diagnose` says from the run what happened.
_BARE = Config(hidden="8,8", optimizer="sgd", schedule="constant", l2=0.0, dropout=0.0)
BREAK = {
    "rate": replace(_BARE, lr=20.0),
    "dead": replace(_BARE, lr=3.0, hidden="8,8,8"),
    "saturated": replace(_BARE, activation="sigmoid", init="large", hidden="16,16,16", lr=0.1),
    "overfit": Config(
        dataset="moons", samples=200, noise=0.4, train_share=0.2, hidden="64,64",
        schedule="constant", epochs=200, dropout=0.0, l2=0.0,
    ),
    "unscaled": replace(_BARE, stretch=1000.0, standardize=False, lr=0.1),
}  # fmt: skip


class MLP(nn.Module):
    """Dense layers with an activation between them. One score for two classes, else C scores.

    mean, scale: what the columns are standardised with; they belong to the network's weights, so
    that it takes rows as they are.
    """

    mean: Tensor  # (D,)
    scale: Tensor  # (D,)

    def __init__(self, sizes: list[int], activation: str = "relu", dropout: float = 0.0) -> None:
        super().__init__()
        self.activation, self.dropout = activation, dropout
        self.layers = nn.ModuleList(nn.Linear(wide, out) for wide, out in pairwise(sizes))
        self.register_buffer("mean", torch.zeros(sizes[0]))
        self.register_buffer("scale", torch.ones(sizes[0]))

    def standardized(self, x: Tensor) -> Tensor:
        """Raw rows (N, D) as the first layer gets them."""
        return (x - self.mean) / self.scale

    def forward(self, x: Tensor) -> Tensor:
        """Raw rows (N, D) float32 -> logits (N, 1) for two classes, else (N, C)."""
        return self.trace(x)[-1]

    def trace(self, x: Tensor) -> list[Tensor]:
        """Raw rows (N, D) -> every layer's answers: (N, units) for each hidden one, logits last."""
        return self.answers(self.standardized(x))

    def answers(self, inputs: Tensor, masks: list[Tensor] | None = None) -> list[Tensor]:
        """As `trace`, from standardised inputs. masks: what dropout multiplies each layer by."""
        bend, _ = ACTIVATIONS[self.activation]
        answers, out = [], inputs
        for i, layer in enumerate(self.layers):
            out = F.linear(out, layer.weight, layer.bias)  # (N, units)
            if i < len(self.layers) - 1:
                out = bend(out)
                if masks:
                    out = out * masks[i]
            answers.append(out)
        return answers


def build(config: Config, table: Table) -> MLP:
    """A new network for this table; the seed decides its first weights."""
    torch.manual_seed(config.seed)
    outputs = 1 if len(table.classes) == 2 else len(table.classes)
    sizes = [table.features.shape[1], *config.hidden_sizes, outputs]
    model = MLP(sizes, config.activation, config.dropout)
    if config.standardize:  # measured on the training part alone: the rest is not seen yet
        seen = table.features[table.train].astype(np.float64)
        spread = seen.std(axis=0)
        model.mean.copy_(torch.from_numpy(seen.mean(axis=0)))
        model.scale.copy_(torch.from_numpy(np.where(spread > 0, spread, 1.0)))
    with torch.no_grad():
        for layer in model.layers:
            begin(layer, config.init)
    return model


def begin(layer: nn.Module, how: str) -> None:
    """First weights of a dense layer, from torch's random numbers."""
    weight, bias = layer.weight, layer.bias
    if how == "default":  # what nn.Linear did already
        return
    nn.init.zeros_(bias)
    if how == "he":  # keeps the size of what passes through ReLU (He et al., 2015)
        nn.init.kaiming_normal_(weight, nonlinearity="relu")
    elif how == "xavier":  # the same for tanh and sigmoid (Glorot and Bengio, 2010)
        nn.init.xavier_normal_(weight)
    else:
        nn.init.normal_(weight, std={"small": 0.01, "large": 3.0, "zeros": 0.0}[how])


def restore(state: Mapping[str, Tensor | np.ndarray], config: Config) -> MLP:
    """The network that these weights make, ready to predict."""
    count = sum(name.endswith("weight") for name in state)
    shapes = [tuple(state[f"layers.{i}.weight"].shape) for i in range(count)]
    model = MLP([shapes[0][1], *(rows for rows, _ in shapes)], config.activation, config.dropout)
    model.load_state_dict({name: torch.as_tensor(value) for name, value in state.items()})
    return model.eval()


def fill(model: MLP, start: "Snapshot") -> None:
    """Put a snapshot's weights into the model. Raises TableError if they are of another shape."""
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    if shapes != {name: value.shape for name, value in start.state.items()}:
        message = "the snapshot is of another network or table: start a new run"
        raise TableError("mlp.errors.other_network", message)
    model.load_state_dict({name: torch.tensor(value) for name, value in start.state.items()})


@dataclass(frozen=True)
class Answers:
    """probabilities: (V, C) float32 for the held-out rows; labels: (V,) int64."""

    probabilities: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Snapshot:
    """The network after an update: all that is needed to go on from here, and to look at it."""

    step: int
    state: dict[str, np.ndarray]  # `restore(state, config)` is the network
    optimizer: dict[str, Any]  # what the optimiser remembers, as `Descent.pack` gives it
    picture: Picture
    judged: Answers
    health: Health


def load(config: Config, csv: str = "", target: str = "") -> Table:
    """The table that `config` asks for; "csv" takes it from the text. Raises TableError."""
    if config.dataset == "csv":
        if not csv.strip():
            raise TableError("mlp.errors.no_csv", "dataset is csv, but no table was given")
        share, seed = config.train_share, config.data_seed
        return read_table(csv, target=target, train_share=share, seed=seed)
    table = make_table(
        config.dataset, samples=config.samples, noise=config.noise,
        train_share=config.train_share, seed=config.data_seed,
    )  # fmt: skip
    if config.stretch != 1:
        units = np.ones(table.features.shape[1], np.float32)
        units[1] = config.stretch
        table = replace(table, features=table.features * units)
    return table


@torch.no_grad()
def learn(model: MLP, inputs: Tensor, labels: Tensor, masks: list[Tensor] | None = None) -> None:
    """Backpropagation: fill every weight's `.grad` for the mean loss of a batch.

    inputs (B, D) standardised; labels (B, K): 0 or 1 for one score, else one 1 in each row.
    """
    _, back = ACTIVATIONS[model.activation]
    answers = model.answers(inputs, masks)
    logits = answers[-1]  # (B, K)
    chance = logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(dim=1)
    error = (chance - labels) / len(labels)  # (B, K): the slope of cross-entropy at the scores
    for i in reversed(range(len(model.layers))):
        layer, below = model.layers[i], answers[i - 1] if i else inputs
        torch.mm(error.T, below, out=layer.weight.grad)  # (out, B) @ (B, in)
        torch.sum(error, dim=0, out=layer.bias.grad)
        if i:  # blame the units below by how much each had a say, and by their activation's slope
            error = error @ layer.weight  # (B, out) @ (out, in)
            if masks:
                error, below = error * masks[i - 1], _undropped(below, masks[i - 1])
            error = back(error, below)


def _undropped(out: Tensor, mask: Tensor) -> Tensor:
    """Answers as they were before dropout scaled them; zero where it silenced them."""
    return torch.where(mask > 0, out / mask, out)


def train(
    model: MLP,
    table: Table,
    config: Config,
    *,
    start: Snapshot | None = None,
    updates: int | None = None,
    watch_s: float = 0.25,
) -> Iterator[Progress]:
    """Teach `model` in place, to the end of `config.epochs` epochs, or `updates` updates further.

    start: go on from a snapshot, as if there had been no pause: what happens in an update depends
    on the seed and its number alone. From a finished run it goes on for as many epochs again.
    Metrics after each update: grad_norm; after each epoch, or with `updates` after each update:
    loss, accuracy (all training rows), valid_loss, valid_accuracy (the held-out rows).
    A snapshot comes with the first update, then every `watch_s` seconds, and with the last.
    """
    run = _Run(model, table, config, start)
    step, per_epoch = run.step, run.per_epoch
    length = config.epochs * per_epoch
    end = step + updates if updates is not None else (step // length + 1) * length
    looked = -math.inf
    while run.step < end:
        norm = run.update()
        ends = run.step == end
        yield Progress(run.step, end, {"grad_norm": norm})
        if updates is not None or ends or run.step % per_epoch == 0:
            metrics, snapshot = run.evaluate(), None
            if ends or (watch_s < math.inf and time.monotonic() - looked >= watch_s):
                snapshot = run.snapshot()
                looked = time.monotonic()
            yield Progress(run.step, end, metrics, snapshot)


class _Run:
    """A network in training, update by update."""

    def __init__(self, model: MLP, table: Table, config: Config, start: Snapshot | None) -> None:
        self.model, self.table, self.config = model, table, config
        self.step = start.step if start else 0
        self.before = start.picture if start else None
        if start:
            fill(model, start)
        self.vector, self.gradient = flatten(model)
        size = len(self.vector)
        self.descent = (
            Descent.unpack(start.optimizer, config.optimizer, size)
            if start
            else Descent.begin(config.optimizer, size)
        )
        weights = {id(layer.weight) for layer in model.layers}
        self.penalised = torch.cat(  # 1 for weights, 0 for biases: those need no rein
            [torch.full((p.numel(),), float(id(p) in weights)) for p in model.parameters()]
        )
        features = torch.from_numpy(table.features)
        rows = torch.from_numpy(np.concatenate([table.train, table.held_out]))
        self.count = len(table.train)
        self.inputs = model.standardized(features[rows])  # (N, D), training rows first
        self.labels = torch.from_numpy(table.labels)[rows]  # (N,)
        classes = len(table.classes)
        self.targets = (
            self.labels[:, None].float()
            if classes == 2
            else F.one_hot(self.labels, classes).float()
        )  # (N, K)
        self.batch = min(config.batch_size, self.count)
        self.per_epoch = math.ceil(self.count / self.batch)
        self.rng = torch.Generator()
        self.order: list[Tensor] = []
        self.epoch = -1

    @torch.no_grad()
    def update(self) -> float:
        """One update; returns the gradient's norm."""
        config = self.config
        rows = self.next_batch()
        inputs, targets = self.inputs[rows], self.targets[rows]
        learn(self.model, inputs, targets, self.masks(len(inputs)))
        if config.l1 or config.l2:
            pull = config.l1 * self.vector.sign() + config.l2 * self.vector
            self.gradient.addcmul_(pull, self.penalised)
        done = self.step % (config.epochs * self.per_epoch) / (config.epochs * self.per_epoch)
        rate = rate_at(config.schedule, config.lr, done)
        self.descent.step(self.vector, self.gradient, rate)
        self.step += 1
        return self.gradient.norm().item()

    def next_batch(self) -> Tensor | slice:
        """The rows of this update: a new order each epoch, decided by the seed and its number."""
        if self.batch == self.count:
            return slice(0, self.count)
        epoch, number = divmod(self.step, self.per_epoch)
        if epoch != self.epoch:
            self.rng.manual_seed(self.config.seed * 1_000_003 + epoch)
            order = torch.randperm(self.count, generator=self.rng)
            self.order, self.epoch = list(order.split(self.batch)), epoch
        return self.order[number]

    def masks(self, rows: int) -> list[Tensor] | None:
        """Dropout for this update: each unit silent with this probability, the others louder."""
        if not self.config.dropout:
            return None
        keep = 1 - self.config.dropout
        self.rng.manual_seed(self.config.seed * 1_000_003 + 500_000_000 + self.step)
        units = [layer.out_features for layer in self.model.layers][:-1]
        silent = torch.rand(rows, sum(units), generator=self.rng) < keep
        return list((silent.float() / keep).split(units, dim=1))

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        logits = self.model.answers(self.inputs)[-1]
        metrics = {}
        for name, part in (("", slice(self.count)), ("valid_", slice(self.count, None))):
            metrics |= score(logits[part], self.labels[part], name)
        return metrics

    def snapshot(self) -> Snapshot:
        norms = [layer.weight.grad.norm().item() for layer in self.model.layers]
        now = look(self.model, self.table, self.step, self.descent.pack(), norms, self.before)
        self.before = now.picture
        return now


@torch.no_grad()
def look(
    model: MLP,
    table: Table,
    step: int,
    optimizer: dict[str, Any],
    gradients: Sequence[float],
    before: Picture | None,
) -> Snapshot:
    """Everything there is to see of a network after `step` updates."""
    state = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    picture = take_picture(model, table.features, shown_rows(len(table.features)), before)
    chance = predict(model, table.features[table.held_out]).numpy()
    judged = Answers(chance, table.labels[table.held_out])
    some = torch.from_numpy(table.features[table.train[:1000]])
    return Snapshot(step, state, optimizer, picture, judged, examine(model, some, gradients))


def score(logits: Tensor, labels: Tensor, prefix: str = "") -> dict[str, float]:
    """Loss and accuracy of logits (N, K) for labels (N,)."""
    if logits.shape[1] == 1:
        loss = F.binary_cross_entropy_with_logits(logits[:, 0], labels.float())
        right = (logits[:, 0] > 0) == (labels > 0)
    else:
        loss, right = F.cross_entropy(logits, labels), logits.argmax(dim=1) == labels
    accuracy = right.sum().item() / max(len(labels), 1)
    return {f"{prefix}loss": loss.item(), f"{prefix}accuracy": accuracy}


def job(
    config: Config,
    csv: str = "",
    target: str = "",
    start: Snapshot | None = None,
    updates: int | None = None,
) -> Iterator[Progress]:
    """Load, build, train: what a worker runs when *Train* is pressed."""
    table = load(config, csv, target)
    yield from train(build(config, table), table, config, start=start, updates=updates)


@torch.no_grad()
def predict(model: MLP, features: Tensor | np.ndarray) -> Tensor:
    """Raw rows (N, D) -> probabilities (N, C)."""
    logits = model(torch.as_tensor(features, dtype=torch.float32))
    if logits.shape[1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], dim=1)  # σ(z) = softmax(0, z)
    return logits.softmax(dim=1)


def edit(
    snapshot: Snapshot,
    table: Table,
    config: Config,
    *,
    layer: int,
    unit: int,
    source: int | None,
    value: float,
) -> Snapshot:
    """The same network with one weight changed: of `unit` in `layer`, from `source` below it.

    source None: the unit's bias. Everything in the snapshot follows; training can go on from it.
    """
    model = restore(snapshot.state, config)
    if not 0 <= layer < len(model.layers):
        raise SettingError("layer", layer, low=0, high=len(model.layers) - 1)
    weight, bias = model.layers[layer].weight, model.layers[layer].bias
    if not 0 <= unit < len(bias):
        raise SettingError("unit", unit, low=0, high=len(bias) - 1)
    if source is not None and not 0 <= source < weight.shape[1]:
        raise SettingError("source", source, low=0, high=weight.shape[1] - 1)
    if not abs(value) <= LARGEST_EDIT:
        raise SettingError("value", value, low=-LARGEST_EDIT, high=LARGEST_EDIT)
    with torch.no_grad():
        if source is None:
            bias[unit] = value
        else:
            weight[unit, source] = value
    norms, before = snapshot.health.gradients, snapshot.picture
    return look(model, table, snapshot.step, snapshot.optimizer, norms, before)


@dataclass(frozen=True)
class Seeds:
    """Held-out accuracy (S,) at the end, for each of S first weights and orders of the batches."""

    seeds: tuple[int, ...]
    accuracy: np.ndarray


def seeds_job(
    config: Config, csv: str = "", target: str = "", count: int = 10
) -> Iterator[Progress]:
    """The same training from `count` seeds, side by side: how much of a result is luck?

    Metrics after each epoch: the mean loss, valid_loss, accuracy and valid_accuracy, and
    valid_accuracy_low and valid_accuracy_high, the worst and the best of them.
    """
    table = load(config, csv, target)
    seeds = tuple(range(config.seed, config.seed + count))
    runs = []
    for seed in seeds:
        each = replace(config, seed=seed)
        runs.append(train(build(each, table), table, each, watch_s=math.inf))
    while True:  # every run one epoch further
        events = [next((e for e in run if "loss" in e.metrics), None) for run in runs]
        now = [event for event in events if event is not None]
        if not now:
            return
        metrics = {name: fmean(e.metrics[name] for e in now) for name in now[0].metrics}
        accuracy = np.array([event.metrics["valid_accuracy"] for event in now])
        metrics |= {
            "valid_accuracy_low": float(accuracy.min()),
            "valid_accuracy_high": float(accuracy.max()),
        }
        last = now[0].step == now[0].total
        yield Progress(now[0].step, now[0].total, metrics, Seeds(seeds, accuracy) if last else None)
