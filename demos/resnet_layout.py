"""The image-classification tab's components, section by section. Wired in demos/resnet.py."""

from typing import Any

import gradio as gr

from demos.kit.fetching import Offer
from demos.kit.language import localise
from demos.kit.parts import button, caption, sections
from demos.kit.settings_form import SettingsForm
from demos.resnet_state import FILLS, OWN_ANSWER
from demos.resnet_stress import Stress
from demos.resnet_views import labels
from demos.widgets.classes import Classes
from demos.widgets.cover import Cover
from demos.widgets.notes import Notes
from demos.widgets.photo import Photo
from demos.widgets.photos import Photos
from demos.widgets.reasons import Reasons
from demos.widgets.stages import Stages
from demos.widgets.status import Status
from dlcore import resnet
from dlcore.resnet_why import WhyConfig
from dlcore.saliency import METHODS

_WORDS = ("resnet.words", "resnet.examples")


class Layout:
    """The picture and the answer on top; under them one section at a time."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.shown, self.record, self.tick = gr.State(), gr.State(), gr.State("")
        self.stages_tick, self.robust_tick = gr.State(""), gr.State("")
        self.section = gr.Textbox("gets", visible="hidden", elem_id="resnet-section")
        self.stress = Stress(topic)
        with gr.Row(elem_id="resnet-first"):
            with gr.Column(scale=5, min_width=300):
                self._picture()
            with gr.Column(scale=4, min_width=300):
                self._answer()
        contents = {
            "gets": self._gets,
            "why": self._why,
            "hide": self._hide,
            "stages": self._stages,
            "robust": self.stress.robust,
            "attack": self.stress.attack,
        }
        self.sections, self.tabs = sections(topic, contents)

    # --- Groups that handlers read and write -------------------------------------------------

    @property
    def which(self) -> Any:
        return self.form.by_name["network"]

    @property
    def asked(self) -> list[Any]:
        """What a question about the picture is made of."""
        return [self.shown, self.label, self.against, self.layer]

    @property
    def studied(self) -> list[Any]:
        return [self.steps, self.ways, self.reasons, self.forgotten, self.cover, self.given,
                self.less, self.stages]  # fmt: skip

    # --- Top ---------------------------------------------------------------------------------

    def _picture(self) -> None:
        self.photo = Photo(elem_id="resnet-photo")
        caption("resnet.examples_caption")
        self.examples = Photos(pick=True, side=72, texts=_WORDS, elem_id="resnet-examples")
        self.example = gr.Textbox("", visible="hidden", elem_id="resnet-example")

    def _answer(self) -> None:
        self.top = Classes(pick=True, texts=_WORDS, elem_id="resnet-answer")
        self.notes = Notes(texts=("resnet.told",), elem_id="resnet-notes")
        self.form = SettingsForm(
            self.topic,
            resnet.Config,
            tutorial=resnet.TUTORIAL,
            shown=("network", "preparation"),
        )
        self.offer = Offer(self.topic, self.which, instead="resnet.until_then")

    # --- Sections ----------------------------------------------------------------------------

    def _gets(self) -> None:
        caption("resnet.captions.gets")
        self.steps = Photos(side=224, texts=_WORDS, elem_id="resnet-steps")
        caption("resnet.captions.ways")
        self.ways = Classes(texts=("resnet.ways",), elem_id="resnet-ways")

    def _why(self) -> None:
        caption("resnet.captions.why")
        with gr.Row():
            self.label, self.against = (self._label(name) for name in ("label", "against"))
        with gr.Row(elem_classes="dl-buttons"):
            self.explain = button("resnet.explain", variant="primary")
            self.stop = button("resnet.stop", variant="stop", interactive=False)
            self.everywhere = localise(
                gr.Checkbox(False, interactive=True, container=False, elem_id="resnet-everywhere"),
                label="resnet.everywhere",
            )
        self.status = Status({"state": "idle"}, texts=_WORDS, elem_id="resnet-status")
        self.reasons = Reasons(texts=_WORDS, elem_id="resnet-reasons")
        self.layer = gr.Textbox("", visible="hidden", elem_id="resnet-layer")
        self.how = SettingsForm(self.topic, WhyConfig, tutorial=None, shown=(), part="how")
        caption("resnet.captions.randomise")
        with gr.Row(elem_classes="dl-buttons"):
            self.randomise = button("resnet.randomise")
            self.method = localise(
                gr.Radio(list(METHODS), value="grad_cam", interactive=True, show_label=False,
                         container=False, elem_id="resnet-method"),
                choices={name: f"resnet.words.{name}" for name in METHODS},
            )  # fmt: skip
        self.forgotten = Reasons(texts=_WORDS, empty="not_yet", elem_id="resnet-forgotten")

    def _label(self, name: str) -> gr.Dropdown:
        return labels(name, "resnet.own_answer" if name == "label" else "resnet.nothing")

    def _hide(self) -> None:
        caption("resnet.captions.hide")
        with gr.Row():
            with gr.Column(scale=4, min_width=300):
                self.cover = Cover(elem_id="resnet-cover")
            with gr.Column(scale=5, min_width=300):
                self.fill = localise(
                    gr.Radio(list(FILLS), value="grey", interactive=True, elem_id="resnet-fill"),
                    label="resnet.fill",
                    choices={name: f"resnet.fills.{name}" for name in FILLS},
                )
                self.given = Photos(
                    side=224, texts=_WORDS, empty="paint_first", elem_id="resnet-given"
                )
                self.less = Classes(texts=_WORDS, empty="nothing_yet", elem_id="resnet-less")

    def _stages(self) -> None:
        caption("resnet.captions.stages")
        self.stages = Stages(texts=_WORDS, elem_id="resnet-stages")
        caption("resnet.captions.neighbours")
        self.reading = Status(
            {"state": "idle"}, texts=_WORDS, visible=False, elem_id="resnet-reading"
        )
        self.near = Photos(side=120, texts=_WORDS, elem_id="resnet-neighbours")

    # --- Lesson ------------------------------------------------------------------------------

    def experiments(self) -> dict[str, dict[Any, Any]]:
        """What the lesson's buttons set."""
        preparation = self.form.by_name["preparation"]
        return {
            "squash": {
                self.example: "rocket",
                self.which: "efficientnet_lite0",
                preparation: "squash",
                self.sections: gr.update(selected="gets"),
            },
            "trust": {
                self.example: "coffee",
                self.which: "efficientnet_lite0",
                preparation: "crop",
                self.label: OWN_ANSWER,
                self.against: OWN_ANSWER,
                self.sections: gr.update(selected="why"),
            },
            "attack": {
                self.example: "coffee",
                self.which: "efficientnet_lite0",
                preparation: "crop",
                **self.stress.experiment(),
                self.sections: gr.update(selected="attack"),
            },
        }
