"""The GAN's game played by hand: a move at a time, shown as six parts that can be played slowly."""

import uuid
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
import torch

from demos import gan_state as state
from demos import gan_views as views
from demos.kit.errors import UserError
from demos.widgets.bars import bars
from demos.widgets.image_grid import diverging_images, sheet
from demos.widgets.line_chart import line_chart
from dlcore import gan
from dlcore.data.mnist import load_mnist
from dlcore.gan_hand import HandStep, Mover, hand_step, opening

SHOWN = 16  # of a batch
PARTS = 6  # cards, pictures, scores, losses, pushes, what changed
_MOST_MOVES = 500  # that the curves remember
_FARTHEST = 2.5  # of a noise's number: paler beyond

Value = dict[str, Any]
_building = Lock()  # the first weights come from torch's one generator


@dataclass(frozen=True)
class Game:
    """A game by hand: everything to go on from, and how it went.

    step: the cards on the table; moved: who has used them; asked: what it was begun with.
    """

    config: gan.Config
    state: dict[str, np.ndarray]
    step: int
    asked: tuple[Any, ...]
    moved: frozenset[str] = frozenset()
    history: tuple[tuple[int, dict[str, float]], ...] = field(default=())


def asked(config: gan.Config, start: object, own: object) -> tuple[Any, ...]:
    """What a game is begun with: other settings are another game. Raises UserError."""
    if start == "fresh":
        return "fresh", config
    if start != "yours":
        raise UserError("gan.errors.unknown_choice")
    if not isinstance(own, state.Own):
        raise UserError("gan.errors.train_first")
    return "yours", own.config, own.kept.step, id(own.players)


def begin(config: gan.Config, start: object, own: object) -> Game:
    """A game of new players, or of those that were trained. Raises UserError."""
    wanted = asked(config, start, own)
    if isinstance(own, state.Own) and start == "yours":
        return Game(own.config, own.kept.state or {}, own.kept.step, wanted)
    with _building:
        first = opening(config)
    return Game(config, first.state or {}, 0, wanted)


def move(game: Game, which: Mover) -> tuple[Game, HandStep]:
    """One move of the game. Cards that the mover has seen are put away, and the next ones dealt."""
    movers = {"d", "g"} if which == "both" else {which}
    again = bool(movers & game.moved)
    step = game.step + again
    after, told = hand_step(game.state, game.config, which, load_mnist(), step)
    moved = frozenset(movers if again else movers | game.moved)
    made = len(game.history) and game.history[-1][0]
    history = (*game.history, (made + 1, dict(told.metrics)))[-_MOST_MOVES:]
    return Game(game.config, after, step, game.asked, moved, history), told


def shown(game: Game, told: HandStep) -> list[Value]:
    """A move as the tab shows it: parts 1 to PARTS on a timeline of their own, and the curves."""
    run = uuid.uuid4().hex[:8]
    parts = list(range(1, PARTS + 1))
    pair = state.Pair(None, game.config.variant)  # type: ignore[arg-type]

    def film(**frames: Value) -> Value:
        listed = [{"step": int(name.removeprefix("at")), **frame} for name, frame in frames.items()]
        return {"run": run, "frames": listed}

    def scored(pictures: np.ndarray, scores: np.ndarray) -> Value:
        captions = views.verdicts(pair, torch.as_tensor(scores[:SHOWN]))
        return {**sheet(pictures[:SHOWN], 8), "captions": captions}

    blank = [" "] * SHOWN
    fakes = {**sheet(told.fakes[:SHOWN], 8), "captions": blank}
    reals = {**sheet(told.real[:SHOWN], 8), "captions": blank[: len(told.real)]}
    still = ["muted"] * SHOWN
    return [
        {"run": run, "steps": parts},
        {"run": run, "frames": [{"step": part, "items": _lines(pair, told, part)}
                                for part in parts]},
        film(at1=_noise(told.noise[:SHOWN])),
        film(at1={**fakes, "marks": still}, at2=fakes, at3=scored(told.fakes, told.fake_before),
             at6=scored(told.fakes_after, told.fake_after)),
        film(at1=reals, at3=scored(told.real, told.real_before),
             at6=scored(told.real, told.real_after)),
        film(at1=_layers(told, pushed=False), at5=_layers(told, pushed=True)),
        _curves(game),
    ]  # fmt: skip


def _noise(noise: np.ndarray) -> Value:
    """Each noise as a square of its numbers; what a square has too many stays paper."""
    side = int(np.ceil(np.sqrt(noise.shape[1])))
    tiles = np.zeros((len(noise), side * side), np.float32)
    tiles[:, : noise.shape[1]] = noise
    return diverging_images(tiles.reshape(-1, side, side), limit=_FARTHEST)


def _lines(pair: state.Pair, told: HandStep, part: int) -> list[Value]:
    """The move in words, up to a part."""

    def mean(scores: np.ndarray) -> Any:
        value = pair.told(torch.as_tensor(scores)).mean().item()
        return {"percent": value} if pair.probable else round(value, 3)

    def moved(player: str) -> Value:
        layers = [layer for layer in told.layers if layer.player == player]
        change = sum(layer.change**2 for layer in layers) ** 0.5
        size = sum(layer.size**2 for layer in layers) ** 0.5
        grad = told.metrics[f"{player}_grad"]
        return {"gradient": grad, "change": {"percent": change / size if size else 0.0}}

    movers = ("d", "g") if told.which == "both" else (told.which,)
    kind = "loss" if pair.probable else "score"
    cards = {"step": told.step + 1, "count": len(told.noise), "size": told.noise.shape[1]}
    scores = {"real": mean(told.real_before), "fake": mean(told.fake_before)}
    after = {
        "real": scores["real"], "real_after": mean(told.real_after),
        "fake": scores["fake"], "fake_after": mean(told.fake_after),
    }  # fmt: skip
    lines: list[tuple[int, str, Value]] = [
        (1, "cards", cards),
        (2, "pictures", {"count": len(told.fakes)}),
        (3, "scores", scores),
        *((4, f"{kind}_{who}", {"loss": told.metrics[f"{who}_loss"]}) for who in movers),
        *((5, f"moves_{who}", moved(who)) for who in movers),
        *((5, f"rests_{who}", {}) for who in ("d", "g") if who not in movers),
        (6, "after", after),
    ]
    return [
        {"key": key, "kind": "good" if place == part else "info", "values": values}
        for place, key, values in lines
        if place <= part
    ]


def _layers(told: HandStep, *, pushed: bool) -> Value:
    """How far each layer was moved, as a share of its length."""
    counts = {"d": 0, "g": 0}
    labels, shares = [], []
    for layer in told.layers:
        counts[layer.player] += 1
        labels.append(f"{layer.player.upper()} {counts[layer.player]}")
        shares.append(layer.change / layer.size if layer.size else 0.0)
    top = max(shares, default=0.0) or 1.0
    return bars(labels, {"change": shares if pushed else [0.0] * len(shares)}, top=top)


def _curves(game: Game) -> Value:
    names = ("d_loss", "g_loss", "d_real", "d_fake")
    curves = {
        name: [(move, told[name]) for move, told in game.history if name in told] for name in names
    }
    value = line_chart({name: points for name, points in curves.items() if points}, x_label="move")
    value["runs"][0]["id"] = uuid.uuid4().hex[:8]  # else the chart would keep the last points
    return {**value, "panels": [["d_loss", "g_loss"], ["d_real", "d_fake"]]}
