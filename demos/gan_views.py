"""What the GAN tab shows: from runs, players and pictures to the values of widgets."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from demos.gan_state import DRAWN, LANE, STEPS, Look, Pair, directions_of, usual_scores
from demos.kit.run import Run
from demos.widgets.bars import bars
from demos.widgets.filmstrip import film_frame
from demos.widgets.image_grid import images, on_paper, sheet
from demos.widgets.notes import notes
from dlcore import gan
from dlcore.data.mnist import load_mnist
from dlcore.gan_networks import GAN
from dlcore.quality import Quality, nearest, read

SHOWN = 48  # noises whose pictures are shown: the first of the fixed ones
FILM = 16  # of the filmstrip: the first of those
_MOMENTS = 150  # of the filmstrip in a run, if they came evenly; but what is new changes fastest,
_APART = 0.07  # so a moment also waits for such a part of the steps before it
# Of a sheet of samples. 700 of them, with the film and the curves beside them, are two minutes:
# they shall stay below 5 MB (`python -m dlcore bench stream`).
_MOST_BYTES = 3_600

Value = dict[str, Any]


# --- Training ------------------------------------------------------------------------------------


def samples(run: Run) -> Value:
    """What the generator makes of the same noises, over time."""
    return run.film("samples", lambda s: sheet(s.samples[:SHOWN], 16, most=_MOST_BYTES))


def film(run: Run) -> Value:
    """The first of those noises, at some moments side by side."""
    known = run.frames("film", lambda _: None)
    last = max((frame["step"] for frame in known), default=-run.latest.total)
    apart = max(run.latest.total / _MOMENTS, last * _APART)

    def frame(snapshot: gan.Snapshot) -> Value | None:
        due = snapshot.step >= last + apart or bool(run.ended)
        return film_frame(snapshot.samples[:FILM]) if due else None

    return run.film("film", frame)


def before_training(players: GAN) -> tuple[Value, Value]:
    """What players that were not trained here make of the same noises."""
    pictures = gan.fixed_samples(players.generator)
    first = {"step": 0, **film_frame(pictures[:FILM])}
    return sheet(pictures[:SHOWN], 16, most=None), {"run": "", "frames": [first]}


def diagnosis(run: Run, quality: Quality | None) -> Value:
    """What the run itself says about how it went, and the judge if he was asked."""
    found = gan.diagnose(run.events, run.snapshot, run.config, quality)
    return notes(
        (f.key, "good" if f.key == "fine" else "warning", readable(f.values)) for f in found
    )


_SHARES = ("share", "d_real", "d_fake", "confident", "largest")


def readable(values: Mapping[str, Any]) -> Value:
    """Shares of one become percentages, and a number past all bounds a sign for it."""

    def shown(name: str, value: Any) -> Any:
        if isinstance(value, float) and not math.isfinite(value):
            return "∞"
        return {"percent": float(value)} if name in _SHARES else value

    return {name: shown(name, value) for name, value in values.items()}


# --- Play ----------------------------------------------------------------------------------------


def play(pair: Pair, look: Look, digit: int, amounts: Sequence[float]) -> tuple[Value, ...]:
    """The table, the steered picture beside the one it came from, and the walk."""
    generator, noise = pair.players.generator, pair.noise(DRAWN, look.draws)
    labels = pair.labels(digit, len(noise))
    begin, end = look.ends
    marks = [""] * len(noise)
    marks[end], marks[begin] = "wrong", "right"  # blue and orange
    pictures = gan.sample(generator, noise, labels)
    shown = {**sheet(pictures.numpy(), most=None), "marks": marks}
    walk = gan.interpolate(noise[begin], noise[end], STEPS)
    told = None  # a conditional generator is told the one digit, then the other
    if labels is not None:
        told = labels[[begin] * (STEPS // 2) + [end] * (STEPS - STEPS // 2)]
    moved = noise[begin] + torch.tensor(amounts) @ directions_of(generator)[: len(amounts)]
    both = torch.stack([noise[begin], moved])
    kinds = None if labels is None else labels[[begin, begin]]
    return shown, _scored(pair, both, kinds), _scored(pair, walk, told)


def _scored(pair: Pair, noise: Tensor, labels: Tensor | None) -> Value:
    """The pictures of some noises, each with the discriminator's word on it."""
    pictures = gan.sample(pair.players.generator, noise, labels)
    scores = gan.score(pair.players.discriminator, pictures, labels)
    return {**sheet(pictures.numpy(), most=None), "captions": verdicts(pair, scores)}


def verdicts(pair: Pair, scores: Tensor) -> list[str]:
    """Scores as they are written under pictures."""
    told = pair.told(scores).tolist()
    return [f"{100 * one:.0f} %" if pair.probable else f"{one:.2f}" for one in told]


def doubts(pair: Pair, image: Tensor, digit: int) -> tuple[Value, Value]:
    """A drawing (28, 28) in [0, 1] and what D would change in it; what D says of it."""
    judge, drawn = pair.players.discriminator, (image * 255).round().byte()
    label = digit if pair.conditional else None
    told = None if label is None else torch.tensor([label])
    slope = gan.saliency(judge, drawn, label)
    score = pair.told(gan.score(judge, drawn[None], told)).item()
    real, fake = usual_scores(pair)
    values: Value = {"score": score, "real": real, "fake": fake}
    if pair.probable:
        values = {name: {"percent": value} for name, value in values.items()}
    if label is not None:
        values["digit"] = str(label)
    key = "raw" if not pair.probable else "asked" if pair.conditional else "score"
    pictures = np.stack([on_paper(image.numpy()), on_paper(image.numpy(), slope)])
    shown = images(pictures, captions=["gets", "saliency"])
    return shown, notes([(key, "info", values)])


# --- Is it any good? -----------------------------------------------------------------------------

DIGITS = [str(digit) for digit in range(10)]


def histogram(found: Quality) -> Value:
    """How often each digit was read, beside how often it stands in the test set."""
    real = torch.bincount(load_mnist().test_labels, minlength=10) / 10_000
    return bars(DIGITS, {"generated": found.histogram.tolist(), "test": real.tolist()})


def judgement(found: Quality, real: Quality) -> Value:
    """The judge's numbers, beside those of as many real pictures."""
    sure = {"confident": {"percent": found.confident}, "real": {"percent": real.confident}}
    apart = {"frechet": round(found.frechet, 1), "real": round(real.frechet, 1), "count": found.n}
    items: list[tuple[str, str, Value]] = [
        ("confident", "good" if found.confident > 0.9 else "info", sure),
        ("frechet", "info", apart),
    ]
    if found.matches is not None:
        kind = "good" if found.matches > 0.9 else "info"
        items.append(("matches", kind, {"matches": {"percent": found.matches}}))
    rare = [digit for digit in range(10) if found.histogram[digit] < 0.02]
    if rare:
        items.append(("missing", "warning", {"digits": ", ".join(map(str, rare))}))
    return notes(items)


def exhibits(pictures: np.ndarray) -> Value:
    """Some of the judged pictures, each with its reading."""
    digits, chances = read(pictures)
    sure = chances.max(axis=1)
    captions = [f"{d}: {100 * p:.0f} %" for d, p in zip(digits, sure, strict=True)]
    marks = ["" if p > 0.9 else "wrong" for p in sure]
    return {**sheet(pictures, most=None), "captions": captions, "marks": marks}


def neighbour(picture: np.ndarray, typical: float) -> tuple[Value, Value]:
    """A picture beside the nearest training image; whether it is a copy of it."""
    found = nearest(picture)
    both = np.stack([picture, found.image])
    values = {"distance": round(found.distance, 2), "typical": round(typical, 2)}
    copied = found.distance < typical / 2
    shown = {**sheet(both, most=None), "captions": ["this", "training"]}
    return shown, notes([("copy" if copied else "new", "warning" if copied else "good", values)])


# --- Variants ------------------------------------------------------------------------------------


def lane(run: Run) -> Value:
    """One variant's pictures of the first 25 noises, over time."""
    return run.film("lane", lambda s: sheet(s.samples[:LANE], 5, most=_MOST_BYTES))


def ranking(found: Mapping[str, tuple[Run, Quality]]) -> tuple[Value, Value]:
    """How far each variant's pictures are from real ones, and its other numbers in words."""
    distances = {"frechet": [round(quality.frechet, 1) for _, quality in found.values()]}
    lines = []
    for name, (run, quality) in found.items():
        values = {
            "steps": run.latest.step,
            "seconds": round(run.elapsed_s, 1),
            "confident": {"percent": quality.confident},
            "frechet": round(quality.frechet, 1),
            "rarest": {"percent": float(quality.histogram.min())},
        }
        lines.append((name, "info", values))
    return bars(list(found), distances, unit="count"), notes(lines)
