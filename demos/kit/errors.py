"""From exceptions to short messages in the reader's language.

`dlcore` raises; handlers are wrapped in `guard`, which says what to fix. What nobody foresaw gets
an apology on the page and its traceback in the log, never the other way round.
"""

import functools
import inspect
import logging
import typing
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from itertools import islice
from threading import Lock
from typing import Any

import gradio as gr
from gradio.blocks import Block

from demos.kit.language import say, session_language
from dlcore.jobs import JobError, JobFailed, OutOfMemory, WorkerDied
from dlcore.settings import SettingError

log = logging.getLogger("demos")

_SECONDS_SHOWN = 8


class UserError(Exception):
    """Something the user can mend. `key` names the words, `values` fill their placeholders."""

    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(key)
        self.key, self.values = key, values


class _Turns:
    """Which of a visitor's calls began last."""

    def __init__(self) -> None:
        self._lock, self._newest = Lock(), dict[str, object]()

    def begin(self, visitor: str) -> object:
        turn = object()
        with self._lock:
            self._newest[visitor] = turn
        return turn

    def end(self, visitor: str, turn: object) -> bool:
        """Whether this is still the newest; then nothing is kept of it."""
        with self._lock:
            newest = self._newest.get(visitor) is turn
            if newest:
                del self._newest[visitor]
        return newest


def guard(
    fn: Callable[..., Any], *, names: Sequence[str] = (), newest: bool = False
) -> Callable[..., Any]:
    """Wrap a handler, plain or generator, so that every fault becomes a translated message.

    The wrapper asks Gradio for the request, to know the reader's language; a handler that wants
    it too declares a parameter of type gr.Request. `names` are the parameters' names in the API
    for a handler that takes *values. newest: of a visitor's calls that overlap only the one that
    began last may change the page, or a slow answer would undo a newer one; not for generators.
    """
    turns = _Turns() if newest else None
    hints = typing.get_type_hints(fn)
    own_request = next((name for name, hint in hints.items() if hint is gr.Request), None)

    def extra(request: gr.Request) -> dict[str, gr.Request]:
        return {own_request: request} if own_request else {}

    if inspect.isgeneratorfunction(fn):

        @functools.wraps(fn)
        def wrapper(request: gr.Request, *values: Any) -> Iterator[Any]:
            try:
                yield from fn(*values, **extra(request))
            except Exception as error:
                raise translated(error, session_language.get(request)) from None

    else:

        @functools.wraps(fn)
        def wrapper(request: gr.Request, *values: Any) -> Any:
            visitor = request.session_hash if turns else None
            turn = turns.begin(visitor) if turns and visitor else None
            try:
                answer = fn(*values, **extra(request))
            except Exception as error:
                raise translated(error, session_language.get(request)) from None
            finally:
                last = turns.end(visitor, turn) if turns and visitor else True
            return answer if last else _unchanged(answer)

    _sign(wrapper, fn, hints, own_request, names)
    return wrapper


def freeing(updates: Generator[Any, None, None], free: Any) -> Generator[Any, None, None]:
    """What a handler yields; should it break after its first word, `free` before the fault goes on.

    The first word sets the buttons to busy, and a page that is told only of the fault keeps them
    so. free: the update that sets them, and the status line, right again.
    """
    with closing(updates):
        yield from islice(updates, 1)  # a fault before it has changed nothing
        try:
            yield from updates
        except Exception:
            yield free
            raise


def _unchanged(answer: Any) -> Any:
    """As many outputs as the answer has, none of which changes anything."""
    if isinstance(answer, dict) and answer and all(isinstance(key, Block) for key in answer):
        return dict.fromkeys(answer, gr.skip())  # other dicts are the value of one output
    return [gr.skip()] * len(answer) if isinstance(answer, list | tuple) else gr.skip()


def _sign(
    wrapper: Any, fn: Any, hints: dict[str, Any], own_request: str | None, names: Sequence[str]
) -> None:
    """Give the wrapper the handler's parameters, which Gradio reads to describe the endpoint."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter("request", kind, annotation=gr.Request)]
    for parameter in inspect.signature(fn).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            parameters += [inspect.Parameter(name, kind) for name in names]
        elif parameter.name != own_request:
            parameters.append(inspect.Parameter(parameter.name, kind))
    del wrapper.__wrapped__
    wrapper.__signature__ = inspect.Signature(parameters)
    kept = {name: hint for name, hint in hints.items() if name not in ("return", own_request)}
    wrapper.__annotations__ = {**kept, "request": gr.Request}


def translated(error: Exception, lang: str) -> gr.Error:
    """The message for an exception. Unforeseen ones are logged here, with their traceback."""
    if isinstance(error, gr.Error):
        return error
    key, values = _explain(error, lang)
    if key == "kit.errors.unexpected":
        detail = getattr(error, "remote_traceback", "")
        log.error("unexpected fault in a handler %s", detail, exc_info=error)
    return gr.Error(
        say(key, lang, **values),
        title=say("kit.errors.title", lang),
        duration=_SECONDS_SHOWN,
        print_exception=False,
    )


def _explain(error: Exception, lang: str) -> tuple[str, dict[str, Any]]:
    match error:
        case UserError():
            return error.key, error.values
        case SettingError(choices=choices) if choices:
            allowed = ", ".join(str(choice) for choice in choices)
            return "kit.errors.choice", {"field": _label(error, lang), "choices": allowed}
        case SettingError(low=None, high=None):
            return "kit.errors.form", {"field": _label(error, lang)}
        case SettingError():
            bounds = {"low": _number(error.low, lang), "high": _number(error.high, lang)}
            return "kit.errors.bounds", {"field": _label(error, lang), **bounds}
        case ValueError() if "." in getattr(error, "key", ""):  # dlcore's own, with words for it
            return vars(error)["key"], vars(error)["values"]
        case WorkerDied():
            return "kit.errors.worker_died", {}
        case OutOfMemory():
            return "kit.errors.memory", {}
        case JobFailed():
            return "kit.errors.unexpected", {}
        case JobError():
            return "kit.errors.job", {}
    return "kit.errors.unexpected", {}


def _label(error: SettingError, lang: str) -> str:
    """What the page calls the setting; its own name where it came from elsewhere than a form."""
    key = getattr(error, "label", "")
    return say(key, lang) if key else error.field


def _number(value: float | None, lang: str) -> str:
    """As a reader writes it: 0.00001, and in Vietnamese 0,00001."""
    text = "…" if value is None else f"{value:.8f}".rstrip("0").rstrip(".")
    return text.replace(".", ",") if lang == "vi" else text
