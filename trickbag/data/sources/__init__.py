"""The catalogue of data sets: those that are read as arrays, and those whose images stay encoded."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Literal

from trickbag.data.encoded import Source
from trickbag.data.images import ImageSet
from trickbag.data.index import survey
from trickbag.data.sources import cifar
from trickbag.data.sources.cifar import cifar10, cifar100
from trickbag.data.sources.digits import digits
from trickbag.data.sources.fashion_mnist import fashion_mnist, fashion_mnist_files
from trickbag.data.sources.folder import class_folder
from trickbag.data.sources.imagenet import imagenet_source
from trickbag.data.sources.tiny_imagenet import tiny_imagenet_source
from trickbag.data.view import View

Reader = Callable[..., ImageSet]  # (root: Path | None, *, arguments of its own) -> ImageSet
Finder = Callable[[Path | None], Source]

PREFIXES = ("folder", "parquet", "hub")  # of names that say where the images are, as in folder:PATH


def folder(
    root: Path | None,
    *,
    resize: int | None = None,
    form: Literal["squares", "originals"] = "squares",
    exif: Literal["ignore", "apply"] = "ignore",
    bad_files: int = 0,
) -> ImageSet:
    """Any class folder: root/train/<class>/ and root/test or root/val, or just root/<class>/."""
    return seen(class_folder(root), View(resize, form, exif, bad_files))


def imagenet(
    root: Path | None,
    *,
    resize: int | None = 256,
    form: Literal["squares", "originals"] = "originals",
    exif: Literal["ignore", "apply"] = "ignore",
    bad_files: int = 0,
) -> ImageSet:
    """ImageNet (ILSVRC 2012): the official tars, read in place, or class folders train/<wnid>/ and val/<wnid>/.

    Validation images that lie flat, in val/ or in their tar, need the official devkit for their classes.
    """
    return seen(imagenet_source(root), View(resize, form, exif, bad_files))


def tiny_imagenet(
    root: Path | None,
    *,
    resize: int | None = None,
    form: Literal["squares", "originals"] = "squares",
    exif: Literal["ignore", "apply"] = "ignore",
    bad_files: int = 0,
) -> ImageSet:
    """Tiny ImageNet, 200 classes, 64×64: tiny-imagenet-200.zip, read in place, or its extracted folder."""
    return seen(tiny_imagenet_source(root), View(resize, form, exif, bad_files))


def seen(source: Source, view: View) -> ImageSet:
    """The images of an encoded source, surveyed now."""
    return ImageSet.encoded(source, survey(source.train), survey(source.test), view)


DATASETS: Mapping[str, Reader] = {
    "digits": digits,
    "cifar10": cifar10,
    "cifar100": cifar100,
    "folder": folder,
    "fashion_mnist": fashion_mnist,
    "tiny_imagenet": tiny_imagenet,
    "imagenet": imagenet,
}
FINDERS: Mapping[str, Finder] = {
    "folder": class_folder,
    "tiny_imagenet": tiny_imagenet_source,
    "imagenet": imagenet_source,
}
"""How the images of an encoded data set are found; the readers of these names take the arguments of a View."""

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


def find_source(name: str, root: Path | None) -> Source | None:
    """The encoded images that `name` stands for; None where it is a data set of arrays."""
    finder = FINDERS.get(name)
    return finder(root) if finder else None
