"""The GAN against losses by hand, slopes by finite differences, and a game replayed by hand."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcore import gan, quality
from dlcore.bench import gan as bench
from dlcore.checkpoint import load as load_checkpoint
from dlcore.checkpoint import save
from dlcore.data.mnist import Mnist, load_mnist
from dlcore.gan_deck import Deck
from dlcore.gan_hand import HandStep, hand_step, opening
from dlcore.gan_networks import to_signed, to_stored
from dlcore.gan_players import Players
from dlcore.progress import Progress
from dlcore.quality import Quality
from dlcore.settings import SettingError

QUICK = gan.Config(epochs=2, batch_size=32, precision="float32")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks are quickest so, and leave the other cores to the other tests."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def tiny() -> Mnist:
    """100 images: with 32 a batch, the last one of an epoch has four."""
    data = load_mnist()
    return Mnist(
        data.train_images[:100], data.train_labels[:100],
        data.test_images[:10], data.test_labels[:10],
    )  # fmt: skip


def run(data: Mnist, config: gan.Config, **options: Any) -> list[Progress]:
    return list(gan.train(gan.build(config), data, config, **options))


def settings(variant: str, **others: Any) -> gan.Config:
    return dataclasses.replace(QUICK, variant=variant, **others)


# --- The losses ----------------------------------------------------------------------------------


def test_losses_of_the_tutorials_variant_are_binary_cross_entropy() -> None:
    config = settings("tutorial", label_smoothing=0.0)
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.5, -3.0, 0.0])
    logits = torch.cat([real, fake])
    truth = torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0])
    weight = torch.tensor([1 / 4, 1 / 4, 1 / 6, 1 / 6, 1 / 6])  # either side counts half
    wanted = F.binary_cross_entropy_with_logits(logits, truth, weight=weight, reduction="sum")
    torch.testing.assert_close(gan.discriminator_loss(real, fake, config), wanted)
    # -log D(G(z)), not log(1 - D(G(z)))
    torch.testing.assert_close(gan.generator_loss(fake, config), -fake.sigmoid().log().mean())


def test_only_real_labels_are_smoothed() -> None:
    config = settings("tutorial", label_smoothing=0.2)
    real, fake = torch.tensor([2.0]), torch.tensor([-1.5])
    wanted = -(0.8 * real.sigmoid().log() + 0.2 * (1 - real.sigmoid()).log()) / 2
    wanted -= (1 - fake.sigmoid()).log() / 2
    torch.testing.assert_close(gan.discriminator_loss(real, fake, config), wanted.squeeze())
    torch.testing.assert_close(
        gan.generator_loss(fake, config), -fake.sigmoid().log().squeeze()
    )  # as without


@pytest.mark.parametrize(
    ("variant", "of_d", "of_g"),
    # real 3, 1; fake 0.5, -1. Least squares: (4 + 0 + 0.25 + 1) / 4 and (0.25 + 4) / 2.
    [("least-squares", 1.3125, 2.125), ("wgan-gp", -2.25, 0.25)],
)
def test_losses_of_other_variants_by_hand(variant: str, of_d: float, of_g: float) -> None:
    config = settings(variant, label_smoothing=0.0)
    real, fake = torch.tensor([3.0, 1.0]), torch.tensor([0.5, -1.0])
    assert gan.discriminator_loss(real, fake, config).item() == of_d
    assert gan.generator_loss(fake, config).item() == of_g


class Bowl(nn.Module):
    """A score whose slope is known: half the squared length of a picture, so the picture itself."""

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return images.flatten(1).square().sum(dim=1) / 2


def test_gradient_penalty_of_a_known_score() -> None:
    images = torch.randn(5, 28, 28, generator=torch.Generator().manual_seed(1))
    lengths = images.flatten(1).norm(dim=1)
    for target in (0.0, 1.0):
        found = gan.gradient_penalty(Bowl(), images, None, target)
        torch.testing.assert_close(found, (lengths - target).square().mean())


def test_penalty_mixes_real_and_fake_for_wgan_and_stays_at_the_real_ones_for_r1(
    tiny: Mnist,
) -> None:
    deck = Deck(tiny, QUICK)
    batch = deck.deal(3, 0)  # the short one: 4 real pictures, 32 noises
    fakes = torch.rand(32, 28, 28)
    assert len(batch.real) == 4 and len(batch.noise) == 32
    between = batch.mix * batch.real + (1 - batch.mix) * fakes[:4]
    wanted = 10 * (between.flatten(1).norm(dim=1) - 1).square().mean()
    torch.testing.assert_close(gan.penalty(Bowl(), batch, fakes, settings("wgan-gp")), wanted)
    wanted = 0.5 / 2 * batch.real.flatten(1).square().sum(dim=1).mean()
    config = settings("tutorial", r1=0.5)
    torch.testing.assert_close(gan.penalty(Bowl(), batch, fakes, config), wanted)
    assert gan.penalty(Bowl(), batch, fakes, settings("tutorial", r1=0.0)) == 0


def test_gradient_penalty_teaches_the_slope_that_finite_differences_find() -> None:
    """Differentiated by a weight, that is twice through the network: nothing else would learn."""
    judge: Any = gan.build(QUICK).discriminator.double()
    images = torch.randn(3, 28, 28, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    weight = judge.layers[2].weight
    gan.gradient_penalty(judge, images, None, 1.0).backward()
    slope = weight.grad[5, 7].item()
    values = []
    for step in (0.01, -0.01):
        with torch.no_grad():
            weight[5, 7] += step
        values.append(gan.gradient_penalty(judge, images, None, 1.0).item())
        with torch.no_grad():
            weight[5, 7] -= step
    assert slope == pytest.approx((values[0] - values[1]) / 0.02, rel=0.01)
    assert abs(slope) > 1e-6


# --- The networks --------------------------------------------------------------------------------


def test_the_tutorials_networks_are_as_it_says() -> None:
    players: Any = gan.build(gan.TUTORIAL)
    shapes = [tuple(m.weight.shape) for m in players.modules() if isinstance(m, nn.Linear)]
    assert shapes == [
        (256, 100), (512, 256), (1024, 512), (784, 1024), (512, 784), (256, 512), (128, 256),
        (1, 128),
    ]  # fmt: skip
    assert [type(m).__name__ for m in players.generator.layers[:3]] == [
        "Linear", "BatchNorm1d", "LeakyReLU",
    ]  # fmt: skip
    slopes = {m.negative_slope for m in players.modules() if isinstance(m, nn.LeakyReLU)}
    assert slopes == {0.2}
    assert isinstance(players.generator.layers[-1], nn.Tanh)
    bare = gan.build(dataclasses.replace(gan.TUTORIAL, batch_norm=False))
    assert not [m for m in bare.modules() if isinstance(m, nn.BatchNorm1d)]


@pytest.mark.parametrize("variant", gan.VARIANTS)
def test_every_pair_draws_and_judges(variant: str) -> None:
    players = gan.build(settings(variant, noise_dim=7)).eval()
    told = variant == "conditional"
    labels = torch.tensor([3, 3, 5]) if told else None
    images = gan.sample(players.generator, torch.randn(3, 7), labels)
    assert (images.shape, images.dtype) == ((3, 28, 28), torch.uint8)
    assert gan.score(players.discriminator, images, labels).shape == (3,)
    if told:
        with pytest.raises(ValueError, match="labels"):
            gan.sample(players.generator, torch.randn(3, 7))


def test_a_conditional_pair_heeds_its_labels() -> None:
    players = gan.build(settings("conditional")).eval()
    noise = torch.randn(1, 100).expand(2, -1)
    images = gan.sample(players.generator, noise, torch.tensor([1, 2]))
    assert not torch.equal(images[0], images[1])
    scores = gan.score(players.discriminator, images[:1].expand(2, -1, -1), torch.tensor([1, 2]))
    assert scores[0] != scores[1]


def test_pictures_survive_the_way_there_and_back() -> None:
    images = torch.arange(256, dtype=torch.uint8).view(1, 16, 16)
    signed = to_signed(images)
    assert (signed.min(), signed.max()) == (-1, 1)
    assert torch.equal(to_stored(signed), images)


# --- The steps -----------------------------------------------------------------------------------


def test_the_discriminators_step_leaves_the_generator_alone(tiny: Mnist) -> None:
    config = settings("tutorial")
    players = Players.ready(gan.build(config), config)
    batch = Deck(tiny, config).deal(0, 0)
    before = [p.clone() for p in players.gan.generator.parameters()]
    judged = [p.clone() for p in players.gan.discriminator.parameters()]
    fakes = gan.generate(players, batch, config)
    gan.step_discriminator(players, batch, fakes.detach(), config)
    now = list(players.gan.generator.parameters())
    assert all(p.grad is None for p in now)  # no gradient got there
    assert all(map(torch.equal, before, now))
    assert not any(map(torch.equal, judged, players.gan.discriminator.parameters()))


def test_the_generators_step_leaves_the_discriminator_alone(tiny: Mnist) -> None:
    config = settings("tutorial")
    players = Players.ready(gan.build(config), config)
    batch = Deck(tiny, config).deal(0, 0)
    judged = [p.clone() for p in players.gan.discriminator.parameters()]
    drawn = [p.clone() for p in players.gan.generator.parameters()]
    gan.step_generator(players, batch, gan.generate(players, batch, config), config)
    now = list(players.gan.discriminator.parameters())
    assert all(p.grad is None and p.requires_grad for p in now)
    assert all(map(torch.equal, judged, now))
    moved = [not torch.equal(a, b) for a, b in zip(drawn, players.gan.generator.parameters(),
                                                   strict=True)]  # fmt: skip
    assert sum(moved) >= len(moved) - 3  # a bias before BatchNorm changes nothing, so has no slope


def test_training_is_the_loop_of_the_textbook(tiny: Mnist) -> None:
    """Written as PyTorch's own DCGAN example does it: two backward passes for D, then one for G."""
    config = settings("tutorial", r1=0.0, average=0.0)
    events = run(tiny, config)

    players, deck = gan.build(config).train(), Deck(tiny, config)
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


# --- The game ------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", gan.VARIANTS)
def test_a_game_repeats_goes_on_and_is_played_by_hand_to_the_last_bit(
    tiny: Mnist, variant: str
) -> None:
    config = settings(variant, epochs=1, d_steps=2 if variant == "wgan-gp" else 1)
    watched = run(tiny, config, watch_s=0, save_s=0)
    fleeting = run(tiny, config)
    assert [e.metrics for e in watched] == [e.metrics for e in fleeting]
    last = watched[-1].snapshot
    assert same(last.state, fleeting[-1].snapshot.state)

    later = run(tiny, config, start=watched[0].snapshot)
    assert [e.metrics for e in watched[1:]] == [e.metrics for e in later]
    assert same(last.state, later[-1].snapshot.state)

    both, _ = play(opening(config).state, config, "both", tiny)
    assert same(both, watched[0].snapshot.state)
    halfway, _ = play(opening(config).state, config, "d", tiny)
    in_turn, done = play(halfway, config, "g", tiny)
    assert same(in_turn, both)
    assert done.metrics.items() <= watched[0].metrics.items()


def play(
    state: Any, config: gan.Config, which: Any, data: Mnist, step: int = 0
) -> tuple[dict[str, np.ndarray], HandStep]:
    return hand_step(state, config, which, data, step)


def same(a: Any, b: Any) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def test_seeds_differ() -> None:
    one, two = (opening(dataclasses.replace(QUICK, seed=seed)) for seed in (0, 1))
    assert not same(one.state, two.state)


def test_a_finished_game_goes_on_for_as_long_again(tiny: Mnist) -> None:
    first = run(tiny, QUICK)
    more = run(tiny, QUICK, start=first[-1].snapshot)
    assert (first[-1].step, more[0].step, more[-1].step, more[-1].total) == (8, 9, 16, 16)
    with pytest.raises(ValueError, match="samples"):
        run(tiny, QUICK, start=dataclasses.replace(first[-1].snapshot, state=None))
    with pytest.raises(ValueError, match="other networks"):
        run(tiny, settings("dcgan"), start=first[-1].snapshot)


def test_snapshots_are_rare_and_the_last_one_has_everything(tiny: Mnist) -> None:
    def told(**options: float) -> list[tuple[int, bool]]:
        events = run(tiny, QUICK, **options)
        return [(e.step, e.snapshot.state is not None) for e in events if e.snapshot]

    assert told(watch_s=1000, save_s=1000) == [(1, True), (8, True)]
    often = [(step, step in (1, 8)) for step in range(1, 9)]
    assert told(watch_s=0, save_s=1000) == often


def test_samples_are_of_the_same_noise_and_drawn_by_the_average(tiny: Mnist) -> None:
    config = settings("tutorial", average=0.9)
    events = run(tiny, config, watch_s=0)
    last = events[-1].snapshot
    drawn = gan.restore(last.state, config).generator
    assert np.array_equal(gan.sample(drawn, gan.fixed_noise(100)).numpy(), last.samples)
    raw = {n: v for n, v in last.state.items() if n.startswith("generator.")}
    assert not np.array_equal(raw["generator.layers.0.weight"],
                              last.state["average.layers.0.weight"])  # fmt: skip
    itself = settings("tutorial", average=0.0)
    alone = run(tiny, itself)[-1].snapshot
    assert same({n: alone.state[n] for n in raw}, raw)  # the average only watches
    assert not np.array_equal(alone.samples, last.samples)


def test_the_average_follows_as_it_should(tiny: Mnist) -> None:
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


def test_a_shrinking_rate_reaches_both_players(tiny: Mnist) -> None:
    config = settings("tutorial", schedule="cosine", lr_d=2e-3)
    players = Players.ready(gan.build(config), config)
    deck = Deck(tiny, config)
    for step, share in ((0, 1.0), (4, 0.5)):  # of 8
        gan.play(players, deck, step, config)
        assert players.optimizer_d.param_groups[0]["lr"] == pytest.approx(2e-3 * share)
        assert players.optimizer_g.param_groups[0]["lr"] == pytest.approx(1e-3 * share)


def test_one_digit_only_and_a_part_of_the_data() -> None:
    data = load_mnist()
    deck = Deck(data, settings("tutorial", digits="7", train_share=0.1))
    sevens = int((data.train_labels == 7).sum())
    assert len(deck.labels) == round(sevens / 10) and set(deck.labels.tolist()) == {7}
    assert deck.steps == 2 * -(-len(deck.labels) // 32)
    told = Deck(data, settings("conditional", digits="7"))
    wanted: Any = told.deal(0, 0).labels
    assert set(wanted.tolist()) == {7}


def test_an_epoch_shows_every_picture_once(tiny: Mnist) -> None:
    deck = Deck(tiny, settings("tutorial", d_steps=2))
    dealt = torch.cat([deck.deal(step, turn).real for step in range(2) for turn in range(2)])
    assert sorted(dealt.sum(dim=(1, 2)).tolist()) == sorted(
        to_signed(tiny.train_images).sum(dim=(1, 2)).tolist()
    )
    assert deck.steps == 4  # two epochs of four moves, two to a step


# --- By hand -------------------------------------------------------------------------------------


def test_a_hand_step_tells_what_happened(tiny: Mnist) -> None:
    config = settings("tutorial", label_smoothing=0.0)
    state: Any = opening(config).state
    after, done = play(state, config, "both", tiny)
    assert (done.real.shape, done.fakes.shape) == ((32, 28, 28), (32, 28, 28))
    assert np.array_equal(done.real, tiny.train_images[Deck(tiny, config).batches.rows(0)].numpy())
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


def test_only_who_moves_is_moved(tiny: Mnist) -> None:
    state: Any = opening(QUICK).state
    after, done = play(state, QUICK, "d", tiny)
    assert {layer.player for layer in done.layers} == {"d"}
    assert not {"g_loss", "g_grad"} & done.metrics.keys()
    assert all(np.array_equal(after[n], state[n]) for n in state if n.startswith("generator."))
    assert np.array_equal(done.fakes, done.fakes_after)
    after, done = play(state, QUICK, "g", tiny)
    assert {layer.player for layer in done.layers} == {"g"}
    assert all(np.array_equal(after[n], state[n]) for n in state if n.startswith("discriminator."))
    assert np.array_equal(done.real_before, done.real_after)
    assert np.array_equal(done.fake_before, done.fake_between)


# --- Play ----------------------------------------------------------------------------------------


def test_a_walk_turns_evenly_from_end_to_end() -> None:
    a, b = torch.randn(2, 100, generator=torch.Generator().manual_seed(0))
    path = gan.interpolate(a, 2 * b, 9)
    assert torch.equal(path[0], a) and torch.equal(path[-1], 2 * b)
    lengths = path.norm(dim=1)
    steady = torch.linspace(a.norm().item(), 2 * b.norm().item(), 9)
    torch.testing.assert_close(lengths, steady, rtol=1e-4, atol=1e-4)
    unit = path / lengths[:, None]
    angles = (unit[1:] * unit[:-1]).sum(dim=1).clamp(-1, 1).acos()
    whole = F.cosine_similarity(a, b, dim=0).acos()
    torch.testing.assert_close(angles, (whole / 8).expand(8), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("other", [1.0, -1.0])
def test_a_walk_to_itself_or_to_its_opposite_goes_somewhere(other: float) -> None:
    a = torch.randn(5, generator=torch.Generator().manual_seed(0))
    path = gan.interpolate(a, other * a, 5)
    assert path.isfinite().all()
    torch.testing.assert_close(path.norm(dim=1), a.norm().expand(5), rtol=1e-4, atol=1e-5)


class Linear(nn.Module):
    """A generator whose Jacobian is known."""

    noise_dim, classes = 6, 0

    def __init__(self) -> None:
        super().__init__()
        self.matrix = torch.randn(784, 6, generator=torch.Generator().manual_seed(3))

    def forward(self, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        return (noise @ self.matrix.T).view(-1, 28, 28)


def test_directions_of_a_linear_generator_are_its_singular_vectors() -> None:
    generator = Linear()
    found = gan.directions(generator, 3)
    wanted = torch.linalg.svd(generator.matrix).Vh[:3]
    torch.testing.assert_close((found * wanted).sum(dim=1).abs(), torch.ones(3), rtol=0, atol=1e-3)
    assert (found.gather(1, found.abs().argmax(dim=1, keepdim=True)) > 0).all()


def test_directions_change_a_picture_more_than_others_do() -> None:
    generator = gan.build(QUICK).generator
    best = gan.directions(generator, 4)
    torch.testing.assert_close(best @ best.T, torch.eye(4), rtol=0, atol=1e-4)
    noise = torch.randn(40, 100, generator=torch.Generator().manual_seed(9))
    generator.eval()

    def change(direction: Tensor) -> float:
        with torch.no_grad():
            return (generator(noise + direction) - generator(noise)).norm().item()

    others = torch.randn(8, 100, generator=torch.Generator().manual_seed(4))
    assert change(best[0]) > max(change(other / other.norm()) for other in others)


def test_saliency_foretells_what_a_little_ink_does() -> None:
    judge = gan.build(QUICK).discriminator
    image = load_mnist().test_images[0]
    slope = gan.saliency(judge, image)
    assert slope.shape == (28, 28)
    row, column = np.unravel_index(np.abs(slope).argmax(), slope.shape)
    more = image.clone()
    more[row, column] = 128 if image[row, column] < 128 else 0
    ink = (int(more[row, column]) - int(image[row, column])) / 127.5
    before, after = gan.score(judge, torch.stack([image, more])).tolist()
    assert after - before == pytest.approx(slope[row, column] * ink, rel=0.2)


# --- What becomes of it --------------------------------------------------------------------------


def findings(config: gan.Config, **metrics: list[float]) -> set[str]:
    """Of a run with these curves, whose pictures are all real digits."""
    events = [
        Progress(100 + n, 200, dict(zip(metrics, values, strict=True)))
        for n, values in enumerate(zip(*metrics.values(), strict=True))
    ]
    snapshot = gan.Snapshot(200, load_mnist().train_images[:64].numpy())
    return {found.key for found in gan.diagnose(events, snapshot, config)}


def test_curves_are_diagnosed() -> None:
    healthy = {
        "d_loss": [0.7, 0.6], "g_loss": [0.7, 0.9], "d_real": [0.5, 0.6], "d_fake": [0.5, 0.4],
    }  # fmt: skip
    assert findings(QUICK, **healthy) == {"fine"}
    assert findings(QUICK, **healthy | {"d_real": [0.5, 0.99], "d_fake": [0.5, 0.01]}) == {
        "certain"
    }
    # Raw scores of a WGAN may lie as far apart as they like.
    wgan = settings("wgan-gp")
    assert findings(wgan, **healthy | {"d_real": [5.0, 9.0], "d_fake": [1.0, -4.0]}) == {"fine"}
    assert findings(QUICK, **healthy | {"d_loss": [0.7, 40.0]}) == {"burst"}
    assert findings(QUICK, **healthy | {"g_loss": [0.7, float("nan")]}) == {"burst"}


def test_pictures_are_diagnosed() -> None:
    images = load_mnist().train_images.numpy()
    metrics = {"d_loss": 0.6, "g_loss": 0.8, "d_real": 0.6, "d_fake": 0.4}

    def keys(samples: np.ndarray, step: int = 500, quality: Any = None) -> set[str]:
        snapshot = gan.Snapshot(step, samples)
        events = [Progress(step, 500, metrics)]
        return {found.key for found in gan.diagnose(events, snapshot, QUICK, quality)}

    assert keys(images[:64]) == {"fine"}
    assert keys(images[:64], step=50) == {"early"}
    assert keys(np.repeat(images[:1], 64, axis=0)) == {"same"}
    assert keys(np.repeat(images[:16], 4, axis=0)) == {"twins"}
    ones = images[load_mnist().train_labels.numpy() == 1]
    assert keys(ones[:64]) == {"fine"}  # alike, but no twins
    few = Quality(1000, np.array([0.5, 0.5] + [0.0] * 8, np.float32), 0.3, 50.0)
    assert keys(images[:64], quality=few) == {"missing", "unreadable"}


def test_too_strong_a_discriminator_is_really_seen_through() -> None:
    """The quickest of the three real failures; the browser's test runs them on the page."""
    data, config = load_mnist(), gan.BREAK["strong_d"]
    game = gan.train(gan.build(config), data, config, watch_s=0, save_s=1e9)
    events = [event for event, _ in zip(game, range(20), strict=False)]
    found = {f.key for f in gan.diagnose(events, events[-1].snapshot, config)}
    assert "certain" in found


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


# --- What ships ----------------------------------------------------------------------------------


def test_a_file_keeps_the_networks_and_nothing_else(tiny: Mnist, tmp_path: Path) -> None:
    last = run(tiny, QUICK)[-1].snapshot
    weights = gan.networks(last.state)
    assert len(last.state) > 2 * len(weights)
    save(tmp_path / "gan.safetensors", weights, topic="gan", config=QUICK, metrics={})
    kept = load_checkpoint(tmp_path / "gan.safetensors", topic="gan")
    again = gan.restore(kept.state, gan.Config(**kept.config))
    assert np.array_equal(gan.fixed_samples(again.generator), last.samples)
    assert not again.training
    assert not any(parameter.requires_grad for parameter in again.parameters())


@pytest.mark.parametrize("name", sorted(gan.BUNDLED))
def test_bundled_players_draw_all_ten_digits(name: str) -> None:
    players = gan.load_bundled(name)
    labels = torch.arange(1000) % 10 if name == "conditional" else None
    noise = torch.randn(1000, 100, generator=torch.Generator().manual_seed(5))
    *_, last = quality.assess(gan.sample(players.generator, noise, labels), labels)
    found = last.snapshot
    assert found.histogram.min() > 0.04 and found.histogram.max() < 0.16
    if labels is not None:
        assert found.matches > 0.9


def test_only_two_are_bundled() -> None:
    with pytest.raises(SettingError, match="conditional"):
        gan.load_bundled("../cnn")


# --- Measured ------------------------------------------------------------------------------------


def test_parzen_window_is_the_mean_of_its_gaussians() -> None:
    images = load_mnist().test_images[:3]
    centres = torch.rand(5, 784, generator=torch.Generator().manual_seed(0))
    found = bench.log_likelihood(images, centres, [0.2, 0.3])
    assert found.shape == (2, 3)
    for row, sigma in enumerate([0.2, 0.3]):
        gauss = torch.distributions.Normal(centres.double(), sigma)
        each = gauss.log_prob(images.flatten(1).double()[:, None] / 255).sum(dim=2)  # (3, 5)
        wanted = each.logsumexp(dim=1) - np.log(5)
        torch.testing.assert_close(found[row], wanted)


def test_the_plain_loop_plays_the_same_game() -> None:
    plain = (bench.PlainGenerator(), bench.PlainDiscriminator())
    ours = gan.build(gan.TUTORIAL)
    for mine, its in zip((ours.generator, ours.discriminator), plain, strict=True):
        shapes = [p.shape for p in mine.parameters()]
        assert shapes == [p.shape for p in its.parameters()]
    data = load_mnist()
    tiny = Mnist(data.train_images[:130], data.train_labels[:130], data.test_images[:1],
                 data.test_labels[:1])  # fmt: skip
    one, two = (list(bench.train_plain_gan(tiny, epochs=n).parameters()) for n in (0, 1))
    assert not torch.equal(one[0], two[0])


def test_the_row_prints_the_likelihood_beside_the_papers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    players = gan.build(QUICK).eval().requires_grad_(False)
    monkeypatch.setattr(bench, "load_bundled", lambda name: players)
    bench.measure_parzen(samples=200, most=50)
    printed = capsys.readouterr().out
    assert "200 samples" in printed and "225.0 ± 2.0" in printed and "window" in printed
