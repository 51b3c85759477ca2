"""A GAN played by hand, part by part: the very game that training plays."""

from typing import Any

import numpy as np
import pytest

from dlcore import gan
from dlcore.gan_deck import Deck
from dlcore.gan_hand import opening
from tests.gan_runs import QUICK, play, run, same, settings, tiny

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("variant", gan.VARIANTS)
def test_a_game_repeats_goes_on_and_is_played_by_hand_to_the_last_bit(variant: str) -> None:
    config = settings(variant, epochs=1, d_steps=2 if variant == "wgan-gp" else 1)
    watched = run(tiny(), config, watch_s=0, save_s=0)
    fleeting = run(tiny(), config)
    assert [e.metrics for e in watched] == [e.metrics for e in fleeting]
    last = watched[-1].snapshot
    assert same(last.state, fleeting[-1].snapshot.state)

    later = run(tiny(), config, start=watched[0].snapshot)
    assert [e.metrics for e in watched[1:]] == [e.metrics for e in later]
    assert same(last.state, later[-1].snapshot.state)

    both, _ = play(opening(config).state, config, "both", tiny())
    assert same(both, watched[0].snapshot.state)
    halfway, _ = play(opening(config).state, config, "d", tiny())
    in_turn, done = play(halfway, config, "g", tiny())
    assert same(in_turn, both)
    assert done.metrics.items() <= watched[0].metrics.items()


def test_a_hand_step_tells_what_happened() -> None:
    config = settings("tutorial", label_smoothing=0.0)
    state: Any = opening(config).state
    after, done = play(state, config, "both", tiny())
    assert (done.real.shape, done.fakes.shape) == ((32, 28, 28), (32, 28, 28))
    assert np.array_equal(
        done.real, tiny().train_images[Deck(tiny(), config).batches.rows(0)].numpy()
    )
    # The losses that training reports follow from the scores that are shown.
    losses = [np.logaddexp(0, -done.real_before).mean(), np.logaddexp(0, done.fake_before).mean()]
    assert done.metrics["d_loss"] == pytest.approx(np.mean(losses), rel=1e-5)
    wanted = np.logaddexp(0, -done.fake_between).mean()
    assert done.metrics["g_loss"] == pytest.approx(wanted, rel=1e-5)
    # Either mover comes nearer to what it wants.
    assert done.real_after.mean() - done.fake_between.mean() > (
        done.real_before.mean() - done.fake_before.mean()
    )
    assert done.fake_after.mean() > done.fake_between.mean()
    assert not np.array_equal(done.fakes, done.fakes_after)
    # Each layer's way is the difference of the states, its gradients add up to the whole one's.
    for layer in done.layers:
        player = {"d": "discriminator", "g": "generator"}[layer.player]
        names = [f"{player}.{layer.name}.{part}" for part in ("weight", "bias")]
        way = np.sqrt(sum(np.square(after[n] - state[n]).sum() for n in names))
        assert layer.change == pytest.approx(way, rel=1e-4)
    for who in "dg":
        lengths = [layer.gradient for layer in done.layers if layer.player == who]
        assert np.linalg.norm(lengths) == pytest.approx(done.metrics[f"{who}_grad"], rel=1e-4)


def test_only_who_moves_is_moved() -> None:
    state: Any = opening(QUICK).state
    after, done = play(state, QUICK, "d", tiny())
    assert {layer.player for layer in done.layers} == {"d"}
    assert not {"g_loss", "g_grad"} & done.metrics.keys()
    assert all(np.array_equal(after[n], state[n]) for n in state if n.startswith("generator."))
    assert np.array_equal(done.fakes, done.fakes_after)
    after, done = play(state, QUICK, "g", tiny())
    assert {layer.player for layer in done.layers} == {"g"}
    assert all(np.array_equal(after[n], state[n]) for n in state if n.startswith("discriminator."))
    assert np.array_equal(done.real_before, done.real_after)
    assert np.array_equal(done.fake_before, done.fake_between)
