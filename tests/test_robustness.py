"""Every handler survives what any client can send: a message, no traceback, nothing lost.

The attacks go over plain HTTP to every endpoint that the app's own config lists, the unnamed and
private ones too: hiding an endpoint does not close it. Inputs are spoilt one at a time, the others
stay as an untouched page would send them. `make slow` sends everything to every input.
"""

import base64
import itertools
import re
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.serving import Answer, Server, Visitor, serving

NAN, INFINITE = float("nan"), float("inf")
DEEP: Any = [[]]
for _ in range(200):
    DEEP = [DEEP]

# What a value is replaced with. Widgets' own fields are here too: any page can send them.
ATTACKS: dict[str, list[Any]] = {
    "nothing": [None],
    "texts": ["", "NaN", "\x00\ud7ff\u202e<script>alert(1)</script>", "../../etc/passwd", "{0.x}"],
    "not finite": [NAN, INFINITE, -INFINITE],
    "huge numbers": [1e308, -1e308, 10**400, 2**63, -1, 0.1 + 0.2],
    "booleans": [True, False],
    "lists": [[], [1, 2, 3], ["a", None], [[NAN]], DEEP],
    "dictionaries": [
        {},
        {"value": {"value": {"value": 1}}},
        {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
        {"__type__": "update", "visible": False},
        {"frames": 1, "runs": "x", "step": NAN},
        {"points": [[NAN, 1, 2], "x"], "weights": [1e308], "line": None, "bias": []},
        {"points": [[0.5, 0.5, 1]] * 5_000},
        {"image": "x", "images": {"dtype": "u1", "shape": [10**9], "data": "AA=="}},
        {"filter": "conv9", "map": -5, "layer": [], "muted": [["conv1", 10**6]]},
    ],
    "drawings": [
        base64.b64encode(bytes(size)).decode() for size in (0, 1, 783, 84 * 84 - 1, 84 * 84 + 1)
    ]
    + [base64.b64encode(b"\xff" * 7056).decode()[:-3], "é" * 9408, "=" * 9408],
    "unknown choices": ["no such choice", "conv1.weight", -7, 10_000],
}
TEN_MB = "x" * 10_000_000
EVENT_DATA: list[Any] = [
    "x", 7, [1, 2], {"index": NAN}, {"index": -1}, {"index": 10**30}, {"index": {"index": []}},
    {"row": "a", "column": None}, {"step": 1e308, "layer": "conv9", "filter": -1, "value": []},
]  # fmt: skip

CONTROLS = ("slider", "number", "checkbox", "dropdown", "radio")

# Words of the machine room, which no visitor should read.
TECHNICAL = re.compile(
    r"Traceback|\bFile \"|site-packages|<class|object at 0x|\b\w+(Error|Exception)\b|NoneType"
)


@pytest.fixture(scope="module")
def attacked() -> Iterator[Server]:
    """A server for this module alone: its log is judged after every attack."""
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def config(attacked: Server) -> dict[str, Any]:
    with Visitor(attacked) as visitor:
        return visitor.config()


def endpoints(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Everything that runs Python, whatever its name or visibility."""
    found = [endpoint for endpoint in config["dependencies"] if endpoint["backend_fn"]]
    assert len(found) > 5, "the app's config lists hardly any endpoint: the search is broken"
    return found


def handlers(config: dict[str, Any]) -> list[dict[str, Any]]:
    """The endpoints, without those that run the same handler on the same inputs once more.

    Gradio names what several events share `study`, `study_1`, `study_2`, ….
    """
    found: dict[tuple[str, tuple[int, ...]], dict[str, Any]] = {}
    for endpoint in endpoints(config):
        name = re.sub(r"_\d+$", "", str(endpoint["api_name"] or endpoint["id"]))
        found.setdefault((name, tuple(endpoint["inputs"])), endpoint)
    return list(found.values())


Call = tuple[dict[str, Any], Any, str, Any]  # endpoint, data, what is wrong with it, event
AT_ONCE = 4
CALLS_A_SESSION = 25  # a new session costs the server more than a call


class Spoiler:
    """Sends calls as an untouched page would, with one thing spoilt, and judges the answers."""

    def __init__(self, server: Server, config: dict[str, Any]) -> None:
        self.server = server
        blocks = {block["id"]: block for block in config["components"]}
        self.values = {number: block["props"].get("value") for number, block in blocks.items()}
        self.kinds = {number: block["type"] for number, block in blocks.items()}
        self.visitors: list[Visitor] = []
        self.own = threading.local()
        self.faults: list[str] = []
        self.calls = 0

    def data(self, endpoint: dict[str, Any]) -> list[Any]:
        return [self.values[number] for number in endpoint["inputs"]]

    def places(self, endpoint: dict[str, Any]) -> list[int]:
        """The inputs worth spoiling: not the server's own state, and one of each kind of control.

        All sliders of one handler take the same way in; widgets each have their own meaning.
        """
        seen: set[tuple[str, str]] = set()
        places = []
        for place, number in enumerate(endpoint["inputs"]):
            kind = self.kinds[number]
            alike = (kind, type(self.values[number]).__name__)
            if kind != "state" and not (kind in CONTROLS and alike in seen):
                places.append(place)
            seen.add(alike)
        return places

    def send(self, calls: Iterable[Call]) -> list[Answer]:
        """Calls, several at a time; a training is left at once, and its session with it."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(lambda call: self._send(*call), calls))
        self.calls += len(answers)
        return answers

    def _visitor(self) -> Visitor:
        """This thread's connection, now and then as a new session."""
        if not hasattr(self.own, "visitor"):
            self.own.visitor, self.own.left = Visitor(self.server), CALLS_A_SESSION
            self.visitors.append(self.own.visitor)
        if self.own.left <= 0:
            self.own.visitor.renew()
            self.own.left = CALLS_A_SESSION
        self.own.left -= 1
        return self.own.visitor

    def _send(self, endpoint: dict[str, Any], data: Any, what: str, event: Any = None) -> Answer:
        visitor = self._visitor()
        if endpoint["types"]["generator"]:
            self.own.left = 0  # it is hung up on, as by a page that closes
        if endpoint["queue"]:
            answer = visitor.call(endpoint["id"], data, event, enough=2)
        else:
            name = endpoint["api_name"] or "predict"
            response = visitor.run(endpoint["id"], name, data)
            body = response.json() if response.text.startswith("{") else {}
            message = body.get("error") or body.get("detail")
            answer = Answer(response.is_success, message, body.get("data"), response.text)
        self._judge(endpoint, what, answer)
        return answer

    def _judge(self, endpoint: dict[str, Any], what: str, answer: Answer) -> None:
        where = f"{endpoint['api_name'] or endpoint['id']} given {what[:80]}"
        if "Traceback (most recent call last)" in answer.raw:
            self.faults.append(f"{where}: the answer holds a traceback")
        if answer.ok:
            return
        if not isinstance(answer.message, str) or len(answer.message.strip()) < 8:
            self.faults.append(f"{where}: no message for people, but {answer.message!r}")
        elif TECHNICAL.search(answer.message):
            self.faults.append(f"{where}: not for people: {answer.message[:120]!r}")

    def verdict(self, log_before: str) -> None:
        """All answers were fit for people, the log has no traceback, and the app still works."""
        new_log = self.server.log[len(log_before) :]
        assert self.server.alive, f"the app died:\n{self.server.log[-3000:]}"
        if "Traceback (most recent call last)" in new_log:
            self.faults.append(f"the log holds a traceback:\n{new_log[:4000]}")
        if self._visitor().http.get("/").status_code != 200:
            self.faults.append("the page is gone")
        for visitor in self.visitors:
            visitor.http.close()
        assert not self.faults, f"{len(self.faults)} faults:\n" + "\n".join(self.faults[:40])
        assert self.calls, "nothing was sent"


@pytest.fixture
def spoiler(attacked: Server, config: dict[str, Any]) -> Iterator[Spoiler]:
    """A Spoiler whose verdict is spoken when the test has sent everything."""
    before = attacked.log
    ready = Spoiler(attacked, config)
    yield ready
    ready.verdict(before)


def test_an_untouched_page_is_answered(spoiler: Spoiler, config: dict[str, Any]) -> None:
    """The ground the attacks stand on: unspoilt, a training runs."""
    whole = [
        (endpoint, spoiler.data(endpoint), "its own values", None) for endpoint in endpoints(config)
    ]
    names = [endpoint["api_name"] for endpoint in endpoints(config)]
    answers = dict(zip(names, spoiler.send(whole), strict=True))
    trainings = [name for name in answers if str(name).endswith(("_train", "_explain"))]
    assert trainings
    assert [name for name in trainings if not answers[name].ok] == []


def test_spoilt_values_get_a_message(spoiler: Spoiler, config: dict[str, Any]) -> None:
    """Two kinds of nonsense to every input of every handler, kinds and their values in turn."""
    turns = {attack: itertools.cycle(values) for attack, values in ATTACKS.items()}
    kinds = itertools.cycle(ATTACKS)

    def calls() -> Iterator[Call]:
        for endpoint in handlers(config):
            for place in spoiler.places(endpoint):
                for attack in itertools.islice(kinds, 2):
                    yield spoilt(spoiler, endpoint, place, next(turns[attack]))

    spoiler.send(calls())


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS)
def test_every_spoilt_value_gets_a_message(
    spoiler: Spoiler, config: dict[str, Any], attack: str
) -> None:
    """Every value of every kind to every input of every handler."""
    spoiler.send(
        spoilt(spoiler, endpoint, place, value)
        for endpoint in handlers(config)
        for place in spoiler.places(endpoint)
        for value in ATTACKS[attack]
    )


def spoilt(spoiler: Spoiler, endpoint: dict[str, Any], place: int, value: Any) -> Call:
    """A call as an untouched page would make it, but for one input."""
    data = spoiler.data(endpoint)
    data[place] = value
    return endpoint, data, f"{str(value)[:60]!r} as input {place}", None


def test_ten_megabytes_get_a_message(spoiler: Spoiler, config: dict[str, Any]) -> None:
    def calls() -> Iterator[Call]:
        for endpoint in handlers(config):
            for place in spoiler.places(endpoint)[-1:]:
                data = spoiler.data(endpoint)
                data[place] = TEN_MB
                yield endpoint, data, f"10 MB as input {place}", None

    for answer in spoiler.send(calls()):
        assert len(answer.raw) < 1_000_000, f"10 MB come back: {answer.raw[:200]}"


def test_wrong_counts_get_a_message(spoiler: Spoiler, config: dict[str, Any]) -> None:
    def calls() -> Iterator[Call]:
        for number, endpoint in enumerate(handlers(config)):
            full = spoiler.data(endpoint)
            data = [*full, *[None] * 5000] if number % 2 else full[:-1]
            yield endpoint, data, f"{len(data)} values instead of {len(full)}", None

    spoiler.send(calls())


def test_spoilt_events_get_a_message(spoiler: Spoiler, config: dict[str, Any]) -> None:
    """What a click carries comes from the client as well. Three kinds of nonsense each, in turn."""
    turn = itertools.cycle(EVENT_DATA)
    spoiler.send(
        spoilt_event(spoiler, endpoint, event)
        for endpoint in hearing(config)
        for event in itertools.islice(turn, 3)
    )


@pytest.mark.slow
def test_every_spoilt_event_gets_a_message(spoiler: Spoiler, config: dict[str, Any]) -> None:
    spoiler.send(
        spoilt_event(spoiler, endpoint, event)
        for endpoint in hearing(config)
        for event in EVENT_DATA
    )


def hearing(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Handlers of events that a widget sends, with data of its own."""
    plain = ("click", "change", "load")
    return [one for one in handlers(config) if one["queue"] and one["targets"][0][1] not in plain]


def spoilt_event(spoiler: Spoiler, endpoint: dict[str, Any], event: Any) -> Call:
    return endpoint, spoiler.data(endpoint), f"event {str(event)[:60]}", event


def test_broken_requests_are_refused(attacked: Server, config: dict[str, Any]) -> None:
    before = attacked.log
    number = endpoints(config)[0]["id"]
    bodies: list[Any] = [
        None, [], "x", {}, {"data": "x"}, {"data": {"a": 1}}, {"data": [], "fn_index": "x"},
        {"data": [], "fn_index": number}, {"data": [], "fn_index": number, "session_hash": []},
    ]  # fmt: skip
    with Visitor(attacked) as visitor:
        for body in bodies:
            response = visitor.post("/gradio_api/queue/join", body)
            assert 400 <= response.status_code < 500, (body, response.status_code)
        for endpoint in endpoints(config):
            if endpoint["queue"]:  # nobody jumps the queue
                name = endpoint["api_name"] or "predict"
                assert visitor.run(endpoint["id"], name, []).status_code in (404, 500), name
    assert "Traceback (most recent call last)" not in attacked.log[len(before) :]
