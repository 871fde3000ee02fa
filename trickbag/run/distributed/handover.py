"""What the processes of a run need of the one that launches them, as files in the folder that they share.

Where a run is trained, its plan and its images may be on no disk: a node has them from Ray's object store.
"""

from functools import partial
from pathlib import Path
from typing import Any

import torch

from trickbag.data import ImageSet
from trickbag.data.tolerance import Flaw, Tolerance
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
    if images is not None and isinstance(images.train_images, torch.Tensor):
        write_whole(shared / _IMAGES, partial(torch.save, _as_plain(images)))


def take_over(shared: Path, run_id: str) -> tuple[Plan, PlannedRun]:
    """Plan and run; images that were left are mapped, so that all processes share one copy of them in memory."""
    plan = Plan.model_validate_json((shared / _PLAN).read_text())
    planned = next(run for run in plan.runs if run.id == run_id)
    if (shared / _IMAGES).exists():
        plain = torch.load(shared / _IMAGES, mmap=True, weights_only=True)
        give_images(_data(plan, planned), _of_plain(plain))
    return plan, planned


def _data(plan: Plan, planned: PlannedRun) -> Data:
    """The data section of a run's recipe."""
    return validate(Data, plan.arm(planned.workload, planned.arm).recipe["data"], "data")


def _as_plain(images: ImageSet) -> dict[str, Any]:
    """The fields of images in memory; what one run has met of bad files is not for another."""
    fields = {name: value for name, value in vars(images).items() if name != "tolerance"}
    flaws = [{i: tuple(flaw) for i, flaw in part.items()} for part in images.flaws]
    return fields | {"tolerated": images.tolerance.limit, "flaws": flaws, "left_out": dict(images.left_out)}


def _of_plain(plain: dict[str, Any]) -> ImageSet:
    """The images again."""
    tolerated = plain.pop("tolerated")
    train, test = ({i: Flaw(*flaw) for i, flaw in part.items()} for part in plain.pop("flaws"))
    return ImageSet(**plain, tolerance=Tolerance(tolerated), flaws=(train, test))
