"""What happens on the attention tab when somebody types, clicks or drags. No layout here."""

import random
from dataclasses import replace
from typing import Any

import gradio as gr

from demos import attention_views as views
from demos.attention_state import hand_config, made, words
from demos.kit.errors import UserError
from demos.kit.events import sent
from demos.kit.language import LANGUAGES, say, session_language
from demos.widgets.attention_steps import MATRICES, edited
from dlcore.attention_hand import entropy_by_width, order_effect, shuffle

# --- By hand -------------------------------------------------------------------------------------


def arrive(text: Any, request: gr.Request) -> Any:
    """The tab is opened: a sentence to begin with, unless somebody has written one."""
    if _ours("hand", text):
        return say("attention.examples.hand", session_language.get(request))
    return gr.skip()


def _ours(name: str, shown: Any) -> bool:
    """Is a box empty, or does it hold what the tab put in by itself, in any language?"""
    return not shown or shown in [say(f"attention.examples.{name}", lang) for lang in LANGUAGES]


def read_hand(text: Any, hands: Any, *values: Any) -> Any:
    """One head over the sentence, as it was typed, dragged and masked."""
    result = made(text, values, hands)
    return None if result is None else views.steps(*result)


def edit(event: gr.EventData) -> tuple[str, Any]:
    """A vector was dragged or a cell of the mask clicked: kept as text, which the reading takes."""
    text = edited(sent(event))
    return text, "custom" if '"mask"' in text else gr.skip()


def cell(text: Any, hands: Any, event: gr.EventData, *values: Any) -> Any:
    """A cell was chosen: what is it made of?"""
    data = sent(event)
    result = made(text, values, hands)
    if result is None or not isinstance(data, dict):
        return None
    matrix, row, column = (data.get(name) for name in ("matrix", "row", "column"))
    if matrix == "mask":
        return None
    if matrix not in MATRICES or not all(type(place) is int for place in (row, column)):
        raise UserError("attention.errors.unreadable")
    hand, edits = result
    height, width = getattr(hand, matrix).shape
    if not (0 <= row < height and 0 <= column < width):
        return None  # of the sentence before
    return views.cell(hand, edits, matrix, row, column)


def another_order(text: Any, *values: Any, request: gr.Request) -> tuple[Any, Any]:
    """The words in another order, and how much any word's output changed by that."""
    tokens = words(text)
    if len(tokens) < 2:
        raise UserError("attention.errors.two_words")
    config = hand_config(values)
    order = shuffle(tokens, random.randrange(2**31))
    if order == tuple(range(len(tokens))):
        order = (*order[1:], order[0])
    by = order_effect(tokens, order, replace(config, mask="none"))
    told = say("attention.order", session_language.get(request), change=f"{by:.2g}")
    return " ".join(tokens[place] for place in order), gr.update(value=told, visible=True)


def measure_widths(text: Any, *values: Any) -> Any:
    """Entropy of the weights for vectors of many lengths."""
    tokens = words(text)
    if len(tokens) < 2:
        raise UserError("attention.errors.two_words")
    return views.widths(entropy_by_width(tokens, hand_config(values)))
