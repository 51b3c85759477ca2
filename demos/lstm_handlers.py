"""What happens on the LSTM tab when somebody types, clicks or presses. No layout here."""

import dataclasses
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from demos import lstm_views as views
from demos.kit.errors import UserError
from demos.kit.events import sent
from demos.kit.language import say, session_language
from demos.lstm_state import (
    KINDS,
    MODELS,
    SIDES,
    Look,
    Trained,
    clean_table,
    held,
    job_arguments,
    readable,
    respelt,
    sentence,
    table,
)
from demos.widgets.status import status
from demos.widgets.token_strip import edited
from dlcore import lstm, lstm_trace
from dlcore.data.opinions import LANGUAGES, MOST_BYTES, load_opinions
from dlcore.jobs import stream

_FARTHEST = 20  # words that the gradient is followed back
_FEWEST = 8  # sentences that must be long enough for that
_BLANK = "—"  # how the locale files write "no sentence"


# --- Reading -------------------------------------------------------------------------------------


def read(
    first: Any, second: Any, twin: Any, which_first: Any, which_second: Any, own: Any, look: Any,
    *holds: Any,
) -> list[Any]:  # fmt: skip
    """Both strips, then both insides; a sentence that is not shown is not read."""
    clamps = held(holds)
    shown = [(first, which_first), (second if twin else "", which_second)]
    pairs: list[tuple[Any, Any]] = []
    for text, which in shown:
        words, model = sentence(text), MODELS.named(which, own)
        inside = (None, None)
        pairs.append(views.reading(model, words, clamps) if readable(model, words) else inside)
    strips, insides = zip(*pairs, strict=True)
    return [*strips, *insides]


def edit(side: str) -> Callable[..., Any]:
    """A word was changed in the strip: write the sentence anew."""

    def edits(text: Any, which: Any, own: Any, event: gr.EventData) -> str:
        words, model = sentence(text), MODELS.named(which, own)
        return sentence(respelt(words, model.vocabulary.tokens(words), edited(sent(event))))

    edits.__name__ = f"edit_{side}"
    return edits


def arrive(first: Any, second: Any, look: Any, request: gr.Request) -> tuple[Any, Any, Any]:
    """The tab is opened: a sentence to begin with, unless there is one."""
    lang = session_language.get(request)
    old = [look.lang and example("start", side, look.lang) for side in SIDES]
    fresh = [
        example("start", side, lang) if not text or text == known else gr.skip()
        for side, text, known in zip(SIDES, (first, second), old, strict=True)
    ]
    return *fresh, dataclasses.replace(look, lang=lang)


def example(name: str, side: str, lang: str) -> str:
    """A sentence that the tab puts in by itself."""
    text = say(f"lstm.examples.{name}.{side}", lang)
    return "" if text == _BLANK else text


def random_sentence(request: gr.Request) -> str:
    """A sentence of the test part, in the reader's language."""
    lang = session_language.get(request)
    data = load_opinions(lang if lang in LANGUAGES else "both")
    return data.sentences[int(random.choice(data.test))]


def copy(text: Any) -> str:
    """The first sentence, for the second."""
    return sentence(text)


def picked(event: gr.EventData) -> str:
    """A sentence of the list of mistakes."""
    data = sent(event)
    return sentence(data.get("text") if isinstance(data, dict) else None)


def show_second(twin: Any) -> list[Any]:
    """What belongs to the second sentence: its box and picture, two headings, the copy button."""
    return [gr.update(visible=bool(twin))] * 5


# --- Training ------------------------------------------------------------------------------------


def upload(file: Any) -> str:
    """The text of an uploaded CSV."""
    if not isinstance(file, bytes):
        raise UserError("lstm.errors.no_csv")
    if len(file) > MOST_BYTES:
        raise UserError("lstm.errors.csv.big", most_mb=MOST_BYTES // 1_000_000)
    try:
        return file.decode("utf-16" if file[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError("lstm.errors.csv_encoding") from error


def found(csv: Any, request: gr.Request) -> tuple[Any, Any]:
    """What is in the user's table, and that it is what to train on."""
    if csv is None or csv == "":
        return gr.update(visible=False), gr.skip()
    counts = views.csv_counts(table(csv, lstm.Config()))
    words = say("lstm.csv_found", session_language.get(request), **counts)
    return gr.update(value=words, visible=True), "csv"


def finish(own: Any, look: Any, which_first: Any, which_second: Any) -> list[Any]:
    """After a run: offer the new model, and show how it did on the test part."""
    if not isinstance(own, Trained):
        return [gr.skip()] * 6
    choices = [gr.update(interactive=True, value="yours"), gr.update(interactive=True)]
    if own.test is None:  # stopped in between, or data without a test part
        return [dataclasses.replace(look, judged=""), *choices, None, None, None]
    return [dataclasses.replace(look, judged="yours"), *choices, *views.judged(own.test)]


def judge_bundled(look: Look) -> tuple[Any, ...]:
    """The bundled model on the test part of both languages."""
    data = load_opinions("both")
    test = lstm.evaluate(MODELS.bundled(), data, data.test)
    return dataclasses.replace(look, judged="bundled"), *views.judged(test)


# --- Why LSTM ------------------------------------------------------------------------------------


def compare(config: lstm.Config, csv: Any) -> Iterator[list[Any]]:
    """Train each kind of model in turn, and measure it as soon as it is there."""
    norms: dict[str, lstm_trace.Reach] = {}
    tests: dict[str, lstm.Evaluation] = {}
    buttons = [gr.update(interactive=False), gr.update(interactive=True)]
    began, done = time.monotonic(), 0
    job_arguments(config, csv, "")  # a table that cannot be used is refused before all else
    texts = _unseen(config, csv)
    yield [*buttons, status("waiting"), None, None, None]
    for place, kind in enumerate(KINDS):
        arguments = job_arguments(dataclasses.replace(config, model=kind), csv, "")
        running = stream(lstm.job, *arguments, budget_s=300.0)
        last = None
        try:
            for event in running:
                last = event.snapshot or last
                done = place * event.total + event.step
                gone = time.monotonic() - began
                word = "running" if event.step else "waiting"
                line = status(word, step=done, total=len(KINDS) * event.total, elapsed_s=gone)
                yield [gr.skip(), gr.skip(), line, gr.skip(), gr.skip(), gr.skip()]
        finally:
            running.close()
        if last is None:
            continue
        model = lstm.restore(last.state, arguments[0])
        if kind != "bag" and (reach := _reach(model, texts)) is not None:
            norms[kind] = reach
        if last.test is not None:
            tests[kind] = last.test
        race = views.race({name: test.accuracy for name, test in tests.items()})
        charts = [views.gradients(norms), race, views.lengths(tests)]
        yield [gr.skip(), gr.skip(), gr.skip(), *charts]
    over = [gr.update(interactive=True), gr.update(interactive=False)]
    yield [*over, status("done", step=done, total=done), gr.skip(), gr.skip(), gr.skip()]


def _unseen(config: lstm.Config, csv: Any) -> list[str]:
    """Real sentences to measure on: those that the models do not learn from, where there are."""
    data = lstm.load(config, clean_table(csv) if isinstance(csv, str) else "")
    return data.texts(data.test if len(data.test) else data.train)


def _reach(model: lstm.Reader, texts: list[str]) -> lstm_trace.Reach | None:
    """The gradient over as many words as at least some of the sentences have."""
    counts = sorted((len(model.vocabulary.tokens(text)) for text in texts), reverse=True)
    distance = min(_FARTHEST, counts[min(_FEWEST, len(counts)) - 1] - 1)
    return lstm_trace.gradient_by_distance(model, texts, distance) if distance > 0 else None
