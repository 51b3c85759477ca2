"""Source code as text and as a syntax tree, made in one thread at a time.

Python 3.11 keeps one count of how deep a syntax tree is for all threads, and gives up with "AST
constructor recursion depth mismatch" where two visitors have one made at once.
"""

import ast
import inspect
from threading import RLock
from typing import Any

_ONE_AT_A_TIME = RLock()


def text_of(part: Any) -> str:
    """The source of a module, class or function."""
    with _ONE_AT_A_TIME:  # a class is found by parsing its whole module
        return inspect.getsource(part)


def tree_of(source: str) -> ast.Module:
    """The syntax tree of `source`."""
    with _ONE_AT_A_TIME:
        return ast.parse(source)
