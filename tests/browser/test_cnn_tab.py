"""The CNN tab as a student uses it: draw, look inside, mute, train, stop, scrub, speak.

Most tests share one page, each beginning with an empty pad and the bundled network.
"""

import re
from collections.abc import Callable, Iterator

import pytest
import torch
from playwright.sync_api import Browser, Locator, Page, expect

from demos.cnn_state import SECTIONS
from dlcore import cnn
from dlcore.data.mnist import load_mnist
from tests.browser.conftest import PHONE, shared_page
from tests.browser.steps import (
    TRAINING_MS,
    back_to_the_start,
    canvas,
    draw,
    eventually,
    open_fold,
    open_tab,
    press_stop,
    section,
    switch_language,
    train_for_a_while,
    wait_change,
    wait_idle,
    wait_ready,
)
from tests.serving import Server

ONE = [(0.55, 0.15), (0.5, 0.5), (0.46, 0.85)]
CORNER_SEVEN = [(0.05, 0.06), (0.2, 0.06), (0.1, 0.3)]
KERNELS = canvas("#cnn-kernels canvas")
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def shared(browser: Browser, server: Server) -> Iterator[Page]:
    with shared_page(browser, server.url) as page:
        wait_ready(page)
        open_tab(page, "cnn")
        yield page


@pytest.fixture
def page(shared: Page) -> Page:
    """The tab with an empty pad, centring, and what the bundled network sees of it."""
    shared.evaluate("window.scrollTo(0, 0)")
    section(shared, "cnn", "sees")
    shared.locator("#cnn-centre input").check()
    shared.locator("#cnn-pad .dl-clear").evaluate("(button) => button.click()")  # empty: nothing
    expect(shared.locator("#cnn-bars .row.best")).to_have_count(0)
    wait_idle(shared)
    return shared


def pad(page: Page) -> Locator:
    return page.locator("#cnn-pad canvas").first


def expect_answer(page: Page, digit: str) -> None:
    best = page.locator("#cnn-bars .row.best .label")
    expect(best).to_have_text(digit)


def load_zero(page: Page) -> torch.Tensor:
    """The first example onto the pad; returns the very picture (28, 28) the network must get."""
    first = page.locator("#cnn-examples-grid button").first
    if not first.is_visible():  # the button shows and hides them
        page.locator("#cnn-examples").click()
    first.click()
    expect_answer(page, "0")
    data = load_mnist()
    return data.test_images[int((data.test_labels == 0).nonzero()[0])] / 255


def test_a_drawn_digit_is_read_and_its_maps_appear(page: Page) -> None:
    expect(page.locator("#cnn-maps-bundled .dl-feature_maps-empty")).to_be_visible()
    draw(pad(page), ONE)
    expect_answer(page, "1")
    expect(page.locator("#cnn-maps-bundled .dl-feature_maps-map")).to_have_count(32)
    page.locator("#cnn-maps-bundled [data-stage=conv2]").click()
    expect(page.locator("#cnn-maps-bundled .dl-feature_maps-map")).to_have_count(64)
    page.locator("#cnn-maps-bundled [data-stage=conv1]").click()


def test_centring_changes_what_the_network_gets(page: Page) -> None:
    draw(pad(page), CORNER_SEVEN)
    expect_answer(page, "7")
    shown = canvas("#cnn-gets canvas")
    centred = page.evaluate(shown)
    page.locator("#cnn-centre input").uncheck()
    wait_change(page, shown, centred)


@pytest.mark.parametrize(("stage", "unit"), [("conv1", 3), ("conv2", 11), ("softmax", 0)])
def test_the_inspector_shows_the_numbers_that_the_network_computed(
    page: Page, stage: str, unit: int
) -> None:
    image = load_zero(page)
    page.locator(f"#cnn-maps-bundled [data-stage={stage}]").click()
    page.locator("#cnn-maps-bundled .dl-feature_maps-map").nth(unit).click()
    with torch.no_grad():
        trace = cnn.load_bundled().trace(image.view(1, 1, 28, 28))
    if stage == "softmax":
        expected = trace.logits[0, unit].item()
    else:  # the pixel that answers most strongly is shown first
        numbers = getattr(trace, stage)[0, unit].flatten()
        expected = numbers[numbers.abs().argmax()].item()
    shown = page.locator("#cnn-inspector strong[data-total]").first
    shown.wait_for()

    def told() -> float:
        return float(shown.get_attribute("data-total") or "nan")

    eventually(page, lambda: told() == pytest.approx(expected, abs=1e-4))
    expect(page.locator("#cnn-inspector .is-right").first).to_be_visible()
    expect(page.locator("#cnn-inspector .is-wrong")).to_have_count(0)


def test_arrow_keys_walk_over_the_map(page: Page) -> None:
    load_zero(page)
    page.locator("#cnn-maps-bundled [data-stage=conv1]").click()
    page.locator("#cnn-maps-bundled .dl-feature_maps-map").nth(3).click()
    map_ = page.locator("#cnn-inspector .is-live")
    map_.focus()
    line = page.locator("#cnn-inspector .dl-inspector-sum").first
    before = line.inner_text()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(line).not_to_have_text(before, use_inner_text=True)
    expect(page.locator("#cnn-inspector .is-right")).to_be_visible()


def test_a_muted_filter_is_crossed_out_and_the_test_set_is_read_again(page: Page) -> None:
    load_zero(page)
    tile = page.locator("#cnn-maps-bundled .dl-feature_maps-tile").nth(5)
    tile.locator(".dl-feature_maps-map").focus()
    page.keyboard.press("m")
    expect(tile).to_have_class(re.compile("is-muted"))
    scores = page.locator("#cnn-score-bars")
    expect(scores).to_contain_text("%", timeout=TRAINING_MS)
    page.locator("#cnn-maps-bundled .dl-feature_maps-unmute").click()
    expect(tile).not_to_have_class(re.compile("is-muted"))
    expect(scores).to_be_hidden()


def test_bending_and_asking_why_answer_for_the_drawing(page: Page) -> None:
    draw(pad(page), ONE)
    section(page, "cnn", "transform")
    expect(page.locator("#cnn-curves-bundled")).to_contain_text("Rotate")
    shown = canvas("#cnn-bent canvas")
    upright = page.evaluate(shown)
    page.locator("#cnn-bend-rotate input[type=number]").fill("90")
    page.keyboard.press("Tab")
    wait_change(page, shown, upright)
    section(page, "cnn", "why")
    expect(page.locator("#cnn-why-bundled canvas")).to_have_count(3)
    expect(page.locator("#cnn-why-bundled")).to_contain_text("Grad-CAM")


def test_the_language_switch_keeps_the_drawing(page: Page) -> None:
    draw(pad(page), ONE)
    expect_answer(page, "1")
    drawn = page.evaluate(canvas("#cnn-pad canvas"))
    switch_language(page, "vi")
    expect(page.locator("#cnn-section-train-button")).to_have_text("Tự huấn luyện")
    expect(page.locator("#cnn-maps-bundled")).to_contain_text("Tích chập 1")
    expect_answer(page, "1")
    assert page.evaluate(canvas("#cnn-pad canvas")) == drawn
    switch_language(page, "en")


def test_an_experiment_sets_the_controls(page: Page) -> None:
    open_fold(page.locator("#cnn-lesson button.label-wrap").first)
    page.locator("#cnn-experiment-corner").click()
    expect(page.locator("#cnn-centre input")).not_to_be_checked()
    expect(page.locator("#cnn-gets canvas")).to_be_visible()


def test_stop_leaves_a_network_that_reads_beside_the_bundled_one(page: Page) -> None:
    draw(pad(page), ONE)
    section(page, "cnn", "train")
    expect(page.locator("#cnn-which input[value=yours]")).to_be_disabled()
    page.locator("#cnn-epochs input[type=number]").fill("50")
    page.keyboard.press("Tab")
    train_for_a_while(page, "cnn", KERNELS)
    press_stop(page.locator("#cnn-stop"))
    expect(page.locator("#cnn-which input[value=yours]")).to_be_enabled(timeout=TRAINING_MS)
    expect(page.locator("#cnn-bars .legend")).to_contain_text("yours")
    expect(page.locator("#cnn-mistakes button").first).to_be_visible(timeout=TRAINING_MS)
    back_to_the_start(page, "cnn", KERNELS)
    page.locator("#cnn-mistakes button").first.click()
    section(page, "cnn", "sees")
    expect(page.locator("#cnn-maps-yours .dl-feature_maps-map").first).to_be_visible()
    expect(page.locator("#cnn-maps-bundled .dl-feature_maps-map").first).to_be_visible()


def test_no_section_is_wider_than_a_phone(visit: Visit) -> None:
    page = visit(**PHONE)
    open_tab(page, "cnn")
    draw(pad(page), ONE)
    expect_answer(page, "1")
    page.locator("#cnn-maps-bundled .dl-feature_maps-map").nth(1).click()
    wait_idle(page)
    for name in SECTIONS:
        section(page, "cnn", name)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
