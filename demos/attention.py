"""The attention tab: made by hand, trained here, and read out of a trained model."""

import json
from typing import Any

import gradio as gr

from demos import attention_handlers as on
from demos.attention_layout import Layout
from demos.attention_state import HAND, words
from demos.kit.errors import UserError, guard
from demos.kit.events import HIDDEN, LIVE
from demos.kit.parts import arrivals
from demos.kit.permalink import address
from demos.widgets.attention_steps import read_edits
from dlcore.attention_hand import HandConfig

TOPIC = "attention"


def build() -> None:
    """Lay the tab out and wire it."""
    tab = Layout(TOPIC)
    _wire_hand(tab)
    hand = {f"hand_{name}": control for name, control in tab.hand.items()}
    address.register(TOPIC, {"text": tab.text, **hand, "hands": tab.hands}, check=_checked)


def _wire_hand(tab: Layout) -> None:
    gr.on(arrivals(), guard(on.arrive), tab.text, tab.text, **HIDDEN)
    asked = [tab.text, tab.hands, *tab.hand_values]
    gr.on(  # one event for all, and one reading at a time: an older one never comes in last
        [control.change for control in asked],
        guard(on.read_hand, names=HAND),
        asked,
        tab.steps,
        api_name="attention_hand",
        api_description="One head of attention over a sentence, made by hand: every matrix from "
        "the words to the output. hands: JSON of a custom mask and of dragged vectors, or empty.",
        concurrency_limit=1,
        **LIVE,
    )
    private: dict[str, Any] = {**LIVE, "api_visibility": "private"}
    tab.steps.edit(guard(on.edit), None, [tab.hands, tab.hand["mask"]], **private)
    tab.steps.cell(guard(on.cell, names=HAND), asked, tab.arithmetic, **private)
    tab.shuffle.click(
        guard(on.another_order, names=HAND),
        [tab.text, *tab.hand_values],
        [tab.text, tab.order_note],
        **HIDDEN,
    )
    tab.measure.click(
        guard(on.measure_widths, names=HAND),
        [tab.text, *tab.hand_values],
        tab.widths,
        show_progress="hidden",
        api_name="attention_widths",
        api_description="Entropy of the weights for vectors of many lengths, with the scores "
        "divided by the root of that length and without.",
    )


def _checked(name: str, value: Any) -> Any:
    """A value from the address, or ValueError."""
    try:
        if name == "text":
            return " ".join(words(str(value)))
        if name == "hands":
            hands = json.dumps(value) if isinstance(value, dict) else value
            read_edits(hands)
            return hands
    except UserError as error:
        raise ValueError(name) from error
    field = name.removeprefix("hand_")
    return getattr(HandConfig(**{field: value}), field)
