"""The machine block of a planned study, and workers that are started as soon as it is known; no torch here."""

import os
from collections.abc import Sequence
from pathlib import Path

from trickbag.errors import InputError
from trickbag.recipe import Machine, parse_overrides, read_yaml, validate
from trickbag.records.chain import read_plan
from trickbag.records.run import RUN
from trickbag.run.engines.warm_workers import pool_sizes, start_warm
from trickbag.run.locks import holder_of

STUDY = "study.yaml"
WARM = 2  # workers at most; how many a container has the cores for is known only later


def machine_of(folder: Path, words: Sequence[str] = ()) -> Machine:
    """The machine block of a frozen study, with `machine.field=value` overrides.

    On what the last digits depend, the plan has the say. InputError where no study was planned in `folder`.
    """
    plain = dict(read_yaml(planned(folder) / STUDY).get("machine", {}))
    plain = {name: value for name, value in plain.items() if name not in ("device", "threads", "devices")}
    for path, value in parse_overrides(words).items():
        section, _, name = path.partition(".")
        if section != "machine" or not name:
            raise InputError(f"{path}: only machine.… can change once a study is planned")
        plain[name] = value
    return validate(Machine, plain, "machine.")


def planned(folder: Path) -> Path:
    """The folder, which must be one of a planned study."""
    if not (folder / STUDY).exists():
        raise InputError(f"{folder}: no study was planned here; use trickbag plan STUDY --out {folder}")
    return folder


def start_workers(folder: Path, machine: Machine) -> None:
    """Start workers for what the plan in `folder` lacks, where they will be processes of this machine on its CPU.

    They import what they need while the caller does the same, which takes seconds. None are started where another
    process runs the study.
    """
    plan = read_plan(folder).plan()
    if machine.engine != "local" or plan.machine["device"] != "cpu" or holder_of(folder) is not None:
        return
    threads = plan.machine["threads"]
    side_by_side = machine.workers or (os.cpu_count() or 1) // (threads * machine.devices)
    lacking = sum(not (folder / "runs" / run.id / RUN).exists() for run in plan.runs)
    start_warm(min(WARM, side_by_side, lacking), pool_sizes(threads))
