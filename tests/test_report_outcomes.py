"""Studies whose baseline did not finish everywhere, from the records through the real analysis to every report."""

import io
from pathlib import Path

import numpy as np
import pytest
from report_page import Page
from rich.console import Console
from study_records import finish, freeze, phase_of, plan_of

from trickbag.analyze import analyze_study
from trickbag.records.plan import Judgement, Plan, PlannedRun
from trickbag.records.result import Results
from trickbag.report.terminal import print_verdicts
from trickbag.report.write import write_report
from trickbag.stats import look_levels

SEEDS = 4
BASELINES = {
    "diverged at one seed": ["done", "diverged", "done", "done"],
    "diverged everywhere": ["diverged"] * SEEDS,
    "failed everywhere": ["failed"] * SEEDS,
    "failed at one seed": ["done", "done", "failed", "done"],
    "unfinished at two seeds": ["done", "done", "", ""],
    "no runs": [""] * SEEDS,
}


def told(folder: Path) -> tuple[Results, Page, str]:
    """What the analysis found, the page, and what the terminal shows."""
    results = analyze_study(folder)
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    stream = io.StringIO()
    print_verdicts(results, Console(file=stream, width=100))
    return results, page, stream.getvalue()


def end(folder: Path, run: PlannedRun, status: str) -> None:
    """End a run in that way; an empty status leaves it to come."""
    if status:
        gain = 20 + run.seed % 2 if run.arm == "arm" else 0
        finish(folder, run, 900 + 3 * run.seed % 5 + gain, np.random.default_rng(run.seed), status)


@pytest.mark.parametrize("outcome", BASELINES)
def test_a_baseline_that_did_not_finish_is_reported(tmp_path: Path, outcome: str) -> None:
    """The page once read of the baseline what only arms have, and died."""
    folder, statuses = tmp_path / "s", BASELINES[outcome]
    for run in freeze(folder, plan_of(["arm"], SEEDS)).runs:
        end(folder, run, statuses[run.seed - 1] if run.arm == "baseline" else "done")
    results, page, shown = told(folder)
    base = results.baseline
    counts = {s: statuses.count(s) for s in ("done", "diverged", "failed", "")}
    assert (base.seeds, base.diverged, base.unfinished) == (counts["done"], counts["diverged"], counts[""])
    assert base.failed.get("failed", 0) == counts["failed"]
    for name, count in {**counts, "unfinished": counts[""]}.items():
        assert not name or name == "done" or not count or f"{count} {name}" in page.text
    assert results.bottom_line in page.text
    assert "Bottom line:" in shown


def looked_at(folder: Path, done: int) -> Plan:
    """A study with looks at 3 and 6 seeds, in which the baseline has ended the first `done` seeds, the arm all."""
    plan = plan_of(["arm"], 3)
    phases = (plan.phases[0].model_copy(update={"look": 1}), phase_of(plan, "confirm", range(4, 7), look=2))
    judgement = Judgement(margin=0.5, looks=(3, 6), look_levels=look_levels((3, 6)))
    plan = freeze(folder, plan.model_copy(update={"phases": phases, "judgement": judgement}))
    for run in plan.runs:
        end(folder, run, "" if run.arm == "baseline" and run.seed > done else "done")
    return plan


@pytest.mark.parametrize("done", [0, 1, 2, 3, 4, 6])
def test_looks_with_the_baseline_on_its_way_are_reported(tmp_path: Path, done: int) -> None:
    looked_at(tmp_path / "s", done)
    results, page, _ = told(tmp_path / "s")
    assert results.baseline.unfinished == 6 - done
    assert ("unfinished" in page.text) == (done < 6)
