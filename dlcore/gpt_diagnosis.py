"""What a GPT's training came to, read from its own losses: has it learnt, or learnt by heart?

A network with more numbers than the text has letters can simply keep the text. That shows where it
is asked about a part that it never saw: there the loss turns and rises, while it goes on falling on
the part that it knows. Each finding is a claim with the numbers it rests on.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dlcore.progress import Progress

_GAP = 0.5  # nats: the held-out part's tokens are 1.6 times less expected
_TURNED = 0.05  # nats above the best that was reached
_RIGHT = 0.99


@dataclass(frozen=True)
class Finding:
    """key: "burst", "memorises", "gap", "solved", "unsolved", "early" or "fine".

    values: the numbers that show it. "memorises": `best` held-out loss at `step`, `last` one,
    `train`, and how many `times` likelier it finds what it knows; "gap": the same, but the held-out
    loss has not yet turned; "solved", "unsolved": `accuracy` on held-out sums.
    """

    key: str
    values: Mapping[str, float] = field(default_factory=dict)


def diagnose(events: Sequence[Progress]) -> list[Finding]:
    """Everything found, the gravest first; a single "fine" if nothing was; empty for no event."""
    losses = [event.metrics["loss"] for event in events if "loss" in event.metrics]
    if not losses:
        return []
    if not all(map(math.isfinite, losses)) or losses[-1] > 1.5 * losses[0]:
        return [Finding("burst", {"first": losses[0], "last": losses[-1]})]
    asked = [event for event in events if "valid_loss" in event.metrics]
    if not asked:
        return [Finding("early", {"steps": events[-1].step})]
    last = asked[-1].metrics
    if "valid_accuracy" in last:
        accuracy = last["valid_accuracy"]
        return [Finding("solved" if accuracy >= _RIGHT else "unsolved", {"accuracy": accuracy})]
    best = min(asked, key=lambda event: event.metrics["valid_loss"])
    low, gap = best.metrics["valid_loss"], last["valid_loss"] - last["train_loss"]
    values = {
        "best": low,
        "step": best.step,
        "last": last["valid_loss"],
        "train": last["train_loss"],
        "times": math.exp(gap),
    }
    fell = last["train_loss"] < best.metrics["train_loss"]
    if last["valid_loss"] > low + _TURNED and fell:
        return [Finding("memorises", values)]
    return [Finding("gap" if gap > _GAP else "fine", values)]
