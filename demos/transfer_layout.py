"""The transfer tab's components, section by section. What they do is wired in demos/transfer.py."""

from typing import Any

import gradio as gr

from demos.kit.fetching import Offer
from demos.kit.language import localise
from demos.kit.parts import button, caption, sections
from demos.kit.settings_form import SettingsForm
from demos.kit.training import TrainingPanel
from demos.transfer_state import SECTIONS, job_arguments, shown
from demos.widgets.bars import Bars
from demos.widgets.heatmap import Heatmap
from demos.widgets.image_grid import ImageGrid
from demos.widgets.line_chart import LineChart
from demos.widgets.notes import Notes
from demos.widgets.photo import Photo
from demos.widgets.picture_classes import LiveCamera, PictureClasses
from demos.widgets.scatter import Scatter
from demos.widgets.status import Status
from dlcore import transfer
from dlcore.transfer_study import METHODS

CURVES = [["test_accuracy", "accuracy"], ["loss", "test_loss"]]
_WORDS = ("transfer.hints", "transfer.stages")


class Layout:
    """One section at a time; the classes and the settings are under *Teach*."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.own, self.known = gr.State({}), gr.State()
        parts = (self._teach, self._try, self._race, self._study, self._take)
        self.sections, self.tabs = sections(topic, dict(zip(SECTIONS, parts, strict=True)))
        self.kept = self.panel.state

    # --- Teach -------------------------------------------------------------------------------

    def _teach(self) -> None:
        self.classes = PictureClasses(
            shown({}),
            texts=("transfer.errors",),
            title="title",
            elem_id="transfer-classes",
            visible=False,
        )
        with gr.Row():
            with gr.Column(scale=5, min_width=300, elem_id="transfer-top"):
                self.form = SettingsForm(
                    self.topic,
                    transfer.Config,
                    tutorial=transfer.TUTORIAL,
                    shown=("data", "way", "per_class", "epochs"),
                )
                self.base = self.form.by_name["base"]
                self.offer = Offer(self.topic, self.base, instead="transfer.hints.instead")
                self.panel = TrainingPanel(
                    self.topic,
                    form=self.form,
                    job=transfer.job,
                    panels=CURVES,
                    extras=[self.own, self.known],
                    prepare=job_arguments,
                    tell_every_s=0.1,  # a head learns in a second
                )
                self.panel.chart.unrender()
                self.panel.timeline.unrender()
                self.findings = Notes(
                    texts=("transfer.findings", "transfer.hints"),
                    empty="no_findings",
                    elem_id="transfer-findings",
                )
            with gr.Column(scale=6, min_width=320):
                self.learnt = _grid("learnt", empty="learnt_empty", columns=8)
                self.confusion = Heatmap(
                    group=self.topic,
                    texts=("transfer.hints", "transfer.textures"),
                    title="confusion",
                    empty="train_first",
                    largest=64,
                    elem_id="transfer-confusion",
                )
                self.panel.timeline.render()
        self.panel.chart.render()
        self.map = Scatter(
            texts=("transfer.hints", "transfer.textures", "transfer.map"),
            title="map_title",
            empty="train_first",
            named=True,
            elem_id="transfer-map",
        )
        self.spread = Notes(texts=("transfer.map",), elem_id="transfer-spread")
        self.mistakes = _grid("mistakes", empty="mistakes_empty", columns=9)

    # --- Try ---------------------------------------------------------------------------------

    def _try(self) -> None:
        caption("transfer.try.intro")
        with gr.Row():
            with gr.Column(scale=5, min_width=300):
                self.photo = Photo(
                    None, texts=("transfer.errors", "transfer.photo"), elem_id="transfer-photo"
                )
                self.live = LiveCamera({"seq": 0}, elem_id="transfer-live")
            with gr.Column(scale=6, min_width=300):
                self.answer = Bars(
                    texts=("transfer.hints", "transfer.textures"),
                    title="answer",
                    empty="photo_first",
                    elem_id="transfer-answer",
                )
                self.nearest = _grid("nearest", empty="photo_first", columns=5)
        self.samples = _grid("samples", empty="train_first", columns=12, pick=True)

    # --- Race --------------------------------------------------------------------------------

    def _race(self) -> None:
        caption("transfer.race.intro")
        with gr.Row(elem_classes="dl-buttons"):
            self.race = _button("race", variant="primary")
            self.race_stop = _button("race_stop", variant="stop", interactive=False)
        self.race_status = Status({"state": "idle"}, elem_id="transfer-race-status")
        self.race_chart = LineChart(
            texts=_WORDS,
            title="race_title",
            empty="race_first",
            panels=[list(transfer.WAYS)],
            shares=list(transfer.WAYS),
            elem_id="transfer-race-chart",
        )
        self.race_table = Notes(texts=("transfer.race.lines",), elem_id="transfer-race-table")
        self.drift = Bars(texts=_WORDS, title="drift", empty="race_first", elem_id="transfer-drift")

    # --- How few, and where to cut -----------------------------------------------------------

    def _study(self) -> None:
        caption("transfer.study.intro")
        with gr.Row(elem_classes="dl-buttons"):
            self.curve = _button("curve", variant="primary")
            self.cuts = _button("cuts", variant="primary")
        self.study_status = Status(
            {"state": "idle"}, texts=("transfer.study.methods",), elem_id="transfer-study-status"
        )
        with gr.Row():
            with gr.Column(scale=1, min_width=320):
                self.curve_chart = LineChart(
                    texts=("transfer.hints", "transfer.study.methods"),
                    title="curve_title",
                    empty="curve_first",
                    panels=[list(METHODS)],
                    shares=list(METHODS),
                    elem_id="transfer-curve-chart",
                )
            with gr.Column(scale=1, min_width=320):
                self.cuts_bars = Bars(
                    texts=("transfer.hints", "transfer.study.methods"),
                    title="cuts_title",
                    empty="cuts_first",
                    elem_id="transfer-cuts-bars",
                )

    # --- Take it with you --------------------------------------------------------------------

    def _take(self) -> None:
        caption("transfer.take.intro")
        self.file = gr.DownloadButton(elem_id="transfer-taken", visible="hidden")
        with gr.Row(elem_classes="dl-buttons"):
            self.take = _button("take", variant="primary")
            self.onnx = _button("onnx")
            self.pictures = _button("pictures")
        localise(gr.Markdown(elem_id="transfer-take-how"), value="transfer.take.how")

    # --- Lesson ------------------------------------------------------------------------------

    def experiments(self) -> dict[str, dict[Any, Any]]:
        """What the lesson's buttons set."""

        def teaching(config: transfer.Config, section: str = "teach") -> dict[Any, Any]:
            controls = dict(zip(self.form.components, self.form.values(config), strict=True))
            return {**controls, self.sections: gr.update(selected=section)}

        return {
            "ten": teaching(transfer.Config()),
            "race": teaching(transfer.Config(epochs=15), "race"),
            "digits": teaching(transfer.Config(data="digits"), "study"),
            # Fifty times the usual rate: what the base knows is wiped out.
            "shock": teaching(transfer.Config(way="tuned", base_lr=5e-3)),
            "own": teaching(transfer.Config(data="own")),
        }


def _button(name: str, **props: Any) -> gr.Button:
    return button(f"transfer.buttons.{name}", min_width=60, **props)


def _grid(name: str, **props: Any) -> ImageGrid:
    """Pictures with a title."""
    texts = ("transfer.hints", "transfer.textures")
    return ImageGrid(texts=texts, title=name, elem_id=f"transfer-{name}", **props)
