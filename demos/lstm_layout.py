"""The LSTM tab's components, section by section. What they do is wired in demos/lstm.py."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import gradio as gr

from demos.kit.language import localise
from demos.kit.models import NAMES
from demos.kit.parts import button, caption, sections
from demos.kit.settings_form import SettingsForm
from demos.kit.suggest import Suggestions
from demos.kit.training import TrainingPanel
from demos.lstm_handlers import example
from demos.lstm_state import CLAMPED, HOLDS, KINDS, SIDES, Look, job_arguments
from demos.widgets.bars import Bars
from demos.widgets.gates import Gates
from demos.widgets.heatmap import Heatmap
from demos.widgets.line_chart import LineChart
from demos.widgets.sentences import Sentences
from demos.widgets.status import Status
from demos.widgets.token_strip import TokenStrip
from dlcore import lstm

_HINTS = ("lstm.hints", "lstm.metrics")


class Side:
    """One sentence: where it is typed, who reads it, its words, and the inside of the network."""

    text: gr.Textbox
    which: gr.Radio
    strip: TokenStrip
    gates: Gates


class Layout:
    """Sentences with their words on top; under them one section at a time."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.look = gr.State(Look())
        self.sides = {name: Side() for name in SIDES}
        self.second_parts: list[Any] = []  # what shows with the second sentence only
        with gr.Row(elem_classes="dl-buttons"):
            self.random = button("lstm.random", size="sm")
            self.copy = button("lstm.copy", size="sm", visible=False)
            self.twin = localise(
                gr.Checkbox(False, elem_id="lstm-twin", interactive=True, container=False),
                label="lstm.twin",
            )
        with gr.Row(elem_id="lstm-top"):
            for name in SIDES:
                self._sentence(name)
        self.opening = Suggestions(*self.texts)
        caption("lstm.strip")
        contents = {"inside": self._inside, "train": self._train, "why": self._why}
        self.sections, _ = sections(topic, contents)
        self.own = self.panel.state

    # --- Groups that handlers read and write -----------------------------------------------

    @property
    def texts(self) -> list[Any]:
        return [side.text for side in self.sides.values()]

    @property
    def whose(self) -> list[Any]:
        return [side.which for side in self.sides.values()]

    @property
    def clamps(self) -> list[Any]:
        return list(self.holds.values())

    @property
    def asked(self) -> list[Any]:
        """What a reading depends on."""
        return [*self.texts, self.twin, *self.whose, self.own, self.look, *self.clamps]

    @property
    def read(self) -> list[Any]:
        """Where a reading is shown."""
        strips = [side.strip for side in self.sides.values()]
        return [*strips, *(side.gates for side in self.sides.values())]

    # --- Top ---------------------------------------------------------------------------------

    def _sentence(self, name: str) -> None:
        first, side = name == "first", self.sides[name]
        word = "text" if first else "second"
        column = gr.Column(scale=1, min_width=300, visible=first, elem_id=f"lstm-side-{name}")
        with column:
            with gr.Row():
                text = gr.Textbox(
                    "",
                    lines=2,
                    max_lines=4,
                    interactive=True,
                    scale=4,
                    min_width=260,
                    elem_id=f"lstm-{word}",
                )
                side.text = localise(
                    text, label=f"lstm.{word}", placeholder=f"lstm.{word}_placeholder"
                )
                which = gr.Radio(
                    list(NAMES),
                    value="bundled",
                    interactive=False,
                    scale=1,
                    min_width=190,
                    elem_id=f"lstm-which-{name}",
                )
                side.which = localise(
                    which, label="lstm.which", choices={n: f"lstm.models.{n}" for n in NAMES}
                )
            side.strip = TokenStrip(None, texts=("lstm.answers",), elem_id=f"lstm-strip-{name}")
        if not first:
            self.second_parts.append(column)

    # --- Sections ----------------------------------------------------------------------------

    def _inside(self) -> None:
        caption("lstm.clamps")
        self.holds: dict[str, gr.Radio] = {}
        with gr.Row(elem_classes="dl-settings"):
            for gate in CLAMPED:
                radio = gr.Radio(
                    list(HOLDS), value="free", interactive=True, elem_id=f"lstm-hold-{gate}"
                )
                self.holds[gate] = localise(
                    radio,
                    label=f"lstm.clamp.{gate}",
                    info=f"lstm.clamp_info.{gate}",
                    choices={hold: f"lstm.clamp_choices.{hold}" for hold in HOLDS},
                )
        caption("lstm.inside")
        with gr.Row():
            for name, side in self.sides.items():
                first = name == "first"
                with gr.Column(scale=1, min_width=300, visible=first) as column:
                    self.second_parts.append(caption(f"lstm.heading.{name}", visible=False))
                    side.gates = Gates(None, texts=("lstm.notes",), elem_id=f"lstm-gates-{name}")
                if not first:
                    self.second_parts.append(column)

    def _train(self) -> None:
        self.form = SettingsForm(
            self.topic, lstm.Config, tutorial=lstm.TUTORIAL, shown=("data", "model", "epochs")
        )
        self._own_data()
        self.panel = TrainingPanel(
            self.topic,
            form=self.form,
            job=lstm.job,
            panels=[["loss", "valid_loss"], ["accuracy", "valid_accuracy", "test_accuracy"]],
            extras=[self.csv, self.sides["first"].text],
            prepare=job_arguments,
        )
        caption("lstm.watched")
        self.watched = TokenStrip(
            None,
            group=self.topic,
            texts=("lstm.hints", "lstm.answers"),
            empty="train_first",
            elem_id="lstm-watched",
        )
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                caption("lstm.confusion")
                self.confusion = Heatmap(
                    texts=_HINTS, empty="train_first", largest=96, elem_id="lstm-confusion"
                )
                caption("lstm.lengths")
                self.lengths = LineChart(
                    texts=_HINTS,
                    empty="train_first",
                    panels=[["accuracy"]],
                    elem_id="lstm-lengths",
                )
                with gr.Row(elem_classes="dl-buttons"):
                    self.judge = button("lstm.judge", size="sm")
            with gr.Column(scale=3, min_width=300):
                caption("lstm.mistakes")
                self.mistakes = Sentences(
                    texts=("lstm.labels", "lstm.hints"),
                    empty="train_first",
                    elem_id="lstm-mistakes",
                )

    def _own_data(self) -> None:
        with localise(gr.Accordion(open=False, elem_id="lstm-own-data"), label="lstm.own_data"):
            localise(gr.Markdown(), value="lstm.own_data_intro")
            upload = gr.UploadButton(
                file_types=[".csv", ".tsv", ".txt"], type="binary", size="sm", elem_id="lstm-upload"
            )
            self.upload = localise(upload, label="lstm.upload")
            self.csv = localise(
                gr.Textbox("", lines=5, max_lines=10, interactive=True, elem_id="lstm-csv"),
                label="lstm.csv",
                placeholder="lstm.csv_placeholder",
            )
            self.csv_found = gr.Markdown(visible=False, elem_id="lstm-csv-found")

    def _why(self) -> None:
        caption("lstm.why")
        with gr.Row(elem_classes="dl-buttons"):
            self.compare = button("lstm.compare", variant="primary")
            self.compare_stop = button("lstm.compare_stop", variant="stop", interactive=False)
        self.compare_status = Status(
            {"state": "idle"},
            texts=("lstm.comparing", "lstm.metrics"),
            elem_id="lstm-compare-status",
        )
        caption("lstm.gradient")
        self.gradient = _chart("gradient", KINDS[:3], log=True)
        with gr.Row():
            with gr.Column(scale=1, min_width=300):
                caption("lstm.race")
                self.race = Bars(texts=_HINTS, empty="compare_first", elem_id="lstm-race")
            with gr.Column(scale=1, min_width=300):
                caption("lstm.race_lengths")
                self.race_lengths = _chart("race-lengths", KINDS, shares=list(KINDS))

    # --- Lesson ------------------------------------------------------------------------------

    def experiments(self) -> dict[str, dict[Any, Any]]:
        """What the lesson's buttons set, with sentences in the reader's language."""
        free = dict.fromkeys(self.clamps, "free")
        five = self.form.values(lstm.TUTORIAL)
        return {
            "negation": {
                **self._staged("negation"),
                self.twin: True,
                **free,
                self.sections: gr.update(selected="inside"),
            },
            "forget": {
                **self._staged("forget"),
                self.twin: False,
                **free,
                self.holds["forget"]: "zero",
                self.sections: gr.update(selected="inside"),
            },
            "five": {
                **self._staged("five"),
                self.twin: False,
                **free,
                **dict(zip(self.form.components, five, strict=True)),
                self.sections: gr.update(selected="train"),
            },
        }

    def _staged(self, experiment: str) -> dict[Any, Any]:
        return {side.text: partial(example, experiment, name) for name, side in self.sides.items()}


def _chart(name: str, curves: Sequence[str], **more: Any) -> LineChart:
    elem_id, panels = f"lstm-{name}", [list(curves)]
    return LineChart(texts=_HINTS, empty="compare_first", panels=panels, elem_id=elem_id, **more)
