"""What runs inside a worker process: one job after another, and between two steps a look outside.

The two processes say to each other, each message a pickled tuple:

    app → worker   ("run", number, job)   ("more", number)   ("stop", number)
    worker → app   ("ready",)   ("begun",)   ("event", Progress)   ("done", whole)   ("failed", …)

"more" is flow control: a worker may be `WINDOW` events ahead of what was taken. A listener that is
slow gets fewer events, never old ones, and one that takes nothing pauses the job.
"""

import os
import pickle
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from traceback import format_exception
from typing import Any

from dlcore.device import repeatable
from dlcore.progress import Progress

PACE_S = 0.1  # about ten events a second: what an eye can follow, and a browser draws easily
WINDOW = 4
PATIENCE_S = 1.0  # how long a job goes on although its listener takes nothing


def serve(connection: Connection, prepare: bool = True) -> None:
    """The worker's main function: do jobs until the app goes away.

    prepare: load beforehand what the first training would have to wait for.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the app; it then ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _be_modest()
    repeatable()
    with suppress(_AppGone):
        if prepare and not connection.poll():  # with a job waiting already, only what it needs
            import torch

            torch.optim.SGD([torch.zeros(1)])  # the first optimizer of a process takes two seconds
        _say(connection, "ready")
        while True:
            word, *rest = _hear(connection)
            if word == "run":  # else a late "more" or "stop" for the job before
                _work(connection, *rest)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _be_modest() -> None:
    """Let the app's own process, which answers the pages, come first."""
    # OpenMP's threads normally spin while they wait. With two jobs on few cores each spins on the
    # core that the other needs. Read when torch loads OpenMP, so it must be said before.
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    if hasattr(os, "nice"):
        os.nice(1)


def _work(connection: Connection, number: int, job: bytes) -> None:
    _say(connection, "begun")
    line = _Line(connection, number)
    repeatable()  # again: the job before may have changed something
    try:
        function, args = pickle.loads(job)
        steps = function(*args)
        whole = True
        for event in steps:
            line.listen()
            line.offer(event)
            if line.stopped:
                whole = False
                break
        line.flush()
        if hasattr(steps, "close"):
            steps.close()
        _say(connection, "done", whole)
    except _AppGone:
        raise
    except BaseException as error:  # a job may raise anything, and the app must hear of it
        _say(connection, "failed", *_described(error), "".join(format_exception(error)))


def _described(error: BaseException) -> tuple[str, Any]:
    """A ValueError travels as itself where it can be pickled; of anything else only the text."""
    name = type(error).__name__
    if (
        isinstance(error, MemoryError)
        or name == "OutOfMemoryError"
        or "can't allocate" in str(error)
    ):
        return "memory", str(error)
    if isinstance(error, ValueError):
        try:
            pickle.loads(pickle.dumps(error))
            return "value", error
        except Exception:
            return "value", ValueError(str(error))
    return "other", f"{name}: {error}"


class Thinner:
    """Chooses which events go out: about one per `pace_s`, and nothing that is not said again.

    An event waits until it is time, and gives way only to a newer one that says all that it said:
    every curve that it had a point for, and a snapshot if it had one. An event with something that
    the last one sent lacked does not wait: such points (a test accuracy) are rare and precious.
    """

    def __init__(self, pace_s: float = PACE_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._pace_s, self._clock = pace_s, clock
        self._sent_at = -float("inf")
        self._sent: set[str] | None = None
        self.waiting: list[Progress] = []

    def put(self, event: Progress) -> None:
        says = _says(event)
        self.waiting = [old for old in self.waiting if not _says(old) <= says] + [event]

    @property
    def urgent(self) -> bool:
        return bool(self.waiting) and (
            self._sent is None or not _says(self.waiting[-1]) <= self._sent
        )

    @property
    def late_s(self) -> float:
        """How long it has been time for the next event; negative: not yet time."""
        return self._clock() - self._sent_at - self._pace_s

    def take(self) -> list[Progress]:
        events, self.waiting = self.waiting, []
        if events:
            self._sent, self._sent_at = _says(events[-1]), self._clock()
        return events


def _says(event: Progress) -> set[str]:
    return {*event.metrics, *([] if event.snapshot is None else ["a snapshot"])}


class _Line:
    """The worker's end of the conversation about one job."""

    def __init__(self, connection: Connection, number: int) -> None:
        self._connection, self._number = connection, number
        self._thinner = Thinner()
        self._credit = WINDOW
        self.stopped = False

    def listen(self, timeout: float | None = 0.0) -> None:
        """Take in what the app said; with timeout None, wait until it says something."""
        while self._connection.poll(timeout):
            word, number, *_ = _hear(self._connection)
            if number == self._number:
                self._credit += word == "more"
                self.stopped |= word == "stop"
            timeout = 0.0

    def offer(self, event: Progress) -> None:
        """Send this event if it is time for it; wait here while nobody takes any."""
        thinner = self._thinner
        thinner.put(event)
        if not thinner.urgent and thinner.late_s < 0:
            return
        while self._credit <= 0 and not self.stopped:
            if not thinner.urgent and thinner.late_s < PATIENCE_S:
                return
            self.listen(timeout=None)
        if not self.stopped:
            self.flush()

    def flush(self) -> None:
        for event in self._thinner.take():
            _say(self._connection, "event", event)
            self._credit -= 1


class _AppGone(Exception):
    """The app's end of the pipe is closed: there is nobody left to work for."""


def _say(connection: Connection, *message: Any) -> None:
    # Not connection.send: its pickler hands tensors over as open files, which die with the worker.
    data = pickle.dumps(message)
    try:
        connection.send_bytes(data)
    except OSError as error:
        raise _AppGone from error


def _hear(connection: Connection) -> tuple[Any, ...]:
    try:
        return pickle.loads(connection.recv_bytes())
    except (EOFError, OSError) as error:
        raise _AppGone from error
