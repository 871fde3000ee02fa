"""Published accuracies beside ours: what the study file states, attached to the arms that it names."""

from collections.abc import Mapping
from typing import NamedTuple

from trickbag.records.plan import Plan
from trickbag.records.result import ArmResult, Summary


class Published(NamedTuple):
    """A printed top-1 accuracy in percent, and where it is printed."""

    value: float
    source: str


Values = Mapping[tuple[str, str], Published]  # (workload, arm) -> value


def published_values(plan: Plan) -> Values:
    """The values that the plan's study states."""
    return {
        (workload.name, name): Published(value, entry["source"])
        for entry in plan.study.get("published", ())
        for workload in plan.workloads
        if entry["workload"] in (None, workload.name)
        for name, value in entry["values"].items()
    }


def beside(arm: Summary, values: Values) -> Summary:
    """An arm by itself with the value published for it."""
    found = values.get((arm.workload, arm.name))
    return arm.model_copy(update=_fields(found)) if found else arm


def beside_result(arm: ArmResult, values: Values) -> ArmResult:
    """An arm with the value published for it, and the difference to its comparison's where one source has both."""
    ours, theirs = (values.get((arm.workload, name)) for name in (arm.name, arm.comparison))
    if ours is None:
        return arm
    same = theirs is not None and theirs.source == ours.source
    effect = round(ours.value - theirs.value, 6) if same and theirs else None
    return arm.model_copy(update={**_fields(ours), "published_effect": effect})


def _fields(found: Published) -> dict[str, object]:
    """The fields of a summary."""
    return {"published": found.value, "published_source": found.source}
