"""How fast: each row measures two things in turn in one run and prints their ratio.

Absolute times say little about another machine, or about this one while it does other work.
"""

import argparse
import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

Measure = Callable[[argparse.Namespace], None]
_ROOT = Path(__file__).parent.parent.parent


def rows() -> dict[str, tuple[Measure, str]]:
    """A row's name -> what runs it, given the command's flags, and what it measures."""
    return {
        "attention": (
            _own("attention", 3),
            "attention to be read, against torch's; and seconds to complete what repeats",
        ),
        "cnn": (
            _own("cnn", 1),
            "seconds to 98.7 % on MNIST, against a plain loop as tutorials write it",
        ),
        "gan": (
            _own("gan", 3, other="parzen"),
            "an epoch against a plain loop, and 64 samples; --parzen: the paper's measure",
        ),
        "gpt": (
            _own("gpt", 5, other="verses"),
            "a cache against none; a branch of a long text; SmolLM2 against transformers; "
            "--verses: 500 couplets of ours, from no opening and from 50",
        ),
        "gpt_training": (
            _own("gpt_training", 3),
            "two-digit sums to 99 %, and how soon a megabyte of text begins and stops being learnt",
        ),
        "lstm": (
            _own("lstm", 5),
            "an epoch of sentences sorted by length, against padded; and sentence to picture",
        ),
        "mlp": (
            _own("mlp", 9),
            "seconds to 93 % on the tutorial's table, against the tutorial's own loop",
        ),
        "resnet": (
            _own("resnet", 30),
            "picture to top 5 against the bare network; Grad-CAM against a forward pass",
        ),
        "transfer": (
            _own("transfer", 5),
            "an epoch of a new head on features that are kept, against through the frozen base",
        ),
        "vae": (
            _own("vae", 1, other="iwae"),
            "seconds to a plain loop's bound, and code to picture; --iwae: its tightest bound",
        ),
        "startup": (_app("startup"), "app start to first answer, against an empty Gradio app"),
        "page": (_app("page"), "a training with its page open, against the same without a page"),
        "first": (_app("first"), "from the press of Go on writing to SmolLM2's first token"),
        "pen": (_app("pen"), "pen to prediction on the server while a training runs"),
        "stream": (_app("stream"), "pictures painted a second, and what two minutes send"),
    }


def _own(row: str, repeat: int, other: str = "") -> Measure:
    """A row of dlcore's own: `measure` in dlcore/bench/<row>.py, `repeat` times unless told.

    other: a flag of the command that asks for `measure_<other>` instead.
    """

    def run(flags: argparse.Namespace) -> None:
        # As in the app's workers: threads that sleep while they wait leave a shared machine usable.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read once, when torch loads
        module = importlib.import_module(f"dlcore.bench.{row}")
        if other and getattr(flags, other):
            getattr(module, f"measure_{other}")()
        else:
            module.measure(flags.repeat or repeat)

    return run


def _app(row: str) -> Measure:
    """dlcore knows nothing of the app, so its rows run as a program of their own."""

    def run(flags: argparse.Namespace) -> None:
        command = [sys.executable, "-m", "demos.bench", row]
        if flags.repeat:
            command += ["--repeat", str(flags.repeat)]
        done = subprocess.run(command, cwd=_ROOT, check=False)
        if done.returncode:
            raise ValueError(f"the measurement {row!r} failed (exit code {done.returncode})")

    return run
