"""The GAN's variants, trained one after the other from the same seed and judged side by side."""

import dataclasses
import math
import time
import uuid
from collections.abc import Iterator
from typing import Any

import gradio as gr

from demos import gan_state as state
from demos import gan_views as views
from demos.gan_handlers import Judging
from demos.gan_layout import Layout
from demos.kit.run import Run
from demos.widgets.status import status
from dlcore import gan
from dlcore.data.mnist import load_mnist
from dlcore.jobs import stream
from dlcore.quality import Quality

_BUDGET_S = 240.0  # for each
_TELL_EVERY_S = 0.3


def entry(config: gan.Config, variant: str, steps: int) -> gan.Config:
    """The settings of one variant that trains for so many steps of G, on as much of the data.

    They are the page's, but for what `gan.AS_PUBLISHED` grants the variant.
    """
    config = dataclasses.replace(config, variant=variant, **gan.AS_PUBLISHED.get(variant, {}))
    pool = config.train_share * len(gan.Deck(load_mnist(), whole(config)).images)
    wanted = steps * config.d_steps * config.batch_size
    epochs = max(1, math.ceil(wanted / pool))
    share = min(1.0, max(0.01, config.train_share * wanted / epochs / pool))
    return dataclasses.replace(config, epochs=epochs, train_share=share)


def whole(config: gan.Config) -> gan.Config:
    return dataclasses.replace(config, train_share=1.0)


class Race:
    """Trains the five variants; iterating gives updates of the tab."""

    def __init__(self, tab: Layout) -> None:
        self.tab = tab

    def run(self, steps: Any, *values: Any) -> Iterator[dict[Any, Any]]:
        """Train all five variants for as many steps, from the same seed, and judge each."""
        tab = self.tab
        config, count = tab.form.config(values), state.race_steps(steps)
        race, seen = uuid.uuid4().hex[:8], {0}
        found: dict[str, tuple[Run, Quality]] = {}
        yield {
            **self._buttons(busy=True),
            tab.race_status: status("waiting"),
            tab.race_time: {"run": race, "steps": []},
            **dict.fromkeys([*tab.lanes.values(), tab.race_bars, tab.race_notes], None),
        }
        for place, variant in enumerate(gan.VARIANTS):
            run = Run(entry(config, variant, count))
            for update in self._train(run, tab.lanes[variant], place, seen):
                yield {**update, tab.race_time: {"run": race, "steps": sorted(seen)}}
            if (own := state.trained(run)) is None:
                continue
            for _ in (judging := Judging(state.Pair(own.players, variant))):
                yield {tab.race_status: gr.skip()}  # notices a page that was closed
            found[variant] = run, judging.result
            ranks, lines = views.ranking(found)
            yield {tab.race_bars: ranks, tab.race_notes: lines}
        yield {**self._buttons(busy=False), tab.race_status: status("done")}

    def _train(self, run: Run, lane: Any, place: int, seen: set[int]) -> Iterator[dict[Any, Any]]:
        """One variant's training, as updates of its lane and of the status line."""
        running = stream(gan.job, run.config, budget_s=_BUDGET_S)
        lanes = len(gan.VARIANTS)
        previous, told = None, 0.0

        def shown() -> dict[Any, Any]:
            done, total = run.latest.step, run.latest.total
            pictures = views.lane(run)
            seen.update(frame["step"] for frame in pictures["frames"])
            at = {"step": place * total + done, "total": lanes * total}
            word = "running" if total else "waiting"
            line = {"state": word, **at, "metrics": {run.config.variant: done}}
            return {self.tab.race_status: line, lane: pictures}

        try:
            for progress in running:
                if progress.total and progress is not previous:
                    run.add(progress)
                previous = progress
                if time.monotonic() - told >= _TELL_EVERY_S:
                    told = time.monotonic()
                    yield shown()
            run.finish(running.ended)
            yield shown()
        finally:
            running.close()

    def _buttons(self, *, busy: bool) -> dict[Any, Any]:
        tab = self.tab
        return {
            tab.race: gr.update(interactive=not busy),
            tab.race_stop: gr.update(interactive=busy),
        }
