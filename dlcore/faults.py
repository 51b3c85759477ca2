"""Faults in what somebody gave: a table, a sentence. Whoever asked can say them in any language."""

from typing import Any


class Fault(ValueError):
    """`key` names the words for people, `values` fill them; the message is for a terminal."""

    def __init__(self, key: str, message: str, **values: Any) -> None:
        super().__init__(message)
        self.key, self.values = key, values

    def __reduce__(self) -> tuple[Any, ...]:  # exceptions with keywords do not pickle by themselves
        return _fault, (type(self), self.key, str(self), self.values)


def _fault(kind: type[Fault], key: str, message: str, values: dict[str, Any]) -> Fault:
    fault = kind.__new__(kind)
    Fault.__init__(fault, key, message, **values)
    return fault
