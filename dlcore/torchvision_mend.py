"""Every import of torchvision or transformers goes through here, because one of them may not load.

PyPI's torchvision for Linux on x86-64 is built for the CUDA build of torch. Beside a CPU build its
compiled operators do not load, and the import stops with "operator torchvision::nms does not
exist". Only box detection needs those operators; the models and transforms used here are plain
Python. So if, and only if, the import stops for that reason, the two operators are declared without
an implementation, and it is tried again. transformers imports torchvision, and stops likewise.
"""

import importlib
import importlib.util
import sys
import warnings
from threading import RLock
from types import ModuleType

import torch

_MISSING = ("nms", "qnms")
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_one_at_a_time = RLock()  # two tabs may ask at once, and a failed import leaves halves behind


def import_torchvision() -> ModuleType:
    """torchvision, mended if need be. Raises ImportError if it is not installed."""
    with _one_at_a_time:
        before = set(sys.modules)
        try:
            return _import_quietly("torchvision")
        except RuntimeError as error:
            if "operator torchvision::" not in str(error):
                raise
        for name in set(sys.modules) - before:
            if name.split(".")[0] == "torchvision":
                del sys.modules[name]
        for name in _MISSING:
            if not hasattr(torch.ops.torchvision, name):
                torch.library.define(f"torchvision::{name}", _SCHEMA)
        return _import_quietly("torchvision")


def import_transformers() -> ModuleType:
    """transformers, with a torchvision that it can import. Raises ImportError if not installed."""
    with _one_at_a_time:
        if importlib.util.find_spec("torchvision") is not None:  # transformers can do without it
            import_torchvision()
        return importlib.import_module("transformers")


def _import_quietly(name: str) -> ModuleType:
    with warnings.catch_warnings():  # that its image reader does not load is of no concern here
        warnings.filterwarnings("ignore", message="Failed to load image Python extension")
        return importlib.import_module(name)
