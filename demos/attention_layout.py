"""The attention tab's components, section by section. Wired in demos/attention.py."""

from typing import Any

import gradio as gr

from demos.attention_state import HAND
from demos.kit.language import localise
from demos.kit.parts import button, caption, sections
from demos.widgets.arithmetic import Arithmetic
from demos.widgets.attention_steps import AttentionSteps
from demos.widgets.line_chart import LineChart
from dlcore.attention_hand import MASKS, MOST_WORDS, HandConfig

_WORDS = ("attention.cells", "attention.hints")


class Layout:
    """One section at a time; each says first which kind of attention it shows."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.sections, self.opened = sections(topic, {"hand": self._hand})

    @property
    def hand_values(self) -> list[Any]:
        """The controls of the part made by hand, in the order of HAND."""
        return [self.hand[name] for name in HAND]

    # --- By hand -----------------------------------------------------------------------------

    def _hand(self) -> None:
        caption("attention.kind.hand")
        start = HandConfig()
        with gr.Row():
            text = gr.Textbox("", lines=1, max_lines=2, interactive=True, scale=4, min_width=260,
                              elem_id="attention-text")  # fmt: skip
            self.text = localise(
                text, label="attention.text", placeholder="attention.text_placeholder"
            )
        with gr.Row(elem_classes="dl-buttons"):
            self.shuffle = button("attention.shuffle", size="sm")
            self.order_note = gr.Markdown(visible=False, elem_id="attention-order")
        self.hand: dict[str, Any] = {}
        with gr.Row(elem_classes="dl-settings"):
            self._slider("d_k", start.d_k, 1, 64)
            self._box("scale", start.scale)
            self._choice("positions", ("sinusoidal", "none"), start.positions)
            self._choice("mask", MASKS, start.mask)
        with localise(
            gr.Accordion(open=False, elem_id="attention-hand-more"), label="kit.settings.more"
        ):
            with gr.Row(elem_classes="dl-settings"):
                self._slider("padding", start.padding, 0, MOST_WORDS)
                self._slider("d_model", start.d_model, 2, 64)
                seed = gr.Number(start.seed, precision=0, interactive=True, min_width=150,
                                 elem_id="attention-hand-seed")  # fmt: skip
                self.hand["seed"] = localise(seed, label="attention.hand.seed")
        self.arithmetic = Arithmetic(texts=_WORDS, elem_id="attention-arithmetic")
        self.steps = AttentionSteps(texts=_WORDS, empty="type_first", elem_id="attention-steps")
        self.hands = gr.Textbox("", visible="hidden", elem_id="attention-hands")
        caption("attention.widths")
        with gr.Row(elem_classes="dl-buttons"):
            self.measure = button("attention.measure", size="sm")
        self.widths = LineChart(
            texts=("attention.metrics", "attention.hints"),
            empty="measure_first",
            elem_id="attention-widths",
        )

    def _slider(self, name: str, value: int, low: int, high: int) -> None:
        slider = gr.Slider(low, high, value=value, step=1, interactive=True, min_width=150,
                           elem_id=f"attention-hand-{name}")  # fmt: skip
        self._named(name, slider)

    def _box(self, name: str, value: bool) -> None:
        box = gr.Checkbox(value, interactive=True, min_width=150, elem_id=f"attention-hand-{name}")
        self._named(name, box)

    def _choice(self, name: str, choices: tuple[str, ...], value: str) -> None:
        radio = gr.Radio(list(choices), value=value, interactive=True, min_width=150,
                         elem_id=f"attention-hand-{name}")  # fmt: skip
        words = {choice: f"attention.hand.{name}_choices.{choice}" for choice in choices}
        self._named(name, radio, choices=words)

    def _named(self, name: str, control: Any, **keys: Any) -> None:
        words = f"attention.hand.{name}"
        self.hand[name] = localise(control, label=words, info=f"{words}_info", **keys)
