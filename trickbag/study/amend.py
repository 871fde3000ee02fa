"""Amendments: what of a frozen plan may still change, and what that makes of it."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch

from trickbag.errors import InputError, unknown
from trickbag.recipe import Machine, validate
from trickbag.records.plan import Arm, Phase, Plan, PlannedRun
from trickbag.study.cap import check_cap
from trickbag.study.choose import Choice
from trickbag.study.design import BASELINE
from trickbag.study.phases import list_phase, rules_left
from trickbag.study.runs import own_seed_runs, shared_seed_runs
from trickbag.study.schema import Study
from trickbag.study.stages import judgement, stages
from trickbag.train import device_of

FIXED = ("margin", "time_margin")


def amendment(plan: Plan, ended: Collection[str], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The body of the chain's entry that changes these fields (path -> value); `ended` are ids of runs.

    `seeds` (more of them), `looks` (before the first), `cap.runs`, `cap.hours`, and the machine's `device`,
    `threads`, `devices` and `torch`. InputError: any other field, or a change that would spoil what the plan promised.
    """
    if not fields:
        raise InputError(f"amend: nothing to change is given; {_KNOWN} can be amended, as FIELD=VALUE")
    body: dict[str, Any] = {}
    for path, value in sorted(fields.items()):  # looks before seeds: with looks, the two change together
        if path in FIXED:
            raise InputError(
                f"{path}: it was fixed beforehand; another one is another study, in another folder"
            )
        if path not in _CHANGES:
            raise unknown("field", path, _CHANGES, f"amend ({_KNOWN} can be amended)")
        if path == "seeds" and "looks" in fields:
            continue
        part = _CHANGES[path](plan, ended, {**fields, path: value})
        plan, body = plan.extended(part), body | part
    check_cap(plan)
    return body


def _study(plan: Plan, **changes: Any) -> tuple[Study, dict[str, Any]]:
    """The plan's study with changes, checked again; and in plain words for the chain."""
    study = validate(Study, {**plan.study, **changes}, "amend")
    stages(study)
    return study, study.model_dump(mode="json", exclude={"machine"})


def _seeds(plan: Plan, ended: Collection[str], fields: Mapping[str, Any]) -> dict[str, Any]:
    """More seeds: for the confirm phase to come, or as one more phase of the arms that are being judged.

    Where results could be seen before, this is counted, and claims of the study are held to a stricter level.
    """
    old, _ = _study(plan)
    if old.looks:
        raise InputError(
            "seeds: with interim looks the error rate holds for the planned number of seeds; it cannot change"
        )
    new, plain = _study(plan, seeds=fields["seeds"])
    fresh = [seed for seed in new.seed_list if seed not in old.seed_list]
    if not fresh or set(old.seed_list) - set(new.seed_list):
        raise InputError(
            f"seeds: {len(old.seed_list)} are planned; an amendment can only add to them, as seeds="
            f"{len(old.seed_list) + 5}"
        )
    if plan.later:
        later = [rule.model_dump(mode="json") for rule in plan.later]
        later[-1]["seeds"] = list(new.seed_list)
        return {"study": plain, "later": later}
    arms, teachers = _confirmed(plan), _teachers(plan)
    if plan.judgement.pairing == "none":
        counts, start = (len(old.seed_list), len(new.seed_list)), 1 + max(run.seed for run in plan.runs)
        runs = own_seed_runs(arms, BASELINE, counts, teachers, start)
    else:
        runs = shared_seed_runs(arms, fresh, teachers)
    phase = Phase(
        name="confirm", runs=tuple(runs), rule=f"more seeds by amendment: {len(new.seed_list)} in all"
    )
    body = {"study": plain, "phase": phase.model_dump(mode="json")}
    if _seen(plan, ended):
        judged = plan.judgement.model_copy(update={"extensions": plan.judgement.extensions + 1})
        body["judgement"] = judged.model_dump(mode="json")
    return body


def _looks(plan: Plan, ended: Collection[str], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Other looks, as long as nobody can have looked."""
    if seen := _seen(plan, ended):
        raise InputError(
            f"looks: {len(seen)} of the runs that judge have ended; looks can change only before the first has"
        )
    seeds = fields.get("seeds", plan.study["seeds"])
    study, plain = _study(plan, looks=fields["looks"], seeds=seeds)
    rule = stages(study)[-1]
    changed = {"study": plain, "judgement": judgement(study).model_dump(mode="json")}
    listed = [phase for phase in plan.phases if phase.name == "confirm"]
    if not listed:
        later = (*plan.later[:-1], rule)
        return changed | {"later": [r.model_dump(mode="json") for r in later]}
    choice = Choice(_confirmed(plan), [], listed[0].reasons, listed[0].rule)
    first, remaining = list_phase(rule, 0, choice, _teachers(plan)), rules_left((rule,), 0)
    phases = [*[phase for phase in plan.phases if phase.name != "confirm"], first]
    return changed | {
        "phases": [phase.model_dump(mode="json") for phase in phases],
        "later": [r.model_dump(mode="json") for r in remaining],
    }


def _seen(plan: Plan, ended: Collection[str]) -> list[PlannedRun]:
    """The runs that judge whose results could be seen."""
    return [run for p in plan.phases if p.name == "confirm" for run in p.runs if run.id in ended]


def _cap(name: str) -> Callable[[Plan, Collection[str], Mapping[str, Any]], dict[str, Any]]:
    """The change of one limit."""

    def change(plan: Plan, ended: Collection[str], fields: Mapping[str, Any]) -> dict[str, Any]:
        cap = {**(plan.study.get("cap") or {}), name: fields[f"cap.{name}"]}
        return {"study": _study(plan, cap=cap)[1]}

    return change


def _machine(name: str) -> Callable[[Plan, Collection[str], Mapping[str, Any]], dict[str, Any]]:
    """The change of one thing on which the last digits depend; it must be there."""

    def change(plan: Plan, ended: Collection[str], fields: Mapping[str, Any]) -> dict[str, Any]:
        value = fields[f"machine.{name}"]
        if name == "torch":
            if str(value) != torch.__version__:
                raise InputError(f"machine.torch: {value} is not what is installed here, {torch.__version__}")
            value = str(value)
        else:
            asked = validate(Machine, {name: value}, "machine.")
            value = str(device_of(asked)) if name == "device" else getattr(asked, name)
            half = [arm.name for arm in plan.arms if arm.recipe.get("precision", {}).get("dtype") == "fp16"]
            if name == "device" and half and not str(value).startswith("cuda"):
                raise InputError(
                    f"machine.device: arm {half[0]} was planned in fp16, which needs a CUDA device"
                )
        return {"machine": {**plan.machine, name: value}}

    return change


def _confirmed(plan: Plan) -> list[Arm]:
    """The arms that have runs which judge, and the baseline's other durations among them."""
    runs = {(r.workload, r.fingerprint) for p in plan.phases if p.name == "confirm" for r in p.runs}
    return [a for a in plan.arms if a.role in ("arm", "duration") and (a.workload, a.fingerprint) in runs]


def _teachers(plan: Plan) -> list[PlannedRun]:
    """The teachers' runs."""
    return [run for phase in plan.phases if phase.name == "teacher" for run in phase.runs]


_CHANGES: dict[str, Callable[[Plan, Collection[str], Mapping[str, Any]], dict[str, Any]]] = {
    "seeds": _seeds,
    "looks": _looks,
    "cap.runs": _cap("runs"),
    "cap.hours": _cap("hours"),
    "machine.device": _machine("device"),
    "machine.threads": _machine("threads"),
    "machine.devices": _machine("devices"),
    "machine.torch": _machine("torch"),
}
_KNOWN = ", ".join(_CHANGES)
