"""The MLP tab's judgement: a run's answers on the held-out part, beside logistic regression's."""

from typing import Any

import numpy as np

from demos.kit.run import Run
from demos.mlp_state import baseline_of, table_of
from demos.widgets.bars import bars
from demos.widgets.heatmap import heatmap
from demos.widgets.line_chart import line_chart
from demos.widgets.notes import notes
from dlcore.judgement import Judgement, judge, roc

_MOST_CORNERS = 55  # of a ROC curve; a longer one would be smoothed by the chart
_MOST_CURVES = 5  # classes that get a ROC curve of their own

Value = dict[str, Any]


def judged(run: Run, threshold: float) -> list[Value]:
    """Confusion, scores, remarks, ROC and calibration at a threshold."""
    table, answers = table_of(run), run.snapshot.judged
    both = {
        "network": judge(answers.probabilities, answers.labels, threshold),
        "logistic": judge(baseline_of(run).probabilities, answers.labels, threshold),
    }
    own = both["network"]
    matrix = heatmap(
        own.confusion,
        rows=table.classes,
        columns=table.classes,
        row_title="true",
        column_title="answer",
        numbers=True,
        max=int(own.confusion.sum(axis=1).max()),
    )
    moment = f"{run.id} {run.latest.step} {threshold}"
    return [matrix, _scores(both), _remarks(both), _roc(run, both, moment), _bins(both, moment)]


def _scores(both: dict[str, Judgement]) -> Value:
    two = both["network"].roc is not None
    names = ["accuracy", "precision", "recall", "auc"] if two else ["accuracy", "auc"]
    numbers = {who: [getattr(one, name) for name in names] for who, one in both.items()}
    value = bars(names, {who: [number or 0.0 for number in row] for who, row in numbers.items()})
    for series, row in zip(value["series"], numbers.values(), strict=True):
        series["values"] = row  # None, where a share is of nothing, is shown as a dash
    return value


def _remarks(both: dict[str, Judgement]) -> Value:
    errors = {who: {"percent": one.ece} for who, one in both.items()}
    remarks: list[tuple[str, str, Value]] = [("ece", "info", errors)]
    classes = len(both["network"].confusion)
    if classes > 2:
        remarks.append(("ece_many", "info", {"classes": classes}))
    return notes(remarks)


def _roc(run: Run, both: dict[str, Judgement], moment: str) -> Value:
    """The network's and the baseline's curve; of more than two classes each against the rest."""
    curves = {who: _few(one.roc) for who, one in both.items() if one.roc is not None}
    if curves:
        no = both["network"].confusion[0]
        at = float(no[1] / no.sum()) if no.sum() else None
        return _chart({**curves, "chance": _DIAGONAL}, "false_positive", at, moment)
    answers, names = run.snapshot.judged, table_of(run).classes
    for place, name in enumerate(names[:_MOST_CURVES] if len(names) > 2 else ()):
        corners, _ = roc(answers.probabilities[:, place], answers.labels == place)
        if corners is not None:
            curves[name] = _few(corners)
    return _chart({**curves, "chance": _DIAGONAL}, "false_positive", None, moment)


def _bins(both: dict[str, Judgement], moment: str) -> Value:
    curves = {who: one.calibration[:, :2].tolist() for who, one in both.items()}
    return _chart({**curves, "ideal": _DIAGONAL}, "confidence", None, moment)


_DIAGONAL = [[0.0, 0.0], [1.0, 1.0]]


def _chart(curves: dict[str, Any], x_label: str, mark: float | None, moment: str) -> Value:
    value = line_chart(
        curves,
        x_label=x_label,
        panels=[list(curves)],
        marks=[] if mark is None else [(mark, "")],
        shares=list(curves),
    )
    value["runs"][0]["id"] = moment  # else the chart would keep the points of the last one
    return value


def _few(corners: np.ndarray) -> list[list[float]]:
    """A ROC curve (K, 2) as at most _MOST_CORNERS of its corners, evenly chosen."""
    steps = np.diff(corners, axis=0)  # (K - 1, 2)
    turns = steps[:-1, 0] * steps[1:, 1] != steps[:-1, 1] * steps[1:, 0]  # else a straight piece
    points = corners[np.concatenate([[True], turns, [True]])]
    kept = np.linspace(0, len(points) - 1, min(len(points), _MOST_CORNERS)).round().astype(int)
    return points[kept].tolist()
