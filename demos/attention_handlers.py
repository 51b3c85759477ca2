"""What happens on the attention tab when somebody types, clicks or drags. No layout here."""

import json
import random
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from demos import attention_views as views
from demos.attention_state import (
    BUNDLED,
    Trained,
    hand_config,
    heads_of,
    made,
    many,
    reader_of,
    reading,
    words,
)
from demos.kit.errors import UserError
from demos.kit.events import sent
from demos.kit.language import LANGUAGES, say, session_language
from demos.kit.run import Run
from demos.widgets.attention_heads import muted as muted_heads
from demos.widgets.attention_steps import MATRICES, edited, reordered
from demos.widgets.line_chart import line_chart
from demos.widgets.status import status
from dlcore import attention
from dlcore.attention_hand import entropy_by_width, order_effect, shuffle
from dlcore.attention_heads import compare, faults
from dlcore.jobs import stream
from dlcore.lens_text import honesty

# --- By hand -------------------------------------------------------------------------------------


def arrive(text: Any, poem: Any, others: Any, model: Any, request: gr.Request) -> list[Any]:
    """The tab is opened: something to begin with in each box, unless somebody has written there."""
    lang = session_language.get(request)
    boxes = ((("hand",), text), (_poems(model), poem), (("others",), others))
    return [
        say(f"attention.examples.{names[0]}", lang) if _ours(names, shown) else gr.skip()
        for names, shown in boxes
    ]


def _poems(model: Any) -> tuple[str, ...]:
    """The texts that the tab puts in by itself, first the one for this model."""
    return ("poem", "english") if model == BUNDLED else ("english", "poem")


def _ours(names: tuple[str, ...], shown: Any) -> bool:
    """Is a box empty, or does it hold what the tab put in by itself, in any language?"""
    return not shown or shown in [
        say(f"attention.examples.{name}", lang) for name in names for lang in LANGUAGES
    ]


def suit(poem: Any, model: Any, request: gr.Request) -> tuple[Any, Any]:
    """Another model: a text that it can read, unless somebody wrote one; whom to compare with."""
    names = _poems(model)
    text = say(f"attention.examples.{names[0]}", session_language.get(request))
    return (text if _ours(names, poem) else gr.skip()), gr.update(visible=model == "minilm")


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
    if matrix not in MATRICES or type(row) is not int or type(column) is not int:
        raise UserError("attention.errors.unreadable")
    hand, edits = result
    height, width = getattr(hand, matrix).shape
    if not (0 <= row < height and 0 <= column < width):
        return None  # of the sentence before
    return views.cell(hand, edits, matrix, row, column)


def another_order(text: Any, hands: Any, *values: Any, request: gr.Request) -> tuple[str, str, Any]:
    """The words in another order, with what a hand did to them, and how much any word's output
    changed by that."""
    tokens = words(text)
    if len(tokens) < 2:
        raise UserError("attention.errors.two_words")
    config = hand_config(values)
    order = shuffle(tokens, random.randrange(2**31))
    if order == tuple(range(len(tokens))):
        order = (*order[1:], order[0])
    by = order_effect(tokens, order, replace(config, mask="none"))
    told = say("attention.order", session_language.get(request), change=f"{by:.2g}")
    shuffled = " ".join(tokens[place] for place in order)
    return shuffled, reordered(hands, order), gr.update(value=told, visible=True)


def forget_order() -> Any:
    """Another sentence, or other positions: what was measured no longer stands."""
    return gr.update(visible=False)


def measure_widths(text: Any, *values: Any) -> Any:
    """Entropy of the weights for vectors of many lengths."""
    tokens = words(text)
    if len(tokens) < 2:
        raise UserError("attention.errors.two_words")
    return views.widths(entropy_by_width(tokens, hand_config(values)))


# --- Many heads ----------------------------------------------------------------------------------


def compute_many(*values: Any) -> tuple[Any, Any]:
    """Our heads on a random input, and how far they are from torch's."""
    asked = many(values)
    if asked.d_model % asked.heads:
        raise UserError("attention.errors.split", heads=asked.heads, d_model=asked.d_model)
    compared = compare(
        asked.d_model, asked.heads, length=asked.length, causal=asked.causal, seed=asked.seed
    )
    return views.many(asked, compared)


def show_faults() -> Any:
    """The tutorial's mistakes, measured at its own sizes."""
    return views.faults(faults())


# --- Trained here --------------------------------------------------------------------------------


def finish(own: Any) -> tuple[Any, Any]:
    """After a run: what each head alone is worth. Nothing is silenced yet."""
    return (views.one_by_one(own) if isinstance(own, Trained) else None), None


def silence(own: Any, record: Any, event: gr.EventData) -> tuple[Any, Any, Any]:
    """Heads of the reader's own network were silenced, or speak again."""
    if not isinstance(own, Trained) or not isinstance(record, Run):
        raise UserError("attention.errors.train_first")
    muted = muted_heads(sent(event), own.config.layers, own.config.heads)
    if muted:
        return views.silenced(own, muted)
    record.whole = True  # the film again, all of it
    return views.film(record), views.by_block(record), None


def compare_positions(config: attention.Config) -> Iterator[list[Any]]:
    """Train with learned and with sinusoidal positions, side by side."""
    curves: dict[str, list[list[float]]] = {}
    names = ("held_out_accuracy_learned", "held_out_accuracy_sinusoidal")
    began, told = time.monotonic(), 0.0
    yield [gr.update(interactive=False), gr.update(interactive=True), status("waiting"), None]
    running = stream(attention.positions_job, config, budget_s=300.0)
    step = total = 0
    try:
        for event in running:
            fresh, step, total = event.step > step, event.step, event.total
            for name in names if fresh else ():
                if name in event.metrics:
                    curves.setdefault(name, []).append([event.step, event.metrics[name]])
            if time.monotonic() - told >= 0.5:
                told = time.monotonic()
                word = "running" if step else "waiting"
                line = status(word, step=step, total=total, elapsed_s=told - began)
                yield [gr.skip(), gr.skip(), line, _race(curves, names)]
    finally:
        running.close()
    over = [gr.update(interactive=True), gr.update(interactive=False)]
    yield [*over, status("done", step=step, total=total), _race(curves, names)]


def _race(curves: dict[str, list[list[float]]], names: tuple[str, ...]) -> Any:
    return line_chart(curves, panels=[list(names)], shares=names) if curves else gr.skip()


# --- Pretrained ----------------------------------------------------------------------------------


def read_poem(model: Any, text: Any, muted: Any, others: Any) -> tuple[Any, Any, Any]:
    """All heads of a model over a text, and what it answers: what comes next, or what is alike."""
    read = reading(model, text, muted)
    if read is None:
        return None, None, None
    whole = reading(model, text, "") if read.muted else read
    assert whole is not None
    shown = views.answered(read, whole, others if isinstance(others, str) else "")
    return views.heads(read), shown, views.remarks(read, whole)


def keep_muted(model: Any, event: gr.EventData) -> str:
    """Heads of the model were silenced: kept as text, which the reading takes."""
    silent = [list(head) for head in muted_heads(sent(event), 100, 100)]
    return json.dumps({"model": reader_of(model)[0], "muted": silent})


def keep_chosen(event: gr.EventData) -> str:
    """Another matrix is the large one: kept as text, which the ranking takes."""
    data = sent(event)
    if not isinstance(data, dict):
        raise UserError("attention.errors.unreadable")
    if data.get("name"):
        return str(data["name"])[:20]
    place = heads_of(json.dumps([[data.get("layer"), data.get("head")]]), 100, 100)
    return ".".join(map(str, place[0])) if place else ""


class _Wanted:
    """What each visitor wants to have measured now; who wants something else ends what runs."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, Any] = OrderedDict()

    def set(self, request: gr.Request, question: Any) -> None:
        self._of[request.session_hash or ""] = question
        self._of.move_to_end(request.session_hash or "")
        while len(self._of) > _VISITORS:
            self._of.popitem(last=False)

    def has(self, request: gr.Request, question: Any) -> bool:
        return bool(self._of.get(request.session_hash or "") == question)


_VISITORS = 500
_wanted = _Wanted()


def want(model: Any, text: Any, muted: Any, honest: Any, request: gr.Request) -> None:
    """The page asks something else, or nothing more: whatever is measured for it ends."""
    _wanted.set(request, (model, text, muted, honest))


def rank(
    model: Any, text: Any, muted: Any, honest: Any, chosen: Any, request: gr.Request
) -> Iterator[Any]:
    """The tokens ranked by what was looked at, and by what mattered; nothing if not asked for."""
    question = (model, text, muted, honest)
    _wanted.set(request, question)
    read = reading(model, text, muted) if honest is True else None
    if read is None:
        yield None
        return
    how, layer, head = _chosen(chosen, read.reader.layers, read.reader.heads)
    for effects in read.leaving_out():
        if not _wanted.has(request, question):
            return  # the answer to the new question comes by itself
        yield views.measuring(read.found, effects)
    judged = honesty(read.reader, read.found, how=how, layer=layer, head=head, effects=effects)
    yield views.honest(read.found, judged)


def _chosen(chosen: Any, layers: int, heads: int) -> tuple[str, int, int]:
    """Which matrix a ranking is about: an average, the rollout, or a head."""
    if chosen in (None, "", "average", "last_layer", "rollout"):
        return chosen or "average", 0, 0
    layer, _, head = str(chosen).partition(".")
    if not (layer.isascii() and layer.isdigit() and head.isascii() and head.isdigit()):
        raise UserError("attention.errors.unreadable")
    place = (int(layer[:3]), int(head[:3]))
    if place[0] >= layers or place[1] >= heads:  # of another model; the page shows the average
        return "average", 0, 0
    return "head", *place
