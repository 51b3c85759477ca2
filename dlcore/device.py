"""Which processor computes, with how many threads, and in which number format.

All three change speed, and the last two the last digits of a result, too: the same seed gives the
same numbers only with the same device, thread count and format. So each is chosen here, once.
"""

import json
import math
import os
import platform
from contextlib import suppress
from functools import cache
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from dlcore.cache import cache_dir, write_atomically

if TYPE_CHECKING:  # torch takes seconds to load; who only asks for the core count need not wait
    import torch

_MOST_THREADS = 8  # models this small gain nothing from more
_WORTH_IT = 1.15  # a coarser format must earn its lost digits


def pick(wanted: str = "auto") -> "torch.device":
    """The device to compute on: "auto" (CUDA, else Apple's MPS, else the CPU), or one by name.

    Raises ValueError if the one named is not there.
    """
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.mps.is_available()}
    if wanted == "auto":
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if there[name]))
    if not there.get(wanted.split(":")[0], False):
        usable = ", ".join(name for name, is_there in there.items() if is_there)
        raise ValueError(f"device {wanted!r} is not there; this machine has: {usable}")
    return torch.device(wanted)


@cache
def cores() -> int:
    """Processor cores that this process may use: fewer than there are, inside a container."""
    usable = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        usable = len(os.sched_getaffinity(0))
    with suppress(OSError, ValueError):  # a container's share: "200000 100000" is two cores' time
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        usable = min(usable, math.ceil(int(quota) / int(period)))
    return max(1, usable)


def threads() -> int:
    """Threads for torch, the same for every job: a sum split otherwise has other last digits."""
    return min(cores(), _MOST_THREADS)


def answer_on_one_core() -> None:
    """For a process that only answers: one small input is quickest on one thread, and the other
    cores stay with whoever trains on them.
    """
    import torch

    torch.set_num_threads(1)


def repeatable() -> None:
    """Let torch compute the same numbers every time, given a seed: call it before anything else."""
    import torch

    torch.set_num_threads(threads())
    torch.backends.cudnn.benchmark = False  # it picks algorithms by a race of their speeds
    # As torch.use_deterministic_algorithms does, which would load a second's worth of compiler.
    torch.set_deterministic_debug_mode("warn")
    # That would also fill all new memory, to find bugs; it costs time and changes no number.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def best_dtype(device: "torch.device | None" = None) -> "torch.dtype":
    """torch.bfloat16 where this device trains clearly faster with it, else torch.float32.

    Measured, not guessed: some processors have bfloat16 units, others emulate them slowly, and the
    same name of a processor may come with either. Measured once per machine and torch version, and
    remembered in the user's cache.
    """
    import torch

    device = device or pick()
    return torch.bfloat16 if _bfloat16_gain(device) >= _WORTH_IT else torch.float32


@cache
def _bfloat16_gain(device: "torch.device") -> float:
    """How many times faster a training step is in bfloat16, from the cache or measured now."""
    import torch

    file = cache_dir() / "speed.json"
    key = f"{processor(device)} | {threads()} threads | torch {torch.__version__}"
    known: dict[str, float] = {}
    with suppress(OSError, ValueError, TypeError):
        known = dict(json.loads(file.read_text(encoding="utf-8")))
    if not isinstance(known.get(key), float):
        known[key] = _measure_gain(device)
        with suppress(OSError):  # a full disk costs the next start a second, no more
            write_atomically(file, json.dumps(known, indent=1).encode())
    return known[key]


def _measure_gain(device: "torch.device", repeats: int = 7) -> float:
    """Seconds for a small convolutional training step in float32, divided by those in bfloat16."""
    import torch
    from torch import nn

    with torch.random.fork_rng(), torch.enable_grad():
        images = torch.rand(64, 1, 28, 28).to(device, memory_format=torch.channels_last)
        labels = torch.randint(10, (64,)).to(device)
        model = nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(1600, 64), nn.ReLU(), nn.Linear(64, 10),
        ).to(device)  # fmt: skip
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

        def step(dtype: torch.dtype) -> float:
            begun = perf_counter()
            with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                loss = nn.functional.cross_entropy(model(images), labels)
            gradients = torch.autograd.grad(loss, list(model.parameters()))
            gradients[0].sum().item()  # waits for a device that works in the background
            return perf_counter() - begun

        formats = (torch.float32, torch.bfloat16)
        for dtype in formats:
            step(dtype), step(dtype)
        # In turn, so that whatever else the machine does meanwhile slows both alike.
        seconds = [[step(dtype) for dtype in formats] for _ in range(repeats)]
    return median(s[0] for s in seconds) / median(s[1] for s in seconds)


def processor(device: "torch.device") -> str:
    """The name of the processor behind a device, as its maker calls it."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def describe(device: "torch.device | None" = None) -> dict[str, Any]:
    """What a run's numbers depend on besides its settings, for the code panel and a log."""
    import torch

    device = device or pick()
    return {
        "device": str(device),
        "processor": processor(device),
        "dtype": str(best_dtype(device)).removeprefix("torch."),
        "threads": threads(),
        "torch": torch.__version__,
    }
