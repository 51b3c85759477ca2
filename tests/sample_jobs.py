"""Jobs for test_jobs.py, in a module of their own because a worker must import them."""

import os
import time
from collections.abc import Iterator

from dlcore.progress import Progress


def count(steps: int, pause_s: float = 0.0) -> Iterator[Progress]:
    for step in range(1, steps + 1):
        time.sleep(pause_s)
        yield Progress(step, steps, {"loss": 1 / step, "pid": os.getpid()})


def sleep_long(seconds: float) -> Iterator[Progress]:
    yield Progress(1, 2)
    time.sleep(seconds)
    yield Progress(2, 2)
