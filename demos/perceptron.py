"""The perceptron tab: one neuron, its line on the plane, and every update it makes."""

import copy
import dataclasses
from typing import Any

import gradio as gr
import torch

from demos.kit import training
from demos.kit.code_panel import CodePanel
from demos.kit.errors import UserError, guard
from demos.kit.keep import keeper
from demos.kit.language import localise
from demos.kit.lesson import lesson
from demos.kit.permalink import address
from demos.kit.settings_form import SettingsForm
from demos.perceptron_trial import Trial, points_of, swarm, weights_file
from demos.perceptron_views import named, sent, starts_chart, steps, tried, untried
from demos.widgets.bars import Bars, bars
from demos.widgets.function_map import FunctionMap
from demos.widgets.ledger import Ledger
from demos.widgets.line_chart import LineChart
from demos.widgets.plane import (
    Plane,
    Row,
    from_text,
    read_edit,
    read_place,
    read_points,
    to_text,
)
from demos.widgets.timeline import Timeline
from dlcore import perceptron
from dlcore.perceptron import FUNCTIONS, HIDDEN, TUTORIAL, Config, line_through

TOPIC = "perceptron"
_STARTS = "perceptron-starts"  # the timeline group of the 200
_LARGEST_WEIGHT = 1e4
_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


class Tab:
    """The tab's components, and the handlers that connect them."""

    def __init__(self) -> None:
        first = Trial(Config(), points_of("AND", ""))
        self.trial = gr.State()
        self.points = gr.Textbox(visible=False, elem_id="perceptron-points")
        with gr.Row(elem_id="perceptron-top"):
            with gr.Column(scale=5, min_width=300):
                self._picture(first)
            with gr.Column(scale=4, min_width=300):
                self._controls(first)
        self.chart = LineChart(
            first.chart(), texts=("perceptron.settings",), group=TOPIC, elem_id="perceptron-chart"
        )
        self._map()
        self._starts()
        self.panel = CodePanel(
            TOPIC,
            sources=[
                perceptron.Neuron,
                perceptron.train,
                perceptron.find_circle,
                perceptron.why_impossible,
                perceptron.TwoLayers,
                perceptron.survey,
                perceptron.Config,
            ],
            module=perceptron,
            form=self.form,
            record=self.trial,
            weights=weights_file,
        )
        self._lesson()
        address.register(TOPIC, {"points": self.points}, check=lambda _, v: to_text(from_text(v)))
        self._connect()

    # --- Layout ----------------------------------------------------------------------------------

    def _picture(self, first: Trial) -> None:
        self.plane = Plane(first.plane(), group=TOPIC, elem_id="perceptron-plane")
        self.timeline = Timeline(
            {"run": TOPIC, "steps": first.steps()}, group=TOPIC, elem_id="perceptron-timeline"
        )

    def _controls(self, first: Trial) -> None:
        with gr.Row(elem_classes="dl-buttons"):
            self.step = _button("step")
            self.play = _button("play")
            self.train = _button("train", variant="primary")
            self.reset = _button("reset")
            self.another = _button("another")
            self.restore = localise(
                gr.Button(elem_id="perceptron-restore", visible=False), value="kit.restore"
            )
        self.form = SettingsForm(
            TOPIC, Config, shown=("function", "rule", "lr", "epochs"), tutorial=TUTORIAL
        )
        with gr.Row(elem_classes="dl-buttons"):
            self.add_layer = _button("add_layer")
            self.remove_layer = _button("remove_layer", visible=False)
        with gr.Row(elem_classes="dl-settings", elem_id="perceptron-weights"):
            self.weights = [
                gr.Number(value, label=label, elem_id=f"perceptron-{name}", min_width=80)
                for name, label, value in zip(
                    ("w1", "w2", "b"), ("w₁", "w₂", "b"), first.rounded(), strict=True
                )
            ]
        self.ledger = Ledger(first.ledger(), group=TOPIC, elem_id="perceptron-ledger")

    def _map(self) -> None:
        localise(gr.Markdown(), value="perceptron.map_title")
        with gr.Row(elem_classes="dl-buttons"):
            self.survey = _button("survey")
        self.map = FunctionMap({"selected": "AND", **untried()}, elem_id="perceptron-map")

    def _starts(self) -> None:
        localise(gr.Markdown(), value="perceptron.starts_title")
        with gr.Row(elem_classes="dl-buttons"):
            self.starts = _button("starts")
        self.swarms: list[Plane] = []
        with gr.Column(visible=False) as self.starts_box:
            with gr.Row():
                for name in ("yours", "tutorial"):
                    with gr.Column(min_width=300):
                        localise(gr.Markdown(), value=f"perceptron.starts_{name}")
                        self.swarms.append(Plane(group=_STARTS, elem_id=f"perceptron-swarm-{name}"))
            self.starts_timeline = Timeline(group=_STARTS, elem_id="perceptron-starts-timeline")
            with gr.Row():
                with gr.Column(min_width=300):
                    localise(gr.Markdown(), value="perceptron.distribution")
                    self.bars = Bars(texts=("perceptron.series",), elem_id="perceptron-bars")
                with gr.Column(min_width=300):
                    self.starts_chart = LineChart(
                        group=_STARTS,
                        texts=("perceptron.series",),
                        shares=["yours", "tutorial"],
                        elem_id="perceptron-starts-chart",
                    )
            localise(gr.Markdown(), value="perceptron.starts_why")

    def _lesson(self) -> None:
        by_name = self.form.by_name

        def controls(config: Config) -> dict[Any, Any]:
            return {by_name[name]: getattr(config, name) for name in self.form.names}

        lesson(
            TOPIC,
            experiments={
                "patience": controls(TUTORIAL),
                "circle": controls(Config(function="XOR")),
                "hidden": controls(dataclasses.replace(HIDDEN, hidden=2)),
            },
        )

    # --- Wiring ----------------------------------------------------------------------------------

    def _connect(self) -> None:
        given = [self.trial, self.points, *self.form.components]
        names = self.form.names
        buttons = [self.add_layer, self.remove_layer]
        shown = [self.trial, self.plane, self.ledger, self.chart, self.timeline]
        shown += [*self.weights, *buttons, self.map]
        live = {"trigger_mode": "always_last", **_QUIET}
        loud: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": 4}

        def on(
            event: Any, handler: Any, inputs: list[Any], outputs: list[Any], name: str, says: str
        ) -> None:
            event(
                guard(handler, names=names),
                inputs,
                outputs,
                api_name=f"perceptron_{name}",
                api_description=says,
                **loud,
            )

        on(self.step.click, self._step, given, shown, "step", "Make one update.")
        on(self.train.click, self._train, given, shown, "train", "Train from the present weights.")
        on(self.reset.click, self._reset, given, shown, "reset", "Go back to the seed's weights.")
        self.play.click(guard(self._play, names=names), given, shown, **_QUIET)
        gr.on(
            [component.change for component in self.form.components],
            guard(self._show, names=names),
            given,
            shown,
            **live,
        )
        self.points.change(guard(self._read_points, names=names), given, shown, **live)
        seed = self.form.by_name["seed"]
        self.another.click(guard(self._other_seed), seed, seed, **_QUIET)
        self.restore.click(
            guard(self._restore),
            None,
            [self.restore, self.points, *self.form.components, *shown],
            **_QUIET,
        )
        training.offers.append((TOPIC, self.restore))
        gr.on(
            [number.input for number in self.weights],
            guard(self._typed, names=["w1", "w2", "b", *names]),
            [self.trial, self.points, *self.weights, *self.form.components],
            [component for component in shown if component not in self.weights],
            trigger_mode="always_last",
            api_name="perceptron_weights",
            api_description="Set w1, w2 and b by hand; training goes on from there.",
            **loud,
        )
        self.plane.line(guard(self._line, names=names), given, shown, **live)
        edited = [self.points, self.form.by_name["function"], *shown]
        self.plane.points(guard(self._edited, names=names), given, edited, **live)
        self.map.pick(guard(self._picked), None, self.form.by_name["function"], **_QUIET)
        for button, layer in ((self.add_layer, True), (self.remove_layer, False)):
            button.click(
                guard(self._layer(layer), names=self.form.names),
                self.form.components,
                self.form.components,
                **_QUIET,
            )
        on(
            self.survey.click,
            self._survey,
            given,
            shown,
            "functions",
            "Train one neuron on each of the 16 Boolean functions.",
        )
        on(
            self.starts.click,
            self._two_hundred,
            given,
            [self.starts_box, *self.swarms, self.starts_timeline] + [self.bars, self.starts_chart],
            "starts",
            "Train 200 random starts as one batch, with these settings and the tutorial's.",
        )

    # --- What the handlers share -----------------------------------------------------------------

    def _present(self, trial: Any, text: Any, values: tuple[Any, ...]) -> Trial:
        """The visitor's trial, brought up to date with what the controls say."""
        settings = self.form.config(values)
        return _brought(trial, settings, points_of(settings.function, _newest(text, trial), trial))

    def _shown(
        self, trial: Trial, request: gr.Request, *, film_from: int | None = None
    ) -> dict[Any, Any]:
        if trial.step:
            keeper.put(request, TOPIC, trial)
        alone = not trial.settings.hidden
        updates = {
            self.trial: trial,
            self.plane: trial.plane(film_from=film_from),
            self.ledger: trial.ledger(),
            self.chart: trial.chart(),
            self.timeline: {"run": TOPIC, "steps": trial.steps()},
            self.add_layer: gr.update(visible=alone),
            self.remove_layer: gr.update(visible=not alone),
            self.map: {"selected": trial.settings.function, **(trial.survey or untried())},
        }
        values = trial.rounded() if alone else [None] * 3
        for number, value in zip(self.weights, values, strict=True):
            updates[number] = gr.update(value=value, interactive=alone)
        return updates

    # --- Handlers --------------------------------------------------------------------------------

    def _show(self, trial: Any, text: Any, *values: Any, request: gr.Request) -> dict[Any, Any]:
        """Controls changed, or an address was read. What an edit changed it has shown itself."""
        settings = self.form.config(values)
        points = points_of(settings.function, _newest(text, trial), trial)
        if isinstance(trial, Trial) and (trial.settings, trial.points) == (settings, points):
            return {self.trial: gr.skip()}  # an answer might be late, and undo a newer one
        return self._shown(_brought(trial, settings, points), request)

    def _read_points(self, trial: Any, points: Any, *values: Any, request: gr.Request) -> Any:
        """Points from an address; of an edit's, the page may not yet say that they are its own."""
        if self.form.config(values).function != "points":
            return {self.trial: gr.skip()}
        return self._show(trial, points, *values, request=request)

    def _step(self, trial: Any, points: Any, *values: Any, request: gr.Request) -> dict[Any, Any]:
        present = self._present(trial, points, values)
        present.advance(updates=1)
        return self._shown(present, request)

    def _train(self, trial: Any, points: Any, *values: Any, request: gr.Request) -> dict[Any, Any]:
        present = self._present(trial, points, values)
        present.advance()
        return self._shown(present, request)

    def _play(self, trial: Any, points: Any, *values: Any, request: gr.Request) -> dict[Any, Any]:
        present = self._present(trial, points, values)
        began = present.advance()
        return self._shown(present, request, film_from=began)

    def _reset(self, trial: Any, points: Any, *values: Any, request: gr.Request) -> dict[Any, Any]:
        fresh = Trial(self.form.config(values), self._present(trial, points, values).points)
        if isinstance(trial, Trial):
            fresh.earlier = [*trial.earlier, trial.curves_run()][-5:] if trial.step else []
        return self._shown(fresh, request)

    def _typed(self, trial: Any, points: Any, *values: Any, request: gr.Request) -> dict[Any, Any]:
        """While a number is being written it must not be written over: only the rest is shown."""
        present = self._present(trial, points, values[3:])
        numbers = list(values[:3])
        if not all(type(n) in (int, float) and abs(n) <= _LARGEST_WEIGHT for n in numbers):
            if None in numbers:  # an empty field, on the way to a number
                return {self.trial: present}
            raise UserError("perceptron.errors.weights", limit=int(_LARGEST_WEIGHT))
        if not present.settings.hidden and numbers != present.rounded():
            was = zip(numbers, present.rounded(), present.row[0].tolist(), strict=True)
            exact = [now if now != seen else full for now, seen, full in was]
            present.set_weights(torch.tensor([exact], dtype=torch.float64))
        shown = self._shown(present, request)
        return {key: value for key, value in shown.items() if key not in self.weights}

    def _other_seed(self, seed: Any) -> int:
        return Config(seed=seed).seed + 1

    def _restore(self, request: gr.Request) -> dict[Any, Any]:
        kept = keeper.get(request, TOPIC)
        if kept is None:
            return {self.restore: gr.update(visible=False)}
        trial = copy.deepcopy(kept)  # a second page of this browser goes its own way
        controls = zip(self.form.components, self.form.values(trial.settings), strict=True)
        text = to_text(trial.points) if trial.settings.function == "points" else ""
        return {
            self.restore: gr.update(visible=False),
            self.points: text,
            **dict(controls),
            **self._shown(trial, request),
        }

    def _line(
        self, trial: Any, points: Any, event: gr.EventData, *values: Any, request: gr.Request
    ) -> dict[Any, Any]:
        present = self._present(trial, points, values)
        data = sent(event)
        p, q = read_place(data.get("p")), read_place(data.get("q"))
        if present.settings.hidden or p == q:
            raise UserError("perceptron.errors.line")
        length = float(present.row[0, :2].norm()) or 1.0
        present.set_weights(line_through(p, q, length))
        present.edit = read_edit(data.get("edit"))
        return self._shown(present, request)

    def _edited(
        self, trial: Any, _points: Any, event: gr.EventData, *values: Any, request: gr.Request
    ) -> dict[Any, Any]:
        rows = read_points(sent(event).get("points"))
        text, function = to_text(rows), named(rows)
        settings = dict(zip(self.form.names, values, strict=True)) | {"function": function}
        config = self.form.config(tuple(settings.values()))
        present = _brought(trial, config, points_of(function, text))
        present.edit = read_edit(sent(event).get("edit"))
        new = {self.points: text, self.form.by_name["function"]: function}
        return {**new, **self._shown(present, request)}

    def _picked(self, event: gr.EventData) -> str:
        name = sent(event).get("function")
        if not isinstance(name, str) or name not in FUNCTIONS:
            raise UserError("perceptron.errors.function")
        return name

    def _layer(self, add: bool) -> Any:
        def layer(*values: Any) -> list[Any]:
            now = self.form.config(values)
            base = HIDDEN if add else Config()
            return self.form.values(dataclasses.replace(base, function=now.function, seed=now.seed))

        return layer

    def _survey(self, trial: Any, points: Any, *values: Any, request: gr.Request) -> dict[Any, Any]:
        present = self._present(trial, points, values)
        present.survey = tried(present.settings)
        return self._shown(present, request)

    def _two_hundred(self, trial: Any, points: Any, *values: Any) -> dict[Any, Any]:
        settings = self.form.config(values)
        rows = points_of(settings.function, points, trial)
        theirs = dataclasses.replace(TUTORIAL, function=settings.function, seed=settings.seed)
        yours, tutorial = swarm(settings, rows), swarm(theirs, rows)
        return {
            self.starts_box: gr.update(visible=True),
            self.swarms[0]: yours.value,
            self.swarms[1]: tutorial.value,
            self.starts_timeline: {"steps": steps(yours, tutorial)},
            self.bars: bars(yours.labels, {"yours": yours.shares, "tutorial": tutorial.shares}),
            self.starts_chart: starts_chart(yours, tutorial),
        }


# --- Small things --------------------------------------------------------------------------------


def _brought(trial: Any, settings: Config, points: tuple[Row, ...]) -> Trial:
    """The visitor's trial, brought to these settings and points."""
    if not isinstance(trial, Trial):
        return Trial(settings, points)
    start = (settings.seed, settings.scale, settings.hidden)
    was = (trial.settings.seed, trial.settings.scale, trial.settings.hidden)
    if trial.points != points or start != was:
        return Trial(settings, points, before=trial)
    if settings != trial.settings:
        trial.change_settings(settings)
    return trial


def _newest(text: Any, trial: Any) -> Any:
    """The points as the last edit left them; what the page says of them may be a moment older."""
    edited = isinstance(trial, Trial) and trial.edit and trial.settings.function == "points"
    return to_text(trial.points) if edited else text


def _button(name: str, **props: Any) -> gr.Button:
    identity = f"perceptron-{name.replace('_', '-')}"
    button = gr.Button(elem_id=identity, min_width=60, **props)
    return localise(button, value=f"perceptron.buttons.{name}")


build = Tab  # what the app calls inside the topic's gr.Tab
