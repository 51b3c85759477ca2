"""Settings: one place for the bounds, and nothing gets past them."""

import pickle
from dataclasses import FrozenInstanceError, dataclass, replace
from typing import Any

import pytest

from dlcore.settings import SettingError, Settings, setting


@dataclass(frozen=True)
class Config(Settings):
    epochs: int = setting(3, low=1, high=100)
    lr: float = setting(0.1, low=1e-4, high=1.0)
    rule: str = setting("adam", choices=("sgd", "adam"))
    batch: int = setting(64, choices=(32, 64))
    augment: bool = setting(False)


def test_defaults_and_both_ends() -> None:
    assert Config() == Config(3, 0.1, "adam", 64, False)
    assert Config(epochs=1, lr=1.0).lr == 1.0
    assert Config(epochs=100, lr=1e-4, rule="sgd", batch=32, augment=True).augment is True


def test_browsers_know_one_kind_of_number() -> None:
    config = Config(epochs=5.0, lr=1, batch=32.0)  # type: ignore[arg-type]
    assert [type(value) for value in (config.epochs, config.lr, config.batch)] == [int, float, int]
    assert config == Config(epochs=5, lr=1.0, batch=32)


NONSENSE: list[Any] = [
    None, "", "3", [], [3], {}, float("nan"), float("inf"), -float("inf"), 1e400, -1, 10**400,
    "x" * 10**6, object(), b"3", 1j,
]  # fmt: skip


@pytest.mark.parametrize("name", ["epochs", "lr", "rule", "batch", "augment"])
@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: str(value)[:12])
def test_nonsense_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(SettingError) as refused:
        Config(**{name: value})
    assert refused.value.field == name
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 2.5), ("epochs", 0), ("epochs", 101), ("epochs", True), ("lr", 1.0001),
        ("lr", True), ("rule", "ADAM"), ("batch", 33), ("batch", True), ("augment", 1),
    ],
)  # fmt: skip
def test_near_misses_are_refused(name: str, value: Any) -> None:
    with pytest.raises(SettingError, match=f"^{name} must be "):
        Config(**{name: value})


def test_the_message_names_the_bound() -> None:
    with pytest.raises(ValueError, match="epochs must be a number from 1 to 100, not '0'"):
        Config(epochs=0)
    with pytest.raises(ValueError, match="rule must be one of .*sgd"):
        Config(rule="magic")


def test_frozen_and_checked_again_when_replaced() -> None:
    config = Config()
    with pytest.raises(FrozenInstanceError):
        config.epochs = 5  # type: ignore[misc]
    with pytest.raises(SettingError):
        replace(config, epochs=0)


def test_an_error_survives_the_way_between_processes() -> None:
    error = SettingError("lr", 9, low=0.0, high=1.0)
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, SettingError)
    assert (again.field, again.value, again.low, again.high) == ("lr", 9, 0.0, 1.0)
    assert str(again) == str(error)


def layers(text: str) -> str:
    return ",".join(str(int(part)) for part in text.split(","))


@dataclass(frozen=True)
class Shaped(Settings):
    hidden: str = setting("8,8", check=layers)


def test_a_text_is_kept_as_its_check_returns_it() -> None:
    assert Shaped(" 4, 2").hidden == "4,2"
    assert Shaped(4).hidden == "4"  # type: ignore[arg-type]  # what an address makes of "4"


@pytest.mark.parametrize("bad", ["", "a", None, True, 4.5, ["4"], "4," * 200 + "4", {"x": 1}])
def test_a_text_that_its_check_refuses_is_a_setting_error(bad: Any) -> None:
    with pytest.raises(SettingError) as refused:
        Shaped(bad)
    assert (refused.value.field, refused.value.low) == ("hidden", None)
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)
