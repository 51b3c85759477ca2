"""A progress bar: one line that moves in a terminal, a few plain lines in a file or a log."""

import shutil
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TextIO

from dlcore.progress import Progress

_LINES = 20  # about so many, where lines cannot be overwritten
_REDRAW_S = 0.1


class Bar:
    """Shows how far a training is, how long it still takes, and its newest metrics."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._moves = out.isatty()
        self._first: tuple[float, int] | None = None  # time and step of the first event
        self._drawn_at = -float("inf")
        self._printed = -1  # which of the _LINES was the last
        self._shown: Progress | None = None
        self._latest: tuple[Progress, dict[str, float]] | None = None

    def show(self, event: Progress, metrics: Mapping[str, float]) -> None:
        """Draw this event, unless another was drawn just now."""
        now = time.monotonic()
        self._first = self._first or (now, event.step)
        self._latest = event, dict(metrics)
        part = event.step * _LINES // max(event.total, 1)
        if (now - self._drawn_at >= _REDRAW_S) if self._moves else part > self._printed:
            self._drawn_at, self._printed = now, part
            self._draw()

    def line(self, text: str) -> None:
        """Say something on a line of its own; what is shown next is another bar, below it."""
        self._draw()
        if self._moves and self._shown:
            self._out.write("\n")
        self._out.write(text + "\n")
        self._out.flush()
        self._first, self._shown, self._latest, self._printed = None, None, None, -1

    def _draw(self) -> None:
        if self._latest is None or self._latest[0] is self._shown:
            return
        event, metrics = self._latest
        values = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        line = f"{event.step}/{event.total}  {self._left(event):<11} {values}"
        if self._moves:
            width = shutil.get_terminal_size().columns - 1
            filled = round(20 * event.step / max(event.total, 1))
            line = f"[{'#' * filled}{'.' * (20 - filled)}] {line}"[:width]
            self._out.write(f"\r{line:<{width}}")
        else:
            self._out.write(line + "\n")
        self._out.flush()
        self._shown = event

    def _left(self, event: Progress) -> str:
        """The time left, from the pace since the first event (before it, data were loaded)."""
        begun, step = self._first or (0.0, 0)
        if event.step <= step or event.step >= event.total:
            return f"{time.monotonic() - begun:.1f} s" if event.step >= event.total else ""
        seconds = (time.monotonic() - begun) / (event.step - step) * (event.total - event.step)
        minutes, seconds = divmod(round(seconds), 60)
        return f"{minutes}:{seconds:02} left"

    def __enter__(self) -> "Bar":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """The last event always stands there in the end."""
        self._draw()
        if self._moves and self._shown:
            self._out.write("\n")
            self._out.flush()
