"""The LSTM tab: type a sentence and see what a trained network does with it, word by word."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from demos import lstm_handlers as on
from demos import lstm_views as views
from demos.kit.code_panel import CodePanel
from demos.kit.errors import guard
from demos.kit.events import HIDDEN, LIVE
from demos.kit.lesson import lesson
from demos.kit.parts import arrivals
from demos.kit.permalink import address
from demos.kit.run import Run
from demos.kit.training import TOGETHER, stopping
from demos.lstm_layout import Layout
from demos.lstm_state import HOLDS, MOST_CHARACTERS, script_call, sentence, trained
from dlcore import lstm, lstm_trace
from dlcore.checkpoint import to_bytes
from dlcore.text import Vocabulary, tokens

TOPIC = "lstm"


def build() -> None:
    """Lay the tab out and wire it."""
    tab = Layout(TOPIC)
    _wire_sentences(tab)
    _wire_training(tab)
    _wire_comparison(tab)
    shared = {"text": tab.sides["first"].text, "second": tab.sides["second"].text}
    address.register(TOPIC, {**shared, "two": tab.twin, **tab.holds}, check=_checked)
    CodePanel(
        TOPIC,
        sources=[tokens, Vocabulary, lstm.Reader, lstm.LSTMCellByHand, lstm_trace.trace,
                 lstm_trace.effects, lstm.train, lstm_trace.gradient_by_distance],
        module=lstm,
        form=tab.form,
        record=tab.panel.record,
        weights=_weights,
        call=script_call,
    )  # fmt: skip
    lesson(TOPIC, experiments=tab.experiments())


def _wire_sentences(tab: Layout) -> None:
    """Whatever changes a sentence, who reads it, or a gate: read it again."""
    tab.opening.on(arrivals(), on.arrive, [tab.look], [tab.look])
    read = guard(on.read, names=[f"hold_{gate}" for gate in tab.holds], newest=True)
    controls = [*tab.texts, tab.twin, *tab.whose, *tab.clamps]
    gr.on(  # one event for all, and one reading at a time: an older one never comes in last
        [control.change for control in controls],
        read,
        tab.asked,
        tab.read,
        api_name="lstm_read",
        api_description="Read one sentence or two: every word with its effect and the "
        "probability after it, and all gates and states. hold_…: free, zero or one.",
        concurrency_limit=1,
        **LIVE,
    )
    for name, side in tab.sides.items():
        side.strip.edit(guard(on.edit(name)), [side.text, side.which, tab.own], side.text, **HIDDEN)
    first, second = tab.texts
    tab.twin.change(guard(on.show_second), tab.twin, [*tab.second_parts, tab.copy], **HIDDEN)
    tab.copy.click(guard(on.copy), first, second, **HIDDEN)
    tab.random.click(guard(on.random_sentence), None, first, **HIDDEN)
    tab.mistakes.pick(guard(on.picked), None, first, **HIDDEN)


def _wire_training(tab: Layout) -> None:
    panel = tab.panel
    panel.connect({tab.watched: views.watched}, state=trained)
    judged = [tab.confusion, tab.lengths, tab.mistakes]
    for event in (panel.finished, panel.restored):
        event.then(
            guard(on.finish),
            [panel.state, tab.look, *tab.whose],
            [tab.look, *tab.whose, *judged],
            **HIDDEN,
        )
    tab.judge.click(
        guard(on.judge_bundled), tab.look, [tab.look, *judged], show_progress="hidden",
        api_name="lstm_judge",
        api_description="The bundled model on the test part: confusion, lengths, mistakes.",
    )  # fmt: skip
    tab.upload.upload(guard(on.upload), tab.upload, tab.csv, **HIDDEN)
    tab.csv.change(guard(on.found), tab.csv, [tab.csv_found, tab.form.by_name["data"]], **HIDDEN)


def _wire_comparison(tab: Layout) -> None:
    def compare(csv: Any, *values: Any) -> Iterator[list[Any]]:
        yield from on.compare(tab.form.config(values), csv)

    buttons = [tab.compare, tab.compare_stop]
    shown = [tab.compare_status, tab.gradient, tab.race, tab.race_lengths]
    running = tab.compare.click(
        guard(compare, names=tab.form.names),
        [tab.csv, *tab.form.components],
        [*buttons, *shown],
        api_name="lstm_compare",
        api_description="Train an LSTM, a GRU, a plain RNN and a bag of words on the same data; "
        "measure gradient against distance, test accuracy, accuracy by length.",
        **TOGETHER,
        show_progress="hidden",
    )
    stopping(tab.compare, tab.compare_stop, tab.compare_status, running)


def _checked(name: str, value: Any) -> Any:
    """A value from the address, or ValueError."""
    if name in ("text", "second"):
        if not isinstance(value, str | int | float) or len(str(value)) > MOST_CHARACTERS:
            raise ValueError(name)
        return sentence(str(value))
    if (name == "two" and isinstance(value, bool)) or (name != "two" and value in HOLDS):
        return value
    raise ValueError(name)


def _weights(run: Run) -> bytes:
    return to_bytes(run.snapshot.state, topic=TOPIC, config=run.config, metrics=run.metrics())
