"""What answers to labelled sentences are worth: how many are right, which are not, and where.

One number hides much. Look at the mistakes, at accuracy by length, and by language and topic.
"""

from dataclasses import dataclass

import numpy as np

from dlcore.data.opinions import Opinions
from dlcore.text import MOST_TOKENS

LENGTHS = ((1, 5), (6, 10), (11, 15), (16, 20), (21, 30), (31, MOST_TOKENS))


@dataclass(frozen=True)
class Evaluation:
    """A reader's answers to a labelled part. The mistakes stand worst first: the surest wrong."""

    accuracy: float
    loss: float
    confusion: np.ndarray  # (2, 2) int64: row the true label, column the answer
    mistakes: tuple[str, ...]  # the texts
    labels: np.ndarray  # (M,) int64, of the mistakes: what they truly are
    probabilities: np.ndarray  # (M,) float32, of being praise
    lengths: np.ndarray  # (G, 2) int64: fewest and most words in this group of sentences
    counts: np.ndarray  # (G,) int64: sentences in it
    accuracies: np.ndarray  # (G,) float32, by length
    groups: dict[str, tuple[int, float]]  # language or topic -> sentences, accuracy


def judge_answers(
    probabilities: np.ndarray, lengths: np.ndarray, data: Opinions, positions: np.ndarray
) -> Evaluation:
    """What answers (N,) to these sentences of `data`, so many words long (N,), are worth."""
    texts, labels = data.texts(positions), data.labels[positions]
    answers = (probabilities > 0.5).astype(np.int64)
    right = answers == labels
    sure = np.abs(probabilities - 0.5)
    wrong = np.flatnonzero(~right)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")]
    of_truth = np.where(labels == 1, probabilities, 1 - probabilities)
    inside = [(lengths >= low) & (lengths <= high) for low, high in LENGTHS]
    groups = {}
    for names in (data.languages, data.topics):
        mine = np.array([names[n] for n in positions])
        for name in sorted(set(mine) - {""}):
            groups[str(name)] = (int((mine == name).sum()), float(right[mine == name].mean()))
    return Evaluation(
        accuracy=float(right.mean()),
        loss=float(-np.log(np.clip(of_truth, 1e-12, 1)).mean()),
        confusion=np.bincount(labels * 2 + answers, minlength=4).reshape(2, 2),
        mistakes=tuple(texts[n] for n in wrong),
        labels=labels[wrong],
        probabilities=probabilities[wrong],
        lengths=np.array(LENGTHS),
        counts=np.array([mask.sum() for mask in inside]),
        accuracies=np.array([right[mask].mean() if mask.any() else 0 for mask in inside], "f4"),
        groups=groups,
    )
