"""What failed is known until somebody has taken it up again."""

from pathlib import Path

import pytest
from test_run import make, pretend_other_seeds

from trickbag.errors import InputError
from trickbag.recipe import Machine
from trickbag.records.chain import read_plan
from trickbag.run.driver import run_study
from trickbag.run.finish import close_failed, run_folder


def test_records_of_failures_stay_where_the_engine_refuses_the_runs(tmp_path: Path, machine: Machine) -> None:
    """Nothing listens on port 1 of this machine."""
    pytest.importorskip("ray")
    out = tmp_path / "out"
    make(out, machine)
    pretend_other_seeds(out)
    plan = read_plan(out).plan()
    for run in plan.runs:
        if run.seed == 1:
            close_failed(run_folder(out, run), run, {}, "failed", "no images")
    before = {path: path.read_bytes() for path in out.glob("runs/*/run.json")}
    with pytest.raises(InputError, match="no cluster answers"):
        run_study(out, machine.model_copy(update={"engine": "ray", "ray_address": "127.0.0.1:1"}))
    assert before == {path: path.read_bytes() for path in out.glob("runs/*/run.json")}
