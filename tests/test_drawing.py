"""From pad to network: what is read, the recipe of MNIST, and the changes to a picture."""

import base64
import math

import pytest
import torch
from torch import Tensor

from dlcore.cnn import BUNDLED, load_bundled, predict
from dlcore.data.mnist import load_mnist
from dlcore.drawing import (
    BOX,
    CANVAS,
    CHANGES,
    SIDE,
    DrawingError,
    from_mnist,
    read_canvas,
    rotate,
    scale,
    shift,
    thicken,
    to_mnist,
    write_canvas,
)

COUNT = 300  # digits of the test set that the recipe is tried on


@pytest.fixture(scope="module")
def digits() -> Tensor:
    return load_mnist().test_images[:COUNT].float() / 255


def centre_of_mass(picture: Tensor) -> tuple[float, float]:
    places = torch.arange(float(len(picture)))
    mass = picture.sum()
    row = (picture.sum(dim=1) * places).sum() / mass
    return row.item(), ((picture.sum(dim=0) * places).sum() / mass).item()


def extent(picture: Tensor) -> tuple[int, int]:
    ink = picture > 0.05
    rows, columns = ink.any(dim=1).nonzero(), ink.any(dim=0).nonzero()
    return int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1


def bar(*, height: int, width: int, top: int = 0, left: int = 0) -> Tensor:
    canvas = torch.zeros(CANVAS, CANVAS)
    canvas[top : top + height, left : left + width] = 1
    return canvas


# --- What a browser sends ------------------------------------------------------------------------


def test_a_drawing_comes_back_byte_for_byte() -> None:
    data = torch.arange(CANVAS * CANVAS).remainder(256).to(torch.uint8)
    text = base64.b64encode(data.numpy().tobytes()).decode()
    canvas = read_canvas(text)
    assert canvas.shape == (CANVAS, CANVAS) and canvas.dtype == torch.float32
    assert canvas.max() == 1 and canvas[0, 1].item() == pytest.approx(1 / 255)
    assert write_canvas(canvas) == text


def test_an_empty_drawing_is_an_empty_text() -> None:
    assert read_canvas("").sum() == 0
    assert write_canvas(torch.zeros(CANVAS, CANVAS)) == ""


@pytest.mark.parametrize(
    "sent",
    [
        None,
        3,
        math.nan,
        ["AAAA"],
        {"pixels": ""},
        "AAAA",
        "é" * 9408,
        "!" * 9408,
        "A" * 9407 + "=",
        "A" * 9406 + "==",
        "A" * 10_000_000,
    ],
    ids=lambda sent: repr(sent)[:20],
)
def test_what_is_no_drawing_is_refused(sent: object) -> None:
    with pytest.raises(DrawingError):
        read_canvas(sent)


# --- MNIST's recipe ------------------------------------------------------------------------------


def test_our_measure_of_the_recipe_is_true_of_mnist_itself(digits: Tensor) -> None:
    """The longer side 20, the centre of mass at (14, 14) ± 0.5: what the next tests ask of ours."""
    for digit in digits:
        assert centre_of_mass(digit) == pytest.approx((14, 14), abs=0.51)
    longer = [max(extent(digit)) for digit in digits]
    assert sorted(longer)[len(longer) // 20] >= BOX - 1 and max(longer) == BOX


@pytest.mark.parametrize(
    "canvas",
    [
        bar(height=60, width=12, top=2, left=70),
        bar(height=10, width=10, top=70, left=1),
        bar(height=8, width=40, top=40, left=40),
        bar(height=84, width=84),
        bar(height=60, width=9, top=10, left=10) + bar(height=9, width=40, top=61, left=19),
    ],
    ids=["tall", "dot", "wide", "full", "L"],
)
def test_any_drawing_fills_the_box_with_its_mass_in_the_middle(canvas: Tensor) -> None:
    picture = to_mnist(canvas)
    assert picture.shape == (SIDE, SIDE)
    assert picture.min() >= 0 and picture.max() <= 1
    assert max(extent(picture)) == BOX
    tall, wide = extent(canvas)
    shown_tall, shown_wide = extent(picture)
    assert shown_tall / BOX == pytest.approx(tall / max(tall, wide), abs=0.5 / BOX + 1e-6)
    assert shown_wide / BOX == pytest.approx(wide / max(tall, wide), abs=0.5 / BOX + 1e-6)
    assert centre_of_mass(picture) == pytest.approx((14, 14), abs=0.51)


def test_mass_far_from_the_middle_never_pushes_ink_out_of_the_picture() -> None:
    canvas = bar(height=80, width=1, left=40) + bar(height=6, width=80)
    picture = to_mnist(canvas.clamp(0, 1))
    assert max(extent(picture)) >= BOX - 1


def test_an_empty_pad_stays_empty() -> None:
    empty = torch.zeros(CANVAS, CANVAS)
    assert to_mnist(empty).sum() == 0 and to_mnist(empty, centre=False).sum() == 0


def test_where_and_how_faint_it_was_drawn_does_not_matter() -> None:
    here, there = bar(height=40, width=10), bar(height=40, width=10, top=30, left=50)
    torch.testing.assert_close(to_mnist(here), to_mnist(there))
    assert max(extent(to_mnist(there * 0.3))) == BOX


def test_without_centring_the_canvas_is_only_shrunk() -> None:
    picture = to_mnist(bar(height=30, width=12, top=54, left=0), centre=False)
    assert extent(picture > 0.5) == (10, 4)
    assert picture[27, 0] > 0.9 and picture[0].sum() == 0


def off_centre(digit: Tensor) -> Tensor:
    """An MNIST digit twice as large, in the upper left of the pad."""
    canvas = torch.zeros(CANVAS, CANVAS)
    canvas[:56, :56] = to_size(digit, 56)
    return canvas


def to_size(picture: Tensor, side: int) -> Tensor:
    return torch.nn.functional.interpolate(picture[None, None], (side, side), mode="bilinear")[0, 0]


def likeness(a: Tensor, b: Tensor) -> float:
    """Correlation, allowing for one pixel of shift: MNIST rounds its place as ours does."""
    moves = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    pairs = [torch.stack([a.flatten(), b.roll(move, (0, 1)).flatten()]) for move in moves]
    return max(torch.corrcoef(pair)[0, 1].item() for pair in pairs)


def test_a_real_digit_enlarged_and_moved_comes_back_as_it_was(digits: Tensor) -> None:
    alike = [likeness(digit, to_mnist(off_centre(digit))) for digit in digits]
    assert sum(alike) / len(alike) > 0.95 and min(alike) > 0.75
    alike = [likeness(digit, to_mnist(from_mnist(digit))) for digit in digits]
    assert sum(alike) / len(alike) > 0.95 and min(alike) > 0.75


def test_the_bundled_network_reads_it_as_before(digits: Tensor) -> None:
    if not BUNDLED.exists():
        pytest.fail(f"{BUNDLED} is missing; weights/README.md names the command that makes it")
    model = load_bundled()
    before = predict(model, digits[:, None]).argmax(dim=1)
    moved = torch.stack([to_mnist(off_centre(digit)) for digit in digits])
    naive = torch.stack([to_mnist(off_centre(digit), centre=False) for digit in digits])
    assert (predict(model, moved[:, None]).argmax(dim=1) == before).float().mean() > 0.98
    # and it is the recipe that does it
    assert (predict(model, naive[:, None]).argmax(dim=1) == before).float().mean() < 0.9


# --- Changes to a picture ------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_gives_one_picture_for_each_amount(name: str, digits: Tensor) -> None:
    change = CHANGES[name]
    amounts = change.amounts(41)
    pictures = change.apply(digits[0], amounts)
    assert pictures.shape == (41, SIDE, SIDE)
    assert pictures.min() >= 0 and pictures.max() <= 1
    assert amounts[0] == change.low and amounts[-1] == change.high
    same = change.apply(digits[0], torch.tensor([change.none]))[0]
    torch.testing.assert_close(same, digits[0], atol=1e-5, rtol=0)


def test_shift_moves_whole_pixels_exactly(digits: Tensor) -> None:
    right = shift(digits[0], torch.tensor([3.0, -2.0]))
    torch.testing.assert_close(right[0], digits[0].roll(3, dims=1), atol=1e-4, rtol=0)
    torch.testing.assert_close(right[1], digits[0].roll(-2, dims=1), atol=1e-4, rtol=0)
    down = shift(digits[0], torch.tensor([-2.0]), down=True)
    torch.testing.assert_close(down[0], digits[0].roll(-2, dims=0), atol=1e-4, rtol=0)


def test_rotate_turns_clockwise(digits: Tensor) -> None:
    quarter, half = rotate(digits[0], torch.tensor([90.0, 180.0]))
    torch.testing.assert_close(quarter, digits[0].rot90(-1), atol=1e-3, rtol=0)
    torch.testing.assert_close(half, digits[0].flip(0, 1), atol=1e-3, rtol=0)


def test_scale_multiplies_the_area() -> None:
    square = torch.zeros(SIDE, SIDE)
    square[10:18, 10:18] = 1
    areas = scale(square, torch.tensor([0.5, 1.0, 2.0])).sum(dim=(1, 2))
    torch.testing.assert_close(areas, torch.tensor([16.0, 64.0, 256.0]), rtol=0.02, atol=0)


def test_thicken_grows_and_wears_away_on_every_side() -> None:
    square = torch.zeros(SIDE, SIDE)
    square[10:18, 10:18] = 1
    amounts = torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0])
    across = thicken(square, amounts)[:, 14].sum(dim=1)  # the width of one row of it
    torch.testing.assert_close(across, 8 + 2 * amounts, atol=0.1, rtol=0)


def test_thicken_never_takes_ink_away_nor_gives_it_back(digits: Tensor) -> None:
    thicker = thicken(digits[0], torch.linspace(0, 1.5, 7))
    thinner = thicken(digits[0], torch.linspace(0, -1.5, 7))
    assert (thicker >= digits[0] - 1e-5).all()
    assert (thinner <= digits[0] + 1e-5).all()
    assert (thicker.sum(dim=(1, 2)).diff() > 0).all()
    assert (thinner.sum(dim=(1, 2)).diff() < 0).all()
