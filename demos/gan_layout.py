"""The GAN tab's components, section by section. What they do is wired in demos/gan.py."""

from typing import Any

import gradio as gr

from demos.gan_state import (
    ANY,
    DIRECTIONS,
    FARTHEST,
    LONGEST_RACE,
    MODELS,
    SECTIONS,
    SHORTEST_RACE,
    STARTS,
    STEPS,
    Look,
)
from demos.kit.language import localise
from demos.kit.parts import button, caption, sections
from demos.kit.settings_form import SettingsForm
from demos.kit.training import TrainingPanel
from demos.widgets.bars import Bars
from demos.widgets.drawing_pad import DrawingPad
from demos.widgets.filmstrip import Filmstrip
from demos.widgets.image_grid import ImageGrid
from demos.widgets.line_chart import LineChart
from demos.widgets.notes import Notes
from demos.widgets.status import Status
from demos.widgets.timeline import Timeline
from dlcore import gan

CURVES = [["d_loss", "g_loss"], ["d_real", "d_fake"], ["d_grad", "g_grad"]]
HAND, RACE = "gan-hand", "gan-race"  # what is scrubbed together


class Layout:
    """Whose pictures are asked for on top; under it one section at a time."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.look = gr.State(Look())
        self.which = localise(
            gr.Radio(list(MODELS.which), value="tutorial", interactive=True, elem_id="gan-which"),
            label="gan.which",
            info="gan.which_info",
            choices={name: f"gan.models.{name}" for name in MODELS.which},
        )
        parts = (self._train, self._hand, self._variants, self._judge, self._play, self._break)
        self.sections, self.tabs = sections(topic, dict(zip(SECTIONS, parts, strict=True)))
        self.own = self.panel.state

    # --- Train -------------------------------------------------------------------------------

    def _train(self) -> None:
        with gr.Row(elem_id="gan-top"):
            with gr.Column(scale=4, min_width=300):
                self.form = SettingsForm(
                    self.topic,
                    gan.Config,
                    tutorial=gan.TUTORIAL,
                    shown=("variant", "epochs", "lr_g", "lr_d"),
                )
                self.panel = TrainingPanel(
                    self.topic, form=self.form, job=gan.job, panels=CURVES, tell_every_s=0.1
                )
                self.panel.chart.unrender()
                self.panel.timeline.unrender()
                buttons = self.panel.train.parent
                assert isinstance(buttons, gr.Row)
                with buttons:
                    self.go_on = _button("go_on")
                self.findings = Notes(
                    texts=("gan.findings", "gan.hints"),
                    empty="no_findings",
                    elem_id="gan-findings",
                )
            with gr.Column(scale=6, min_width=320):
                self.samples = _grid("samples", group=self.topic, columns=16, smallest=21)
                self.panel.timeline.render()
                self.film = Filmstrip(
                    group=self.topic, texts=("gan",), title="filmstrip", elem_id="gan-film"
                )
        self.panel.chart.render()

    # --- By hand -----------------------------------------------------------------------------

    def _hand(self) -> None:
        self.game = gr.State()
        with gr.Row(elem_classes="dl-buttons"):
            self.moves = {name: _button(f"hand_{name}") for name in ("d", "g", "both")}
            self.anew = _button("hand_anew")
        self.start = localise(
            gr.Radio(list(STARTS), value=STARTS[0], interactive=True, elem_id="gan-hand-start"),
            label="gan.hand.start",
            info="gan.hand.intro",
            choices={name: f"gan.hand.starts.{name}" for name in STARTS},
        )
        self.motion = Timeline(
            {"steps": []},
            group=HAND,
            pause=1500,
            texts=("gan.hand.motion",),
            elem_id="gan-hand-motion",
        )
        self.stages = Notes(group=HAND, texts=("gan.hand.stages",), elem_id="gan-hand-stages")
        with gr.Row(elem_classes="gan-wrap"):
            small: dict[str, Any] = {"group": HAND, "empty": "hand_first", "columns": 8}
            self.noise = _grid("hand-noise", palette="diverging", **small)
            self.fakes = _grid("hand-fakes", **small)
            self.reals = _grid("hand-reals", **small)
        with gr.Row(elem_classes="gan-wrap"):
            self.push = Bars(
                group=HAND,
                texts=("gan.hand.layers", "gan.hand", "gan.hints"),
                title="push",
                empty="hand_first",
                elem_id="gan-hand-push",
            )
            self.history = LineChart(
                texts=("gan.metrics", "gan.hints"),
                panels=CURVES[:2],
                empty="hand_first",
                elem_id="gan-hand-history",
            )

    @property
    def shown_by_hand(self) -> list[Any]:
        grids = [self.noise, self.fakes, self.reals]
        return [self.motion, self.stages, *grids, self.push, self.history]

    # --- Variants ----------------------------------------------------------------------------

    def _variants(self) -> None:
        self.race_steps = localise(
            gr.Slider(
                SHORTEST_RACE, LONGEST_RACE, value=300, step=20, interactive=True,
                elem_id="gan-race-steps",
            ),
            label="gan.variants.steps",
            info="gan.variants.intro",
        )  # fmt: skip
        with gr.Row(elem_classes="dl-buttons"):
            self.race = _button("race", variant="primary")
            self.race_stop = _button("race_stop", variant="stop", interactive=False)
        words = ("gan.variants.status", "gan.settings.variant_choices", "gan.metrics")
        self.race_status = Status({"state": "idle"}, texts=words, elem_id="gan-race-status")
        with gr.Row(elem_id="gan-lanes"):
            lane: dict[str, Any] = {"group": RACE, "columns": 5, "smallest": 20}
            self.lanes = {
                name: _grid(f"lane-{name}", words=f"variants.{name}", empty="race_first", **lane)
                for name in gan.VARIANTS
            }
        self.race_time = Timeline({"steps": []}, group=RACE, elem_id="gan-race-time")
        self.race_bars = Bars(
            texts=("gan.hints", "gan.settings.variant_choices"),
            title="race_title",
            empty="race_first",
            elem_id="gan-race-bars",
        )
        self.race_notes = Notes(texts=("gan.variants.results",), elem_id="gan-race-notes")

    # --- Is it any good? ---------------------------------------------------------------------

    def _judge(self) -> None:
        self.exhibits = gr.State()
        with gr.Row(elem_classes="dl-buttons"):
            self.judge = _button("judge", variant="primary")
        self.judge_status = Status(
            {"state": "idle"}, texts=("gan.judge.status",), elem_id="gan-judge-status"
        )
        with gr.Row():
            with gr.Column(scale=2, min_width=280):
                self.histogram = Bars(
                    texts=("gan.hints", "gan.judge"),
                    title="histogram",
                    empty="judge_first",
                    elem_id="gan-histogram",
                )
                self.verdict = Notes(texts=("gan.judge.verdict",), elem_id="gan-verdict")
            with gr.Column(scale=3, min_width=300):
                self.judged = _grid(
                    "judged", words="judge.samples", pick=True, columns=10, empty="judge_first"
                )
                self.nearest = _grid(
                    "nearest", words="judge.nearest", columns=2, largest=112, empty="pick_first"
                )
                self.near_note = Notes(texts=("gan.judge.verdict",), elem_id="gan-near-note")

    # --- Play --------------------------------------------------------------------------------

    def _play(self) -> None:
        with gr.Row():
            with gr.Column(scale=5, min_width=300):
                self.digit = localise(
                    gr.Radio([ANY, *range(10)], value=ANY, interactive=True, elem_id="gan-digit"),
                    label="gan.play.digit",
                    info="gan.play.digit_info",
                    choices={ANY: "gan.play.any", **{d: f"gan.play.digits.{d}" for d in range(10)}},
                )
                with gr.Row(elem_classes="dl-buttons"):
                    self.draw_more = _button("sample")
                self.table = _grid("table", words="play.table", pick=True, columns=10)
            with gr.Column(scale=4, min_width=300):
                self.moved = _grid("moved", words="play.directions", columns=2, largest=120)
                self.sliders = [self._slider(number + 1) for number in range(DIRECTIONS)]
                with gr.Row(elem_classes="dl-buttons"):
                    self.back = _button("back")
        self.walk = _grid("walk", words="play.walk", columns=STEPS, largest=84, smallest=40)
        with gr.Row(elem_classes="gan-wrap"):
            self.pad = DrawingPad(
                {"pixels": ""},
                texts=("gan",),
                title="play.draw",
                elem_id="gan-pad",
                min_width=270,
            )
            with gr.Column(scale=2, min_width=280):
                self.doubts = ImageGrid(
                    texts=("gan.play", "gan.hints"),
                    columns=2,
                    largest=200,
                    empty="draw_first",
                    elem_id="gan-doubts",
                )
                self.opinion = Notes(texts=("gan.play.opinion",), elem_id="gan-opinion")

    def _slider(self, number: int) -> gr.Slider:
        slider = gr.Slider(
            -FARTHEST, FARTHEST, value=0, step=0.1, interactive=True,
            elem_id=f"gan-direction-{number}",
        )  # fmt: skip
        return localise(slider, label=f"gan.play.direction.{number}")

    @property
    def asked(self) -> list[Any]:
        """What the table and everything that follows from it depends on."""
        return [self.which, self.own, self.look, self.digit, *self.sliders]

    @property
    def shown(self) -> list[Any]:
        return [self.table, self.moved, self.walk]

    # --- Break it ----------------------------------------------------------------------------

    def _break(self) -> None:
        caption("gan.break.intro")
        with gr.Row(elem_classes="dl-buttons"):
            self.breaks = {name: _button(f"break_{name}") for name in gan.BREAK}

    # --- Lesson ------------------------------------------------------------------------------

    def experiments(self) -> dict[str, dict[Any, Any]]:
        """What the lesson's buttons set."""

        def training(config: gan.Config) -> dict[Any, Any]:
            controls = dict(zip(self.form.components, self.form.values(config), strict=True))
            return {**controls, self.sections: gr.update(selected="train")}

        return {
            "losses": training(gan.Config()),
            "strong": training(gan.BREAK["strong_d"]),
            "walk": {
                self.which: "tutorial",
                self.digit: ANY,
                self.sections: gr.update(selected="play"),
            },
        }


def _button(name: str, **props: Any) -> gr.Button:
    return button(f"gan.buttons.{name}", min_width=60, **props)


def _grid(name: str, *, words: str = "", empty: str = "empty", **props: Any) -> ImageGrid:
    """Pictures with a title; words: its key, unless it is the grid's name."""
    title = words or name.replace("hand-", "hand.")
    texts = ("gan.judge", "gan.play", "gan.hints", "gan")
    return ImageGrid(texts=texts, title=title, empty=empty, elem_id=f"gan-{name}", **props)
