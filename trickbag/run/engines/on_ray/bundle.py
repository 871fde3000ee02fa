"""What the runs of a study share, put into the object store once and fetched once by every process."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from trickbag.errors import InputError
from trickbag.recipe import Data, Machine, validate
from trickbag.run.engines.engine import Job
from trickbag.run.engines.on_ray.images import pack
from trickbag.run.engines.on_ray.trouble import VersionError
from trickbag.train import data_key, open_data

Put = Callable[[Any], Any]  # puts a value into the object store and returns a reference to it


@dataclass(frozen=True)
class Bundle:
    """A study without its folder."""

    plan: str  # JSON
    machine: Machine
    files: dict[str, bytes]  # the user's own, by their path below the study's folder
    images: dict[str, Any]  # `data_key` -> reference to the images; none of those that each node reads itself
    versions: dict[str, str]


def make_bundle(job: Job, put: Put) -> Bundle:
    """Plan, own files and images of a study."""
    named = {name for arm in job.plan.arms for name in arm.recipe["sources"]}
    inside = [name for name in named if not Path(name).is_absolute() and ".." not in Path(name).parts]
    files = {name: (job.folder / name).read_bytes() for name in inside if (job.folder / name).is_file()}
    return Bundle(job.plan.model_dump_json(), job.machine, files, _put_images(job, put), own_versions())


def own_versions() -> dict[str, str]:
    """The versions that must be the same on all nodes, or numbers may differ."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"trickbag": version("trickbag"), "torch": torch.__version__, "Python": python}


def check_versions(driver: dict[str, str]) -> None:
    """VersionError where this node's versions are not the driver's."""
    for name, here in own_versions().items():
        if here != driver[name]:
            raise VersionError(
                f"{name} {here} is installed, the driver has {driver[name]}; numbers may differ: install the same on "
                "all nodes"
            )


def _put_images(job: Job, put: Put) -> dict[str, Any]:
    """References to the images that are held in memory."""
    plains = [arm.recipe["data"] for arm in job.plan.arms]
    found = {data_key(data): data for data in (validate(Data, plain, "data.") for plain in plains)}
    sent = {}
    for key, data in found.items():
        try:
            packed = pack(open_data(data, job.machine, job.folder))
        except InputError:  # not here; a node may have them, or its run says what is missing
            continue
        if packed is not None:
            sent[key] = put(packed)
    return sent
