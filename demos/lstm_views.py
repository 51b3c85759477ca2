"""What the LSTM tab shows: from sentences and models to the values of widgets."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from demos.kit.run import Run
from demos.widgets.bars import bars
from demos.widgets.gates import gates
from demos.widgets.heatmap import heatmap
from demos.widgets.line_chart import line_chart
from demos.widgets.sentences import sentences
from demos.widgets.token_strip import token_strip
from dlcore import lstm, lstm_trace
from dlcore.data.opinions import Opinions
from dlcore.text import tokens

_SHOWN_MISTAKES = 14
_ENOUGH = 5  # sentences in a group whose accuracy is shown
_LABELS = ("negative", "positive")  # by number
_PARTS = ("forget", "input", "output", "reset", "update", "candidate", "cell", "hidden")
_LEAST_EFFECT = 1.0  # a sentence whose every word moves the log-odds less than so stays pale


# --- A sentence being read -----------------------------------------------------------------------


def reading(
    model: lstm.Reader, text: str, holds: Mapping[str, float]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The strip of words and the inside of the network for one sentence."""
    possible = {gate: v for gate, v in holds.items() if model.config.model == "lstm"}
    trace = lstm_trace.trace(model, text, possible)
    free = lstm_trace.trace(model, text).probabilities.tolist() if possible else None
    effects = lstm_trace.effects(model, text, possible)
    surer = lstm_trace.moved_odds(float(trace.probabilities[-1]), effects)
    strip = token_strip(
        trace.tokens,
        scores=surer.tolist(),
        changes=effects.tolist(),
        unknown=[not known for known in trace.known],
        curve=trace.probabilities.tolist(),
        free=free,
        answer=answer(trace.probabilities[-1]),
        scale=max(_LEAST_EFFECT, float(np.abs(surer).max())),
        editable=True,
    )
    return strip, inside(model, trace, possible)


def answer(probability: float) -> dict[str, Any]:
    """The last word on the sentence, with how sure the model is of it."""
    praise = bool(probability > 0.5)
    sure = float(probability if praise else 1 - probability)
    return {"label": _LABELS[praise], "value": sure, "tone": 1 if praise else -1}


def inside(
    model: lstm.Reader, trace: lstm_trace.Trace, holds: Mapping[str, float]
) -> dict[str, Any]:
    """Every gate and state of the (forward) network."""
    kind = model.config.model
    if kind == "bag":
        return {"note": "bag"}
    layers = {name: getattr(trace, name, None) for name in _PARTS}
    weights = model.head.weight.detach().numpy()[0, : model.config.hidden]  # forward comes first
    note = "forward" if model.config.bidirectional else None
    return gates(trace.tokens, kind, layers, weights=weights, fixed=holds, note=note)


# --- Training ------------------------------------------------------------------------------------


def watched(run: Run) -> dict[str, Any]:
    """The watched sentence's curve, as it changes while the model learns."""
    config, _, text = run.arguments
    words = tokens(text, config.tokens)

    def frame(snapshot: lstm.Snapshot) -> dict[str, Any] | None:
        if len(snapshot.watched) != len(words) or not words:
            return None
        curve = [round(float(p), 4) for p in snapshot.watched]
        return {"p": curve, "answer": answer(curve[-1])}

    return {**token_strip(words), "run": run.id, "frames": run.frames("watched", frame)}


def judged(test: lstm.Evaluation) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Confusion matrix, accuracy by length, worst mistakes."""
    return confusion(test), lengths({"accuracy": test}), mistakes(test)


def confusion(test: lstm.Evaluation) -> dict[str, Any]:
    return heatmap(
        test.confusion, rows=_LABELS, columns=_LABELS, row_title="true", column_title="answer",
        numbers=True,
    )  # fmt: skip


def mistakes(test: lstm.Evaluation) -> dict[str, Any]:
    rows = zip(test.mistakes, test.labels, test.probabilities, strict=True)
    worst = [(text, _LABELS[int(label)], float(p)) for text, label, p in rows]
    return {**sentences(worst[:_SHOWN_MISTAKES]), "judged": True}


def lengths(tests: Mapping[str, lstm.Evaluation]) -> dict[str, Any]:
    """Accuracy by length of the sentence, a curve for each evaluation.

    A group stands at the middle of its bounds; the last one, which is open, near its start. Groups
    of a few sentences are left out: they say nothing.
    """
    curves = {}
    for name, test in tests.items():
        middle = [(low + min(high, low + 9)) / 2 for low, high in test.lengths]
        rows = zip(middle, test.accuracies, test.counts, strict=True)
        curves[name] = [(x, float(y)) for x, y, count in rows if count >= _ENOUGH]
    names = list(curves)
    return line_chart(curves, x_label="length", panels=[names], shares=names)


# --- Why LSTM ------------------------------------------------------------------------------------


def gradients(measured: Mapping[str, lstm_trace.Reach]) -> dict[str, Any]:
    """How much of the gradient is left by distance, a curve for each kind of model."""
    curves = {kind: list(enumerate(reach.left.tolist())) for kind, reach in measured.items()}
    return line_chart(curves, x_label="distance", panels=[list(curves)])


def race(accuracies: Mapping[str, float]) -> dict[str, Any]:
    """Test accuracy of each kind of model."""
    return bars(list(accuracies), {"test_accuracy": list(accuracies.values())})


def csv_counts(data: Opinions) -> dict[str, int]:
    """What was found in the user's table, for words."""
    praise = int(data.labels.sum())
    parts = {name: len(getattr(data, name)) for name in ("train", "valid", "test")}
    return {"count": len(data), "praise": praise, "complain": len(data) - praise, **parts}
