"""The VAE tab's components, section by section. What they do is wired in demos/vae.py."""

import dataclasses
from typing import Any

import gradio as gr

from demos import vae_views as views
from demos.kit.language import localise
from demos.kit.parts import button
from demos.kit.settings_form import SettingsForm
from demos.kit.training import TrainingPanel
from demos.vae_compare import CELLS, COMPARES, MOST_EPOCHS
from demos.vae_state import MODELS, SECTIONS, Overlay
from demos.widgets.bars import Bars
from demos.widgets.drawing_pad import DrawingPad
from demos.widgets.image_grid import ImageGrid
from demos.widgets.latent_plane import LatentPlane
from demos.widgets.status import Status
from dlcore import vae

PANELS = [["reconstruction", "test_reconstruction"], ["kl", "test_kl"], ["loss", "test_loss"]]
_PICTURES = ("vae.titles", "vae.hints", "vae.captions")
_MEASURES = ("vae.titles", "vae.hints", "vae.terms", "vae.cells")


class Layout:
    """One section at a time: a plane to explore, one that forms, several side by side."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.overlay = gr.State(Overlay())
        self.shown = gr.State("")  # the run of the plane that the page has
        self.again = gr.State(0)  # counts when *Explore* must be shown anew
        self.tabs: dict[str, gr.Tab] = {}
        with gr.Tabs(elem_id="vae-sections", selected=SECTIONS[0]) as self.sections:
            for name, section in zip(
                SECTIONS, (self._explore, self._train, self._compare), strict=True
            ):
                tab = gr.Tab(id=name, elem_id=f"vae-section-{name}")
                with localise(tab, label=f"vae.sections.{name}"):
                    section()
                self.tabs[name] = tab
        self.own = self.panel.state

    # --- Sections ----------------------------------------------------------------------------

    def _explore(self) -> None:
        with gr.Row(elem_id="vae-top"):
            with gr.Column(scale=7, min_width=320):
                self.plane = LatentPlane(texts=_PICTURES, title="explored", elem_id="vae-plane")
                self.steps = _grid("steps", "no_path", columns=10, smallest=48, largest=72)
            with gr.Column(scale=5, min_width=300):
                self.which = localise(
                    gr.Radio(list(MODELS.which), value="2", interactive=True, elem_id="vae-which"),
                    label="vae.which",
                    info="vae.which_info",
                    choices={name: f"vae.models.{name}" for name in MODELS.which},
                )
                self.pad = DrawingPad(
                    {"pixels": ""}, texts=_PICTURES, title="draw", elem_id="vae-pad"
                )
                with gr.Row(elem_classes="dl-buttons"):
                    self.random = _button("random")
                    self.resample = _button("resample")
                    self.dream = _button("dream")
                self.drawn = _grid("drawn", "draw_first", columns=5, largest=84)
                self.cost = _bars("cost", "draw_first")

    def _train(self) -> None:
        with gr.Row(elem_id="vae-train-top"):
            with gr.Column(scale=4, min_width=300):
                self.form = SettingsForm(
                    self.topic,
                    vae.Config,
                    tutorial=vae.TUTORIAL,
                    shown=("latent_dim", "beta", "epochs"),
                )
                self.panel = TrainingPanel(
                    self.topic,
                    form=self.form,
                    job=vae.job,
                    panels=PANELS,
                    tell_every_s=0.1,
                )
                for part in (self.panel.chart, self.panel.timeline):
                    part.unrender()
            with gr.Column(scale=6, min_width=320):
                self.live = LatentPlane(
                    group=self.topic,
                    texts=_PICTURES,
                    title="live",
                    empty="train_first",
                    elem_id="vae-live",
                )
                self.panel.timeline.render()
        self.pairs = _grid(
            "pairs", "train_first", group=self.topic, columns=views.PAIRS, largest=96
        )
        self.panel.chart.render()

    def _compare(self) -> None:
        with gr.Row(elem_classes="dl-settings"):
            self.kind = localise(
                gr.Radio(
                    list(COMPARES), value="autoencoder", interactive=True, elem_id="vae-compare"
                ),
                label="vae.compare",
                info="vae.compare_info",
                choices={kind: f"vae.compares.{kind}" for kind in COMPARES},
            )
            self.race_epochs = localise(
                gr.Slider(
                    1, MOST_EPOCHS, value=5, step=1, interactive=True, elem_id="vae-race-epochs"
                ),
                label="vae.race_epochs",
                info="vae.race_epochs_info",
            )
        with gr.Row(elem_classes="dl-buttons"):
            self.race = _button("race", variant="primary")
            self.race_stop = _button("race_stop", variant="stop", interactive=False)
        self.race_status = Status(
            {"state": "idle"}, texts=("vae.metrics", "vae.racing"), elem_id="vae-race-status"
        )
        with gr.Row(elem_id="vae-cells"):
            self.cells = [
                LatentPlane(
                    compact=True,
                    texts=(*_PICTURES, "vae.cells"),
                    empty="not_shipped",
                    visible=False,
                    elem_id=f"vae-cell-{place}",
                )
                for place in range(CELLS)
            ]
        with gr.Row():
            self.measured = _bars("measured", "compare_first")
            self.meaning = _bars("meaning", "compare_first")

    # --- Lesson ------------------------------------------------------------------------------

    def experiments(self) -> dict[str, dict[Any, Any]]:
        """What the lesson's buttons set."""
        mistaken = dataclasses.replace(vae.TUTORIAL, epochs=3)
        compare = gr.update(selected="compare")
        return {
            "holes": {self.kind: "autoencoder", self.sections: compare},
            "beta": {self.kind: "beta", self.sections: compare},
            "mistake": {
                **dict(zip(self.form.components, self.form.values(mistaken), strict=True)),
                self.sections: gr.update(selected="train"),
            },
            "stranger": {
                self.which: "2",
                self.pad: views.stranger(),
                self.sections: gr.update(selected="explore"),
            },
        }


def _button(name: str, **props: Any) -> gr.Button:
    return button(f"vae.{name}", **(props if "variant" in props else {"size": "sm", **props}))


def _grid(name: str, empty: str, **props: Any) -> ImageGrid:
    return ImageGrid(texts=_PICTURES, title=name, empty=empty, elem_id=f"vae-{name}", **props)


def _bars(name: str, empty: str) -> Bars:
    return Bars(texts=_MEASURES, title=name, empty=empty, elem_id=f"vae-{name}")
