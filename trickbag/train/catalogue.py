"""The one table that resolves catalogue names, and the user's own `file.py:attribute` or `package.module:attribute`."""

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from trickbag.data import DATASETS, SAMPLE_OPERATIONS, is_placed, kind_of
from trickbag.errors import InputError, unknown
from trickbag.models import MODELS, find_model
from trickbag.optim import OPTIMIZERS
from trickbag.schedule import SCHEDULES
from trickbag.train.operations import (
    AVERAGE_OPERATIONS,
    BATCH_OPERATIONS,
    LOSS_OPERATIONS,
    ORDER_OPERATIONS,
    PREDICT_OPERATIONS,
    STEP_OPERATIONS,
)

Factory = Callable[..., Any]

CATALOGUE: Mapping[str, Mapping[str, Factory]] = {
    "dataset": DATASETS,
    "model": MODELS,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "order": ORDER_OPERATIONS,
    "surgery": {},
    "sample": SAMPLE_OPERATIONS,
    "batch": BATCH_OPERATIONS,
    "loss": LOSS_OPERATIONS,
    "step": STEP_OPERATIONS,
    "average": AVERAGE_OPERATIONS,
    "predict": PREDICT_OPERATIONS,
}

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


def find(kind: str, name: str, base: Path, where: str) -> Factory:
    """What `name` stands for: a catalogue entry, a bridged model, or something of the user's own.

    Raises InputError for an unknown name (with the nearest one) and for an own one that is not there.
    """
    if kind == "dataset":
        name = kind_of(name)
    if is_own(name):
        factory: Factory = find_own(name, base, where)
        if not callable(factory):
            raise InputError(f"{where}: {name} is no {kind}: a function or a class is expected")
        return factory
    if kind == "model" and "/" in name:
        return find_model(name, base)
    if name not in CATALOGUE[kind]:
        raise unknown(kind, name, CATALOGUE[kind], where)
    return CATALOGUE[kind][name]


def is_own(name: str) -> bool:
    """Whether a name is of the user's own: `file.py:attribute` or `package.module:attribute`.

    No module of one's own can be called as a prefix of data sets is: folder, parquet or hub.
    """
    return ":" in name and not is_placed(name)


def find_own(name: str, base: Path, where: str) -> Any:
    """The attribute of the user's own Python file (relative to `base`) or installed module.

    Raises InputError where the file, the module or the attribute is missing, or importing it fails.
    """
    place, _, attribute = name.partition(":")
    path = own_source(name, base, where)
    try:
        file = place.endswith(".py")
        module = _load(path, file_digest(path)) if file else importlib.import_module(place)
    except InputError:
        raise
    except Exception as error:  # the user's code may raise anything
        raise InputError(f"{where}: {path} cannot be imported: {type(error).__name__}: {error}") from None
    if not hasattr(module, attribute):
        raise unknown("attribute", attribute, [n for n in vars(module) if n[0] != "_"], f"{where}: {path}")
    return getattr(module, attribute)


def own_source(name: str, base: Path, where: str) -> Path:
    """The file that holds an own name's source; InputError where there is none."""
    place = name.partition(":")[0]
    if place.endswith(".py"):
        if Path(place).is_absolute() or ".." in Path(place).parts:
            raise InputError(f"{where}: {place}: a file of yours lies beside the study or recipe, or below")
        if not (base / place).is_file():
            raise InputError(f"{where}: {base / place}: no such file")
        return base / place
    try:
        spec = importlib.util.find_spec(place)
    except (ImportError, ValueError):  # a parent package is missing, or the name is none
        spec = None
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        images = (
            "; images are named folder:PATH, parquet:PATH or hub:OWNER/NAME" if where == "data.name" else ""
        )
        raise InputError(
            f"{where}: no module {place!r} is installed; install it, or name a file beside the study, as "
            f"my_lab.py:NAME{images}"
        )
    return Path(spec.origin)


def file_digest(path: Path) -> str:
    """SHA-256 of a file of the user's; InputError where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


@lru_cache  # what is imported twice is two things, and images would be opened again for each
def _load(path: Path, digest: str) -> ModuleType:
    """The user's own Python file as a module, of this very content."""
    spec = importlib.util.spec_from_file_location(f"trickbag_own_{path.stem}_{digest[:8]}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module
