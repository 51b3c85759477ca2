"""The GAN tab: two networks play against each other in front of you, and you may step in."""

from typing import Any

import gradio as gr

from demos import gan_state as state
from demos import gan_views as views
from demos.gan_handlers import Handlers
from demos.gan_layout import Layout
from demos.gan_race import Race
from demos.kit.code_panel import CodePanel
from demos.kit.errors import guard
from demos.kit.events import HIDDEN, LIVE, STUDY
from demos.kit.lesson import lesson
from demos.kit.parts import arrivals
from demos.kit.permalink import address
from demos.kit.run import Run
from demos.kit.training import TOGETHER, stopping
from dlcore import gan
from dlcore.checkpoint import to_bytes

TOPIC = "gan"
_PRESS_TRAIN = "() => setTimeout(() => document.querySelector('#gan-train').click(), 300)"


def build() -> None:
    """Lay the tab out and wire it."""
    arrived = arrivals()
    tab = Layout(TOPIC)
    on = Handlers(tab)
    if arrived:
        gr.on(arrived, guard(on.arrive), tab.panel.status, [tab.samples, tab.film], **HIDDEN)
    _wire_training(tab, on)
    _wire_hand(tab, on)
    _wire_race(tab)
    _wire_judge(tab, on)
    _wire_play(tab, on)
    shared = {"which": tab.which, "digit": tab.digit, "start": tab.start, "steps": tab.race_steps}
    address.register(TOPIC, shared, check=_checked)
    CodePanel(
        TOPIC,
        sources=[gan.Generator, gan.Discriminator, gan.step_discriminator, gan.step_generator,
                 gan.discriminator_loss, gan.generator_loss, gan.gradient_penalty, gan.train,
                 gan.interpolate, gan.directions, gan.saliency],
        module=gan,
        form=tab.form,
        record=tab.panel.record,
        weights=_weights,
        call=state.script_call,
    )  # fmt: skip
    lesson(TOPIC, experiments=tab.experiments())


def _wire_training(tab: Layout, on: Handlers) -> None:
    panel = tab.panel
    panel.go_on(tab.go_on, state.going_on, api_name="gan_go_on")
    panel.connect({tab.samples: views.samples, tab.film: views.film}, state=state.trained)
    for event in panel.endings:
        event.then(
            guard(on.finish), [panel.state, panel.record], [tab.findings, tab.which], **HIDDEN
        )
    for name, button in tab.breaks.items():
        button.click(
            guard(on.broken(name)), None, [tab.sections, *tab.form.components], **HIDDEN
        ).then(None, None, None, js=_PRESS_TRAIN, api_visibility="private")


def _wire_hand(tab: Layout, on: Handlers) -> None:
    given = [tab.game, tab.start, tab.own, *tab.form.components]
    shown = [tab.game, *tab.shown_by_hand]
    moves: list[Any] = [
        button.click(
            guard(on.hand(name), names=tab.form.names),  # type: ignore[arg-type]
            given,
            shown,
            api_name=f"gan_hand_{name}",
            api_description="One step of the game by hand (d, g or both), with all its numbers.",
            show_progress="hidden",
            **STUDY,
        )
        for name, button in tab.moves.items()
    ]
    tab.anew.click(guard(on.anew), None, shown, cancels=moves, **HIDDEN)


def _wire_race(tab: Layout) -> None:
    race = Race(tab)
    buttons = [tab.race, tab.race_stop, tab.race_status]
    shown = [*tab.lanes.values(), tab.race_time, tab.race_bars, tab.race_notes]
    running = tab.race.click(
        guard(race.run, names=tab.form.names),
        [tab.race_steps, *tab.form.components],
        [*buttons, *shown],
        api_name="gan_variants",
        api_description="Train all five variants from one seed, one after the other, and judge "
        "1,000 pictures of each.",
        show_progress="hidden",
        **TOGETHER,
    )
    stopping(tab.race, tab.race_stop, tab.race_status, running)


def _wire_judge(tab: Layout, on: Handlers) -> None:
    near = [tab.nearest, tab.near_note]
    found = [tab.judge_status, tab.histogram, tab.verdict, tab.judged, tab.exhibits, *near]
    tab.judge.click(
        guard(on.judge),
        [tab.which, tab.own],
        found,
        api_name="gan_judge",
        api_description="1,000 pictures read by the bundled CNN: digits, confidence, and a "
        "Fréchet distance on its features.",
        show_progress="hidden",
        concurrency_id="scoring",
        concurrency_limit=8,
    )
    tab.judged.pick(guard(on.neighbour), tab.exhibits, near, **LIVE, **STUDY,
                    api_visibility="private")  # fmt: skip


def _wire_play(tab: Layout, on: Handlers) -> None:
    """Another table, player, digit or slider shows everything anew; the newest question wins."""
    directions = [f"direction_{n}" for n, _ in enumerate(tab.sliders, start=1)]
    anew = [tab.which.change, tab.digit.change]
    gr.on(
        [tab.tabs["play"].select, tab.look.change, *anew, *(one.change for one in tab.sliders)],
        guard(on.play, names=directions, newest=True),
        tab.asked,
        tab.shown,
        api_name="gan_play",
        api_description="Pictures of 40 noises, one of them steered along four directions, and a "
        "walk between two, each with D's score. which: tutorial, conditional or yours.",
        **LIVE,
        **STUDY,
    )
    for event, handler in ((tab.draw_more.click, on.others), (tab.table.pick, on.picked)):
        # One at a time: clicks that come faster than answers all count, in order.
        event(guard(handler), tab.look, tab.look, trigger_mode="multiple", **HIDDEN)
    tab.back.click(guard(on.straight), None, tab.sliders, **HIDDEN)
    gr.on(
        [tab.pad.draw, *anew],
        guard(on.doubt, newest=True),
        [tab.pad, tab.which, tab.own, tab.digit],
        [tab.doubts, tab.opinion],
        api_name="gan_score",
        api_description="The discriminator's word on a drawing, and what it would change in it.",
        **LIVE,
        **STUDY,
    )


def _checked(name: str, value: Any) -> Any:
    """A value from the address, or ValueError."""
    good = {
        "which": state.MODELS.shipped,
        "digit": range(state.ANY, 10),
        "start": state.STARTS,
        "steps": range(state.SHORTEST_RACE, state.LONGEST_RACE + 1),
    }[name]
    if isinstance(value, str | int) and not isinstance(value, bool) and value in good:
        return value
    raise ValueError(name)


def _weights(run: Run) -> bytes:
    state_dict = {name: value.numpy() for name, value in gan.networks(run.kept.state).items()}
    return to_bytes(state_dict, topic=TOPIC, config=run.config, metrics=run.metrics())
