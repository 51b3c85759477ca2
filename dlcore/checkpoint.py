"""Trained weights in a file that anybody may open: safetensors, with what made them beside them.

A pickled checkpoint can run code when it is opened; a `.safetensors` file is numbers and a JSON
header. Ours says which topic it belongs to, the `Config` it was trained with, and how good it got,
so that loading can build the very same network and then insist that every weight fits.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as serialise_tensors
from torch import Tensor, nn

from dlcore.cache import write_atomically

FORMAT = "dlcore-1"
Model = TypeVar("Model", bound=nn.Module)


class CheckpointError(ValueError):
    """A file that is not a checkpoint we can use. `reason` is a key for a translated message:

    "not_safetensors", "truncated", "no_metadata", "wrong_topic" or "wrong_shapes".
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return CheckpointError, (self.reason, str(self))


@dataclass(frozen=True)
class Checkpoint:
    topic: str
    config: dict[str, Any]  # `Config(**checkpoint.config)` checks it like any other input
    metrics: dict[str, float]
    state: dict[str, Tensor]

    def fill(self, model: Model, *, assign: bool = False) -> Model:
        """Put the weights into `model`; every name and shape must fit. Returns the model.

        assign: the model takes the tensors themselves, not their numbers: one copy in memory less.
        """
        wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
        given = {name: tuple(value.shape) for name, value in self.state.items()}
        if wanted != given:
            name = next(n for n in {**wanted, **given} if wanted.get(n) != given.get(n))
            raise CheckpointError(
                "wrong_shapes",
                f"these weights are for another network: {name} is {given.get(name, 'missing')}, "
                f"where {wanted.get(name, 'nothing of that name')} belongs",
            )
        model.load_state_dict(self.state, assign=assign)
        return model


def to_bytes(
    model: nn.Module | Mapping[str, Any],
    *,
    topic: str,
    config: Any,
    metrics: Mapping[str, float],
) -> bytes:
    """The file's content. model: a module or its state dict; config: a `Config` or a dict."""
    state = model.state_dict() if isinstance(model, nn.Module) else model
    settings = config if isinstance(config, Mapping) else dataclasses.asdict(config)
    tensors = {
        name: torch.as_tensor(value).detach().cpu().contiguous() for name, value in state.items()
    }
    metadata = {
        "format": FORMAT,
        "topic": topic,
        "config": json.dumps(dict(settings)),
        "metrics": json.dumps(dict(metrics)),
    }
    return serialise_tensors(tensors, metadata)


def from_bytes(data: bytes, *, topic: str | None = None) -> Checkpoint:
    """Read a file's content. With `topic`, weights of another one are refused.

    Raises CheckpointError, whatever the bytes are.
    """
    header = _read_header(data)
    about = header.get("__metadata__")
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise CheckpointError(
            "no_metadata", "the file holds weights, but not which topic and settings they are for"
        )
    try:
        config, metrics = json.loads(about["config"]), json.loads(about["metrics"])
        found = {name: float(value) for name, value in metrics.items()}
        settings = {str(name): value for name, value in config.items()}
        trained_topic = str(about["topic"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            "no_metadata", f"what the file says about its weights cannot be read: {error}"
        ) from error
    if topic is not None and trained_topic != topic:
        raise CheckpointError(
            "wrong_topic", f"these weights are for {trained_topic[:40]!r}, not for {topic!r}"
        )
    try:
        state = parse_tensors(data)
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise CheckpointError("not_safetensors", f"the weights cannot be read: {error}") from error
    return Checkpoint(trained_topic, settings, found, state)


def save(
    path: str | Path,
    model: nn.Module | Mapping[str, Any],
    *,
    topic: str,
    config: Any,
    metrics: Mapping[str, float],
) -> None:
    """Write a checkpoint so that its file is always a whole one: the old, or then the new."""
    data = to_bytes(model, topic=topic, config=config, metrics=metrics)
    write_atomically(Path(path), data)


def load(path: str | Path, *, topic: str | None = None) -> Checkpoint:
    """Read a checkpoint. Raises CheckpointError for its content, OSError if it cannot be opened."""
    return from_bytes(Path(path).read_bytes(), topic=topic)


def _read_header(data: bytes) -> dict[str, Any]:
    """The JSON at the head: 8 bytes of its length, little-endian, itself, then the numbers."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 9 or data[8:9] != b"{" or length > 100_000_000:
        raise CheckpointError("not_safetensors", "this is not a .safetensors file")
    try:
        header = json.loads(data[8 : 8 + length])
        ends = [entry["data_offsets"][1] for n, entry in header.items() if n != "__metadata__"]
        whole = 8 + length + max(ends, default=0)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        if len(data) < 8 + length:
            raise _truncated(len(data), 8 + length) from error
        raise CheckpointError("not_safetensors", "this is not a .safetensors file") from error
    if len(data) < whole:
        raise _truncated(len(data), whole)
    return header


def _truncated(given: int, whole: int) -> CheckpointError:
    return CheckpointError(
        "truncated", f"the file ends too early: {given} bytes of at least {whole}; fetch it again"
    )
