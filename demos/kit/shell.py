"""The frame around the tabs: title, language, light and dark, what happens when a page opens."""

import contextvars
import inspect
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import Block, BlocksConfig

from demos.kit import training
from demos.kit.keep import keeper
from demos.kit.language import DEFAULT, LANGUAGES, book, localise, preferred, say, session_language
from demos.kit.permalink import address
from demos.widgets.base import STATIC_URL

WAITING = 100  # events that may queue before newcomers are told to come back

log = logging.getLogger("demos")
_LONGEST_TEXT = 1_000_000
_WIDGETS = Path(__file__).parent.parent / "widgets"
_lang: contextvars.ContextVar[str] = contextvars.ContextVar("lang", default=DEFAULT)
_ADDRESS_JS = f'import(new URL("{STATIC_URL}/address.js", document.baseURI))'
_SHELL_JS = f'import(new URL("{STATIC_URL}/shell.js", document.baseURI))'


class _Visit(BlocksConfig):
    """What one visitor sees, without a description of each component.

    Gradio keeps one for its deep links, which nobody makes here: more than a thousand
    descriptions for each visitor, made on the one thread that answers all others.
    """

    @staticmethod
    def config_for_block(*_: Any, **__: Any) -> dict[str, Any]:
        return {}


class _Page(BlocksConfig):
    """The page as it was built. What is copied from it is a visit."""

    def __copy__(self) -> BlocksConfig:
        visit = super().__copy__()
        visit.__class__ = _Visit
        return visit


class App(gr.Blocks):
    """A Blocks that answers unreadable input with a message instead of a traceback.

    Handlers guard themselves; what a component cannot even read fails before any handler runs.
    """

    def __init__(self, **kwargs: Any) -> None:
        remember_signatures()
        super().__init__(**kwargs)
        self.default_config.__class__ = _Page

    def queue(self, *args: Any, **kwargs: Any) -> gr.Blocks:
        # Gradio calls this at first, when it costs nothing; with all tabs built it takes a while.
        # It would also sum up the last 10,000 events after each event, for a page we do not show.
        for name in ("GRADIO_ANALYTICS_MAX_EVENTS", "GRADIO_ANALYTICS_CACHE_FREQUENCY"):
            os.environ.setdefault(name, "1000")
        return super().queue(*args, **{"max_size": WAITING, "api_open": False, **kwargs})

    async def process_api(self, block_fn: Any, *args: Any, **kwargs: Any) -> Any:
        _lang.set(session_language.get(kwargs.get("request")))
        return await super().process_api(block_fn, *args, **kwargs)

    async def preprocess_data(self, block_fn: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            if _too_large(inputs):
                raise ValueError("longer than anything a control sends")
            return await super().preprocess_data(block_fn, inputs, *args, **kwargs)
        except Exception as error:
            log.info("unreadable input for %s: %s", block_fn.api_name, type(error).__name__)
            lang = _lang.get()
            raise gr.Error(
                say("kit.errors.unreadable", lang),
                title=say("kit.errors.title", lang),
                print_exception=False,
            ) from None

    async def postprocess_data(self, *args: Any, **kwargs: Any) -> list[Any]:
        # Gradio 6.31 sends an update of a gr.HTML with "props": {"__type__": "update"}, which
        # replaces all props (a widget's words!) of one whose tab was not opened yet.
        answers = await super().postprocess_data(*args, **kwargs)
        for answer in answers:
            if isinstance(answer, dict) and answer.get("props") == {"__type__": "update"}:
                del answer["props"]
        return answers


def remember_signatures() -> None:
    """Let `inspect` know the signature of every kind of component, as PEP 362 provides for.

    Gradio asks for it each time it makes a component or describes one to a page: thousands of
    times before the first page, and hundreds for each one after.
    """
    for kind in _kinds(Block):
        init: Any = inspect.unwrap(vars(kind).get("__init__", Block.__init__))
        init.__signature__ = inspect.signature(init)


def _kinds(kind: type[Any]) -> Iterator[type[Any]]:
    for narrower in type.__subclasses__(kind):
        yield narrower
        yield from _kinds(narrower)


def _too_large(value: Any) -> bool:
    """Whether some text in a JSON value is too long. Asked before Gradio keeps it for the session:
    files travel as uploads, and no widget sends more than a few kilobytes.
    """
    if isinstance(value, str):
        return len(value) > _LONGEST_TEXT
    if isinstance(value, list):
        return len(value) > _LONGEST_TEXT or any(_too_large(item) for item in value)
    if isinstance(value, dict):
        return any(_too_large(item) for item in value.values())
    return False


def theme() -> gr.themes.Base:
    """IBM Plex Sans in the two weights that have every Vietnamese letter; calm colours."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.blue,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_md,
        font=[gr.themes.LocalFont("IBM Plex Sans", (400, 700)), "system-ui", "sans-serif"],
        font_mono=[gr.themes.LocalFont("IBM Plex Mono", (400, 700)), "ui-monospace", "monospace"],
    ).set(
        button_large_text_weight="700",
        block_title_text_weight="700",
        # Gradio's own shades of these are too faint to read (WCAG AA asks for 4.5 to 1).
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        color_accent="*primary_600",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_hover_dark="*primary_700",
    )


def css() -> str:
    """The app's own style sheets: the shared one first, then each widget's."""
    sheets = [_WIDGETS / "theme.css", *sorted(_WIDGETS.glob("*.css"))]
    return "\n".join(sheet.read_text(encoding="utf-8") for sheet in dict.fromkeys(sheets))


def first_script() -> str:
    """What runs in the page before Gradio does."""
    files = ("frames.js", "events.js", "opening.js")
    return "\n".join((_WIDGETS / file).read_text(encoding="utf-8") for file in files)


class Header:
    """Title, tagline, the language switch and the light/dark button."""

    def __init__(self) -> None:
        with gr.Row(elem_id="dl-header"):
            localise(gr.Markdown(elem_id="dl-title"), value="kit.app.heading")
            self.language = gr.Radio(
                [(say("kit.app.language", lang), lang) for lang in LANGUAGES],
                value=DEFAULT,
                show_label=False,
                container=False,
                interactive=True,
                elem_id="dl-language",
                min_width=60,
            )
            self.theme = gr.Button("◐", size="sm", elem_id="dl-theme", min_width=44, scale=0)
            self.theme.click(
                None,
                None,
                None,
                js=f"() => {_SHELL_JS}.then((m) => {{ m.toggleTheme(); }})",
                api_visibility="private",
            )

    def connect(self, app: gr.Blocks, tabs: gr.Tabs, topics: Sequence[str]) -> None:
        """Wire language, address and what a browser is given back. Call when all tabs are built."""
        token = gr.Textbox(visible=False)
        address.connect()
        self.language.input(
            self._switch,
            self.language,
            book.components,
            js=f"(lang) => {_SHELL_JS}.then((m) => {{ m.setLanguage(lang); return [lang]; }})",
            api_visibility="private",
            show_progress="hidden",
            queue=False,
            trigger_mode="always_last",  # whoever changes their mind at once is heard, too
        )
        offers = [button for _, button in training.offers]

        def opened(lang: Any, given: Any, request: gr.Request) -> dict[Any, Any]:
            chosen = lang if lang in LANGUAGES else preferred(request)
            session_language.set(request, chosen)
            keeper.introduce(request, given)
            found, values = address.restore(dict(request.query_params), list(topics))
            updates: dict[Any, Any] = {self.language: chosen}
            if found:  # else leave the reader where a quick click has led already
                updates[tabs] = gr.Tabs(selected=found)
            changes = list(zip(address.components, values, strict=True))
            changes += zip(offers, training.offered(request), strict=True)
            if chosen != DEFAULT:
                changes += zip(book.components, book.updates(chosen), strict=True)
            for component, update in changes:
                updates[component] = {**updates.get(component, {}), **update}
            return updates

        app.load(
            opened,
            [self.language, token],
            list(
                {
                    id(c): c
                    for c in [
                        self.language,
                        tabs,
                        *address.components,
                        *offers,
                        *book.components,
                    ]
                }.values()
            ),
            js=f"() => {_SHELL_JS}.then((m) => m.open())",
            api_visibility="private",
            show_progress="hidden",
            queue=False,
        ).then(
            None,
            None,
            None,
            js=f"() => {_ADDRESS_JS}.then((m) => {{ m.settle(); }})",
            api_visibility="private",
        )

    def quieten(self, app: gr.Blocks) -> None:
        """Keep Gradio's loading status on one button. Call last.

        Gradio tells every output of every event so far about each step of any event, and clones
        all that stands in an output, the tabs with everything in them too: a live training then
        takes seconds of the page's time. A button has nothing to show it with. What shows progress
        here says so itself.
        """
        for event in app.fns.values():
            if event.show_progress == "hidden":
                event.show_progress_on = [self.theme]

    @staticmethod
    def _switch(lang: Any, request: gr.Request) -> list[Any]:
        chosen = lang if lang in LANGUAGES else DEFAULT
        session_language.set(request, chosen)
        return book.updates(chosen)


def follow_tab(tab: gr.Tab, topic: str) -> None:
    """Keep the address on the tab being looked at."""
    tab.select(
        None,
        None,
        None,
        js=f'() => {{ {_ADDRESS_JS}.then((m) => m.show("{topic}")); }}',
        api_visibility="private",
    )
