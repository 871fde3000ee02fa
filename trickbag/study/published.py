"""Published accuracies: whether a study states them for arms that it has."""

from collections.abc import Collection, Mapping

from trickbag.errors import InputError, unknown
from trickbag.study.schema import Study


def check_published(study: Study, arms: Mapping[str, Collection[str]]) -> None:
    """Raise InputError for a workload or an arm that is not there, or that stands twice (workload -> its arms)."""
    seen = set[tuple[str, str]]()
    for i, entry in enumerate(study.published):
        where = f"published.{i}"
        if entry.workload is not None and entry.workload not in arms:
            raise unknown("workload", entry.workload, arms, where)
        for workload in arms if entry.workload is None else (entry.workload,):
            for name in entry.values:
                if name not in arms[workload]:
                    raise unknown("arm", name, arms[workload], f"{where}.values, workload {workload}")
                if (workload, name) in seen:
                    raise InputError(f"{where}.values: {name} has a value already; state one per arm")
                seen.add((workload, name))
