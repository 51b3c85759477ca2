"""torchvision and transformers load, each in a fresh interpreter, whichever build stands there."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def fresh(code: str, **folders: Path) -> str:
    """What `code` prints in an interpreter of its own, where a warning is an error."""
    path = [str(folder) for folder in folders.values()]
    code = f"import sys; sys.path[:0] = {path!r}\n" + code
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_torchvision_and_transformers_work() -> None:
    answer = fresh("""
from dlcore.torchvision_mend import import_torchvision, import_transformers
import torch
torchvision = import_torchvision()
assert import_torchvision() is torchvision
import torchvision.transforms.v2
model = torchvision.models.vgg11(weights=None, num_classes=3, init_weights=False).eval()
print(tuple(model(torch.zeros(1, 3, 64, 64)).shape))
transformers = import_transformers()
config = transformers.GPT2Config(n_layer=1, n_embd=8, n_head=2, vocab_size=10, n_positions=8)
print(tuple(transformers.GPT2LMHeadModel(config)(torch.zeros(1, 4, dtype=int)).logits.shape))
""")
    assert answer.splitlines() == ["(1, 3)", "(1, 4, 10)"]


def test_a_missing_operator_is_declared(tmp_path: Path) -> None:
    (tmp_path / "torchvision.py").write_text("""
import torch
torch.library.register_fake("torchvision::nms")(lambda dets, scores, threshold: dets)
""")  # this very line is where torchvision stops beside a CPU build of torch
    assert fresh("""
import torch
from dlcore.torchvision_mend import import_torchvision
import_torchvision()
print(torch.ops.torchvision.nms.default._schema)
""", standin=tmp_path).startswith("torchvision::nms(Tensor dets")  # fmt: skip


def test_another_failure_is_not_hidden(tmp_path: Path) -> None:
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('something else')")
    answer = fresh("""
from dlcore.torchvision_mend import import_torchvision
import torch
try:
    import_torchvision()
except RuntimeError as error:
    print(error, hasattr(torch.ops.torchvision, "nms"))
""", standin=tmp_path)  # fmt: skip
    assert answer == "something else False"


@pytest.mark.parametrize("name", ["torchvision", "transformers"])
def test_every_import_goes_through_the_mend(name: str) -> None:
    for file in [*ROOT.glob("dlcore/**/*.py"), *ROOT.glob("demos/**/*.py"), ROOT / "app.py"]:
        text = file.read_text(encoding="utf-8")
        for line in text.splitlines():
            words = line.split()
            plain = words[:2] in (["import", name], ["from", name])
            assert not plain, f"{file.relative_to(ROOT)}: {line.strip()}"
