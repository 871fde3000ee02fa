"""The words after the name of a data set: its arguments, and the machine's."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trickbag.errors import InputError
from trickbag.recipe import Data, Machine, parse_overrides, validate

if TYPE_CHECKING:
    from trickbag.data import ImageSet


def parted(words: Sequence[str], root: Path | None = None) -> tuple[dict[str, Any], Machine]:
    """`field=value` words as a patch, and the machine that those beginning with `machine.` describe.

    `root` is the machine's data_root. Nobody trains here: images are left as they lie, which is why memory_gib is
    refused, and a GPU is left to others unless machine.device asks for it.
    """
    patch = parse_overrides(words)
    machine = {
        path.removeprefix("machine."): patch.pop(path) for path in list(patch) if path.startswith("machine.")
    }
    if "memory_gib" in machine:
        raise InputError("machine.memory_gib: images are looked at as they lie here, not held; leave it out")
    if root is not None:
        machine["data_root"] = str(root)
    return patch, validate(Machine, {"device": "cpu", **machine, "memory_gib": 0}, "machine.")


def opened(name: str, patch: dict[str, Any], machine: Machine) -> "ImageSet":
    """The data set of that name with its arguments, given as `resize=64` or `data.resize=64`; encoded where it is."""
    from trickbag.train import open_data

    fields = {path.removeprefix("data."): value for path, value in patch.items()}
    return open_data(validate(Data, {"name": name, **fields}, "data."), machine)
