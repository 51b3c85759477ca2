"""The text-generation tab: a GPT writes, and every choice that it makes can be made otherwise."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from demos import gpt_handlers as on
from demos import gpt_views as views
from demos.gpt_layout import Layout
from demos.gpt_state import CORPORA, KINDS, passage, script_call, trained
from demos.kit.code_panel import CodePanel
from demos.kit.errors import UserError, guard
from demos.kit.events import HIDDEN, LIVE
from demos.kit.lesson import lesson
from demos.kit.models import YOURS
from demos.kit.permalink import address
from demos.kit.run import Run
from dlcore import gpt, gpt_speed, gpt_writing
from dlcore.checkpoint import to_bytes

TOPIC = "gpt"
# Texts that are written at the same time; the others wait.
WRITING: dict[str, Any] = {"concurrency_id": "writing", "concurrency_limit": 4}

# A text that is typed or pasted is what to learn from (Gradio's `input` hears of no paste). In the
# page, at once: a choice that is made after it is never undone by a late answer.
_CHOOSE_TYPED = "(text, corpus) => (text.trim() ? 'own' : corpus)"


def build() -> None:
    """Lay the tab out and wire it."""
    tab = Layout(TOPIC)
    _wire_models(tab)
    _wire_writing(tab)
    _wire_training(tab)
    _wire_measuring(tab)
    shared = {"prompt": tab.prompt, "corpus": tab.corpus, "which": tab.which, "talk": tab.talk}
    address.register(TOPIC, shared, check=_checked)
    CodePanel(
        TOPIC,
        sources=[gpt.Cache, gpt.Attention, gpt.Block, gpt.GPT, gpt.train, gpt_writing.stages,
                 gpt_writing.generate, gpt_speed.laps],
        module=gpt,
        form=tab.form,
        record=tab.panel.record,
        weights=_weights,
        call=script_call,
    )  # fmt: skip
    lesson(TOPIC, experiments=tab.experiments())


def _wire_models(tab: Layout) -> None:
    """Which model: one that is here, or that comes."""
    chosen = tab.suited.on(
        [tab.which.change], on.choose, [tab.which], [tab.talk, tab.forget], **LIVE
    )
    chosen.then(guard(on.warm), tab.which, None, **HIDDEN)
    tab.offer.connect().then(guard(on.came), tab.which, tab.came, **HIDDEN)
    tab.forget.click(guard(on.forget), None, [tab.writing, tab.tree], **HIDDEN)


def _wire_writing(tab: Layout) -> None:
    """Write on, force a token, four decoders side by side."""

    def write(
        prompt: Any, model: Any, talk: Any, own: Any, tree: Any, *values: Any, request: gr.Request
    ) -> Iterator[list[Any]]:
        decoding, page = tab.decoding.config(values), request.session_hash or ""
        yield from on.write(prompt, model, talk, own, tree, decoding, page)

    def force(
        tree: Any, event: gr.EventData, *values: Any, request: gr.Request
    ) -> Iterator[list[Any]]:
        decoding = tab.decoding.config(values)
        yield from on.force(tree, decoding, event, request.session_hash or "")

    def compare(
        prompt: Any, model: Any, talk: Any, own: Any, *values: Any, request: gr.Request
    ) -> Iterator[list[Any]]:
        decoding, page = tab.decoding.config(values), request.session_hash or ""
        yield from on.compare_decoders(prompt, model, talk, own, decoding, page)

    names, settings = tab.decoding.names, tab.decoding.components
    asked = [tab.prompt, tab.which, tab.talk, tab.own]
    shown = [tab.write, tab.write_stop, tab.writing, tab.tree]
    gr.on(
        [tab.write.click, tab.prompt.submit],
        guard(write, names=names),
        [*asked, tab.tree, *settings],
        [*shown, tab.prompt],
        api_name="gpt_generate",
        api_description="Go on from a text, token by token, with the probabilities of each and of "
        "what could have come instead.",
        show_progress="hidden",
        **WRITING,
    )
    tab.writing.force(guard(force, names=names), [tab.tree, *settings], shown, **HIDDEN, **WRITING)
    tab.write_stop.click(guard(on.stop), None, None, queue=False, **HIDDEN)
    tab.compare.click(
        guard(compare, names=names),
        [*asked, *settings],
        [tab.compare, tab.compare_stop, *tab.decoders],
        api_name="gpt_compare",
        api_description="Go on from a text in four ways: greedy, plain sampling, top-k, top-p. "
        "Length and seed are taken from the settings.",
        show_progress="hidden",
        **WRITING,
    )
    tab.compare_stop.click(guard(on.stop_comparing), None, None, queue=False, **HIDDEN)


def _wire_training(tab: Layout) -> None:
    panel = tab.panel
    panel.connect({tab.samples: views.film, tab.remarks: views.remarks}, state=trained)
    for event in (panel.finished, panel.restored):
        event.then(guard(on.finish), panel.state, tab.which, **HIDDEN)
    tab.upload.upload(guard(on.upload), tab.upload, [tab.text, tab.corpus], **HIDDEN)
    tab.text.change(None, [tab.text, tab.corpus], tab.corpus, js=_CHOOSE_TYPED, **HIDDEN)


def _wire_measuring(tab: Layout) -> None:
    """What a text costs, and what the cache saves."""
    vi, en = tab.cost_texts
    gr.on(  # one event for all, and one answer at a time: an older one never comes in last
        [tab.tabs["cost"].select, vi.change, en.change, tab.which.change, tab.came.change],
        guard(on.costs),
        [vi, en, tab.which, tab.own],
        [tab.counts, tab.per_word, *tab.cut],
        api_name="gpt_cost",
        api_description="How many tokens a Vietnamese and an English text take, for each tokenizer "
        "that is there.",
        concurrency_limit=1,
        **LIVE,
    )

    def race(
        prompt: Any, model: Any, own: Any, larger: Any, request: gr.Request
    ) -> Iterator[list[Any]]:
        yield from on.race(prompt, model, own, larger, request.session_hash or "")

    tab.race.click(
        guard(race),
        [tab.prompt, tab.which, tab.own, tab.larger],
        [tab.race, tab.race_stop, tab.laps, tab.told],
        api_name="gpt_speed",
        api_description="Seconds for each token with a cache of keys and values and without one, "
        "writing the same text.",
        show_progress="hidden",
        **WRITING,
    )
    tab.race_stop.click(guard(on.stop_race), None, None, queue=False, **HIDDEN)


def _checked(name: str, value: Any) -> Any:
    """A value from the address, or ValueError."""
    if name == "corpus":
        if value in CORPORA:
            return value
    elif name == "which":
        if value in KINDS and value != YOURS:  # no link brings a model along
            return value
    elif name == "talk":
        if isinstance(value, bool):
            return value
    elif isinstance(value, str | int | float):
        return passage(str(value))
    raise ValueError(name)


def _weights(run: Run) -> bytes:
    if run.kept is None:
        raise UserError("kit.errors.train_first")
    return to_bytes(run.kept.state, topic=TOPIC, config=run.config, metrics=run.metrics())
