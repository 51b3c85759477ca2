"""The drawing pad by mouse, touch and keys: what was drawn is what Python gets.

Most tests share one page, each beginning as it opens.
"""

import base64
import time
from collections.abc import Callable, Iterator

import pytest
import torch
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PHONE, Noise, open_page, shared_page
from tests.browser.pad_page import CANVAS_SELECTOR, PadPage, example, pad_page, stroke

# This page is served from the test's own process, where Gradio leaves a socket to the collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # its use of pandas
]

ACROSS = [(x / 20, 0.5) for x in range(4, 17)]  # from 0.2 to 0.8 of the side, in the middle
DOWN = [(0.5, y / 20) for y in range(4, 17)]


@pytest.fixture(scope="module")
def served() -> Iterator[PadPage]:
    with pad_page() as running:
        yield running


@pytest.fixture
def pad(served: PadPage) -> PadPage:
    served.pixels.clear()
    return served


@pytest.fixture(scope="module")
def shared(browser: Browser, served: PadPage) -> Iterator[Page]:
    with shared_page(browser, served.url) as page:
        yield page


@pytest.fixture
def page(shared: Page, pad: PadPage) -> Page:
    """The page as it opens; the pointer is elsewhere."""
    shared.reload()
    shared.locator(CANVAS_SELECTOR).wait_for()
    shared.mouse.move(1, 1)
    pad.pixels.clear()
    return shared


def until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def arrived(pad: PadPage, pixels: str) -> None:
    until(lambda: bool(pad.pixels) and pad.pixels[-1] == pixels, "that picture never arrived")


def settled(page: Page, pad: PadPage) -> str:
    """The picture that the page holds now, once it has arrived."""
    asked = len(pad.told)
    page.locator("#tell").evaluate("(button) => button.click()")
    until(lambda: len(pad.told) > asked, "the page does not answer")
    arrived(pad, pad.told[-1])
    return pad.pixels[-1]


def thickness(pad: PadPage) -> float:
    """How thick the stroke ACROSS is, in the pad's units of 336."""
    return pad.canvas[:, 42].sum().item() * 4


def test_a_stroke_arrives_where_it_was_drawn(page: Page, pad: PadPage) -> None:
    stroke(page, ACROSS)
    settled(page, pad)
    rows, columns = (pad.canvas > 0.5).nonzero().T
    # the line from 0.2 to 0.8 of 84 pixels, and half a pen (22 of 336) around it
    assert [columns.min(), columns.max()] == pytest.approx([16.8 - 2.75, 67.2 + 1.75], abs=1)
    assert [rows.min(), rows.max()] == pytest.approx([42 - 2.75, 42 + 1.75], abs=1)
    assert pad.canvas.max() == 1  # ink is 255 and paper is 0
    assert pad.canvas[0].sum() == 0


def test_the_picture_follows_the_pen_before_it_is_lifted(page: Page, pad: PadPage) -> None:
    box = page.locator(CANVAS_SELECTOR).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    for x in range(50, 250, 5):
        page.mouse.move(box["x"] + x, box["y"] + 50 + x / 2)
    until(lambda: len(pad.pixels) > 0, "nothing arrived while drawing")
    first = pad.pixels[0]
    page.mouse.up()
    assert settled(page, pad) != first
    assert len(pad.pixels) == len(set(pad.pixels)), "the same picture was sent twice"


def test_the_same_picture_is_sent_in_either_theme(page: Page, pad: PadPage) -> None:
    stroke(page, ACROSS)
    light = settled(page, pad)
    page.locator("#pad .dl-clear").click()
    arrived(pad, "")
    page.evaluate(
        "document.body.classList.toggle('dark'); window.dispatchEvent(new Event('dl-theme'))"
    )
    stroke(page, ACROSS)
    assert settled(page, pad) == light


def test_a_click_is_a_dot(page: Page, pad: PadPage) -> None:
    stroke(page, [(0.5, 0.5)])
    settled(page, pad)
    area = pad.canvas.sum().item() * 16
    assert area == pytest.approx(3.14159 * 11**2, rel=0.05)


def test_undo_redo_and_clear(page: Page, pad: PadPage) -> None:
    stroke(page, ACROSS)
    one = settled(page, pad)
    stroke(page, DOWN)
    both = settled(page, pad)
    assert both != one
    page.locator("#pad .dl-undo").click()
    arrived(pad, one)
    page.locator("#pad .dl-redo").click()
    arrived(pad, both)
    page.locator("#pad .dl-clear").click()
    arrived(pad, "")
    page.locator("#pad .dl-undo").click()  # clearing by mistake loses nothing
    arrived(pad, both)


def test_keys_undo_and_redo_from_the_pad(page: Page, pad: PadPage) -> None:
    stroke(page, ACROSS)
    one = settled(page, pad)
    page.locator(CANVAS_SELECTOR).focus()
    page.keyboard.press("Control+z")
    arrived(pad, "")
    page.keyboard.press("Control+Shift+z")
    arrived(pad, one)
    page.keyboard.press("Control+z")
    arrived(pad, "")
    page.keyboard.press("Control+y")
    arrived(pad, one)
    page.keyboard.press("Delete")
    arrived(pad, "")


def test_keys_alone_can_draw(page: Page, pad: PadPage) -> None:
    page.locator(CANVAS_SELECTOR).focus()
    page.keyboard.press("ArrowLeft")
    assert not pad.pixels  # the pen is up
    page.keyboard.press("Space")
    for _ in range(10):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    settled(page, pad)
    rows, columns = (pad.canvas > 0.5).nonzero().T
    # from (160, 168), 8 units to the left of the middle, 80 units down; a pen of 22
    assert [rows.min(), rows.max()] == pytest.approx([39.25, 63.75], abs=1)
    assert [columns.min(), columns.max()] == pytest.approx([37.25, 41.75], abs=1)
    lifted = pad.pixels[-1]
    page.keyboard.press("ArrowRight")
    assert settled(page, pad) == lifted


def test_pens_have_widths(page: Page, pad: PadPage) -> None:
    buttons = page.locator("#pad .dl-widths button")
    for index, width in enumerate((12, 22, 34)):
        buttons.nth(index).click()
        expect(buttons.nth(index)).to_have_attribute("aria-pressed", "true")
        stroke(page, ACROSS)
        settled(page, pad)
        assert thickness(pad) == pytest.approx(width, abs=1)
        page.locator("#pad .dl-clear").click()
        arrived(pad, "")
    page.locator("#pad input[type=range]").fill("48")
    stroke(page, ACROSS)
    settled(page, pad)
    assert thickness(pad) == pytest.approx(48, abs=1)


def test_a_finger_draws_and_the_page_stays_still(
    browser: Browser, pad: PadPage, noise: Noise
) -> None:
    phone = open_page(browser, pad.url, noise, **PHONE)
    phone.locator(CANVAS_SELECTOR).wait_for()
    box = phone.locator(CANVAS_SELECTOR).bounding_box()
    assert box is not None and box["width"] > 300
    touch = phone.context.new_cdp_session(phone)

    def send(kind: str, *places: tuple[float, float]) -> None:
        points = [
            {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"], "id": i}
            for i, (x, y) in enumerate(places)
        ]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    send("touchStart", (0.5, 0.8))
    for y in range(78, 20, -2):
        send("touchMove", (0.5, y / 100))
    send("touchStart", (0.5, 0.2), (0.1, 0.9))  # a second finger, or a palm, draws nothing
    send("touchMove", (0.5, 0.2), (0.2, 0.9))
    send("touchEnd")
    settled(phone, pad)
    rows, columns = (pad.canvas > 0.5).nonzero().T
    assert [rows.min(), rows.max()] == pytest.approx([84 * 0.2 - 2.75, 84 * 0.8 + 1.75], abs=1)
    assert [columns.min(), columns.max()] == pytest.approx([39.25, 43.75], abs=1)
    assert phone.evaluate("window.scrollY") == 0
    phone.context.close()


def test_python_can_show_a_picture_to_draw_over(page: Page, pad: PadPage) -> None:
    page.locator("#load button, button#load").click()
    until(lambda: bool(pad.pixels), "the picture never arrived")
    shown = (example() * 255).round().byte()
    assert torch.equal((pad.canvas * 255).round().byte(), shown)  # to the last grey value
    stroke(page, ACROSS)
    settled(page, pad)
    assert pad.canvas[42, 20] == 1 and pad.canvas[25, 31] > 0.2
    page.locator("#pad .dl-undo").click()
    until(
        lambda: torch.equal((pad.canvas * 255).round().byte(), shown), "undo left the pen's stroke"
    )
    page.locator("#wipe button, button#wipe").click()
    arrived(pad, "")


def test_a_change_of_language_keeps_the_drawing(page: Page, pad: PadPage) -> None:
    stroke(page, ACROSS)
    before = settled(page, pad)
    expect(page.locator("#pad .dl-clear")).to_have_text("Clear")
    page.evaluate(
        "document.documentElement.lang = 'vi'; window.dispatchEvent(new Event('dl-language'))"
    )
    page.locator("#pad .dl-clear", has_text="Xoá hết").wait_for()
    expect(page.locator(CANVAS_SELECTOR)).to_have_attribute("aria-label", "Bảng vẽ")
    stroke(page, DOWN)
    settled(page, pad)
    page.locator("#pad .dl-undo").click()
    arrived(pad, before)


def test_what_is_seen_is_what_is_sent(page: Page, pad: PadPage) -> None:
    """The sharp picture on the screen, shrunk, is the picture that Python got."""
    stroke(page, ACROSS)
    stroke(page, DOWN)
    settled(page, pad)
    text = page.locator(CANVAS_SELECTOR).evaluate(
        """canvas => {
            const small = new OffscreenCanvas(84, 84).getContext("2d");
            small.imageSmoothingQuality = "high";
            small.drawImage(canvas, 0, 0, 84, 84);
            const { data } = small.getImageData(0, 0, 84, 84);
            return btoa(String.fromCharCode(...data.filter((_, i) => i % 4 === 3)));
        }"""
    )
    seen = torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8).view(84, 84)
    assert (seen / 255 - pad.canvas).abs().mean() < 0.01
