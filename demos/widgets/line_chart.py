"""Curves over steps: loss and accuracy as they come, with earlier runs faint behind."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from demos.widgets.base import Widget, pack
from demos.widgets.recording import recent

Points = Sequence[Sequence[Any]]  # of pairs (x, y); a y of None is a gap


class LineChart(Widget):
    """A chart of one or more panels that share x.

    value = {
        "runs": [{"id", "curves": {"loss": [[step, y], …], …},
                  "settings": {"lr": 0.1, …}, "label": "", "total": 1_400}, …],
        "panels": [["loss", "test_loss"], ["accuracy", "test_accuracy"]],
        "x_label": "step", "marks": [{"x": 120, "label": "…"}], "shares": ["dead_units"],
    }
    Only "runs" is needed; `chart_run` makes one. The last run is the live one; of the earlier ones
    five are drawn, faint, and the legend names the settings in which the runs differ. "total" fixes
    the x axis before the run gets there. A y of None is a gap. Curves that are shares of one
    (accuracy, precision, recall, f1 and those in "shares") are shown in percent. Without "panels"
    the curves are grouped by their names, train_ and test_ of the same thing together. A curve may
    also be {"x": packed, "y": packed}. Earlier points of a run whose id it knows the browser keeps.

    A curve "loss" with companions "loss_low" and "loss_high" in the same run is a line with a band:
    the companions have no legend of their own, and pointing at the curve reads them too.

    Names of curves, of settings and of the x axis are looked up in `texts` (the section "metrics"
    always comes along; pass "<topic>.settings" to have settings named) and shown raw when absent.
    `panels`, `shares` and `empty` (the word key of the empty state) may be given once, as keywords.
    log=True begins with a logarithmic scale.
    A chart with a `group` scrubs its group by click or drag.
    """

    script = "line_chart"

    def __init__(self, value: Any = None, *, texts: tuple[str, ...] = (), **props: Any) -> None:
        super().__init__(value, texts=("metrics", *texts), **props)


def chart_run(
    run: str,
    curves: Mapping[str, Points],
    *,
    settings: Mapping[str, Any] | None = None,
    total: int = 0,
    live: bool = False,
) -> dict[str, Any]:
    """One of a chart's runs. live: only the newest points, which the browser adds to what it has;
    else every point, packed, which costs the page next to nothing while another run is live.
    total: how many steps a live run will take, so that the x axis need not grow.
    """
    shown = {name: _newest(c) if live else _packed(c) for name, c in curves.items()}
    return {
        "id": run,
        "curves": shown,
        "settings": dict(settings or {}),
        "total": total if live else 0,
    }


def line_chart(
    curves: Mapping[str, Points],
    *,
    x_label: str = "step",
    panels: Sequence[Sequence[str]] | None = None,
    marks: Iterable[tuple[float, str]] = (),
    shares: Sequence[str] = (),
) -> dict[str, Any]:
    """The value of a chart that shows one set of curves, name -> points (x, y)."""
    value: dict[str, Any] = {
        "runs": [{"id": "only", "curves": {name: _points(c) for name, c in curves.items()}}],
        "x_label": x_label,
        "marks": [{"x": x, "label": label} for x, label in marks],
        "shares": list(shares),
    }
    if panels is not None:
        value["panels"] = [list(names) for names in panels]
    return value


def _newest(points: Points) -> list[list[float | None]]:
    return _points(recent(points))


def _packed(points: Points) -> dict[str, Any]:
    table = np.array(points, dtype=np.float32).reshape(-1, 2)  # None becomes NaN, which is a gap
    return {"x": pack(table[:, 0]), "y": pack(table[:, 1])}


def _points(points: Points) -> list[list[float | None]]:
    return [[float(x), None if y is None else float(y)] for x, y in points]
