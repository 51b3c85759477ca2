"""The image-classification tab as a visitor uses it: show, ask why, doubt, paint, bend, fool.

The tests share one page, each beginning with the cat and the bundled network.
"""

import base64
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from demos.resnet_state import BUNDLED, network
from dlcore import resnet
from dlcore.pictures import load_example
from tests.browser.conftest import PHONE, shared_page
from tests.browser.steps import (
    TRAINING_MS,
    canvas,
    choose,
    draw,
    eventually,
    open_fold,
    open_tab,
    press_stop,
    section,
    switch_language,
    wait_change,
    wait_idle,
    wait_ready,
)
from tests.serving import Server

QUICK = "how_samples=1&how_steps=2&how_window=112&how_shares=4"
SECTIONS = ("gets", "why", "hide", "stages", "robust", "attack")
STROKE = [(0.2, 0.2), (0.8, 0.3), (0.2, 0.5), (0.8, 0.7)]
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def shared(browser: Browser, server: Server) -> Iterator[Page]:
    with shared_page(browser, f"{server.url}/?tab=resnet&{QUICK}") as page:
        wait_ready(page)
        open_tab(page, "resnet")
        yield page


@pytest.fixture
def page(shared: Page) -> Page:
    """The tab with the cat, whatever was shown before."""
    section(shared, "resnet", "gets")
    example(shared, "Chelsea", "Egyptian cat")
    return shared


def example(page: Page, name: str, answer: str) -> None:
    page.locator("#resnet-examples button", has_text=name).click()
    expect(first(page)).to_have_text(answer)
    wait_idle(page)


def first(page: Page, widget: str = "answer") -> Locator:
    return page.locator(f"#resnet-{widget} .row.first b")


def shares(page: Page, widget: str) -> list[str]:
    return page.locator(f"#resnet-{widget} .values").all_inner_texts()


def test_a_visitor_finds_a_picture_with_its_names(page: Page) -> None:
    answer = resnet.predict(network(BUNDLED), load_example("chelsea"), resnet.Config())
    rows = page.locator("#resnet-answer .row")
    expect(rows).to_have_count(5)
    for row, guess in zip(rows.all(), answer.guesses, strict=True):
        expect(row.locator("b")).to_have_text(re.compile(re.escape(guess.label.en)))
        expect(row.locator("small")).to_have_text(guess.label.vi)
        shown = row.locator(".values").inner_text()
        assert float(shown.strip("<%")) == pytest.approx(100 * guess.probability, abs=0.06)
    expect(page.locator("#resnet-steps img")).to_have_count(5)
    expect(page.locator("#resnet-ways .legend .key")).to_have_count(2)
    expect(page.locator("#resnet-photo .shade")).to_be_visible()


def test_a_file_and_a_pasted_picture_are_named(page: Page, tmp_path: Path) -> None:
    sideways = tmp_path / "coffee.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    load_example("coffee").rotate(90, expand=True).save(sideways, exif=exif)
    page.locator("#resnet-photo input[type=file]").set_input_files(sideways)
    expect(first(page)).to_have_text("espresso")
    buffer = io.BytesIO()
    load_example("flower").save(buffer, "PNG")
    paste(page, base64.b64encode(buffer.getvalue()).decode())
    expect(first(page)).to_have_text("daisy")


def paste(page: Page, picture: str) -> None:
    """Ctrl-V with a picture on the clipboard."""
    page.evaluate(
        """(data) => {
          const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
          const clipboardData = new DataTransfer();
          clipboardData.items.add(new File([bytes], "pasted.png", { type: "image/png" }));
          const event = new ClipboardEvent("paste", { clipboardData, bubbles: true });
          document.body.dispatchEvent(event);
        }""",
        picture,
    )


def test_a_text_that_is_called_a_picture_is_refused_and_nothing_lost(
    page: Page, tmp_path: Path
) -> None:
    text = tmp_path / "holiday.jpg"
    text.write_text("no picture at all")
    page.locator("#resnet-photo input[type=file]").set_input_files(text)
    message = page.locator(".toast-body", has_text="no picture")
    expect(message).to_be_visible()
    expect(first(page)).to_have_text("Egyptian cat")
    message.locator(".toast-close").click()


def test_the_camera_takes_a_picture(page: Page) -> None:
    page.evaluate(
        """() => {
          const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 48 });
          canvas.getContext("2d").fillRect(0, 0, 64, 48);
          const draw = () => { canvas.getContext("2d").fillRect(0, 0, 64, 48); };
          setInterval(draw, 50);
          navigator.mediaDevices.getUserMedia = async () => canvas.captureStream();
        }"""
    )
    page.locator("#resnet-photo button.camera").click()
    expect(page.locator("#resnet-photo video")).to_be_visible()
    page.locator("#resnet-photo button.camera").click()
    expect(page.locator("#resnet-photo .note")).to_contain_text("64 × 48")
    expect(page.locator("#resnet-photo video")).to_be_hidden()


def test_squashing_changes_the_answer(page: Page) -> None:
    example(page, "rocket", "missile")
    model, config = network(BUNDLED), resnet.Config(preparation="squash")
    squashed = resnet.predict(model, load_example("rocket"), config)
    expected = f"{100 * squashed.guesses[0].probability:.1f}%"
    page.locator("#resnet-preparation input").click()
    page.get_by_role("option", name="squash").click()
    expect(first(page)).to_have_text(squashed.guesses[0].label.en)
    expect(page.locator("#resnet-answer .values").first).to_have_text(expected)
    page.locator("#resnet-preset-defaults").click()
    expect(first(page)).to_have_text("missile")


def test_a_clicked_name_is_explained_in_four_ways(page: Page) -> None:
    page.locator("#resnet-answer .row").nth(1).click()
    expect(page.locator("#resnet-section-why")).to_be_visible()
    expect(page.locator("#resnet-label input")).to_have_value(re.compile("tiger cat"))
    cards = page.locator("#resnet-reasons article")
    expect(cards).to_have_count(4)
    shown = canvas("#resnet-reasons canvas")
    page.wait_for_function(f"({shown}).length > 5000")  # the picture is decoded and painted
    wait_idle(page)
    deepest = page.evaluate(shown)
    page.locator("#resnet-reasons .scrubber input").first.focus()
    page.keyboard.press("Home")
    expect(page.locator("#resnet-reasons .scrubber output").first).to_contain_text("stem")
    wait_change(page, shown, deepest)
    page.keyboard.press("End")
    page.locator("#resnet-explain").click()
    state = page.locator("#resnet-status .dl-status")
    expect(page.locator("#resnet-reasons .areas:visible")).to_have_count(4, timeout=TRAINING_MS)
    expect(state).to_have_attribute("data-state", "done", timeout=TRAINING_MS)
    expect(page.locator("#resnet-reasons .wait:not(:empty)")).to_have_count(0)
    expect(page.locator("#resnet-reasons .note").first).to_contain_text("random order")


def test_forgetting_can_be_watched_and_stopped(page: Page) -> None:
    section(page, "resnet", "why")
    choose(page.locator("#resnet-method input[value=smooth_grad]"))
    page.locator("#resnet-randomise").click()
    expect(page.locator("#resnet-forgotten article")).not_to_have_count(0, timeout=TRAINING_MS)
    press_stop(page.locator("#resnet-stop"))
    expect(page.locator("#resnet-randomise")).to_be_enabled(timeout=TRAINING_MS)
    expect(page.locator("#resnet-forgotten article").first).to_contain_text("as it is")


def test_paint_hides_and_can_be_taken_off(page: Page) -> None:
    section(page, "resnet", "hide")
    shown = canvas("#resnet-cover canvas")
    page.wait_for_function(f"({shown}).length > 5000")
    clean = page.evaluate(shown)
    draw(page.locator("#resnet-cover canvas"), STROKE)
    expect(page.locator("#resnet-given img")).to_have_count(1)

    def differs() -> bool:
        before, after = shares(page, "less")[0].split()
        return before == "40.8%" and after != before

    eventually(page, differs)
    page.mouse.move(0, 0)
    page.locator("#resnet-cover button").last.click()
    eventually(page, lambda: not differs())
    eventually(page, lambda: page.evaluate(shown) == clean)
    page.locator("#resnet-cover canvas").focus()
    for key in ("ArrowLeft", "ArrowUp", " "):
        page.keyboard.press(key)
    eventually(page, differs)


def test_stages_and_neighbours_are_shown(page: Page) -> None:
    section(page, "resnet", "stages")
    expect(page.locator("#resnet-stages [role=tab]")).to_have_count(9)
    large = canvas("#resnet-stages .large canvas")
    page.wait_for_function(f"({large}).length > 5000")
    wait_idle(page)
    before = page.evaluate(large)
    page.locator("#resnet-stages .maps button").nth(2).click()
    before = wait_change(page, large, before)
    page.locator("#resnet-stages [role=tab]").nth(4).click()
    expect(page.locator("#resnet-stages .note")).to_contain_text("80 maps of 14 × 14")
    wait_change(page, large, before)
    near = page.locator("#resnet-neighbours .cell")
    expect(near).to_have_count(8, timeout=TRAINING_MS)
    expect(near.first).to_contain_text("Chelsea")


def test_a_turned_picture_loses_its_name(page: Page) -> None:
    section(page, "resnet", "robust")
    expect(page.locator("#resnet-bent-answer .row").first).to_be_visible()
    choose(page.locator("#resnet-kind input[value=rotate]"))
    expect(page.locator("#resnet-curves")).to_contain_text("Turn")
    page.locator("#resnet-amount-rotate input[type=number]").fill("180")
    page.keyboard.press("Tab")

    def turned() -> bool:
        before, after = shares(page, "bent-answer")[0].split()
        return before != after

    eventually(page, turned)
    page.locator("#resnet-undo").click()
    eventually(page, lambda: not turned())


def test_a_coffee_becomes_a_goldfish_step_by_step(page: Page) -> None:
    open_fold(page.locator("#resnet-lesson button.label-wrap").first)
    page.locator("#resnet-experiment-attack").click()
    expect(page.locator("#resnet-aim input")).to_have_value(re.compile("goldfish"))
    expect(first(page)).to_have_text("espresso")
    wait_idle(page)
    page.locator("#resnet-fool").click()
    notes = page.locator("#resnet-fool-notes")
    expect(notes).to_contain_text("goldfish", timeout=TRAINING_MS)
    expect(page.locator("#resnet-fool-timeline output")).to_contain_text("10", timeout=TRAINING_MS)
    expect(page.locator("#resnet-fooled img")).to_have_count(3)
    expect(notes).to_contain_text("by more than 2 of 255")
    last = page.locator("#resnet-fool-answer .row", has_text="goldfish")
    expect(last.locator(".values span").last).to_have_text(re.compile(r"9\d"))
    page.locator("#resnet-fool-timeline input[type=range]").focus()
    page.keyboard.press("Home")
    expect(last).to_have_count(0)
    open_fold(page.locator("#resnet-lesson button.label-wrap").first)
    page.locator("#resnet-experiment-squash").click()
    expect(first(page)).to_have_text("drilling platform")
    page.locator("#resnet-preset-defaults").click()
    expect(first(page)).to_have_text("missile")


def test_the_language_switch_keeps_the_picture(page: Page) -> None:
    switch_language(page, "vi")
    expect(page.locator("#resnet-section-why-button")).to_have_text("Vì sao?")
    expect(first(page)).to_have_text("mèo Ai Cập")
    expect(page.locator("#resnet-photo")).to_contain_text("451 × 300")
    switch_language(page, "en")


def test_the_answer_can_be_taken_away(page: Page) -> None:
    open_fold(page.locator("#resnet-code button.label-wrap").first)
    sizes = {}
    for name in ("script", "weights", "csv", "png"):
        with page.expect_download(timeout=TRAINING_MS) as download:
            page.locator(f"#resnet-download-{name}").click()
        sizes[name] = download.value.path().stat().st_size
    assert sizes["weights"] > 9_000_000 and min(sizes.values()) > 5_000, sizes


def test_a_link_opens_the_picture_it_names_and_a_phone_shows_all(visit: Visit) -> None:
    page = visit("?tab=resnet&example=coffee&label=504&change=jpeg&against=nonsense", **PHONE)
    expect(first(page)).to_have_text("espresso")
    expect(page.locator("#resnet-photo .shade")).to_be_visible()
    for name in SECTIONS:
        section(page, "resnet", name)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
    expect(page.locator("#resnet-kind input[value=jpeg]")).to_be_checked()


def test_a_label_is_found_by_its_name_in_either_language(page: Page) -> None:
    section(page, "resnet", "why")
    box = page.locator("#resnet-label input")
    box.click()
    page.keyboard.press("ControlOrMeta+a")
    box.press_sequentially("mèo vằn")  # the list listens to keys
    page.get_by_role("option", name=re.compile("tiger cat")).first.click()
    expect(box).to_have_value(re.compile("tiger cat"))
