"""The VAE tab: point into a latent space and see it painted, draw into it, train one, compare."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from demos import vae_compare as comparison
from demos import vae_handlers as on
from demos import vae_views as views
from demos.kit.code_panel import CodePanel
from demos.kit.errors import UserError, guard
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
_LIVE: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last"}
_HIDDEN: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
_PEN: dict[str, Any] = {"concurrency_id": "pen", "concurrency_limit": 8}
_STUDY: dict[str, Any] = {"concurrency_id": "study", "concurrency_limit": 4}


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
    drawn = [tab.plane, tab.drawn, tab.cost]
    tab.pad.draw(
        guard(on.draw),
        tab.asked,
        drawn,
        api_name="vae_encode",
        api_description="Encode a drawn digit: its posterior on the plane, samples and their "
        "pictures, its negative ELBO in nats. which: 2, 20 (bundled) or yours.",
        **_LIVE,
        **_PEN,
    )
    hand = [tab.which, tab.own, tab.overlay]
    asking: dict[str, Any] = {**_HIDDEN, **_PEN, "trigger_mode": "multiple"}  # one at a time
    tab.plane.point(guard(on.point), hand, [tab.overlay, tab.plane], **asking)
    tab.plane.path(guard(on.follow), hand, [tab.overlay, tab.plane, tab.steps], **asking)
    look = guard(on.look)
    seen = [tab.which.change, tab.tabs["explore"].select, *arrivals()]
    gr.on(seen, look, tab.asked, tab.shown, **_HIDDEN, **_STUDY)
    tab.random.click(guard(on.load_random), tab.overlay, [tab.pad, tab.overlay], **_HIDDEN)
    tab.resample.click(guard(on.resample), tab.asked, [tab.overlay, *drawn], **_HIDDEN)
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
    for event in (panel.finished, panel.restored):
        event.then(guard(on.finish), tab.asked, [tab.which, tab.overlay, *tab.shown], **_HIDDEN)


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
        **_LIVE,
        **_STUDY,
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
        **_STUDY,
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
