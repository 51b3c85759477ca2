"""Long work outside the app's own process: `stream` runs a generator in a worker.

A page must stay quick while a model trains, a Stop must always work, and a seed must give the same
numbers whatever else the app is doing. Threads give none of the three, so a job runs in a process
of its own, and what it yields arrives here as the same `Progress` events:

    for event in stream(cnn.job, config):
        print(event.step, event.metrics)

Who serves the stream is a `Backend`: the pool of this machine (dlcore/pool.py), or another put in
with `use`. Nothing outside this file knows which.
"""

import atexit
import itertools
import pickle
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from threading import Condition, Lock
from types import TracebackType
from typing import Any, Protocol

from dlcore.progress import Progress

BUDGET_S = 600.0
MEMORY_MB = 4096
HEARTBEAT_S = 0.5


class JobError(RuntimeError):
    """A job that could not go on."""


class WorkerDied(JobError):
    """The worker process ended by itself: killed from outside, or crashed. The pool goes on."""


class OutOfMemory(JobError):
    """The job used more memory than it may."""


class JobFailed(JobError):
    """The job raised something other than a ValueError. `remote_traceback` is text for the log."""

    def __init__(self, message: str, remote_traceback: str = "") -> None:
        super().__init__(message)
        self.remote_traceback = remote_traceback


class Run:
    """What a Stream and the backend that serves it share: events one way, wishes the other.

    The backend calls `push` for each event and `finish` once; it looks at `wish` at least five
    times a second: "" (go on), "stop" (send the last event and end), "close" (nobody listens).
    A wish is only ever a plain assignment, so that a garbage collector may make it, too.
    """

    _numbers = itertools.count(1)

    def __init__(
        self, function: Callable[..., Iterator[Progress]], args: tuple[Any, ...],
        *, budget_s: float, memory_mb: float,
    ) -> None:  # fmt: skip
        self.number = next(self._numbers)
        self.payload = pickle.dumps((function, args))  # refuses here what no worker could import
        self.budget_s, self.memory_mb = budget_s, memory_mb
        self.wish = ""
        self.on_taken: Callable[[], None] = lambda: None  # the backend's: one event was taken
        self.changed = Condition()
        self.events: deque[Progress] = deque()
        self.ended = ""
        self.error: BaseException | None = None

    def push(self, event: Progress) -> None:
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()

    def finish(self, ended: str, error: BaseException | None = None) -> None:
        """ended: "done", "stopped", "budget" or, with an error, "failed"."""
        with self.changed:
            self.ended, self.error = ended, error
            self.changed.notify_all()

    def close(self) -> None:
        self.wish = "close"


class Backend(Protocol):
    """Where jobs run. `start` returns at once; the run then goes its way in the background."""

    def start(self, run: Run) -> None: ...
    def warm_up(self) -> None: ...
    def shutdown(self) -> None: ...


class Stream(Iterator[Progress]):
    """The events of one job, iterated like a generator, from any thread.

    While the worker is silent, or not yet free, the previous event comes again every heartbeat: the
    very same object, so `event is previous` tells a repeat. (It is Progress(0, 0) before the
    first.) So whoever iterates wakes often enough to notice that its page was closed. Not iterating
    for more than a second pauses the job.

    Raises what the job raised if that was a ValueError, else a JobError.
    """

    def __init__(self, run: Run, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._run = run
        self._heartbeat_s = heartbeat_s
        self._latest = Progress(0, 0)
        # A stream that is dropped half-way frees its worker.
        self._finalizer = weakref.finalize(self, run.close)
        self._finalizer.atexit = False

    def __next__(self) -> Progress:
        run = self._run
        with run.changed:
            run.changed.wait_for(lambda: run.events or run.ended, self._heartbeat_s)
            if run.wish == "close":
                raise StopIteration
            if not run.events:
                if run.error:
                    error, run.error = run.error, None  # said once, then the stream is just over
                    raise error
                if run.ended:
                    raise StopIteration
                return self._latest
            self._latest = run.events.popleft()
        run.on_taken()
        return self._latest

    @property
    def ended(self) -> str:
        """ "" while events may still come, then "done", "stopped", "budget" or "failed"."""
        if self._run.wish == "close":
            return self._run.ended or "stopped"
        return "" if self._run.events else self._run.ended

    def stop(self) -> None:
        """Ask the job to end. Its last event still comes; a job that does not answer is killed."""
        self._run.wish = self._run.wish or "stop"

    def close(self) -> None:
        """End the job; nobody wants its events. Returns at once."""
        self._run.close()
        with self._run.changed:
            self._run.changed.notify_all()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


_backend: Backend | None = None
_backend_lock = Lock()


def stream(
    function: Callable[..., Iterator[Progress]],
    *args: Any,
    budget_s: float = BUDGET_S,
    memory_mb: float = MEMORY_MB,
    heartbeat_s: float = HEARTBEAT_S,
    on: Backend | None = None,
) -> Stream:
    """Run `function(*args)`, a generator of Progress, in a worker; iterate its events here.

    function: found by its module and name, so not a lambda or a nested function.
    budget_s: seconds of the wall clock from its beginning; then it is stopped, ended = "budget".
    memory_mb: resident memory its process may use; beyond, it is killed and OutOfMemory raised.
    on: who serves it, if not the backend of all.
    """
    run = Run(function, args, budget_s=budget_s, memory_mb=memory_mb)
    (on or _current()).start(run)
    return Stream(run, heartbeat_s)


def warm_up() -> None:
    """Start workers in the background, so that the first job need not wait for one."""
    _current().warm_up()


def use(backend: Backend) -> None:
    """Serve every later stream with this backend; the former one is shut down."""
    global _backend
    with _backend_lock:
        former, _backend = _backend, backend
    if former is not None:
        former.shutdown()


def shutdown() -> None:
    """End all jobs and workers. A later stream starts new ones."""
    global _backend
    with _backend_lock:
        former, _backend = _backend, None
    if former is not None:
        former.shutdown()


def _current() -> Backend:
    global _backend
    with _backend_lock:
        if _backend is None:
            from dlcore.pool import Pool

            _backend = Pool()
        return _backend


atexit.register(shutdown)
