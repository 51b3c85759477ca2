"""A multilayer perceptron: rows of numbers in, a class out.

Each layer adds up its inputs in many ways and bends the sums (an activation function); without the
bend any number of layers would be no more than one. How a network whose middle layers nobody tells
what to do can learn is the discovery of backpropagation (Rumelhart, Hinton and Williams, "Learning
representations by back-propagating errors", 1986). Look at `backpropagate`: the whole of it, a
dozen lines, no autograd (a test compares). Then at `BREAK`: five ways to make it fail.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcore.data.tables import DATASETS, Table, TableError, make_table, read_table
from dlcore.descent import OPTIMIZERS, SCHEDULES, Descent, flatten, rate_at
from dlcore.diagnosis import Finding, diagnose
from dlcore.judgement import Baseline, Judgement, judge, logistic
from dlcore.portrait import Answers, Health, Picture, Snapshot, look, probabilities
from dlcore.progress import Progress
from dlcore.seeds import Seeds, side_by_side
from dlcore.settings import SettingError, Settings, setting
from dlcore.threads import one_thread
from dlcore.updates import Batches

__all__ = [  # the tab asks this module for everything, also for what stands in others
    "BEST_ON_TUTORIAL", "BREAK", "MLP", "TUTORIAL", "Answers", "Baseline", "Config", "Finding",
    "Health", "Judgement", "Picture", "Seeds", "Snapshot", "backpropagate", "build", "diagnose",
    "edit", "job", "judge", "load", "logistic", "predict", "restore", "seeds_job", "train",
]  # fmt: skip

MOST_LAYERS, MOST_UNITS = 6, 64
LARGEST_EDIT = 1000.0
Activation = tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]
# The function, and how an error passes back through it, told from its own output.
ACTIVATIONS: dict[str, Activation] = {
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
    """What to learn and how. The defaults do well on every data set here.

    They were chosen by five-fold cross-validation inside the tutorial's training part (0.951 right)
    and by the spiral. Its held-out part chose nothing; there seeds 0 to 9 reach 0.9495 on average.
    """

    dataset: str = setting("circles", choices=DATASETS)
    samples: int = setting(1000, low=20, high=5000)
    noise: float = setting(0.1, low=0.0, high=1.0)
    stretch: float = setting(1.0, low=1.0, high=1000.0)  # the second column in other units
    train_share: float = setting(0.8, low=0.05, high=0.95)
    hidden: str = setting("32,32", check=layer_sizes)
    # On the tutorial's table tanh is worth a point more than ReLU, if slower at first.
    activation: str = setting("tanh", choices=tuple(ACTIVATIONS))
    optimizer: str = setting("adam", choices=OPTIMIZERS)
    lr: float = setting(4e-2, low=1e-5, high=100.0)  # with a schedule: the highest it gets
    # Large steps find the valley, small ones its floor.
    schedule: str = setting("cosine", choices=SCHEDULES)
    batch_size: int = setting(32, low=1, high=2048)  # as many as there are rows: full batch
    epochs: int = setting(40, low=1, high=2000)
    l1: float = setting(0.0, low=0.0, high=1.0)  # pulls weights to exactly zero
    l2: float = setting(5e-4, low=0.0, high=1.0)  # pulls large weights most
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
    dataset="tutorial", hidden="64,32,16", activation="relu", lr=1e-3, schedule="constant",
    batch_size=2048, epochs=50, l2=0.0, dropout=0.0, standardize=False, init="default",
)  # fmt: skip

# Real failures, one click each; `diagnose` says from the run what happened.
_BARE = Config(
    hidden="8,8", activation="relu", optimizer="sgd", schedule="constant", l2=0.0, dropout=0.0
)
BREAK = {
    "rate": replace(_BARE, lr=20.0),
    "dead": replace(_BARE, lr=3.0, hidden="8,8,8"),
    "saturated": replace(
        _BARE, dataset="spiral", activation="sigmoid", init="large", hidden="16,16,16", lr=0.1
    ),
    "overfit": Config(
        dataset="moons", samples=200, noise=0.4, train_share=0.2, hidden="64,64", activation="relu",
        lr=1e-2, schedule="constant", epochs=200, dropout=0.0, l2=0.0,
    ),
    "unscaled": replace(_BARE, stretch=1000.0, standardize=False, lr=0.1),
}  # fmt: skip


class MLP(nn.Module):
    """Dense layers with an activation between them. One score for two classes, else C scores.

    mean, scale (D,): what the columns are standardised with. They belong to the network, which
    takes rows as they are.
    """

    layers: Sequence[nn.Linear]  # an nn.ModuleList
    mean: Tensor
    scale: Tensor

    def __init__(self, sizes: Sequence[int], activation: str = "relu") -> None:
        super().__init__()
        self.activation = activation
        self.layers = nn.ModuleList(nn.Linear(n, units) for n, units in pairwise(sizes))  # type: ignore[assignment]
        self.register_buffer("mean", torch.zeros(sizes[0]))
        self.register_buffer("scale", torch.ones(sizes[0]))

    def standardized(self, x: Tensor) -> Tensor:
        """Raw rows (N, D) as the first layer gets them."""
        return (x - self.mean) / self.scale

    def forward(self, x: Tensor) -> Tensor:
        """Raw rows (N, D) float32 -> logits (N, 1) for two classes, else (N, C)."""
        return self.trace(x)[-1]

    def trace(self, x: Tensor) -> list[Tensor]:
        """Raw rows (N, D) -> each layer's answers: (N, units) of the hidden ones, then logits."""
        return self.answers(self.standardized(x))

    def answers(self, inputs: Tensor, masks: Sequence[Tensor] = ()) -> list[Tensor]:
        """As `trace`, from standardised rows. masks: what dropout multiplies each layer by."""
        activate, _ = ACTIVATIONS[self.activation]
        *hidden, last = self.layers
        answers = [inputs]
        for i, layer in enumerate(hidden):
            out = activate(F.linear(answers[-1], layer.weight, layer.bias))  # (N, units)
            answers.append(out * masks[i] if masks else out)
        answers.append(F.linear(answers[-1], last.weight, last.bias))  # (N, 1) or (N, C)
        return answers[1:]


def build(config: Config, table: Table) -> MLP:
    """A new network for this table; the seed decides its first weights."""
    torch.manual_seed(config.seed)
    outputs = 1 if len(table.classes) == 2 else len(table.classes)
    model = MLP([table.features.shape[1], *config.hidden_sizes, outputs], config.activation)
    if config.standardize:  # measured on the training part alone: the rest is not seen yet
        seen = table.features[table.train].astype(np.float64)
        spread = seen.std(axis=0)
        model.mean.copy_(torch.from_numpy(seen.mean(axis=0)))
        model.scale.copy_(torch.from_numpy(np.where(spread > 0, spread, 1.0)))
    with torch.no_grad():
        for layer in model.layers:
            initialize(layer, config.init)
    return model


def initialize(layer: nn.Linear, how: str) -> None:
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
    count = sum(name.endswith("weight") for name in state)  # a file may hold them in any order
    shapes = [state[f"layers.{i}.weight"].shape for i in range(count)]
    model = MLP([shapes[0][1], *(units for units, _ in shapes)], config.activation)
    model.load_state_dict({name: torch.as_tensor(value) for name, value in state.items()})
    return model.eval()


def fill(model: MLP, start: Snapshot) -> None:
    """Put a snapshot's weights into the model. Raises TableError if they are of another shape."""
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    if shapes != {name: value.shape for name, value in start.state.items()}:
        message = "the snapshot is of another network or table: start a new run"
        raise TableError("mlp.errors.other_network", message)
    model.load_state_dict({name: torch.tensor(value) for name, value in start.state.items()})


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
def backpropagate(
    model: MLP, inputs: Tensor, targets: Tensor, masks: Sequence[Tensor] = ()
) -> None:
    """Every weight's `.grad` becomes the slope of the batch's mean loss.

    inputs (B, D), standardised; targets (B, K): 0 or 1 for one score, else one 1 in each row.
    """
    _, back = ACTIVATIONS[model.activation]
    answers = [inputs, *model.answers(inputs, masks)]
    logits = answers[-1]  # (B, K)
    predicted = logits.sigmoid() if targets.shape[1] == 1 else logits.softmax(dim=1)
    error = (predicted - targets) / len(targets)  # (B, K): cross-entropy's slope at the logits
    for i, layer in reversed(list(enumerate(model.layers))):
        weight, bias, below = layer.weight, layer.bias, answers[i]
        weight.grad = torch.mm(error.T, below, out=weight.grad)  # (units, B) @ (B, inputs)
        bias.grad = torch.sum(error, dim=0, out=bias.grad)
        if i:
            error = error @ weight  # (B, units) @ (units, inputs): each one's share of the blame
            if masks:
                error = error * masks[i - 1]
                below = torch.where(masks[i - 1] > 0, below / masks[i - 1], 0)  # before dropout
            error = back(error, below)


def train(
    model: MLP,
    table: Table,
    config: Config,
    *,
    start: Snapshot | None = None,
    updates: int | None = None,
    watch_s: float = 0.25,
) -> Iterator[Progress]:
    """Teach `model` in place, for `config.epochs` epochs, or `updates` updates further.

    start: go on from a snapshot, as if there had been no pause. A run that was stopped goes on to
    its end; one that had ended begins another `config.epochs`. Raises TableError if it is of
    another network.
    Metrics: grad_norm after each update; loss, accuracy of all training rows and valid_loss,
    valid_accuracy of the held-out rows after each epoch, or with `updates` after each update.
    A snapshot comes with the first of these, then every `watch_s` seconds, and with the last.
    """
    if start:
        fill(model, start)
    vector, gradient = flatten(model)  # (P,), (P,): all weights, seen as one long row
    descent = Descent.unpack(start.optimizer if start else {}, config.optimizer, len(vector))
    # 1 for a weight, 0 for a bias: where a unit bends says nothing about how complex it is.
    penalized = torch.cat([torch.full((p.numel(),), p.ndim - 1.0) for p in model.parameters()])
    rows = torch.from_numpy(np.concatenate([table.train, table.held_out]))
    inputs = model.standardized(torch.from_numpy(table.features)[rows])  # (N, D)
    labels = torch.from_numpy(table.labels)[rows]  # (N,)
    one_score = len(table.classes) == 2
    targets = (labels[:, None] if one_score else F.one_hot(labels, len(table.classes))).float()
    units = config.hidden_sizes

    batches = Batches(len(table.train), config.batch_size, config.seed)
    length = config.epochs * batches.per_epoch
    step = start.step if start else 0
    end = (step // length + 1) * length if updates is None else step + updates
    seen, looked = start.picture if start else None, -inf
    while step < end:
        batch = batches.rows(step)
        shown, wanted = inputs[batch], targets[batch]  # (B, D), (B, K)
        backpropagate(model, shown, wanted, batches.masks(step, len(shown), units, config.dropout))
        if config.l1:
            gradient.addcmul_(penalized, vector.sign(), value=config.l1)
        if config.l2:
            gradient.addcmul_(penalized, vector, value=config.l2)
        lr = rate_at(config.schedule, config.lr, step % length / length)
        descent.step(vector, gradient, lr)
        step += 1

        yield Progress(step, end, {"grad_norm": torch.linalg.vector_norm(gradient).item()})
        if updates is None and step % batches.per_epoch and step < end:
            continue
        metrics, snapshot = measure(model, inputs, labels, len(table.train)), None
        if step == end or time.monotonic() - looked >= watch_s:
            norms = [float(torch.as_tensor(layer.weight.grad).norm()) for layer in model.layers]
            snapshot = look(model, table, step=step, optimizer=descent.pack(), gradients=norms,
                            before=seen)  # fmt: skip
            seen, looked = snapshot.picture, time.monotonic()
        yield Progress(step, end, metrics, snapshot)


@torch.no_grad()
def measure(model: MLP, inputs: Tensor, labels: Tensor, count: int) -> dict[str, float]:
    """Loss and accuracy of the first `count` rows, which are trained on, and of the others."""
    logits = model.answers(inputs)[-1]  # (N, K)
    if logits.shape[1] == 1:
        losses = F.binary_cross_entropy_with_logits(logits[:, 0], labels.float(), reduction="none")
        right = (logits[:, 0] > 0) == (labels > 0)
    else:
        losses = F.cross_entropy(logits, labels, reduction="none")
        right = logits.argmax(dim=1) == labels
    return {
        "loss": losses[:count].mean().item(),
        "accuracy": right[:count].sum().item() / count,
        "valid_loss": losses[count:].mean().item(),
        "valid_accuracy": right[count:].sum().item() / (len(labels) - count),
    }


def job(
    config: Config,
    csv: str = "",
    target: str = "",
    start: Snapshot | None = None,
    updates: int | None = None,
) -> Iterator[Progress]:
    """Load, build, train: what a worker runs when *Train* is pressed."""
    table = load(config, csv, target)
    with one_thread():
        yield from train(build(config, table), table, config, start=start, updates=updates)


@torch.no_grad()
def predict(model: MLP, features: Tensor | np.ndarray) -> Tensor:
    """Raw rows (N, D) -> probabilities (N, C)."""
    return probabilities(model(torch.as_tensor(features, dtype=torch.float32)))


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
    check_index("layer", layer, len(model.layers))
    weight, bias = model.layers[layer].weight, model.layers[layer].bias
    check_index("unit", unit, len(bias))
    if not abs(value) <= LARGEST_EDIT:  # nor NaN
        raise SettingError("value", value, low=-LARGEST_EDIT, high=LARGEST_EDIT)
    with torch.no_grad():
        if source is None:
            bias[unit] = value
        else:
            check_index("source", source, weight.shape[1])
            weight[unit, source] = value
    return look(model, table, step=snapshot.step, optimizer=snapshot.optimizer,
                gradients=snapshot.health.gradients, before=snapshot.picture)  # fmt: skip


def check_index(name: str, index: int, count: int) -> None:
    if not 0 <= index < count:
        raise SettingError(name, index, low=0, high=count - 1)


def seeds_job(
    config: Config, csv: str = "", target: str = "", count: int = 10
) -> Iterator[Progress]:
    """The same training from `count` seeds, `config.seed` the first: see `side_by_side`."""
    table = load(config, csv, target)
    each = [replace(config, seed=config.seed + i) for i in range(count)]
    runs = [train(build(one, table), table, one, watch_s=inf) for one in each]
    with one_thread():
        yield from side_by_side(runs, [one.seed for one in each])
