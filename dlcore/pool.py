"""The jobs of this machine: a few warm worker processes, each with one job at a time.

Processes are spawned, never forked, so this works alike on Linux, macOS and Windows. Each run has a
thread here that leads it: waits for a free worker, takes in its events, and sees that it keeps to
its budget, its memory and the wishes of whoever listens.
"""

import contextlib
import multiprocessing
import pickle
import threading
import time
from collections import deque
from dataclasses import dataclass
from traceback import format_exception
from typing import Any

import psutil

from dlcore.device import cores
from dlcore.jobs import JobFailed, OutOfMemory, Run, WorkerDied
from dlcore.worker import serve

_context = multiprocessing.get_context("spawn")

STOP_GRACE_S = 2.0  # what a polite stop may take, until the worker is killed
CLOSE_GRACE_S = 1.0  # nobody waits for a last event
LOOK_S = 0.1
MEMORY_LOOK_S = 0.5
START_S = 60.0


class _NeverBegan(WorkerDied):
    """The worker was dead before it took the run, which is whole and can go to another one."""


class _Worker:
    """A worker process and our end of its pipe."""

    def __init__(self, prepare: bool) -> None:
        self.connection, theirs = _context.Pipe()
        self.process = _context.Process(
            target=serve, args=(theirs, prepare), name="dlcore-worker", daemon=True
        )
        self.process.start()
        theirs.close()  # so that the worker's death is the pipe's end
        self.proven = False  # it started once, or did a job
        self._meter: psutil.Process | None = None
        self._talking = threading.Lock()

    def tell(self, *message: Any) -> None:
        with self._talking, contextlib.suppress(OSError):  # a dead worker is noticed when we listen
            self.connection.send_bytes(pickle.dumps(message))

    def hear(self, timeout: float) -> tuple[Any, ...] | None:
        """The next message, or None. Raises WorkerDied."""
        try:
            if self.connection.poll(timeout):
                return pickle.loads(self.connection.recv_bytes())
            if self.process.is_alive():
                return None
        except (EOFError, OSError):
            self.process.join(1.0)
        raise WorkerDied(f"the worker process ended with exit code {self.process.exitcode}")

    def memory_mb(self) -> float:
        try:
            self._meter = self._meter or psutil.Process(self.process.pid)
            return self._meter.memory_info().rss / 2**20
        except psutil.Error:
            return 0.0  # it is gone; `hear` will say so

    def kill(self) -> None:
        self.process.kill()
        self.process.join()
        with self._talking:
            self.connection.close()


@dataclass(frozen=True)
class _End:
    """How a run ended: see Run.finish. alive: whether its worker may take the next one."""

    ended: str
    error: BaseException | None = None
    alive: bool = True


class Pool:
    """Worker processes, started when first needed; runs wait for a free one in their order."""

    def __init__(self, size: int | None = None, *, prepare: bool = True) -> None:
        # Two even on one core: one person's long training must not make all others wait.
        self.size = size or max(2, min(4, cores()))
        self._prepare = prepare  # workers load what a training needs before one is asked for
        self._changed = threading.Condition()
        self._starting = threading.Lock()  # a worker half-started could not be ended
        self._queue: deque[Run] = deque()
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._places = self.size  # workers that may still be started
        self._shut = False

    def start(self, run: Run) -> None:
        with self._changed:
            self._queue.append(run)
        threading.Thread(target=self._lead, args=(run,), name="dlcore-run", daemon=True).start()

    def warm_up(self, count: int = 2) -> None:
        """Start workers until `count` are there; one after the other, since they need the cores."""
        threading.Thread(target=self._warm, args=(min(count, self.size),), daemon=True).start()

    def shutdown(self) -> None:
        """End all workers at once; runs in progress end as "stopped"."""
        with self._changed:
            self._shut = True
            self._changed.notify_all()
        with self._starting:
            workers = list(self._all)
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            worker.process.join(2.0)

    def workers(self) -> list[int]:
        """The process ids of the workers that there are."""
        with self._changed:
            return [worker.process.pid or 0 for worker in self._all]

    def _lead(self, run: Run) -> None:
        """One run from the queue to its end, on a thread of its own."""
        worker: _Worker | None = None
        try:
            worker = self._take(run)
            end = _follow(run, worker) if worker else _End("stopped")
        except _NeverBegan as error:
            if worker and worker.proven:  # it died while it was idle: no fault of this run's
                worker.kill()
                self._forget(worker)
                self.start(run)
                return
            end = _End("failed", error, alive=False)
        except WorkerDied as error:
            end = _End("failed", error, alive=False)
        except BaseException as error:  # whoever iterates must hear of it, or would wait for ever
            text = "".join(format_exception(error))
            end = _End("failed", JobFailed(f"no worker for this job: {error}", text), alive=False)
        if worker and end.alive:
            self._give_back(worker)
        elif worker:
            worker.kill()
        run.finish("stopped" if self._shut else end.ended, None if self._shut else end.error)
        if worker and not end.alive:
            warm = len(self._all)
            self._forget(worker)
            self._warm(warm)

    def _take(self, run: Run) -> _Worker | None:
        """A worker for this run as soon as it is its turn, or None if it is no longer wanted."""
        with self._changed:
            try:
                while True:
                    if run.wish or self._shut:
                        return None
                    if self._queue[0] is run:
                        while self._idle:
                            # The last one used is the most likely to have the data in memory.
                            worker = self._idle.pop()
                            if worker.process.is_alive():
                                return worker
                            self._forget(worker)
                        if self._places:
                            self._places -= 1
                            break
                    self._changed.wait(LOOK_S)  # not for ever: a wish is made without a notice
            finally:
                self._queue.remove(run)
                self._changed.notify_all()
        return self._hire()

    def _hire(self) -> _Worker:
        """Start a worker in a place that was reserved for it."""
        try:
            with self._starting:
                if self._shut:
                    raise WorkerDied("the pool was shut down")
                worker = _Worker(self._prepare)
                self._all.add(worker)
                return worker
        except BaseException:
            with self._changed:
                self._places += 1
            raise

    def _give_back(self, worker: _Worker) -> None:
        worker.proven = True
        with self._changed:
            self._idle.append(worker)
            self._changed.notify_all()

    def _forget(self, worker: _Worker) -> None:
        with self._changed:
            if worker in self._all:
                self._all.remove(worker)
                self._places += 1
                self._changed.notify_all()

    def _warm(self, count: int) -> None:
        while True:
            with self._changed:
                if self._shut or not self._places or len(self._all) >= count:
                    return
                self._places -= 1
            try:
                worker = self._hire()
            except WorkerDied:
                return
            try:
                ready = worker.hear(START_S)
            except WorkerDied:
                ready = None
            if ready is None:  # it cannot start here; the next job will say why
                worker.kill()
                self._forget(worker)
                return
            self._give_back(worker)


def _follow(run: Run, worker: _Worker) -> _End:
    """Give the run to the worker and lead it to its end. Raises WorkerDied."""
    worker.tell("run", run.number, run.payload)
    run.on_taken = lambda: worker.tell("more", run.number)
    begun = looked = time.monotonic()
    taken, ending, kill_at = False, "", float("inf")
    while True:
        now = time.monotonic()
        if not ending and (run.wish or now - begun > run.budget_s):
            ending = "stopped" if run.wish else "budget"
            kill_at = now + STOP_GRACE_S
            worker.tell("stop", run.number)
        if run.wish == "close":
            kill_at = min(kill_at, now + CLOSE_GRACE_S)
        if now > kill_at:
            return _End(ending, alive=False)
        if now - looked > MEMORY_LOOK_S:
            looked = now
            if worker.memory_mb() > run.memory_mb:
                error = OutOfMemory(f"the job used more than {run.memory_mb:g} MB of memory")
                return _End("failed", error, alive=False)
        try:
            message = worker.hear(LOOK_S)
        except WorkerDied as error:
            raise error if taken else _NeverBegan(str(error)) from error
        match message:
            case ("begun",):
                taken = True
            case ("event", event):
                run.push(event)
            case ("done", whole):
                return _End("done" if whole else ending)
            case ("failed", kind, what, text):
                return _End("failed", _error(kind, what, text))


def _error(kind: str, what: Any, text: str) -> BaseException:
    if kind == "value":
        what.add_note(text)
        return what
    if kind == "memory":
        return OutOfMemory(what)
    return JobFailed(what, text)
