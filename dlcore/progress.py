"""What a training loop says after each step.

Training here is a generator of `Progress`. Whoever holds the generator is in charge:
not asking for the next value is a pause, `close()` is a stop, `list(train(...))` is a test.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Progress:
    """One event of a run.

    step: how many steps are done; 0 means that the run waits to begin.
    total: how many steps the whole run will take; 0 while that is not known.
    metrics: a curve's name -> its value at this step. A curve need not have a point at every step.
    snapshot: the topic's own frozen dataclass of CPU arrays, small enough for a browser, or None.
    """

    step: int
    total: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    snapshot: Any = None
