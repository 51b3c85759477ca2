"""Arrows point one way: app → demos → dlcore; nothing heavy loads before it is needed."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from demos import TABS

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for file in ROOT.glob("dlcore/**/*.py")
)
TOPICS = (
    "perceptron",
    "mlp",
    "cnn",
    "transfer",
    "lstm",
    "gan",
    "vae",
    "attention",
    "resnet",
    "gpt",
)


def loaded_by(code: str) -> set[str]:
    """The top-level names of all modules that a fresh interpreter has loaded after `code`."""
    code += "\nimport sys; print('LOADED', *{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("LOADED")[2].split())


def test_importing_dlcore_costs_nothing() -> None:
    assert not {"torch", "numpy", "gradio"} & loaded_by("import dlcore")


@pytest.mark.parametrize("module", ["dlcore.jobs", "dlcore.pool", "dlcore.worker"])
def test_what_the_app_starts_with_needs_no_torch(module: str) -> None:
    assert not {"torch", "numpy"} & loaded_by(f"import {module}")


def test_dlcore_imports_nothing_of_the_browser_side() -> None:
    loaded = loaded_by("\n".join(f"import {module}" for module in MODULES))
    assert "torch" in loaded  # so the list of modules was not empty
    assert not {"gradio", "demos", "matplotlib", "pandas"} & loaded
    assert not {"torchvision", "transformers"} & loaded  # only on the first use


def imports_of(file: Path) -> set[str]:
    """Every module that a file imports, anywhere in it, by its full name."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: a relative import"
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("module", MODULES)
def test_no_topic_imports_another(module: str) -> None:
    file = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    file = file if file.is_file() else file.with_suffix("") / "__init__.py"
    own = module.split(".")[-1].split("_")[0]  # lstm_trace is a part of lstm
    wanted = imports_of(file)
    others = {f"dlcore.{topic}" for topic in TOPICS if topic != own}
    # What measures topics is none itself: the bench, and the CNN as a judge of others' pictures.
    # A topic may not reach another through the judge.
    measures = module.startswith("dlcore.bench") or module == "dlcore.quality"
    if not measures:
        assert not wanted & {*others, "dlcore.quality"}
    assert not {name for name in wanted if name.split(".")[0] in ("demos", "gradio")}


def test_building_the_app_loads_nothing_heavy() -> None:
    loaded = loaded_by("""
import pathlib, safetensors, safetensors.torch

def refuse(*_, **__):
    raise AssertionError("weights were opened")

safetensors.torch.load = safetensors.torch.load_file = safetensors.safe_open = refuse
import demos
demos.build_app()
""")
    assert "gradio" in loaded
    assert not {"transformers", "torchvision"} & loaded


def test_a_worker_that_imports_the_app_again_loads_no_gradio() -> None:
    loaded = loaded_by("import runpy; runpy.run_path('app.py', run_name='__mp_main__')")
    assert not {"gradio", "torch", "demos"} & loaded


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_has_all_its_files(tab: str) -> None:
    assert tab in TOPICS
    for name in (
        f"dlcore/{tab}.py",
        f"demos/{tab}.py",
        f"tests/test_{tab}.py",
        f"demos/lessons/vi/{tab}.md",
        f"demos/lessons/en/{tab}.md",
    ):
        assert (ROOT / name).is_file(), f"{name} is missing"
