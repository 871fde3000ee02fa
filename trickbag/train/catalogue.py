"""The one table that resolves catalogue names, and the user's own `file.py:attribute`."""

import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from trickbag.data import DATASETS, SAMPLE_OPERATIONS
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


def find(kind: str, name: str, base: Path, where: str) -> Factory:
    """What `name` stands for: a catalogue entry, a bridged model, or the user's own file.py:attribute.

    Raises InputError for an unknown name (with the nearest one) and for a file without that attribute.
    """
    if ".py:" in name:
        return _own(name, base, where)
    if kind == "model" and "/" in name:
        return find_model(name, base)
    if name not in CATALOGUE[kind]:
        raise unknown(kind, name, CATALOGUE[kind], where)
    return CATALOGUE[kind][name]


def _own(name: str, base: Path, where: str) -> Factory:
    """The attribute of the user's own Python file."""
    file, _, attribute = name.partition(":")
    path = base / file
    if Path(file).is_absolute() or ".." in Path(file).parts:
        raise InputError(f"{where}: {file}: a file of yours lies beside the study or recipe, or below")
    if not path.is_file():
        raise InputError(f"{where}: {path}: no such file")
    spec = importlib.util.spec_from_file_location(f"trickbag_own_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the user's code may raise anything
        raise InputError(f"{where}: {path} cannot be imported: {type(error).__name__}: {error}") from None
    if not hasattr(module, attribute):
        raise unknown("attribute", attribute, [n for n in vars(module) if n[0] != "_"], f"{where}: {path}")
    factory: Factory = getattr(module, attribute)
    return factory
