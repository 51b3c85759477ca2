"""The shared widgets in a real browser: they draw what they were sent, and can be read and moved.

One run of 60 events is streamed to them, far faster than a training would. One page serves all
tests but the phone's; each leaves it as it found it, looking at the newest moment.
"""

import gc
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PHONE, open_page, shared_page
from tests.browser.steps import eventually
from tests.browser.widgets_page import STEPS, loss, widgets_page

# What Gradio's server does in this process: it leaves a socket open and trips over a new pandas
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:.*no_silent_downcasting"),
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with widgets_page() as url:
        gc.collect()  # now, and not during somebody else's test
        yield url


def drawn(page: Page) -> Page:
    page.locator("#chart svg").first.wait_for()
    return page


@pytest.fixture(scope="module")
def desktop(browser: Browser, address: str) -> Iterator[Page]:
    with shared_page(browser, address) as page:
        yield drawn(page)


@pytest.fixture(scope="module")
def ran(desktop: Page) -> Page:
    """The page after its run."""
    run(desktop)
    return desktop


@pytest.fixture
def widgets(ran: Page) -> Iterator[Page]:
    yield ran
    ran.mouse.move(1, 1)
    now = ran.locator("#timeline .now")
    if now.get_attribute("aria-pressed") != "true":
        now.click()
    expect(now).to_have_attribute("aria-pressed", "true")


def run(page: Page) -> None:
    page.locator("#go").click()
    page.locator("#status [data-state=done]").wait_for()


def legend(page: Page, name: str) -> Any:
    return page.locator("#chart .curve").filter(has_text=name).first


def shade(page: Page) -> float:
    """How bright the first picture is, 0 to 1 between paper and ink."""
    red = page.evaluate(
        "document.querySelector('#grid canvas').getContext('2d').getImageData(1, 1, 1, 1).data[0]"
    )
    paper, ink = 247, 20
    return (paper - red) / (paper - ink)


def expect_shade(page: Page, wanted: float) -> None:
    """Pictures are drawn in the page's next frame, which a busy machine may put off."""
    eventually(page, lambda: shade(page) == pytest.approx(wanted, abs=0.02))


def test_before_a_run_the_widgets_say_what_to_do(desktop):
    page = desktop
    expect(page.locator("#chart .panels")).to_have_attribute(
        "data-empty", "Press Train to see the curves"
    )
    expect(page.locator("#timeline input")).to_be_disabled()
    expect(page.locator("#status [role=status]")).to_have_text("Ready")
    expect(page.locator("#bars .row")).to_have_count(3)


def test_the_page_keeps_every_point_of_a_run_that_came_piece_by_piece(widgets):
    curve = widgets.locator("#chart .live path").first
    eventually(widgets, lambda: curve.get_attribute("d").count("L") + 1 == len(STEPS))


def test_the_crosshair_reads_every_curve_at_the_nearest_step(widgets):
    picture = widgets.locator("#chart svg").first
    picture.focus()
    picture.press("Home")
    for _ in range(3):
        picture.press("ArrowRight")
    tip = widgets.locator("#chart .tip").first
    expect(tip).to_be_visible()
    words = tip.inner_text().split()
    assert words[:2] == ["step", "60"]
    assert f"{loss(60):.4f}".rstrip("0") in words
    assert f"{2 * loss(0):.4f}".rstrip("0") in words  # the test loss was last measured at step 0
    picture.press("Escape")
    expect(tip).to_be_hidden()


def test_hovering_shows_the_values_and_leaving_hides_them(widgets):
    box = widgets.locator("#chart svg").first.bounding_box()
    widgets.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(widgets.locator("#chart .tip:visible")).to_have_count(2)  # both panels share x
    widgets.mouse.move(1, 1)
    expect(widgets.locator("#chart .tip:visible")).to_have_count(0)


def test_a_curve_is_switched_off_and_on_by_its_name(widgets):
    paths = widgets.locator("#chart .panel").first.locator(".live path")
    expect(paths).to_have_count(2)
    legend(widgets, "Test loss").click()
    expect(paths).to_have_count(1)
    expect(legend(widgets, "Test loss")).to_have_attribute("aria-pressed", "false")
    legend(widgets, "Test loss").click()
    expect(paths).to_have_count(2)


def test_a_logarithmic_axis_has_powers_of_ten_and_accuracy_stays_linear(widgets):
    ticks = widgets.locator("#chart .panel").first.locator(".grid text")
    assert "0.1" not in ticks.all_text_contents()
    widgets.locator("#chart .toggle").click()
    expect(ticks.filter(has_text="0.1").first).to_be_visible()
    shares = widgets.locator("#chart .panel").nth(1).locator(".grid text").all_text_contents()
    assert "100%" in shares
    widgets.locator("#chart .toggle").click()


def test_an_earlier_run_is_named_by_the_setting_that_differs(widgets):
    earlier = widgets.locator("#chart .runs button").nth(1)
    expect(earlier).to_contain_text("0.5")
    faint = widgets.locator("#chart .panel").first.locator(".old path")
    expect(faint).to_have_count(2)
    earlier.click()
    expect(faint).to_have_count(0)
    earlier.click()
    expect(faint).to_have_count(2)


def test_time_travel_moves_pictures_and_numbers_together(widgets):
    expect_shade(widgets, 1)
    slider = widgets.locator("#timeline input")
    slider.focus()
    slider.press("Home")
    expect(legend(widgets, "Loss").locator("output")).to_have_text(f"{loss(0):.2f}")
    expect_shade(widgets, 0)
    for _ in range(15):
        slider.press("ArrowRight")
    expect(widgets.locator("#timeline .label")).to_have_text("Step 300 of 1,180")
    expect_shade(widgets, 300 / STEPS[-1])
    widgets.locator("#timeline .now").click()
    expect_shade(widgets, 1)


def test_space_plays_the_run_to_its_end(widgets):
    slider = widgets.locator("#timeline input")
    slider.focus()
    slider.press("Home")
    slider.press(" ")
    expect(widgets.locator("#timeline .play.playing")).to_be_visible()
    expect(widgets.locator("#timeline .play:not(.playing)")).to_be_visible(timeout=60_000)
    expect(widgets.locator("#timeline .now")).to_have_attribute("aria-pressed", "true")


def test_clicking_the_chart_goes_to_that_moment(widgets):
    box = widgets.locator("#chart svg").first.bounding_box()
    widgets.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(widgets.locator("#timeline .now")).to_have_attribute("aria-pressed", "false")
    eventually(widgets, lambda: 0.3 < shade(widgets) < 0.7)


def test_pictures_are_picked_by_click_and_by_keys(widgets):
    cells = widgets.locator("#grid .cell")
    cells.nth(1).click()
    picked = widgets.locator("#picked textarea")
    expect(picked).to_have_value(_with("'index': 1"))
    cells.nth(1).press("ArrowDown")
    expect(cells.nth(4)).to_be_focused()
    cells.nth(4).press("Enter")
    expect(picked).to_have_value(_with("'index': 4"))
    expect(widgets.locator("#grid .cell[tabindex='0']")).to_have_count(1)


def test_a_heatmap_is_read_and_picked_by_keys(widgets):
    cursor = widgets.locator("#table .cursor")
    cursor.focus()
    cursor.press("ArrowDown")
    cursor.press("ArrowRight")
    expect(widgets.locator("#table .read")).to_have_text("1 → 1: 1,000")
    cursor.press("Enter")
    expect(widgets.locator("#picked textarea")).to_have_value("{'row': 1, 'column': 1}")


def test_a_change_of_language_reaches_words_and_numbers_at_once(widgets):
    widgets.evaluate(
        "document.documentElement.lang = 'vi'; window.dispatchEvent(new Event('dl-language'))"
    )
    expect(widgets.locator("#status [role=status]")).to_have_text("Hoàn thành")
    expect(widgets.locator("#chart .toggle")).to_have_text("Thang log")
    expect(widgets.locator("#bars .values").nth(1)).to_have_text("70,0%")
    widgets.evaluate(
        "document.documentElement.lang = 'en'; window.dispatchEvent(new Event('dl-language'))"
    )
    expect(widgets.locator("#status [role=status]")).to_have_text("Finished")


def test_the_largest_bar_stands_out(widgets):
    best = widgets.locator("#bars .row.best")
    expect(best).to_have_count(1)
    expect(best.locator(".values")).to_have_text("70.0%")
    assert best.locator(".track i").evaluate("(bar) => bar.style.transform") == "scaleX(0.7)"


def test_on_a_phone_nothing_is_wider_than_the_screen(browser, address, noise):
    page = drawn(open_page(browser, address, noise, **PHONE))
    run(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    panels = page.locator("#chart svg").evaluate_all(
        "(all) => all.map((one) => one.getBoundingClientRect().left)"
    )
    assert panels[0] == panels[1]  # one below the other
    page.locator("#chart svg").first.tap(position={"x": 180, "y": 60})
    expect(page.locator("#chart .tip").first).to_be_visible()
    page.context.close()


def test_scales(widgets):
    """The arithmetic behind the charts, with answers worked out by hand."""
    answers = widgets.evaluate("""async () => {
      const s = await import(new URL("dl/scales.js", document.baseURI));
      return JSON.stringify({
        nice: s.niceAxis(0.13, 0.87, 4).ticks,
        flat: s.niceAxis(5, 5, 4).ticks.length > 1,
        log: s.logAxis(0.02, 3, 12).ticks,
        extent: s.extent([[[0, 3], [1, null], [2, -1]], []]),
        before: s.pointAt([[0, 1], [10, 2], [20, 3]], 19),
        nobody: s.pointAt([[5, 1]], 4),
        nearest: s.nearest([[0, 1], [10, 2], [20, 3]], 16),
        smooth: s.smooth([[0, 0], [1, 3], [2, 6], [3, 9], [4, 100]], 1),
        calm: s.smoothing(Array.from({ length: 900 }, (_, i) => [i, i])),
        noisy: s.smoothing(Array.from({ length: 900 }, (_, i) => [i, i % 2])),
        path: s.path([[0, 1], [1, NaN], [2, 3], [3, 4]]),
        thin: s.thin(Array.from({ length: 500 }, (_, i) => [i / 100, i === 250 ? 99 : i % 3])),
      });
    }""")
    got = json.loads(answers)
    assert got["nice"] == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert got["flat"]
    assert got["log"] == [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5]
    assert got["extent"] == [-1, 3]
    assert got["before"] == [10, 2] and got["nobody"] is None and got["nearest"] == [20, 3]
    assert got["smooth"] == [[0, 0], [1, 3], [2, 6], [3, 115 / 3], [4, 54.5]]
    assert got["calm"] == 0 and got["noisy"] == 15
    assert got["path"] == "M0.0,1.0M2.0,3.0L3.0,4.0"
    assert len(got["thin"]) <= 12 and [2.5, 99] in got["thin"]  # a spike survives


def test_an_update_keeps_the_focus_of_what_stays(widgets):
    kept = widgets.evaluate("""async () => {
      const { keyed, node } = await import(new URL("dl/common.js", document.baseURI));
      const list = document.body.appendChild(node("div"));
      const show = (names) => keyed(list, names, (name) => name,
        (name) => node("button", {}, name), (button, name, i) => { button.value = i; });
      show(["a", "b", "c"]);
      list.children[1].focus();
      show(["b", "c", "d"]);
      const now = [...list.children].map((button) => button.textContent + button.value);
      const focused = document.activeElement.textContent;
      list.remove();
      return [focused, ...now];
    }""")
    assert kept == ["b", "b0", "c1", "d2"]


def _with(text: str) -> Any:
    return re.compile(re.escape(text))
