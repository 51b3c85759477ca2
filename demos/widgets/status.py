"""One line about a run: what it is doing, how far it is, how long it still needs."""

from collections.abc import Mapping
from typing import Any

from demos.widgets.base import Widget

STATES = ("idle", "waiting", "running", "done", "stopped", "budget", "failed")


class Status(Widget):
    """The state of a run with a progress bar and the newest metrics.

    value = {"state": one of STATES, "run": what tells this run from others, "step", "total",
             "elapsed_s", "left_s", "metrics": {name: y},
             "message": why it failed, in the reader's language}.
    Only "state" is needed; None means idle. A total of 0 is unknown and shows a moving bar.
    Metrics are named by the locale section "metrics", shares (accuracy, …) shown in percent.
    """

    script = "status"

    def __init__(self, value: Any = None, *, texts: tuple[str, ...] = (), **props: Any) -> None:
        super().__init__(value, texts=("metrics", *texts), **props)


def status(
    state: str,
    *,
    step: int = 0,
    total: int = 0,
    elapsed_s: float | None = None,
    metrics: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """The value of a status line. The time left is what the steps done so far predict."""
    if state not in STATES:
        raise ValueError(f"state must be one of {', '.join(STATES)}, not {state!r}")
    value = {"state": state, "step": step, "total": total, "metrics": dict(metrics or {})}
    if elapsed_s is not None:
        value["elapsed_s"] = round(elapsed_s, 1)
        if state == "running" and 0 < step <= total:
            value["left_s"] = round(elapsed_s * (total - step) / step, 1)
    return value
