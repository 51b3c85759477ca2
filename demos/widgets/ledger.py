"""The ledger of a training: every update a row, followed along the timeline."""

from demos.widgets.base import Widget


class Ledger(Widget):
    """The ledger.

    value = {
        "run": "a1b2", "kind": "neuron" or "network", "points": [[x1, x2, label], …],
        "rows": [[step, sample, output, error, [Δw1, Δw2, Δb], [w1, w2, b], right, loss], …],
        "circle": [step, step] or null,
    }
    sample: the index of the point; -1 all points together, -2 the start, -3 a hand. output and
    error are null where there is none. A network has too many weights for a row: its changes are
    [how far all weights moved together] and its weights are left out, []. Clicking a row scrubs
    the group to its step; arrows, Home and End move.
    """

    script = "ledger"
