"""The CNN tab's components, section by section. What they do is wired in demos/cnn.py."""

from typing import Any

import gradio as gr

from demos import cnn_views as views
from demos.cnn_state import SECTIONS, WHICH, Look
from demos.kit.language import localise
from demos.kit.models import NAMES
from demos.kit.parts import button, caption, sections
from demos.kit.settings_form import SettingsForm
from demos.kit.training import TrainingPanel
from demos.widgets.bars import Bars, bars
from demos.widgets.drawing_pad import DrawingPad
from demos.widgets.feature_maps import FeatureMaps
from demos.widgets.heatmap import Heatmap
from demos.widgets.image_grid import ImageGrid
from demos.widgets.inspector import Inspector
from demos.widgets.line_chart import LineChart
from demos.widgets.status import Status
from dlcore import cnn
from dlcore.drawing import CHANGES

_STEPS = {"right": 0.5, "down": 0.5, "rotate": 5, "scale": 0.05, "thicken": 0.1}


class Layout:
    """Pad, picture and answer on top; under them one section at a time."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.look = gr.State(Look())
        # By itself: what else is looked at is written by answers that may be late.
        self.open = gr.State("sees")
        self.headings: list[gr.Markdown] = []  # name a network where both are shown
        self.maps: dict[str, FeatureMaps] = {}
        self.curves: dict[str, LineChart] = {}
        self.reasons: dict[str, ImageGrid] = {}
        with gr.Row(elem_id="cnn-top"):
            self._draw()
            self._answer()
        contents = (self._sees, self._train, self._transform, self._why)
        self.sections, self.tabs = sections(topic, dict(zip(SECTIONS, contents, strict=True)))
        self.own = self.panel.state

    # --- Groups that handlers read and write -----------------------------------------------

    @property
    def seen(self) -> list[Any]:
        return [self.pad, self.centre, self.which, self.own, self.look]

    @property
    def answers(self) -> list[Any]:
        return [self.gets, self.bars, *self.maps.values()]

    @property
    def studied_from(self) -> list[Any]:
        return [*self.seen, self.open, self.digit, self.kind, *self.amounts]

    @property
    def studied(self) -> list[Any]:
        return [self.inspector, self.bent, *self.curves.values(), *self.reasons.values()]

    @property
    def twins(self) -> list[Any]:
        pairs = (self.maps, self.curves, self.reasons)
        return [*self.headings, *(widget for pair in pairs for widget in pair.values())]

    # --- Top ---------------------------------------------------------------------------------

    def _draw(self) -> None:
        with gr.Column(scale=4, min_width=270):
            self.pad = DrawingPad({"pixels": ""}, elem_id="cnn-pad")
            with gr.Row(elem_classes="dl-buttons"):
                self.random = button("cnn.random", size="sm")
                self.examples_button = button("cnn.examples", size="sm")
            self.examples_open = gr.State(False)
            self.examples = ImageGrid(
                pick=True, columns=5, visible=False, elem_id="cnn-examples-grid"
            )
        with gr.Column(scale=3, min_width=200):
            caption("cnn.gets")
            self.gets = ImageGrid(
                texts=("cnn.hints",), empty="draw_first", largest=224, elem_id="cnn-gets"
            )
            self.centre = localise(
                gr.Checkbox(True, elem_id="cnn-centre", interactive=True),
                label="cnn.centre",
                info="cnn.centre_info",
            )

    def _answer(self) -> None:
        with gr.Column(scale=5, min_width=280):
            self.which = localise(
                gr.Radio(list(WHICH), value="bundled", interactive=False, elem_id="cnn-which"),
                label="cnn.which",
                info="cnn.which_info",
                choices={name: f"cnn.models.{name}" for name in WHICH},
            )
            self.bars = Bars(bars(views.DIGITS, {}), texts=("cnn.models",), elem_id="cnn-bars")

    def _pair(self, name: str) -> bool:
        """A heading over each of two networks' pictures; whether this one is shown at first."""
        self.headings.append(caption(f"cnn.heading.{name}", visible=False))
        return name == "bundled"

    # --- Sections ----------------------------------------------------------------------------

    def _sees(self) -> None:
        for name in NAMES:
            shown = self._pair(name)
            self.maps[name] = FeatureMaps(None, visible=shown, elem_id=f"cnn-maps-{name}")
        self.inspector = Inspector(None, texts=("cnn.models",), elem_id="cnn-inspector")
        with gr.Column(visible=False, elem_id="cnn-score") as self.score:
            caption("cnn.score.title")
            self.score_status = Status(
                {"state": "idle"}, texts=("cnn.scoring",), elem_id="cnn-score-status"
            )
            self.scores = Bars(
                bars(views.DIGITS, {}), texts=("cnn.score",), elem_id="cnn-score-bars"
            )

    def _train(self) -> None:
        self.form = SettingsForm(
            self.topic, cnn.Config, tutorial=cnn.TUTORIAL, shown=("epochs", "lr", "batch_size")
        )
        self.panel = TrainingPanel(
            self.topic,
            form=self.form,
            job=cnn.job,
            panels=[["loss", "test_loss"], ["accuracy", "test_accuracy"]],
        )
        caption("cnn.kernels")
        self.kernels = _recorded("kernels", self.topic, columns=16)
        with gr.Row():
            with gr.Column(scale=1, min_width=300):
                caption("cnn.confusion")
                self.confusion = Heatmap(
                    pick=True,
                    group=self.topic,
                    texts=("cnn.hints",),
                    empty="train_first",
                    elem_id="cnn-confusion",
                )
                self.judge = button("cnn.judge", size="sm")
                self.judge_status = Status(
                    {"state": "idle"},
                    texts=("cnn.scoring",),
                    visible=False,
                    elem_id="cnn-judge-status",
                )
            with gr.Column(scale=1, min_width=300):
                caption("cnn.mistakes")
                self.gallery = _recorded("mistakes", self.topic, columns=6, pick=True)
                self.all_mistakes = button("cnn.all_mistakes", size="sm", visible=False)

    def _transform(self) -> None:
        caption("cnn.transform")
        with gr.Row():
            with gr.Column(scale=2, min_width=270):
                self.kind = localise(
                    gr.Radio(list(CHANGES), value="rotate", interactive=True, elem_id="cnn-bend"),
                    label="cnn.bend",
                    choices={kind: f"cnn.changes.{kind}" for kind in CHANGES},
                )
                self.amounts = [self._amount(kind) for kind in CHANGES]
                self.straight = button("cnn.straight", size="sm")
            with gr.Column(scale=3, min_width=300):
                self.bent = ImageGrid(
                    texts=("cnn.hints",), empty="draw_first", largest=140, elem_id="cnn-bent"
                )
                for name in NAMES:
                    shown = self._pair(name)
                    self.curves[name] = LineChart(
                        texts=("cnn.hints", "cnn.changes"),
                        empty="draw_first",
                        visible=shown,
                        elem_id=f"cnn-curves-{name}",
                    )

    def _amount(self, kind: str) -> gr.Slider:
        change = CHANGES[kind]
        slider = gr.Slider(
            change.low,
            change.high,
            value=change.none,
            step=_STEPS[kind],
            interactive=True,
            elem_id=f"cnn-bend-{kind}",
        )
        return localise(slider, label=f"cnn.changes.{kind}")

    def _why(self) -> None:
        caption("cnn.why")
        self.digit = localise(
            gr.Radio([-1, *range(10)], value=-1, interactive=True, elem_id="cnn-digit"),
            label="cnn.digit",
            choices={-1: "cnn.digits.answer", **{d: f"cnn.digits.{d}" for d in range(10)}},
        )
        for name in NAMES:
            shown = self._pair(name)
            self.reasons[name] = ImageGrid(
                texts=("cnn.hints", "cnn.reasons"),
                empty="draw_first",
                columns=3,
                largest=260,
                visible=shown,
                elem_id=f"cnn-why-{name}",
            )

    # --- Lesson ------------------------------------------------------------------------------

    def experiments(self) -> dict[str, dict[Any, Any]]:
        """What the lesson's buttons set."""
        settings = self.form.by_name
        return {
            "corner": {self.pad: views.drawing("small_three"), self.centre: False},
            "turn": {
                self.pad: views.drawing("six"),
                self.centre: True,
                self.kind: "rotate",
                self.amounts[list(CHANGES).index("rotate")]: 0,
                self.sections: gr.update(selected="transform"),
            },
            "few": {
                settings["epochs"]: 10,
                settings["train_share"]: 0.01,
                settings["batch_size"]: 32,
                self.sections: gr.update(selected="train"),
            },
        }


def _recorded(name: str, group: str, *, columns: int, pick: bool = False) -> ImageGrid:
    return ImageGrid(
        group=group,
        columns=columns,
        pick=pick,
        texts=("cnn.hints",),
        empty="train_first",
        elem_id=f"cnn-{name}",
    )
