"""Classes of one's own from zip files, folders and the camera; and the camera asking the network.

The tests share one page, which begins without any class.
"""

import base64
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import shared_page
from tests.browser.steps import (
    TRAINING_MS,
    eventually,
    open_tab,
    section,
    start_run,
    wait_ended,
    wait_idle,
    wait_ready,
)
from tests.browser.transfer_steps import (
    card,
    drop,
    drop_folder,
    picture,
    pretend_camera,
    zipped,
)
from tests.serving import Server

RED, BLUE = [200, 40, 40], [40, 40, 200]


@pytest.fixture(scope="module")
def shared(browser: Browser, server: Server) -> Iterator[Page]:
    with shared_page(browser, f"{server.url}/?tab=transfer&data=own&epochs=20") as page:
        wait_ready(page)
        open_tab(page, "transfer")
        yield page


@pytest.fixture
def page(shared: Page) -> Page:
    """The classes under Teach, all of which are taken away first."""
    section(shared, "transfer", "teach")
    clear = shared.locator("#transfer-classes .clear")
    if clear.is_visible():
        clear.click()
    expect(cards(shared)).to_have_count(0)
    return shared


def cards(page: Page) -> Locator:
    return page.locator("#transfer-classes section.card")


def note(page: Page) -> Locator:
    return page.locator("#transfer-classes p.note")


def dismiss(page: Page, words: str) -> None:
    """Read a message and close it."""
    message = page.locator(".toast-body", has_text=words)
    expect(message).to_be_visible()
    message.locator(".toast-close").click()
    expect(message).to_have_count(0)


def test_what_cannot_begin_can_be_tried_again(page: Page) -> None:
    """Without any class: the fault is said, and the buttons are free."""
    section(page, "transfer", "race")
    page.locator("#transfer-race").click()
    dismiss(page, "at least 2 classes")
    expect(page.locator("#transfer-race")).to_be_enabled()
    expect(page.locator("#transfer-race-stop")).to_be_disabled()
    expect(page.locator("#transfer-race-status .dl-status")).to_have_attribute(
        "data-state", "failed"
    )
    section(page, "transfer", "study")
    page.locator("#transfer-cuts").click()
    dismiss(page, "at least 2 classes")
    expect(page.locator("#transfer-study-status .dl-status")).to_have_attribute(
        "data-state", "failed"
    )


def test_a_camera_without_a_network_says_so_once(page: Page) -> None:
    pretend_camera(page)
    section(page, "transfer", "try")
    live = page.locator("#transfer-live")
    live.locator("button").click()
    expect(live.locator(".note")).to_have_text(
        "There is no network yet: train one under Teach, the camera may stay on."
    )
    page.wait_for_timeout(1500)  # more pictures are on their way
    expect(page.locator(".toast-body")).to_have_count(0)
    live.locator("button").click()
    expect(live.locator(".note")).to_have_text("")


# --- Zip files -----------------------------------------------------------------------------------


def unzipped(page: Page, content: bytes, unpack: bool = True) -> Any:
    """What the page finds in a zip file: names and sizes, or the word of a fault."""
    return page.evaluate(
        """async ([data, unpack]) => {
          const { unzip } = await import(new URL("dl/unzip.js", document.baseURI));
          const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
          try {
            const found = {};
            for (const { name, read } of await unzip(new Blob([bytes]))) {
              found[name] = unpack ? (await read()).size : 0;
            }
            return found;
          } catch (error) {
            return error.message;
          }
        }""",
        [base64.b64encode(content).decode(), unpack],
    )


def renamed(content: bytes, name: bytes) -> bytes:
    """A zip file whose one entry, named x…, has another name of as many bytes."""
    return content.replace(b"x" * len(name), name)


def locked(content: bytes) -> bytes:
    """A zip file that says of its one entry that it is locked."""
    raw = bytearray(content)
    raw[6] |= 1
    raw[raw.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(raw)


def claiming(content: bytes, size: int) -> bytes:
    """A zip file that says of each entry that it has so many bytes."""
    raw = bytearray(content)
    at = -1
    while (at := raw.find(b"PK\x01\x02", at + 1)) >= 0:
        raw[at + 24 : at + 28] = size.to_bytes(4, "little")
    return bytes(raw)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_a_zip_file_is_read_as_python_wrote_it(shared: Page, method: int) -> None:
    content = {"gạch/1.png": picture((1, 2, 3)), "a/b/ưỡ.txt": b"hello", "empty.txt": b""}
    found = unzipped(shared, zipped(content, method))
    assert found == {name: len(data) for name, data in content.items()}


@pytest.mark.parametrize(
    ("name", "encoding", "shown"),
    [
        ("lá/1.png", "utf-8", "lá/1.png"),
        ("ga\u0323ch\\1.png", "cp1258", "gạch/1.png"),  # Windows in Việt Nam
        ("qua\u0309 đu đu\u0309.png", "cp1258", "quả đu đủ.png"),
        ("bébé/Größe.png".replace("ß", "ss"), "cp437", "bébé/Grösse.png"),
    ],
)
def test_names_without_a_word_on_their_letters_are_guessed(
    shared: Page, name: str, encoding: str, shown: str
) -> None:
    raw = name.encode(encoding)
    assert list(unzipped(shared, renamed(zipped({"x" * len(raw): b"1"}), raw))) == [shown]


def test_no_zip_file_hurts(shared: Page) -> None:
    whole = zipped({"cats/1.png": picture((9, 9, 9))})
    half = len(whole) // 2
    for nonsense in (b"", b"PK\x03\x04 nonsense", b"\0" * 100_000, whole[:-30], whole[:half],
                     whole[100:], b"PK\x05\x06" + b"\xff" * 18):  # fmt: skip
        assert unzipped(shared, nonsense) == "no_zip", nonsense[:30]
    damaged = bytearray(whole)
    damaged[40:60] = b"\xff" * 20
    assert unzipped(shared, bytes(damaged)) == "no_zip"
    assert unzipped(shared, locked(whole)) == "locked"
    assert unzipped(shared, zipped({f"c/{n}": b"" for n in range(2_001)}), False) == "too_many"


def test_a_bomb_is_refused_whatever_it_claims(shared: Page) -> None:
    bomb = zipped({"c/1.png": bytes(20_000_000)})
    assert len(bomb) < 50_000
    assert unzipped(shared, claiming(bomb, 1_000)) == "large", "it grows beyond what it says"
    assert unzipped(shared, claiming(bomb, 300_000_001), False) == "large"
    assert unzipped(shared, claiming(bomb, 300_000_000), False) == {"c/1.png": 0}
    two = zipped({"c/1.png": b"x", "c/2.png": b"x"})
    assert unzipped(shared, claiming(two, 151_000_000), False) == "large", "both together"


def test_what_is_wrong_with_a_dropped_file_is_said(page: Page) -> None:
    whole = zipped({"cats/1.png": picture((9, 9, 9))})
    for content, words in (
        (b"nonsense", "not a zip file"),
        (locked(whole), "locked with a password"),
        (claiming(whole, 400_000_000), "more than 300 MB"),
        (zipped({"__MACOSX/cats/._1.png": b"x", "cats/.1.png": b"x", "../evil/1.png": b"x"}),
         "no pictures in the zip file"),
        (zipped({"1.png": picture((9, 9, 9))}), "1 pictures lie in no folder"),
        (zipped({"cats/1.png": b"no picture at all"}), "1 files were no pictures"),
    ):  # fmt: skip
        drop(page, "pictures.zip", content)
        expect(note(page)).to_contain_text(words)
    expect(cards(page)).to_have_count(0)


def test_three_hundred_files_become_three_classes(page: Page) -> None:
    """In several messages, of which none gets lost; what is no picture is passed over."""
    red, green, blue = (picture(colour) for colour in ((200, 0, 0), (0, 200, 0), (0, 0, 200)))
    content = {f"notes/{n}.txt": b"no picture" for n in range(216)}
    for n in range(28):
        content |= {f"red/{n}.png": red, f"green/{n}.png": green, f"blue/{n}.png": blue}
    assert len(content) == 300
    drop(page, "many.zip", zipped(content))
    expect(cards(page)).to_have_count(3)
    for place, name in enumerate(("red", "green", "blue")):
        expect(card(page, place).locator(".count")).to_have_text("28 pictures")
        expect(card(page, place).locator("input.name")).to_have_value(name)
    expect(note(page)).to_have_text("")


# --- Folders and the camera ----------------------------------------------------------------------


def test_a_dropped_folder_becomes_its_classes(page: Page, tmp_path: Path) -> None:
    for name, colour in (("gạch", (190, 60, 40)), ("lá", (30, 150, 30))):
        (tmp_path / "mine" / name).mkdir(parents=True)
        for seed in range(3):
            (tmp_path / "mine" / name / f"{seed}.png").write_bytes(picture(colour, seed))
    (tmp_path / "mine" / "lá" / "notes.txt").write_text("no picture")
    drop_folder(page, tmp_path / "mine")
    expect(cards(page)).to_have_count(2)
    names = {card(page, n).locator("input.name").input_value() for n in range(2)}
    assert names == {"gạch", "lá"}
    for place in range(2):
        expect(card(page, place).locator(".thumb")).to_have_count(3)
    expect(note(page)).to_have_text("1 files were no pictures that this browser can read.")


def hold(page: Page, place: int, pictures: int) -> None:
    """Hold a class's button down until it has so many pictures."""
    button = card(page, place).locator("button.hold")
    button.hover()
    page.mouse.down()
    expect(card(page, place).locator(".thumb").nth(pictures - 1)).to_be_visible()
    page.mouse.up()
    expect(button).not_to_have_class("hold on")


def test_a_burst_of_the_camera_is_learnt_and_answered_live(page: Page) -> None:
    pretend_camera(page)
    page.locator("#transfer-classes .film").click()
    for place, colour in enumerate((RED, BLUE)):
        page.locator("#transfer-classes .new").click()
        expect(cards(page)).to_have_count(place + 1)
        page.evaluate("(colour) => { window.seen = colour; }", colour)
        page.wait_for_timeout(200)  # until the camera has seen it
        hold(page, place, 5)
    wait_idle(page)
    count = card(page, 1).locator(".count").inner_text()
    page.wait_for_timeout(400)
    expect(card(page, 1).locator(".count")).to_have_text(count)  # nothing is taken any more
    page.locator("#transfer-classes .film").click()
    expect(page.locator("#transfer-classes video")).to_be_hidden()

    start_run(page, "transfer")
    wait_ended(page, "transfer")
    section(page, "transfer", "try")
    page.locator("#transfer-live button").click()
    rows = page.locator("#transfer-answer .row")
    expect(rows).to_have_count(2, timeout=TRAINING_MS)
    for place, colour in ((1, BLUE), (0, RED)):
        page.evaluate("(colour) => { window.seen = colour; }", colour)
        eventually(page, lambda place=place: share(rows.nth(place)) > 50)  # type: ignore[misc]
    section(page, "transfer", "teach")  # who leaves the camera switches it off
    section(page, "transfer", "try")
    expect(page.locator("#transfer-live video")).to_be_hidden()


def share(row: Locator) -> float:
    return float(row.locator(".values").inner_text().rstrip("%"))
