"""A single artificial neuron, and the two classic ways to teach it.

The neuron adds up its inputs, w₁x₁ + w₂x₂ + b, and says 1 where the sum is positive: its decision
is a straight line on the plane. Rosenblatt's rule ("The perceptron", 1958) moves that line only
after a mistake. Gradient descent on a sigmoid with cross-entropy moves it a little every time.
Look at `Neuron.learn`: both rules are the same line of code. Then look at `why_impossible`: no
line separates XOR, and the four inequalities say so. A hidden layer (`TwoLayers`) bends the line.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcore.progress import Progress
from dlcore.settings import Settings, setting

# All 16 functions of two bits: the answers for (0, 0), (0, 1), (1, 0), (1, 1).
FUNCTIONS: dict[str, tuple[int, int, int, int]] = {
    "FALSE": (0, 0, 0, 0), "AND": (0, 0, 0, 1), "x1 AND NOT x2": (0, 0, 1, 0), "x1": (0, 0, 1, 1),
    "x2 AND NOT x1": (0, 1, 0, 0), "x2": (0, 1, 0, 1), "XOR": (0, 1, 1, 0), "OR": (0, 1, 1, 1),
    "NOR": (1, 0, 0, 0), "XNOR": (1, 0, 0, 1), "NOT x2": (1, 0, 1, 0), "x1 OR NOT x2": (1, 0, 1, 1),
    "NOT x1": (1, 1, 0, 0), "x2 OR NOT x1": (1, 1, 0, 1), "NAND": (1, 1, 1, 0),
    "TRUE": (1, 1, 1, 1),
}  # fmt: skip
CORNERS = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))


@dataclass(frozen=True)
class Config(Settings):
    """How to train. These defaults learn all 14 learnable functions from every random start."""

    # What to learn: a truth table, or "points", which come in a Task.
    function: str = setting("AND", choices=(*FUNCTIONS, "points"))
    rule: str = setting("rosenblatt", choices=("rosenblatt", "sigmoid"))
    lr: float = setting(0.5, low=0.001, high=10.0)
    epochs: int = setting(100, low=1, high=2_000)
    # One point after the other gives four updates an epoch where "all_at_once" gives one.
    order: str = setting("in_turn", choices=("in_turn", "shuffled", "all_at_once"))
    scale: float = setting(0.7, low=0.0, high=5.0)  # first weights: uniform in [-scale, scale]
    hidden: int = setting(0, low=0, high=8)  # hidden units; 0: the neuron alone
    seed: int = setting(0, low=0, high=2**31 - 1)


# 100 updates, each a tenth of an averaged gradient: the line hardly leaves its random start.
TUTORIAL = Config(rule="sigmoid", lr=0.1, epochs=100, order="all_at_once", scale=0.5**0.5)

# Of 200 random starts at least 199 learn XOR with four hidden units, about 197 with three and 167
# with two, although two are enough: the others sit in a valley that is not the lowest.
HIDDEN = Config(function="XOR", rule="sigmoid", lr=1.0, epochs=300, order="all_at_once", hidden=4)


@dataclass(frozen=True)
class Points:
    """Labelled points of the plane. inputs: float64 (N, 2); labels: float64 (N,), 0 or 1.

    Labels may also be (S, N): then each of S networks has a teacher of its own.
    """

    inputs: Tensor
    labels: Tensor

    @property
    def extended(self) -> Tensor:
        """(N, 3): a constant 1 beside the inputs makes the bias a weight like the others."""
        return torch.cat([self.inputs, torch.ones_like(self.inputs[:, :1])], dim=1)


def truth_table(function: str) -> Points:
    return Points(torch.tensor(CORNERS).double(), torch.tensor(FUNCTIONS[function]).double())


class Neuron(nn.Module):
    """S neurons that know nothing of each other: 1 to watch, 200 to see how much luck matters.

    weights: float64 (S, 3), each row w₁, w₂, b.
    """

    def __init__(self, weights: Tensor, rule: str) -> None:
        super().__init__()
        self.rule = rule
        self.weights = nn.Parameter(weights.double().clone(), requires_grad=False)

    def score(self, extended: Tensor) -> Tensor:
        """Extended points (N, 3) -> w₁x₁ + w₂x₂ + b, (S, N). Its sign is the answer."""
        return self.weights @ extended.T  # (S, 3) @ (3, N)

    def forward(self, extended: Tensor) -> Tensor:
        """(N, 3) -> outputs (S, N): 0 or 1 for Rosenblatt's neuron, between them for a sigmoid."""
        return activate(self.score(extended), self.rule)

    def loss(self, points: Points) -> Tensor:
        """What the rule descends, (S,): cross-entropy, or how deep the mistakes lie (0 if none)."""
        score = self.score(points.extended)  # (S, N)
        if self.rule == "sigmoid":
            return cross_entropy(score, points.labels)
        return (score * ((score > 0).double() - points.labels)).mean(dim=1)

    def learn(self, points: Points, lr: float) -> tuple[Tensor, Tensor]:
        """One update from B points. Returns outputs (S, B) and the change of the weights (S, 3).

        Rosenblatt wrote Δw = lr · (label − output) · x. The gradient of sigmoid and cross-entropy
        is (output − label) · x: descending it is the very same line, with a softer output.
        """
        extended = points.extended  # (B, 3)
        output = self(extended)  # (S, B)
        error = points.labels - output  # (S, B)
        change = lr * error @ extended / len(extended)  # (S, 3), the mean over the points
        self.weights.add_(change)
        return output, change

    def lines(self) -> Tensor:
        """The line(s) of each network, (S, 1, 3)."""
        return self.weights[:, None]

    def parameters_row(self) -> Tensor:
        """All weights, (S, 3)."""
        return self.weights.detach().clone()


class TwoLayers(nn.Module):
    """S networks with H hidden sigmoid units: each unit draws a line, the output combines them.

    row: float64 (S, 4H + 1): w₁, w₂, b of each hidden unit, then the output's H weights and bias.
    """

    rule = "sigmoid"  # Rosenblatt's rule cannot tell a hidden unit what it should have said

    def __init__(self, row: Tensor, hidden: int) -> None:
        super().__init__()
        row = row.double()
        self.hidden = nn.Parameter(row[:, : 3 * hidden].reshape(-1, hidden, 3).clone())  # (S, H, 3)
        self.out = nn.Parameter(row[:, 3 * hidden :].clone())  # (S, H + 1)
        # Momentum carries the network over the flat regions where plain descent gets stuck.
        self.optimizer = torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)

    def score(self, extended: Tensor) -> Tensor:
        """Extended points (N, 3) -> (S, N)."""
        seen = torch.sigmoid(self.hidden @ extended.T)  # (S, H, 3) @ (3, N) -> (S, H, N)
        return (self.out[:, :-1, None] * seen).sum(dim=1) + self.out[:, -1:]  # (S, N)

    def forward(self, extended: Tensor) -> Tensor:
        return activate(self.score(extended), self.rule)

    def loss(self, points: Points) -> Tensor:
        return cross_entropy(self.score(points.extended), points.labels)  # (S,)

    def learn(self, points: Points, lr: float) -> tuple[Tensor, Tensor]:
        """One update by backpropagation. Returns outputs (S, B) and changes (S, 4H + 1)."""
        before = self.parameters_row()
        self.optimizer.param_groups[0]["lr"] = lr
        score = self.score(points.extended)  # (S, B)
        loss = cross_entropy(score, points.labels).sum()  # each network's gradient is its own
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return activate(score.detach(), self.rule), self.parameters_row() - before

    def lines(self) -> Tensor:
        return self.hidden.detach().clone()  # (S, H, 3)

    def parameters_row(self) -> Tensor:
        return torch.cat([self.hidden.detach().flatten(1), self.out.detach()], dim=1)


Model = Neuron | TwoLayers


def activate(score: Tensor, rule: str) -> Tensor:
    return (score > 0).double() if rule == "rosenblatt" else torch.sigmoid(score)


def cross_entropy(score: Tensor, labels: Tensor) -> Tensor:
    """Scores (S, N), labels (N,) or (S, N) -> (S,), the mean over the points."""
    each = F.binary_cross_entropy_with_logits(score, labels.expand_as(score), reduction="none")
    return each.mean(dim=1)


def build(config: Config, starts: int = 1) -> Model:
    """`starts` networks with random weights. The first of 200 is the one that `starts=1` gives."""
    rng = torch.Generator().manual_seed(config.seed)
    size = 4 * config.hidden + 1 if config.hidden else 3
    row = (torch.rand(starts, size, generator=rng, dtype=torch.float64) * 2 - 1) * config.scale
    return restore(row, config)


def restore(row: Tensor, config: Config) -> Model:
    """The network(s) whose weights are `row`, (S, 3) or (S, 4H + 1)."""
    return TwoLayers(row, config.hidden) if config.hidden else Neuron(row, config.rule)


START, TOGETHER = -2, -1


@dataclass(frozen=True)
class Update:
    """One update of S networks, P weights each: a row of the ledger and a frame of the picture."""

    sample: int  # which point was shown; TOGETHER: all of them; START: none yet
    output: Tensor  # (S, B) what the networks said before the update
    error: Tensor  # (S, B) label − output
    change: Tensor  # (S, P) what was added to the weights
    after: Tensor  # (S, P) the weights it led to
    right: Tensor  # (S,) int64, how many of all points are now answered right
    loss: Tensor  # (S,)
    circle: tuple[int, int] | None = None  # the weights are back where they were: (then, now)


def train(
    model: Model,
    points: Points,
    config: Config,
    *,
    done: int = 0,
    updates: int | None = None,
    seen: dict[tuple[float, ...], int] | None = None,
) -> Iterator[Progress]:
    """Train in place, one `Progress` per update. Continues after `done` updates, where it stood.

    seen: the memory of `find_circle`, to be handed on from one part of a run to the next.

    It ends after `config.epochs` epochs, or `updates` updates if given, and earlier when nothing
    can change any more: Rosenblatt's neuron makes no mistake, or its weights go round in a circle.
    """
    per_epoch = 1 if config.order == "all_at_once" else len(points.inputs)
    end = done + (config.epochs * per_epoch if updates is None else updates)
    nothing = torch.empty(0)
    yield _progress(model, points, START, nothing, nothing, nothing, step=done, total=end)
    seen = {} if seen is None else seen
    for step in range(done + 1, end + 1):
        sample = _sample(step - 1, len(points.inputs), config)
        shown = points if sample == TOGETHER else _one(points, sample)
        output, change = model.learn(shown, config.lr)
        epoch_ends = step % per_epoch == 0
        circle = None
        if model.rule == "rosenblatt" and epoch_ends and config.order != "shuffled":
            circle = find_circle(seen, step, model.parameters_row())
        error = shown.labels - output
        progress = _progress(
            model, points, sample, output, error, change, step=step, total=end, circle=circle
        )
        all_right = bool((progress.snapshot.right == len(points.inputs)).all())
        finished = model.rule == "rosenblatt" and epoch_ends and all_right
        yield progress
        if finished or circle:
            return


def _sample(step: int, count: int, config: Config) -> int:
    """Which point update number `step` looks at: decided by the seed, so runs can be continued."""
    if config.order == "all_at_once":
        return TOGETHER
    if config.order == "in_turn":
        return step % count
    rng = torch.Generator().manual_seed(config.seed * 100_003 + step // count)
    return int(torch.randperm(count, generator=rng)[step % count])


def _one(points: Points, index: int) -> Points:
    return Points(points.inputs[index : index + 1], points.labels[..., index : index + 1])


def _progress(
    model: Model,
    points: Points,
    sample: int,
    output: Tensor,
    error: Tensor,
    change: Tensor,
    *,
    step: int,
    total: int,
    circle: tuple[int, int] | None = None,
) -> Progress:
    with torch.no_grad():
        right = ((model.score(points.extended) > 0) == (points.labels > 0.5)).sum(dim=1)  # (S,)
        loss = model.loss(points)  # (S,)
    accuracy = right.double().mean().item() / len(points.inputs)
    metrics = {"loss": loss.mean().item(), "accuracy": accuracy}
    if len(right) > 1:  # the share of the networks that answer every point right
        metrics["all_right"] = (right == len(points.inputs)).double().mean().item()
    after = model.parameters_row()
    update = Update(sample, output, error, change, after, right, loss, circle)
    return Progress(step, total, metrics, update)


def find_circle(
    seen: dict[tuple[float, ...], int], step: int, weights: Tensor
) -> tuple[int, int] | None:
    """(earlier step, step) if these weights were there before. Asked once an epoch, at its end.

    The same weights before the same points: the same road again, for ever. On points that no line
    separates Rosenblatt's weights stay bounded (Minsky and Papert, 1969), so they must come back.
    """
    key = tuple(round(weight, 9) + 0.0 for weight in weights.flatten().tolist())  # 0.1 + 0.2 = 0.3
    first = seen.setdefault(key, step)
    return (first, step) if first != step else None


@dataclass(frozen=True)
class Task:
    """Exactly what ran: the settings, the points (x₁, x₂, label), the first weights, how far."""

    config: Config
    points: tuple[tuple[float, float, int], ...]
    start: tuple[float, ...]
    done: int = 0
    updates: int | None = None


def line_through(p: tuple[float, float], q: tuple[float, float], length: float) -> Tensor:
    """Weights (1, 3) of the line through p and q that says 1 on the left of the way from p to q.

    length: of (w₁, w₂). The line is the same for any length, but a longer vector is surer.
    """
    normal = torch.tensor([p[1] - q[1], q[0] - p[0]], dtype=torch.float64)
    normal = normal / normal.norm() * length
    bias = -(normal[0] * p[0] + normal[1] * p[1])
    return torch.stack([normal[0], normal[1], bias])[None]


def to_points(rows: Sequence[tuple[float, float, int]]) -> Points:
    table = torch.tensor([list(row) for row in rows], dtype=torch.float64)  # (N, 3)
    return Points(table[:, :2], table[:, 2])


def job(task: Task | Config) -> Iterator[Progress]:
    """A whole run, from a Config (its truth table, its seed's weights) or a Task."""
    if isinstance(task, Config):
        if task.function == "points":
            raise ValueError("points of one's own come in a Task")
        return train(build(task), truth_table(task.function), task)
    model = restore(torch.tensor([task.start], dtype=torch.float64), task.config)
    points = to_points(task.points)
    return train(model, points, task.config, done=task.done, updates=task.updates)


@dataclass(frozen=True)
class Verdict:
    """What training made of one of the 16 functions."""

    learned: bool
    updates: int  # until all four answers were right, looked at after every epoch; else all
    changes: int  # how many of them moved the line
    right: int  # of the four answers
    period: int  # updates after which the weights come back; 0: they were not seen to
    weights: tuple[float, float, float]


def survey(config: Config) -> dict[str, Verdict]:
    """Train one neuron on each of the 16 functions, all sixteen side by side as one batch."""
    tables = torch.tensor(list(FUNCTIONS.values())).double()  # (16, 4)
    points = Points(torch.tensor(CORNERS).double(), tables)
    alone = dataclasses.replace(config, hidden=0)
    first = build(alone).parameters_row().expand(16, 3)  # everyone starts from the same weights
    events = [e.snapshot for e in train(restore(first, alone), points, alone)][1:]
    right = torch.stack([event.right for event in events])  # (T, 16)
    moved = torch.stack([event.change.abs().sum(dim=1) > 0 for event in events])  # (T, 16)
    weights = torch.stack([event.after for event in events])  # (T, 16, 3)
    per_epoch = 1 if config.order == "all_at_once" else 4
    verdicts = {}
    for i, name in enumerate(FUNCTIONS):
        ends = range(per_epoch - 1, len(events), per_epoch)
        # A sigmoid never stops moving, so it has learned when its answers stay right.
        good = [t for t in ends if bool((right[t:, i] == 4).all())]
        last = good[0] if good else len(events) - 1
        period = 0
        if not good and config.rule == "rosenblatt" and config.order != "shuffled":
            seen: dict[tuple[float, ...], int] = {}
            circles = (find_circle(seen, t + 1, weights[t, i]) for t in ends)
            found = next((circle for circle in circles if circle), (0, 0))
            period = found[1] - found[0]
        w1, w2, b = weights[last, i].tolist()
        changes = int(moved[: last + 1, i].sum())
        verdicts[name] = Verdict(
            bool(good), last + 1, changes, int(right[last, i]), period, (w1, w2, b)
        )
    return verdicts


def why_impossible(labels: Sequence[int]) -> tuple[int, int, int] | None:
    """The contradiction that forbids a line, for a truth table's four labels.

    Label 1 asks for w₁x₁ + w₂x₂ + b > 0, label 0 for ≤ 0. If the left sides of the first kind add
    up to the same sum as those of the second, that sum must be > 0 and ≤ 0. Returns the sum as
    its coefficients of (w₁, w₂, b), or None where the sums differ.
    """
    rows = [(*map(int, corner), 1) for corner in CORNERS]
    sums = [
        tuple(sum(row[i] for row, label in zip(rows, labels, strict=True) if label == kind)
              for i in range(3))
        for kind in (0, 1)
    ]  # fmt: skip
    return (sums[0][0], sums[0][1], sums[0][2]) if sums[0] == sums[1] else None
