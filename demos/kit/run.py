"""The record of one training run: what it was asked, what it said, and what it left."""

import dataclasses
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from demos.widgets.recording import recent
from dlcore.progress import Progress

_MOST_FRAMES = 240  # of one recorded picture; past that every second one is let go
_MOST_EVENTS = 4_000


class Run:
    """One run as it grows: its settings, the curves' points, recorded frames, the last snapshot.

    id: unique, so that widgets know a new run from the old one; config: the topic's Config;
    arguments: what the job was given, the config among it;
    events: every Progress received, without its snapshot; snapshot: the newest one, or None;
    kept: the newest one that carries the model's state, where not every one does;
    whole: whether `frames` gives every frame, for a page that did not follow the run;
    ended: "" while it runs, else "done", "stopped" or "budget".
    """

    def __init__(self, config: Any, arguments: tuple[Any, ...] = ()) -> None:
        self.id = uuid.uuid4().hex[:8]
        self.config, self.arguments = config, arguments or (config,)
        self.events: list[Progress] = []
        self.snapshot: Any = None
        self.kept: Any = None
        self.ended = ""
        self.whole = False
        self.started = time.monotonic()
        self.finished: float | None = None
        self._frames: dict[str, list[dict[str, Any]]] = {}

    def going_on(self, config: Any, arguments: tuple[Any, ...]) -> "Run":
        """This run as it goes on after its end, perhaps with other settings; itself stays as it is.

        A stopped run has said more than the newest weights know: those points are let go, since
        the job's steps count on from theirs.
        """
        run = Run(config, arguments)
        known = getattr(self.kept or self.snapshot, "step", self.latest.step)
        run.id, run.snapshot, run.kept = self.id, self.snapshot, self.kept
        run.events = [event for event in self.events if event.step <= known]
        run._frames = {
            name: [frame for frame in frames if frame["step"] <= known]
            for name, frames in self._frames.items()
        }
        run.started = time.monotonic() - self.elapsed_s
        return run

    def changed(self, snapshot: Any) -> "Run":
        """This run with its newest moment changed by hand, whose pictures are then made again."""
        run = self.going_on(self.config, self.arguments)
        run.started, run.finished, run.ended = self.started, self.finished, self.ended
        run.snapshot = run.kept = snapshot
        for frames in run._frames.values():
            while frames and frames[-1]["step"] >= getattr(snapshot, "step", self.latest.step):
                frames.pop()
        return run

    def add(self, progress: Progress) -> None:
        if progress.snapshot is not None:
            self.snapshot = progress.snapshot
            if getattr(progress.snapshot, "state", None) is not None:
                self.kept = progress.snapshot
            # What came too fast to be sent, where a snapshot remembers it.
            for moment in getattr(progress.snapshot, "past", ()):
                if self.latest.step < moment.step < progress.step:
                    self.events.append(Progress(moment.step, progress.total, moment.metrics))
        self.events.append(dataclasses.replace(progress, snapshot=None))
        if len(self.events) > _MOST_EVENTS:
            self.events = self.events[:-1:2] + self.events[-1:]

    def finish(self, ended: str) -> None:
        self.ended, self.finished = ended, time.monotonic()

    @property
    def latest(self) -> Progress:
        return self.events[-1] if self.events else Progress(0, 0)

    @property
    def elapsed_s(self) -> float:
        return (self.finished or time.monotonic()) - self.started

    @property
    def left_s(self) -> float | None:
        """Seconds to go if the rest runs as fast as the run so far; None while unknown."""
        step, total = self.latest.step, self.latest.total
        if self.ended or not step or not total:
            return None
        return self.elapsed_s / step * (total - step)

    def metrics(self) -> dict[str, float]:
        """The last value of every metric."""
        newest: dict[str, float] = {}
        for event in self.events:
            newest.update(event.metrics)
        return newest

    def curves(self) -> dict[str, list[list[float]]]:
        """Metric -> [[step, value], …]."""
        curves: dict[str, list[list[float]]] = {}
        for event in self.events:
            for name, value in event.metrics.items():
                curves.setdefault(name, []).append([event.step, value])
        return curves

    def steps(self) -> list[int]:
        return [event.step for event in self.events if event.step]

    def frames(
        self, name: str, make: Callable[[Any], Mapping[str, Any] | None]
    ) -> list[dict[str, Any]]:
        """The recorded frames of one picture, with one more for the newest snapshot.

        make(snapshot) gives a frame's content, or None where there is nothing to show. While
        the page follows the run it is told the newest frames only and keeps the others itself.
        """
        frames = self._frames.setdefault(name, [])
        step = self.latest.step
        if self.snapshot is not None and (not frames or frames[-1]["step"] < step):
            made = make(self.snapshot)
            if made is not None:
                frames.append({"step": step, **made})
        if len(frames) > _MOST_FRAMES:
            frames[:] = frames[:-1:2] + frames[-1:]
        return list(frames) if self.whole else recent(frames)

    def recorded(
        self, name: str, make: Callable[[Any], Mapping[str, Any] | None]
    ) -> list[dict[str, Any]]:
        """The same where not every event brings a snapshot: one more for a snapshot that is new.

        A snapshot must then know its own step.
        """
        known = self._frames.get(name, ())
        last = max((frame["step"] for frame in known), default=-1)
        return self.frames(name, lambda snap: make(snap) if snap.step > last else None)

    def film(self, name: str, make: Callable[[Any], Mapping[str, Any] | None]) -> dict[str, Any]:
        """What is `recorded`, as a widget's value: it differs from the one before, always.

        The page is sent differences. After an update in which a value was left out, as one that
        did not change is, there is nothing to differ from, and its frames would all be sent again.
        """
        return {"run": self.id, "frames": self.recorded(name, make), "at": self.latest.step}
