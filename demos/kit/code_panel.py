"""The code panel: the functions that ran, the settings they ran with, and the run to take away."""

import csv
import dataclasses
import inspect
import io
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.kit.errors import UserError, guard
from demos.kit.figure import as_file, curves_figure
from demos.kit.language import localise, session_language
from demos.kit.run import Run
from demos.kit.script import standalone
from demos.kit.settings_form import SettingsForm
from demos.kit.sources import text_of
from demos.widgets.source import Source, source
from dlcore.device import describe, threads
from dlcore.settings import SettingError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Weights = Callable[[Run], bytes]
Call = Callable[[Run | None], tuple[str, str]]

# Hands a file that the server has made to the browser; for a hidden gr.DownloadButton.
TAKE = """(file) => {
  const link = document.createElement("a");
  Object.assign(link, { href: file.url, download: file.orig_name });
  document.body.append(link);
  link.click();
  link.remove();
}"""


class CodePanel:
    """Folded at first: sources read with `inspect`, the settings, the machine, five downloads.

    sources: classes and functions of dlcore that made what the tab shows, in reading order.
    module: the topic, for the script. form: whose values a script takes before any run.
    record: the gr.State with the last Run. weights: Run -> the bytes of a .safetensors file.
    call: Run (None before the first) -> lines that the script runs first, such as reading a file,
    and the expression that trains, for a job that takes more than its Config.
    used: the form's settings -> those that really run, where something may stand in for another.
    table, figure: what a run is as rows and as a picture; without them its curves.
    """

    def __init__(
        self,
        topic: str,
        *,
        sources: Sequence[Any],
        module: ModuleType,
        form: SettingsForm[Any],
        record: gr.State,
        weights: Weights,
        call: Call | None = None,
        used: Callable[[Any], Any] = lambda config: config,
        table: Callable[[Run], list[list[Any]]] = lambda run: _curves(run),
        figure: "Callable[[Run, str], Figure]" = curves_figure,
    ) -> None:
        self.topic, self.module, self.form = topic, module, form
        self.weights, self.call = weights, call or (lambda run: ("", "job(config)"))
        self.used, self.table, self.drawing = used, table, figure
        self.sources = list(sources)
        panel = localise(gr.Accordion(open=False, elem_id=f"{topic}-code"), label="kit.code.title")
        with panel:
            localise(gr.Markdown(), value="kit.code.intro")
            self.source = Source(elem_id=f"{topic}-source")
            self.machine = localise(
                gr.JSON(elem_id=f"{topic}-machine", max_height=300), label="kit.code.machine"
            )
            with gr.Row(elem_classes="dl-buttons"):
                self._file = gr.DownloadButton(elem_id=f"{topic}-file", visible="hidden")
                self._download("script", self._script, [record, *form.components], form.names)
                self._download("weights", self._weights, [record], [])
                self._download("csv", self._csv, [record], [])
                self._download("png", self._figure("png"), [record], [])
                self._download("svg", self._figure("svg"), [record], [])
        quiet: dict[str, Any] = {
            "show_progress": "hidden", "api_visibility": "private", "queue": False
        }  # fmt: skip
        panel.expand(
            guard(self._unfolded, names=form.names),
            form.components,
            [self.source, self.machine],
            **quiet,
        )
        gr.on(
            [component.change for component in form.components],
            guard(self._describe, names=form.names),
            form.components,
            self.machine,
            trigger_mode="always_last",
            **quiet,
        )

    def follow(self, event: Any) -> None:
        """Tell the settings anew after an event: another model may be here since."""
        event.then(
            guard(self._describe, names=self.form.names),
            self.form.components,
            self.machine,
            show_progress="hidden",
            api_visibility="private",
        )

    def _unfolded(self, *values: Any) -> tuple[Any, Any]:
        """What the unfolded panel shows. Asked for then: most pages never unfold it."""
        return _read(tuple(self.sources)), self._describe(*values)

    def _describe(self, *values: Any) -> Any:
        try:
            config = self.used(self.form.config(values))
        except SettingError:  # a number half typed; Train says what is wrong with it
            return gr.skip()
        return {"settings": dataclasses.asdict(config), "machine": describe()}

    def _download(
        self, name: str, make: Callable[..., str], inputs: list[Any], names: Sequence[str]
    ) -> None:
        topic = self.topic
        button = localise(
            gr.Button(size="sm", elem_id=f"{topic}-download-{name}"), value=f"kit.code.{name}"
        )
        button.click(
            guard(make, names=["record", *names][1:]),
            inputs,
            self._file,
            api_name=f"{topic}_download_{name}",
            api_description=f"The last run of the tab {topic} as a file: {name}.",
            show_progress="hidden",
        ).success(None, self._file, None, js=TAKE, api_visibility="private")

    def _script(self, record: Run | None, *values: Any) -> str:
        run = record if isinstance(record, Run) else None
        config = run.config if run and run.events else self.used(self.form.config(values))
        setup, call = self.call(run)
        text = standalone(self.module, config, threads=threads(), call=call, setup=setup)
        return _file(f"{self.topic}.py", text.encode())

    def _weights(self, record: Run | None) -> str:
        return _file(f"{self.topic}.safetensors", self.weights(_needed(record)))

    def _csv(self, record: Run | None) -> str:
        table = io.StringIO()
        csv.writer(table).writerows(self.table(_needed(record)))
        return _file(f"{self.topic}_metrics.csv", table.getvalue().encode())

    def _figure(self, kind: str) -> Callable[..., str]:
        def figure(record: Run | None, request: gr.Request) -> str:
            drawn = self.drawing(_needed(record), session_language.get(request))
            return _file(f"{self.topic}.{kind}", as_file(drawn, kind))

        return figure


def _curves(run: Run) -> list[list[Any]]:
    """One row a step, one column a metric."""
    names = list(run.curves())
    rows = ([event.step, *(event.metrics.get(n, "") for n in names)] for event in run.events)
    return [["step", *names], *rows]


@cache
def _read(sources: tuple[Any, ...]) -> dict[str, Any]:
    """The value of a Source widget for these classes and functions."""
    return {"parts": [source(_title(part), text_of(part)) for part in sources]}


def _title(source: Any) -> str:
    return f"{source.__name__}" if inspect.isclass(source) else f"{source.__name__}()"


def _needed(record: object) -> Run:
    if not isinstance(record, Run) or not record.events:
        raise UserError("kit.errors.train_first")
    return record


def _file(name: str, content: bytes) -> str:
    """A file for one download, in a folder of its own that Gradio's cache copies from."""
    path = Path(tempfile.mkdtemp(prefix="dl-")) / name
    path.write_bytes(content)
    return str(path)
