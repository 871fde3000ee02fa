"""The catalogue of data sets: those that are read as arrays, and those whose images stay encoded."""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from trickbag.data.encoded import Source
from trickbag.data.images import ImageSet
from trickbag.data.names import kind_of, place_of
from trickbag.data.sources import cifar
from trickbag.data.sources.cifar import cifar10, cifar100
from trickbag.data.sources.digits import digits
from trickbag.data.sources.encoded_sets import folder, hub, imagenet, parquet, tiny_imagenet
from trickbag.data.sources.fashion_mnist import fashion_mnist, fashion_mnist_files
from trickbag.data.sources.folder import class_folder
from trickbag.data.sources.imagenet import imagenet_source
from trickbag.data.sources.shards import parquet_rows
from trickbag.data.sources.tiny_imagenet import tiny_imagenet_source

Reader = Callable[..., ImageSet]  # (root: Path | None, *, arguments of its own) -> ImageSet
Finder = Callable[..., Source]  # (root: Path | None, arguments that decide what is found)

DATASETS: Mapping[str, Reader] = {
    "digits": digits,
    "cifar10": cifar10,
    "cifar100": cifar100,
    "fashion_mnist": fashion_mnist,
    "tiny_imagenet": tiny_imagenet,
    "imagenet": imagenet,
    "folder": folder,
    "parquet": parquet,
    "hub": hub,
}
FINDERS: Mapping[str, Finder] = {
    "tiny_imagenet": tiny_imagenet_source,
    "imagenet": imagenet_source,
    "folder": class_folder,
    "parquet": parquet_rows,
    "hub": parquet_rows,
}
"""How the images of an encoded data set are found; their readers take these arguments and those of a View."""

_FILES: Mapping[str, Callable[[Path | None], list[Path]]] = {
    "digits": lambda root: [],
    "cifar10": partial(cifar.locate, cifar.CIFAR10),
    "cifar100": partial(cifar.locate, cifar.CIFAR100),
    "fashion_mnist": fashion_mnist_files,
}


def source_files(name: str, root: Path | None) -> list[Path]:
    """The files that an array source is read from; for a reader outside the catalogue, all under `root`."""
    if name in _FILES:
        return _FILES[name](root)
    if root is None or not root.is_dir():
        return [root] if root else []
    return sorted(path for path in root.rglob("*") if path.is_file())


def find_source(
    name: str, root: Path | None, arguments: Mapping[str, Any] = MappingProxyType({})
) -> Source | None:
    """The encoded images that `name` stands for, at the path in it or else at `root`.

    `arguments`: of the reader; those count that decide what is found. None where it is a data set of arrays.
    """
    finder = FINDERS.get(kind_of(name))
    return finder(place_of(name, root), **deciding(name, arguments)) if finder else None


def deciding(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a reader's arguments that decide which encoded images are found, where they are given."""
    own = list(inspect.signature(FINDERS[kind_of(name)]).parameters)[1:]
    return {key: arguments[key] for key in own if arguments.get(key) is not None}
