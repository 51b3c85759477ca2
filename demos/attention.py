"""The attention tab: made by hand, trained here, and read out of a trained model."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from demos import attention_handlers as on
from demos import attention_views as views
from demos.attention_layout import Layout
from demos.attention_state import HAND, MANY, READERS, trained, words
from demos.kit.code_panel import CodePanel
from demos.kit.errors import UserError, guard
from demos.kit.events import HIDDEN, LIVE, STUDY
from demos.kit.lesson import lesson
from demos.kit.parts import arrivals
from demos.kit.permalink import address
from demos.kit.run import Run
from demos.kit.training import TOGETHER, stopping
from demos.widgets.attention_steps import read_edits
from dlcore import attention, attention_hand, attention_heads, gpt, lens_text, llama, minilm
from dlcore.checkpoint import to_bytes

TOPIC = "attention"


def build() -> None:
    """Lay the tab out and wire it."""
    tab = Layout(TOPIC)
    tab.opening.on(arrivals(), on.arrive, [tab.reader])
    _wire_hand(tab)
    _wire_many(tab)
    _wire_training(tab)
    _wire_reading(tab)
    kept = {
        "text": tab.text, "hands": tab.hands, "reader": tab.reader, "poem": tab.poem,
        "others": tab.others, "honest": tab.honest,
    }  # fmt: skip
    address.register(TOPIC, kept, check=_checked)
    CodePanel(
        TOPIC,
        sources=[attention.attention, attention.MultiHeadAttention, attention_hand.by_hand,
                 attention_heads.compare, attention.AttentionOnly, attention.train,
                 attention.prefix_matching, gpt.Attention, llama.GroupedAttention,
                 minilm.EncoderLayer, lens_text.rollout, lens_text.left_out, lens_text.spearman],
        module=attention,
        form=tab.form,
        record=tab.panel.record,
        weights=_weights,
    )  # fmt: skip
    lesson(TOPIC, experiments=tab.experiments())


def _wire_hand(tab: Layout) -> None:
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
    tab.steps.edit(guard(on.edit), None, [tab.hands, tab.hand.by_name["mask"]], **private)
    tab.steps.cell(guard(on.cell, names=HAND), asked, tab.arithmetic, **private)
    tab.shuffle.click(
        guard(on.another_order, names=HAND),
        asked,
        [tab.text, tab.hands, tab.order_note],
        **HIDDEN,
    )
    stale = [tab.text.input, *(control.input for control in tab.hand_values)]
    gr.on(stale, guard(on.forget_order), None, tab.order_note, queue=False, **HIDDEN)
    tab.measure.click(
        guard(on.measure_widths, names=HAND),
        [tab.text, *tab.hand_values],
        tab.widths,
        show_progress="hidden",
        api_name="attention_widths",
        api_description="Entropy of the weights for vectors of many lengths, with the scores "
        "divided by the root of that length and without.",
    )


def _wire_many(tab: Layout) -> None:
    gr.on(
        [tab.opened["many"].select, *(control.change for control in tab.many_values)],
        guard(on.compute_many, names=MANY),
        tab.many_values,
        [tab.many_heads, tab.many_notes],
        api_name="attention_many",
        api_description="Attention of many heads on a random input, and its largest differences "
        "from torch's nn.MultiheadAttention with the same weights: output, weights, gradients.",
        **LIVE,
    )
    tab.faults.click(
        guard(on.show_faults),
        None,
        tab.fault_notes,
        show_progress="hidden",
        api_name="attention_faults",
        api_description="The mistakes of the tutorial's attention, measured beside this one.",
    )


def _wire_training(tab: Layout) -> None:
    panel = tab.panel
    pictures = {tab.film: views.film, tab.chances: views.chances, tab.blocks: views.by_block}
    panel.connect(pictures, state=trained)
    for event in panel.endings:
        event.then(guard(on.finish), panel.state, [tab.one_by_one, tab.silenced], **HIDDEN)
    tab.film.mute(
        guard(on.silence),
        [panel.state, panel.record],
        [tab.film, tab.blocks, tab.silenced],
        **{**LIVE, "api_visibility": "private"},
    )
    for name, press in tab.breaks.items():
        values = tab.form.values(attention.BREAK[name])
        press.click(_setting(values), None, tab.form.components, queue=False, **HIDDEN)

    def race(*values: Any) -> Iterator[list[Any]]:
        yield from on.compare_positions(tab.form.config(values))

    running = tab.race.click(
        guard(race, names=tab.form.names),
        tab.form.components,
        [tab.race, tab.race_stop, tab.race_status, tab.race_chart],
        api_name="attention_positions",
        api_description="Train with learned and with sinusoidal positions, side by side.",
        show_progress="hidden",
        **TOGETHER,
    )
    stopping(tab.race, tab.race_stop, tab.race_status, running)


def _setting(values: list[Any]) -> Callable[[], list[Any]]:
    return lambda: values


def _wire_reading(tab: Layout) -> None:
    asked: list[Any] = [tab.reader, tab.poem, tab.muted]
    with_others = [*asked, tab.others]
    private: dict[str, Any] = {**LIVE, "api_visibility": "private"}
    tab.suited.on([tab.reader.change], on.suit, [tab.reader], [tab.others])
    tab.offer.connect().then(time.time, None, tab.came, **HIDDEN)
    gr.on(
        [
            tab.opened["read"].select,
            tab.came.change,
            *(control.change for control in with_others),
        ],
        guard(on.read_poem),
        with_others,
        [tab.heads, tab.next, tab.read_notes],
        api_name="attention_read",
        api_description="What every head of a model looks at in a text, and what it answers: what "
        "may come next, or (minilm) how alike in meaning each line of others is. model: "
        f"{', '.join(READERS)}; one that is not on this machine is replaced by the first. muted: "
        "[[layer, head], …] as JSON, counted from 0, or empty.",
        **STUDY,
        **LIVE,
    )
    tab.heads.mute(guard(on.keep_muted), tab.reader, tab.muted, **private)
    tab.heads.choose(guard(on.keep_chosen), None, tab.chosen, **private)
    measured: list[Any] = [*asked, tab.honest]
    changed = [control.change for control in measured]
    gr.on(changed, guard(on.want), measured, None, queue=False, **HIDDEN)
    ranked: list[Any] = [*measured, tab.chosen]
    gr.on(
        [tab.came.change, tab.chosen.change, *changed],
        guard(on.rank),
        ranked,
        tab.ranking,
        api_name="attention_honesty",
        api_description="The tokens of a text ranked by attention and by the measured effect of "
        "leaving them out, with Spearman's correlation. model, muted: as for attention_read. "
        "chosen: average, last_layer, rollout, or layer.head, counted from 0.",
        **STUDY,
        **LIVE,
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
    if name == "honest" and isinstance(value, bool):
        return value
    if name == "reader" and value in READERS:
        return value
    if name in ("poem", "others") and isinstance(value, str | int | float):
        return str(value)
    raise ValueError(name)


def _weights(run: Run) -> bytes:
    if run.kept is None:
        raise UserError("kit.errors.train_first")
    return to_bytes(run.kept.state, topic=TOPIC, config=run.config, metrics=run.metrics())
