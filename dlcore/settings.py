"""Settings that know their own bounds.

A topic's `Config` is a frozen dataclass whose fields are made with `setting(...)`. The bounds are
written once: `Config` refuses a bad value with them, and the app builds its sliders from them.
"""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LONGEST_TEXT = 200  # characters of a setting that is a text


class SettingError(ValueError):
    """A setting outside its bounds. Carries what a translated message needs.

    field: the setting's name; value: what was given; low, high: the bounds, or None;
    choices: the allowed values, or None.
    """

    def __init__(
        self,
        field: str,
        value: object,
        *,
        low: float | None = None,
        high: float | None = None,
        choices: tuple[Any, ...] | None = None,
    ) -> None:
        self.field, self.value = field, value
        self.label = ""  # the key of the words for the field, where a page has a name for it
        self.low, self.high, self.choices = low, high, choices
        bound = f"one of {list(choices)}" if choices else f"a number from {low} to {high}"
        must = "cannot be" if low is high is choices is None else f"must be {bound}, not"
        super().__init__(f"{field} {must} {str(value)[:40]!r}")

    def __reduce__(self) -> tuple[Any, ...]:  # exceptions with keywords do not pickle by themselves
        return _rebuild, (self.field, self.value, self.low, self.high, self.choices)


def _rebuild(field: str, value: object, low: Any, high: Any, choices: Any) -> SettingError:
    return SettingError(field, value, low=low, high=high, choices=choices)


def setting(
    default: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[Any, ...] | None = None,
    check: Callable[[str], str] | None = None,
) -> Any:
    """A dataclass field with a default and its bounds: both ends allowed, or one of `choices`.

    check: for a text; returns it as it is kept, or raises ValueError.
    """
    bounds = {"low": low, "high": high, "choices": choices, "check": check}
    return dataclasses.field(default=default, metadata=bounds)


@dataclass(frozen=True)
class Settings:
    """Base of every `Config`: checks each field against its bounds, and its type, on creation.

    Whole numbers given as 3.0 become 3, because a browser has only one kind of number.
    Raises SettingError (a ValueError) for anything else: NaN, infinity, text, lists, out of bounds.
    """

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            low, high, choices = (field.metadata.get(k) for k in ("low", "high", "choices"))
            value = getattr(self, field.name)
            if check := field.metadata.get("check"):
                object.__setattr__(self, field.name, _read(field.name, value, check))
                continue
            object.__setattr__(
                self, field.name, _checked(field.name, value, field.default, low, high, choices)
            )


def _read(name: str, value: Any, check: Callable[[str], str]) -> str:
    """A text as `check` wants it kept. An address may have made a number of it: 8 for "8"."""
    text = str(value) if type(value) in (int, str) else ""
    if text != str(value) or len(text) > LONGEST_TEXT:
        raise SettingError(name, value)
    try:
        return check(text)
    except ValueError:
        raise SettingError(name, value) from None


def _checked(
    name: str,
    value: Any,
    default: Any,
    low: float | None,
    high: float | None,
    choices: tuple[Any, ...] | None,
) -> Any:
    error = SettingError(name, value, low=low, high=high, choices=choices)
    if choices is not None:
        if isinstance(value, (str, int, float)) and value in choices:
            return choices[choices.index(value)]
        raise error
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        raise SettingError(name, value, choices=(True, False))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise error
    if not abs(value) < math.inf:  # false for NaN, too; and no integer is too large to compare
        raise error
    if isinstance(default, int) and value != int(value):
        raise error
    if (low is not None and value < low) or (high is not None and value > high):
        raise error
    return int(value) if isinstance(default, int) else float(value)
