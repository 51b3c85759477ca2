"""The attention tab's components, section by section. Wired in demos/attention.py."""

from typing import Any

import gradio as gr

from demos.attention_state import BUNDLED, HAND, MANY, READERS, Many
from demos.kit.fetching import Offer
from demos.kit.language import localise
from demos.kit.parts import button, caption, sections
from demos.kit.settings_form import SettingsForm
from demos.kit.suggest import Suggestions
from demos.kit.training import TrainingPanel
from demos.widgets.arithmetic import Arithmetic
from demos.widgets.attention_heads import AttentionHeads
from demos.widgets.attention_steps import AttentionSteps
from demos.widgets.bars import Bars
from demos.widgets.heatmap import Heatmap
from demos.widgets.line_chart import LineChart
from demos.widgets.notes import Notes
from demos.widgets.rankings import Rankings
from demos.widgets.status import Status
from demos.widgets.token_strip import TokenStrip
from dlcore import attention
from dlcore.attention_hand import HandConfig

_WORDS = ("attention.cells", "attention.hints")
_HINTS = ("attention.metrics", "attention.hints")


class Layout:
    """One section at a time; each says first which kind of attention it shows."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        contents = {
            "hand": self._hand,
            "many": self._many,
            "train": self._train,
            "read": self._read,
        }
        self.sections, self.opened = sections(topic, contents)
        self.opening = Suggestions(self.text, self.poem, self.others)
        self.suited = Suggestions(self.poem)

    @property
    def hand_values(self) -> list[Any]:
        """The controls of the part made by hand, in the order of HAND."""
        return [self.hand.by_name[name] for name in HAND]

    @property
    def many_values(self) -> list[Any]:
        """The controls of the part with many heads, in the order of MANY."""
        return [self.many.by_name[name] for name in MANY]

    # --- By hand -----------------------------------------------------------------------------

    def _hand(self) -> None:
        caption("attention.kind.hand")
        with gr.Row():
            text = gr.Textbox("", lines=1, max_lines=2, interactive=True, scale=4, min_width=260,
                              elem_id="attention-text")  # fmt: skip
            self.text = localise(
                text, label="attention.text", placeholder="attention.text_placeholder"
            )
        with gr.Row(elem_classes="dl-buttons"):
            self.shuffle = button("attention.shuffle", size="sm")
            self.order_note = gr.Markdown(visible=False, elem_id="attention-order")
        self.hand = SettingsForm(
            self.topic, HandConfig, tutorial=None, part="hand",
            shown=("d_k", "scale", "positions", "mask"),
        )  # fmt: skip
        self.arithmetic = Arithmetic(texts=_WORDS, elem_id="attention-arithmetic")
        self.steps = AttentionSteps(texts=_WORDS, empty="type_first", elem_id="attention-matrices")
        self.hands = gr.Textbox("", visible="hidden", elem_id="attention-hands")
        caption("attention.widths")
        with gr.Row(elem_classes="dl-buttons"):
            self.measure = button("attention.measure", size="sm")
        self.widths = LineChart(
            texts=_HINTS,
            empty="measure_first",
            elem_id="attention-widths",
        )

    # --- Many heads --------------------------------------------------------------------------

    def _many(self) -> None:
        caption("attention.kind.many")
        self.many = SettingsForm(
            self.topic,
            Many,
            tutorial=None,
            part="many",
            shown=("d_model", "heads", "length", "causal"),
        )
        self.many_notes = Notes(texts=("attention.compared",), elem_id="attention-many-notes")
        self.many_heads = AttentionHeads(texts=_WORDS, elem_id="attention-many-picture")
        caption("attention.faults")
        with gr.Row(elem_classes="dl-buttons"):
            self.faults = button("attention.show_faults", size="sm")
        self.fault_notes = Notes(texts=("attention.tutorial",), elem_id="attention-fault-notes")

    # --- Trained here ------------------------------------------------------------------------

    def _train(self) -> None:
        caption("attention.kind.train")
        self.form = SettingsForm(
            self.topic,
            attention.Config,
            tutorial=None,
            shown=("layers", "heads", "positions", "steps"),
        )
        with gr.Row(elem_classes="dl-buttons"):
            self.breaks = {name: button(f"attention.break.{name}", size="sm")
                           for name in attention.BREAK}  # fmt: skip
        self.panel = TrainingPanel(
            self.topic,
            form=self.form,
            job=attention.job,
            panels=[
                ["loss", "held_out_loss"], ["accuracy", "held_out_accuracy"], ["prefix", "previous"]
            ],
        )  # fmt: skip
        caption("attention.film")
        self.film = AttentionHeads(
            group=self.topic, texts=_WORDS, empty="train_first", mute=True, elem_id="attention-film"
        )
        self.silenced = Notes(texts=("attention.compared",), elem_id="attention-silenced")
        caption("attention.chances")
        self.chances = TokenStrip(
            group=self.topic, texts=_HINTS, empty="train_first", elem_id="attention-chances"
        )
        with gr.Row(elem_id="attention-judged"):
            with gr.Column(scale=3, min_width=300):
                caption("attention.blocks")
                self.blocks = Bars(
                    group=self.topic, texts=_HINTS, empty="train_first", elem_id="attention-blocks"
                )
            with gr.Column(scale=2, min_width=300):
                caption("attention.one_by_one")
                self.one_by_one = Heatmap(
                    texts=_HINTS,
                    empty="train_first",
                    largest=72,
                    take="attention-one-by-one",
                    elem_id="attention-one-by-one",
                )
        caption("attention.race")
        with gr.Row(elem_classes="dl-buttons"):
            self.race = button("attention.race_start", size="sm")
            self.race_stop = button("attention.race_stop", size="sm", variant="stop",
                                    interactive=False)  # fmt: skip
        self.race_status = Status({"state": "idle"}, texts=_HINTS, elem_id="attention-race-status")
        self.race_chart = LineChart(
            texts=_HINTS, empty="race_first", elem_id="attention-race-chart"
        )

    # --- Pretrained --------------------------------------------------------------------------

    def _read(self) -> None:
        caption("attention.kind.read")
        reader = gr.Radio(
            list(READERS), value=BUNDLED, interactive=True, elem_id="attention-reader"
        )
        self.reader = localise(
            reader,
            label="attention.reader",
            info="attention.reader_info",
            choices={name: f"attention.readers.{name}" for name in READERS},
        )
        self.offer = Offer(self.topic, self.reader)
        self.came = gr.State(0.0)  # when a model came last
        poem = gr.Textbox("", lines=2, max_lines=5, interactive=True, elem_id="attention-poem")
        self.poem = localise(poem, label="attention.poem", placeholder="attention.poem_placeholder")
        self.read_notes = Notes(texts=("attention.compared",), elem_id="attention-read-notes")
        self.heads = AttentionHeads(
            texts=_WORDS, empty="write_first", mute=True, elem_id="attention-read-heads"
        )
        self.muted = gr.Textbox("", visible="hidden", elem_id="attention-muted")
        self.chosen = gr.Textbox("", visible="hidden", elem_id="attention-chosen")
        with gr.Row(elem_id="attention-answers"):
            with gr.Column(scale=2, min_width=300):
                caption("attention.next")
                others = gr.Textbox("", lines=3, max_lines=8, interactive=True, visible=False,
                                    elem_id="attention-others")  # fmt: skip
                self.others = localise(others, label="attention.others")
                self.next = Bars(texts=_HINTS, empty="write_first", elem_id="attention-next")
            with gr.Column(scale=3, min_width=300):
                caption("attention.honesty")
                self.honest = localise(
                    gr.Checkbox(False, interactive=True, elem_id="attention-honest"),
                    label="attention.honest",
                )
                self.ranking = Rankings(
                    texts=_HINTS, empty="switch_first", elem_id="attention-ranking"
                )

    # --- Lesson ------------------------------------------------------------------------------

    def experiments(self) -> dict[str, dict[Any, Any]]:
        """What the lesson's buttons set."""
        hand = {self.sections: gr.update(selected="hand")}
        train = {self.sections: gr.update(selected="train")}
        one_layer = self.form.values(attention.BREAK["one_layer"])
        return {
            "scaling": {**hand, self.hand.by_name["d_k"]: 64, self.hand.by_name["scale"]: False},
            "order": {
                **hand,
                self.hand.by_name["positions"]: "none",
                self.hand.by_name["mask"]: "none",
            },
            "one_layer": {**train, **dict(zip(self.form.components, one_layer, strict=True))},
            "honest": {self.sections: gr.update(selected="read"), self.honest: True},
        }
