"""The cache folder: at the platform's place, or anywhere that can be written."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcore.cache import cache_dir, write_atomically


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    cache_dir.cache_clear()
    yield
    cache_dir.cache_clear()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("platform", "place"),
    [("linux", ".cache"), ("darwin", "Library/Caches"), ("win32", "AppData/Local")],
)
def test_the_platforms_place(
    home: Path, monkeypatch: pytest.MonkeyPatch, platform: str, place: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_dir() == home / place / "dlcore"
    assert cache_dir().is_dir()


def test_linux_convention(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "named"))
    assert cache_dir() == tmp_path / "named" / "dlcore"
    cache_dir.cache_clear()
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # the convention: to be ignored
    assert cache_dir() == home / ".cache" / "dlcore"


def test_a_home_that_cannot_be_written(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home.write_text("a file where the home should be")  # even root cannot make a folder in it
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert cache_dir().parent == tmp_path
    write_atomically(cache_dir() / "a", b"1")


def test_write_atomically_replaces(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(path.parent) == ["file"]
