"""The GAN's training, replayed by hand; and the data that it deals."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dlcore import gan
from dlcore.data.mnist import load_mnist
from dlcore.gan_deck import Deck
from dlcore.gan_hand import opening
from dlcore.gan_networks import to_signed
from dlcore.gan_players import Players
from dlcore.progress import Progress
from tests.gan_runs import QUICK, run, same, settings, tiny

pytestmark = pytest.mark.usefixtures("one_thread")


# --- The steps ------------------------------------------------------------------------------------


def test_the_discriminators_step_leaves_the_generator_alone() -> None:
    config = settings("tutorial")
    players = Players.ready(gan.build(config), config)
    batch = Deck(tiny(), config).deal(0, 0)
    before = [p.clone() for p in players.gan.generator.parameters()]
    judged = [p.clone() for p in players.gan.discriminator.parameters()]
    fakes = gan.generate(players, batch, config)
    gan.step_discriminator(players, batch, fakes.detach(), config)
    now = list(players.gan.generator.parameters())
    assert all(p.grad is None for p in now)  # no gradient got there
    assert all(map(torch.equal, before, now))
    assert not any(map(torch.equal, judged, players.gan.discriminator.parameters()))


def test_the_generators_step_leaves_the_discriminator_alone() -> None:
    config = settings("tutorial")
    players = Players.ready(gan.build(config), config)
    batch = Deck(tiny(), config).deal(0, 0)
    judged = [p.clone() for p in players.gan.discriminator.parameters()]
    drawn = [p.clone() for p in players.gan.generator.parameters()]
    gan.step_generator(players, batch, gan.generate(players, batch, config), config)
    now = list(players.gan.discriminator.parameters())
    assert all(p.grad is None and p.requires_grad for p in now)
    assert all(map(torch.equal, judged, now))
    moved = [not torch.equal(a, b) for a, b in zip(drawn, players.gan.generator.parameters(),
                                                   strict=True)]  # fmt: skip
    assert sum(moved) >= len(moved) - 3  # a bias before BatchNorm changes nothing, so has no slope


def test_training_is_the_loop_of_the_textbook() -> None:
    """Written as PyTorch's own DCGAN example does it: two backward passes for D, then one for G."""
    config = settings("tutorial", r1=0.0, average=0.0)
    events = run(tiny(), config)

    players, deck = gan.build(config).train(), Deck(tiny(), config)
    draw, judge = players.generator, players.discriminator
    betas = (config.beta1, config.beta2)
    adam_d = torch.optim.Adam(judge.parameters(), lr=config.lr_d, betas=betas)
    adam_g = torch.optim.Adam(draw.parameters(), lr=config.lr_g, betas=betas)
    bce = nn.BCELoss()
    assert len(events) == deck.steps == 8
    for number, event in enumerate(events):
        batch = deck.deal(number, 0)
        adam_d.zero_grad()
        real = judge(batch.real).sigmoid()
        loss_real = bce(real, torch.ones_like(real)) / 2
        loss_real.backward()
        fakes = draw(batch.noise)
        fake = judge(fakes.detach()).sigmoid()
        loss_fake = bce(fake, torch.zeros_like(fake)) / 2
        loss_fake.backward()
        d_grad = slope(judge).norm()
        adam_d.step()
        adam_g.zero_grad()
        fooled = judge(fakes).sigmoid()
        loss_g = bce(fooled, torch.ones_like(fooled))
        loss_g.backward()
        g_grad = slope(draw).norm()
        adam_g.step()
        wanted = {
            "d_loss": loss_real + loss_fake, "g_loss": loss_g, "d_real": real.mean(),
            "d_fake": fake.mean(), "d_grad": d_grad, "g_grad": g_grad,
        }  # fmt: skip
        assert event.metrics == pytest.approx({k: v.item() for k, v in wanted.items()}, rel=1e-3)


def slope(network: nn.Module) -> Tensor:
    return torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])


# --- The game -------------------------------------------------------------------------------------


def test_seeds_differ() -> None:
    one, two = (opening(dataclasses.replace(QUICK, seed=seed)) for seed in (0, 1))
    assert not same(one.state, two.state)


def test_a_finished_game_goes_on_for_as_long_again() -> None:
    first = run(tiny(), QUICK)
    more = run(tiny(), QUICK, start=first[-1].snapshot)
    assert (first[-1].step, more[0].step, more[-1].step, more[-1].total) == (8, 9, 16, 16)
    with pytest.raises(ValueError, match="samples"):
        run(tiny(), QUICK, start=dataclasses.replace(first[-1].snapshot, state=None))
    with pytest.raises(ValueError, match="other networks"):
        run(tiny(), settings("dcgan"), start=first[-1].snapshot)


def test_snapshots_are_rare_and_the_last_one_has_everything() -> None:
    def told(**options: float) -> list[tuple[int, bool]]:
        events = run(tiny(), QUICK, **options)
        return [(e.step, e.snapshot.state is not None) for e in events if e.snapshot]

    assert told(watch_s=1000, save_s=1000) == [(1, True), (8, True)]
    often = [(step, step in (1, 8)) for step in range(1, 9)]
    assert told(watch_s=0, save_s=1000) == often


def test_samples_are_of_the_same_noise_and_drawn_by_the_average() -> None:
    config = settings("tutorial", average=0.9)
    events = run(tiny(), config, watch_s=0)
    last = events[-1].snapshot
    drawn = gan.restore(last.state, config).generator
    assert np.array_equal(gan.sample(drawn, gan.fixed_noise(100)).numpy(), last.samples)
    raw = {n: v for n, v in last.state.items() if n.startswith("generator.")}
    assert not np.array_equal(raw["generator.layers.0.weight"],
                              last.state["average.layers.0.weight"])  # fmt: skip
    itself = settings("tutorial", average=0.0)
    alone = run(tiny(), itself)[-1].snapshot
    assert same({n: alone.state[n] for n in raw}, raw)  # the average only watches
    assert not np.array_equal(alone.samples, last.samples)


def test_the_average_follows_as_it_should() -> None:
    config = settings("tutorial", average=0.9)
    players: Any = Players.ready(gan.build(config), config)
    weight = players.gan.generator.layers[0].weight
    average = weight.detach().clone()
    for step in range(1, 101):
        with torch.no_grad():
            weight.fill_(float(step))
            players.gan.generator.layers[1].running_mean.fill_(float(step))
        players.follow()
        keeps = min(0.9, step / (step + 9))
        average = keeps * average + (1 - keeps) * step
    torch.testing.assert_close(players.average.layers[0].weight.detach(), average)
    # BatchNorm's means, too: those of one moment do not fit the weights of many.
    torch.testing.assert_close(players.average.layers[1].running_mean[:1], average[0, :1],
                               rtol=0.01, atol=0.01)  # fmt: skip


def test_a_shrinking_rate_reaches_both_players() -> None:
    config = settings("tutorial", schedule="cosine", lr_d=2e-3)
    players = Players.ready(gan.build(config), config)
    deck = Deck(tiny(), config)
    for step, share in ((0, 1.0), (4, 0.5)):  # of 8
        gan.play(players, deck, step, config)
        assert players.optimizer_d.param_groups[0]["lr"] == pytest.approx(2e-3 * share)
        assert players.optimizer_g.param_groups[0]["lr"] == pytest.approx(1e-3 * share)


def test_learning_begins_with_where_the_ink_is() -> None:
    """After 30 steps with zeros only, the samples' mean has the shape of the zeros' mean."""
    config = gan.Config(
        epochs=3, digits="0", train_share=0.1, batch_size=64, average=0.9, precision="float32"
    )
    data = load_mnist()
    events = run(data, config)
    zeros = data.train_images[data.train_labels == 0].float().mean(dim=0).flatten()

    def likeness(event: Progress) -> float:
        return np.corrcoef(event.snapshot.samples.mean(axis=0).flatten(), zeros)[0, 1]

    assert likeness(events[0]) < 0.5
    assert likeness(events[-1]) > 0.85


# --- The data -------------------------------------------------------------------------------------


def test_one_digit_only_and_a_part_of_the_data() -> None:
    data = load_mnist()
    deck = Deck(data, settings("tutorial", digits="7", train_share=0.1))
    sevens = int((data.train_labels == 7).sum())
    assert len(deck.labels) == round(sevens / 10) and set(deck.labels.tolist()) == {7}
    assert deck.steps == 2 * -(-len(deck.labels) // 32)
    told = Deck(data, settings("conditional", digits="7"))
    wanted: Any = told.deal(0, 0).labels
    assert set(wanted.tolist()) == {7}


def test_an_epoch_shows_every_picture_once() -> None:
    deck = Deck(tiny(), settings("tutorial", d_steps=2))
    dealt = torch.cat([deck.deal(step, turn).real for step in range(2) for turn in range(2)])
    assert sorted(dealt.sum(dim=(1, 2)).tolist()) == sorted(
        to_signed(tiny().train_images).sum(dim=(1, 2)).tolist()
    )
    assert deck.steps == 4  # two epochs of four moves, two to a step
