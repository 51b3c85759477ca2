"""What happens on the MLP tab when somebody clicks, pastes or drags. No layout here."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from demos import mlp_judgement as judgement
from demos import mlp_state as state
from demos import mlp_views as views
from demos.kit.events import sent
from demos.kit.run import Run
from demos.mlp_layout import Layout
from demos.widgets.line_chart import chart_run
from demos.widgets.network import MOST_UNITS, read_edit, read_shape
from demos.widgets.status import status
from dlcore import mlp
from dlcore.jobs import stream

_EARLIER = 4  # runs of ten seeds that stay in the chart
_TELL_EVERY_S = 0.5


class Handlers:
    """One visitor's clicks, on the tab's components."""

    def __init__(self, tab: Layout) -> None:
        self.tab, self.form = tab, tab.form

    # --- The network in the picture ----------------------------------------------------------

    def look(self, record: Any, csv: Any, target: Any, *values: Any) -> dict[Any, Any]:
        """The settings' network before any training; one that fits them already stays."""
        config = self.form.config(values)
        if config.dataset == "csv" and (not csv or target not in state.columns(csv)):
            return {self.tab.own_data: gr.update(open=True)}  # the table or its column comes next
        if state.fits(record, config, state.csv_of(config, csv, target)):
            return {self.tab.panel.record: record}
        return self._untrained(state.untrained(config, csv, target))

    def _untrained(self, run: Run) -> dict[Any, Any]:
        tab = self.tab
        empty = dict.fromkeys([*tab.judged, tab.findings], None)
        return {
            tab.panel.record: run,
            tab.network: views.diagram(run),
            tab.layers: views.planes(run),
            tab.panel.timeline: {"run": run.id, "steps": []},
            tab.notes: views.about(state.table_of(run), own=run.config.dataset == "csv"),
            **empty,
        }

    def edit(self, record: Any, event: gr.EventData) -> tuple[Run, Any, Any]:
        """Set one weight or bias by hand."""
        run = state.shown_run(record)
        change = read_edit(sent(event), state.sizes(run))
        after = state.edited(run, change)
        return after, views.diagram(after), views.planes(after)

    def shape(self, event: gr.EventData) -> str:
        """Add or remove units or layers: the setting `hidden` follows the picture."""
        return ",".join(str(units) for units in read_shape(sent(event), MOST_UNITS))

    # --- Your own table ----------------------------------------------------------------------

    def pasted(self, text: Any) -> dict[Any, Any]:
        """Take a table that was typed or pasted; an emptied box takes none away."""
        if not isinstance(text, str) or not text.strip():
            return {self.tab.csv: gr.skip()}
        return self._given(text)

    def uploaded(self, path: Any) -> dict[Any, Any]:
        """Take a table from a file; it stays on the server and is not sent back."""
        return {**self._given(state.read_file(path)), self.tab.paste: ""}

    def sample(self) -> dict[Any, Any]:
        """A small real table to try."""
        return {**self._given(state.sample_csv()), self.tab.paste: state.sample_csv()}

    def _given(self, csv: str) -> dict[Any, Any]:
        """The table, its columns to choose from (the last one at first), and the right setting."""
        names = state.columns(csv)
        return {
            self.tab.csv: csv,
            self.tab.target: gr.update(choices=names, value=names[-1]),
            self.form.by_name["dataset"]: "csv",
        }

    # --- Judgement ---------------------------------------------------------------------------

    def judge(self, record: Any, threshold: Any) -> list[Any]:
        """Confusion, scores, ROC and calibration at a threshold, beside logistic regression's."""
        if not isinstance(record, Run) or record.snapshot is None or not record.events:
            return [None] * len(self.tab.judged)
        return judgement.judged(record, state.threshold_of(threshold))

    def finish(self, record: Any, threshold: Any) -> list[Any]:
        """After a run: its diagnosis and its judgement."""
        if not isinstance(record, Run) or record.snapshot is None:
            return [gr.skip()] * (3 + len(self.tab.judged))
        table = state.table_of(record)
        about = views.about(table, own=record.config.dataset == "csv")
        words = gr.update(interactive=len(table.classes) == 2)
        return [views.diagnosis(record), about, words, *self.judge(record, threshold)]

    # --- Ten seeds ---------------------------------------------------------------------------

    def seeds(self, csv: Any, target: Any, earlier: Any, *values: Any) -> Iterator[dict[Any, Any]]:
        """The same training from ten seeds at once, as a band."""
        tab, config = self.tab, self.form.config(values)
        state.read_table(config, csv, target)
        run = Run(config)
        running = stream(mlp.seeds_job, config, *state.csv_of(config, csv, target), budget_s=300.0)
        others = earlier if isinstance(earlier, list) else []
        told = 0.0
        try:
            yield self._seeds_shown(run, others, "waiting")
            for progress in running:
                if progress.total and (not run.events or progress.step > run.latest.step):
                    run.add(progress)
                if time.monotonic() - told >= _TELL_EVERY_S:
                    told = time.monotonic()
                    yield self._seeds_shown(run, others, "running" if run.events else "waiting")
            run.finish(running.ended)
            kept = [*others, _seeds_run(run, live=False)][-_EARLIER:]
            over = self._seeds_shown(run, others, run.ended)
            yield {**over, tab.seeds_earlier: kept, tab.seeds_found: views.spread(run)}
        finally:
            running.close()

    def _seeds_shown(self, run: Run, others: Sequence[Any], word: str) -> dict[Any, Any]:
        tab, busy = self.tab, not run.ended
        at = run.latest
        return {
            tab.seeds: gr.update(interactive=not busy),
            tab.seeds_stop: gr.update(interactive=busy),
            tab.seeds_status: status(word, step=at.step, total=at.total, elapsed_s=run.elapsed_s),
            tab.seeds_chart: {
                "runs": [*others, _seeds_run(run, live=busy)],
                "panels": views.SEEDS_PANELS,
            },
        }

    # --- Break it ----------------------------------------------------------------------------

    def broken(self, name: str) -> Any:
        """The settings of a real failure."""

        def sets() -> list[Any]:
            return self.form.values(mlp.BREAK[name])

        return sets


def _seeds_run(run: Run, *, live: bool) -> dict[str, Any]:
    settings = {name: getattr(run.config, name) for name in views.TOLD}
    return chart_run(run.id, run.curves(), settings=settings, total=run.latest.total, live=live)
