"""A fetched model on the text-generation tab: offered, then talked with. Here it is tiny and
says nothing sensible, on a page that has this tab only."""

import gc
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import demos
from dlcore import pretrained
from dlcore.gpt_writing import Decoding, Token, generate
from dlcore.llama import chatting, load
from tests.browser.conftest import shared_page
from tests.browser.steps import choose, switch_language, wait_idle, wait_ready
from tests.small_llama import save_small_smollm2

# What Gradio's server does in this process: it leaves a socket open and trips over a new pandas
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:.*no_silent_downcasting"),
]
DECODING = Decoding(length=12, temperature=1.0)
ADDRESS = "?tab=gpt&decoding_length=12&decoding_temperature=1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def shared(browser: Browser, folder: Path) -> Iterator[Page]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demos, "TABS", ("gpt",))
        patch.setattr(pretrained, "folder", lambda: folder)
        app = demos.build_app()
        _, address, _ = demos.launch(app, block=False, quiet=True)
        gc.collect()  # now, and not during somebody else's test
        try:
            with shared_page(browser, f"{address}{ADDRESS}") as page:
                wait_ready(page)
                yield page
        finally:
            app.close()


def said(page: Page, text: str) -> str:
    """Say something and wait for the whole answer; returns it as it is shown."""
    page.locator("#gpt-prompt textarea").fill(text)
    page.locator("#gpt-write").click()
    expect(page.locator("#gpt-writing .opening")).to_have_text(re.compile(re.escape(text)))
    expect(page.locator("#gpt-writing .line").first).to_have_attribute("data-state", "done")
    expect(page.locator("#gpt-write")).to_be_enabled()
    return "".join(page.locator("#gpt-writing .token").all_inner_texts())


def shown_as(token: Token) -> str:
    """What stands in the text for a token: bytes by name, where they make no character."""
    if "‹" in token.name and "\ufffd" in token.text:
        shown = token.name
    elif "‹" in token.name and not token.text.strip():
        shown = f"{token.text}▫"
    else:
        shown = token.text.replace("\ufffd", "")
    return shown.replace("\n", "↵").replace("\t", "⇥")


def test_what_is_not_here_is_offered(shared: Page) -> None:
    offer = shared.locator("#gpt-fetch .dl-arrival")
    choose(shared.locator("#gpt-which input[value=smollm2]"))
    expect(offer.get_by_role("button", name="SmolLM2")).to_be_visible()
    expect(shared.locator("#gpt-prompt textarea")).to_have_value("Why is the sky blue?")
    shared.locator("#gpt-write").click()
    expect(shared.locator(".toast-body").first).to_contain_text("SmolLM2 is not on this machine")
    shared.locator(".toast-close").first.click()
    choose(shared.locator("#gpt-which input[value=bundled]"))
    expect(offer.get_by_role("button", name="SmolLM2")).to_be_hidden()
    expect(shared.locator("#gpt-talk")).to_be_hidden()


def test_the_address_names_the_model_and_the_switch(shared: Page) -> None:
    choose(shared.locator("#gpt-which input[value=smollm2]"))
    shared.locator("#gpt-talk input").uncheck()
    wait_idle(shared)
    assert "which=smollm2" in shared.url and "talk=false" in shared.url
    shared.reload()
    wait_ready(shared)
    expect(shared.locator("#gpt-which input[value=smollm2]")).to_be_checked()
    expect(shared.locator("#gpt-talk input")).not_to_be_checked()
    offer = shared.locator("#gpt-fetch .dl-arrival")
    expect(offer.get_by_role("button", name="SmolLM2")).to_be_visible()
    shared.locator("#gpt-talk input").check()
    choose(shared.locator("#gpt-which input[value=bundled]"))


def test_a_conversation(shared: Page, folder: Path) -> None:
    save_small_smollm2(folder / "smollm2.safetensors")
    choose(shared.locator("#gpt-which input[value=smollm2]"))
    expect(shared.locator("#gpt-talk input")).to_be_checked()
    expect(shared.locator("#gpt-prompt textarea")).to_have_value("Why is the sky blue?")
    shown = said(shared, "Xin chào")
    writer = load(folder / "smollm2.safetensors")
    tokens = list(generate(chatting(writer), "Xin chào", DECODING))
    assert shown == "".join(map(shown_as, tokens))
    expect(shared.locator("#gpt-prompt textarea")).to_have_value("")
    answer = writer.tokenizer.decode([t.id for t in tokens if t.id not in writer.stops]).strip()
    shown = said(shared, "Vì sao?")
    again = generate(chatting(writer, [("Xin chào", answer)]), "Vì sao?", DECODING)
    assert shown == "".join(map(shown_as, again))
    switch_language(shared, "vi")
    expect(shared.locator("#gpt-forget")).to_have_text("Cuộc trò chuyện mới")
    shared.locator("#gpt-forget").click()
    expect(shared.locator("#gpt-writing .token")).to_have_count(0)
    switch_language(shared, "en")
    said(shared, "Xin chào")
    opening = shared.locator("#gpt-writing .opening").inner_text()
    assert opening.count("❯") == 1


def test_bytes_of_a_character_are_told_as_what_they_are(shared: Page, folder: Path) -> None:
    tokenizer = load(folder / "smollm2.safetensors").tokenizer
    said(shared, "Xin chào lần nữa")
    panel = shared.locator("#gpt-writing .panel")
    part = panel.locator("tbody tr", has_text="‹")
    for token in shared.locator("#gpt-writing .token").all():
        token.click()
        if part.count():
            break
    name = part.first.locator("bdi").inner_text()
    assert name in {tokenizer.name(i).replace("\n", "↵") for i in range(len(tokenizer))}
    expect(part.first).to_contain_text("part of a character")
    switch_language(shared, "vi")
    expect(part.first).to_contain_text("một phần của ký tự")
    switch_language(shared, "en")
    for place in (".tokens", ".side"):
        assert "\ufffd" not in shared.locator(f"#gpt-writing {place}").inner_text()


def test_it_counts_in_the_table_of_costs(shared: Page) -> None:
    shared.locator("#gpt-section-cost-button").click()
    notes = shared.locator("#gpt-per-word li")
    expect(notes.nth(2)).to_contain_text("SmolLM2")
    wait_idle(shared)
