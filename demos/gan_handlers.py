"""What happens on the GAN tab when somebody clicks, drags or draws. No layout here."""

import dataclasses
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import gradio as gr
import numpy as np

from demos import gan_hand as by_hand
from demos import gan_state as state
from demos import gan_views as views
from demos.gan_layout import Layout
from demos.kit.asking import Asking
from demos.kit.errors import UserError
from demos.kit.events import sent
from demos.kit.run import Run
from demos.widgets.status import status
from dlcore import gan
from dlcore.data.mnist import load_mnist
from dlcore.gan_hand import Mover
from dlcore.quality import Quality, assess, nearest, read

JUDGED = 1_000  # pictures
SHOWN = 40  # of them


class Handlers:
    """One visitor's clicks, on the tab's components."""

    def __init__(self, tab: Layout) -> None:
        self.tab, self.form = tab, tab.form

    # --- Training ----------------------------------------------------------------------------

    def arrive(self, line: Any) -> tuple[Any, Any]:
        """What the bundled generator draws, until there is a run of one's own."""
        if isinstance(line, dict) and line.get("state") != "idle":
            return gr.skip(), gr.skip()
        return views.before_training(state.MODELS.bundled("tutorial"))

    def finish(self, own: Any, record: Any) -> Iterator[tuple[Any, Any]]:
        """After a run: its players answer from now on; what the run and the judge say of it."""
        if not isinstance(own, state.Own) or not isinstance(record, Run):
            yield gr.skip(), gr.skip()
            return
        yield views.diagnosis(record, None), "yours"
        for _ in (judging := Judging(state.pair("yours", own))):
            pass
        yield views.diagnosis(record, judging.result), gr.skip()

    def broken(self, name: str) -> Any:
        """The settings of a real failure, and the section where it is watched."""

        def sets() -> list[Any]:
            return [gr.update(selected="train"), *self.form.values(gan.BREAK[name])]

        return sets

    # --- By hand -----------------------------------------------------------------------------

    def hand(self, which: Mover) -> Any:
        def moves(game: Any, start: Any, own: Any, *values: Any) -> list[Any]:
            """A move of the game by hand; other settings begin another game."""
            config = self.form.config(values)
            asked = by_hand.asked(config, start, own)
            if not isinstance(game, by_hand.Game) or game.asked != asked:
                game = by_hand.begin(config, start, own)
            game, told = by_hand.move(game, which)
            return [game, *by_hand.shown(game, told)]

        return moves

    def anew(self) -> list[Any]:
        """The game is put away."""
        empty = {"run": "", "steps": []}
        return [None, empty, *[None] * (len(self.tab.shown_by_hand) - 1)]

    # --- Play --------------------------------------------------------------------------------

    def play(self, which: Any, own: Any, look: Any, digit: Any, *amounts: Any) -> tuple[Any, ...]:
        """Pictures of 40 noises, one of them steered, and a walk between two."""
        asked = state.digit_of(digit), state.amounts_of(amounts)
        return views.play(state.pair(which, own), state.look_of(look), *asked)

    def others(self, look: Any) -> state.Look:
        """Other noises on the table."""
        look = state.look_of(look)
        return dataclasses.replace(look, draws=look.draws + 1)

    def picked(self, look: Any, event: gr.EventData) -> state.Look:
        """A picture on the table becomes an end of the walk."""
        return state.look_of(look).picked(state.whole(sent(event), "index", state.DRAWN))

    def straight(self) -> list[float]:
        """The steered picture as it was."""
        return [0.0] * state.DIRECTIONS

    def doubt(self, pixels: Any, which: Any, own: Any, digit: Any) -> tuple[Any, Any]:
        """What the discriminator says of a drawing, and where it looks."""
        image, asked = state.what_it_gets(pixels), state.digit_of(digit)
        if image is None:
            return None, None
        pair = state.pair(which, own)
        if pair.conditional and asked == state.ANY:  # it wants to be told what it looks at
            asked = int(read((image[None] * 255).round().byte())[0][0])
        return views.doubts(pair, image, asked)

    # --- Is it any good? ---------------------------------------------------------------------

    def judge(self, which: Any, own: Any) -> Iterator[dict[Any, Any]]:
        """1,000 pictures read by the bundled CNN: which digits, how surely, how like real ones."""
        tab, pair = self.tab, state.pair(which, own)
        for line in (judging := Judging(pair)):
            yield {tab.judge_status: line}
        for line in (real := Judging(None)):
            yield {tab.judge_status: line}
        some = judging.pictures[:SHOWN].numpy()
        yield {
            tab.judge_status: status("done"),
            tab.histogram: views.histogram(judging.result),
            tab.verdict: views.judgement(judging.result, real.result),
            tab.judged: views.exhibits(some),
            tab.exhibits: some,
            tab.nearest: None,
            tab.near_note: None,
        }

    def neighbour(self, exhibits: Any, event: gr.EventData) -> tuple[Any, Any]:
        """The training image nearest to a picture that was clicked."""
        index = state.whole(sent(event), "index", SHOWN)
        if not isinstance(exhibits, np.ndarray):
            raise UserError("gan.errors.judge_first")
        return views.neighbour(exhibits[index], usual_distance())


class Judging(Asking):
    """Let the judge look at pictures in a worker.

    pair: whose pictures, 1,000 of noises of their own; None: as many real ones from the training
    set, to compare with. pictures: they, uint8 (1000, 28, 28).
    """

    result: Quality

    def __init__(self, pair: state.Pair | None) -> None:
        if pair is None:
            self.pictures = load_mnist().train_images[:JUDGED]
            super().__init__(assess, self.pictures.numpy(), known=_known, key="real")
            return
        labels = pair.labels(state.ANY, JUDGED)
        noise = pair.noise(JUDGED, seed=JUDGED)
        self.pictures = gan.sample(pair.players.generator, noise, labels)
        asked = None if labels is None else labels.numpy()
        super().__init__(assess, self.pictures.numpy(), asked)


_known: dict[str, Quality] = {}  # the judgement of real pictures, which is always the same


@lru_cache(maxsize=1)
def usual_distance() -> float:
    """How far a real test image usually is from its nearest training image: the median of some."""
    return float(np.median([nearest(image).distance for image in load_mnist().test_images[:15]]))
