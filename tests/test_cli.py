"""`python -m dlcore`: what a person types, reads, and gets."""

import hashlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dlcore import __main__ as cli
from dlcore import mlp, perceptron
from dlcore.checkpoint import load, to_bytes
from dlcore.progress import Progress
from dlcore.terminal import Bar

ROOT = Path(__file__).parent.parent


def dlcore(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dlcore", *map(str, words)],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_help_is_quick_and_shows_examples() -> None:
    code = """
import contextlib, sys
from dlcore.__main__ import main
with contextlib.suppress(SystemExit):
    main(["--help"])
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "python -m dlcore train cnn --epochs" in done.stdout


def test_every_topic_can_be_trained_and_says_its_bounds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert {"perceptron", "cnn"} <= set(cli.trainable())
    assert "supervised" not in cli.trainable()
    for topic in cli.trainable():
        with pytest.raises(SystemExit) as left:
            cli.main(["train", topic, "--help"])
        assert left.value.code == 0
        assert "--seed N" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        cli.main(["train", "cnn", "--help"])
    assert re.search(r"--epochs N +from 1 to 100 \(default: \d+\)", capsys.readouterr().out)


def test_train_saves_what_the_same_training_gives(tmp_path: Path) -> None:
    out = tmp_path / "new" / "or.safetensors"
    done = dlcore("train", "perceptron", "--function", "OR", "--seed", 5, "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    config = perceptron.Config(function="OR", seed=5)
    last = list(perceptron.job(config))[-1]
    saved = load(out, topic="perceptron")
    assert perceptron.Config(**saved.config) == config
    assert saved.metrics == dict(last.metrics)
    assert saved.metrics["accuracy"] == 1.0
    assert saved.fill(perceptron.build(config)).parameters_row().tolist() == (
        last.snapshot.after.tolist()
    )
    assert f"accuracy {saved.metrics['accuracy']:.4f}" in done.stdout


def test_an_mlp_learns_from_a_file_of_ones_own(tmp_path: Path) -> None:
    csv, out = tmp_path / "flowers.csv", tmp_path / "mlp.safetensors"
    rows = [f"{i % 13};{i % 7};{'hồng' if i % 13 > 6 else 'cúc'}" for i in range(80)]
    csv.write_bytes("\n".join(["dài;rộng;loài", *rows]).encode("utf-8-sig"))
    words = ["train", "mlp", "--csv", csv, "--hidden", "4", "--epochs", 5, "--out", out]
    done = dlcore(*words, "--target", "loài")
    assert (done.returncode, done.stderr) == (0, "")
    saved = load(out, topic="mlp")
    config = mlp.Config(**saved.config)
    assert (config.dataset, config.hidden) == ("csv", "4")
    last = list(mlp.job(config, csv.read_text(encoding="utf-8-sig"), "loài"))[-1]
    assert saved.metrics["valid_accuracy"] == last.metrics["valid_accuracy"]
    assert tuple(saved.state["layers.0.weight"].shape) == (4, 2)
    missing = dlcore(*words)
    assert (missing.returncode, "--csv needs --target" in missing.stderr) == (2, True)
    wrong = dlcore(*words, "--target", "màu")
    assert (wrong.returncode, "no column 'màu'" in wrong.stderr) == (1, True)


def test_help_tells_the_form_of_a_text_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["train", "mlp", "--help"])
    printed = " ".join(capsys.readouterr().out.split())
    assert 'Units of each hidden layer, as "32,16"' in printed
    assert "from None" not in printed


def test_tutorial_settings_with_one_changed(tmp_path: Path) -> None:
    out = tmp_path / "a.safetensors"
    assert dlcore("train", "perceptron", "--tutorial", "--epochs", 3, "--out", out).returncode == 0
    config = perceptron.Config(**load(out).config)
    assert config.epochs == 3
    assert config.rule == perceptron.TUTORIAL.rule


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--epochs", "0"], "epochs must be a number from 1 to"),
        (["--lr", "nan"], "lr must be a number from"),
        (["--rule", "magic"], "rule must be one of"),
        (["--out", "weights.pkl"], "must end in .safetensors"),
        (["--epochs", "many"], "--epochs: invalid number value: 'many'"),
    ],
)
def test_wrong_use_is_said_shortly(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = cli.main(["train", "perceptron", *words])
    except SystemExit as left:  # argparse's own way
        code = int(left.code or 0)
    said = capsys.readouterr().err
    assert code == 2
    assert re.search(message, said)
    assert "Traceback" not in said


def test_an_exit_code_reaches_the_shell() -> None:
    done = dlcore("weights", "list", "--folder", "no/such/folder")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"dlcore: no .safetensors files in {Path('no/such/folder')}\n"


@pytest.mark.skipif(sys.platform == "win32", reason="sends Ctrl-C as POSIX does")
def test_ctrl_c_leaves_a_usable_checkpoint(tmp_path: Path) -> None:
    out = tmp_path / "cut.safetensors"
    running = subprocess.Popen(
        [sys.executable, "-m", "dlcore", "train", "mlp", "--epochs", "2000", "--out", str(out)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # A shell's background jobs, which these tests may be, do not hear Ctrl-C unless told to.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert running.stdout
    for _ in range(2):  # it has learnt something, and has nine tenths of a long way before it
        running.stdout.readline()
    running.send_signal(signal.SIGINT)
    output, errors = running.communicate(timeout=60)
    assert running.returncode == 130, errors
    assert errors == ""
    steps = re.search(r"interrupted at step (\d+) of (\d+)", output)
    assert steps and 0 <= int(steps[1]) < int(steps[2])
    saved = load(out, topic="mlp")
    assert len(mlp.restore(saved.state, mlp.Config(**saved.config)).layers) > 1


class Screen(list[str]):
    """Collects what is written, as a terminal or as a file."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.isatty = lambda: terminal
        self.write = self.append
        self.flush = lambda: None


def test_bar_in_a_file_is_a_few_lines_and_ends_with_the_last() -> None:
    screen = Screen(terminal=False)
    with Bar(screen) as bar:  # type: ignore[arg-type]
        for step in range(1, 1001):
            bar.show(Progress(step, 1000), {"loss": 1 / step})
    assert len(screen) <= 22
    assert screen[-1].startswith("1000/1000") and "loss 0.0010" in screen[-1]
    assert re.search(r"\d:\d\d left", screen[3])


def test_bar_in_a_terminal_stays_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((40, 24)))
    screen = Screen(terminal=True)
    with Bar(screen) as bar:  # type: ignore[arg-type]
        for step in range(1, 6):
            bar.show(Progress(step, 5), {"loss": 1.0, "a_long_name": 2.0})
    assert screen[-1] == "\n"
    assert all(line.startswith("\r") and len(line) == 40 for line in screen[:-1])
    assert screen[-2].startswith("\r[####################] 5/5")


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    data = to_bytes({}, topic="cnn", config={}, metrics={"test_accuracy": 0.994})
    (tmp_path / "cnn.safetensors").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    (tmp_path / "README.md").write_text(f"| `cnn.safetensors` | MIT | `{digest}` |\n")
    return tmp_path


def test_weights_list(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shelf / "bad.safetensors").write_bytes(b"no")
    assert cli.main(["weights", "list", "--folder", str(shelf)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "not a .safetensors file" in lines[0]
    assert "cnn  test_accuracy 0.994" in lines[1]


def test_weights_verify(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verify = ["weights", "verify", "--folder", str(shelf)]
    assert cli.main(verify) == 0
    assert re.match(r"cnn.safetensors +ok", capsys.readouterr().out)

    (shelf / "new.safetensors").write_bytes(b"")
    with (shelf / "cnn.safetensors").open("ab") as file:
        file.write(b"!")
    assert cli.main(verify) == 1
    output = capsys.readouterr().out
    assert "CHANGED" in output and "NOT LISTED" in output
    (shelf / "cnn.safetensors").unlink()
    assert cli.main(verify) == 1
    assert "MISSING" in capsys.readouterr().out


def test_weights_that_ship_are_the_ones_listed() -> None:
    assert cli.main(["weights", "verify"]) == 0


def test_bench_knows_its_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "--list"]) == 0
    assert "cnn" in capsys.readouterr().out
    assert cli.main(["bench", "nonsense"]) == 2
    assert "no row 'nonsense'" in capsys.readouterr().err
