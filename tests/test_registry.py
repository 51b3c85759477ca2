"""Every tab of TABS is whole: its files, its words in both languages, its endpoints, its training.

An eleventh topic is tested by being in TABS; nothing here names a topic.
"""

import ast
import dataclasses
import importlib
import json
import math
import re
import string
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

import demos
from demos import TABS
from demos.kit.language import section
from demos.kit.lesson import parts
from demos.widgets.base import FOLDER, Widget
from tests.serving import ROOT, Server, Visitor

LANGUAGES = ("vi", "en")
STOPPED_S = 3.0  # a stopped training must be free by then
AT_ONCE_S = 2.0  # and one that cannot be stopped over by then


@pytest.fixture(scope="module")
def app() -> Iterator[gr.Blocks]:
    built = demos.build_app()
    yield built
    built.close()


def locale(lang: str) -> dict[str, str]:
    """All words of a language by their full key, as they stand in the file."""
    text = (ROOT / "demos" / "locales" / f"{lang}.json").read_text(encoding="utf-8")
    return dict(_leaves(json.loads(text)))


def _leaves(node: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


# Files


@pytest.mark.parametrize("topic", TABS)
def test_a_tab_has_all_its_files(topic: str) -> None:
    expected = [f"dlcore/{topic}.py", f"demos/{topic}.py", f"tests/test_{topic}.py"]
    expected += [f"demos/lessons/{lang}/{topic}.md" for lang in LANGUAGES]
    assert [path for path in expected if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize("topic", TABS)
def test_both_languages_have_the_same_three_or_more_experiments(topic: str) -> None:
    vi, en = (parts(topic, lang) for lang in LANGUAGES)
    assert list(vi) == list(en)
    assert len(vi) >= 1 + 3, "the lesson and at least three experiments"
    assert all(text.strip() for text in (*vi.values(), *en.values()))


# Words


def test_both_languages_have_the_same_keys() -> None:
    vi, en = (set(locale(lang)) for lang in LANGUAGES)
    assert sorted(vi - en) == [], "missing in English"
    assert sorted(en - vi) == [], "missing in Vietnamese"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_text_is_empty_or_badly_encoded(lang: str) -> None:
    for key, text in locale(lang).items():
        assert isinstance(text, str) and text.strip(), key
        assert unicodedata.is_normalized("NFC", text), key
    for path in (ROOT / "demos" / "lessons" / lang).glob("*.md"):
        text = path.read_text(encoding="utf-8")
        assert text.strip() and unicodedata.is_normalized("NFC", text), path.name


def test_both_languages_fill_in_the_same_values() -> None:
    vi, en = (locale(lang) for lang in LANGUAGES)
    differ = [key for key in en if key in vi and _holes(vi[key]) != _holes(en[key])]
    assert differ == []


def _holes(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_key_used_in_python_exists() -> None:
    keys = locale("en")
    missing = []
    for path in (ROOT / "demos").rglob("*.py"):
        for pattern, line in _used_keys(ast.parse(path.read_text(encoding="utf-8"))):
            if not any(re.fullmatch(pattern, key) for key in keys):
                missing.append(f"{path.relative_to(ROOT)}:{line}: {pattern}")
    assert missing == []


def _used_keys(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Patterns of the keys given to say(), UserError() and localise(), with their lines."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name in ("say", "UserError"):
            given = node.args[:1]
        elif name == "localise":
            given = [keyword.value for keyword in node.keywords]
        else:
            continue
        for value in given:
            leaves = value.values if isinstance(value, ast.Dict) else [value]
            for leaf in leaves:
                if pattern := _pattern(leaf):
                    yield pattern, leaf.lineno


def _pattern(node: ast.expr) -> str:
    """A regular expression for a text or an f-string; "" for what is only known when it runs."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.escape(node.value)
    if isinstance(node, ast.JoinedStr):
        parts = [
            re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"[\w.+-]+"
            for part in node.values
        ]
        return "".join(parts)
    return ""


def test_every_widget_is_sent_the_words_it_says(app: gr.Blocks) -> None:
    missing = set()
    for widget in app.blocks.values():
        if isinstance(widget, Widget):
            sections = widget.props["texts"]
            texts = {
                lang: {key for name in sections for key in section(name, lang)}
                for lang in LANGUAGES
            }
            for key in _said(f"{widget.script}.js"):
                missing |= {
                    f"{widget.script}.js says {key!r}, unknown in {lang}"
                    for lang in LANGUAGES
                    if key not in texts[lang]
                }
    assert sorted(missing) == []


def _said(script: str) -> set[str]:
    """The fixed keys that a widget's script says; those put together from parts are not seen."""
    source = (FOLDER / script).read_text(encoding="utf-8")
    return set(re.findall(r'\bsay\(\s*"([^"]+)"\s*[,)]', source))


# Endpoints


def test_ids_are_unique_and_start_with_their_topic(app: gr.Blocks) -> None:
    named_blocks = [getattr(block, "elem_id", None) for block in app.blocks.values()]
    ids = [str(name) for name in named_blocks if name]
    assert sorted({name for name in ids if ids.count(name) > 1}) == []
    prefixes = ("dl-", "tab-", *(f"{topic}-" for topic in TABS))
    assert [name for name in ids if not name.startswith(prefixes)] == []


def test_every_public_endpoint_has_a_name_and_a_description(app: gr.Blocks) -> None:
    info = app.get_api_info()
    assert info["unnamed_endpoints"] == {}
    prefixes = tuple(f"/{topic}_" for topic in TABS)
    for name, endpoint in info["named_endpoints"].items():
        assert name.startswith(prefixes), name
        assert len(endpoint["description"].split()) >= 3, f"{name} lacks a description"
        for parameter in endpoint["parameters"]:
            assert not re.match(r"param(eter)?_\d+$", parameter["parameter_name"]), name


def named(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The endpoints that a client may call, by name."""
    return {endpoint["api_name"]: endpoint for endpoint in config["dependencies"]}


def as_on_the_page(config: dict[str, Any], endpoint: dict[str, Any]) -> list[Any]:
    """What an untouched page sends to this endpoint."""
    values = {block["id"]: block["props"].get("value") for block in config["components"]}
    return [values[number] for number in endpoint["inputs"]]


def main_run(config: dict[str, Any], topic: str) -> dict[str, Any]:
    """What a tab does that takes time: a training, or where nothing is trained, an explanation."""
    endpoints = named(config)
    found = [endpoints[name] for verb in ("train", "explain")
             if (name := f"{topic}_{verb}") in endpoints]  # fmt: skip
    assert found, f"{topic} has neither /{topic}_train nor /{topic}_explain"
    return found[0]


def lasting(config: dict[str, Any], endpoint: dict[str, Any], topic: str) -> list[Any]:
    """As on the page, but with as many epochs as there may be: time enough to press Stop."""
    fields = dataclasses.fields(importlib.import_module(f"dlcore.{topic}").Config)
    most = {f"{topic}-epochs": f.metadata["high"] for f in fields if f.name == "epochs"}
    ids = {block["id"]: block["props"].get("elem_id") for block in config["components"]}
    values = zip(endpoint["inputs"], as_on_the_page(config, endpoint), strict=True)
    return [most.get(ids[number], value) for number, value in values]


@pytest.mark.parametrize("topic", TABS)
def test_a_training_streams_and_stops(server: Server, topic: str) -> None:
    """It shows itself while it runs and ends when told to; without a Stop it is over at once."""
    with Visitor(server) as visitor:
        config = visitor.config()
        train = main_run(config, topic)
        stop = named(config).get(f"{topic}_stop")
        generated, told = 0, math.inf
        data = lasting(config, train, topic) if stop else as_on_the_page(config, train)
        with visitor.listen(train["id"], data) as events:
            for event in events:
                generated += event["msg"] == "process_generating"
                if generated == 4 and stop and told == math.inf:
                    told = time.monotonic()
                    assert visitor.run(stop["id"], f"{topic}_stop", []).is_success
                if event["msg"] == "process_completed":
                    assert event["success"], event
                    break
                if event["msg"] == "process_starts":
                    began = time.monotonic()
        ended = time.monotonic()
    if stop:
        assert told < math.inf, "it ended before it could be stopped"
        assert generated >= 2, "a training that takes time shows itself while it runs"
        assert ended - told < STOPPED_S
    else:
        assert ended - began < AT_ONCE_S, "a training that takes time needs a Stop"


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("topic", TABS)
def test_bad_settings_are_answered_in_the_readers_language(
    server: Server, topic: str, lang: str
) -> None:
    with Visitor(server, language=lang) as visitor:
        config = visitor.config()
        endpoint = main_run(config, topic)
        data = as_on_the_page(config, endpoint)
        kinds = {block["id"]: block["type"] for block in config["components"]}
        number = next(i for i, block in enumerate(endpoint["inputs"]) if kinds[block] == "slider")
        data[number] = float("nan")
        answer = visitor.call(endpoint["id"], data)
    assert not answer.ok
    assert answer.message and len(answer.message) > 10
    accented = any(ord(letter) > 0x7F and letter.isalpha() for letter in answer.message)
    assert accented == (lang == "vi"), answer.message


def test_words_in_files_are_read_from_one_place() -> None:
    """Texts in the code itself would escape translation: no accented literal outside locales."""
    vietnamese = re.compile(r"[ăâđêôơưĂÂĐÊÔƠƯạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]")
    found = [
        str(path.relative_to(ROOT))
        for path in [*Path(ROOT / "demos").rglob("*.py"), *FOLDER.glob("*.js")]
        if vietnamese.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_events_that_share_a_queue_share_its_length(app: gr.Blocks) -> None:
    """Of events with one concurrency_id Gradio takes the lowest limit, and the default is 1."""
    limits: dict[str, set[Any]] = {}
    for event in app.fns.values():
        limits.setdefault(event.concurrency_id, set()).add(event.concurrency_limit)
    assert limits["training"] == {16}
    assert {name: found for name, found in limits.items() if len(found) > 1} == {}
