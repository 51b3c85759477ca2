"""What stands behind the MLP tab's buttons, without a browser: going on, editing, the script."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from demos import mlp_judgement, mlp_views
from demos import mlp_state as state
from demos.kit.errors import UserError
from demos.kit.run import Run
from demos.kit.script import standalone
from demos.widgets.network import Edit
from dlcore import mlp

SHORT = dataclasses.replace(state.OPENING, samples=200, epochs=3)


def played(run: Run) -> Run:
    """The run, as the training panel would have followed its job."""
    for progress in mlp.job(*run.arguments):
        run.add(progress)
        mlp_views.diagram(run)
    run.finish("done")
    return run


def gone_on(run: Run, updates, config: mlp.Config = SHORT, csv: str = "", target: str = "") -> Run:
    return played(run.going_on(config, state.more(updates)(config, run, csv, target)))


def test_epochs_and_steps_are_one_training() -> None:
    whole = played(Run(SHORT, state.anew(SHORT, "", "")))
    run = played(Run(SHORT, state.more(state.one_epoch)(SHORT, None, "", "")))
    run = gone_on(run, state.one_update)
    run = gone_on(run, state.rest)
    assert run.latest.step == whole.latest.step == 15
    assert run.metrics() == whole.metrics()


def test_a_change_of_shape_or_data_begins_anew_and_a_learning_rate_does_not() -> None:
    run = played(Run(SHORT, state.anew(SHORT, "", "")))
    fast = dataclasses.replace(SHORT, lr=0.5)
    assert state.more(state.one_update)(fast, run, "", "")[3] is run.snapshot
    for change in ({"hidden": "4"}, {"noise": 0.2}, {"activation": "relu"}, {"seed": 1}):
        other = dataclasses.replace(SHORT, **change)
        assert state.more(state.one_update)(other, run, "", "")[3] is None, change


def test_an_edit_shows_in_the_newest_frame_only_and_leaves_the_old_run_alone() -> None:
    run = played(Run(SHORT, state.anew(SHORT, "", "")))
    before = mlp_views.diagram(run)["frames"]
    change = Edit(layer=0, unit=1, source=0, value=9.5)
    after = state.edited(run, change)
    frames = mlp_views.diagram(after)["frames"]
    assert after.snapshot.state["layers.0.weight"][1, 0] == 9.5
    assert run.snapshot.state["layers.0.weight"][1, 0] != 9.5
    assert sorted(f["step"] for f in frames) == sorted(f["step"] for f in before)
    newest = max(frame["step"] for frame in frames)
    changed = [f["step"] for f, old in zip(frames, before, strict=True) if f != old]
    assert changed == [newest]


def test_a_run_begins_with_the_untrained_network() -> None:
    run = Run(SHORT, state.anew(SHORT, "", ""))
    value = mlp_views.diagram(run)
    assert [frame["step"] for frame in value["frames"]] == [0]
    np.testing.assert_array_equal(
        run.snapshot.state["layers.0.weight"],
        mlp.build(SHORT, mlp.load(SHORT)).layers[0].weight.detach().numpy(),
    )


@pytest.mark.parametrize("own", [False, True], ids=["circles", "csv"])
def test_the_script_goes_on_from_an_edited_network_to_the_last_digit(
    own: bool, tmp_path: Path
) -> None:
    csv, target = (state.sample_csv(), "species") if own else ("", "")
    config = dataclasses.replace(SHORT, dataset="csv" if own else "circles")
    run = played(Run(config, state.anew(config, csv, target)))
    run = state.edited(run, Edit(layer=0, unit=1, source=0, value=0.5))
    run = gone_on(run, state.one_epoch, config, csv, target)
    setup, call = state.script_call(run)
    file = tmp_path / "mlp.py"
    file.write_text(standalone(mlp, config, threads=1, call=call, setup=setup))
    done = subprocess.run(
        [sys.executable, str(file)], capture_output=True, text=True, cwd=tmp_path, timeout=120
    )
    assert done.returncode == 0, done.stderr
    printed = dict(line.split(" = ") for line in done.stdout.splitlines() if " = " in line)
    loss = run.metrics()["valid_loss"]
    assert float(printed["valid_loss"]) == pytest.approx(loss, abs=1e-6)


@pytest.mark.parametrize("own", [False, True], ids=["two classes", "three classes"])
def test_judgement_has_every_part_for_any_number_of_classes(own: bool) -> None:
    csv, target = (state.sample_csv(), "species") if own else ("", "")
    config = dataclasses.replace(SHORT, dataset="csv" if own else "circles")
    run = played(Run(config, state.anew(config, csv, target)))
    for threshold in (0.0, 0.5, 1.0):
        matrix, scores, remarks, roc, bins = mlp_judgement.judged(run, threshold)
        assert matrix["values"]["shape"] == ([3, 3] if own else [2, 2])
        assert [series["name"] for series in scores["series"]] == ["network", "logistic"]
        assert len(remarks["items"]) == (2 if own else 1)
        assert len(roc["runs"][0]["curves"]) == (4 if own else 3)
        assert len(bins["runs"][0]["curves"]) == 3
    two = [series["values"] for series in scores["series"]]
    assert own or two[0][1] is None, "at threshold 1 nothing is said to be positive"


@pytest.mark.parametrize("value", [None, "0.5", True, -0.1, 1.01, float("nan"), [0.5]])
def test_a_threshold_is_a_share(value: object) -> None:
    with pytest.raises(UserError):
        state.threshold_of(value)


def test_a_table_that_cannot_be_learnt_from_is_told_before_a_worker_starts() -> None:
    config = dataclasses.replace(SHORT, dataset="csv")
    for csv, key in (("", "no_csv"), ("a,b\n1,2\n", "too_few_rows")):
        with pytest.raises(UserError) as caught:
            state.anew(config, csv, "b")
        assert caught.value.key == f"mlp.errors.{key}"
