"""Checkpoints: what goes in comes out, and anything else is refused by name."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save as plain_save
from torch import nn

from dlcore import checkpoint
from dlcore.checkpoint import CheckpointError, from_bytes, load, save, to_bytes
from dlcore.settings import Settings, setting


@dataclass(frozen=True)
class Config(Settings):
    epochs: int = setting(3, low=1, high=9)
    rule: str = setting("adam", choices=("sgd", "adam"))


def network(width: int = 4) -> nn.Module:
    return nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width))  # float32 and int64 state


def good() -> bytes:
    return to_bytes(network(), topic="cnn", config=Config(epochs=5), metrics={"loss": 0.25})


def reason(data: bytes, topic: str | None = None) -> str:
    with pytest.raises(CheckpointError) as refused:
        from_bytes(data, topic=topic)
    return refused.value.reason


def test_round_trip(tmp_path: Path) -> None:
    model, path = network(), tmp_path / "new folder" / "a.safetensors"
    save(path, model, topic="cnn", config=Config(epochs=5), metrics={"loss": 0.25})
    found = load(path, topic="cnn")
    assert (found.topic, found.metrics) == ("cnn", {"loss": 0.25})
    assert Config(**found.config) == Config(epochs=5)
    again = found.fill(network())
    for name, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name


def test_any_reader_of_safetensors_can_open_it(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(good())
    with safe_open(tmp_path / "a.safetensors", "pt") as file:
        about = file.metadata()
        assert about["topic"] == "cnn"
        assert json.loads(about["config"]) == {"epochs": 5, "rule": "adam"}
        assert json.loads(about["metrics"]) == {"loss": 0.25}
        assert "0.weight" in file.keys()  # noqa: SIM118, it is no dict


def test_a_state_of_arrays_is_as_good_as_a_module() -> None:
    state = {"w": torch.arange(6.0).view(2, 3).T, "v": torch.ones(2).numpy()}  # not contiguous
    found = from_bytes(to_bytes(state, topic="t", config={}, metrics={}))
    assert torch.equal(found.state["w"], state["w"])  # type: ignore[arg-type]
    assert found.state["v"].tolist() == [1.0, 1.0]


def test_what_is_not_a_checkpoint() -> None:
    header = json.dumps({"w": 3}).encode()
    for data in (b"", b"hello", b"\x80\x04" + bytes(100), os.urandom(200), b"{" * 50,
                 len(header).to_bytes(8, "little") + header):  # fmt: skip
        assert reason(data) == "not_safetensors"


def test_truncated() -> None:
    data = good()
    assert {reason(data[:size]) for size in (60, 300, len(data) - 1)} == {"truncated"}


def test_missing_metadata() -> None:
    tensors = {"w": torch.ones(2)}
    assert reason(plain_save(tensors)) == "no_metadata"
    assert reason(plain_save(tensors, {"format": "pt"})) == "no_metadata"
    whole = {"format": checkpoint.FORMAT, "topic": "cnn", "config": "{}", "metrics": "{}"}
    for name, bad in (("config", "["), ("config", "[1]"), ("metrics", '{"loss": "x"}')):
        assert reason(plain_save(tensors, {**whole, name: bad})) == "no_metadata"
    assert from_bytes(plain_save(tensors, whole)).topic == "cnn"


def test_wrong_topic() -> None:
    assert reason(good(), "gan") == "wrong_topic"


@pytest.mark.parametrize("other", [network(5), nn.Linear(3, 4), nn.Sequential(nn.Linear(3, 4))])
def test_wrong_shapes_and_names(other: nn.Module) -> None:
    before = {name: value.clone() for name, value in other.state_dict().items()}
    with pytest.raises(CheckpointError, match="another network") as refused:
        from_bytes(good()).fill(other)
    assert refused.value.reason == "wrong_shapes"
    assert all(torch.equal(other.state_dict()[name], value) for name, value in before.items())


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.safetensors"
    save(path, network(), topic="cnn", config=Config(), metrics={"loss": 1.0})
    before = path.read_bytes()

    def disk_full(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OSError, match="no space"):
        save(path, network(), topic="cnn", config=Config(), metrics={"loss": 2.0})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
