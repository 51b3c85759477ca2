"""*Download script*: one file made of the very modules that ran, in the order they need each other.

The sources are joined, not rewritten: each module's code stands as it is, without its docstring
and without the lines that import its neighbours. What is left to add is the run itself.
"""

import ast
import importlib
import inspect
from types import ModuleType
from typing import Any

_RUN = '''

def main() -> None:
    """Train with the settings of the page and print the metrics it ended with."""
    torch.set_num_threads({threads})  # as on the page: other counts round differently
    config = {config}
    last: dict[str, float] = {{}}
    for progress in {job}(config):
        last.update(progress.metrics)
        values = "  ".join(f"{{name}} {{value:.4f}}" for name, value in progress.metrics.items())
        print(f"\\r{{progress.step}}/{{progress.total}}  {{values}}".ljust(79), end="", flush=True)
    print()
    for name, value in last.items():
        print(f"{{name}} = {{value!r}}")


if __name__ == "__main__":
    main()
'''


def standalone(topic: ModuleType, config: Any, *, threads: int, job: str = "job") -> str:
    """A script that repeats a run of `topic` with `config`, needing only the requirements."""
    imports: list[str] = []
    bodies: list[str] = []
    for module in _in_order(topic.__name__):
        found, body = _split(inspect.getsource(importlib.import_module(module)))
        imports += [line for line in found if line not in imports]
        bodies.append(f"# {'-' * 12} {module} {'-' * 12}\n\n{body.strip()}\n")
    if "import torch" not in imports:
        imports.append("import torch")
    run = _RUN.format(threads=threads, config=repr(config), job=job)
    opening = inspect.getdoc(topic) or ""
    head = '"""' + opening + '\n\nRun it with: python THIS_FILE\n"""\n'
    return (
        head
        + "\n"
        + "\n".join(sorted(imports, key=_import_order))
        + "\n\n\n"
        + ("\n\n".join(bodies) + run)
    )


def _import_order(line: str) -> tuple[bool, bool, str]:
    return not line.startswith("from __future__"), line.startswith("from "), line


def _in_order(name: str) -> list[str]:
    """`name` and every dlcore module it imports, each after the ones it needs."""
    order: list[str] = []

    def visit(module: str) -> None:
        if module in order:
            return
        tree = ast.parse(inspect.getsource(importlib.import_module(module)))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and _is_ours(node):
                visit(str(node.module))
        order.append(module)

    visit(name)
    return order


def _is_ours(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dlcore")


def _split(source: str) -> tuple[list[str], str]:
    """A module's imports from elsewhere, and its code without docstring and imports."""
    lines = source.splitlines()
    imports: list[str] = []
    dropped: set[int] = set()
    tree = ast.parse(source)
    top = set(tree.body)
    for node in ast.walk(tree):
        span = range(node.lineno - 1, node.end_lineno or 0) if isinstance(node, ast.stmt) else ()
        if node in top and isinstance(node, ast.Import | ast.ImportFrom):
            dropped.update(span)
            if not _is_ours(node):
                imports += [_one(node, alias) for alias in node.names]
        elif _is_ours(node):  # type: ignore[arg-type]
            dropped.update(span)  # an import inside a function: its names are in this file
    first = tree.body[0] if tree.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        dropped.update(range(first.lineno - 1, first.end_lineno or 0))
    return imports, "\n".join(line for i, line in enumerate(lines) if i not in dropped)


def _one(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> str:
    name = alias.name + (f" as {alias.asname}" if alias.asname else "")
    if isinstance(node, ast.ImportFrom):
        return f"from {node.module} import {name}"
    return f"import {name}"
