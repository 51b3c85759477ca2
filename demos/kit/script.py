"""*Download script*: one file made of the very modules that ran, in the order they need each other.

The sources are joined, not rewritten: each module's code stands as it is, without its docstring
and without the lines that import its neighbours. What is left to add is the run itself.
"""

import ast
import importlib
import inspect
from collections.abc import Sequence
from textwrap import indent
from types import ModuleType
from typing import Any, TypeGuard

from demos.kit.sources import text_of, tree_of

_GONE = "\0"  # stands for a line that is left out

_RUN = '''

def main() -> None:
    """Train with the settings of the page and print the metrics it ended with."""
    torch.set_num_threads({threads})  # as on the page: other counts round differently
    torch.set_deterministic_debug_mode("warn")
    config = {config}
{setup}    last: dict[str, float] = {{}}
    for progress in {call}:
        last.update(progress.metrics)
        values = "  ".join(f"{{name}} {{value:.4f}}" for name, value in progress.metrics.items())
        print(f"\\r{{progress.step}}/{{progress.total}}  {{values}}".ljust(79), end="", flush=True)
    print()
    for name, value in last.items():
        print(f"{{name}} = {{value!r}}")


if __name__ == "__main__":
    main()
'''


def standalone(
    topic: ModuleType,
    config: Any,
    *,
    threads: int,
    call: str = "job(config)",
    setup: str = "",
) -> str:
    """A script that repeats a run of `topic` with `config`, needing only the requirements.

    call: the expression that trains; setup: lines to run before it, such as reading a file.
    """
    run = _RUN.format(threads=threads, config=repr(config), call=call, setup=indent(setup, "    "))
    return collected(topic, run, "python THIS_FILE")


def collected(topic: ModuleType, end: str, usage: str) -> str:
    """`topic` and all of dlcore that it needs as one script, with `end` after it.

    usage: how it is run, for its first lines.
    """
    imports: list[str] = []
    bodies: list[str] = []
    for module in _in_order(topic.__name__):
        found, body = _split(text_of(importlib.import_module(module)))
        imports += [line for line in found if line not in imports]
        bodies.append(f"# {'-' * 12} {module} {'-' * 12}\n\n{body.strip()}\n")
    if "import torch" not in imports:
        imports.append("import torch")
    opening = inspect.getdoc(topic) or ""
    head = '"""' + opening + f'\n\nRun it with: {usage}\n"""\n'
    return (
        head
        + "\n"
        + "\n".join(sorted(imports, key=_import_order))
        + "\n\n\n"
        + ("\n\n".join(bodies) + end)
    )


def _import_order(line: str) -> tuple[bool, bool, str]:
    return not line.startswith("from __future__"), line.startswith("from "), line


def _in_order(name: str) -> list[str]:
    """`name` and every dlcore module it imports, each after the ones it needs."""
    order: list[str] = []

    def visit(module: str) -> None:
        if module in order:
            return
        tree = tree_of(text_of(importlib.import_module(module)))
        for node in ast.walk(tree):
            if _is_ours(node):
                visit(str(node.module))
        order.append(module)

    visit(name)
    return order


def _is_ours(node: ast.AST) -> TypeGuard[ast.ImportFrom]:
    return isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dlcore")


def _split(source: str) -> tuple[list[str], str]:
    """A module's imports from elsewhere, and its code without docstring and imports."""
    lines = source.splitlines()
    imports: list[str] = []
    tree = tree_of(source)
    if ast.get_docstring(tree) is not None:
        _blank(lines, tree.body[0])
    for node in ast.walk(tree):
        if _is_ours(node):
            # The names are in this file already; one that was renamed gets its other name.
            indent = " " * node.col_offset
            again = [f"{indent}{a.asname} = {a.name}" for a in node.names if a.asname]
            _blank(lines, node, again)
        elif node in tree.body and isinstance(node, ast.Import | ast.ImportFrom):
            imports += [_one(node, alias) for alias in node.names]
            _blank(lines, node)
    return imports, "\n".join(line for line in lines if line != _GONE)


def _blank(lines: list[str], node: ast.stmt, instead: Sequence[str] = ()) -> None:
    """Strike out a statement's lines, putting `instead` in the first one's place."""
    first, last = node.lineno - 1, node.end_lineno or node.lineno
    lines[first:last] = [_GONE] * (last - first)
    if instead:
        lines[first] = "\n".join(instead)


def _one(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> str:
    name = alias.name + (f" as {alias.asname}" if alias.asname else "")
    if isinstance(node, ast.ImportFrom):
        return f"from {node.module} import {name}"
    return f"import {name}"
