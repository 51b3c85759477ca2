"""The image-classification tab as a visitor uses it: show, ask why, doubt, paint, bend, fool.

The tests share one page, each beginning with the cat and the bundled network.
"""

import base64
import io
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, expect

from demos.resnet_state import BUNDLED, network
from dlcore import pretrained, resnet
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
LINK = "example=coffee&label=504&change=jpeg&against=nonsense"
SECTIONS = ("gets", "why", "hide", "stages", "robust", "attack")
STROKE = [(0.2, 0.2), (0.8, 0.3), (0.2, 0.5), (0.8, 0.7)]


@pytest.fixture(scope="module")
def shared(browser: Browser, server: Server) -> Iterator[Page]:
    with shared_page(browser, f"{server.url}/?tab=resnet&{LINK}&{QUICK}") as page:
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


def test_a_link_opens_the_picture_it_names(shared: Page) -> None:
    """The first test: the page is as its address made it. What the address says wrongly is not."""
    expect(first(shared)).to_have_text("espresso")
    expect(shared.locator("#resnet-photo .shade")).to_be_visible()
    section(shared, "resnet", "robust")
    expect(shared.locator("#resnet-kind input[value=jpeg]")).to_be_checked()
    section(shared, "resnet", "why")
    expect(shared.locator("#resnet-label input")).to_have_value(re.compile("^coffee mug"))
    expect(shared.locator("#resnet-against input")).to_have_value(re.compile("no other label"))
    pick_label(shared, "label", "network's own answer")


def test_a_visitor_finds_a_picture_with_its_names(page: Page) -> None:
    answer = resnet.predict(network(BUNDLED), load_example("chelsea"), resnet.Config())
    rows = page.locator("#resnet-answer .row")
    expect(rows).to_have_count(5)
    for row, guess in zip(rows.all(), answer.guesses, strict=True):
        expect(row.locator("b")).to_have_text(re.compile(re.escape(guess.label.en)))
        expect(row.locator("small")).to_have_text(guess.label.vi)  # none of these is in doubt
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


def prepare(page: Page, how: str) -> None:
    page.locator("#resnet-preparation input").click()
    page.get_by_role("option", name=how).click()


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
    note = page.locator("#resnet-photo .note")
    expect(note).to_have_text("This file is no picture, whatever its name says.")
    expect(first(page)).to_have_text("Egyptian cat")
    prepare(page, "squash")  # another question is not stopped by that file
    expect(page.locator("#resnet-ways .legend .key")).to_have_count(2)
    expect(note).not_to_contain_text("no picture")
    prepare(page, "cut out")
    text.write_bytes(b"8BPS" + bytes(60))
    page.locator("#resnet-photo input[type=file]").set_input_files(text)
    expect(note).to_contain_text("Pictures of the kind PSD are not read here")
    example(page, "coffee", "espresso")


def test_a_picture_sent_while_another_question_is_answered_is_answered_too(page: Page) -> None:
    """That answer comes over it, and brings a picture of its own."""
    wait_idle(page)
    buffer = io.BytesIO()
    load_example("flower").save(buffer, "PNG")
    held = list[Route]()
    page.route("**/queue/join*", lambda route: held.append(route))
    prepare(page, "squash")
    eventually(page, lambda: bool(held))
    paste(page, base64.b64encode(buffer.getvalue()).decode())
    expect(page.locator("#resnet-photo .busy")).to_have_count(0)
    page.wait_for_timeout(300)  # the picture is there, its question waits for the first answer
    page.unroute("**/queue/join*")  # which lets go what it held
    expect(first(page)).to_have_text("daisy")
    page.locator("#resnet-preset-defaults").click()


def test_a_large_picture_is_made_smaller_or_told_what_it_lacks(page: Page, tmp_path: Path) -> None:
    note = page.locator("#resnet-photo .note")

    def give(name: str, content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        page.locator("#resnet-photo input[type=file]").set_input_files(tmp_path / name)

    page.evaluate(
        """() => {
          const decode = window.createImageBitmap;
          window.decoded = 0;
          window.createImageBitmap = (...given) => {
            window.decoded += 1;
            return decode(...given);
          };
        }"""
    )
    for kind in ("PNG", "JPEG", "WEBP"):
        give(f"huge.{kind}", claiming(kind, 16_000) + bytes(5_000_000))
        expect(note).to_contain_text("256 million pixels, and at most 64 million are opened")
    assert page.evaluate("window.decoded") == 0
    noise = Image.effect_noise((1500, 1200), 90).convert("RGB")
    scan, text = packed(noise, "TIFF"), b"words " * 1_000_000
    for name, content, size in (("scan.tif", scan, "5.4"), ("notes.jpg", text, "6")):
        give(name, content)
        expect(note).to_contain_text(f"This file has {size} MB, and at most 4.9 MB can be sent")
        expect(first(page)).to_have_text("Egyptian cat")
    several = Image.merge("RGB", [Image.effect_noise((2400, 1200), 90)] * 3)
    photograph = packed(several, "PNG", compress_level=0)
    assert len(photograph) > 5_000_000  # more than may be sent
    give("large.png", photograph)
    expect(note).to_contain_text("2048 × 1024 pixels")
    expect(first(page)).not_to_have_text("Egyptian cat")


def packed(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def claiming(kind: str, side: int) -> bytes:
    """The head of a file that says it is a square picture of so many pixels a side."""
    content = packed(Image.new("RGB", (8, 8)), kind, lossless=True)
    place = {"PNG": 16, "JPEG": content.find(b"\xff\xc0") + 5, "WEBP": 21}[kind]

    def written(size: int) -> bytes:
        if kind == "WEBP":
            return struct.pack("<I", (size - 1) | (size - 1) << 14)
        return struct.pack({"PNG": ">II", "JPEG": ">HH"}[kind], size, size)

    end = place + len(written(8))
    assert content[place:end] == written(8)
    return content[:place] + written(side) + content[end:]


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
    prepare(page, "squash")
    expect(first(page)).to_have_text(squashed.guesses[0].label.en)
    expect(page.locator("#resnet-answer .values").first).to_have_text(expected)
    page.locator("#resnet-preset-defaults").click()
    expect(first(page)).to_have_text("missile")


def test_a_network_that_is_not_here_is_offered_and_another_one_answers(page: Page) -> None:
    here = pretrained.find("resnet50") is not None  # then there is nothing to offer
    open_fold(page.locator("#resnet-code button.label-wrap").first)
    offer = page.locator("#resnet-fetch .dl-arrival")
    expect(offer).to_be_hidden()
    page.locator("#resnet-network input").click()
    page.get_by_role("option", name="ResNet50").click()
    if here:
        expect(offer).to_be_hidden()
    else:
        expect(offer).to_contain_text("python -m dlcore weights get resnet50")
        expect(offer).to_contain_text("Until then EfficientNet-Lite0 answers")
        expect(page.locator("#resnet-notes")).to_contain_text("ResNet50 is not here yet")
        expect(first(page)).to_have_text("Egyptian cat")
    wait_idle(page)
    named = re.compile(f'"network":\\s*"{"resnet50" if here else BUNDLED}"')
    expect(page.locator("#resnet-machine")).to_contain_text(named)
    page.locator("#resnet-preset-defaults").click()
    expect(offer).to_be_hidden()


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
    # Scrubbed elsewhere, Grad-CAM's curves are not those of the heat; they can be had.
    page.locator("#resnet-reasons .scrubber input").first.focus()
    page.keyboard.press("Home")
    grad_cam = cards.first
    expect(grad_cam.locator(".note")).to_contain_text("at “mix”; at “stem” they are not")
    expect(page.locator("#resnet-reasons .areas:visible")).to_have_count(3)
    expect(grad_cam.locator("svg")).to_be_hidden()
    grad_cam.locator(".note button").click()
    expect(grad_cam.locator(".areas")).to_be_visible(timeout=TRAINING_MS)
    expect(grad_cam.locator(".scrubber output")).to_contain_text("stem")
    expect(grad_cam.locator(".note")).to_contain_text("random order")
    expect(state).to_have_attribute("data-state", "done", timeout=TRAINING_MS)


def test_one_label_is_weighed_against_another_but_not_against_itself(page: Page) -> None:
    section(page, "resnet", "why")
    pick_label(page, "label", "Egyptian cat")
    pick_label(page, "against", "Egyptian cat")
    expect(page.locator("#resnet-reasons .hint")).to_contain_text("nothing to compare")
    page.locator("#resnet-explain").click()
    message = page.locator(".toast-body", has_text="nothing to compare")
    expect(message).to_be_visible()
    message.locator(".toast-close").click()
    expect(page.locator("#resnet-explain")).to_be_enabled()
    pick_label(page, "against", "goldfish")
    expect(page.locator("#resnet-reasons article")).to_have_count(4)
    page.locator("#resnet-explain").click()
    remark = page.locator("#resnet-reasons .remark")
    expect(remark).to_contain_text("of “Egyptian cat” alone", timeout=TRAINING_MS)
    expect(remark).to_contain_text("against “goldfish”")
    state = page.locator("#resnet-status .dl-status")
    expect(state).to_have_attribute("data-state", "done", timeout=TRAINING_MS)
    pick_label(page, "against", "no other label")


def pick_label(page: Page, name: str, label: str) -> None:
    """Find a label in one of the long lists by typing a part of it."""
    box = page.locator(f"#resnet-{name} input")
    box.click()
    page.keyboard.press("ControlOrMeta+a")
    box.press_sequentially(label)  # the list listens to keys
    page.get_by_role("option", name=re.compile(label)).first.click()
    expect(box).to_have_value(re.compile(label))


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


def test_a_doubtful_name_is_marked_in_both_languages_and_says_why(page: Page) -> None:
    example(page, "rocket", "missile")
    row = page.locator("#resnet-answer .row", has_text="projectile")
    mark = page.locator("#resnet-answer .dl-doubt")
    shown = "(mark) => getComputedStyle(mark, '::after').display"
    for lang, place, told in (("en", "small", "No settled"), ("vi", "b", "Chưa có tên")):
        switch_language(page, lang)
        expect(row.locator(place)).to_have_text("quả đạn?")
        expect(mark).to_have_count(1)
        expect(mark).to_have_attribute("aria-label", re.compile(told))
        assert mark.evaluate(shown) == "none"
        mark.hover()
        assert mark.evaluate(shown) == "block"
        page.mouse.move(0, 0)
        row.evaluate("(row) => row.focus({ focusVisible: true })")  # as the keyboard does
        assert mark.evaluate(shown) == "block"
        row.evaluate("(row) => row.blur()")
    switch_language(page, "en")
    section(page, "resnet", "why")
    expect(page.locator("#resnet-against")).to_contain_text("? after a Vietnamese name")


def test_the_answer_can_be_taken_away(page: Page) -> None:
    open_fold(page.locator("#resnet-code button.label-wrap").first)
    sizes = {}
    for name in ("script", "weights", "csv", "png"):
        with page.expect_download(timeout=TRAINING_MS) as download:
            page.locator(f"#resnet-download-{name}").click()
        sizes[name] = download.value.path().stat().st_size
    assert sizes["weights"] > 9_000_000 and min(sizes.values()) > 5_000, sizes


def test_a_phone_shows_all(page: Page) -> None:
    wide = page.viewport_size
    assert wide is not None
    page.set_viewport_size(PHONE["viewport"])
    for name in SECTIONS:
        section(page, "resnet", name)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
    page.set_viewport_size(wide)


def test_a_label_is_found_by_its_name_in_either_language(page: Page) -> None:
    section(page, "resnet", "why")
    pick_label(page, "label", "mèo vằn")
    expect(page.locator("#resnet-label input")).to_have_value(re.compile("tiger cat"))
