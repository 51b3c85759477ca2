"""How much sooner the same network reads MNIST, and how near the training step is to the machine.

Both sides start from new weights with the images in memory, are tested on the 10,000 test images
after each epoch (which counts), and stop at the first test that reaches 98.7 %.
"""

import statistics
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

import torch

from dlcore.bench.plain import PictureDataset, train_plain
from dlcore.bench.race import Race
from dlcore.cnn import Config, build, train
from dlcore.data.mnist import Mnist, load_mnist
from dlcore.device import best_dtype, threads

TARGET = 0.987
GOAL = 8.0  # times sooner
_PATIENCE = 10  # epochs; a run that is not there by then has failed


def measure(repeat: int) -> None:
    """Print both times, their ratio, and the share of the machine's own peak; medians of runs."""
    torch.set_num_threads(threads())
    data = load_mnist()
    dtype = best_dtype()
    peaks = {kind: _matmul_rate(kind) for kind in (torch.float32, torch.bfloat16)}
    _warm_up(data)
    race, steps = Race(), list[float]()
    for seed in range(repeat):
        first, first_accuracy, durations = _time_ours(data, seed)
        print(f"ours {first:.1f} s; now the plain loop, a minute or more", flush=True)
        slow, slow_accuracy, epochs = _time_plain(data, seed)
        second, second_accuracy, more = _time_ours(data, seed + repeat)
        print(
            f"run {seed + 1}: ours {first:.1f} s ({first_accuracy:.2%}), "
            f"{second:.1f} s ({second_accuracy:.2%}); "
            f"plain {slow:.1f} s ({slow_accuracy:.2%} after {epochs} epochs)",
            flush=True,
        )
        race.add(first, slow, second)
        steps += durations + more

    print()
    plain, ours = "PIL, batch 64, float32, Adam 1e-3", f"Config(), {_name(dtype)}"
    race.report("dlcore.cnn", plain=plain, ours=ours, goal=GOAL)
    work, seconds = step_flops(Config().batch_size), statistics.median(steps)
    rate = work / seconds
    print(f"one step      {seconds * 1e3:7.1f} ms = {work / 1e9:.2f} GFLOP, {_giga(rate)}")
    for kind, peak in peaks.items():
        print(f"  {rate / peak:4.0%} of this machine's {_name(kind)} matrix product, {_giga(peak)}")


def step_flops(batch_size: int) -> int:
    """Multiplications and additions in one training step of the tutorial's network.

    A layer's backward pass costs twice its forward: once for the weights' gradient, once for the
    input's, which the first layer does not need. The rest (pooling, Adam, …) is left out.
    """
    conv1 = 2 * 26 * 26 * 32 * 9
    later = 2 * (11 * 11 * 64 * 32 * 9 + 1600 * 64 + 64 * 10)
    return batch_size * (2 * conv1 + 3 * later)


def _time_ours(data: Mnist, seed: int) -> tuple[float, float, list[float]]:
    """Seconds to the target, the accuracy reached, and each step's seconds."""
    config, begun = replace(Config(), seed=seed), perf_counter()
    durations, before = [], begun
    for epochs in range(config.epochs, _PATIENCE):  # a run that misses has to train again, longer
        config = replace(config, epochs=epochs)
        for progress in train(build(config), data, config):
            now = perf_counter()
            accuracy = progress.metrics.get("test_accuracy")
            if accuracy is None:
                durations.append(now - before)
            elif accuracy >= TARGET:
                return now - begun, accuracy, durations
            before = now
    raise ValueError(f"ours missed {TARGET:.1%} with seed {seed}")


def _time_plain(data: Mnist, seed: int) -> tuple[float, float, int]:
    """Seconds to the target, the accuracy reached, and the epochs it took."""
    sets = [
        PictureDataset(data.train_images, data.train_labels),
        PictureDataset(data.test_images, data.test_labels),
    ]
    begun = perf_counter()
    for epoch, accuracy in enumerate(train_plain(*sets, epochs=_PATIENCE, seed=seed), start=1):
        if accuracy >= TARGET:
            return perf_counter() - begun, accuracy, epoch
    raise ValueError(f"the plain loop missed {TARGET:.1%} with seed {seed}")


def _warm_up(data: Mnist) -> None:
    """A few steps of ours before the clock runs: the first ones choose and build their kernels."""
    for progress in train(build(Config()), data, Config()):
        if progress.step == 3:
            return


def _matmul_rate(dtype: torch.dtype, side: int = 1024) -> float:
    """Multiplications and additions a second in a matrix product: the best of 15."""
    a, b = torch.randn(2, side, side).to(dtype)
    return 2 * side**3 / min(_seconds(lambda: a @ b) for _ in range(15))


def _seconds(work: Callable[[], object]) -> float:
    begun = perf_counter()
    work()
    return perf_counter() - begun


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _giga(rate: float) -> str:
    return f"{rate / 1e9:.0f} GFLOP/s"
