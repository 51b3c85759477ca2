"""What is said of a GAN's curves and pictures, known ones and those of a real failure."""

from typing import Any

import numpy as np
import pytest

from dlcore import gan
from dlcore.data.mnist import load_mnist
from dlcore.progress import Progress
from dlcore.quality import Quality
from tests.gan_runs import QUICK, settings

pytestmark = pytest.mark.usefixtures("one_thread")


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
