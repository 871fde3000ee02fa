"""Trying parts of a recipe before anything is written: what cannot work shows now, in one clear line."""

import json
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from trickbag.errors import InputError
from trickbag.models import build_model, without_normalisation
from trickbag.recipe import Model, NotApplicable, Recipe, thaw
from trickbag.rng import Streams
from trickbag.train.arguments import arguments, names_of
from trickbag.train.catalogue import PASSED, find, is_own
from trickbag.train.operations.batch import resized_side
from trickbag.train.operations.predict import scaled_side
from trickbag.train.resolved import Resolved


@contextmanager
def own_code(name: str, where: str) -> Iterator[None]:
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


def own_place(error: Exception, sources: Iterable[str]) -> str:
    """Where in the user's own files an error arose, as ` (my_lab.py, line 12)`; empty where it did not."""
    frames = reversed(traceback.extract_tb(error.__traceback__))
    places = ((Path(frame.filename), frame.lineno) for frame in frames)
    found = ((name, line) for path, line in places for name in sources if _is_file(path, name))
    name, line = next(found, ("", None))
    return f" ({name}, line {line})" if name else ""


def _is_file(path: Path, name: str) -> bool:
    """Whether a path is that of a file named relative to some folder."""
    parts = Path(name).parts
    return path.parts[-len(parts) :] == parts


def model_arguments(recipe: Recipe, base: Path) -> list[str] | None:
    """The arguments that a recipe may give to its network; None where it takes any."""
    names = names_of(find("model", recipe.model.name, base, "model.name"))
    return None if names is None else [name for name in names if name not in PASSED["model"]]


def model_parts(recipe: Recipe, resolved: Resolved, base: Path) -> tuple[Any, dict[str, Any], int, int]:
    """Factory, arguments, classes and channels of the recipe's network."""
    factory = find("model", recipe.model.name, base, "model.name")
    args = arguments(factory, recipe.model.arguments, "model", PASSED["model"])
    return factory, args, resolved.num_classes, resolved.in_channels


def try_model(recipe: Recipe, resolved: Resolved) -> None:
    """Build the recipe's network on the meta device: nothing is drawn; InputError where its arguments are wrong."""
    parts = model_parts(recipe, resolved, resolved.base)
    with own_code(recipe.model.name, "model.name"):
        build_model(*parts, streams=None)


def try_augmentation(recipe: Recipe, resolved: Resolved, base: Path) -> torch.Size:
    """Build the sample operations and let them see two images, so that what cannot work shows now.

    Returns the shape of what comes out.
    """
    ids = resolved.train_ids[:2]
    x, draws = resolved.images.some(ids), Streams(0).images(0, ids)
    for name, given in sorted(recipe.sample.items()):
        factory = find("sample", name, base, "sample")
        if not is_own(name):  # a user's own may be slow, or wrong in ways that are a run's outcome
            x = factory(**arguments(factory, given, f"sample.{name}"))(x, draws)
    return x.shape


def try_network(recipe: Recipe, resolved: Resolved, shape: torch.Size) -> None:
    """Show the network images of every size that it will meet, on the meta device.

    `shape` is that of augmented images. InputError where it cannot be trained or evaluated so.
    """
    sizes = (resolved.num_classes, resolved.in_channels)
    files = json.dumps(thaw(recipe.sources), sort_keys=True)

    def heads_at(shape: torch.Size, training: bool) -> int:
        return _auxiliary_heads(recipe.model.model_dump_json(), resolved.base, sizes, shape, training, files)

    with own_code(recipe.model.name, "model.name"):
        heads = heads_at(shape, True)
        for other, training in other_shapes(recipe, resolved, shape):
            heads_at(other, training)
    if "auxiliary" in recipe.loss and not heads:
        raise NotApplicable(
            f"loss.auxiliary: model {recipe.model.name} has no auxiliary head; set model.auxiliary: true"
        )
    if heads and "auxiliary" not in recipe.loss and recipe.model.arguments.get("auxiliary"):
        raise InputError("model.auxiliary: nothing trains the auxiliary head; add loss.auxiliary")


def other_shapes(recipe: Recipe, resolved: Resolved, shape: torch.Size) -> list[tuple[torch.Size, bool]]:
    """Sizes other than that of augmented images at which the network will be trained (True) or evaluated (False)."""
    *lead, height, width = shape
    found = []
    if growing := recipe.batch.get("progressive_resizing"):
        first = [resized_side(side, growing["start"], growing["multiple"]) for side in (height, width)]
        found.append((torch.Size([*lead, *first]), True))
    crop, whole = recipe.data.crop, resolved.images.size
    scale = recipe.predict.get("resize", {}).get("scale", 1.0)
    sides = [scaled_side(side, scale) for side in (whole if crop is None else (crop, crop))]
    if sides != [height, width]:
        found.append((torch.Size([*lead, *sides]), False))
    return found


@lru_cache(maxsize=256)  # most arms of a study share their network
def _auxiliary_heads(
    model_json: str, base: Path, sizes: tuple[int, int], shape: torch.Size, training: bool, files: str
) -> int:
    """Build a network, let it see images of a shape, and count the answers beside the first."""
    entry = Model.model_validate_json(model_json)
    factory = find("model", entry.name, base, "model.name")
    model = build_model(factory, arguments(factory, entry.arguments, "model", PASSED["model"]), *sizes, None)
    try:
        with torch.no_grad():
            answer = without_normalisation(model).train(training)(torch.empty(shape, device="meta"))
    except (RuntimeError, ValueError, AssertionError) as error:
        if "meta" in str(error):  # it looks at numbers, which are not there: the run will tell
            return 0
        reason, size = str(error).partition("\n")[0], "x".join(map(str, shape[2:]))
        raise InputError(f"model {entry.name}: cannot take images of {size} pixels: {reason}") from None
    return len(answer) - 1 if isinstance(answer, tuple) else 0
