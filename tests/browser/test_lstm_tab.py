"""The LSTM tab as a student uses it: type, edit a word, hold a gate, compare, train, scrub, speak.

Most tests share one page, each beginning with a sentence of its own.
"""

import re
from collections.abc import Callable, Iterator
from urllib.parse import quote

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from demos.kit.language import say
from dlcore import lstm
from tests.browser.conftest import PHONE, shared_page
from tests.browser.steps import (
    TRAINING_MS,
    back_to_the_start,
    choose,
    eventually,
    open_fold,
    open_tab,
    press_stop,
    section,
    start_run,
    switch_language,
    train_for_a_while,
    wait_idle,
    wait_ready,
)
from tests.serving import Server

GOOD, BAD = "The teacher is wonderful and very clear", "The room was dirty and the staff rude"
# Its curves: the whole percents below them may be the same at two moments of a run.
WATCHED = (
    "[...document.querySelectorAll('#lstm-watched path.p')].map((e) => e.getAttribute('d')).join()"
)
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def shared(browser: Browser, server: Server) -> Iterator[Page]:
    with shared_page(browser, f"{server.url}/?tab=lstm") as page:
        wait_ready(page)
        open_tab(page, "lstm")
        expect(chips(page).last).to_be_visible()  # a first sentence is being read
        yield page


def chips(page: Page, side: str = "first") -> Locator:
    return page.locator(f"#lstm-strip-{side} .chip")


def words(page: Page, side: str = "first") -> list[str]:
    return page.locator(f"#lstm-strip-{side} .chip .text").all_inner_texts()


def write(page: Page, text: str, side: str = "first") -> None:
    """Type a sentence and wait for its words."""
    box = page.locator(f"#lstm-{'text' if side == 'first' else 'second'} textarea")
    box.fill(text)
    count = len(re.findall(r"[\w']+", text))
    expect(chips(page, side)).to_have_count(count)
    expect(chips(page, side).last).to_have_text(re.findall(r"[\w']+", text)[-1])
    wait_idle(page)


def hold(page: Page, gate: str, value: str) -> None:
    choose(page.locator(f"#lstm-hold-{gate} input[value={value}]"))
    wait_idle(page)


def test_a_visitor_finds_a_sentence_being_read(shared: Page) -> None:
    start = say("lstm.examples.start.first", "en")
    expect(shared.locator("#lstm-text textarea")).to_have_value(start)
    expect(chips(shared).first).to_be_visible()
    expect(shared.locator("#lstm-gates-first .part")).to_have_count(6)


def test_the_curve_and_the_answer_are_the_models_own(shared: Page) -> None:
    write(shared, GOOD)
    curve = lstm.predict_growing(lstm.load_bundled(), GOOD)
    shares = shared.locator("#lstm-strip-first .share").all_inner_texts()
    assert [int(share.rstrip("%")) for share in shares] == pytest.approx(
        (curve * 100).tolist(), abs=0.51
    )
    answer = shared.locator("#lstm-strip-first .answer")
    expect(answer).to_contain_text("positive" if curve[-1] > 0.5 else "negative")
    expect(answer).to_contain_text(f"{100 * max(curve[-1], 1 - curve[-1]):.1f}%")


def test_a_word_is_changed_deleted_and_added(shared: Page) -> None:
    write(shared, "The food was cold, sadly")
    box = shared.locator("#lstm-text textarea")
    editor = shared.locator("#lstm-strip-first .editor")
    chips(shared).nth(3).click()
    editor.locator("input").fill("delicious")
    shared.keyboard.press("Enter")
    expect(box).to_have_value("The food was delicious, sadly")
    expect(chips(shared).nth(3)).to_have_text("delicious")
    chips(shared).nth(4).focus()
    shared.keyboard.press("Delete")
    expect(box).to_have_value("The food was delicious,")
    expect(chips(shared)).to_have_count(4)  # a new sentence closes the editor
    chips(shared).nth(2).click()
    editor.locator("input").fill("really")
    editor.locator("button.after").click()
    expect(box).to_have_value("The food was really delicious,")
    expect(chips(shared)).to_have_count(5)


def test_unknown_words_are_marked_and_html_is_only_text(shared: Page) -> None:
    shared.locator("#lstm-text textarea").fill("good <img src=x onerror=alert(1)> xqzzkw")
    expect(chips(shared).last).to_have_text("xqzzkw")
    expect(chips(shared).last).to_have_class(re.compile("unknown"))
    expect(chips(shared).first).not_to_have_class(re.compile("unknown"))
    assert shared.locator("#lstm-strip-first img").count() == 0


def test_a_held_gate_changes_the_curve_and_says_so(shared: Page) -> None:
    write(shared, GOOD)
    before = shared.locator("#lstm-strip-first .share").all_inner_texts()
    hold(shared, "forget", "zero")
    title = shared.locator("#lstm-gates-first .title.fixed")
    expect(title).to_have_count(1)
    expect(title).to_contain_text("held at 0")
    shares = shared.locator("#lstm-strip-first .share")
    eventually(shared, lambda: shares.all_inner_texts() != before)
    expect(shared.locator("#lstm-strip-first path.free").first).to_have_attribute(
        "d", re.compile(r"\d")
    )
    hold(shared, "forget", "free")
    expect(title).to_have_count(0)
    expect(shares).to_have_text(before)


def test_a_reading_that_is_late_does_not_undo_a_newer_one(shared: Page) -> None:
    write(shared, GOOD)
    hold(shared, "forget", "zero")
    late: list[Route] = []
    shared.route("**/queue/join*", lambda route: late.append(route), times=1)
    with shared.expect_request("**/queue/join*"):
        shared.locator("#lstm-text textarea").fill(BAD)  # asks for a reading with the gate held
    hold(shared, "forget", "free")
    late[0].continue_()
    expect(chips(shared).last).to_have_text(BAD.split()[-1])
    wait_idle(shared)
    expect(shared.locator("#lstm-gates-first .title.fixed")).to_have_count(0)


def test_a_cell_shows_its_own_arithmetic(shared: Page) -> None:
    """The products that are written out come to the cell and the hidden state that are shown."""
    write(shared, GOOD)
    shared.locator("#lstm-gates-first .walker").focus()
    for key in ("ArrowLeft", "ArrowDown", "ArrowUp", "ArrowLeft"):
        shared.keyboard.press(key)
    lines = shared.locator("#lstm-gates-first .line.numbers")
    cell, hidden = (_numbers(lines.nth(n).inner_text()) for n in range(2))
    f, old, i, g, total = cell
    assert total == pytest.approx(f * old + i * g, abs=3e-3)
    assert hidden[2] == pytest.approx(hidden[0] * np.tanh(hidden[1]), abs=3e-3)
    expect(shared.locator("#lstm-gates-first .where")).to_contain_text("“and”")


def _numbers(line: str) -> list[float]:
    return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", line.replace("−", "-"))]


def test_two_sentences_stand_side_by_side(shared: Page) -> None:
    write(shared, GOOD)
    shared.locator("#lstm-twin input").check()
    write(shared, BAD, "second")
    good, bad = lstm.predict(lstm.load_bundled(), [GOOD, BAD])
    for side, p in (("first", good), ("second", bad)):
        answer = shared.locator(f"#lstm-strip-{side} .answer")
        expect(answer).to_contain_text(f"{100 * max(p, 1 - p):.1f}%")
    expect(shared.locator("#lstm-gates-second .part")).to_have_count(6)
    shared.locator("#lstm-copy").click()
    expect(chips(shared, "second")).to_have_count(len(GOOD.split()))
    shared.locator("#lstm-twin input").uncheck()
    expect(shared.locator("#lstm-side-second")).to_be_hidden()


def test_the_language_switch_keeps_the_sentence(shared: Page) -> None:
    write(shared, BAD)
    switch_language(shared, "vi")
    expect(shared.locator("#lstm-section-train-button")).to_have_text("Tự huấn luyện")
    expect(shared.locator("#lstm-strip-first .answer")).to_contain_text("tiêu cực")
    expect(shared.locator("#lstm-text textarea")).to_have_value(BAD)
    switch_language(shared, "en")


def test_the_address_holds_sentences_and_gates(visit: Visit, shared: Page) -> None:
    hold(shared, "input", "one")
    write(shared, "not bad at all")
    shared.wait_for_function(
        "location.search.includes('not+bad') || location.search.includes('not%20bad')"
    )
    query = shared.evaluate("location.search")
    hold(shared, "input", "free")
    page = visit(query, locale="vi-VN")
    expect(chips(page)).to_have_count(4)
    expect(page.locator("#lstm-hold-input input[value=one]")).to_be_checked()


def test_a_table_of_ones_own_is_counted_or_refused(shared: Page) -> None:
    section(shared, "lstm", "train")
    open_fold(shared.locator("#lstm-own-data button.label-wrap").first)
    rows = [f"sentence number {n} is {'nice' if n % 2 else 'dull'},{n % 2}" for n in range(40)]
    table = shared.locator("#lstm-csv textarea")
    table.fill("\n".join(["sentence,label", *rows]))
    expect(shared.locator("#lstm-csv-found")).to_contain_text("40")
    expect(shared.locator("#lstm-data input")).to_have_value("your own (CSV)")
    table.fill("just some words")
    expect(shared.locator(".toast-body").first).to_contain_text("two columns")
    shared.locator(".toast-close").first.click()
    shared.locator("#lstm-preset-defaults").click()


def test_training_stops_scrubs_and_leaves_a_reader(shared: Page) -> None:
    write(shared, GOOD)
    section(shared, "lstm", "train")
    shared.locator("#lstm-epochs input[type=number]").fill("100")
    shared.keyboard.press("Tab")
    train_for_a_while(shared, "lstm", WATCHED)
    press_stop(shared.locator("#lstm-stop"))
    yours = shared.locator("#lstm-which-first input[value=yours]")
    expect(yours).to_be_checked(timeout=TRAINING_MS)
    watched = shared.locator("#lstm-watched .word")
    expect(watched).to_have_count(len(GOOD.split()))
    back_to_the_start(shared, "lstm", WATCHED)
    expect(chips(shared)).to_have_count(len(GOOD.split()))


def test_a_whole_run_is_judged_and_can_be_taken_away(shared: Page) -> None:
    section(shared, "lstm", "train")
    shared.locator("#lstm-epochs input[type=number]").fill("2")
    shared.keyboard.press("Tab")
    start_run(shared, "lstm")
    mistake = shared.locator("#lstm-mistakes button").first
    expect(mistake).to_be_visible(timeout=TRAINING_MS)
    expect(shared.locator("#lstm-confusion canvas").first).to_be_visible()
    text = mistake.locator("bdi").inner_text()
    mistake.click()
    expect(shared.locator("#lstm-text textarea")).to_have_value(text)
    open_fold(shared.locator("#lstm-code button.label-wrap").first)
    sizes = {}
    for name in ("script", "weights", "csv"):
        with shared.expect_download(timeout=TRAINING_MS) as download:
            shared.locator(f"#lstm-download-{name}").click()
        sizes[name] = download.value.path().stat().st_size
    assert min(sizes.values()) > 200, sizes


def test_four_kinds_of_model_are_trained_and_measured(shared: Page) -> None:
    section(shared, "lstm", "train")
    shared.locator("#lstm-epochs input[type=number]").fill("1")
    shared.keyboard.press("Tab")
    section(shared, "lstm", "why")
    shared.locator("#lstm-compare").click()
    expect(shared.locator("#lstm-race .values span")).to_have_count(4, timeout=TRAINING_MS)
    expect(shared.locator("#lstm-compare")).to_be_enabled(timeout=TRAINING_MS)
    expect(shared.locator("#lstm-gradient .legend button output")).to_have_text(
        [re.compile(r"\d")] * 3
    )
    expect(shared.locator("#lstm-race-lengths .legend button")).to_have_count(4)


def test_an_experiment_sets_sentences_and_gates(shared: Page) -> None:
    open_fold(shared.locator("#lstm-lesson button.label-wrap").first)
    shared.locator("#lstm-experiment-forget").click()
    box = shared.locator("#lstm-text textarea")
    expect(box).to_have_value(say("lstm.examples.forget.first", "en"))
    expect(shared.locator("#lstm-hold-forget input[value=zero]")).to_be_checked()
    shared.locator("#lstm-experiment-negation").click()
    expect(box).to_have_value(say("lstm.examples.negation.first", "en"))
    expect(shared.locator("#lstm-hold-forget input[value=free]")).to_be_checked()
    expect(chips(shared, "second").first).to_be_visible()


def test_on_a_phone_everything_fits_and_answers(visit: Visit) -> None:
    page = visit(f"?tab=lstm&forget=nonsense&text={quote(GOOD)}", **PHONE)
    expect(chips(page)).to_have_count(len(GOOD.split()))
    expect(page.locator("#lstm-hold-forget input[value=free]")).to_be_checked()
    page.locator("#lstm-twin input").check()
    chips(page).nth(3).tap()
    editor = page.locator("#lstm-strip-first .editor")
    editor.locator("input").fill("terrible")
    editor.locator("button.change").tap()
    expect(chips(page).nth(3)).to_have_text("terrible")
    for name in ("inside", "train", "why"):
        section(page, "lstm", name)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
