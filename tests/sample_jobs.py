"""Jobs for test_jobs.py, in a module of their own because a worker must import them."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from dlcore.progress import Progress
from dlcore.settings import SettingError


def count(steps: int, pause_s: float = 0.0) -> Iterator[Progress]:
    for step in range(1, steps + 1):
        time.sleep(pause_s)
        yield Progress(step, steps, {"loss": 1 / step, "pid": os.getpid()})


def note(path: Path, pause_s: float = 0.002) -> Iterator[Progress]:
    """Counts for a long time, and keeps in a file how far it came; "ended N" when it is closed."""
    step = 0
    try:
        for step in range(1, 100_000):
            path.write_text(str(step))
            yield Progress(step, 0, {"loss": 1.0})
            time.sleep(pause_s)
    finally:
        path.write_text(f"ended {step}")


def rare_points(steps: int) -> Iterator[Progress]:
    for step in range(1, steps + 1):
        time.sleep(0.003)
        extra = {"test": float(step)} if step % 40 == 0 else {}
        yield Progress(step, steps, {"loss": 1.0, **extra})


def sleep(seconds: float) -> Iterator[Progress]:
    yield Progress(1, 2)
    time.sleep(seconds)
    yield Progress(2, 2)


def learn(seed: int, steps: int) -> Iterator[Progress]:
    """A small network on noise: enough sums, over two threads, to show a change of their order."""
    import torch  # here, so that the tests' scripts, which only count, need not wait for it
    import torch.nn.functional as F
    from torch import nn

    torch.manual_seed(seed)
    images, labels = torch.rand(64, 1, 28, 28), torch.randint(10, (64,))
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Dropout(), nn.Linear(8 * 26 * 26, 10)
    )
    optimizer = torch.optim.Adam(model.parameters())
    for step in range(1, steps + 1):
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield Progress(step, steps, {"loss": loss.item()})
    yield Progress(steps, steps, {"loss": loss.item()}, snapshot=model.state_dict())


def use_memory(mb: int) -> Iterator[Progress]:
    hoard = []
    for step in range(mb // 20):
        hoard.append(bytearray(os.urandom(2**20) * 20))
        yield Progress(step + 1, mb // 20)
        time.sleep(0.05)


def crash() -> Iterator[Progress]:
    yield Progress(1, 2, {"pid": os.getpid()})
    time.sleep(0.05)
    os._exit(3)


def refuse() -> Iterator[Progress]:
    yield Progress(1, 2)
    raise SettingError("epochs", 0, low=1, high=9)


def fail() -> Iterator[Progress]:
    yield Progress(1, 2)
    raise KeyError("no such thing")


def say_the_unsayable() -> Iterator[Progress]:
    yield Progress(1, 1, {}, snapshot=lambda: None)
