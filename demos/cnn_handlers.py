"""What happens on the CNN tab when somebody draws, clicks or presses. No layout here."""

import dataclasses
import random
import time
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import gradio as gr

from demos import cnn_views as views
from demos.cnn_state import (
    MODELS,
    Look,
    Trained,
    bends,
    known,
    networks,
    toggled,
    unit_of,
    what_it_gets,
    whole,
)
from demos.kit.asking import Asking
from demos.kit.errors import UserError
from demos.kit.events import sent
from demos.kit.models import NAMES
from demos.kit.run import Run
from demos.widgets.drawing_pad import showing
from demos.widgets.status import status
from dlcore import cnn
from dlcore.data.mnist import load_mnist
from dlcore.drawing import from_mnist

_TEST_IMAGES = 10_000
_MORE_CLICKS_S = 0.4  # scoring waits this long for another filter to be muted


# --- The pen -------------------------------------------------------------------------------------


def predict(
    drawing: Any, centre: Any, which: Any, own: Trained | None, look: Look, section: str = "sees"
) -> tuple[Any, ...]:
    """The picture the network gets, the ten probabilities, and the maps of both networks."""
    image = what_it_gets(drawing, centre, look)
    models = networks(which, own)
    maps = views.maps(models, image, look) if section == "sees" else [gr.skip(), gr.skip()]
    return views.gets(image), views.answers(models, image, look), *maps


def transform(
    drawing: Any, centre: Any, which: Any, own: Trained | None, look: Look, kind: Any, *amounts: Any
) -> tuple[Any, ...]:
    """The bent digit, and the probabilities of both networks over the range of one change."""
    image = what_it_gets(drawing, centre, look)
    kind, named = bends(kind, amounts)
    models = networks(which, own)
    if image is None:
        return None, None, None
    charts = [
        views.sweep(models[n], image, named, kind, look.muted_of(n)) if n in models else None
        for n in NAMES
    ]
    return views.bent_picture(image, named, kind), *charts


def explain(
    drawing: Any, centre: Any, which: Any, own: Trained | None, look: Look, digit: Any
) -> tuple[Any, Any]:
    """Where both networks look, for the digit asked or (-1) the one each of them answers."""
    image = what_it_gets(drawing, centre, look)
    models = networks(which, own)
    target = whole({"digit": digit}, "digit", 10) if digit != -1 else None
    bundled_view, own_view = (
        views.explanation(models[n], image, target, look.muted_of(n))
        if n in models and image is not None
        else None
        for n in NAMES
    )
    return bundled_view, own_view


def study(
    drawing: Any,
    centre: Any,
    which: Any,
    own: Trained | None,
    look: Look,
    section: str,
    digit: Any,
    kind: Any,
    *amounts: Any,
) -> list[Any]:
    """What the open section shows besides the maps: inspector | bent, curves | explanations."""
    seen = (drawing, centre, which, own, look)
    shown: list[Any] = [gr.skip()] * 6
    if section == "sees":
        shown[0] = views.magnified(what_it_gets(drawing, centre, look), look, own)
    elif section == "transform":
        shown[1:4] = transform(*seen, kind, *amounts)
    elif section == "why":
        shown[4:6] = explain(*seen, digit)
    return shown


def opened(section: str) -> Callable[[], str]:
    return lambda: section


def load_image(position: int, look: Look) -> tuple[Any, Look]:
    """A test image onto the pad."""
    pad = showing(from_mnist(load_mnist().test_images[position] / 255))
    return pad, dataclasses.replace(look, loaded=(pad["pixels"], position))


def load_random(look: Look) -> tuple[Any, Look]:
    """One of the 10,000 test images onto the pad."""
    return load_image(random.randrange(_TEST_IMAGES), look)


def load_picked(look: Look, event: gr.EventData) -> tuple[Any, Look]:
    """The clicked picture onto the pad."""
    return load_image(whole(sent(event), "id", _TEST_IMAGES), look)


def examples(shown: bool) -> tuple[Any, bool]:
    return gr.update(value=views.example_digits(), visible=not shown), not shown


def show_networks(which: Any) -> list[Any]:
    """Headings, maps, curves and explanations of the networks that are asked."""
    asked = [which in (name, "both") for name in NAMES]
    headings = [gr.update(visible=which == "both")] * 6
    return [*headings, *(gr.update(visible=one) for one in asked * 3)]


# --- Filters -------------------------------------------------------------------------------------


def inspect(name: str) -> Callable[..., Any]:
    def inspects(
        drawing: Any,
        centre: Any,
        own: Trained | None,
        look: Look,
        event: gr.EventData,
    ) -> tuple[Look, Any]:
        seen = dataclasses.replace(look, unit=unit_of(name, sent(event)))
        return seen, views.magnified(what_it_gets(drawing, centre, seen), seen, own)

    return inspects


def mute(name: str) -> Callable[..., Any]:
    def mutes(look: Look, event: gr.EventData) -> Look:
        return dataclasses.replace(look, muted=toggled(look, name, sent(event)), touched=name)

    return mutes


def unmute(name: str) -> Callable[..., Any]:
    def unmutes(look: Look) -> Look:
        return dataclasses.replace(look, muted={**look.muted, name: cnn.NONE_MUTED}, touched=name)

    return unmutes


def score_muted(own: Trained | None, look: Look) -> Iterator[tuple[Any, Any, Any]]:
    """Score the 10,000 test images again, with the filters that this page has muted."""
    muted = look.muted_of(look.touched)
    yield gr.update(visible=bool(muted)), status("waiting"), gr.skip()
    time.sleep(_MORE_CLICKS_S if muted else 0)
    model = MODELS.named(look.touched, own)
    before, after = evaluating(model), evaluating(model, muted)
    for line in chain(before, after) if muted else ():
        yield gr.skip(), line, gr.skip()
    if muted:
        yield gr.skip(), status("done"), views.scores(before.result, after.result)


def evaluating(model: cnn.CNN, muted: cnn.Muted = cnn.NONE_MUTED) -> Asking:
    """Read the test set in a worker; a whole network is asked only once."""
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    if muted:
        return Asking(cnn.score, state, muted)
    return Asking(cnn.score, state, known=known, key=model)


# --- Training ------------------------------------------------------------------------------------


def finish(own: Trained | None, run: Run | None, look: Look, which: Any) -> Iterator[list[Any]]:
    """After a run: offer the new network everywhere, and judge it if it was stopped in between."""
    keep = [gr.skip()] * 3
    if not isinstance(own, Trained) or not isinstance(run, Run):
        yield [gr.skip(), gr.skip(), gr.skip(), *keep]
        return
    choice = gr.update(interactive=True, value="both" if which == "bundled" else which)
    seen = dataclasses.replace(look, judged="yours", muted={**look.muted, "yours": cnn.NONE_MUTED})
    yield [own, seen, choice, *keep]
    if own.evaluation is None:
        for line in (judging := evaluating(own.model)):
            yield [gr.skip(), gr.skip(), gr.skip(), gr.update(value=line, visible=True), *keep[1:]]
        judged = dataclasses.replace(own, evaluation=judging.result)
        hidden = gr.update(visible=False)
        yield [judged, gr.skip(), gr.skip(), hidden, *views.ended(run, judging.result)]
    else:
        known[own.model] = own.evaluation


def judge_bundled(look: Look) -> Iterator[tuple[Any, ...]]:
    """Confusion matrix and mistakes of the bundled network."""
    for line in (judging := evaluating(MODELS.bundled())):
        yield look, gr.update(value=line, visible=True), gr.skip(), gr.skip()
    result = judging.result
    seen = dataclasses.replace(look, judged="bundled")
    yield seen, gr.update(visible=False), views.confusion(result), views.gallery(result)


def filter_mistakes(own: Trained | None, look: Look, event: gr.EventData) -> tuple[Any, Any]:
    """Only the mistakes of one cell of the confusion matrix."""
    data = sent(event)
    cell = whole(data, "row", 10), whole(data, "column", 10)
    return views.gallery(_judged(own, look), cell), gr.update(visible=True)


def all_mistakes(own: Trained | None, look: Look) -> tuple[Any, Any]:
    return views.gallery(_judged(own, look)), gr.update(visible=False)


def _judged(own: Trained | None, look: Look) -> cnn.Evaluation:
    """The evaluation whose confusion matrix is shown."""
    result = known.get(MODELS.named(look.judged, own))
    if result is None:
        raise UserError("cnn.errors.not_judged")
    return result
