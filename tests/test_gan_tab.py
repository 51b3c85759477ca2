"""The GAN tab without a browser: what may be asked, what is shown, and how much is sent."""

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
import torch

from demos import gan_hand as by_hand
from demos import gan_views as views
from demos.gan import _checked
from demos.gan_race import entry
from demos.gan_state import (
    ANY,
    DRAWN,
    FARTHEST,
    STEPS,
    Look,
    Own,
    Pair,
    amounts_of,
    digit_of,
    going_on,
    pair,
    race_steps,
    script_call,
    trained,
    usual_scores,
    whole,
)
from demos.kit.errors import UserError
from demos.kit.run import Run
from dlcore import gan
from dlcore.data.mnist import load_mnist
from dlcore.gan_hand import opening
from dlcore.progress import Progress
from dlcore.quality import Quality

SMALL = gan.Config(noise_dim=10, batch_size=16, train_share=0.01, epochs=1)
MOST_SENT = 5_000_000  # bytes of a two-minute run


@pytest.fixture(scope="module")
def own() -> Own:
    first = opening(SMALL)
    assert first.state is not None
    return Own(gan.restore(first.state, SMALL), SMALL, first)


def conditional() -> Pair:
    config = dataclasses.replace(SMALL, variant="conditional")
    return Pair(gan.build(config).eval().requires_grad_(False), "conditional")


def snapshot(step: int, *, state: bool = False) -> gan.Snapshot:
    """Handwriting stands for samples: as many strokes, and as hard to compress."""
    start = 64 * step % 50_000
    pictures = load_mnist().train_images[start : start + 64].numpy()
    return gan.Snapshot(step, pictures, {} if state else None)


# Training


def test_two_minutes_send_less_than_five_megabytes() -> None:
    run, sent, frames = Run(gan.Config()), 0, 0
    total = 6_000
    for moment in range(1, 601):  # five a second
        shown = snapshot(moment) if moment % 10 == 0 else None
        step = moment * total // 600
        content = None if shown is None else dataclasses.replace(shown, step=step)
        run.add(Progress(step, total, {"d_loss": 0.6}, content))
        if content is not None:  # only what is new travels: see demos/widgets/recording.py
            newest = max(views.samples(run)["frames"], key=lambda frame: frame["step"])
            assert newest["step"] == step
            sent += 10 * len(json.dumps(newest))  # each stands for ten
            film = views.film(run)["frames"]
            frames = max(frames, len(run.frames("film", lambda _: None)))
            sent += len(json.dumps(max(film, key=lambda frame: frame["step"])))
    assert frames > 10
    assert sent < MOST_SENT, sent


def test_a_snapshot_is_shown_once_and_the_film_thins_as_it_grows() -> None:
    run = Run(gan.Config())
    for step in range(1, 301):
        run.add(Progress(step, 300, {}, snapshot(step) if step % 3 == 0 else None))
        views.samples(run)
        views.film(run)
    run.whole = True
    steps = [frame["step"] for frame in views.samples(run)["frames"]]
    assert steps == list(range(3, 301, 3))
    moments = np.array([frame["step"] for frame in views.film(run)["frames"]])
    assert moments[0] == 3
    assert np.diff(moments)[-1] > np.diff(moments)[0]
    assert 20 < len(moments) < 60


def test_a_run_without_weights_leaves_nothing_and_one_with_them_goes_on() -> None:
    run = Run(SMALL)
    run.add(Progress(1, 10, {}, snapshot(1)))
    assert trained(run) is None and going_on(SMALL, run) is None and going_on(SMALL, None) is None
    kept = opening(SMALL)
    run.add(Progress(2, 10, {}, kept))
    run.add(Progress(3, 10, {}, snapshot(3)))
    left = trained(run)
    assert left is not None and left.kept is kept
    assert going_on(dataclasses.replace(SMALL, lr_d=0.1), run) == (
        dataclasses.replace(SMALL, lr_d=0.1),
        kept,
    )
    assert going_on(dataclasses.replace(SMALL, noise_dim=11), run) is None


def test_the_script_of_a_run_that_went_on_goes_on_too() -> None:
    assert script_call(None) == ("", "job(config)")
    assert script_call(Run(SMALL))[1] == "job(config)"
    whole_run = list(gan.job(SMALL))
    run = Run(SMALL, (SMALL, whole_run[-1].snapshot))
    onwards = list(gan.job(*run.arguments))
    for event in onwards:
        run.add(event)
    setup, call = script_call(run)
    scope: dict[str, Any] = {"job": gan.job, "config": SMALL}
    exec(setup, scope)
    again = list(eval(call, scope))
    assert len(again) == len(whole_run) + len(onwards)
    assert again[-1].metrics == onwards[-1].metrics


# What may be asked


@pytest.mark.parametrize("wrong", [None, "7", 7.0, True, 10, -2, [], float("nan")])
def test_a_digit_is_a_digit(wrong: Any) -> None:
    with pytest.raises(UserError):
        digit_of(wrong)
    assert [digit_of(ANY), digit_of(9)] == [-1, 9]


@pytest.mark.parametrize("wrong", [None, "1", float("nan"), float("inf"), True, FARTHEST + 0.1, []])
def test_a_slider_stays_in_its_bounds(wrong: Any) -> None:
    with pytest.raises(UserError):
        amounts_of([0, wrong, 0, 0])
    assert amounts_of([0, FARTHEST, -FARTHEST, 0.5]) == [0.0, FARTHEST, -FARTHEST, 0.5]


@pytest.mark.parametrize("wrong", [None, "50", float("nan"), 10**400, 19, 2_001, 50.5, True, []])
def test_a_race_is_as_long_as_is_offered(wrong: Any) -> None:
    with pytest.raises(UserError):
        race_steps(wrong)
    assert race_steps(100.0) == 100


@pytest.mark.parametrize("data", [None, 3, {}, {"index": 40}, {"index": -1}, {"index": 2.0}])
def test_a_click_is_on_something(data: Any) -> None:
    with pytest.raises(UserError):
        whole(data, "index", 40)
    assert whole({"index": 39}, "index", 40) == 39


@pytest.mark.parametrize("which", [None, "mine", 0, ["tutorial"], {}])
def test_only_known_players_are_asked(which: Any) -> None:
    with pytest.raises(UserError):
        pair(which, None)
    with pytest.raises(UserError) as error:
        pair("yours", None)
    assert error.value.key == "gan.errors.train_first"


def test_the_address_is_checked() -> None:
    good = {"which": "conditional", "digit": 7, "start": "yours", "steps": 250}
    assert {name: _checked(name, value) for name, value in good.items()} == good
    bad: dict[str, Any] = {"which": "yours", "digit": 10, "start": [], "steps": True}
    for name, value in bad.items():
        with pytest.raises((ValueError, TypeError)):
            _checked(name, value)


# Play


def test_the_table_the_walk_and_the_sliders_show_the_generators_own_pictures(own: Own) -> None:
    asked = pair("yours", own)
    look = Look(ends=(3, 5))
    table, moved, walk = views.play(asked, look, ANY, [0.0] * 4)
    noise = asked.noise(DRAWN, seed=0)
    pictures = gan.sample(own.players.generator, noise).numpy()
    assert (_pictures(table) == pictures).all()
    assert table["marks"][3] == "right" and table["marks"][5] == "wrong"
    assert len(_pictures(walk)) == STEPS == len(walk["captions"])
    assert (_pictures(walk)[[0, -1]] == pictures[[3, 5]]).all()
    assert (_pictures(moved) == pictures[[3, 3]]).all(), "sliders at 0 change nothing"
    score = gan.score(own.players.discriminator, pictures[3:4]).sigmoid().item()
    assert moved["captions"][0] == f"{100 * score:.0f} %"
    steered = _pictures(views.play(asked, look, ANY, [4.0, 0.0, 0.0, 0.0])[1])
    assert (steered[0] == pictures[3]).all() and (steered[1] != pictures[3]).any()


def _pictures(value: dict[str, Any]) -> np.ndarray:
    """What a sheet without loss holds."""
    import base64
    import io

    from PIL import Image

    data = base64.b64decode(value["sheet"].split(",")[1])
    whole = np.asarray(Image.open(io.BytesIO(data)).convert("L"))
    height, width = value["tile"]
    across = whole.shape[1] // width
    tiles = whole.reshape(-1, height, across, width).swapaxes(1, 2).reshape(-1, height, width)
    return tiles[: value["count"]]


def test_two_clicks_choose_both_ends() -> None:
    look = Look().picked(7)
    assert look.ends == (7, 1)
    assert look.picked(9).ends == (7, 9)
    assert look.picked(9).picked(4).ends == (4, 9)


def test_a_conditional_pair_is_told_the_digit() -> None:
    asked = conditional()
    assert asked.labels(7, 3).tolist() == [7, 7, 7]  # type: ignore[union-attr]
    assert asked.labels(ANY, 11).tolist() == [*range(10), 0]  # type: ignore[union-attr]
    noise = asked.noise(DRAWN, seed=0)
    sevens = gan.sample(asked.players.generator, noise, torch.full((DRAWN,), 7)).numpy()
    assert (_pictures(views.play(asked, Look(), 7, [0.0] * 4)[0]) == sevens).all()
    note = views.doubts(asked, torch.rand(28, 28), 7)[1]["items"][0]
    assert note["key"] == "asked" and note["values"]["digit"] == "7"


def test_a_score_is_a_probability_only_where_it_is_one(own: Own) -> None:
    scores = torch.tensor([0.0, 2.0])
    assert views.verdicts(Pair(own.players, "dcgan"), scores) == ["50 %", "88 %"]
    assert views.verdicts(Pair(own.players, "wgan-gp"), scores) == ["0.00", "2.00"]
    real, fake = usual_scores(Pair(own.players, "tutorial"))
    assert 0 < real < 1 and 0 < fake < 1
    critic = Pair(own.players, "wgan-gp")
    note = views.doubts(critic, torch.rand(28, 28), ANY)[1]["items"][0]
    assert note["key"] == "raw" and isinstance(note["values"]["score"], float)


# By hand


def test_d_and_then_g_are_both_and_cards_are_seen_once() -> None:
    game = by_hand.begin(SMALL, "fresh", None)
    after_d, _ = by_hand.move(game, "d")
    after_g, told = by_hand.move(after_d, "g")
    after_both, _ = by_hand.move(game, "both")
    assert after_g.step == after_both.step == 0
    for name, value in after_both.state.items():
        assert np.array_equal(value, after_g.state[name]), name
    again, _ = by_hand.move(after_g, "g")
    assert again.step == 1 and again.moved == {"g"}
    assert [move for move, _ in again.history] == [1, 2, 3]
    assert set(told.metrics) >= {"g_loss", "g_grad"}


@pytest.mark.parametrize("variant", ["tutorial", "wgan-gp"])
def test_a_move_is_told_part_by_part(variant: str) -> None:
    config = dataclasses.replace(SMALL, variant=variant)
    game, told = by_hand.move(by_hand.begin(config, "fresh", None), "d")
    timeline, lines, noise, fakes, reals, push, curves = by_hand.shown(game, told)
    assert timeline["steps"] == [1, 2, 3, 4, 5, 6]
    counts = [len(frame["items"]) for frame in lines["frames"]]
    assert counts == [1, 2, 3, 4, 6, 7]
    keys = [item["key"] for item in lines["frames"][-1]["items"]]
    loss = "loss_d" if variant == "tutorial" else "score_d"
    assert keys == ["cards", "pictures", "scores", loss, "moves_d", "rests_g", "after"]
    scores = torch.as_tensor(told.fake_before)
    caption = fakes["frames"][2]["captions"][0]
    assert caption == views.verdicts(Pair(None, variant), scores)[0]  # type: ignore[arg-type]
    assert push["frames"][0]["series"][0]["values"] == [0.0] * 4
    assert min(push["frames"][1]["series"][0]["values"]) > 0
    assert curves["runs"][0]["curves"]["d_loss"] == [[1.0, told.metrics["d_loss"]]]
    assert json.dumps([noise, reals])


def test_a_game_is_begun_as_it_is_offered(own: Own) -> None:
    wrong: Any
    for wrong in (None, "bundled", 1, []):
        with pytest.raises(UserError):
            by_hand.begin(SMALL, wrong, own)
    with pytest.raises(UserError):
        by_hand.begin(SMALL, "yours", None)
    assert by_hand.begin(gan.Config(), "yours", own).config == own.config
    assert by_hand.asked(SMALL, "fresh", own) != by_hand.asked(gan.Config(), "fresh", own)


# Variants and the judge


@pytest.mark.parametrize("steps", [50, 300, 2_000])
@pytest.mark.parametrize(
    "settings", [{}, {"d_steps": 5}, {"batch_size": 1000}, {"digits": "5"}, {"train_share": 0.1}]
)
def test_every_variant_trains_for_as_many_steps(steps: int, settings: dict[str, Any]) -> None:
    config = dataclasses.replace(gan.Config(seed=3), **settings)
    entered = entry(config, "wgan-gp", steps)
    assert abs(gan.Deck(load_mnist(), entered).steps - steps) <= max(1, steps // 50)
    assert (entered.variant, entered.seed) == ("wgan-gp", 3)
    assert entered.train_share <= config.train_share + 0.01


def test_a_variant_gets_what_its_paper_asks_for_and_else_the_pages_settings() -> None:
    page = gan.Config(lr_g=0.002, beta1=0.3, d_steps=2)
    critic, plain = entry(page, "wgan-gp", 100), entry(page, "dcgan", 100)
    assert (critic.d_steps, critic.beta1, critic.beta2, critic.lr_g) == (5, 0.0, 0.9, 0.002)
    assert (plain.d_steps, plain.beta1, plain.lr_g) == (2, 0.3, 0.002)


def judged(**changes: Any) -> Quality:
    shares = np.full(10, 0.1, np.float32)
    return dataclasses.replace(Quality(1_000, shares, 0.95, 3.14159), **changes)


def test_a_judgement_says_what_is_missing() -> None:
    keys = [item["key"] for item in views.judgement(judged(), judged())["items"]]
    assert keys == ["confident", "frechet"]
    shares = np.array([0.0, 0.01, *[0.99 / 8] * 8], np.float32)
    found = views.judgement(judged(histogram=shares, matches=0.5), judged())["items"]
    assert [item["key"] for item in found] == ["confident", "frechet", "matches", "missing"]
    assert found[-1]["values"] == {"digits": "0, 1"}
    assert found[1]["values"]["frechet"] == 3.1
    bars = views.histogram(judged(histogram=shares))
    assert [one["name"] for one in bars["series"]] == ["generated", "test"]
    assert bars["series"][1]["values"][1] == pytest.approx(0.1135)


def test_a_copied_training_image_is_called_a_copy() -> None:
    image = load_mnist().train_images[123].numpy()
    shown, note = views.neighbour(image, typical=4.0)
    assert note["items"][0]["key"] == "copy" and (_pictures(shown)[1] == image).all()
    noise = np.random.default_rng(0).integers(0, 255, (28, 28), dtype=np.uint8)
    assert views.neighbour(noise, typical=4.0)[1]["items"][0]["key"] == "new"
