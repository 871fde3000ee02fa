"""From a study's runs to its results: reads files, writes results.json and results.csv; no torch."""

from pathlib import Path

from trickbag.analyze.gather import ArmRuns, aliases, gather, summarise
from trickbag.analyze.judge import judge
from trickbag.analyze.noise import noise
from trickbag.analyze.table import run_table
from trickbag.analyze.words import NOT_CLAIMED, bottom_line, scope
from trickbag.records.files import provenance, write_record, write_text
from trickbag.records.plan import Plan, PlanFile, read_plan
from trickbag.records.result import RESULTS, Amendment, Results, Summary

TABLE = "results.csv"


def analyze(folder: Path) -> Results:
    """Judge the runs that have ended in a study's folder; may be called at any moment.

    Raises InputError where the plan is missing or damaged, or where runs are not those of the plan.
    """
    file = read_plan(folder)
    plan = file.plan()
    runs = gather(folder, plan)
    results = _results(file, plan, runs)
    write_record(folder / RESULTS, results)
    write_text(folder / TABLE, run_table(runs.values()))
    return results


def _results(file: PlanFile, plan: Plan, runs: dict[tuple[str, str], ArmRuns]) -> Results:
    """Everything that the analysis says."""
    names = [workload.name for workload in plan.workloads]
    arms = tuple(result for name in names for result in judge(plan, runs, name))
    baselines = tuple(_baseline(plan, runs, name) for name in names)
    ended = {record.id for found in runs.values() for record in found.records.values()}
    return Results(
        study=plan.study["name"],
        question=plan.study["question"],
        plan_hash=file.entries[-1].hash,
        planned=file.entries[0].written["written"],
        margin=plan.judgement.margin,
        level=plan.judgement.level,
        baseline=baselines[0],
        baselines=baselines,
        arms=arms,
        noise=tuple(noise(plan, runs, name) for name in names),
        bottom_line=bottom_line(arms, plan.judgement.margin, len(plan.runs) - len(ended)),
        not_claimed=NOT_CLAIMED,
        runs_planned=len(plan.runs),
        runs_done=len(ended),
        dropped=plan.dropped,
        amendments=tuple(
            Amendment(reason=e.reason, written=e.written["written"], finished_runs=e.finished_runs)
            for e in file.entries
            if e.kind == "amendment"
        ),
        scope={name: scope(plan, name) for name in names},
        method=plan.judgement.method,
        machine=plan.machine,
        provenance=provenance(),
    )


def _baseline(plan: Plan, runs: dict[tuple[str, str], ArmRuns], workload: str) -> Summary:
    """The baseline of a workload by itself."""
    found = runs[workload, "baseline"]
    return summarise(found, aliases(plan, found.arm))


__all__ = ["analyze"]
