"""What the latent plane and the compressed sheets send, and what they accept."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from demos.widgets.image_grid import MOST_BYTES, sheet
from dlcore.data.mnist import load

RNG = np.random.default_rng(0)


def opened(sent):
    """The pictures (N, H, W) of a sheet, cut out again the way the page does."""
    kind, text = sent["sheet"].split(",")
    assert kind == "data:image/webp;base64"
    whole = np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("L"))
    height, width = sent["tile"]
    across = whole.shape[1] // width
    places = [divmod(i, across) for i in range(sent["count"])]
    cut = [whole[r * height : (r + 1) * height, c * width : (c + 1) * width] for r, c in places]
    return np.stack(cut).astype(int)


@pytest.fixture(scope="module")
def digits():
    return load().test_images[:64].numpy()


def test_sixty_four_digits_fit_in_ten_kilobytes_and_keep_paper_and_ink(digits):
    sent = sheet(digits)
    assert len(sent["sheet"]) < 10_000
    got = opened(sent)
    assert got.shape == digits.shape
    assert np.abs(got - digits).max() <= 8  # half the distance between two of sixteen shades
    assert (got[digits == 0] == 0).all() and (got[digits == 255] == 255).all()


@pytest.mark.parametrize(("count", "columns"), [(1, None), (7, 3), (10, 1), (12, None)])
def test_a_sheet_keeps_the_order_of_its_pictures(count, columns):
    ramps = np.arange(count * 6 * 4, dtype=np.uint8).reshape(count, 6, 4)
    assert (opened(sheet(ramps, columns, most=None)) == ramps).all()


def test_a_noisy_sheet_gives_up_detail_before_it_grows(digits):
    noisy = np.clip(digits + RNG.normal(0, 25, digits.shape), 0, 255).astype(np.uint8)
    sent = sheet(noisy)
    assert len(sent["sheet"]) < MOST_BYTES * 4 / 3 + 30
    difference = opened(sent) - noisy.astype(int) if sent["tile"] == [28, 28] else None
    assert difference is None or np.sqrt((difference**2).mean()) < 20


def test_pure_noise_is_sent_at_half_its_size():
    noise = RNG.integers(0, 256, (64, 28, 28), dtype=np.uint8)
    sent = sheet(noise)
    assert sent["tile"] == [14, 14] and sent["count"] == 64
    means = noise.reshape(64, 14, 2, 14, 2).mean(axis=(2, 4))
    assert np.corrcoef(opened(sent).ravel(), means.ravel())[0, 1] > 0.8


def test_two_minutes_of_sheets_are_five_megabytes_at_most(digits):
    noise = RNG.integers(0, 256, (64, 28, 28), dtype=np.uint8)
    mild = np.clip(digits + RNG.normal(0, 10, digits.shape), 0, 255).astype(np.uint8)
    assert all(len(sheet(kind)["sheet"]) * 600 <= 5e6 for kind in (digits, mild, noise))


def test_floats_become_bytes_and_other_shapes_are_refused():
    floats = np.array([[[0.0, 1.0], [np.nan, 7.0]]])
    assert opened(sheet(floats, most=None)).tolist() == [[[0, 255], [0, 255]]]
    for shape in [(28, 28), (2, 28, 28, 3), (0, 28, 28)]:
        with pytest.raises(ValueError, match="grey pictures"):
            sheet(np.zeros(shape))
