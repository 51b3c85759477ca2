"""The MLP tab: a network of your shape on data of your choice, watched, edited, judged, broken."""

import gradio as gr

from demos import mlp_state as state
from demos import mlp_views as views
from demos.kit.code_panel import CodePanel
from demos.kit.errors import guard
from demos.kit.events import HIDDEN, LIVE, STUDY
from demos.kit.lesson import lesson
from demos.kit.parts import arrivals
from demos.kit.run import Run
from demos.kit.training import TOGETHER, stopping
from demos.mlp_handlers import Handlers
from demos.mlp_layout import Layout
from dlcore import mlp
from dlcore.checkpoint import to_bytes

TOPIC = "mlp"
_PRESS_TRAIN = "() => setTimeout(() => document.querySelector('#mlp-train').click(), 300)"


def build() -> None:
    """Lay the tab out and wire it."""
    tab = Layout(TOPIC)
    on = Handlers(tab)
    _wire_training(tab, on)
    _wire_picture(tab, on)
    _wire_table(tab, on)
    _wire_seeds(tab, on)
    for name, button in tab.breaks.items():
        button.click(guard(on.broken(name)), None, tab.form.components, **HIDDEN).then(
            None, None, None, js=_PRESS_TRAIN, api_visibility="private"
        )
    CodePanel(
        TOPIC,
        sources=[
            mlp.MLP,
            mlp.build,
            mlp.backpropagate,
            mlp.train,
            mlp.edit,
            mlp.judge,
            mlp.logistic,
            mlp.diagnose,
        ],  # fmt: skip
        module=mlp,
        form=tab.form,
        record=tab.panel.record,
        weights=_weights,
        call=state.script_call,
    )
    lesson(TOPIC, experiments=tab.experiments())


def _wire_training(tab: Layout, on: Handlers) -> None:
    panel = tab.panel
    panel.go_on(tab.go_on, state.more(state.rest), api_name="mlp_go_on")
    panel.go_on(tab.epoch, state.more(state.one_epoch), api_name="mlp_epoch")
    panel.go_on(tab.step, state.more(state.one_update), api_name="mlp_step")
    panel.connect(
        {tab.network: views.diagram, tab.layers: views.planes}, state=lambda run: run.snapshot
    )
    for event in panel.endings:
        event.then(
            guard(on.finish),
            [panel.record, tab.threshold],
            [tab.findings, tab.notes, tab.threshold, *tab.judged],
            **HIDDEN,
        )
    tab.threshold.change(
        guard(on.judge),
        [panel.record, tab.threshold],
        tab.judged,
        api_name="mlp_judge",
        api_description="Judge this session's network on the held-out part at a threshold.",
        **LIVE,
        **STUDY,
    )


def _wire_picture(tab: Layout, on: Handlers) -> None:
    """A change of data or shape shows the new network at once; clicks in it change it."""
    record = tab.panel.record
    given = [record, tab.csv, tab.target, *tab.form.components]
    shown = [record, tab.network, tab.layers, tab.panel.timeline, tab.notes, tab.own_data]
    shown += [tab.findings, *tab.judged]
    look = guard(on.look, names=tab.form.names, newest=True)
    changes = [tab.form.by_name[name].change for name in state.SHAPE]
    gr.on(  # the first look waits until somebody comes
        [*arrivals(), *changes, tab.csv.change, tab.target.change],
        look,
        given,
        shown,
        api_name="mlp_look",
        api_description="The untrained network that these settings make, and the data it is for.",
        **LIVE,
        **STUDY,
    )
    tab.network.edit(
        guard(on.edit),
        record,
        [record, tab.network, tab.layers],
        trigger_mode="multiple",
        **HIDDEN,
    ).then(guard(on.judge), [record, tab.threshold], tab.judged, **HIDDEN)
    tab.network.shape(guard(on.shape), None, tab.form.by_name["hidden"], **HIDDEN)


def _wire_table(tab: Layout, on: Handlers) -> None:
    given = [tab.csv, tab.target, tab.form.by_name["dataset"]]
    tab.paste.change(  # Gradio's `input` is silent about a paste with the mouse
        guard(on.pasted),
        tab.paste,
        given,
        api_name="mlp_table",
        api_description="Give this session a table as CSV text: header first, one class column.",
        **LIVE,
    )
    tab.upload.upload(guard(on.uploaded), tab.upload, [*given, tab.paste], **HIDDEN)
    tab.sample.click(guard(on.sample), None, [*given, tab.paste], **HIDDEN)


def _wire_seeds(tab: Layout, on: Handlers) -> None:
    shown = [tab.seeds, tab.seeds_stop, tab.seeds_status, tab.seeds_chart]
    running = tab.seeds.click(
        guard(on.seeds, names=tab.form.names),
        [tab.csv, tab.target, tab.seeds_earlier, *tab.form.components],
        [*shown, tab.seeds_earlier, tab.seeds_found],
        api_name="mlp_seeds",
        api_description="Train with these settings from ten seeds; mean, worst and best by epoch.",
        show_progress="hidden",
        **TOGETHER,
    )
    stopping(tab.seeds, tab.seeds_stop, tab.seeds_status, running)


def _weights(run: Run) -> bytes:
    return to_bytes(run.snapshot.state, topic=TOPIC, config=run.config, metrics=run.metrics())
