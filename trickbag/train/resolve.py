"""From a recipe to a resolved recipe: names and arguments checked, defaults filled in, images found.

Called before anything is written. What it returns is what gets hashed: every catalogue name with all its
arguments, the digest of the images, the source of the user's own files.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from trickbag.data import ImageSet, canonical, check_readable, limit, open_images, split
from trickbag.errors import InputError
from trickbag.models import is_weights_file
from trickbag.models.pretrained import beside
from trickbag.recipe import (
    Data,
    Entry,
    Machine,
    Recipe,
    steps,
    thaw,
    validate,
)
from trickbag.schedule import build_schedule, watches
from trickbag.train.arguments import arguments
from trickbag.train.catalogue import PASSED, SEAMS, Factory, file_digest, find, is_own, own_source
from trickbag.train.resolved import Resolved
from trickbag.train.shared_images import given_images
from trickbag.train.shares import check_shares
from trickbag.train.trial import own_code, try_augmentation, try_network


def device_of(machine: Machine) -> torch.device:
    """The device that `machine.device` stands for here; InputError where there is none."""
    name = machine.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"machine.device: {name!r} asked for, but no CUDA device is there; use cpu or auto")
    try:
        return torch.device(name)
    except RuntimeError:
        raise InputError(f"machine.device: unknown device {name!r}; use cpu, cuda or auto") from None


def open_data(data: Data, machine: Machine, base: Path = Path()) -> ImageSet:
    """The images that a recipe names, decoded once and shared through the cache; no bad files met yet."""
    if (given := given_images(data)) is not None:
        return given.for_run()
    factory = find("dataset", data.name, base, "data.name")
    args = arguments(factory, data.arguments, "data", PASSED["dataset"], Data.model_fields)
    with own_code(data.name, "data.name"):
        images = _open(
            data.name, factory, json.dumps(args), machine.data_root, machine.cache, machine.memory_gib
        )
    if data.digest not in (None, images.digest):
        raise InputError(f"data: the images of {data.name} are not those that the recipe was resolved with")
    return images.for_run()


@lru_cache(maxsize=4)  # the arms of a study share their images
def _open(
    name: str, factory: Factory, args: str, root: Path | None, cache: Path, memory_gib: float | None
) -> ImageSet:
    """`open_images`, once per process."""
    return open_images(name, root, json.loads(args), cache, reader=factory, memory_gib=memory_gib)


def resolve(recipe: Recipe, machine: Machine, base: Path = Path()) -> Resolved:
    """Check a recipe against the catalogue and this machine, and fill in everything it leaves open.

    Raises InputError with one clear line where it cannot be trained here.
    """
    images = open_data(recipe.data, machine, base)
    train_ids, validation_ids = _split(recipe.data, images)
    check_readable(images, torch.cat([train_ids, validation_ids]))
    if recipe.budget.batch_size > len(train_ids):
        raise InputError(
            f"budget.batch_size: {recipe.budget.batch_size} is more than the {len(train_ids)} training images"
        )
    plain = recipe.plain()
    plain["data"] |= {"digest": images.digest, "name": canonical(recipe.data.name)}
    plain["precision"]["dtype"] = _dtype(recipe, device_of(machine))
    resolved = Resolved(recipe, images, train_ids, validation_ids, base)
    for section, kind in (("data", "dataset"), ("model", "model"), ("optimizer", "optimizer")):
        plain[section] |= _entry_arguments(kind, getattr(recipe, section), section, base)
    _check_schedule(plain["schedule"], resolved)
    for seam in SEAMS:
        for name, given in getattr(recipe, seam).items():
            factory = find(seam, name, base, seam)
            checked = arguments(factory, resolved.in_steps(given), f"{seam}.{name}", PASSED[seam])
            plain[seam][name] = _as_written(checked, given, resolved)
    plain["sources"] = _sources(recipe, base)
    full = validate(Recipe, plain)
    check_company(full)
    check_shares(full, machine.devices)
    try_network(full, resolved, try_augmentation(full, resolved, base))
    return Resolved(full, images, train_ids, validation_ids, base)


def training_images(data: Data, machine: Machine, base: Path = Path()) -> int:
    """How many images are left to train on, without those for validation."""
    return len(_split(data, open_data(data, machine, base))[0])


def _split(data: Data, images: ImageSet) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids of the training and the validation images."""
    train, validation = split(
        images.train_labels,
        fraction=data.validation,
        seed=data.split_seed,
        num_classes=len(images.classes),
        classes=images.classes,
    )
    if data.limit is not None:
        train = limit(train, images.train_labels, data.limit, seed=data.split_seed)
    return train, validation


def _entry_arguments(kind: str, entry: Entry, section: str, base: Path) -> dict[str, Any]:
    """The full arguments of the thing that a section names."""
    factory = find(kind, entry.name, base, f"{section}.name")
    return arguments(factory, entry.arguments, section, PASSED[kind], type(entry).model_fields)


def _check_schedule(plain: dict[str, Any], resolved: Resolved) -> None:
    """Check the schedule's arguments as steps, and add its defaults as they are written."""
    schedule, total, per_epoch = resolved.recipe.schedule, resolved.total_steps, resolved.steps_per_epoch
    factory = find("schedule", schedule.name, resolved.base, "schedule.name")
    if watches(factory) and resolved.recipe.budget.evaluate == "last_epoch":
        raise InputError(
            f"budget.evaluate: last_epoch, but schedule {schedule.name} follows the validation accuracy of "
            "every epoch; write every_epoch"
        )
    in_step = resolved.in_steps(schedule.arguments)
    checked = arguments(factory, in_step, "schedule", PASSED["schedule"], type(schedule).model_fields)
    build_schedule(factory, checked, total, steps(schedule.warmup, total, per_epoch))
    plain |= _as_written(checked, schedule.arguments, resolved)


def _as_written(checked: dict[str, Any], given: Mapping[str, Any], resolved: Resolved) -> dict[str, Any]:
    """Checked arguments with defaults, in which durations stand as they were written."""
    in_step = resolved.in_steps(given)
    durations = {name: thaw(value) for name, value in given.items() if in_step[name] != thaw(value)}
    return checked | durations


ALONE = {
    "sample": ("auto_augment", "rand_augment", "trivial_augment", "augmix", "three_augment"),
    "batch": ("mixup", "cutmix", "resize_mix", "mixup_or_cutmix"),
}
"""Operations of a seam of which a recipe names one at most."""


def check_company(recipe: Recipe) -> None:
    """Refuse what cannot work together.

    That is two averages, two policies, two ways of mixing, SAM in fp16, and more parts of a batch than images.
    """
    if "sam" in recipe.step and recipe.precision.dtype == "fp16":
        raise InputError(
            "step.sam: its two passes cannot share a loss scale of fp16; use precision.dtype=bf16"
        )
    parts = recipe.step.get("accumulate", {}).get("parts", 1)
    if parts > recipe.budget.batch_size:
        raise InputError(
            f"step.accumulate.parts: {parts} parts of a batch of {recipe.budget.batch_size} images; "
            "each needs one at least"
        )
    if len(recipe.average) > 1:
        raise InputError(f"average: {' and '.join(recipe.average)} exclude each other; name one of them")
    for seam, names in ALONE.items():
        named = [name for name in getattr(recipe, seam) if name in names]
        if len(named) > 1:
            raise InputError(f"{seam}: {' and '.join(named)} exclude each other; name one of them")


def _dtype(recipe: Recipe, device: torch.device) -> str:
    """The autocast type on this device."""
    dtype = recipe.precision.dtype
    if dtype == "low":
        return "fp16" if device.type == "cuda" else "bf16"
    if dtype == "fp16" and device.type != "cuda":
        raise InputError("precision.dtype: fp16 needs a CUDA device; use bf16 here, or low to take what fits")
    return dtype


def _sources(recipe: Recipe, base: Path) -> dict[str, str]:
    """Digests of the user's own that a recipe names: Python files and modules, weights to start from, a teacher's.

    Weights under runs/ are a study's own; their path holds the fingerprint of what they were trained by.
    """
    sections = (recipe.data, recipe.model, recipe.optimizer, recipe.schedule)
    names = [section.name for section in sections] + [
        name for seam in SEAMS for name in getattr(recipe, seam)
    ]
    own = sorted({name.partition(":")[0]: name for name in names if is_own(name)}.items())
    found = {place: file_digest(own_source(name, base, "recipe")) for place, name in own}
    teacher = str(recipe.loss.get("distillation", {}).get("teacher", ""))
    start = str(recipe.model.arguments.get("pretrained", ""))
    weights = [teacher] if teacher.endswith(".safetensors") and not teacher.startswith("runs/") else []
    weights += [start] if is_weights_file(start) else []
    return found | {path: file_digest(beside(path, base, "recipe")) for path in weights}
