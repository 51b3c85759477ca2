"""Jobs in worker processes: they repeat, they stop, they keep to their bounds, the app survives."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from dlcore.jobs import JobError, JobFailed, OutOfMemory, Stream, WorkerDied, stream
from dlcore.pool import Pool
from dlcore.progress import Progress
from dlcore.settings import SettingError
from dlcore.worker import Thinner
from tests import sample_jobs

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    pool = Pool(size=2, prepare=False)
    pool.warm_up()
    yield pool
    pids = pool.workers()
    pool.shutdown()
    assert eventually(lambda: all(map(is_dead, pids)))


@pytest.fixture
def run(pool: Pool) -> Callable[..., Stream]:
    def start(function: Any, *args: Any, **options: Any) -> Stream:
        return stream(function, *args, on=pool, **{"heartbeat_s": 0.1, **options})

    return start


def eventually(condition: Callable[[], Any], seconds: float = 5.0) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def is_dead(pid: int) -> bool:
    """Gone, or only waiting for its parent to notice."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def events_of(running: Stream) -> list[Progress]:
    """All events, without the repeats and the waiting."""
    seen: list[Progress] = []
    for event in running:
        if event.step and (not seen or event is not seen[-1]):
            seen.append(event)
    return seen


def until_it_runs(running: Stream) -> Progress:
    return next(event for event in running if event.step)


# ---- which events arrive


def test_events_arrive_in_order_thinned_and_with_the_last_one(run: Any) -> None:
    running = run(sample_jobs.count, 400, 0.002)
    events = events_of(running)
    steps = [event.step for event in events]
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == (1, 400)
    assert len(steps) < 30  # about ten a second
    assert running.ended == "done"
    assert list(running) == []  # over is over


def test_rare_points_are_never_dropped(run: Any) -> None:
    events = events_of(run(sample_jobs.rare_points, 400))
    assert [e.step for e in events if "test" in e.metrics] == list(range(40, 401, 40))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_thinner_drops_only_what_is_said_again() -> None:
    clock = Clock()
    thinner = Thinner(0.1, clock)
    a, b, c, d = (Progress(n, 9, {"loss": 1.0}) for n in (1, 2, 3, 4))
    seen = Progress(5, 9, {"loss": 1.0}, snapshot="a picture")
    after = Progress(6, 9, {"loss": 1.0})

    thinner.put(a)
    assert thinner.urgent, "the first"
    assert thinner.take() == [a]
    thinner.put(b)
    thinner.put(c)
    assert thinner.waiting == [c]
    assert thinner.late_s < 0
    clock.now = 0.2
    assert thinner.late_s >= 0
    assert thinner.take() == [c]
    thinner.put(d)
    thinner.put(seen)
    assert thinner.urgent, "the last one sent had no snapshot"
    thinner.put(after)
    assert thinner.take() == [seen, after]  # newer, but it does not say what `seen` said
    assert thinner.take() == []


def test_a_silent_worker_repeats_the_same_object(run: Any) -> None:
    running = run(sample_jobs.sleep, 0.6)
    first = until_it_runs(running)
    assert next(running) is first and next(running) is first
    assert events_of(running)[-1].step == 2


def test_not_iterating_pauses_the_job(run: Any, tmp_path: Path) -> None:
    running = run(sample_jobs.note, tmp_path / "steps", 0.01)
    until_it_runs(running)
    time.sleep(2.0)  # the worker's patience is one second beyond its window of events
    at = (tmp_path / "steps").read_text()
    time.sleep(0.4)
    assert (tmp_path / "steps").read_text() == at
    while next(running).step <= int(at):  # and on it goes
        pass
    running.stop()
    assert events_of(running)[-1].step > int(at)


def test_a_paused_job_keeps_to_its_budget_and_can_be_stopped(run: Any, tmp_path: Path) -> None:
    with run(sample_jobs.note, tmp_path / "steps", budget_s=1.5) as running:
        until_it_runs(running)
        assert eventually(lambda: "ended" in (tmp_path / "steps").read_text())
        list(running)
        assert running.ended == "budget"


# ---- the same numbers


def test_a_seed_repeats_to_the_last_digit_beside_another_training(run: Any) -> None:
    alone = events_of(run(sample_jobs.learn, 3, 25))[-1]
    with run(sample_jobs.learn, 4, 100_000) as other:
        until_it_runs(other)
        beside = events_of(run(sample_jobs.learn, 3, 25))[-1]
        assert next(other).step > 0
    assert alone.metrics == beside.metrics
    assert all((value == beside.snapshot[name]).all() for name, value in alone.snapshot.items())
    assert events_of(run(sample_jobs.learn, 5, 25))[-1].metrics != alone.metrics


# ---- stop and close


def test_stop_delivers_the_last_event_the_worker_made(run: Any, tmp_path: Path) -> None:
    running = run(sample_jobs.note, tmp_path / "steps")
    until_it_runs(running)
    threading.Timer(0.25, running.stop).start()  # from another thread, as a Stop button does
    last = events_of(running)[-1]
    assert (tmp_path / "steps").read_text() == f"ended {last.step}"
    assert running.ended == "stopped"


def test_stop_in_a_long_step_frees_the_worker_within_three_seconds(run: Any, pool: Pool) -> None:
    running = run(sample_jobs.sleep, 30)
    first = until_it_runs(running)
    asked = time.monotonic()
    running.stop()
    assert all(event is first for event in running)
    assert time.monotonic() - asked < 3
    assert running.ended == "stopped"
    assert events_of(run(sample_jobs.count, 2))[-1].step == 2
    assert eventually(lambda: len(pool.workers()) == 2)  # a fresh one took its place


def test_close_returns_at_once_and_ends_the_job(run: Any, tmp_path: Path) -> None:
    running = run(sample_jobs.note, tmp_path / "steps")
    until_it_runs(running)
    asked = time.monotonic()
    running.close()
    assert time.monotonic() - asked < 0.02
    assert next(running, None) is None and running.ended == "stopped"
    assert eventually(lambda: "ended" in (tmp_path / "steps").read_text(), 2)


def test_a_dropped_stream_ends_its_job(run: Any, tmp_path: Path) -> None:
    running = run(sample_jobs.note, tmp_path / "steps")
    until_it_runs(running)
    del running
    gc.collect()
    assert eventually(lambda: "ended" in (tmp_path / "steps").read_text(), 2)


# ---- several at once


def test_two_run_at_once_and_the_third_waits_its_turn(run: Any, tmp_path: Path) -> None:
    first, second = run(sample_jobs.count, 10**6, 0.01), run(sample_jobs.count, 10**6, 0.01)
    pids = {until_it_runs(running).metrics["pid"] for running in (first, second)}
    assert len(pids) == 2 and os.getpid() not in pids

    third, fourth, fifth = (run(sample_jobs.count, 1) for _ in range(3))
    assert [next(third), next(fifth)] == [Progress(0, 0)] * 2
    fourth.stop()  # one may leave the queue
    assert events_of(fourth) == [] and fourth.ended == "stopped"
    order: list[str] = []

    def await_it(name: str, running: Stream) -> None:
        until_it_runs(running)
        order.append(name)

    waiting = [
        threading.Thread(target=await_it, args=pair)
        for pair in (("fifth", fifth), ("third", third))
    ]
    for thread in waiting:
        thread.start()
    second.close()
    for thread in waiting:
        thread.join(5)
    assert sorted(order) == ["fifth", "third"]
    assert next(first).step > 0  # never disturbed
    first.close()


# ---- bounds and accidents


def test_budget(run: Any) -> None:
    running = run(sample_jobs.count, 10**6, 0.01, budget_s=0.5)
    events = events_of(running)
    assert running.ended == "budget"
    assert 10 < events[-1].step < 200


def test_memory_cap(run: Any) -> None:
    running = run(sample_jobs.use_memory, 2_000, memory_mb=600)
    with pytest.raises(OutOfMemory, match="600 MB"):
        events_of(running)
    assert running.ended == "failed"


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a word of POSIX")
def test_a_killed_worker_is_told_and_replaced(run: Any, pool: Pool) -> None:
    running = run(sample_jobs.count, 10**6, 0.01)
    os.kill(int(until_it_runs(running).metrics["pid"]), signal.SIGKILL)
    with pytest.raises(WorkerDied, match="-9"):
        events_of(running)
    assert events_of(run(sample_jobs.count, 3))[-1].step == 3
    assert eventually(lambda: len(pool.workers()) == 2)


def test_an_idle_worker_that_died_is_not_used(run: Any, pool: Pool) -> None:
    pids = pool.workers()
    for pid in pids:
        psutil.Process(pid).kill()
    assert eventually(lambda: all(map(is_dead, pids)))
    assert events_of(run(sample_jobs.count, 3))[-1].step == 3


def test_a_run_given_to_a_worker_that_is_just_dying_goes_to_another(
    run: Any, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    events_of(run(sample_jobs.count, 1))  # so that one is idle
    assert eventually(lambda: pool._idle)
    for worker in list(pool._idle):
        monkeypatch.setattr(worker.process, "is_alive", lambda: True)  # not yet seen to be dead
        psutil.Process(worker.process.pid).kill()
    assert events_of(run(sample_jobs.count, 3))[-1].step == 3


def test_a_crash_is_told(run: Any) -> None:
    running = run(sample_jobs.crash)
    assert until_it_runs(running).step == 1
    with pytest.raises(WorkerDied, match="exit code 3"):
        events_of(running)
    assert next(running, None) is None


def test_errors_of_a_job(run: Any) -> None:
    with pytest.raises(SettingError) as refused:  # itself, with what a translation needs
        events_of(run(sample_jobs.refuse))
    assert (refused.value.field, refused.value.low, refused.value.high) == ("epochs", 1, 9)

    with pytest.raises(JobFailed, match="KeyError: 'no such thing'") as failed:
        events_of(run(sample_jobs.fail))
    assert "sample_jobs.py" in failed.value.remote_traceback

    with pytest.raises(JobFailed, match="pickle"):
        events_of(run(sample_jobs.say_the_unsayable))
    with pytest.raises(JobFailed, match="TypeError"):
        events_of(run(sample_jobs.count))
    with pytest.raises(Exception, match="pickle"):  # before any worker is bothered
        run(lambda: iter([]))


def test_a_pool_that_is_shut_down_ends_its_runs() -> None:
    small = Pool(size=1)
    running = stream(sample_jobs.sleep, 30, on=small, heartbeat_s=0.1)
    next(running)
    small.shutdown()
    list(running)
    assert running.ended == "stopped"
    assert small.workers() == []


SCRIPT = """
import sys, time
from dlcore.jobs import stream
from tests import sample_jobs
if __name__ == "__main__":
    for event in (running := stream(sample_jobs.count, 10**6, 0.01)):
        if event.step:
            print(int(event.metrics["pid"]), flush=True)
            break
    time.sleep(float(sys.argv[1]))
"""


@pytest.mark.parametrize("killed", [False, True])
def test_no_worker_outlives_the_app(tmp_path: Path, killed: bool) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    app = subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py"), "30" if killed else "0"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert app.stdout and app.stderr
    pid = int(app.stdout.readline())
    if killed:
        app.kill()
    _, errors = app.communicate(timeout=5)
    assert eventually(lambda: is_dead(pid), 3)
    assert killed or (errors == "" and app.returncode == 0)


def test_job_errors_have_one_family() -> None:
    assert all(issubclass(kind, JobError) for kind in (WorkerDied, OutOfMemory, JobFailed))
