"""The latent plane in a real browser: pointing, paths, filter, scrubbing; and sheets of pictures.

One page serves all tests of this file; each leaves it as it found it.
"""

import gc
import json
import re
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import PHONE, open_page, shared_page
from tests.browser.latent_page import LABELS, SPAN, LatentPage, decoded, latent_page, points
from tests.browser.steps import eventually

# What Gradio's server does in this process: it leaves a socket open and trips over a new pandas
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

LEFT, RIGHT, TOP, BOTTOM = 26, 2, 2, 20  # what surrounds the square


# The page gives up waiting for an answer after a while, which a busy machine may need: not here.
PATIENT = """const real = window.setTimeout;
window.setTimeout = (f, ms, ...rest) => real(f, ms === 1500 ? 1e8 : ms, ...rest);"""


@pytest.fixture(scope="module")
def served() -> Iterator[LatentPage]:
    with latent_page() as running:
        gc.collect()  # now, and not during somebody else's test
        yield running


@pytest.fixture(scope="module")
def desktop(browser: Browser, served: LatentPage) -> Iterator[Page]:
    with shared_page(browser, served.url, script=PATIENT) as page:
        page.locator("#explore .legend button").first.wait_for()
        yield page


@pytest.fixture
def page(desktop: Page, served: LatentPage) -> Iterator[Page]:
    desktop.evaluate("window.scrollTo(0, 0)")
    yield desktop
    served.answers.set()
    desktop.keyboard.press("Escape")
    desktop.mouse.move(1, 1)


def told(page: Page) -> Locator:
    return page.locator("#told textarea, #told input")


def drawn(page: Page) -> Locator:
    return page.locator("#drawn textarea, #drawn input")


def spot(page: Page, x: float, y: float, plane: str = "#explore") -> tuple[float, float]:
    """Where a place of the plane is on the screen."""
    box = page.locator(f"{plane} .stage").bounding_box()
    assert box is not None
    edges = (1, 1, 1, 1) if plane in ("#one", "#two") else (LEFT, RIGHT, TOP, BOTTOM)
    side = box["width"] - edges[0] - edges[1]
    across = box["x"] + edges[0] + (x + SPAN) / (2 * SPAN) * side
    return across, box["y"] + edges[2] + (SPAN - y) / (2 * SPAN) * side


def colour(page: Page, x: float, y: float, plane: str = "#explore", size: int = 14) -> list[int]:
    """The most colourful pixel of the picture around a place of the plane."""
    across, down = spot(page, x, y, plane)
    return page.locator(f"{plane} .stage > canvas").evaluate(
        """(canvas, [x, y, size]) => {
          const box = canvas.getBoundingClientRect();
          const scale = canvas.width / box.width;
          const at = [x - box.x - size / 2, y - box.y - size / 2, size, size].map((v) => v * scale);
          const { data } = canvas.getContext("2d").getImageData(...at.map(Math.round));
          const spread = (p) => Math.max(...p) - Math.min(...p);
          let best = [0, 0, 0];
          for (let i = 0; i < data.length; i += 4) {
            const pixel = [...data.slice(i, i + 3)];
            if (data[i + 3] > 200 && spread(pixel) > spread(best)) best = pixel;
          }
          return best;
        }""",
        [across, down, size],
    )


def settled(page: Page) -> None:
    page.evaluate("new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))")


def inset(page: Page, plane: str = "#explore") -> np.ndarray:
    """The picture beside the pointer, 0 paper … 255 ink, as the light theme draws it."""
    shown = page.locator(f"{plane} .inset canvas").evaluate(
        """(c) => [c.width, ...c.getContext("2d").getImageData(0, 0, c.width, c.height).data]"""
    )
    pixels = np.array(shown[1:]).reshape(-1, shown[0], 4)[..., 0]
    return (247 - pixels) / (247 - 20) * 255


def middle_of(digit: int, step: int = 20) -> tuple[float, float]:
    x, y = points(step)[digit == LABELS].mean(axis=0)
    return float(x), float(y)


def test_points_are_where_python_put_them_in_their_digits_colours(page):
    page.locator("#explore .modes button").first.click()  # points alone
    settled(page)
    red, _, blue = colour(page, *middle_of(0))
    assert blue > red + 60
    red, _, blue = colour(page, *middle_of(1))  # up and to the right, not down
    assert red > blue + 60
    assert max(colour(page, -3.7, 3.7)) == 0  # nothing there
    page.locator("#explore .modes button").nth(1).click()


def test_pointing_asks_for_the_newest_place_only_and_shows_what_was_decoded(page, served):
    """Never two questions at once: one is held up while the pointer goes on to thirteen places."""
    page.mouse.move(*spot(page, 0, 0))
    expect(told(page)).to_have_value(re.compile(r"^\d+ -?0(\.0\d*)? -?0(\.0\d*)?$"))
    served.asked.clear()
    served.answers.clear()
    page.mouse.move(*spot(page, -2, 1))
    eventually(page, lambda: len(served.asked) == 1)
    for i in range(1, 12):
        page.mouse.move(*spot(page, -2 + i * 0.25, 1))
    x, y = spot(page, 2.5, -1.5)
    page.mouse.move(x, y)
    expect(page.locator("#explore .readout")).to_contain_text("z = (2.5")
    assert len(served.asked) == 1
    served.answers.set()
    expect(told(page)).to_have_value(re.compile(r"^2 2\.(5|49|50)\d* -1\.(5|49)\d*$"))
    told_x, told_y = (float(part) for part in told(page).input_value().split()[1:])
    assert served.asked == [(pytest.approx(-2, abs=0.02), pytest.approx(1, abs=0.02)),
                            (told_x, told_y)]  # fmt: skip
    eventually(page, lambda: bool(np.abs(inset(page) - decoded(told_x, told_y)).max() <= 2))
    box = page.locator("#explore .inset").bounding_box()
    assert box is not None
    assert not (box["x"] <= x <= box["x"] + box["width"]), "the picture hides the place"
    expect(page.locator("#explore .legend button")).to_have_count(10)  # the answer was short
    assert max(colour(page, *middle_of(5))) > 0


def test_a_click_holds_the_pointer_and_another_lets_it_go(page):
    readout = page.locator("#explore .readout")
    page.mouse.move(*spot(page, 1, 1))
    page.mouse.click(*spot(page, 1, 1))
    expect(readout).to_contain_text("held here")
    page.mouse.move(*spot(page, -2, -2))
    expect(readout).to_contain_text("z = (1")
    page.mouse.click(*spot(page, -2, -2))
    expect(readout).to_contain_text("z = (-2")
    expect(readout).not_to_contain_text("held")


def test_keys_walk_the_plane_in_large_and_small_steps(page):
    stage = page.locator("#explore .stage")
    stage.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+ArrowUp")
    expect(page.locator("#explore .readout")).to_have_text("z = (0.16; 0.19)")
    expect(told(page)).to_have_value(re.compile(r" 0\.16 0\.192$"))


def test_a_path_is_drawn_by_shift_drag_and_its_ends_can_be_moved(page):
    page.mouse.move(*spot(page, -2, -1))
    page.keyboard.down("Shift")
    page.mouse.down()
    page.mouse.move(*spot(page, 0, 0))
    page.mouse.move(*spot(page, 2, 1))
    page.mouse.up()
    page.keyboard.up("Shift")
    expect(drawn(page)).to_have_value(re.compile(r"^\[\[-"))
    ends = np.array(json.loads(drawn(page).input_value()))
    assert np.abs(ends - [[-2, -1], [2, 1]]).max() < 0.02
    assert page.locator("#explore .marks .end").count() == 2
    page.mouse.move(*spot(page, 2, 1))
    page.mouse.down()
    page.mouse.move(*spot(page, 2, -2))
    page.mouse.up()
    expect(drawn(page)).to_have_value(re.compile(r"-(2\.0\d*|2|1\.99\d*)\]\]$"))
    assert "held" not in page.locator("#explore .readout").inner_text()


def test_a_path_is_drawn_with_keys(page):
    page.locator("#explore .stage").focus()
    page.keyboard.press("Home")
    page.keyboard.press("p")
    expect(page.locator("#explore .draft")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#explore .readout")).to_contain_text("Enter at either end")
    page.keyboard.press("Enter")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(drawn(page)).to_have_value("[[0, 0], [0.8, 0]]")
    expect(page.locator("#explore .draft")).to_have_attribute("aria-pressed", "false")


def test_a_path_that_is_given_up_is_not_sent(page):
    page.locator("#explore .stage").focus()
    page.keyboard.press("Home")
    before = drawn(page).input_value()
    page.keyboard.press("p")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    expect(page.locator("#explore .draft")).to_have_attribute("aria-pressed", "false")
    expect(told(page)).to_have_value(re.compile(r" -0\.16 0$"))
    assert drawn(page).input_value() == before


def test_the_legend_shows_one_digit_and_then_all_again(page):
    page.locator("#explore .modes button").first.click()
    one = page.locator("#explore .legend button").nth(3)
    one.click()
    expect(one).to_have_attribute("aria-pressed", "true")
    expect(one).to_have_attribute("aria-label", "Only digit 3")
    settled(page)
    assert max(colour(page, *middle_of(3))) > 0
    assert max(colour(page, *middle_of(8))) == 0  # only a shadow of it is left
    one.click()
    settled(page)
    assert max(colour(page, *middle_of(8))) > 0
    page.locator("#explore .modes button").nth(1).click()


def test_scrubbing_moves_points_and_shows_another_sheet(page):
    first = page.locator("#grid canvas").first
    shade = "(c) => c.getContext('2d').getImageData(13, 0, 1, 1).data[0]"
    newest = first.evaluate(shade)
    page.locator("#live .modes button").first.click()
    settled(page)
    assert max(colour(page, *middle_of(0), "#live")) > 0
    page.locator("#timeline input[type=range]").focus()
    page.keyboard.press("Home")
    page.wait_for_function(
        f"document.querySelector('#grid canvas').getContext('2d')"
        f".getImageData(13, 0, 1, 1).data[0] !== {newest}"
    )
    settled(page)
    assert max(colour(page, *middle_of(0), "#live")) == 0
    assert max(colour(page, 0, 0, "#live")) > 0  # at first all are in the middle
    page.keyboard.press("End")
    page.locator("#live .modes button").nth(1).click()


def test_a_plane_that_learns_shows_its_own_pictures_and_asks_nothing(page):
    before = told(page).input_value()
    page.locator("#live .stage").scroll_into_view_if_needed()
    page.mouse.move(*spot(page, 1.3, 2.1, "#live"))
    expect(page.locator("#live .inset span")).to_have_text("from (1.2; 2)")
    assert np.abs(inset(page, "#live") - decoded(1.2, 2.0)[::2, ::2]).max() <= 9  # sixteen shades
    expect(page.locator("#live .draft")).to_be_hidden()
    assert told(page).input_value() == before


def test_a_posterior_lies_where_it_was_computed(page):
    page.locator("#lay").click()
    one = page.locator("#explore .marks ellipse.one")
    one.wait_for(state="attached")
    x, y = spot(page, 1, -1)
    box = one.bounding_box()
    assert box is not None
    assert abs(box["x"] + box["width"] / 2 - x) < 1 and abs(box["y"] + box["height"] / 2 - y) < 1
    side = page.locator("#explore .stage").bounding_box()["width"] - LEFT - RIGHT
    radii = [float(one.get_attribute(name) or 0) for name in ("rx", "ry")]
    assert np.allclose(radii, np.array([1.2, 0.4]) * side / (2 * SPAN), atol=0.1)
    turn = re.match(r"rotate\(([-.\d]+)", one.get_attribute("transform") or "")
    assert turn and abs(float(turn[1]) + 30) < 0.01  # upwards to the right
    expect(page.locator("#explore .marks .sample")).to_have_count(3)
    expect(page.locator("#explore .marks .pointer")).to_have_count(0)


def test_a_small_plane_is_a_picture_that_can_be_looked_into(page):
    expect(page.locator("#one button")).to_have_count(0)
    expect(page.locator("#one .axes text")).to_have_count(0)
    expect(page.locator("#one .title")).to_have_text("one")
    stage = page.locator("#one .stage")
    expect(stage).to_have_attribute("aria-label", re.compile("300"))
    stage.scroll_into_view_if_needed()
    page.mouse.move(*spot(page, -1.3, 0.5, "#one"))
    expect(page.locator("#one .inset")).to_be_visible()
    assert np.abs(inset(page, "#one") - decoded(-1.2, 0.4)[::2, ::2]).max() <= 9
    page.mouse.move(1, 1)
    expect(page.locator("#one .inset")).to_be_hidden()


def test_before_the_first_frame_it_says_what_is_missing(page):
    expect(page.locator("#none .empty")).to_have_text("nothing yet")
    expect(page.locator("#none .stage")).to_be_hidden()


def test_everything_is_said_in_vietnamese_too(page):
    page.evaluate(
        "document.documentElement.lang = 'vi'; window.dispatchEvent(new Event('dl-language'))"
    )
    expect(page.locator("#explore .draft")).to_have_text("Vẽ đường đi")
    expect(page.locator("#explore .legend button").first).to_have_attribute(
        "aria-label", "Chỉ chữ số 0"
    )
    expect(page.locator("#explore .stage")).to_have_attribute("aria-label", re.compile("300 ảnh"))
    page.evaluate(
        "document.documentElement.lang = 'en'; window.dispatchEvent(new Event('dl-language'))"
    )


def test_a_finger_points_and_nothing_is_too_wide_or_too_small(browser, served, noise):
    page = open_page(browser, served.url, noise, **PHONE)
    page.locator("#explore .legend button").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    x, y = spot(page, 1, -1)
    page.touchscreen.tap(x, y)
    expect(told(page)).to_have_value(re.compile(r"^\d+ (1|0\.99|1\.0)\d* -(1|0\.99|1\.0)\d*$"))

    def above_the_finger() -> bool:
        box = page.locator("#explore .inset").bounding_box()
        return box is not None and box["y"] + box["height"] < y - 30

    eventually(page, above_the_finger)
    for button in page.locator("#explore button").all():
        size = button.bounding_box()
        assert size is not None and size["width"] >= 24 and size["height"] >= 32
    page.context.close()
