"""The training panel: Train, Stop, progress with time left, curves, and a timeline to look back.

A run lives in a worker process (`dlcore.jobs`). The handler here only passes on what the worker
says: it holds no torch, and wakes at least twice a second to notice that its page was closed.
"""

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import gradio as gr

from demos.kit.errors import guard, translated
from demos.kit.keep import keeper
from demos.kit.language import localise, session_language
from demos.kit.run import Run
from demos.kit.settings_form import SettingsForm
from demos.widgets.line_chart import LineChart, chart_run
from demos.widgets.status import Status, status
from demos.widgets.timeline import Timeline
from dlcore.jobs import Stream, stream

_EARLIER_RUNS = 5  # overlaid behind the newest one
_WITHOUT_NEWS_S = 0.5  # between two words on a run that has no new picture
# Runs that may wait or train together; Gradio queues the rest. For every event that trains: events
# that share an id share the lowest limit, and the default is 1.
TOGETHER: dict[str, Any] = {"concurrency_id": "training", "concurrency_limit": 16}


def stopping(start: gr.Button, stop: gr.Button, line: Status, running: Any) -> None:
    """Let `stop` end what `start` began: the event `running`, whose status line is `line`.

    The last words come after the cancel, the same way as those of the event, and so after them.
    They come after a fault, too, or the buttons would stay as they were. What was shown so far
    stays.
    """

    def words(state: str) -> Callable[[], list[Any]]:
        return lambda: [gr.update(interactive=True), gr.update(interactive=False), status(state)]

    hidden: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    ended = stop.click(None, None, None, cancels=[running], queue=False, **hidden)
    ended.then(words("stopped"), None, [start, stop, line], **hidden)
    running.failure(words("failed"), None, [start, stop, line], **hidden)


Picture = Callable[[Run], Any]
Prepare = Callable[..., tuple[Any, ...]]
GoOn = Callable[..., tuple[Any, ...] | None]


class Running:
    """The streams being listened to, so that Stop finds the one of its own page and tab."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: dict[tuple[str, str], Stream] = {}

    def start(self, key: tuple[str, str], running: Stream) -> None:
        with self._lock:
            before = self._streams.pop(key, None)
            self._streams[key] = running
        if before is not None:
            before.close()

    def stop(self, key: tuple[str, str]) -> None:
        with self._lock:
            running = self._streams.get(key)
        if running is not None:
            running.stop()

    def end(self, key: tuple[str, str], running: Stream) -> None:
        with self._lock:
            if self._streams.get(key) is running:
                del self._streams[key]


_running = Running()


def _news(update: dict[Any, Any], shown: dict[Any, Any], silent: bool = False) -> dict[Any, Any]:
    """What differs from `shown`, which is brought up to date: the page redraws nothing else.

    silent: everything, since the worker said nothing and nothing differs. The page is sent
    differences; what is left out once has none the next time, and is sent whole, frames and all.
    """
    news = {part: value for part, value in update.items() if silent or shown.get(part) != value}
    shown.update(news)
    return news


class TrainingPanel:
    """Train and Stop, wired to a job in a worker process. Lay it out, then `connect` the pictures.

    topic: prefix of ids, words and endpoints (`/<topic>_train`, `/<topic>_stop`).
    form: the settings; job: a generator function of dlcore, Config -> Iterator[Progress].
    extras: further inputs of Train; prepare(config, *their values): the job's arguments.
    panels: which curves share a chart, as [["loss", "test_loss"], ["accuracy"]]. measured: leave
    out those of which no run has a curve, for tasks that measure different things from the start.
    tell_every_s: how often the page hears of a run. Drawing takes a browser 20 ms each time,
    without a graphics card from the very cores that train: oftener than twice a second only with a
    new picture, and then at once, so that a picture never waits for its turn.

    state: what the tab keeps of the last finished run (see `connect`); None before the first.
    record: the Run itself, for downloads. earlier: charts of former runs. All are gr.State.
    finished: the event after a run, however it ended; chain `.then(...)` to it after `connect`.
    """

    def __init__(
        self,
        topic: str,
        *,
        form: SettingsForm[Any],
        job: Callable[..., Iterator[Any]],
        budget_s: float = 600.0,
        panels: Sequence[Sequence[str]] = (),
        measured: bool = False,
        extras: Sequence[Any] = (),
        prepare: Prepare = lambda config: (config,),
        tell_every_s: float = 0.5,
    ) -> None:
        self.topic, self.form, self.job, self.budget_s = topic, form, job, budget_s
        self.extras, self.prepare = list(extras), prepare
        self.tell_every_s = tell_every_s
        self.panels, self.measured = [list(panel) for panel in panels], measured
        self.state, self.record, self.earlier = gr.State(), gr.State(), gr.State([])
        with gr.Row(elem_classes="dl-buttons"):
            self.train = localise(
                gr.Button(variant="primary", elem_id=f"{topic}-train"), value="kit.train"
            )
            self.stop = localise(
                gr.Button(variant="stop", elem_id=f"{topic}-stop", interactive=False),
                value="kit.stop",
            )
            self.restore = localise(
                gr.Button(elem_id=f"{topic}-restore", visible=False), value="kit.restore"
            )
        self.status = Status(
            {"state": "idle"}, texts=(f"{topic}.metrics",), group=topic, elem_id=f"{topic}-status"
        )
        self.chart = LineChart(
            {"runs": [], "panels": self.panels},
            texts=(f"{topic}.metrics", f"{topic}.settings"),
            group=topic,
            elem_id=f"{topic}-chart",
        )
        self.timeline = Timeline({"steps": []}, group=topic, elem_id=f"{topic}-timeline")
        self.finished: Any = None
        self.endings: list[Any] = []  # every event after which there is a new result, once wired
        self._more: list[tuple[Any, str | None, GoOn]] = []
        self._pictures: dict[Any, Picture] = {}
        self._keep: Callable[[Run], Any] = lambda run: run.snapshot

    def connect(
        self, pictures: Mapping[Any, Picture] | None = None, *, state: Callable[[Run], Any]
    ) -> None:
        """Wire the buttons. pictures: component -> its value for the run so far, at every event.

        state(run) is what `panel.state` holds once the run has ended, stopped ones included.
        """
        self._pictures, self._keep = dict(pictures or {}), state
        more = [button for button, _, _ in self._more]
        live = [self.train, self.stop, *more, self.status, self.chart, self.timeline]
        live += self._pictures
        results = [self.state, self.record, self.earlier]
        values = [*self.form.components, *self.extras]
        names = [*self.form.names, *(f"extra_{i}" for i, _ in enumerate(self.extras, start=1))]
        running = {**TOGETHER, "show_progress": "hidden"}
        self.finished = self.train.click(
            guard(self._train, names=names),
            [self.earlier, *values],
            [*live, *results],
            api_name=f"{self.topic}_train",
            api_description=f"Train with these settings and stream every step ({self.topic}).",
            **running,
        )
        self.endings = [self.finished]
        for button, api_name, prepare in self._more:
            event = button.click(
                guard(self._going_on(prepare), names=names),
                [self.record, self.earlier, *values],
                [*live, *results],
                api_name=api_name,
                api_visibility="public" if api_name else "private",
                api_description="Go on from where the last training stopped.",
                **running,
            )
            self.endings.append(event)
        self.stop.click(
            guard(self._stop),
            None,
            None,
            api_name=f"{self.topic}_stop",
            api_description="Stop this session's training; what was learned so far is kept.",
            show_progress="hidden",
            queue=False,
        )
        self.restored = self.restore.click(
            guard(self._restore),
            None,
            [*live, *results, self.restore],
            api_visibility="private",
            show_progress="hidden",
        )
        self.endings.append(self.restored)
        offers.append((self.topic, self.restore))

    def go_on(self, button: Any, prepare: GoOn, *, api_name: str | None = None) -> None:
        """Let a button go on with the last run. Call before `connect`.

        prepare(config, run, *extras' values) -> the job's arguments, or None for a new run; `run`
        is None before the first. The job's steps count on from those of the run.
        """
        self._more.append((button, api_name, prepare))

    def _read(self, values: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
        count = len(self.form.names)
        return self.form.config(values[:count]), values[count:]

    def _train(
        self, earlier: list[dict[str, Any]], *values: Any, request: gr.Request
    ) -> Iterator[Any]:
        config, extras = self._read(values)
        yield from self._follow(Run(config, self.prepare(config, *extras)), earlier, request)

    def _going_on(self, prepare: GoOn) -> Callable[..., Iterator[Any]]:
        def go_on(record: Any, earlier: Any, *values: Any, request: gr.Request) -> Iterator[Any]:
            config, extras = self._read(values)
            before = record if isinstance(record, Run) else None
            arguments = prepare(config, before, *extras)
            if arguments is None:
                run = Run(config, self.prepare(config, *extras))
            else:
                run = before.going_on(config, arguments) if before else Run(config, arguments)
            yield from self._follow(run, earlier, request)

        return go_on

    def _follow(self, run: Run, earlier: Any, request: gr.Request) -> Iterator[Any]:
        """Run the job and show it."""
        key = (request.session_hash or "", self.topic)
        running = stream(self.job, *run.arguments, budget_s=self.budget_s)
        _running.start(key, running)
        others = earlier if isinstance(earlier, list) else []
        before = [chart for chart in others if chart["id"] != run.id]
        try:
            shown: dict[Any, Any] = {}
            yield _news(self._live(run, before, "waiting"), shown)
            previous, told, pictured = None, 0.0, None
            for progress in running:
                begun = progress.total > 0
                silent = progress is previous  # a repeat only says "still here"
                if begun and not silent:
                    run.add(progress)
                previous = progress
                news = run.snapshot is not pictured
                pause = self.tell_every_s if news else max(self.tell_every_s, _WITHOUT_NEWS_S)
                if time.monotonic() - told >= pause:
                    told, pictured = time.monotonic(), run.snapshot
                    state = "running" if begun else "waiting"
                    yield _news(self._live(run, before, state), shown, silent)
        except Exception as error:
            yield self._failed(run, before, error, request)
        else:
            run.finish(running.ended)
            yield self._over(run, before, request)
        finally:
            _running.end(key, running)
            running.close()

    def _stop(self, request: gr.Request) -> None:
        _running.stop((request.session_hash or "", self.topic))

    def _restore(self, request: gr.Request) -> Any:
        run = keeper.get(request, self.topic)
        if run is None:
            return {self.restore: gr.update(visible=False)}
        run.whole = True  # this page did not see it grow
        return {**self._over(run, [], request), self.restore: gr.update(visible=False)}

    def _live(self, run: Run, before: list[dict[str, Any]], state: str) -> dict[Any, Any]:
        """Everything the page shows while a run goes on."""
        ended = bool(run.ended)
        return {
            self.train: gr.update(interactive=ended),
            self.stop: gr.update(interactive=not ended),
            **{button: gr.update(interactive=ended) for button, _, _ in self._more},
            self.status: self._status(run, state),
            self.chart: self._curves([*before, self._chart(run, live=not ended)]),
            self.timeline: {"run": run.id, "steps": run.steps(), "live": not ended},
            **{component: picture(run) for component, picture in self._pictures.items()},
        }

    def _curves(self, runs: list[dict[str, Any]]) -> dict[str, Any]:
        """The chart of these runs."""
        known = {name for run in runs for name in run["curves"]}
        panels = [panel for panel in self.panels if known.intersection(panel)]
        return {"panels": panels if self.measured and panels else self.panels, "runs": runs}

    def _over(self, run: Run, before: list[dict[str, Any]], request: gr.Request) -> dict[Any, Any]:
        keeper.put(request, self.topic, run)
        return {
            **self._live(run, before, run.ended),
            self.state: self._keep(run),
            self.record: run,
            self.earlier: [*before, self._chart(run)][-_EARLIER_RUNS:],
        }

    def _failed(
        self, run: Run, before: list[dict[str, Any]], error: Exception, request: gr.Request
    ) -> dict[Any, Any]:
        """A run that broke: say why in the status line, keep what the page had."""
        run.finish("failed")
        message = translated(error, session_language.get(request)).message
        status = {**self._status(run, "failed"), "message": message}
        return {**self._live(run, before, "failed"), self.status: status}

    def _status(self, run: Run, state: str) -> dict[str, Any]:
        return {
            "state": state,
            "run": f"{run.id} {run.started}",  # one that goes on keeps its id, but begins again
            "step": run.latest.step,
            "total": run.latest.total,
            "elapsed_s": run.elapsed_s,
            "left_s": run.left_s,
            "metrics": run.metrics(),
        }

    def _chart(self, run: Run, *, live: bool = False) -> dict[str, Any]:
        settings = dataclasses.asdict(run.config)
        total = run.latest.total
        return chart_run(run.id, run.curves(), settings=settings, total=total, live=live)


# Buttons that offer a browser its last result again: (topic, button), shown when a page opens.
offers: list[tuple[str, Any]] = []


def offered(request: gr.Request) -> list[Any]:
    """For each of `offers`, whether this browser has something to take back."""
    return [gr.update(visible=keeper.get(request, topic) is not None) for topic, _ in offers]
