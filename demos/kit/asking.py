"""A question that takes a worker a while: status lines until the answer is there."""

import time
from collections.abc import Callable, Generator, MutableMapping
from typing import Any

from demos.widgets.status import status
from dlcore.jobs import JobError, stream

_BUDGET_S = 120.0


class Asking:
    """Let a worker find one answer. Iterating gives status lines; then `result` is there.

    job, arguments: a generator function of dlcore, the last of whose snapshots is the answer.
    known, key: where answers are kept that are always the same, and this one's place there.
    budget_s: seconds that it may take.
    Iterating raises JobError when the job ended without an answer.
    """

    def __init__(
        self,
        job: Callable[..., Any],
        *arguments: Any,
        known: MutableMapping[Any, Any] | None = None,
        key: Any = None,
        budget_s: float = _BUDGET_S,
    ) -> None:
        self._job, self._arguments = job, arguments
        self._budget_s = budget_s
        self._known, self._key = known if known is not None else {}, key
        self.result: Any = self._known.get(key)

    def __iter__(self) -> Generator[dict[str, Any], None, None]:
        if self.result is not None:
            return
        yield status("waiting")
        running = stream(self._job, *self._arguments, budget_s=self._budget_s)
        began = time.monotonic()
        try:
            for event in running:
                word = "running" if event.step else "waiting"
                gone = time.monotonic() - began
                yield status(word, step=event.step, total=event.total, elapsed_s=gone)
                self.result = event.snapshot or self.result
        finally:
            running.close()
        if self.result is None:
            raise JobError("the job ended before it could answer")
        self._known[self._key] = self.result
