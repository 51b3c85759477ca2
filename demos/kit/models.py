"""A tab's models by name: the one that ships with the project, and the reader's own."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Generic, TypeVar

from demos.kit.errors import UserError

NAMES = ("bundled", "yours")

Model = TypeVar("Model")


@dataclass(frozen=True)
class Own(Generic[Model]):
    """The reader's own model, held read-only. A tab adds what else it keeps of the run."""

    model: Model


class Models(Generic[Model]):
    """The models called NAMES. load: gives the bundled one; called at its first use.

    Words for what is missing: `<topic>.errors.no_bundled`, `unknown_model` and `train_first`.
    """

    def __init__(self, topic: str, load: Callable[[], Model]) -> None:
        self._topic, self._load = topic, cache(load)

    def bundled(self) -> Model:
        """Raises UserError when its file is not there."""
        try:
            return self._load()
        except OSError as error:
            raise UserError(f"{self._topic}.errors.no_bundled") from error

    def named(self, name: object, own: object) -> Model:
        """The model of a name that a browser sent. Raises UserError."""
        if name == "bundled":
            return self.bundled()
        if name != "yours":
            raise UserError(f"{self._topic}.errors.unknown_model")
        if not isinstance(own, Own):
            raise UserError(f"{self._topic}.errors.train_first")
        return own.model
