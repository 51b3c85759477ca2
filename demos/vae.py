"""The VAE tab: point into a latent space and see it painted, draw into it, train one, compare."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from demos import vae_compare as comparison
from demos import vae_handlers as on
from demos import vae_views as views
from demos.kit.code_panel import CodePanel
from demos.kit.errors import UserError, guard
from demos.kit.events import HIDDEN, LIVE, PEN, STUDY
from demos.kit.lesson import lesson
from demos.kit.parts import arrivals
from demos.kit.permalink import address
from demos.kit.run import Run
from demos.kit.training import TOGETHER, stopping
from demos.vae_layout import Layout
from demos.vae_state import MODELS, trained
from dlcore import vae, vae_plane
from dlcore.checkpoint import to_bytes

TOPIC = "vae"


def build() -> None:
    """Lay the tab out and wire it."""
    tab = Layout(TOPIC)
    _wire_exploring(tab)
    _wire_training(tab)
    _wire_comparison(tab)
    address.register(TOPIC, {"which": tab.which, "compare": tab.kind}, check=_checked)
    CodePanel(
        TOPIC,
        sources=[vae.VAE, vae.kl_to_normal, vae.objective, vae.train, vae.posterior, vae.elbo,
                 vae.path, vae_plane.find_plane, vae_plane.manifold],
        module=vae,
        form=tab.form,
        record=tab.panel.record,
        weights=_weights,
    )  # fmt: skip
    lesson(TOPIC, experiments=tab.experiments())


def _wire_exploring(tab: Layout) -> None:
    """Point, drag, draw; another model, or somebody's arrival, shows everything anew."""
    gr.on(
        [tab.pad.draw, tab.which.change, tab.again.change, tab.tabs["explore"].select, *arrivals()],
        guard(on.explore, newest=True),
        [tab.pad, tab.which, tab.own, tab.overlay, tab.shown],
        [tab.plane, tab.drawn, tab.cost, tab.steps, tab.shown],
        api_name="vae_encode",
        api_description="Encode a drawn digit: its posterior on the plane, samples and their "
        "pictures, its negative ELBO in nats. which: 2, 20 (bundled) or yours.",
        **LIVE,
        **PEN,
    )
    hand = [tab.which, tab.own, tab.overlay]
    asking: dict[str, Any] = {**HIDDEN, **PEN, "trigger_mode": "multiple"}  # one at a time
    tab.plane.point(guard(on.point), hand, [tab.overlay, tab.plane], **asking)
    tab.plane.path(guard(on.follow), hand, [tab.overlay, tab.plane, tab.steps], **asking)
    tab.random.click(guard(on.load_random), tab.overlay, [tab.pad, tab.overlay], **HIDDEN)
    both = [tab.overlay, tab.again]
    tab.resample.click(guard(on.resample), both, both, trigger_mode="multiple", **HIDDEN)
    tab.dream.click(
        guard(on.dream),
        [tab.which, tab.own],
        tab.steps,
        api_name="vae_sample",
        api_description="Ten new digits: codes drawn from the prior, decoded, read by the CNN.",
        show_progress="hidden",
    )


def _wire_training(tab: Layout) -> None:
    panel = tab.panel
    panel.connect({tab.live: views.live, tab.pairs: views.pairs}, state=trained)
    both = [tab.overlay, tab.again]
    for event in (panel.finished, panel.restored):
        event.then(guard(on.finish), [tab.own, *both], [tab.which, *both], **HIDDEN)


def _wire_comparison(tab: Layout) -> None:
    def race(kind: Any, epochs_each: Any, *values: Any) -> Iterator[list[Any]]:
        yield from comparison.race(tab.form.config(values), kind, epochs_each)

    numbers = [*tab.cells, tab.measured, tab.meaning]
    found = [tab.measured, tab.meaning]
    shown = gr.on(
        [tab.kind.change, tab.tabs["compare"].select],
        guard(comparison.show),
        tab.kind,
        [tab.race_status, *numbers],
        api_visibility="private",
        **LIVE,
        **STUDY,
    )
    counting = shown.then(
        guard(comparison.count),
        tab.kind,
        found,
        api_name="vae_compare",
        api_description="Bundled models that differ in one thing: both terms on the test set, "
        "and how much of the plane means something.",
        show_progress="hidden",
        trigger_mode="multiple",  # the new one begins while the old one has yet to notice
        **STUDY,
    )
    buttons = [tab.race, tab.race_stop]
    running = tab.race.click(
        guard(race, names=tab.form.names),
        [tab.kind, tab.race_epochs, *tab.form.components],
        [*buttons, tab.race_status, *numbers],
        api_name="vae_race",
        api_description="Train every model of a comparison from one seed, and measure each.",
        cancels=[counting],
        show_progress="hidden",
        **TOGETHER,
    )
    stopping(tab.race, tab.race_stop, tab.race_status, running)


def _checked(name: str, value: Any) -> Any:
    """A value from the address, or ValueError."""
    known = MODELS.shipped if name == "which" else tuple(comparison.COMPARES)
    if str(value) not in known:
        raise ValueError(name)
    return str(value)


def _weights(run: Run) -> bytes:
    if run.kept is None:
        raise UserError("kit.errors.train_first")
    return to_bytes(run.kept.state, topic=TOPIC, config=run.config, metrics=run.metrics())
