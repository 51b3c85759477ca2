"""The MLP tab's components, section by section. What they do is wired in demos/mlp.py."""

import dataclasses
from typing import Any

import gradio as gr

from demos import mlp_state as state
from demos.kit.language import localise
from demos.kit.parts import button, caption, sections
from demos.kit.settings_form import SettingsForm
from demos.kit.training import TrainingPanel
from demos.widgets.bars import Bars
from demos.widgets.heatmap import Heatmap
from demos.widgets.line_chart import LineChart
from demos.widgets.network import Network
from demos.widgets.notes import Notes
from demos.widgets.scatter import Scatter
from demos.widgets.status import Status
from dlcore import mlp

_PANEL = [["network", "logistic"]]
PANELS = [["loss", "valid_loss"], ["accuracy", "valid_accuracy"]]


class Layout:
    """Controls at the left, the network at the right; curves; then one section at a time."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.csv = gr.State("")
        with gr.Row(elem_id="mlp-top"):
            with gr.Column(scale=3, min_width=300):
                self.form = SettingsForm(
                    topic,
                    mlp.Config,
                    tutorial=mlp.TUTORIAL,
                    shown=("dataset", "hidden", "activation", "lr", "epochs"),
                    opening=state.OPENING,
                )
                self._data()
            with gr.Column(scale=7, min_width=320):
                self._picture()
        self.panel.chart.render()
        caption("mlp.findings_title")
        self.findings = Notes(
            texts=("mlp.hints", "mlp.findings"), empty="no_findings", elem_id="mlp-findings"
        )
        contents = {"judge": self._judge, "layers": self._layers}
        sections(topic, {**contents, "seeds": self._seeds, "break": self._break})

    # --- Top ---------------------------------------------------------------------------------

    def _data(self) -> None:
        self.notes = Notes(texts=("mlp.notes",), elem_id="mlp-notes")
        with localise(
            gr.Accordion(open=False, elem_id="mlp-own-data"), label="mlp.data.title"
        ) as self.own_data:
            with gr.Row(elem_classes="dl-buttons"):
                self.upload = localise(
                    gr.UploadButton(
                        size="sm", file_types=[".csv", ".tsv", ".txt"], elem_id="mlp-upload"
                    ),
                    label="mlp.buttons.upload",
                )
                self.sample = button("mlp.buttons.sample", size="sm", min_width=60)
            self.paste = localise(
                gr.Textbox(lines=5, max_lines=8, elem_id="mlp-paste", interactive=True),
                label="mlp.data.paste",
                info="mlp.data.paste_info",
            )
            self.target = localise(
                gr.Dropdown([], value=None, elem_id="mlp-target", interactive=True),
                label="mlp.data.target",
                info="mlp.data.target_info",
            )
            caption("mlp.data.privacy")

    def _picture(self) -> None:
        self.panel = TrainingPanel(
            self.topic,
            form=self.form,
            job=mlp.job,
            panels=PANELS,
            extras=[self.csv, self.target],
            prepare=state.anew,
        )
        for part in (self.panel.chart, self.panel.timeline, self.panel.status):
            part.unrender()
        buttons = self.panel.train.parent
        assert isinstance(buttons, gr.Row)
        with buttons:  # the panel's own row: anew, stop, and on
            self.go_on = button("mlp.buttons.go_on", min_width=60)
            self.epoch = button("mlp.buttons.epoch", min_width=60)
            self.step = button("mlp.buttons.step", min_width=60)
        self.panel.status.render()
        self.network = Network(group=self.topic, elem_id="mlp-network")
        self.panel.timeline.render()

    # --- Sections ----------------------------------------------------------------------------

    def _judge(self) -> None:
        hints: dict[str, Any] = {"texts": ("mlp.hints",), "empty": "train_first"}
        self.threshold = localise(
            gr.Slider(0, 1, value=0.5, step=0.01, interactive=True, elem_id="mlp-threshold"),
            label="mlp.judge.threshold",
            info="mlp.judge.threshold_info",
        )
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                caption("mlp.judge.confusion")
                self.confusion = Heatmap(largest=90, elem_id="mlp-confusion", **hints)
            with gr.Column(scale=1, min_width=280):
                caption("mlp.judge.scores")
                self.scores = Bars(elem_id="mlp-scores", **hints)
                self.remarks = Notes(texts=("mlp.judge",), elem_id="mlp-remarks")
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                caption("mlp.judge.roc")
                self.roc = LineChart(panels=_PANEL, elem_id="mlp-roc", **hints)
            with gr.Column(scale=1, min_width=280):
                caption("mlp.judge.calibration")
                self.calibration = LineChart(panels=_PANEL, elem_id="mlp-calibration", **hints)

    @property
    def judged(self) -> list[Any]:
        return [self.confusion, self.scores, self.remarks, self.roc, self.calibration]

    def _layers(self) -> None:
        caption("mlp.layers")
        self.layers = Scatter(
            group=self.topic, texts=("mlp.hints",), empty="plane_only", elem_id="mlp-layers"
        )

    def _seeds(self) -> None:
        caption("mlp.seeds")
        with gr.Row(elem_classes="dl-buttons"):
            self.seeds = button("mlp.buttons.seeds", min_width=60, variant="primary")
            self.seeds_stop = button(
                "mlp.buttons.seeds_stop", min_width=60, variant="stop", interactive=False
            )
        self.seeds_status = Status({"state": "idle"}, elem_id="mlp-seeds-status")
        self.seeds_found = Notes(texts=("mlp.seeds_found",), elem_id="mlp-seeds-found")
        self.seeds_earlier = gr.State([])
        self.seeds_chart = LineChart(
            texts=("mlp.metrics", "mlp.settings", "mlp.hints"), elem_id="mlp-seeds-chart"
        )

    def _break(self) -> None:
        caption("mlp.break")
        self.breaks: dict[str, gr.Button] = {}
        with gr.Row(elem_classes="dl-buttons"):
            for name in mlp.BREAK:
                self.breaks[name] = localise(
                    gr.Button(elem_id=f"mlp-break-{name}"), value=f"mlp.breaks.{name}"
                )

    # --- Lesson ------------------------------------------------------------------------------

    def experiments(self) -> dict[str, dict[Any, Any]]:
        """What the lesson's buttons set."""

        def controls(**changes: Any) -> dict[Any, Any]:
            config = dataclasses.replace(state.OPENING, **changes)
            return dict(zip(self.form.components, self.form.values(config), strict=True))

        relu: dict[str, Any] = {"activation": "relu", "init": "he", "lr": 0.04}
        circles: dict[str, Any] = {"samples": 500, "epochs": 60, **relu}
        memory: dict[str, Any] = {"dataset": "moons", "samples": 100, "noise": 0.35, **relu}
        memory |= {"train_share": 0.4, "batch_size": 16, "schedule": "constant", "l2": 0.0}
        return {
            "circle": controls(**circles, hidden="1"),
            "straight": controls(**{**circles, "activation": "linear"}, hidden="8,8,8,8"),
            "memory": controls(**memory, hidden="32,32", epochs=300),
        }
