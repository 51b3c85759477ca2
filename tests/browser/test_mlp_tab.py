"""The MLP tab as a student uses it: train, step, edit, reshape, paste, judge, break, take away.

Most tests share one page; each sets what it needs and leaves a finished run behind.
"""

import dataclasses
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from demos.mlp_state import OPENING
from dlcore import mlp
from dlcore.checkpoint import load
from tests.browser.conftest import PHONE, shared_page
from tests.browser.steps import (
    TRAINING_MS,
    back_to_the_start,
    canvas,
    open_fold,
    open_tab,
    press_stop,
    section,
    start_run,
    status_of,
    switch_language,
    train_for_a_while,
    wait_change,
    wait_ended,
    wait_idle,
    wait_ready,
)
from tests.serving import Server

PICTURE = canvas("#mlp-network canvas.output")  # the large plane
TABLE = "size,colour,ripe\n" + "".join(
    f"{4 + i % 5 + 3 * (i % 2)},{'red' if i % 3 else 'green'},{'yes' if i % 2 else 'no'}\n"
    for i in range(40)
)
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def shared(browser: Browser, server: Server) -> Iterator[Page]:
    with shared_page(browser, f"{server.url}/?tab=mlp&epochs=4") as page:
        wait_ready(page)
        open_tab(page, "mlp")
        yield page


def step_of(page: Page) -> str:
    return page.locator("#mlp-status .detail").inner_text().split(" · ")[0]


def press(page: Page, button: str, steps: str) -> None:
    """Press a button that trains, to the end of so many steps and until they are diagnosed."""
    start_run(page, "mlp", f"#mlp-{button}")
    wait_ended(page, "mlp")
    expect(page.locator("#mlp-status .detail")).to_contain_text(steps)
    wait_idle(page)


def fill(page: Page, name: str, value: str) -> None:
    page.locator(f"#mlp-{name} :is(textarea, input)").first.fill(value)
    page.keyboard.press("Tab")
    wait_idle(page)


def neuron(page: Page, column: int, unit: int) -> Locator:
    return page.locator(f'#mlp-network .neurons [data-at="{column} {unit}"]')


def metric(page: Page, name: str) -> float:
    text = page.locator("#mlp-status .metrics > span", has_text=name).locator("output").inner_text()
    return float(text.rstrip("%"))


def test_a_visitor_finds_the_untrained_network_and_its_data(shared: Page) -> None:
    expect(shared.locator("#mlp-network .neurons button")).to_have_count(2 + 8 + 8 + 1)
    expect(shared.locator("#mlp-notes")).to_contain_text("1,000 rows, 2 features, 2 classes")
    expect(shared.locator("#mlp-findings .empty")).to_be_visible()


def test_training_shows_the_very_numbers_that_dlcore_computes(shared: Page) -> None:
    before = shared.evaluate(PICTURE)
    press(shared, "train", "100 of 100")
    wait_change(shared, PICTURE, before)
    config = dataclasses.replace(OPENING, epochs=4)
    last = list(mlp.job(config))[-1]
    assert metric(shared, "held-out accuracy") == pytest.approx(
        100 * last.metrics["valid_accuracy"], abs=0.006
    )
    assert metric(shared, "training loss") == pytest.approx(last.metrics["loss"], abs=6e-5)
    expect(shared.locator("#mlp-findings li").first).to_be_visible()
    expect(shared.locator("#mlp-scores .legend")).to_contain_text("logistic regression")


def test_steps_and_epochs_go_on_from_there(shared: Page) -> None:
    press(shared, "step", "101 of 101")
    press(shared, "step", "102 of 102")
    press(shared, "epoch", "127 of 127")
    press(shared, "go-on", "200 of 200")
    back_to_the_start(shared, "mlp", PICTURE)
    shared.keyboard.press("End")


def test_a_weight_is_edited_and_training_goes_on_from_it(shared: Page) -> None:
    press(shared, "train", "100 of 100")
    before = shared.evaluate(PICTURE)
    neuron(shared, 1, 2).click()
    editor = shared.locator("#mlp-network .editor")
    editor.locator("input").nth(1).fill("12.5")
    shared.keyboard.press("Enter")
    shared.locator("#mlp-network .editor .shut").click()
    shared.mouse.move(1, 1)
    wait_change(shared, PICTURE, before)
    press(shared, "step", "101 of 101")
    neuron(shared, 1, 2).click()
    value = float(editor.locator("input").nth(1).input_value())
    assert value == pytest.approx(12.5, abs=0.3), "one update moves it only a little"
    shared.locator("#mlp-network .editor .shut").click()


def test_the_shape_is_changed_in_the_picture(shared: Page) -> None:
    heads = shared.locator("#mlp-network .heads")
    heads.locator("button.more").first.click()
    expect(shared.locator("#mlp-hidden :is(textarea, input)")).to_have_value("9,8")
    heads.locator("button.remove").nth(1).click()
    expect(shared.locator("#mlp-hidden :is(textarea, input)")).to_have_value("9")
    expect(shared.locator("#mlp-network .neurons button")).to_have_count(2 + 9 + 1)
    press(shared, "step", "1 of 1")
    expect(shared).to_have_url(re.compile("hidden=9"))
    fill(shared, "hidden", "8,8")


def test_a_stopped_training_can_go_on(shared: Page) -> None:
    fill(shared, "epochs", "2000")
    train_for_a_while(shared, "mlp", PICTURE)
    press_stop(shared.locator("#mlp-stop"))
    expect(status_of(shared, "mlp")).to_have_attribute("data-state", "stopped")
    wait_ended(shared, "mlp")
    press(shared, "step", "")
    expect(shared.locator("#mlp-status .detail")).to_contain_text(
        re.compile(r"step ([\d,]+) of \1")
    )
    at = int(re.findall(r"[\d,]+", step_of(shared))[0].replace(",", ""))
    assert 1 < at < 50_000
    fill(shared, "epochs", "4")


def test_a_pasted_table_is_learnt_and_judged(shared: Page) -> None:
    open_fold(shared.locator("#mlp-own-data button.label-wrap").first)
    shared.locator("#mlp-paste textarea").fill(TABLE)
    expect(shared.locator("#mlp-target input")).to_have_value("ripe")
    expect(shared.locator("#mlp-notes")).to_contain_text("40 rows, 3 features, 2 classes")
    expect(shared.locator("#mlp-network .names")).to_contain_text("colour=red")
    press(shared, "train", "4 of 4")
    section(shared, "mlp", "layers")
    expect(shared.locator("#mlp-layers canvas").first).to_be_visible()
    section(shared, "mlp", "judge")
    expect(shared.locator("#mlp-confusion canvas").first).to_be_visible()


def test_a_broken_table_gets_a_message(shared: Page) -> None:
    shared.locator("#mlp-paste textarea").fill("a,b\n1,2\n1,2,3,4\n")
    expect(shared.get_by_text("Line 3 has 4 cells")).to_be_visible()
    shared.locator(".toast-close").first.click()


def test_the_threshold_moves_the_judgement(shared: Page) -> None:
    shared.locator("#mlp-preset-defaults").click()
    wait_idle(shared)
    fill(shared, "epochs", "2")
    press(shared, "train", "50 of 50")
    recall = shared.locator("#mlp-scores .row").nth(2).locator(".values span").first
    shared.locator("#mlp-threshold input[type=number]").fill("0")
    shared.keyboard.press("Tab")
    expect(recall).to_have_text("100.0%")
    shared.locator("#mlp-threshold input[type=number]").fill("1")
    shared.keyboard.press("Tab")
    expect(recall).to_have_text("0.0%")


def test_ten_seeds_end_in_a_band(shared: Page) -> None:
    section(shared, "mlp", "seeds")
    shared.locator("#mlp-seeds").click()
    found = shared.locator("#mlp-seeds-found li")
    expect(found).to_contain_text("after ten runs", timeout=TRAINING_MS)
    mean, low, high = (float(n) for n in re.findall(r"([\d.]+)%", found.inner_text()))
    assert low < mean < high


def test_a_failure_is_rebuilt_and_diagnosed(shared: Page) -> None:
    section(shared, "mlp", "break")
    start_run(shared, "mlp", "#mlp-break-rate")
    rate = shared.locator("#mlp-findings [data-key=rate]")
    expect(rate).to_contain_text("soared", timeout=TRAINING_MS)
    expect(shared.locator("#mlp-status .detail")).to_contain_text("1,000 of 1,000")


def test_the_language_follows_also_what_was_found(shared: Page) -> None:
    switch_language(shared, "vi")
    expect(shared.locator("#mlp-findings [data-key=rate]")).to_contain_text("Tốc độ học quá lớn")
    expect(shared.locator("#mlp-go-on")).to_have_text("Học tiếp")
    switch_language(shared, "en")


def test_the_script_and_the_weights_are_those_of_the_run(shared: Page, tmp_path: Path) -> None:
    fill(shared, "epochs", "3")
    press(shared, "train", "75 of 75")
    open_fold(shared.locator("#mlp-code button.label-wrap").first)
    with shared.expect_download() as script:
        shared.locator("#mlp-download-script").click()
    text = Path(script.value.path()).read_text(encoding="utf-8")
    compile(text, "mlp.py", "exec")
    assert "lr=20.0" in text and "dlcore" not in re.sub(r"# -.*", "", text).split("def main")[1]
    with shared.expect_download() as weights:
        shared.locator("#mlp-download-weights").click()
    file = tmp_path / "mlp.safetensors"
    weights.value.save_as(file)
    kept = load(file)
    config = mlp.Config(**kept.config)
    table = mlp.load(config)
    chances = mlp.predict(mlp.restore(kept.state, config), table.features[table.held_out])
    right = np.mean(chances.numpy().argmax(axis=1) == table.labels[table.held_out])
    assert right == pytest.approx(kept.metrics["valid_accuracy"], abs=0.011)


def test_a_link_brings_settings_and_network(visit: Visit) -> None:
    page = visit("?tab=mlp&lang=vi&dataset=xor&hidden=3,4&seed=5")
    open_tab(page, "mlp")
    expect(page.locator("#mlp-network .neurons button")).to_have_count(2 + 3 + 4 + 1)
    expect(page.locator("#mlp-dataset input")).to_have_value("XOR")
    open_fold(page.locator("#mlp-lesson button.label-wrap").first)
    page.locator("#mlp-experiment-memory").click()
    expect(page.locator("#mlp-hidden :is(textarea, input)")).to_have_value("32,32")
    expect(page.locator("#mlp-notes")).to_contain_text("40 dòng để huấn luyện")


def test_nothing_is_wider_than_a_phone(visit: Visit) -> None:
    page = visit("?tab=mlp&epochs=2", **PHONE)
    open_tab(page, "mlp")
    expect(page.locator("#mlp-epochs input[type=number]")).to_have_value("2")
    press(page, "train", "50 of 50")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    top = page.locator("#mlp-network").bounding_box()
    assert top is not None and top["y"] < 844, "the picture is on the first screen"
    neuron(page, 1, 0).tap()
    expect(page.locator("#mlp-network .editor")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
