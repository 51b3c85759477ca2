"""What the transfer tab remembers of a session, and what may be asked of it."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from demos.kit.errors import UserError
from demos.kit.run import Run
from demos.widgets.picture_classes import classes_value, decoded
from dlcore import pretrained, transfer
from dlcore.efficientnet import BUNDLED_LITE0, EfficientNetLite0
from dlcore.pictures import PICTURES_FOLDER, TEXTURES
from dlcore.transfer_classify import Classifier
from dlcore.transfer_network import NETWORKS
from dlcore.transfer_pictures import (
    MOST_CLASSES,
    OWN_SIDE,
    Pictures,
    PicturesError,
    check_limits,
    small,
)

SECTIONS = ("teach", "try", "race", "study", "take")
Own = dict[str, tuple[bytes, ...]]  # one's own classes: a name -> small pictures' files


@dataclass(frozen=True)
class Trained:
    """What is kept of a run: the network, held read-only, and what it learnt from."""

    classifier: Classifier
    config: transfer.Config
    state: Mapping[str, np.ndarray]
    arguments: tuple[Any, ...]
    pictures: Pictures
    evaluation: transfer.Evaluation | None

    @property
    def learnt(self) -> np.ndarray:
        """The pictures learnt from, uint8 (M, S, S, 3)."""
        return self.pictures.images[~self.pictures.held]

    @cached_property
    def features(self) -> torch.Tensor:
        """What the network makes of those pictures, (M, D): asked once, and gone with it."""
        known = self.arguments[2]
        images, _ = self.pictures.part(held=False)
        if self.config.way == "frozen" and known is not None:
            features = transfer.Features.begun(self.config, known)
            if all(key in features.known for key in transfer.digests(images)):
                return features.rows(images)
        return transfer.read(self.classifier.model, images)


def job_arguments(config: transfer.Config, own: Any, known: Any) -> tuple[Any, ...]:
    """What a worker is given: settings, one's own classes if they are asked for, what the base
    said before, and where the base's weights lie. Raises TransferError where they do not."""
    classes = own_of(own) if config.data == "own" else None
    features = known if isinstance(known, transfer.Features) else None
    if features and features.of != transfer.Features.begun(config).of:
        features = None  # of another base: nothing that a worker needs
    return config, classes, features, weights_file(config)


def weights_file(config: transfer.Config) -> str:
    if config.way == "scratch":
        return ""
    path = pretrained.find(config.base)
    if path is None:
        title = NETWORKS[config.base].title
        raise UserError("transfer.errors.no_base", title=title, name=config.base)
    return str(path)


def trained(run: Run) -> Trained | None:
    """What is kept of a run, stopped ones included; None when it ended before its first test."""
    if run.kept is None:
        return None
    config, own, _, weights = run.arguments
    pictures = transfer.pictures_of(config, own)
    model = transfer.restore(run.kept.state, config, weights=weights)
    classifier = Classifier(model, pictures.names, config.size)
    return Trained(classifier, config, run.kept.state, run.arguments, pictures, run.kept.evaluation)


def needed(kept: object) -> Trained:
    if not isinstance(kept, Trained):
        raise UserError("transfer.errors.train_first")
    return kept


# --- One's own pictures: checked here, because any client can send anything ----------------------


def own_of(value: object) -> Own:
    return value if isinstance(value, dict) else {}


def shown(own: Own, told: Any = None) -> dict[str, Any]:
    return classes_value(own, side=OWN_SIDE, most=MOST_CLASSES, told=told)


def acted(own: Own, data: Any) -> Own:
    """The classes after what a page asked for. Raises PicturesError, UserError."""
    what = data if isinstance(data, dict) else {}
    name = what.get("name")
    if what.get("do") == "clear":
        return {}
    if not isinstance(name, str):
        raise UserError("transfer.errors.unknown_choice")
    match what.get("do"):
        case "add":
            changed = {**own, name: (*own.get(name, ()), *_pictures(what.get("pictures")))}
        case "class":
            changed = {**own, name: own.get(name, ())}
        case "rename":
            changed = _renamed(own, name, what.get("to"))
        case "remove":
            changed = {one: files for one, files in own.items() if one != name}
        case "drop":
            changed = {**own, name: _without(own.get(name, ()), what.get("index"))}
        case _:
            raise UserError("transfer.errors.unknown_choice")
    check_limits(changed)
    return changed


def _pictures(sent: Any) -> list[bytes]:
    if not isinstance(sent, list) or len(sent) > 50:
        raise UserError("transfer.errors.unknown_choice")
    try:
        return [small(decoded(text)) for text in sent]
    except PicturesError:
        raise
    except ValueError:
        raise UserError("transfer.errors.picture") from None


def _renamed(own: Own, name: str, to: Any) -> Own:
    if not isinstance(to, str) or name not in own:
        raise UserError("transfer.errors.unknown_choice")
    if to in own and to != name:
        raise UserError("transfer.errors.taken", name=to)
    return {to if one == name else one: files for one, files in own.items()}


def _without(files: tuple[bytes, ...], index: Any) -> tuple[bytes, ...]:
    if type(index) is not int or not 0 <= index < len(files):
        raise UserError("transfer.errors.unknown_choice")
    return files[:index] + files[index + 1 :]


def whole(data: Any, name: str, below: int) -> int:
    """A whole number from an event's data, 0 ≤ number < below. Raises UserError."""
    value = data.get(name) if isinstance(data, dict) else None
    if type(value) is not int or not 0 <= value < below:
        raise UserError("transfer.errors.unknown_choice")
    return value


# --- The run as a script -------------------------------------------------------------------------

_UNPACK = """\
import base64

weights = ""
for name, packed in PACKED.items():  # what the run began with travels with this script
    path = Path(__file__).resolve().parent / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(base64.b64decode(packed))
    weights = str(path) if path.suffix == ".safetensors" else weights
"""


def script_call(run: Run | None) -> tuple[str, str]:
    """What a downloaded script does first, and its call: photographs and base are in the script.

    A base that does not ship with the project is too large for that: then the script says where it
    looks for it.
    """
    config = run.arguments[0] if run else transfer.Config()
    own = run.arguments[1] if run else None
    files = {}
    if config.data == "textures":
        folder = f"data/{PICTURES_FOLDER.name}"
        files = {f"{folder}/{one.path.name}": one.path.read_bytes() for one in TEXTURES.values()}
    if config.way != "scratch" and config.base == EfficientNetLite0.name:
        files[BUNDLED_LITE0.name] = BUNDLED_LITE0.read_bytes()
    packed = {name: base64.b64encode(data) for name, data in files.items()}
    setup = f"PACKED = {packed!r}\n" + _UNPACK
    setup += f"own = {own!r}\n"
    return setup, "job(config, own, None, weights)"
