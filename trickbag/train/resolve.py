"""From a recipe to a resolved recipe: names and arguments checked, defaults filled in, images found.

Called before anything is written. What it returns is what gets hashed: every catalogue name with all its
arguments, the digest of the images, the source of the user's own files.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from trickbag.data import ImageSet, limit, open_images, split
from trickbag.errors import InputError
from trickbag.models import build_model, is_weights_file
from trickbag.recipe import (
    Data,
    Entry,
    Machine,
    Model,
    NotApplicable,
    Recipe,
    in_steps,
    steps,
    thaw,
    validate,
)
from trickbag.rng import Streams
from trickbag.schedule import build_schedule, watches
from trickbag.train.arguments import arguments, names_of
from trickbag.train.catalogue import Factory, file_digest, find, is_own, own_source

# What trickbag itself passes to each kind of catalogue entry; the other parameters are the user's.
PASSED = {
    "dataset": ("root",),
    "model": ("num_classes", "in_channels"),
    "optimizer": ("groups", "lr", "hidden", "stream"),
    "schedule": ("step", "total", "start", "history"),
    "order": ("context",),
    "surgery": ("context", "model"),
    "sample": (),
    "batch": ("context",),
    "loss": ("context", "inner"),
    "step": ("context", "update"),
    "average": ("context", "model"),
    "predict": ("context", "inner"),
}
SEAMS = ("order", "surgery", "sample", "batch", "loss", "step", "average", "predict")


@dataclass(frozen=True)
class Resolved:
    """A recipe that can be trained here, with its images."""

    recipe: Recipe
    images: ImageSet
    train_ids: torch.Tensor  # int64, sorted
    validation_ids: torch.Tensor
    base: Path  # relative paths in the recipe start here

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps per epoch; a last partial batch is left out."""
        return len(self.train_ids) // self.recipe.budget.batch_size

    @property
    def total_steps(self) -> int:
        """Optimizer steps of the whole run."""
        return self.steps_per_epoch * self.recipe.budget.epochs

    def in_steps(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments with their durations turned into steps."""
        return {
            name: in_steps(value, self.total_steps, self.steps_per_epoch) for name, value in given.items()
        }

    @property
    def num_classes(self) -> int:
        """How many classes the images have."""
        return len(self.images.classes)

    @property
    def in_channels(self) -> int:
        """Channels of an image."""
        return self.images.train_images.shape[1]


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
    """The images that a recipe names, decoded once and shared through the cache."""
    factory = find("dataset", data.name, base, "data.name")
    args = arguments(factory, data.arguments, "data", PASSED["dataset"], Data.model_fields)
    with _own_code(data.name, "data.name"):
        images = _open(data.name, factory, json.dumps(args), machine.data_root, machine.cache.expanduser())
    if data.digest not in (None, images.digest):
        raise InputError(f"data: the images of {data.name} are not those that the recipe was resolved with")
    return images


@lru_cache(maxsize=4)  # the arms of a study share their images
def _open(name: str, factory: Factory, args: str, root: Path | None, cache: Path) -> ImageSet:
    """`open_images`, once per process."""
    return open_images(name, root, json.loads(args), cache, reader=factory)


def resolve(recipe: Recipe, machine: Machine, base: Path = Path()) -> Resolved:
    """Check a recipe against the catalogue and this machine, and fill in everything it leaves open.

    Raises InputError with one clear line where it cannot be trained here.
    """
    images = open_data(recipe.data, machine, base)
    train_ids, validation_ids = _split(recipe.data, images)
    if recipe.budget.batch_size > len(train_ids):
        raise InputError(
            f"budget.batch_size: {recipe.budget.batch_size} is more than the {len(train_ids)} training images"
        )
    plain = recipe.plain()
    plain["data"]["digest"] = images.digest
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
    _check_company(full)
    _try_network(full, resolved, _try_augmentation(full, resolved, base))
    return Resolved(full, images, train_ids, validation_ids, base)


def try_model(recipe: Recipe, resolved: Resolved) -> None:
    """Build the recipe's network on the meta device: nothing is drawn; InputError where its arguments are wrong."""
    parts = model_parts(recipe, resolved, resolved.base)
    with _own_code(recipe.model.name, "model.name"):
        build_model(*parts, streams=None)


@contextmanager
def _own_code(name: str, where: str) -> Iterator[None]:
    """Turns whatever the user's own code raises into an InputError that names it."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if not is_own(name):
            raise
        said = " ".join(str(error).split())
        raise InputError(f"{where}: {name} fails: {type(error).__name__}: {said}") from error


def model_arguments(recipe: Recipe, base: Path) -> list[str] | None:
    """The arguments that a recipe may give to its network; None where it takes any."""
    names = names_of(find("model", recipe.model.name, base, "model.name"))
    return None if names is None else [name for name in names if name not in PASSED["model"]]


def model_parts(recipe: Recipe, resolved: Resolved, base: Path) -> tuple[Any, dict[str, Any], int, int]:
    """Factory, arguments, classes and channels of the recipe's network."""
    factory = find("model", recipe.model.name, base, "model.name")
    args = arguments(factory, recipe.model.arguments, "model", PASSED["model"])
    return factory, args, resolved.num_classes, resolved.in_channels


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


def _check_company(recipe: Recipe) -> None:
    """Refuse what cannot work together: two averages, of which one could be evaluated; SAM in fp16."""
    if "sam" in recipe.step and recipe.precision.dtype == "fp16":
        raise InputError(
            "step.sam: its two passes cannot share a loss scale of fp16; use precision.dtype=bf16"
        )
    if len(recipe.average) > 1:
        raise InputError(f"average: {' and '.join(recipe.average)} exclude each other; name one of them")


def _try_augmentation(recipe: Recipe, resolved: Resolved, base: Path) -> torch.Size:
    """Build the sample operations and let them see two images, so that what cannot work shows now.

    Returns the shape of what comes out.
    """
    ids = resolved.train_ids[:2]
    x, draws = resolved.images.train_images[ids], Streams(0).images(0, ids)
    for name, given in sorted(recipe.sample.items()):
        factory = find("sample", name, base, "sample")
        if not is_own(name):  # a user's own may be slow, or wrong in ways that are a run's outcome
            x = factory(**arguments(factory, given, f"sample.{name}"))(x, draws)
    return x.shape


def _try_network(recipe: Recipe, resolved: Resolved, shape: torch.Size) -> None:
    """Show the network images of that shape, on the meta device; InputError where it cannot be trained so."""
    sizes = (resolved.num_classes, resolved.in_channels)
    files = json.dumps(thaw(recipe.sources), sort_keys=True)
    with _own_code(recipe.model.name, "model.name"):
        heads = _auxiliary_heads(recipe.model.model_dump_json(), resolved.base, sizes, shape, files)
    if "auxiliary" in recipe.loss and not heads:
        raise NotApplicable(
            f"loss.auxiliary: model {recipe.model.name} has no auxiliary head; set model.auxiliary: true"
        )
    if heads and "auxiliary" not in recipe.loss and recipe.model.arguments.get("auxiliary"):
        raise InputError("model.auxiliary: nothing trains the auxiliary head; add loss.auxiliary")


@lru_cache(maxsize=256)  # most arms of a study share their network
def _auxiliary_heads(
    model_json: str, base: Path, sizes: tuple[int, int], shape: torch.Size, files: str
) -> int:
    """Build a network, let it see images of a shape, and count the answers beside the first."""
    entry = Model.model_validate_json(model_json)
    factory = find("model", entry.name, base, "model.name")
    model = build_model(factory, arguments(factory, entry.arguments, "model", PASSED["model"]), *sizes, None)
    try:
        with torch.no_grad():
            answer = model.train()(torch.empty(shape, device="meta"))
    except (RuntimeError, ValueError, AssertionError) as error:
        reason, size = str(error).partition("\n")[0], "x".join(map(str, shape[2:]))
        raise InputError(f"model {entry.name}: cannot take images of {size} pixels: {reason}") from None
    return len(answer) - 1 if isinstance(answer, tuple) else 0


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
    return found | {path: file_digest(base / path) for path in weights}
