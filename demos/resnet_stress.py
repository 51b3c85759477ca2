"""Two sections of the image-classification tab: what an answer withstands, and how it is fooled."""

import math
import time
import uuid
from collections import OrderedDict
from collections.abc import Generator, Iterator, Sequence
from threading import Lock
from typing import Any

import gradio as gr
import numpy as np
import torch

from demos import resnet_views as views
from demos.kit.errors import UserError, freeing, guard
from demos.kit.events import HIDDEN, LIVE, STUDY
from demos.kit.language import localise
from demos.kit.parts import arrivals, button, caption
from demos.kit.settings_form import SettingsForm
from demos.kit.training import TOGETHER, stopping
from demos.resnet_state import (
    label_of,
    network,
    one_of,
    pixels,
    present,
    shown_or_first,
)
from demos.widgets.classes import Classes, classes
from demos.widgets.line_chart import LineChart, line_chart
from demos.widgets.notes import Notes, notes
from demos.widgets.photos import Photos, photo, photos
from demos.widgets.status import Status, status
from demos.widgets.timeline import Timeline
from dlcore import resnet
from dlcore.disturb import DISTURBANCES, Sweep, disturbed, sweep
from dlcore.imagenet import imagenet_labels
from dlcore.jobs import stream
from dlcore.progress import Progress
from dlcore.resnet_attack import AttackConfig, Fooled, attack_job
from dlcore.settings import SettingError

_WORDS = ("resnet.stress", "resnet.words")
_CURVES = 4  # labels that get a curve of their own
_POINTS = 13  # amounts of a change that are tried
_TELL_EVERY_S = 0.5
_STEPS = {"blur": 0.25, "noise": 0.01, "rotate": 1, "crop": 0.01, "jpeg": 1}
Question = tuple[Any, ...]


class _Sweeps:
    """Sweeps by what was asked: moving one slider along its own curve asks nothing new."""

    def __init__(self, most: int = 64) -> None:
        self._most, self._lock = most, Lock()
        self._known: OrderedDict[Question, Sweep] = OrderedDict()

    def get(self, question: Question) -> Sweep | None:
        with self._lock:
            return self._known.get(question)

    def put(self, question: Question, found: Sweep) -> None:
        with self._lock:
            self._known[question] = found
            while len(self._known) > self._most:
                self._known.popitem(last=False)


_sweeps = _Sweeps()


class Stress:
    """Lay each section out inside its tab, then `wire` both."""

    def __init__(self, topic: str) -> None:
        self.topic = topic

    # --- Layout ------------------------------------------------------------------------------

    def robust(self) -> None:
        caption("resnet.captions.robust")
        with gr.Row():
            with gr.Column(scale=4, min_width=280):
                self.kind = localise(
                    gr.Radio(list(DISTURBANCES), value="blur", interactive=True,
                             elem_id="resnet-kind"),
                    label="resnet.kind",
                    choices={name: f"resnet.stress.{name}" for name in DISTURBANCES},
                )  # fmt: skip
                self.amounts = [self._amount(name) for name in DISTURBANCES]
                self.undo = button("resnet.undo", size="sm")
            with gr.Column(scale=5, min_width=300):
                self.bent = Photos(side=224, texts=_WORDS, elem_id="resnet-bent")
                self.answers = Classes(texts=_WORDS, elem_id="resnet-bent-answer")
        self.curves = LineChart(texts=_WORDS, empty="empty_chart", elem_id="resnet-curves")

    def _amount(self, name: str) -> gr.Slider:
        change = DISTURBANCES[name]
        low, high = sorted((change.none, change.most))
        slider = gr.Slider(low, high, value=change.none, step=_STEPS[name], interactive=True,
                           elem_id=f"resnet-amount-{name}")  # fmt: skip
        return localise(slider, label=f"resnet.stress.{name}")

    def attack(self) -> None:
        caption("resnet.captions.attack")
        with gr.Row():
            self.aim = views.labels("aim", "resnet.away")
        self.form = SettingsForm(
            self.topic, AttackConfig, tutorial=None, shown=("method", "limit"), part="attack"
        )
        with gr.Row(elem_classes="dl-buttons"):
            self.press = button("resnet.fool", variant="primary")
            self.stop = button("resnet.fool_stop", variant="stop", interactive=False)
        self.status = Status({"state": "idle"}, texts=_WORDS, elem_id="resnet-fool-status")
        group = "resnet-attack"
        self.fooled = Photos(
            side=224, group=group, texts=_WORDS, empty="press", elem_id="resnet-fooled"
        )
        self.timeline = Timeline({"steps": []}, group=group, elem_id="resnet-fool-timeline")
        self.remarks = Notes(texts=_WORDS, elem_id="resnet-fool-notes")
        with gr.Row():
            with gr.Column(scale=1, min_width=300):
                self.beside = Classes(
                    group=group, texts=_WORDS, empty="press", elem_id="resnet-fool-answer"
                )
            with gr.Column(scale=1, min_width=300):
                self.path = LineChart(
                    group=group, texts=_WORDS, empty="press", elem_id="resnet-fool-path"
                )

    def experiment(self) -> dict[Any, Any]:
        """The goldfish in the cup of coffee, two levels of 255 away."""
        values = zip(self.form.components, self.form.values(AttackConfig()), strict=True)
        return {self.aim: 1, **dict(values)}

    # --- Wiring ------------------------------------------------------------------------------

    def wire(self, tab: Any) -> None:
        """tab: the Layout whose picture, network and open section these sections follow."""
        self._wire_robust(tab)
        self._wire_attack(tab)

    def _wire_robust(self, tab: Any) -> None:
        count = len(tab.form.names)

        def withstand(
            section: Any, shown: Any, tick: Any, kind: Any, *values: Any
        ) -> Iterator[list[Any]]:
            config = tab.form.config(values[:count])
            if section != "robust":
                yield [gr.skip()] * 3
                return
            yield from withstood(shown, tick, kind, values[count:], config)

        gr.on(
            [tab.robust_tick.change, self.kind.change,
             *(amount.change for amount in self.amounts)],
            guard(withstand, names=[*tab.form.names, *DISTURBANCES]),
            [tab.section, tab.shown, tab.tick, self.kind, *tab.form.components, *self.amounts],
            [self.bent, self.answers, self.curves],
            api_name="resnet_withstand",
            api_description="What is left of the answer when the picture is blurred, noisy, "
            "turned, cut closer or packed as JPEG; and curves over one of these. section: robust.",
            **LIVE,
            **STUDY,
        )  # fmt: skip
        still = [change.none for change in DISTURBANCES.values()]
        self.undo.click(lambda: still, None, self.amounts, **HIDDEN)

    def _wire_attack(self, tab: Any) -> None:
        count = len(tab.form.names)

        def fool(shown: Any, aim: Any, *values: Any) -> Iterator[list[Any]]:
            config, how = tab.form.config(values[:count]), self.form.config(values[count:])
            yield from attacked(shown, aim, config, how)

        shown = [self.fooled, self.timeline, self.remarks, self.beside, self.path]
        running = self.press.click(
            guard(fool, names=[*tab.form.names, *(f"attack_{n}" for n in self.form.names)]),
            [tab.shown, self.aim, *tab.form.components, *self.form.components],
            [self.press, self.stop, self.status, *shown],
            api_name="resnet_attack",
            api_description="An adversarial example, step by step. aim: the number of a label to "
            "reach, or -1 to leave the network's own answer.",
            show_progress="hidden",
            **TOGETHER,
        )
        stopping(self.press, self.stop, self.status, running)
        tab.tick.change(lambda: [None] * len(shown), None, shown, queue=False, **HIDDEN)
        gr.on(arrivals(), guard(_aims), None, self.aim, **HIDDEN)


def _aims() -> Any:
    return gr.update(choices=views.label_choices(views.in_both("resnet.away")))


# --- What an answer withstands -------------------------------------------------------------------


def amounts_of(values: Sequence[Any]) -> dict[str, float]:
    """The sliders' values, by the change. Raises SettingError."""
    named = dict(zip(DISTURBANCES, values, strict=True))
    for name, amount in named.items():
        low, high = sorted((DISTURBANCES[name].none, DISTURBANCES[name].most))
        number = isinstance(amount, int | float) and not isinstance(amount, bool)
        if not number or not math.isfinite(amount) or not low <= amount <= high:
            error = SettingError(name, amount, low=low, high=high)
            error.label = f"resnet.stress.{name}"
            raise error
    return {name: float(amount) for name, amount in named.items()}


def withstood(
    shown: Any, tick: Any, kind: Any, values: Sequence[Any], config: resnet.Config
) -> Iterator[list[Any]]:
    """The changed picture and its answer at once, then the curves over the whole of one change."""
    kind, amounts = one_of(kind, tuple(DISTURBANCES)), amounts_of(values)
    model = network(config.network)
    picture = torch.from_numpy(pixels(shown_or_first(shown), config)).permute(2, 0, 1) / 255
    changed = disturbed(picture, amounts)
    with torch.no_grad():
        both = torch.stack([picture, changed])
        before, after = model(model.recipe.normalise(both)).softmax(dim=1)
    bent = photos([photo(changed.permute(1, 2, 0).numpy(), "changed")])
    answer = _beside(before, after, config.top, ("untouched", "changed"))
    others = {name: amount for name, amount in amounts.items() if name != kind}
    asked = (tick, present(config.network), config.preparation, kind, *others.values())
    found = _sweeps.get(asked) if isinstance(tick, str) and tick else None
    if found is not None:
        yield [bent, answer, _curves(found, kind, amounts[kind])]
        return
    yield [bent, answer, gr.skip()]
    for progress in sweep(model, model.recipe, picture, kind, count=_POINTS, others=others):
        found = progress.snapshot
        if progress.step % 4 == 0:
            yield [gr.skip(), gr.skip(), _curves(found, kind, amounts[kind])]
    assert found is not None
    if isinstance(tick, str) and tick:
        _sweeps.put(asked, found)
    yield [gr.skip(), gr.skip(), _curves(found, kind, amounts[kind])]


def _beside(
    before: torch.Tensor, after: torch.Tensor, count: int, names: tuple[str, str]
) -> dict[str, Any]:
    """Both answers, the first one's labels and the winner of the second."""
    ids = list(dict.fromkeys([*before.topk(count).indices.tolist(), int(after.argmax())]))
    series = dict(zip(names, (before[ids].tolist(), after[ids].tolist()), strict=True))
    return classes(ids, [views.named(label) for label in ids], series)


def _curves(found: Sweep, kind: str, amount: float) -> dict[str, Any]:
    """The labels that were ever likely, each with its curve."""
    likely = np.argsort(-found.probabilities.max(axis=0), kind="stable")[:_CURVES]
    curves = {
        _name(label): [
            (x, y) for x, y in zip(found.amounts, found.probabilities[:, label], strict=True)
        ]
        for label in likely.tolist()
    }
    curves = {name: sorted(points) for name, points in curves.items()}
    return line_chart(
        curves, x_label=kind, panels=[list(curves)], marks=[(amount, "")], shares=list(curves)
    )


def _name(label: int) -> str:
    one = imagenet_labels()[label]
    return one.en if one.en == one.vi else f"{one.en} · {views.marked(one)}"


# --- How it is fooled ----------------------------------------------------------------------------


def attacked(shown: Any, aim: Any, config: resnet.Config, how: AttackConfig) -> Iterator[list[Any]]:
    """Buttons, status, and of every step: pictures, timeline, remarks, answers, probabilities."""
    broken = [*_buttons(busy=False), status("failed"), *[gr.skip()] * 5]
    yield from freeing(_attacked(shown, aim, config, how), broken)


def _buttons(*, busy: bool) -> list[Any]:
    return [gr.update(interactive=not busy), gr.update(interactive=busy)]


def _attacked(
    shown: Any, aim: Any, config: resnet.Config, how: AttackConfig
) -> Generator[list[Any], None, None]:
    now, target = shown_or_first(shown), label_of(aim)
    given = pixels(now, config)
    own, _ = views.asked_label(now, config, None)
    if target == own:
        raise UserError("resnet.errors.already_there")
    label = own if target is None else target
    run, began, told = uuid.uuid4().hex[:8], time.monotonic(), 0.0
    steps: list[Fooled] = []
    yield [*_buttons(busy=True), status("waiting"), *[gr.skip()] * 5]
    running = stream(attack_job, present(config.network), given, label, target is not None, how,
                     budget_s=120.0)  # fmt: skip
    latest = Progress(0, 0)
    try:
        for event in running:
            fresh = event.snapshot is not None and event is not latest
            latest = event
            if fresh:
                steps.append(event.snapshot)
            if fresh or time.monotonic() - told >= _TELL_EVERY_S:
                told = time.monotonic()
                word = "running" if steps else "waiting"
                line = status(word, step=event.step, total=event.total, elapsed_s=told - began)
                views_now = _seen(run, steps, own, target, config) if fresh else [gr.skip()] * 5
                yield [gr.skip(), gr.skip(), line, *views_now]
    finally:
        running.close()
    line = status(running.ended or "done", step=latest.step, total=latest.total)
    last = _seen(run, steps, own, target, config) if steps else [gr.skip()] * 5
    yield [*_buttons(busy=False), line, *last]


def _seen(
    run: str, steps: Sequence[Fooled], own: int, target: int | None, config: resnet.Config
) -> list[Any]:
    """What the page is told after a step; the browser keeps the frames of those before."""
    first, last = steps[0], steps[-1]
    pictures = [
        photo(first.picture, "untouched"),
        photo(last.change, "change", values={"levels": round(last.largest, 2)}),
        photo(last.picture, "fooling"),
    ]
    before, after = torch.from_numpy(first.probabilities), torch.from_numpy(last.probabilities)
    beside = _beside(before, after, config.top, ("untouched", "fooling"))
    frames = {"run": run, "at": last.step}
    watched = [own] if target is None else [own, target]
    curves = {
        _name(label): [(one.step, float(one.probabilities[label])) for one in steps]
        for label in watched
    }
    answer, saved = int(last.probabilities.argmax()), int(last.saved.argmax())
    told = {
        "label": views.named(answer),
        "p": {"percent": float(last.probabilities[answer])},
        "levels": round(last.largest, 2),
    }
    key, kind = ("fooled", "warning") if answer != own else ("stands", "info")
    if target is not None and answer not in (own, target):
        key = "elsewhere"
    remarks: list[tuple[str, str, dict[str, Any]]] = [(key, kind, told)]
    if answer != own:
        still = {"p": {"percent": float(last.saved[saved])}}
        remarks.append(("saved" if saved == answer else "not_saved", "info", still))
    return [
        {**frames, "frames": [{"step": last.step, "pictures": pictures}]},
        {"run": run, "steps": [one.step for one in steps], "live": False},
        notes(remarks),
        {**frames, "frames": [{"step": last.step, **beside}]},
        line_chart(curves, panels=[list(curves)], shares=list(curves)),
    ]
