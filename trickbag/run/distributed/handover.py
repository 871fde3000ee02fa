"""What the processes of a run need of the one that launches them, as files in the folder that they share.

Where a run is trained, its plan and its images may be on no disk: a node has them from Ray's object store.
"""

from functools import partial
from pathlib import Path

import torch

from trickbag.data.plain import as_plain, of_plain
from trickbag.recipe import Data, validate
from trickbag.records.files import write_text, write_whole
from trickbag.records.plan import Plan, PlannedRun
from trickbag.train import give_images
from trickbag.train.shared_images import given_images

_PLAN, _IMAGES = "plan", "images.pt"


def hand_over(shared: Path, plan: Plan, planned: PlannedRun) -> None:
    """Leave plan and images, where this process was itself given them; DiskError where the disk refuses."""
    write_text(shared / _PLAN, plan.model_dump_json())
    images = given_images(_data(plan, planned))
    plain = None if images is None else as_plain(images)
    if plain is not None:
        write_whole(shared / _IMAGES, partial(torch.save, plain))


def take_over(shared: Path, run_id: str) -> tuple[Plan, PlannedRun]:
    """Plan and run; images that were left are mapped, so that all processes share one copy of them in memory."""
    plan = Plan.model_validate_json((shared / _PLAN).read_text())
    planned = next(run for run in plan.runs if run.id == run_id)
    if (shared / _IMAGES).exists():
        plain = torch.load(shared / _IMAGES, mmap=True, weights_only=True)
        give_images(_data(plan, planned), of_plain(plain))
    return plan, planned


def _data(plan: Plan, planned: PlannedRun) -> Data:
    """The data section of a run's recipe."""
    return validate(Data, plan.arm(planned.workload, planned.arm).recipe["data"], "data.")
