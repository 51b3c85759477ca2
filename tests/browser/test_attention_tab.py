"""The attention tab as a student uses it: click a cell, drag, mask, train, silence a head, rank.

All tests share one page.
"""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, Position, Route, expect

from demos.kit.language import say
from dlcore import pretrained
from tests.browser.conftest import PHONE, shared_page
from tests.browser.steps import (
    TRAINING_MS,
    choose,
    eventually,
    open_fold,
    open_tab,
    section,
    start_run,
    switch_language,
    wait_ended,
    wait_idle,
    wait_ready,
)
from tests.serving import Server

POEM = "Trăm năm trong cõi người ta"


@pytest.fixture(scope="module")
def shared(browser: Browser, server: Server) -> Iterator[Page]:
    with shared_page(browser, f"{server.url}/?tab=attention&steps=20") as page:
        wait_ready(page)
        open_tab(page, "attention")
        expect(card(page, "weights").locator("canvas")).to_be_visible()
        yield page


def card(page: Page, matrix: str) -> Locator:
    return page.locator(f"#attention-matrices .card.{matrix}")


def told(page: Page) -> Locator:
    return page.locator("#attention-arithmetic .body")


def last_cell(page: Page, matrix: str) -> Position:
    """Where the last cell of a matrix is, in CSS pixels from its canvas's corner."""
    canvas = card(page, matrix).locator("canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    return {"x": box["width"] - 10, "y": box["height"] - 10}


def numbers(text: str) -> list[float]:
    return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", text.replace("−", "-"))]


def test_a_visitor_finds_a_sentence_and_its_arithmetic(shared: Page) -> None:
    expect(shared.locator("#attention-text input, #attention-text textarea").first).to_have_value(
        say("attention.examples.hand", "en")
    )
    expect(shared.locator("#attention-matrices .card")).to_have_count(11)
    card(shared, "scores").locator("canvas").click(position=last_cell(shared, "scores"))
    expect(told(shared).locator(".where")).to_contain_text("tired · tired")
    *factors, total = numbers(told(shared).locator(".line").inner_text())
    products = [a * b for a, b in zip(factors[::2], factors[1::2], strict=True)]
    assert sum(products) == pytest.approx(total, abs=0.02)  # written with three digits


def test_arrow_keys_walk_and_a_step_shows_what_it_needs(shared: Page) -> None:
    shared.locator("#attention-matrices .steps button").nth(6).click()
    expect(shared.locator("#attention-matrices .card")).to_have_count(3)
    stage = card(shared, "weights").locator(".stage")
    stage.focus()
    shared.keyboard.press("Home")
    expect(told(shared).locator(".rule")).to_contain_text("divided by the sum")
    expect(stage).to_have_attribute("aria-label", re.compile("Weights"))
    shared.locator("#attention-matrices .steps button").first.click()


def test_a_key_is_dragged_and_a_mask_clicked(shared: Page) -> None:
    card(shared, "keys").locator("canvas").click(position=last_cell(shared, "keys"))
    slider = shared.locator("#attention-matrices .drag input")
    slider.fill("2.5")
    expect(told(shared).locator(".where")).to_contain_text("2.5")
    expect(told(shared).locator(".rule")).to_contain_text("by hand")
    number = card(shared, "keys").locator("canvas")
    number.hover(position=last_cell(shared, "keys"))
    shared.mouse.down()  # the number itself is pulled up
    corner, at = number.bounding_box(), last_cell(shared, "keys")
    assert corner is not None
    shared.mouse.move(corner["x"] + at["x"], corner["y"] + at["y"] - 30, steps=4)
    shared.mouse.up()
    where = told(shared).locator(".where")
    eventually(shared, lambda: numbers(where.inner_text())[-1] > 3.5)
    eventually(shared, lambda: float(slider.input_value()) == numbers(where.inner_text())[-1])
    card(shared, "mask").locator("canvas").click(position=last_cell(shared, "mask"))
    shared.wait_for_function("location.search.includes('hand_mask=custom')")
    card(shared, "weights").locator("canvas").click(position=last_cell(shared, "weights"))
    expect(told(shared).locator(".rule")).to_contain_text("masked")
    shared.locator("#attention-matrices .reset").click()
    expect(shared.locator("#attention-matrices .reset")).to_be_hidden()


def test_a_matrix_is_taken_away_in_three_kinds(shared: Page) -> None:
    begins = {"png": b"\x89PNG", "svg": b"<svg", "csv": b"\xef\xbb\xbf"}
    for kind, begin in begins.items():
        with shared.expect_download() as download:
            shared.locator(f"#attention-matrices .dl-takeaway .{kind}").click()
        content = download.value.path().read_bytes()
        assert content.startswith(begin)
        assert kind != "svg" or b"<path" in content  # the cell that is masked is struck out
        assert download.value.suggested_filename == f"attention-weights.{kind}"


def test_the_division_is_measured(shared: Page) -> None:
    shared.locator("#attention-measure").click()
    expect(shared.locator("#attention-widths .legend button")).to_have_count(4)


def test_many_heads_equal_torchs(shared: Page) -> None:
    section(shared, "attention", "many")
    expect(shared.locator("#attention-many-picture .all button")).to_have_count(8)
    expect(shared.locator("#attention-many-notes")).to_contain_text("nn.MultiheadAttention")
    shared.locator("#attention-show-faults").click()
    expect(shared.locator("#attention-fault-notes")).to_contain_text("nan")


def test_a_run_leaves_heads_that_can_be_silenced(shared: Page) -> None:
    section(shared, "attention", "train")
    start_run(shared, "attention")
    wait_ended(shared, "attention")
    heads = shared.locator("#attention-film .all button")
    expect(heads).to_have_count(4, timeout=TRAINING_MS)
    expect(shared.locator("#attention-one-by-one canvas").first).to_be_visible()
    heads.nth(3).click()
    shared.locator("#attention-film .mute").click()
    expect(shared.locator("#attention-silenced")).to_contain_text("with 1 silenced")
    expect(heads.nth(3)).to_have_class(re.compile("muted"))
    shared.locator("#attention-film .free").click()
    expect(shared.locator("#attention-silenced")).not_to_contain_text("silenced")
    with shared.expect_download() as download:
        shared.locator("#attention-one-by-one .dl-takeaway .csv").click()
    lines = download.value.path().read_text("utf-8-sig").splitlines()
    assert len(lines) == 3 and all(0 <= float(n) <= 1 for n in lines[1].split(",")[1:])
    assert download.value.suggested_filename == "attention-one-by-one.csv"


def test_what_was_trained_is_taken_home(shared: Page) -> None:
    open_fold(shared.locator("#attention-code button.label-wrap").first)
    begins = {"script": b'"""', "weights": b"", "csv": b"", "png": b"\x89PNG", "svg": b"<?xml"}
    for name, begin in begins.items():
        with shared.expect_download(timeout=TRAINING_MS) as download:
            shared.locator(f"#attention-download-{name}").click()
        content = download.value.path().read_bytes()
        assert len(content) > 200 and content.startswith(begin), name


def test_learned_and_sinusoidal_positions_race(shared: Page) -> None:
    section(shared, "attention", "train")
    status = shared.locator("#attention-race-status .dl-status")
    shared.locator("#attention-race-start").click()
    expect(status).to_have_attribute("data-state", "done", timeout=TRAINING_MS)
    names = shared.locator("#attention-race-chart .legend button")
    expect(names).to_have_count(2)
    expect(names.first).to_contain_text("learned")
    expect(names.last).to_contain_text("sinusoidal")
    expect(shared.locator("#attention-race-start")).to_be_enabled()


def test_the_bundled_models_heads_and_what_they_are_worth(shared: Page) -> None:
    section(shared, "attention", "read")
    shared.locator("#attention-poem textarea").fill(POEM)
    heads = shared.locator("#attention-read-heads")
    expect(heads.locator(".all button")).to_have_count(3 + 16)
    expect(heads.locator(".left li").last).to_have_text("a")
    heads.locator(".left li").last.hover()
    expect(heads.locator(".read")).to_contain_text("looks at")
    shared.locator("#attention-honest input").check()
    ranking = shared.locator("#attention-ranking")
    expect(ranking.locator(".sum")).to_contain_text("Spearman")
    before = ranking.locator(".left").inner_text()
    heads.locator(".all button").nth(5).click()
    expect(ranking.locator(".left")).not_to_have_text(before, use_inner_text=True)
    heads.locator(".mute").click()
    expect(shared.locator("#attention-read-notes")).to_contain_text("nats")
    with shared.expect_download() as download:
        heads.locator(".dl-takeaway .csv").click()
    rows = download.value.path().read_text("utf-8-sig").splitlines()[1:]
    for row in rows:  # shares of 1, of those who stand before
        assert sum(float(n) for n in row.rsplit('"', 1)[1].split(",")[1:]) == pytest.approx(
            1, abs=0.01
        )


def test_another_model_reads_or_is_offered(shared: Page) -> None:
    section(shared, "attention", "read")
    shared.locator("#attention-honest input").uncheck()
    shared.locator("#attention-poem textarea").fill("")
    choose(shared.get_by_role("radio", name="MiniLM"))
    expect(shared.locator("#attention-others textarea")).to_be_visible()
    if pretrained.find("minilm") is None:
        expect(shared.locator("#attention-fetch")).to_contain_text("python -m dlcore weights get")
        expected = "onset"  # the bundled model reads meanwhile
    else:
        expected = "[CLS]"
    expect(shared.locator("#attention-poem textarea")).to_have_value(
        say("attention.examples.english", "en")
    )
    expect(shared.locator("#attention-read-notes")).to_contain_text(expected)
    choose(shared.get_by_role("radio", name="Kiều"))
    expect(shared.locator("#attention-poem textarea")).to_have_value(
        say("attention.examples.poem", "en")
    )
    expect(shared.locator("#attention-others")).to_be_hidden()
    expect(shared.locator("#attention-fetch .dl-arrival")).to_be_hidden()
    # Two changes in a row leave no questions that call each other for ever.
    asked = list[str]()
    shared.on("request", lambda request: asked.append(request.url))

    def quiet() -> bool:
        asked.clear()
        shared.wait_for_timeout(1000)
        return not asked

    eventually(shared, quiet, timeout=1500)  # fifteen looks of a second each


def test_a_suggested_text_does_not_replace_what_is_typed_meanwhile(shared: Page) -> None:
    section(shared, "attention", "read")
    box = shared.locator("#attention-poem textarea")
    box.fill("")
    late: list[Route] = []

    def hold(route: Route) -> None:
        """The question which text suits MiniLM: what stands in the box, and the model."""
        data = json.loads(route.request.post_data or "{}").get("data") or []
        if data[1:] == ["minilm"]:
            late.append(route)
        else:
            route.continue_()

    shared.route("**/queue/join*", hold)
    choose(shared.get_by_role("radio", name="MiniLM"))
    eventually(shared, lambda: len(late) == 1)
    box.fill("my own words")
    late[0].continue_()
    shared.unroute("**/queue/join*")
    expect(shared.locator("#attention-others")).to_be_visible()  # the answer has come
    wait_idle(shared)
    expect(box).to_have_value("my own words")
    choose(shared.get_by_role("radio", name="Kiều"))
    expect(shared.locator("#attention-others")).to_be_hidden()
    expect(box).to_have_value("my own words")


def test_too_long_a_text_gets_a_message_and_html_is_only_text(shared: Page) -> None:
    section(shared, "attention", "read")
    shared.locator("#attention-honest input").uncheck()
    shared.locator("#attention-poem textarea").fill("<img src=x onerror=alert(1)>")
    expect(shared.locator("#attention-read-heads .left li").last).to_have_text(">")
    assert shared.locator("#attention-read-heads img").count() == 0
    shared.locator("#attention-poem textarea").fill("chữ " * 200)
    expect(shared.locator(".toast-body").first).to_contain_text("at most")
    shared.locator(".toast-close").first.click()


def test_the_language_switch_keeps_all(shared: Page) -> None:
    section(shared, "attention", "hand")
    switch_language(shared, "vi")
    expect(card(shared, "weights").locator(".title b")).to_have_text("Trọng số")
    expect(shared.locator("#attention-section-train-button")).to_have_text("Huấn luyện")
    switch_language(shared, "en")


def test_on_a_phone_everything_fits(browser: Browser, server: Server) -> None:
    address = f"{server.url}/?tab=attention&text=one+two+three"
    with shared_page(browser, address, **PHONE) as page:
        wait_ready(page)
        expect(card(page, "weights").locator("canvas")).to_be_visible()
        for name in ("hand", "many", "train", "read"):
            section(page, "attention", name)
            wait_idle(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
