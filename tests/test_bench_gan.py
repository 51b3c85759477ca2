"""The GAN's bench rows: the likelihood by hand, and a plain loop that plays the same game."""

import numpy as np
import pytest
import torch

from dlcore import gan
from dlcore.bench import gan as bench
from dlcore.data.mnist import Mnist, load_mnist
from tests.gan_runs import QUICK

pytestmark = pytest.mark.usefixtures("one_thread")


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
