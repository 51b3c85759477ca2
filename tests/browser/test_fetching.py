"""The offer of a model that is not here, on a page: fetch, stop, go on, read what mends it."""

import gc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dlcore import pretrained
from dlcore.pretrained import MODELS, Url
from tests.browser.conftest import shared_page
from tests.browser.fetching_page import fetching_page
from tests.browser.test_accessibility import AXE, faults
from tests.loopback import Fault, Loopback, loopback
from tests.sample_store import WEIGHT, published, sample

# What Gradio's server does in this process: it leaves a socket open and trips over a new pandas
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:.*no_silent_downcasting"),
]
BIG = "/models/weight.bin"
HERE = {"include": ["#page-fetch"]}


@dataclass(frozen=True)
class Shop:
    """The page, and the server that its model comes from."""

    page: Page
    host: Loopback

    @property
    def offer(self) -> Locator:
        return self.page.locator("#page-fetch .dl-arrival")

    def button(self, name: str) -> Locator:
        return self.offer.get_by_role("button", name=name)


@pytest.fixture(scope="module")
def shop(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch, loopback() as host:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setattr(pretrained, "cache_dir", lambda: folder / "dlcore")
        host.files[BIG] = WEIGHT
        source = Url(host.url + BIG, published("weight.bin", WEIGHT))
        patch.setitem(MODELS, "sample", sample(source, prepare="tests.sample_store:convert_plain"))
        with fetching_page() as address:
            gc.collect()  # now, and not during somebody else's test
            with shared_page(browser, address) as page:
                page.evaluate(AXE.read_text(encoding="utf-8"))
                yield Shop(page, host)


@pytest.fixture(autouse=True)
def as_new(shop: Shop) -> None:
    pretrained.remove("sample")
    shop.host.faults.clear()
    shop.host.asked.clear()
    shop.host.go_on.clear()
    shop.page.get_by_role("radio", name="bundled").check()
    expect(shop.offer).to_be_hidden()
    shop.page.get_by_role("radio", name="sample").check()
    expect(shop.button("Fetch Sample (0.5 MB)")).to_be_enabled()


def test_a_model_is_fetched_stopped_and_gone_on_with(shop: Shop) -> None:
    shop.host.faults[BIG] = [Fault("wait", after=200_000)]
    expect(shop.offer).to_contain_text("Sample is not on this machine yet.")
    expect(shop.offer).to_contain_text("python -m dlcore weights get sample")
    expect(shop.offer).to_contain_text("Until then, the model that ships with the app")
    assert not faults(shop.page, HERE)
    shop.button("Fetch Sample").click()
    expect(shop.offer).to_contain_text("of 0.5 MB")
    assert not faults(shop.page, HERE)
    expect(shop.offer.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "40")
    expect(shop.offer.locator(".mend")).to_be_hidden()
    shop.button("Stop fetching").click()
    expect(shop.offer).to_contain_text("What had arrived is kept")
    shop.button("Go on fetching Sample").click()
    expect(shop.offer).to_be_hidden()
    expect(shop.page.locator("#said textarea")).to_have_value("sample is here")
    assert shop.host.ranges(BIG)[-1] == "bytes=200000-"


def test_a_fault_says_what_mends_it_in_the_readers_language(shop: Shop) -> None:
    shop.host.faults[BIG] = [Fault("status", status=404)]
    shop.button("Fetch Sample").click()
    alert = shop.offer.get_by_role("alert")
    expect(alert).to_contain_text("does not have this model")
    expect(shop.page.locator("#said textarea")).to_have_value("sample is not here")
    expect(shop.offer.locator(".kept")).to_be_hidden()
    switch = (
        "lang => { document.documentElement.lang = lang; dispatchEvent(new Event('dl-language')) }"
    )
    shop.page.evaluate(switch, "vi")
    expect(alert).to_contain_text("không có mô hình này")
    expect(shop.button("Tải Sample về (0,5 MB)")).to_be_enabled()
    shop.page.evaluate(switch, "en")
    shop.button("Fetch Sample").click()  # and now it is there
    expect(shop.offer).to_be_hidden()
    assert pretrained.find("sample") == Path(pretrained.folder()) / "sample.safetensors"
