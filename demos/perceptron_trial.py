"""What the perceptron tab keeps of one visitor: the neuron, where it has been, and how it is shown.

Training here takes milliseconds, so it runs in the app's own process; every update is recorded and
played back in the browser.
"""

import dataclasses
import uuid
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from demos.kit.errors import UserError
from demos.kit.run import Run
from demos.widgets import plane
from demos.widgets.base import pack
from demos.widgets.plane import Row
from dlcore.checkpoint import to_bytes
from dlcore.perceptron import (
    CORNERS,
    FUNCTIONS,
    START,
    Config,
    Task,
    Update,
    build,
    restore,
    to_points,
    train,
)
from dlcore.progress import Progress

HAND = -3  # the "sample" of a row that the user wrote, beside dlcore's START and TOGETHER
MOST_UPDATES = 8_000  # of one press of a button: about two seconds
_MOST_ROWS = 3_000  # of the ledger; the oldest go first
_EARLIER = 5
_SWARM_FRAMES = 40


def points_of(function: str, text: object, before: object = None) -> tuple[Row, ...]:
    """The points of a truth table, or those of one's own: from the text, or as they were before."""
    if function == "points" and text in ("", None):
        return before.points if isinstance(before, Trial) else points_of("AND", "")
    if function == "points":
        return plane.from_text(text)
    labels = FUNCTIONS[function]
    return tuple((x, y, label) for (x, y), label in zip(CORNERS, labels, strict=True))


@dataclasses.dataclass(frozen=True)
class Moment:
    """A row of the ledger and a frame of the plane."""

    step: int
    sample: int
    output: float | None
    error: float | None
    change: Tensor | None  # (P,)
    after: Tensor  # (P,)
    right: int
    loss: float


class Trial(Run):
    """One network's road from its start: trained, stepped, dragged and trained again.

    `config` (what the script repeats) is the Task since the last time a hand changed anything.
    """

    def __init__(
        self, settings: Config, points: tuple[Row, ...], before: "Trial | None" = None
    ) -> None:
        """Start from the seed's weights, or, if they still fit, go on with those of `before`."""
        super().__init__(settings)
        self.points = points
        self.edit: int = before.edit if before else 0  # the plane's number of its last edit
        self.moments: list[Moment] = []
        self.earlier: list[dict[str, Any]] = []
        self.survey: dict[str, Any] | None = None  # what the map of functions shows
        self.step = self.done = 0
        self.verdict = ""
        self.circle: tuple[int, int] | None = None
        self._points = to_points(points)
        row = build(settings).parameters_row()
        if before is not None:
            self.earlier, self.survey = before.earlier, before.survey
            if before.step:
                self.earlier = [*self.earlier, before.curves_run()][-_EARLIER:]
            if _start(before.settings) == _start(settings):
                row = before.row
        self._begin(settings, row)
        self.advance(updates=0)

    def _begin(self, settings: Config, row: Tensor) -> None:
        """A new part of the road: from these weights, with these settings."""
        self.settings = settings
        self.model = restore(row, settings)
        self.seen: dict[tuple[float, ...], int] = {}
        start = tuple(row[0].tolist())
        self.config: Task = Task(settings, self.points, start, done=self.done, updates=0)

    @property
    def row(self) -> Tensor:
        """The weights as they are now, (1, P)."""
        return self.model.parameters_row()

    def rounded(self) -> list[float]:
        """The weights as their fields show them."""
        return [round(weight, 4) for weight in self.row[0].tolist()]

    def change_settings(self, settings: Config) -> None:
        """Go on from the weights as they are, with another rule, rate or order."""
        self._begin(settings, self.row)
        self.verdict, self.circle = "", None

    def set_weights(self, row: Tensor) -> None:
        """A hand puts the line elsewhere. All that a hand does in one go is one row."""
        if self.moments[-1].sample == HAND:
            self.moments.pop()
            self.events.pop()
            self.step -= 1
        before = self.moments[-1].after
        self._begin(self.settings, row)
        self.verdict, self.circle = "", None
        (progress,) = train(self.model, self._points, self.settings, updates=0)
        self.step += 1
        self._keep(progress, sample=HAND, change=row[0] - before)

    def advance(self, updates: int | None = None) -> int:
        """Train on: so many updates, or as many epochs as are set. Returns the step it began at."""
        began = self.step
        per_epoch = 1 if self.settings.order == "all_at_once" else len(self.points)
        asked = self.settings.epochs * per_epoch if updates is None else updates
        shift = self.step - self.done  # a hand's rows count as steps of the picture
        last: Update | None = None
        for progress in train(
            self.model,
            self._points,
            self.settings,
            done=self.done,
            updates=min(asked, MOST_UPDATES),
            seen=self.seen,
        ):
            update: Update = progress.snapshot
            if update.sample == START:
                if not self.moments:
                    self._keep(progress, sample=START)
                continue
            last = update
            self.done += 1
            self.step += 1
            self._keep(progress, sample=update.sample, change=update.change[0])
        taken = self.done - self.config.done
        self.config = dataclasses.replace(self.config, updates=taken)
        if last is not None:
            self.circle = (last.circle[0] + shift, last.circle[1] + shift) if last.circle else None
            self.verdict = self._verdict(last, asked_all=updates is None)
        return began

    def _verdict(self, last: Update, *, asked_all: bool) -> str:
        if self.circle:
            return "circle"
        if int(last.right) == len(self.points):
            finished = self.settings.rule == "rosenblatt" and not self.settings.hidden
            return "right" if finished else "right_so_far"
        return "tired" if asked_all else ""

    def _keep(self, progress: Progress, *, sample: int, change: Tensor | None = None) -> None:
        update: Update = progress.snapshot
        seen = update.output.numel() > 0
        output = float(update.output) if update.output.numel() == 1 else None
        self.moments.append(
            Moment(
                step=self.step,
                sample=sample,
                output=output,
                error=float(update.error.mean()) if seen else None,
                change=change,
                after=update.after[0],
                right=int(update.right),
                loss=float(update.loss),
            )
        )
        self.moments = self.moments[-_MOST_ROWS:]
        self.add(dataclasses.replace(progress, step=self.step))

    # --- As the widgets want it ------------------------------------------------------------------

    def steps(self) -> list[int]:
        return [moment.step for moment in self.moments]

    def plane(self, *, film_from: int | None = None) -> dict[str, Any]:
        rows = torch.stack([moment.after for moment in self.moments])  # (T, P)
        steps, view = self.steps(), plane.view(self.points)
        return {
            "run": self.id,
            "view": list(view),
            "points": [list(point) for point in self.points],
            "editable": True,
            "edit": self.edit,
            "steps": steps,
            "right": [moment.right for moment in self.moments],
            "samples": [moment.sample for moment in self.moments],
            **plane.history(rows, self.settings, self._points.extended),
            "ramp": plane.ramp(self.settings),
            "field": plane.field(rows, self.settings, steps, view),
            "circle": list(self.circle) if self.circle else None,
            "play": {"token": uuid.uuid4().hex, "from": film_from},
            "ended": self.verdict,
        }

    def ledger(self) -> dict[str, Any]:
        alone = not self.settings.hidden
        return {
            "run": self.id,
            "kind": "neuron" if alone else "network",
            "points": [list(point) for point in self.points],
            "rows": [_ledger_row(moment, alone) for moment in self.moments],
            "circle": list(self.circle) if self.circle else None,
        }

    def chart(self) -> dict[str, Any]:
        panels = [["loss"], ["accuracy"]]
        return {"x_label": "update", "panels": panels, "runs": [*self.earlier, self.curves_run()]}

    def curves_run(self) -> dict[str, Any]:
        settings = dataclasses.asdict(self.settings)
        return {"id": self.id, "settings": settings, "curves": self.curves()}


def _start(settings: Config) -> tuple[Any, ...]:
    """What decides the first weights: if that changes, the neuron begins anew."""
    return settings.seed, settings.scale, settings.hidden


def _ledger_row(moment: Moment, alone: bool) -> list[Any]:
    change = torch.zeros_like(moment.after) if moment.change is None else moment.change
    short = change.tolist() if alone else [float(change.norm())]
    after = moment.after.tolist() if alone else []
    cells = [moment.step, moment.sample, moment.output, moment.error, short, after]
    return [*cells, moment.right, moment.loss]


def weights_file(record: Run) -> bytes:
    """The weights as they are now, for *Download weights*."""
    if not isinstance(record, Trial):
        raise UserError("kit.errors.train_first")
    return to_bytes(
        record.model, topic="perceptron", config=record.settings, metrics=record.metrics()
    )


@dataclasses.dataclass(frozen=True)
class Swarm:
    """How many random starts ended, and the plane that shows their roads."""

    value: dict[str, Any]
    shares: list[float]  # of the starts, by how many points they answer right
    labels: list[str]
    curve: list[list[float]]  # [update, share of starts with every point right]
    good: int


def swarm(settings: Config, points: Sequence[Row], starts: int = 200) -> Swarm:
    """Train `starts` random starts as one batch."""
    data = to_points(points)
    per_epoch = 1 if settings.order == "all_at_once" else len(points)
    updates = min(settings.epochs * per_epoch, MOST_UPDATES)
    events = list(train(build(settings, starts), data, settings, updates=updates))
    count = min(_SWARM_FRAMES, len(events))
    chosen = sorted({round(i * (len(events) - 1) / max(1, count - 1)) for i in range(count)})
    frames: list[Update] = [events[i].snapshot for i in chosen]
    last = frames[-1].right  # (S,)
    rows = torch.cat([frame.after for frame in frames])  # (F · S, P)
    lines = restore(rows, settings).lines().reshape(len(frames), starts, -1, 3)[:, :, :1, :]
    right = torch.stack([frame.right for frame in frames])  # (F, S)
    good = int((last == len(points)).sum())
    labels, shares = _shares(last, len(points))
    value = {
        "run": uuid.uuid4().hex[:8],
        "view": list(plane.view(points)),
        "points": [list(point) for point in points],
        "editable": False,
        "swarm": {
            "steps": [events[i].step for i in chosen],
            "lines": pack(lines.squeeze(2).numpy()),
            "right": pack(right.numpy(), "u1"),
        },
        "ended": "starts",
        "good": good,
        "starts": starts,
    }
    curve = [[event.step, event.metrics["all_right"]] for event in events]
    return Swarm(value, shares, labels, curve, good)


def _shares(right: Tensor, count: int) -> tuple[list[str], list[float]]:
    """How the starts spread over 0 … count right answers, in at most eleven bins."""
    width = -(-(count + 1) // 11)
    bins = [range(low, min(low + width, count + 1)) for low in range(0, count + 1, width)]
    labels = [str(b[0]) if len(b) == 1 else f"{b[0]}–{b[-1]}" for b in bins]
    return labels, [float(((right >= b[0]) & (right <= b[-1])).double().mean()) for b in bins]
