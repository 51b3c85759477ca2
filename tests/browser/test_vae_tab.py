"""The VAE tab as a student uses it: point, walk, draw, train, scrub, compare, switch language.

Most tests share one page.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Locator, Page, expect

from demos.kit.language import say
from demos.vae_views import view_of
from dlcore import vae
from tests.browser.conftest import PHONE, shared_page
from tests.browser.steps import (
    TRAINING_MS,
    back_to_the_start,
    canvas,
    choose,
    draw,
    eventually,
    open_fold,
    open_tab,
    press_stop,
    section,
    start_run,
    status_of,
    switch_language,
    wait_change,
    wait_idle,
    wait_ready,
)
from tests.serving import Server

PLANE, LIVE = "#vae-plane .stage > canvas", "#vae-live .stage > canvas"
SEVEN = [(0.25, 0.25), (0.75, 0.25), (0.5, 0.8)]
# Every streamed picture that was decoded: the page's own account of what it showed.
COUNT = """window.shown = [];
const decode = HTMLImageElement.prototype.decode;
HTMLImageElement.prototype.decode = function () {
  window.shown.push(this.src);
  return decode.call(this);
};"""
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def shared(browser: Browser, server: Server) -> Iterator[Page]:
    with shared_page(browser, f"{server.url}/?tab=vae", script=COUNT) as page:
        wait_ready(page)
        open_tab(page, "vae")
        page.locator("#vae-plane .stage").wait_for()
        yield page


@pytest.fixture(scope="module")
def bundled() -> vae.VAE:
    return vae.load_bundled("2")


def point(page: Page, x: float, y: float) -> None:
    """Move the mouse to a place of the explored plane, in shares of its square."""
    stage = page.locator("#vae-plane .stage")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=3)


def place(page: Page) -> tuple[float, float]:
    """Where the page says that the pointer is."""
    text = page.locator("#vae-plane .readout").inner_text().replace("−", "-")
    x, y = (float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text)[-2:])
    return x, y


def ink(picture: Locator) -> np.ndarray:
    """A picture on the page as bytes (28, 28), 255 = ink, in the light theme."""
    grey = picture.evaluate(
        """(canvas) => Array.from(canvas.getContext("2d")
          .getImageData(0, 0, canvas.width, canvas.height).data).filter((_, i) => i % 4 === 0)"""
    )
    pixels = np.array(grey, float).reshape(28, 28)
    return (247 - pixels) / (247 - 20) * 255


def shows(picture: Locator, wanted: np.ndarray) -> bool:
    return bool(np.abs(ink(picture) - wanted).mean() < 3)


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def costs(page: Page) -> list[float]:
    return [number(text) for text in page.locator("#vae-cost .values span").all_inner_texts()]


def test_a_visitor_finds_a_plane_and_points_into_it(shared: Page, bundled: vae.VAE) -> None:
    point(shared, 0.6, 0.4)
    expect(shared.locator("#vae-plane .readout")).to_contain_text(re.compile(r"\d"))
    inset = shared.locator("#vae-plane .inset canvas")
    expect(inset).to_be_visible()
    view = view_of(bundled)
    for at in ((0.6, 0.4), (0.2, 0.8)):
        point(shared, *at)
        [expected] = vae.pictures(bundled, view.plane.to_latent(torch.tensor([place(shared)])))
        eventually(shared, partial(shows, inset, 255 * expected.numpy()))


def test_a_path_is_walked_and_read(shared: Page) -> None:
    shared.keyboard.down("Shift")
    point(shared, 0.3, 0.3)
    shared.mouse.down()
    point(shared, 0.7, 0.6)
    shared.mouse.up()
    shared.keyboard.up("Shift")
    captions = shared.locator("#vae-steps .caption")
    expect(captions).to_have_count(10)
    expect(captions.first).to_have_text(re.compile(r"^\d: \d+ %$"))


def test_a_digit_is_drawn_and_its_cost_split(shared: Page, bundled: vae.VAE) -> None:
    draw(shared.locator("#vae-pad canvas"), SEVEN)
    expect(shared.locator("#vae-drawn canvas")).to_have_count(10)

    def told_right() -> bool:
        picture = torch.from_numpy(ink(shared.locator("#vae-drawn canvas").first) / 255).float()
        terms = vae.elbo(bundled, picture.clamp(0, 1))
        wanted = [terms.reconstruction, terms.kl, terms.loss]
        return costs(shared) == pytest.approx(wanted, rel=0.02)

    eventually(shared, told_right)
    wait_idle(shared)
    expect(shared.locator("#vae-plane .marks ellipse")).not_to_have_count(0)
    sample = "document.querySelectorAll('#vae-drawn canvas')[4].toDataURL()"
    before = shared.evaluate(sample)
    shared.locator("#vae-resample").click()
    wait_change(shared, sample, before)


def test_another_model_answers_with_another_plane(shared: Page) -> None:
    before = shared.evaluate(canvas(PLANE))
    cost = costs(shared)
    choose(shared.locator("#vae-which input[value='20']"))
    wait_change(shared, canvas(PLANE), before)
    eventually(shared, lambda: costs(shared) != cost)
    expect(shared.locator("#vae-plane .axes")).to_contain_text("PC")
    shared.locator("#vae-dream").click()
    expect(shared.locator("#vae-steps canvas")).to_have_count(10)
    choose(shared.locator("#vae-which input[value='2']"))
    wait_idle(shared)


def test_there_is_a_word_for_a_model_that_is_not_there(shared: Page) -> None:
    choose(shared.locator("#vae-which input[value=yours]"))
    toast = shared.locator(".toast-body").first
    expect(toast).to_contain_text(say("vae.errors.train_first", "en"))
    shared.locator(".toast-close").first.click()
    choose(shared.locator("#vae-which input[value='2']"))
    wait_idle(shared)


def test_the_language_switch_keeps_the_drawing(shared: Page) -> None:
    drawing = shared.evaluate(canvas("#vae-drawn canvas"))
    switch_language(shared, "vi")
    expect(shared.locator("#vae-section-train-button")).to_have_text("Tự huấn luyện")
    expect(shared.locator("#vae-cost .label").first).to_contain_text("tái tạo")
    assert shared.evaluate(canvas("#vae-drawn canvas")) == drawing
    switch_language(shared, "en")


def take_away(shared: Page) -> None:
    """The run as files."""
    open_fold(shared.locator("#vae-code button.label-wrap").first)
    expect(shared.locator("#vae-source")).to_contain_text("reparameterize")
    sizes = {}
    for name in ("script", "weights", "csv"):
        with shared.expect_download(timeout=TRAINING_MS) as download:
            shared.locator(f"#vae-download-{name}").click()
        sizes[name] = download.value.path().stat().st_size
    assert min(sizes.values()) > 200 and sizes["weights"] > 1_000_000, sizes


def test_training_forms_a_plane_that_can_be_scrubbed_and_explored(shared: Page) -> None:
    section(shared, "vae", "train")
    shared.locator("#vae-epochs input[type=number]").fill("40")
    shared.keyboard.press("Tab")
    shared.evaluate("window.shown = []")
    start_run(shared, "vae")
    # The manifold is renewed many times within an epoch, and each time it is another picture.
    shared.wait_for_function("new Set(window.shown).size > 30", timeout=TRAINING_MS)
    press_stop(shared.locator("#vae-stop"))
    yours = shared.locator("#vae-which input[value=yours]")
    expect(yours).to_be_checked(timeout=TRAINING_MS)
    expect(shared.locator("#vae-pairs canvas")).to_have_count(16)
    back_to_the_start(shared, "vae", canvas(LIVE))
    section(shared, "vae", "explore")
    point(shared, 0.5, 0.5)
    expect(shared.locator("#vae-plane .inset canvas")).to_be_visible()
    expect(shared.locator("#vae-cost .values span")).to_have_count(3)
    take_away(shared)


def test_bundled_models_are_compared(shared: Page) -> None:
    section(shared, "vae", "compare")
    expect(shared.locator("[id^=vae-cell-]:visible")).to_have_count(2)
    choose(shared.locator("#vae-compare input[value=beta]"))
    expect(shared.locator("[id^=vae-cell-]:visible .title")).to_have_count(len(vae.BETAS))
    shipped = [beta for beta in vae.BETAS if vae.bundled(f"beta={beta:g}").is_file()]
    expect(shared.locator("[id^=vae-cell-] .stage:visible")).to_have_count(len(shipped))
    told = shared.locator("#vae-measured .values span")
    expect(told).to_have_count(3 * len(shipped), timeout=TRAINING_MS)
    values = [number(text) for text in told.all_inner_texts()]
    table = np.array(values).reshape(-1, 3)
    assert np.allclose(table[:, 0] + table[:, 1], table[:, 2], atol=0.11)
    shared.wait_for_function("location.search.includes('compare=beta')")


def test_the_mistake_is_trained_and_seen(shared: Page) -> None:
    """Both ways from one seed: with a mean beside a sum, the encoder falls silent."""
    section(shared, "vae", "train")
    open_fold(shared.locator("#vae-more button.label-wrap").first)
    shared.locator("#vae-train_share input[type=number]").fill("0.2")
    shared.keyboard.press("Tab")
    section(shared, "vae", "compare")
    choose(shared.locator("#vae-compare input[value=mistake]"))
    expect(shared.locator("[id^=vae-cell-]:visible .empty:visible")).to_have_count(2)
    shared.locator("#vae-race-epochs input[type=number]").fill("3")
    shared.keyboard.press("Tab")
    shared.locator("#vae-race").click()
    expect(shared.locator("#vae-race-stop")).to_be_enabled()
    expect(shared.locator("#vae-meaning .label")).to_have_count(2, timeout=TRAINING_MS)
    expect(shared.locator("#vae-race")).to_be_enabled(timeout=TRAINING_MS)
    expect(shared.locator("#vae-measured .values span")).to_have_count(2 * 3)
    kl = shared.locator("#vae-measured .values").evaluate_all(
        "(all) => all.map((one) => Number(one.children[1].textContent))"
    )
    assert kl[0] > 0.5 > kl[1]


def test_a_comparison_can_be_stopped(shared: Page) -> None:
    shared.locator("#vae-race-epochs input[type=number]").fill("30")
    shared.keyboard.press("Tab")
    shared.locator("#vae-race").click()
    expect(shared.locator("#vae-race-stop")).to_be_enabled()
    press_stop(shared.locator("#vae-race-stop"))
    expect(status_of(shared, "vae-race")).to_have_attribute("data-state", "stopped")
    expect(shared.locator("#vae-race")).to_be_enabled()


def test_an_experiment_is_one_click_away(shared: Page) -> None:
    open_fold(shared.locator("#vae-lesson button.label-wrap").first)
    shared.locator("#vae-experiment-mistake").click()
    expect(shared.locator("#vae-train")).to_be_visible()
    expect(shared.locator("#vae-epochs input[type=number]")).to_have_value("3")
    shared.locator("#vae-experiment-stranger").click()
    expect(shared.locator("#vae-drawn canvas")).to_have_count(10)
    expect(shared.locator("#vae-which input[value='2']")).to_be_checked()


def test_on_a_phone_everything_fits_and_answers(visit: Visit) -> None:
    page = visit("?tab=vae&which=20&latent_dim=5&beta=nonsense", **PHONE)
    expect(page.locator("#vae-which input[value='20']")).to_be_checked()
    stage = page.locator("#vae-plane .stage")
    stage.wait_for()
    stage.tap(position={"x": 150, "y": 150})
    expect(page.locator("#vae-plane .inset canvas")).to_be_visible()
    for name in ("explore", "train", "compare"):
        section(page, "vae", name)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
    section(page, "vae", "train")
    expect(page.locator("#vae-latent_dim input[type=number]")).to_have_value("5")
