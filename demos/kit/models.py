"""A tab's models by name: those that ship with the project, and the reader's own."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Generic, TypeVar

from demos.kit.errors import UserError

YOURS = "yours"
NAMES = ("bundled", YOURS)  # where only one comes along

Model = TypeVar("Model")


@dataclass(frozen=True)
class Own(Generic[Model]):
    """The reader's own model, held read-only. A tab adds what else it keeps of the run."""

    model: Model


class Models(Generic[Model]):
    """The models of a tab. which: the names of those that come along, and "yours" after them.

    load(name): gives a bundled one; called at its first use. file(name): where it lies.
    Words for what is missing: `<topic>.errors.no_bundled`, which may name the {file},
    `unknown_model` and `train_first`.
    """

    def __init__(
        self,
        topic: str,
        load: Callable[[str], Model],
        file: Callable[[str], Path],
        *,
        bundled: tuple[str, ...] = NAMES[:1],
    ) -> None:
        self.shipped, self.which = bundled, (*bundled, YOURS)
        self._topic, self._load, self._file = topic, cache(load), file

    def bundled(self, name: str = NAMES[0]) -> Model:
        """One that comes along. Raises UserError when its file is not there."""
        try:
            return self._load(name)
        except OSError as error:
            file = self._file(name).name
            raise UserError(f"{self._topic}.errors.no_bundled", file=file) from error

    def named(self, name: object, own: object) -> Model:
        """The model of a name that a browser sent. Raises UserError."""
        if isinstance(name, str) and name in self.shipped:
            return self.bundled(name)
        if name != YOURS:
            raise UserError(f"{self._topic}.errors.unknown_model")
        if not isinstance(own, Own):
            raise UserError(f"{self._topic}.errors.train_first")
        return own.model
