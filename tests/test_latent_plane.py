"""What the latent plane and the compressed sheets send, and what they accept."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from demos.widgets.base import FOLDER, pack
from demos.widgets.image_grid import MOST_BYTES, sheet
from demos.widgets.latent_plane import laid_on, latent_frame, latent_plane
from dlcore.data.mnist import load
from tests.test_widgets import unpack

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


def frame(step=0, count=4, span=2.0, manifold=None):
    return latent_frame(step, np.zeros((count, 2)), span, manifold)


def test_points_are_sent_as_bytes_and_stay_on_the_plane():
    points = np.array([[-2.0, 2.0], [0.0, 1.0], [9.0, np.nan], [-np.inf, 0.004]])
    sent = latent_frame(7, points, 2.0)
    assert sent["step"] == 7 and sent["span"] == 2.0 and sent["manifold"] is None
    assert unpack(sent["means"]).tolist() == [[-127, 127], [0, 64], [127, 0], [-127, 0]]


def test_the_manifold_is_a_square_sheet_in_rows_from_the_top():
    tiles = np.repeat(np.arange(0, 153, 17, dtype=np.uint8), 16).reshape(9, 4, 4)
    assert (opened(frame(manifold=tiles)["manifold"]) == tiles).all()
    with pytest.raises(ValueError, match=r"n \* n pictures, not 8"):
        frame(manifold=tiles[:8])


@pytest.mark.parametrize("span", [0, -1, np.nan, np.inf])
def test_a_plane_has_a_size(span):
    with pytest.raises(ValueError, match="span"):
        frame(span=span)


def test_points_have_two_coordinates_and_a_digit_each():
    with pytest.raises(ValueError, match="points must be"):
        latent_frame(0, np.zeros((4, 3)), 1.0)
    with pytest.raises(ValueError, match="3 labels for 4 points"):
        latent_plane("a", np.zeros(3, int), [frame()])
    for labels in (np.array([10]), np.array([-1]), np.zeros((1, 1), int)):
        with pytest.raises(ValueError, match="digits"):
            latent_plane("a", labels, [])


def test_a_live_plane_sends_its_newest_frames_and_only_what_is_laid_on_it():
    frames = [frame(step) for step in range(40)]
    value = latent_plane("a", np.arange(4), frames, pointer={"x": 1.0, "y": 0.0})
    assert sorted(one["step"] for one in value["frames"]) == list(range(24, 40))
    assert unpack(value["labels"]).tolist() == [0, 1, 2, 3]
    assert set(value) == {"run", "labels", "frames", "pointer"}  # the page keeps the rest


def test_an_answer_to_a_hand_is_small():
    picture = pack(np.zeros((28, 28)), "u1")
    answer = laid_on("a", pointer={"x": 1.0, "y": -0.5}, picture=picture)
    assert len(json.dumps(answer)) < 1_300
    assert answer["run"] == "a" and answer["frames"] == []


def test_a_moment_of_a_training_fits_in_ten_kilobytes(digits):
    points = RNG.normal(size=(500, 2))
    tiles = np.repeat(digits[:50], 2, axis=0).reshape(100, 14, 2, 14, 2).mean(axis=(2, 4))
    sent = latent_frame(0, points, 4.0, tiles.astype(np.uint8))
    assert len(str(sent)) < 8_400  # of which the points are 1.4


def luminance(colour):
    shares = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_ten_digit_colours_can_be_read_and_told_apart(theme):
    here = 0 if theme == "light" else 1
    css = (FOLDER / "latent_plane.css").read_text("utf-8")
    block = re.findall(r"(?:^|\n)[^{]*\{([^}]*--digit-0[^}]*)\}", css)[here]
    colours = re.findall(r"--digit-\d: (#[0-9a-f]{6});", block)
    surfaces = re.findall(r"--dl-surface: (#[0-9a-f]{6})", (FOLDER / "theme.css").read_text())
    paper = luminance(surfaces[here])
    assert len(set(colours)) == 10
    for colour in colours:
        high, low = sorted((luminance(colour), paper), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, colour
    rgb = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colours])
    apart = np.linalg.norm(rgb[:, None] - rgb[None], axis=2) + 999 * np.eye(10)
    assert apart.min() > 35
