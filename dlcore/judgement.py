"""What a classifier's probabilities are worth, beyond the share of right answers.

Where to draw the line between "yes" and "no" is a choice (the threshold), and the ROC curve shows
all of them at once. Calibration asks something else: of the days announced with 70 % rain, did it
rain on 70 %? And next to every network stands logistic regression, the plain straight line: what
cannot beat that has learnt nothing that needed layers.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from dlcore.data.tables import Table

BINS = 10


@dataclass(frozen=True)
class Judgement:
    """Two classes: class 1 is "yes", said where its probability is at least the threshold.

    confusion: (C, C) int64, row the true class, column the answer.
    precision: share of the "yes" that are right; recall: share of class 1 that was found; both are
        None where nothing was asked, and for more than two classes.
    roc: (K, 2) float64, false against true positive rate, from (0, 0) to (1, 1); None as above.
    auc: area under it = how often a random "yes" row is ranked above a random "no" row; for more
        classes the mean of each against the rest; None where only one class is there.
    calibration: (B, 3) float64 of the bins with rows: mean probability, share right, rows. Of
        class 1 for two classes, else of the answer. ece: their mean distance, weighted by rows.
    """

    confusion: np.ndarray
    accuracy: float
    precision: float | None
    recall: float | None
    roc: np.ndarray | None
    auc: float | None
    calibration: np.ndarray
    ece: float


def judge(probabilities: np.ndarray, labels: np.ndarray, threshold: float = 0.5) -> Judgement:
    """probabilities (V, C), labels (V,). For more than two classes the most probable is said."""
    classes = probabilities.shape[1]
    chance = np.nan_to_num(probabilities.astype(np.float64), nan=0.5)
    two = classes == 2
    answers = (chance[:, 1] >= threshold).astype(np.int64) if two else chance.argmax(axis=1)
    confusion = np.bincount(labels * classes + answers, minlength=classes**2)
    confusion = confusion.reshape(classes, classes)
    right = answers == labels
    if two:
        said, there = confusion[:, 1].sum(), confusion[1].sum()
        precision = float(confusion[1, 1] / said) if said else None
        recall = float(confusion[1, 1] / there) if there else None
        curve, auc = roc(chance[:, 1], labels == 1)
        bins = calibrate(chance[:, 1], labels == 1)
    else:
        precision = recall = curve = None
        areas = [roc(chance[:, c], labels == c)[1] for c in range(classes)]
        known = [area for area in areas if area is not None]
        auc = float(np.mean(known)) if known else None
        bins = calibrate(chance.max(axis=1), right)
    ece = float((np.abs(bins[:, 0] - bins[:, 1]) * bins[:, 2]).sum() / max(len(labels), 1))
    accuracy = float(right.mean()) if len(labels) else 0.0
    return Judgement(confusion, accuracy, precision, recall, curve, auc, bins, ece)


def roc(chance: np.ndarray, yes: np.ndarray) -> tuple[np.ndarray | None, float | None]:
    """The ROC curve (K, 2) of probabilities (V,) for rows that are `yes` or not, and its area.

    Lower the threshold from the surest row to the last: every yes-row is a step up, every other a
    step to the right, and rows of equal probability are one slanting step. None without both.
    """
    positive, negative = int(yes.sum()), int((~yes).sum())
    if not positive or not negative:
        return None, None
    order = np.argsort(-chance, kind="stable")
    up, right = np.cumsum(yes[order]), np.cumsum(~yes[order])  # (V,), (V,)
    ends = np.flatnonzero(np.append(np.diff(chance[order]) != 0, True))  # last of equals
    curve = np.stack([right[ends] / negative, up[ends] / positive], axis=1)
    curve = np.concatenate([[[0.0, 0.0]], curve])  # (K, 2)
    area = float(((curve[1:, 0] - curve[:-1, 0]) * (curve[1:, 1] + curve[:-1, 1])).sum() / 2)
    return curve, area


def calibrate(chance: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Rows (V,) in BINS equal bins of probability: (B, 3) mean probability, share true, rows."""
    place = np.minimum((chance * BINS).astype(int), BINS - 1)
    count = np.bincount(place, minlength=BINS)
    there = count > 0
    mean = np.bincount(place, weights=chance, minlength=BINS)[there] / count[there]
    share = np.bincount(place, weights=true, minlength=BINS)[there] / count[there]
    return np.stack([mean, share, count[there]], axis=1)


@dataclass(frozen=True)
class Baseline:
    """Logistic regression's answers to the held-out rows, and how they are judged at 0.5.

    probabilities: (V, C) float32. weights (K, D), biases (K,): K is 1 for two classes, else C.
    """

    probabilities: np.ndarray
    judgement: Judgement
    weights: np.ndarray
    biases: np.ndarray


def logistic(table: Table, strength: float = 1.0) -> Baseline:
    """Fit logistic regression to the training rows: the one lowest point of a convex loss.

    Σ cross-entropy + ‖weights‖² / (2·strength), on standardised features whatever the network
    gets: a baseline should be at its best. L-BFGS in double precision.
    """
    features = table.features.astype(np.float64)
    mean, spread = features[table.train].mean(axis=0), features[table.train].std(axis=0)
    inputs = torch.from_numpy((features - mean) / np.where(spread > 0, spread, 1.0))  # (N, D)
    labels = torch.from_numpy(table.labels[table.train])
    outputs = 1 if len(table.classes) == 2 else len(table.classes)
    weights = torch.zeros(outputs, inputs.shape[1], dtype=torch.float64, requires_grad=True)
    biases = torch.zeros(outputs, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weights, biases], max_iter=500, tolerance_grad=1e-6, tolerance_change=1e-12,
        line_search_fn="strong_wolfe",
    )  # fmt: skip
    shown = inputs[torch.from_numpy(table.train)]

    def total() -> torch.Tensor:
        scores = shown @ weights.T + biases  # (T, K)
        if outputs == 1:
            loss = F.binary_cross_entropy_with_logits(
                scores[:, 0], labels.double(), reduction="sum"
            )
        else:
            loss = F.cross_entropy(scores, labels, reduction="sum")
        loss = loss + weights.square().sum() / (2 * strength)
        optimizer.zero_grad()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(total)
    with torch.no_grad():
        scores = inputs[torch.from_numpy(table.held_out)] @ weights.T + biases
        if outputs == 1:
            scores = torch.cat([torch.zeros_like(scores), scores], dim=1)
        probabilities = scores.softmax(dim=1).float().numpy()  # (V, C)
    judgement = judge(probabilities, table.labels[table.held_out])
    return Baseline(probabilities, judgement, weights.detach().numpy(), biases.detach().numpy())
