"""How soon a GPT learns, in a worker as the page trains it.

Two-digit sums until 99 % of those that were never met come out right, the tab's settings; and a
megabyte of text, the most that is taken: how soon its training tells of its first step, and how
soon it ends when somebody presses Stop. What the worker itself needs to start is paid before.
"""

import random
from statistics import median
from time import perf_counter

from dlcore import gpt
from dlcore.gpt_tasks import MOST_TEXT
from dlcore.jobs import Stream, stream

GOAL_ACCURACY, GOAL_S = 0.99, 30.0
_WORDS = ("một", "hai", "người", "trăm", "năm", "trời", "mây", "nước", "cây", "lá", "trăng", "sông")


def measure(repeat: int) -> None:
    """Print seconds and accuracies."""
    list(stream(gpt.job, gpt.Config(task="addition", steps=10)))  # a worker starts
    waits, whole = list[float](), list[float]()
    for seed in range(repeat):
        wait, seconds, accuracy = sums(seed)
        waits.append(wait)
        whole.append(seconds)
        print(f"sums, seed {seed}   {accuracy:7.1%} of 2,000 never met, after {seconds:.1f} s")
    print(f"99 % right after {median(waits):6.1f} s   (goal: at most {GOAL_S:g} s)")
    print(f"whole training   {median(whole):6.1f} s")
    for tokens in ("char", "words", "syllables"):
        first, stopped = large(tokens)
        print(f"1 MB, {tokens:<10} {first:6.2f} s to the first event, {stopped:5.2f} s to stop")


def sums(seed: int = 0) -> tuple[float, float, float]:
    """Seconds to the first snapshot with 99 % right, seconds of all, and accuracy in the end."""
    begun, reached, accuracy = perf_counter(), float("inf"), 0.0
    for event in stream(gpt.job, gpt.Config(task="addition", seed=seed)):
        accuracy = event.metrics.get("valid_accuracy", accuracy)
        if accuracy >= GOAL_ACCURACY:
            reached = min(reached, perf_counter() - begun)
    return reached, perf_counter() - begun, accuracy


def large(tokens: str) -> tuple[float, float]:
    """Of a training on the largest text: seconds to its first event, and from Stop to its end."""
    rng, lines, size = random.Random(0), list[str](), 0
    while size < MOST_TEXT - 100:
        lines.append(" ".join(rng.choices(_WORDS, k=8)))
        size += len(lines[-1].encode()) + 1
    begun = perf_counter()
    run: Stream = stream(gpt.job, gpt.Config(tokens=tokens, steps=100_000), "\n".join(lines))
    for event in run:
        if event.step:
            break
    first = perf_counter() - begun
    begun = perf_counter()
    run.stop()
    for _ in run:
        pass
    return first, perf_counter() - begun
