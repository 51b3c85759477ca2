"""Pretrained language models in memory: each once, however many tabs and visitors use it."""

import importlib
from functools import cache
from pathlib import Path
from threading import Lock

from dlcore import pretrained
from dlcore.decoder import Writer

# Who loads which; imported when somebody asks for it.
_LOADERS = {"smollm2": "dlcore.llama:load", "gpt2": "dlcore.gpt_published:load_gpt2"}
_one_at_a_time = Lock()  # half a gigabyte must not be read twice


def writer(name: str) -> Writer | None:
    """A language model of the store, to read only; None where it has to be fetched first.

    The first call takes about a second. Raises KeyError for a name of none.
    """
    loader = _LOADERS[name]
    path = pretrained.find(name)
    if path is None:
        return None
    with _one_at_a_time:
        return _loaded(loader, path)


@cache
def _loaded(loader: str, path: Path) -> Writer:
    module, _, function = loader.partition(":")
    loaded: Writer = getattr(importlib.import_module(module), function)(path)
    return loaded
