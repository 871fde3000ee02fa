"""What happens on a node: one run of a study, trained in a scratch folder; its files go back to the driver."""

import shutil
import socket
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from trickbag.data import ImageSet
from trickbag.errors import DiskError, InputError
from trickbag.recipe import Data, validate
from trickbag.records.files import writing
from trickbag.records.plan import Plan, PlannedRun
from trickbag.records.run import CHECKPOINT, RUN, WEIGHTS
from trickbag.run.engines.on_ray.bundle import Bundle, check_versions
from trickbag.run.engines.on_ray.images import unpack
from trickbag.run.engines.on_ray.trouble import NodeError
from trickbag.run.engines.on_ray.upload import Stop, Uploader
from trickbag.run.execute import execute
from trickbag.run.finish import run_folder
from trickbag.run.scratch import scratch_folder
from trickbag.train import data_key, give_images, open_data


def train_run(
    bundle: list[Any], run_id: str, files: dict[str, bytes], weights: dict[str, Any], mailbox: Any
) -> dict[str, bytes]:
    """Train a run from `files` (its checkpoint, where there is one) and return all that is then in its folder.

    `bundle` holds a reference, so that only the first run in a process fetches it; `weights` holds references to
    those of the runs that this one needs. There is no run.json in what is returned where the run was told to stop.
    Raises NodeError where this node cannot do what the run needs, DiskError where its disk is full.
    """
    try:
        folder, plan, shared = _unpacked(bundle[0])
        planned = next(run for run in plan.runs if run.id == run_id)
        place = run_folder(folder, planned)
        try:
            _take_images(folder, plan, planned, shared)
            _lay_out(place, files, weights)
            return _trained(folder, plan, planned, shared, mailbox)
        finally:
            shutil.rmtree(place)
    except (NodeError, DiskError) as error:
        named = type(error)(f"node {socket.gethostname()}: {error}")
        if isinstance(named, NodeError):
            named.node = import_module("ray").get_runtime_context().get_node_id()
        raise named from None


def _trained(folder: Path, plan: Plan, planned: PlannedRun, shared: Bundle, mailbox: Any) -> dict[str, bytes]:
    """Train a run in its folder, and take out what is then there."""
    ray, place = import_module("ray"), folder / "runs" / planned.id
    torch.set_num_threads(shared.machine.threads)
    stop, upload = Stop(ray, mailbox), Uploader(ray, mailbox, place)
    job = ray.get_runtime_context().get_task_id()
    execute(folder, plan, planned, shared.machine, stop, upload, engine="ray", job=job)
    return {path.name: path.read_bytes() for path in place.iterdir() if path.name[0] != "."}


@lru_cache(maxsize=1)  # Ray keeps a process for the tasks of one driver
def _unpacked(reference: Any) -> tuple[Path, Plan, Bundle]:
    """The study's files in a folder of this process, its plan, and the rest; VersionError for other versions."""
    shared: Bundle = import_module("ray").get(reference)
    check_versions(shared.versions)
    folder = scratch_folder()
    with writing(folder / RUN):
        for name, content in shared.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    return folder, Plan.model_validate_json(shared.plan), shared


def _take_images(folder: Path, plan: Plan, planned: PlannedRun, shared: Bundle) -> None:
    """Have the images of a run: those that were sent, or this node's own; NodeError where it has none."""
    data = validate(Data, plan.arm(planned.workload, planned.arm).recipe["data"], "data.")
    if (reference := shared.images.get(data_key(data))) is not None:
        give_images(data, _images(reference))
        return
    try:
        open_data(data, shared.machine, folder)
    except InputError as error:
        raise NodeError(
            f"{error} (images that are streamed must lie at the same path on every node)"
        ) from None


@lru_cache(maxsize=4)  # as many sets as `open_data` keeps open
def _images(reference: Any) -> ImageSet:
    """Images from the object store; without a copy, so long as they are kept here."""
    return unpack(import_module("ray").get(reference))


def _lay_out(place: Path, files: dict[str, bytes], weights: dict[str, Any]) -> None:
    """Put a run's own files into its folder, and the weights of others where recipes look for them."""
    with writing(place / CHECKPOINT):
        for name, content in files.items():
            (place / name).write_bytes(content)
        for need, reference in weights.items():
            path = place.parent / need / WEIGHTS
            if not path.exists():
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(import_module("ray").get(reference))
