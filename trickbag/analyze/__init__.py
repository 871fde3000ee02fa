"""From a study's runs to its results: reads files, writes results.json and results.csv; no torch."""

from pathlib import Path

from trickbag.analyze.across import across
from trickbag.analyze.attribution import attributions
from trickbag.analyze.bottom_line import bottom_line, not_claimed, scope
from trickbag.analyze.cost import costs
from trickbag.analyze.gather import Evidence, gather
from trickbag.analyze.joint import with_time
from trickbag.analyze.judge import arm_results, judge
from trickbag.analyze.noise import noise
from trickbag.analyze.published import beside, beside_result, published_values
from trickbag.analyze.sealed import check_openings, openings, test_accuracy
from trickbag.analyze.summary import aliases, summarise
from trickbag.analyze.table import run_table
from trickbag.analyze.time import session_note, session_of
from trickbag.analyze.words import INTERIM, Setting, sentence
from trickbag.records.chain import PlanFile, read_plan
from trickbag.records.files import provenance, write_record, write_text
from trickbag.records.plan import Plan
from trickbag.records.result import RESULTS, Across, Amendment, PhaseNote, Results, Summary
from trickbag.records.timing import TimingFile

TABLE = "results.csv"


def analyze_study(folder: Path) -> Results:
    """Judge the runs that have ended in a study's folder; may be called at any moment.

    The test bits are read only where the plan's chain says that they were opened. Raises InputError where the
    plan is missing, damaged or without an opening that earlier results count, or where runs are not those of
    the plan.
    """
    file = read_plan(folder)
    check_openings(folder, file)
    evidence = gather(folder, file.plan())
    test = test_accuracy(folder, file, evidence)
    results = _results(file, evidence, test, session_of(folder, file))
    write_record(folder / RESULTS, results)
    write_text(folder / TABLE, run_table(evidence, test))
    return results


def _results(
    file: PlanFile, evidence: Evidence, test: dict[str, float], timing: TimingFile | None
) -> Results:
    """Everything that the analysis says."""
    plan, opened = evidence.plan, openings(file)
    names = [workload.name for workload in plan.workloads]
    judged = [judge(evidence, name, test) for name in names]
    confirming = any(phase.name == "confirm" for phase in plan.phases)
    setting = Setting(plan.judgement.margin, len(opened), confirming, plan.judgement.extensions)
    arms = with_time(evidence, [arm for found in judged for arm in arm_results(evidence, found)], timing)
    printed = published_values(plan)
    said = tuple(
        beside_result(arm.model_copy(update={"sentence": sentence(arm, setting)}), printed) for arm in arms
    )
    shares = tuple(found for name in names for found in attributions(evidence, name))
    baselines = tuple(beside(_baseline(evidence, name), printed) for name in names)
    missing = len(plan.runs) - len(evidence.records)
    alike = _as_far(across(judged, plan.judgement.level), bool(missing or plan.later))
    return Results(
        study=plan.study["name"],
        question=plan.study["question"],
        plan_hash=file.entries[-1].hash,
        planned=file.entries[0].written["written"],
        margin=plan.judgement.margin,
        time_margin=plan.judgement.time_margin,
        level=plan.judgement.level,
        pairing=plan.judgement.pairing,
        extensions=plan.judgement.extensions,
        baseline=baselines[0],
        baselines=baselines,
        arms=said,
        attributions=shares,
        across=alike,
        costs=costs(plan, evidence.latest, timing),
        timing=session_note(timing) if timing else None,
        noise=tuple(noise(evidence, name) for name in names),
        bottom_line=bottom_line(said, plan, missing, len(opened), shares, alike),
        not_claimed=not_claimed(plan, timing is not None, bool(opened), bool(shares)),
        runs_planned=len(plan.runs),
        runs_done=len(evidence.records),
        test_openings=len(opened),
        dropped=plan.dropped,
        not_applicable=plan.not_applicable,
        amendments=tuple(
            Amendment(reason=e.reason, written=e.written["written"], finished_runs=e.finished_runs)
            for e in file.entries
            if e.kind == "amendment"
        ),
        phases=phase_notes(plan),
        openings=tuple(entry.written["written"] for entry in opened),
        scope={name: scope(plan, name) for name in names},
        method=plan.judgement.method,
        machine=plan.machine,
        provenance=provenance(),
    )


def _as_far(found: tuple[Across, ...], unfinished: bool) -> tuple[Across, ...]:
    """The summaries over workloads, marked where runs are to come."""
    if not unfinished:
        return found
    return tuple(one.model_copy(update={"sentence": f"{INTERIM}{one.sentence}"}) for one in found)


def phase_notes(plan: Plan) -> tuple[PhaseNote, ...]:
    """The phases of a plan and how their runs were chosen."""
    return tuple(
        PhaseNote(
            name=phase.name,
            look=phase.look,
            runs=len(phase.runs),
            seeds=tuple(dict.fromkeys(run.seed for run in phase.runs)),
            rule=phase.rule,
            reasons=phase.reasons,
        )
        for phase in plan.phases
    )


def _baseline(evidence: Evidence, workload: str) -> Summary:
    """The baseline of a workload by itself."""
    found = evidence.latest[workload, "baseline"]
    return summarise(found, aliases(evidence.plan, found.arm))


__all__ = ["analyze_study"]
