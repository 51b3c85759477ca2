"""The CNN tab: draw a digit, see what the network sees, train your own, bend it, ask why."""

from typing import Any

import gradio as gr

from demos import cnn_handlers as on
from demos import cnn_views as views
from demos.cnn_layout import Layout
from demos.cnn_state import trained
from demos.kit.code_panel import CodePanel
from demos.kit.errors import guard
from demos.kit.events import HIDDEN, LIVE, PEN, STUDY
from demos.kit.lesson import lesson
from demos.kit.permalink import address
from demos.kit.run import Run
from dlcore import cnn
from dlcore.checkpoint import to_bytes
from dlcore.drawing import CHANGES, rotate, thicken, to_mnist
from dlcore.explain import grad_cam, input_gradient
from dlcore.lens import conv_parts, dense_parts
from dlcore.supervised import fit

TOPIC = "cnn"


def build() -> None:
    """Lay the tab out and wire it."""
    tab = Layout(TOPIC)
    _wire_pen(tab)
    _wire_filters(tab)
    _wire_training(tab)
    _wire_bending(tab)
    address.register(TOPIC, {"centre": tab.centre, "bend": tab.kind}, check=_checked)
    CodePanel(
        TOPIC,
        sources=[cnn.CNN, cnn.train, fit, to_mnist, rotate, thicken, conv_parts, dense_parts,
                 grad_cam, input_gradient, cnn.judge],
        module=cnn,
        form=tab.form,
        record=tab.panel.record,
        weights=_weights,
    )  # fmt: skip
    lesson(TOPIC, experiments=tab.experiments())


def _wire_pen(tab: Layout) -> None:
    """Whatever changes the picture or the network: read it again, and refresh the open section."""
    read = guard(on.predict, newest=True)
    study = _study()
    for source, changed in (
        (tab.pad, tab.pad.draw),
        (tab.centre, tab.centre.change),
        (tab.which, tab.which.change),
    ):
        first = source is tab.pad
        changed(
            read,
            [*tab.seen, tab.open],
            tab.answers,
            api_name="cnn_predict" if first else None,
            api_visibility="public" if first else "private",
            api_description="Read a drawn digit: the picture the network gets, its probabilities "
            "of 0 to 9, and the maps of every stage. which: bundled, yours or both.",
            **LIVE,
            **PEN,
        )
        changed(study, tab.studied_from, tab.studied, **LIVE, **STUDY, api_visibility="private")
    tab.which.change(guard(on.show_networks), tab.which, tab.twins, **HIDDEN)
    tab.random.click(guard(on.load_random), tab.look, [tab.pad, tab.look], **HIDDEN)
    shown = [tab.examples, tab.examples_open]
    tab.examples_button.click(guard(on.examples), tab.examples_open, shown, **HIDDEN)
    for grid in (tab.examples, tab.gallery):
        grid.pick(guard(on.load_picked), tab.look, [tab.pad, tab.look], **HIDDEN)
    for name, section in tab.tabs.items():
        _refresh(tab, section.select(guard(on.opened(name)), None, tab.open, **HIDDEN))


def _study() -> Any:
    return guard(on.study, names=list(CHANGES), newest=True)


def _refresh(tab: Layout, after: Any) -> Any:
    read = after.then(guard(on.predict), [*tab.seen, tab.open], tab.answers, **HIDDEN)
    return read.then(_study(), tab.studied_from, tab.studied, **HIDDEN)


def _wire_filters(tab: Layout) -> None:
    """Inspect a map; mute a filter, which scores the test set again, the latest click only."""
    looked_at = [tab.pad, tab.centre, tab.own, tab.look]
    clicks: list[Any] = []
    scorings: list[Any] = []
    for name, maps in tab.maps.items():
        maps.inspect(
            guard(on.inspect(name)), looked_at, [tab.look, tab.inspector],
            **LIVE, **STUDY, api_visibility="private",
        )  # fmt: skip
        for event, handler in ((maps.mute, on.mute), (maps.unmute, on.unmute)):
            switched = event(
                guard(handler(name)), tab.look, tab.look, trigger_mode="multiple", **HIDDEN
            )
            _refresh(tab, switched)
            scorings.append(_score(tab, switched.then, public=not scorings))
            clicks.append(event)
    for click in clicks:
        click(None, None, None, cancels=scorings, api_visibility="private")


def _score(tab: Layout, event: Any, *, public: bool) -> Any:
    return event(
        guard(on.score_muted),
        [tab.own, tab.look],
        [tab.score, tab.score_status, tab.scores],
        api_name="cnn_score_muted" if public else None,
        api_visibility="public" if public else "private",
        api_description="Score the 10,000 test images with the filters this session has muted.",
        show_progress="hidden",
        concurrency_id="scoring",
        concurrency_limit=8,
    )


def _wire_training(tab: Layout) -> None:
    panel = tab.panel
    panel.connect(
        {
            tab.kernels: views.filmstrip,
            tab.confusion: views.confusion_over_time,
            tab.gallery: views.mistakes_over_time,
        },
        state=trained,
    )
    judged = [tab.judge_status, tab.confusion, tab.gallery]
    for event in panel.endings:
        event.then(
            guard(on.finish),
            [panel.state, panel.record, tab.look, tab.which],
            [panel.state, tab.look, tab.which, *judged],
            **HIDDEN,
        )
    tab.judge.click(
        guard(on.judge_bundled), tab.look, [tab.look, *judged], show_progress="hidden",
        api_name="cnn_judge",
        api_description="The bundled network's confusion matrix and mistakes on the test set.",
    )  # fmt: skip
    shown = [tab.gallery, tab.all_mistakes]
    tab.confusion.pick(guard(on.filter_mistakes), [tab.own, tab.look], shown, **HIDDEN)
    tab.all_mistakes.click(guard(on.all_mistakes), [tab.own, tab.look], shown, **HIDDEN)


def _wire_bending(tab: Layout) -> None:
    gr.on(
        [tab.kind.change, *(amount.change for amount in tab.amounts)],
        guard(on.transform, names=list(CHANGES), newest=True),
        [*tab.seen, tab.kind, *tab.amounts],
        [tab.bent, *tab.curves.values()],
        api_name="cnn_transform",
        api_description="Bend a digit; the probabilities over the whole range of one change.",
        **LIVE,
        **STUDY,
    )
    still = [change.none for change in CHANGES.values()]
    tab.straight.click(lambda: still, None, tab.amounts, **HIDDEN)
    tab.digit.change(
        guard(on.explain, newest=True),
        [*tab.seen, tab.digit],
        list(tab.reasons.values()),
        api_name="cnn_explain",
        api_description="Grad-CAM and input gradient for a digit (-1: the one that is answered).",
        **LIVE,
        **STUDY,
    )


def _checked(name: str, value: Any) -> Any:
    """A value from the address, or ValueError."""
    if (name == "centre" and isinstance(value, bool)) or (name == "bend" and value in CHANGES):
        return value
    raise ValueError(name)


def _weights(run: Run) -> bytes:
    return to_bytes(run.snapshot.state, topic=TOPIC, config=run.config, metrics=run.metrics())
