"""From a study to its plan: every arm resolved, every run listed, the test that will judge them fixed."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from trickbag.errors import InputError
from trickbag.recipe import IncompatibleTricks, Recipe, Trick, apply, compose, diff, leaves
from trickbag.records.plan import Arm, Comparison, Contrast, Plan, PlannedRun, Workload
from trickbag.records.run import WEIGHTS
from trickbag.study.applies import fitting, misfit, refuse_useless
from trickbag.study.cap import check_cap
from trickbag.study.design import (
    TEACHER,
    NamedArm,
    Switch,
    arms,
    contrasts,
    describe_design,
    pairs,
    refuse_gaps,
    switches,
    tricks_of,
)
from trickbag.study.durations import duration_arms
from trickbag.study.load import baseline_of
from trickbag.study.phases import first_phases
from trickbag.study.published import check_published
from trickbag.study.runs import planned_run
from trickbag.study.schema import Study, WorkloadSpec
from trickbag.study.stages import check_keep, judgement, stages
from trickbag.study.tuning import candidates
from trickbag.train import Resolved, device_of, resolve

TEACHER_FIELD = "loss.distillation.teacher"


@dataclass(frozen=True)
class _Part:
    """What one workload contributes to the plan."""

    workload: Workload
    arms: tuple[Arm, ...]
    comparisons: tuple[Comparison, ...]
    contrasts: tuple[Contrast, ...]
    dropped: dict[str, str]  # cells of the design that cannot be, and why
    not_applicable: dict[str, str]  # factors that mean nothing here, and why
    teacher: tuple[Arm, PlannedRun] | None
    tricks: dict[str, tuple[Trick, ...]]  # of every arm


def make_plan(study: Study, base: Path) -> Plan:
    """Resolve everything and list every run; nothing is written. Raises InputError where something is wrong."""
    rules = stages(study)
    factors = switches(study, base)
    specs = study.workloads or (WorkloadSpec(name=baseline_of(study, base).data.name),)
    parts = [_part(study, factors, spec, base) for spec in specs]
    foreign = {part.workload.name: part.not_applicable for part in parts if part.not_applicable}
    if len(foreign) == len(parts):
        refuse_useless(foreign)
    teachers = _teachers(parts)
    check_published(study, {part.workload.name: part.tricks for part in parts})
    designed = [arm for part in parts for arm in part.arms]
    more = [arm for part in parts for arm in _more_arms(part, study, base)]
    comparisons = tuple(pair for part in parts for pair in part.comparisons)
    check_keep(rules, comparisons)
    phases, later = first_phases(rules, [*designed, *more], [run for _, run in teachers], study.pairing)
    plan = Plan(
        study=study.model_dump(mode="json", exclude={"machine"}),
        workloads=tuple(part.workload for part in parts),
        arms=(*designed, *more, *[arm for arm, _ in teachers]),
        comparisons=comparisons,
        contrasts=tuple(contrast for part in parts for contrast in part.contrasts),
        phases=phases,
        later=later,
        judgement=judgement(study),
        machine={
            "device": str(device_of(study.machine)),
            "threads": study.machine.threads,
            **({"devices": study.machine.devices} if study.machine.devices > 1 else {}),
            "torch": torch.__version__,
            "retries": study.machine.retries,
        },
        design=describe_design(study, factors),
        dropped={
            f"{part.workload.name}: {name}" if len(parts) > 1 else name: reason
            for part in parts
            for name, reason in part.dropped.items()
        },
        not_applicable=foreign,
    )
    if len({run.id for run in plan.runs}) < len(plan.runs):
        raise InputError(
            "workloads: two of them are one and the same; each needs a name and a change of its own"
        )
    check_cap(plan)
    return plan


def _teachers(parts: Iterable[_Part]) -> list[tuple[Arm, PlannedRun]]:
    """The teachers of all workloads; those that are one and the same are trained once, for the first."""
    found = dict[str, tuple[Arm, PlannedRun]]()
    for part in parts:
        if part.teacher:
            found.setdefault(part.teacher[1].id, part.teacher)
    return list(found.values())


def _more_arms(part: _Part, study: Study, base: Path) -> list[Arm]:
    """The arms that no design asks for: tuning points, and the baseline at other durations."""
    return [*candidates(part.arms, study, base, part.tricks), *duration_arms(part.arms[0], study, base)]


@dataclass(frozen=True)
class _Ground:
    """What the arms of one workload stand on."""

    study: Study
    name: str
    base: Path
    baseline: Recipe
    resolved: Resolved  # the baseline's


def _part(study: Study, factors: Sequence[Switch], spec: WorkloadSpec, base: Path) -> _Part:
    """One workload: its arms on its baseline."""
    own = study if spec.baseline is None else study.model_copy(update={"baseline": spec.baseline})
    with _place(f"workload {spec.name}" if len(study.workloads) > 1 else ""):
        given = baseline_of(own, base)
    baseline = apply(given, spec.set, f"workload {spec.name}")
    with _place(f"workload {spec.name}" if len(study.workloads) > 1 else ""):
        resolved = resolve(baseline, study.machine, base)
        here, foreign = fitting(study, factors, baseline, resolved)
    ground = _Ground(study, spec.name, base, baseline, resolved)
    laid_out = arms(study, here)
    absent = {arm.name for arm in arms(study, factors)} - {arm.name for arm in laid_out}
    named, dropped = _possible(ground, laid_out)
    teacher = _teacher(ground) if _wants_teacher(ground, named) else None
    found = {arm.name: _arm(ground, arm, _recipe(ground, arm, teacher)) for arm in named}
    wanted = _comparisons(spec.name, found, pairs(study, named, absent))
    if not wanted:
        raise InputError(f"workload {spec.name}: every arm equals what it is compared with; nothing to judge")
    effects = tuple(contrasts(study, here, spec.name, named, dropped))
    judged = tuple(found.values()), tuple(wanted), effects
    return _Part(
        _workload(ground), *judged, dropped, foreign, teacher, {arm.name: arm.tricks for arm in named}
    )


def _possible(ground: _Ground, named: Sequence[NamedArm]) -> tuple[list[NamedArm], dict[str, str]]:
    """The arms whose tricks can be on together, and the names of the others with the reason."""
    dropped = dict[str, str]()
    for arm in named:
        try:
            with _place(f"workload {ground.name}: arm {arm.name}"):
                compose(ground.baseline, arm.tricks)
        except IncompatibleTricks as error:
            dropped[arm.name] = str(error)
    refuse_gaps(ground.study, dropped)
    return [arm for arm in named if arm.name not in dropped], dropped


@contextmanager
def _place(where: str) -> Iterator[None]:
    """Says of what is wrong where it is, if `where` is given; incompatible tricks pass as they are."""
    try:
        yield
    except IncompatibleTricks:
        raise
    except InputError as error:
        raise type(error)(f"{where}: {error}" if where else str(error)) from None


def _comparisons(workload: str, found: dict[str, Arm], wanted: list[tuple[str, str]]) -> list[Comparison]:
    """The pairs to judge; arms with one fingerprint are one arm with two names, judged once."""
    by_fingerprint = {
        frozenset((found[arm].fingerprint, found[comparison].fingerprint)): (arm, comparison)
        for arm, comparison in reversed(wanted)
    }
    kept = {pair for fingerprints, pair in by_fingerprint.items() if len(fingerprints) == 2}
    return [Comparison(workload=workload, arm=pair[0], comparison=pair[1]) for pair in wanted if pair in kept]


def _workload(ground: _Ground) -> Workload:
    """The images that all arms of a workload share."""
    resolved = ground.resolved
    return Workload(
        name=ground.name,
        data_digest=resolved.images.digest,
        classes=resolved.images.classes,
        train_images=len(resolved.train_ids),
        test_images=len(resolved.images.test_labels),
        validation_ids=tuple(resolved.validation_ids.tolist()),
    )


def _recipe(ground: _Ground, arm: NamedArm, teacher: tuple[Arm, PlannedRun] | None) -> Recipe:
    """The recipe of an arm; a student is pointed to the weights that its teacher will leave behind."""
    recipe = compose(ground.baseline, arm.tricks)
    if teacher and (TEACHER_FIELD, "study") in leaves(recipe.plain()):
        return apply(recipe, {TEACHER_FIELD: f"runs/{teacher[1].id}/{WEIGHTS}"})
    return recipe


def _arm(ground: _Ground, arm: NamedArm, recipe: Recipe) -> Arm:
    """An arm of the plan: its recipe resolved, and what sets it apart from the baseline."""
    with _place(f"workload {ground.name}: arm {arm.name}"):
        full = resolve(recipe, ground.study.machine, ground.base)
        if not torch.equal(full.validation_ids, ground.resolved.validation_ids):
            raise InputError("a trick may not change the images that arms are judged on")
    return Arm(
        name=arm.name,
        workload=ground.name,
        tricks=tuple(trick.name for trick in arm.tricks),
        fingerprint=full.recipe.fingerprint(),
        recipe=full.recipe.plain(),
        diff=diff(ground.resolved.recipe, full.recipe),
        levels=dict(arm.levels),
    )


def _teacher(ground: _Ground) -> tuple[Arm, PlannedRun]:
    """The teacher of a workload as an arm with one run."""
    spec = ground.study.teacher
    if spec is None:
        raise InputError(
            "distillation needs a teacher; add one to the study, as teacher: {set: {model.name: …}}"
        )
    tricks = tricks_of(spec.tricks, ground.base)
    baseline = apply(ground.baseline, spec.set, "teacher")
    if found := misfit(tricks, baseline, ground.resolved):
        raise found.error
    recipe = compose(baseline, tricks)
    arm = _arm(ground, NamedArm(TEACHER, tricks, {}), recipe).model_copy(update={"role": "teacher"})
    return arm, planned_run(arm, spec.seed)


def _wants_teacher(ground: _Ground, named: Iterable[NamedArm]) -> bool:
    """Whether some arm distils from the study's own teacher."""
    return any((TEACHER_FIELD, "study") in leaves(_recipe(ground, arm, None).plain()) for arm in named)
