"""The judge of generated digits, against closed forms, brute force and real digits."""

import numpy as np
import pytest
import torch
from torch import Tensor

from dlcore import quality
from dlcore.data.mnist import load_mnist


@pytest.fixture(scope="module")
def real() -> tuple[Tensor, Tensor]:
    data = load_mnist()
    return data.train_images[:600], data.train_labels[:600]


def judged(images: Tensor, labels: Tensor | None = None) -> quality.Quality:
    return list(quality.assess(images, labels))[-1].snapshot


def test_frechet_of_independent_features_is_the_closed_form() -> None:
    mean_a, mean_b = np.array([0.0, 1.0, -2.0]), np.array([1.0, 1.0, 2.0])
    deviation_a, deviation_b = np.array([1.0, 2.0, 0.0]), np.array([3.0, 2.0, 0.5])
    # Without correlations each feature stands alone: (difference of means)² + (of deviations)².
    wanted = np.square(mean_a - mean_b).sum() + np.square(deviation_a - deviation_b).sum()
    a, b = (mean_a, np.diag(deviation_a**2)), (mean_b, np.diag(deviation_b**2))
    assert quality.frechet_distance(a, b) == pytest.approx(wanted, rel=1e-12)
    assert quality.frechet_distance(b, a) == pytest.approx(wanted, rel=1e-12)


def test_frechet_is_what_scipy_says_for_correlated_features() -> None:
    linalg = pytest.importorskip("scipy.linalg")
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(400, 64)) @ rng.normal(size=(64, 64)) for _ in range(2))
    one, two = quality.spread(torch.from_numpy(a)), quality.spread(torch.from_numpy(b + 1))
    root = linalg.sqrtm(one[1] @ two[1]).real
    wanted = np.square(one[0] - two[0]).sum() + np.trace(one[1] + two[1] - 2 * root)
    assert quality.frechet_distance(one, two) == pytest.approx(wanted, rel=1e-6)
    assert quality.frechet_distance(one, one) == pytest.approx(0, abs=1e-6)


def test_the_features_are_those_behind_the_networks_own_answer(real: tuple[Tensor, Tensor]) -> None:
    images = real[0][:20]
    logits, features = quality._look_at(images)
    trace = quality.load_bundled().trace(quality.to_input(images))
    torch.testing.assert_close(features, trace.hidden)
    torch.testing.assert_close(logits, trace.logits)


def test_real_digits_are_found_good_and_noise_is_not(real: tuple[Tensor, Tensor]) -> None:
    images, labels = real
    events = list(quality.assess(images, labels))
    assert [event.step for event in events] == [250, 500, 600, 601]
    assert events[-1].total == 601 and all(e.snapshot is None for e in events[:-1])
    good = events[-1].snapshot
    share = np.bincount(labels.numpy(), minlength=10) / len(labels)
    assert np.abs(good.histogram - share).max() < 0.01
    assert (good.n, good.confident > 0.9, good.matches > 0.98) == (600, True, True)
    assert good.frechet < 2

    noise = torch.randint(256, (600, 28, 28), generator=torch.Generator().manual_seed(0)).byte()
    bad = judged(noise)
    assert bad.frechet > 20 * good.frechet
    assert bad.histogram.max() > 0.9  # a surprised judge sees one digit everywhere: no variety
    assert bad.matches is None


def test_a_missing_digit_is_an_empty_bar_and_a_larger_distance(real: tuple[Tensor, Tensor]) -> None:
    images, labels = real
    kept = labels != 7
    seven = judged(images[kept])
    assert seven.histogram[7] < 0.01
    assert seven.frechet > judged(images[: int(kept.sum())]).frechet
    matches = judged(images, (labels + 1) % 10).matches  # each asked to be the next one
    assert matches is not None and matches < 0.02


def test_one_picture_has_no_spread(real: tuple[Tensor, Tensor]) -> None:
    assert np.isnan(judged(real[0][:1]).frechet)


def test_nearest_is_what_comparing_all_finds(real: tuple[Tensor, Tensor]) -> None:
    data = load_mnist()
    noise = torch.randint(256, (28, 28), generator=torch.Generator().manual_seed(0)).byte()
    for image in (data.test_images[3], data.test_images[18], noise, 255 - data.test_images[0]):
        found = quality.nearest(image)
        all_of_them = torch.cat(
            [
                (part.float() - image.float()).square().sum(dim=(1, 2))
                for part in data.train_images.split(10_000)
            ]
        )
        assert found.position == int(all_of_them.argmin())
        assert found.distance == pytest.approx(all_of_them.min().sqrt().item() / 255, rel=1e-5)
        assert np.array_equal(found.image, data.train_images[found.position].numpy())


def test_a_picture_learnt_by_heart_is_found_out() -> None:
    image = load_mnist().train_images[4711]
    found = quality.nearest(image.numpy())
    assert (found.position, found.distance) == (4711, 0.0)


def test_reading_gives_digits_and_probabilities(real: tuple[Tensor, Tensor]) -> None:
    digits, chances = quality.read(real[0][:50])
    assert (digits == real[1][:50].numpy()).mean() > 0.95
    assert chances.shape == (50, 10)
    np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-5)
