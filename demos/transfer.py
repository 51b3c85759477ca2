"""The transfer tab: teach a network your own classes, and see what a trained base is worth."""

import dataclasses
from typing import Any

import gradio as gr

from demos import transfer_state as state
from demos import transfer_views as views
from demos.kit.code_panel import TAKE, CodePanel
from demos.kit.errors import UserError, guard
from demos.kit.events import HIDDEN, LIVE, STUDY
from demos.kit.lesson import lesson
from demos.kit.parts import arrivals
from demos.kit.run import Run
from demos.kit.training import TOGETHER, stopping
from demos.transfer_handlers import Handlers
from demos.transfer_layout import Layout
from dlcore import transfer, transfer_classify, transfer_race, transfer_study
from dlcore.checkpoint import to_bytes
from dlcore.transfer_network import Transfer

TOPIC = "transfer"


def build() -> None:
    """Lay the tab out and wire it."""
    arrived = arrivals()
    tab = Layout(TOPIC)
    on = Handlers(tab)
    _wire_classes(tab, on, arrived)
    _wire_training(tab, on)
    _wire_trying(tab, on)
    _wire_race(tab, on)
    _wire_study(tab, on)
    _wire_take(tab, on)
    CodePanel(
        TOPIC,
        sources=[Transfer, transfer.build, transfer.Features, transfer.train, transfer.drift,
                 transfer_race.race, transfer_race.training_memory, transfer_study.learning_curve,
                 transfer_study.try_cuts, transfer_study.nearest, transfer_classify.classify],
        module=transfer,
        form=tab.form,
        record=tab.panel.record,
        weights=_weights,
        call=state.script_call,
    )  # fmt: skip
    lesson(TOPIC, experiments=tab.experiments())


def _wire_classes(tab: Layout, on: Handlers, arrived: list[Any]) -> None:
    data = tab.form.by_name["data"]
    tab.classes.act(
        guard(on.act),
        tab.own,
        [tab.own, tab.classes, data],
        trigger_mode="multiple",  # one after the other, in order: all count
        concurrency_id="classes",
        concurrency_limit=1,
        **HIDDEN,
    )
    watched = [tab.form.by_name[name].change for name in ("data", "per_class", "size", "seed")]
    gr.on(
        [*arrived, *watched],
        guard(on.preview, names=tab.form.names, newest=True),
        tab.form.components,
        [tab.classes, tab.learnt],
        api_visibility="private",
        **LIVE,
        **STUDY,
    )


def _wire_training(tab: Layout, on: Handlers) -> None:
    panel = tab.panel
    panel.connect({tab.confusion: views.confusion}, state=state.trained)
    found = [tab.known, tab.findings, tab.mistakes, tab.learnt, tab.map, tab.spread]
    for event in panel.endings:
        event.then(guard(on.finish), [panel.state, panel.record], found, **HIDDEN)
    tab.offer.connect()


def _wire_trying(tab: Layout, on: Handlers) -> None:
    """Three ways to send a picture; what each shows is its own picture and the same answer."""
    answers = [tab.answer, tab.nearest]
    tab.tabs["try"].select(guard(on.samples), tab.kept, tab.samples, **HIDDEN)
    tab.photo.sent(
        guard(on.look, newest=True),
        [tab.photo, tab.kept],
        [tab.photo, *answers],
        api_name="transfer_classify",
        api_description="The probability of each of your classes for a picture, and the pictures "
        "learnt from that are most like it.",
        **LIVE,
        **STUDY,
    )
    tab.live.frame(
        guard(on.live), tab.kept, [tab.live, *answers], **LIVE, **STUDY, api_visibility="private"
    )
    tab.samples.pick(
        guard(on.sample, newest=True), tab.kept, [tab.photo, *answers], **LIVE, **STUDY,
        api_visibility="private",
    )  # fmt: skip


def _wire_race(tab: Layout, on: Handlers) -> None:
    shown = [tab.race, tab.race_stop, tab.race_status, tab.race_chart, tab.race_table, tab.drift]
    running = tab.race.click(
        guard(on.race, names=tab.form.names),
        [tab.own, tab.known, *tab.form.components],
        shown,
        api_name="transfer_race",
        api_description="Train in three ways on the same pictures and seed, in equal time: a "
        "frozen base, a tuned one, and from scratch.",
        show_progress="hidden",
        **TOGETHER,
    )
    stopping(tab.race, tab.race_stop, tab.race_status, running)


def _wire_study(tab: Layout, on: Handlers) -> None:
    for pressed, handler, picture, name, about in (
        (tab.curve, on.curve(), tab.curve_chart, "curve", "Test accuracy against pictures per "
         "class: a frozen base, its nearest picture, and the bare pixels."),
        (tab.cuts, on.cuts(), tab.cuts_bars, "cuts", "Test accuracy of a head on each stage of "
         "the base."),
    ):  # fmt: skip
        pressed.click(
            guard(handler, names=tab.form.names),
            [tab.own, tab.known, *tab.form.components],
            [tab.study_status, picture],
            api_name=f"transfer_{name}",
            api_description=about,
            show_progress="hidden",
            concurrency_id="scoring",
            concurrency_limit=8,
        )


def _wire_take(tab: Layout, on: Handlers) -> None:
    for pressed, handler, given, name, about in (
        (tab.take, on.take, tab.kept, "take", "The last run's weights, labels and a script that "
         "classifies a folder, as a zip file."),
        (tab.onnx, on.onnx, tab.kept, "onnx", "The last run's network as an ONNX file."),
        (tab.pictures, on.pictures, tab.own, "pictures", "Your own pictures as a zip file."),
    ):  # fmt: skip
        pressed.click(
            guard(handler),
            given,
            tab.file,
            api_name=f"transfer_{name}",
            api_description=about,
            show_progress="hidden",
        ).success(None, tab.file, None, js=TAKE, api_visibility="private")


def _weights(run: Run) -> bytes:
    if run.kept is None:
        raise UserError("kit.errors.train_first")
    about = dataclasses.asdict(run.config)
    about["names"] = views.names_of(run.config, run.arguments[1])
    return to_bytes(run.kept.state, topic=TOPIC, config=about, metrics=run.metrics())
