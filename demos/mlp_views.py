"""What the MLP tab shows: from runs, tables and judgements to the values of widgets."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from demos.kit.run import Run
from demos.mlp_state import before_training, table_of
from demos.widgets.network import network, network_frame, network_points
from demos.widgets.notes import notes
from demos.widgets.scatter import scatter, scatter_frame
from dlcore import mlp
from dlcore.data.tables import Table

SEEDS_PANELS = [["valid_accuracy"], ["loss"]]
TOLD = ("dataset", "hidden", "activation", "optimizer", "lr", "batch_size", "standardize", "l2")
_MOST_POINTS = 1_500  # drawn on the plane

Value = dict[str, Any]


def recorded(run: Run, name: str, make: Callable[[mlp.Snapshot], Value]) -> list[Value]:
    """The frames so far, with one for a snapshot that is new: not every event brings one."""
    known = run.frames(name, lambda _: None)
    last = max((frame["step"] for frame in known), default=-1)
    return run.frames(name, lambda snap: make(snap) if snap.step > last else None)


def diagram(run: Run) -> Value:
    """The network over time, and the plane with its points where there is one."""
    table = table_of(run)
    if run.snapshot is None:  # it waits for its first update: look at what it begins with
        run.snapshot = before_training(run)

    def frame(snapshot: mlp.Snapshot) -> Value:
        shown = snapshot.picture
        return network_frame(
            snapshot.step, shown.weights, shown.biases, fields=shown.fields, output=shown.output
        )

    frames = recorded(run, "network", frame)
    flat = table.features.shape[1] == 2
    value = network(
        run.id,
        inputs=table.names,
        layers=run.config.hidden_sizes,
        outputs=table.classes,
        points=_points(table) if flat else None,
        view=run.snapshot.picture.view if flat else None,
        editable=bool(run.ended) or not run.events,
    )
    return {**value, "frames": frames}


def _points(table: Table) -> Value:
    rows = np.concatenate([table.train, table.held_out])
    held = np.isin(np.arange(len(table.labels)), table.held_out)
    some = np.sort(rows)[:: max(1, -(-len(rows) // _MOST_POINTS))]
    return network_points(table.features[some], table.labels[some], held[some])


def planes(run: Run) -> Value | None:
    """Inputs and hidden layers, each seen along its two widest directions; None for 2-D data."""
    if run.snapshot is None or run.snapshot.picture.planes is None:
        return None
    table = table_of(run)
    frames = recorded(run, "planes", lambda s: scatter_frame(s.step, s.picture.planes or ()))
    shown = run.snapshot.picture.shown
    value = scatter(
        run.id,
        labels=table.labels[shown],
        classes=table.classes,
        held=np.isin(shown, table.held_out),
        rows=shown + 1,
    )
    return {**value, "frames": frames}


# --- Words about data and runs -------------------------------------------------------------------

_FRIENDLY = ("loaded", "no_header")


def about(table: Table, own: bool) -> Value:
    """How large the table is, and what there is to know about one's own."""
    sizes = {
        "rows": len(table.labels), "features": len(table.names), "classes": len(table.classes),
        "train": len(table.train), "held": len(table.held_out),
    }  # fmt: skip
    remarks = [(note.key.split(".")[-1], note.values) for note in table.notes] if own else []
    return notes(
        (key, "info" if key in _FRIENDLY else "warning", _readable(values))
        for key, values in [("loaded", sizes), *remarks]
    )


def diagnosis(run: Run) -> Value:
    """What the run itself says about how it went."""
    found = mlp.diagnose(run.events, run.snapshot, table_of(run))
    return notes(
        (f.key, "good" if f.key == "fine" else "warning", _readable(f.values)) for f in found
    )


def spread(run: Run) -> Value:
    """Where ten seeds ended."""
    last = run.metrics()
    names = {"mean": "valid_accuracy", "low": "valid_accuracy_low", "high": "valid_accuracy_high"}
    if not all(name in last for name in names.values()):
        return notes([])
    return notes([("result", "info", {k: {"percent": last[name]} for k, name in names.items()})])


_SHARES = ("share", "accuracy", "valid_accuracy", "largest", "gap")


def _readable(values: Mapping[str, Any]) -> Value:
    """Shares of one become percentages, and a loss past all bounds a sign for it."""

    def shown(name: str, value: Any) -> Any:
        if isinstance(value, float) and not math.isfinite(value):
            return "∞"
        if isinstance(value, float) and abs(value) >= 100:
            return round(value)
        return {"percent": float(value)} if name in _SHARES else value

    return {name: shown(name, value) for name, value in values.items()}
