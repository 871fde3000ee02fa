"""Whole studies without training: a made-up plan, made-up accuracies, and the real rules between them."""

from collections.abc import Callable, Sequence

from trickbag.records.plan import Arm, Comparison, Phase, Plan, PlannedRun, Rule, Workload
from trickbag.records.run import RunRecord
from trickbag.study.design import BASELINE
from trickbag.study.phases import first_phases, next_phase
from trickbag.study.schema import Study
from trickbag.study.stages import judgement, stages

Accuracy = Callable[[PlannedRun], float | None]  # percent; None: the run diverged


def made_up_plan(study: Study, arms: Sequence[str], images: int = 10_000) -> Plan:
    """The plan of a study whose arms have names and nothing else, each compared with the baseline.

    The study's stages, seeds, looks and margin are real; its factors and its baseline are never looked at, and
    it may not tune.
    """
    place = Workload(
        name="made_up",
        data_digest="",
        classes=(),
        train_images=0,
        test_images=0,
        validation_ids=tuple(range(images)),
    )
    found = tuple(
        Arm(name=name, workload=place.name, tricks=(), fingerprint=name, recipe={}, diff={})
        for name in (BASELINE, *arms)
    )
    phases, later = first_phases(stages(study), found, (), study.pairing)
    return Plan(
        study=study.model_dump(mode="json", exclude={"machine"}),
        workloads=(place,),
        arms=found,
        comparisons=tuple(Comparison(workload=place.name, arm=name, comparison=BASELINE) for name in arms),
        phases=phases,
        later=later,
        judgement=judgement(study),
        machine={},
    )


def conduct_made_up(plan: Plan, accuracy: Accuracy) -> tuple[Plan, dict[str, RunRecord]]:
    """All phases of a plan, every run with the accuracy that `accuracy` gives it: the last plan, all records."""
    records = dict[str, RunRecord]()
    while True:
        records |= {run.id: _record(run, accuracy(run)) for run in plan.phases[-1].runs}
        body = next_phase(plan, records)
        if body is None:
            return plan, records
        changed = {"phases": (*plan.phases, Phase.model_validate(body["phase"]))}
        later = {"later": tuple(Rule.model_validate(rule) for rule in body["later"])}
        plan = plan.model_copy(update=changed | later)  # no arm changes without tuning


_DONE = RunRecord.model_construct(
    id="", arm="", workload="", fingerprint="", seed=0, status="done", recipe={}, machine={}, provenance={}
)


def _record(run: PlannedRun, top1: float | None) -> RunRecord:
    """The record of a run that was not trained; copied, since building one takes ten times as long."""
    own = {"id": run.id, "arm": run.arm, "workload": run.workload, "fingerprint": run.fingerprint}
    status = "diverged" if top1 is None else "done"
    return _DONE.model_copy(update={**own, "seed": run.seed, "status": status, "top1": top1})
