"""A model small enough to be fetched by tests: how it is made ready, and its table entry."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dlcore.pretrained_table import File, Pretrained, Source

WEIGHT = bytes(range(250)) * 2000  # half a megabyte
SETTINGS = json.dumps({"width": 250}).encode()


def convert(raw: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What was published -> a uint8 matrix (2000, 250), and its settings."""
    numbers = torch.frombuffer(bytearray((raw / "weight.bin").read_bytes()), dtype=torch.uint8)
    config = json.loads((raw / "config.json").read_text())
    return {"weight": numbers.reshape(-1, config["width"])}, config


def published(name: str, content: bytes) -> File:
    return File(name, hashlib.sha256(content).hexdigest(), len(content))


def sample(*sources: Source, prepare: str = "tests.sample_store:convert") -> Pretrained:
    return Pretrained(
        "sample", task="text", title="Sample", licence="Apache-2.0", origin="https://example.org",
        sources=sources, prepare=prepare, ready=500_000,
    )  # fmt: skip


def convert_plain(raw: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The same for a source that has the one file only."""
    (raw / "config.json").write_bytes(SETTINGS)
    return convert(raw)
