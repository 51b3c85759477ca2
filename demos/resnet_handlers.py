"""What happens on the image-classification tab to pictures, questions and paint. No layout here."""

import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import gradio as gr

from demos import resnet_views as views
from demos.kit.asking import Asking
from demos.kit.errors import UserError, freeing
from demos.kit.events import sent
from demos.kit.run import Run
from demos.kit.training import Running
from demos.resnet_state import (
    FILLS,
    Shown,
    answering,
    example,
    label_of,
    network,
    one_of,
    pixels,
    present,
    sent_picture,
    shown_or_first,
    stage_of,
)
from demos.widgets.cover import covered
from demos.widgets.photo import answered, refused, uploaded
from demos.widgets.status import status
from dlcore import resnet
from dlcore.imagenet import imagenet_labels
from dlcore.jobs import stream
from dlcore.pictures import EXAMPLES
from dlcore.progress import Progress
from dlcore.resnet_why import (
    Library,
    Question,
    Reasons,
    WhyConfig,
    library_job,
    randomise_job,
    why_job,
)
from dlcore.saliency import METHODS

_BUDGET_S = 600.0
_TELL_EVERY_S = 0.5
running = Running()
_libraries: dict[str, Library] = {}  # network -> what it makes of the pictures that come along

# --- The picture ---------------------------------------------------------------------------------


def predict(payload: Any, name: Any, shown: Any, config: resnet.Config) -> list[Any]:
    """A new picture, another network, or another preparation: who is it, and how sure?

    payload: of the Photo widget; name: of an example, "" for the reader's own picture.
    """
    try:
        data = uploaded(payload)
        mine = sent_picture(data) if data is not None else None
    except UserError as fault:
        return [gr.skip(), refused(payload, fault), *[gr.skip()] * 5]
    if mine is not None:
        now = mine
    elif name and not (isinstance(shown, Shown) and shown.name == name):
        now = example(name)
    else:
        now = shown_or_first(shown)
    answer = resnet.predict(network(config.network), now.picture, config)
    run = _record(config, now, answer)
    return [
        now,
        answered(payload, views.picture(now, answer)),
        "" if data is not None else gr.skip(),
        views.top({config.preparation: answer.probabilities}, config.top),
        views.told(config, answer),
        run,
        run.id,
    ]


def _record(config: resnet.Config, shown: Shown, answer: resnet.Answer) -> Run:
    """The answer as the record of a run, for the downloads: with the network that gave it."""
    run = Run(answering(config))
    run.add(Progress(1, 1, metrics(answer), (shown, answer)))
    run.finish("done")
    return run


def metrics(answer: resnet.Answer) -> dict[str, float]:
    """The guesses by number and English name, as a downloaded script prints them."""
    return {f"{one.label.index} {one.label.en}": one.probability for one in answer.guesses}


def pick_example(event: gr.EventData) -> str:
    """One of the examples was clicked."""
    data = sent(event)
    return one_of(data.get("id") if isinstance(data, dict) else None, tuple(EXAMPLES))


def pick_label(event: gr.EventData) -> tuple[int, Any]:
    """A name was clicked: ask why."""
    data = sent(event)
    label = label_of(data.get("id") if isinstance(data, dict) else None)
    if label is None:
        raise UserError("resnet.errors.unknown_label")
    return label, gr.update(selected="why")


def fill_labels() -> tuple[Any, Any]:
    """The thousand names, for both lists; only who comes here needs them."""
    keys = ("resnet.own_answer", "resnet.nothing")
    own, nothing = (gr.update(choices=views.label_choices(views.in_both(key))) for key in keys)
    return own, nothing


# --- The open section ----------------------------------------------------------------------------


def study(section: Any, shown: Any, label: Any, against: Any, config: resnet.Config) -> list[Any]:
    """The open section: steps, answers | reasons, forgotten | cover, given, less | stages."""
    now = shown_or_first(shown)
    fresh: list[Any] = [gr.skip()] * 8
    if section == "gets":
        fresh[0:2] = views.steps(now, config)
    elif section == "why":
        asked, other = views.asked_label(now, config, label_of(label)), label_of(against)
        fresh[2:4] = views.same_label(), None
        if other != asked[0]:
            heats = views.cams(now, config, asked[0], other)
            fresh[2] = views.explained(pixels(now, config), heats, asked=asked)
    elif section == "hide":
        fresh[4:7] = views.to_cover(now, config), None, None
    elif section == "stages":
        fresh[7] = views.through_stages(now, config)
    return fresh


def hide(payload: Any, fill: Any, shown: Any, config: resnet.Config) -> tuple[Any, Any]:
    """What is left of the answer when the painted places are gone."""
    mask, now = covered(payload), shown_or_first(shown)
    return views.less(now, config, mask, fill=one_of(fill, FILLS))


def neighbours(section: Any, shown: Any, config: resnet.Config) -> Iterator[tuple[Any, Any]]:
    """What the network finds most like this picture; the pictures that come along are read once."""
    if section != "stages":
        yield gr.skip(), gr.skip()
        return
    now, name = shown_or_first(shown), present(config.network)
    asking = Asking(library_job, name, known=_libraries, key=name)
    for line in asking:
        yield gr.update(value=line, visible=True), gr.skip()
    yield gr.update(visible=False), views.neighbours(now, config, asking.result)


# --- Why -----------------------------------------------------------------------------------------


def question(
    shown: Shown, label: Any, against: Any, stage: Any, everywhere: Any, config: resnet.Config
) -> tuple[Question, tuple[int, float]]:
    """The question that the controls ask, and its label with its probability. Raises UserError."""
    asked, other = views.asked_label(shown, config, label_of(label)), label_of(against)
    if other == asked[0]:  # their difference is zero, and so is every heat
        raise UserError(f"resnet.words.{views.SAME_LABEL}")
    place = stage_of(network(config.network), stage)
    asking = Question(
        present(config.network), pixels(shown, config), asked[0], other, place, everywhere is True
    )
    return asking, asked


def explain(
    shown: Any, label: Any, against: Any, stage: Any, everywhere: Any,
    config: resnet.Config, how: WhyConfig, page: str,
) -> Iterator[list[Any]]:  # fmt: skip
    """Four explanations, and how far to trust each."""
    now = shown_or_first(shown)
    asking, asked = question(now, label, against, stage, everywhere, config)
    heats = views.cams(now, config, asked[0], asking.against)

    def view(found: Reasons) -> dict[str, Any]:
        return views.explained(
            asking.pixels, heats, asked=asked, against=asking.against, stage=asking.stage,
            found=found,
        )  # fmt: skip

    yield from _followed(why_job, (asking, how), view, page)


def randomise(
    shown: Any, label: Any, against: Any, stage: Any, method: Any, config: resnet.Config, page: str
) -> Iterator[list[Any]]:
    """The same explanation while the network forgets what it has learned."""
    method = one_of(method, tuple(METHODS))
    asking, _ = question(shown_or_first(shown), label, against, stage, False, config)

    def view(found: Any) -> dict[str, Any]:
        return views.randomised(asking.pixels, found)

    yield from _followed(randomise_job, (asking, method), view, page)


def _followed(
    job: Any, arguments: tuple[Any, ...], view: Callable[[Any], Any], page: str
) -> Iterator[list[Any]]:
    """Buttons, a status line and a picture while a job runs: explain, randomise, stop, status, …"""
    broken = [*_buttons(busy=False), status("failed"), gr.skip()]
    yield from freeing(_listened(job, arguments, view, page), broken)


def _buttons(*, busy: bool) -> list[Any]:
    return [gr.update(interactive=not busy)] * 2 + [gr.update(interactive=busy)]


def _listened(
    job: Any, arguments: tuple[Any, ...], view: Callable[[Any], Any], page: str
) -> Generator[list[Any], None, None]:
    key, began, told = (page, "resnet"), time.monotonic(), 0.0
    listening = stream(job, *arguments, budget_s=_BUDGET_S)
    running.start(key, listening)
    latest, shown = Progress(0, 0), None
    try:
        yield [*_buttons(busy=True), status("waiting"), gr.skip()]
        for event in listening:
            latest = event
            if time.monotonic() - told < _TELL_EVERY_S:
                continue
            told = time.monotonic()
            word = "running" if event.step else "waiting"
            line = status(word, step=event.step, total=event.total, elapsed_s=told - began)
            fresh = event.snapshot is not None and event.snapshot is not shown
            shown = event.snapshot if fresh else shown
            yield [*[gr.skip()] * 3, line, view(shown) if fresh else gr.skip()]
    finally:
        running.end(key, listening)
        listening.close()
    line = status(listening.ended or "done", step=latest.step, total=latest.total)
    last = view(latest.snapshot) if latest.snapshot is not None else gr.skip()
    yield [*_buttons(busy=False), line, last]


def stop(request: gr.Request) -> None:
    """End what this page has asked for; what is known so far stays."""
    running.stop((request.session_hash or "", "resnet"))


def keep_layer(event: gr.EventData) -> str:
    """The scrubber came to rest at a layer: the next explanation looks there."""
    data = sent(event)
    name = data.get("name") if isinstance(data, dict) else None
    return name[:40] if isinstance(name, str) else ""


def label_name(value: Any) -> str:
    """A label for the address: its number. Raises ValueError for none."""
    label = label_of(value)
    return str(label) if label is not None and label < len(imagenet_labels()) else "-1"
