"""Tiny ImageNet (Stanford's CS231n): 200 classes of 64×64 images, from the official zip or its folder, or Parquet.

The official test images have no labels, so the validation part is the test part.
"""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from trickbag.data.encoded import Encoded, Files, Labelled, Names, Source
from trickbag.data.sources.archives import is_image
from trickbag.data.sources.shards import has_shards, parquet_rows
from trickbag.data.sources.zipped import Zipped, zip_members
from trickbag.errors import InputError

FOLDER = "tiny-imagenet-200"
ARCHIVE = "tiny-imagenet-200.zip"
_PAGE = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
_CLASSES = "wnids.txt"
_ANNOTATIONS = "val/val_annotations.txt"


def tiny_imagenet_source(root: Path | None) -> Source:
    """The images in `root`, which holds the official zip or what was extracted from it, or is one of them.

    Raises InputError for a missing or unsafe archive, and for lists that do not fit the images.
    """
    if root is None or not root.exists():
        given = "machine.data_root is not set" if root is None else f"{root} does not exist"
        raise InputError(f"tiny_imagenet: {given}; give {ARCHIVE} from {_PAGE}, or its folder")
    if root.is_file():
        return parquet_rows(root) if root.suffix == ".parquet" else _from_zip(root)
    for folder in (root / FOLDER, root):
        if (folder / _CLASSES).is_file():
            return _from_folder(folder)
    if (root / ARCHIVE).is_file():
        return _from_zip(root / ARCHIVE)
    if has_shards(root):
        return parquet_rows(root)
    raise InputError(
        f"{root}: holds neither {ARCHIVE} nor {FOLDER}/ with {_CLASSES}, nor train*.parquet; "
        f"the archive is at {_PAGE}"
    )


def _from_folder(folder: Path) -> Source:
    """The extracted images."""

    def text(name: str) -> str:
        if not (folder / name).is_file():
            raise InputError(f"{folder / name} is missing; take the official archive from {_PAGE}")
        return (folder / name).read_text(errors="replace")

    train = (f"train/{wnid}/images" for wnid in _listed(folder / "train"))
    names = [f"{place}/{name}" for place in (*train, "val/images") for name in _listed(folder / place)]
    return _source(names, text, lambda some: Files(folder, Names.of(names[i] for i in some)), folder)


def _listed(folder: Path) -> list[str]:
    """The names in a folder; none where there is no such folder."""
    return os.listdir(folder) if folder.is_dir() else []


def _from_zip(path: Path) -> Source:
    """The images in the archive, in place."""
    members = [member for member in zip_members(path) if member.filename.startswith(f"{FOLDER}/")]
    names = [member.filename.removeprefix(f"{FOLDER}/") for member in members]

    def text(name: str) -> str:
        if name not in names:
            raise InputError(f"{path}: {FOLDER}/{name} is missing; take the official archive from {_PAGE}")
        return Zipped.of(path, [members[names.index(name)]], [name]).read(0).decode(errors="replace")

    def images(some: Sequence[int]) -> Zipped:
        return Zipped.of(path, [members[i] for i in some], (names[i] for i in some))

    return _source(names, text, images, path)


def _source(
    names: list[str], text: Callable[[str], str], images: Callable[[Sequence[int]], Encoded], where: Path
) -> Source:
    """The parts, each sorted by class and name, of the images among `names`."""
    classes = tuple(sorted(set(text(_CLASSES).split())))
    train, test = dict[int, str](), dict[int, str]()
    annotated = dict(line.split("\t")[:2] for line in text(_ANNOTATIONS).splitlines() if "\t" in line)
    for i, name in enumerate(names):
        match name.split("/") if is_image(name) else ():
            case ("train", wnid, "images", _):
                train[i] = wnid
            case ("val", "images", file):
                test[i] = annotated.pop(file, "unknown")
    if annotated:
        raise InputError(
            f"{where}: {f'val/images/{min(annotated)}'!r} is missing, and {_ANNOTATIONS} lists it"
        )
    _check_classes(train, names, classes, where)
    _check_classes(test, names, classes, where)
    counts = Counter(train.values())
    for wnid in classes:
        if counts[wnid] < 2:
            raise InputError(f"{where}: fewer than 2 training images of {wnid}, which {_CLASSES} lists")
    train_part, test_part = (_part(part, names, classes, images) for part in (train, test))
    return Source(train_part, test_part, classes)


def _check_classes(part: dict[int, str], names: list[str], classes: tuple[str, ...], where: Path) -> None:
    """InputError for an image of a class that is not in the list."""
    known = set(classes)
    unlisted = sorted((names[i], wnid) for i, wnid in part.items() if wnid not in known)
    for name, wnid in unlisted[:1]:
        raise InputError(f"{where}: {name!r} is of class {wnid!r}, which {_CLASSES} does not list")


def _part(
    part: dict[int, str],
    names: list[str],
    classes: tuple[str, ...],
    images: Callable[[Sequence[int]], Encoded],
) -> Labelled:
    """The images of a part (their numbers and classes), sorted by class and name."""
    number = {wnid: label for label, wnid in enumerate(classes)}
    order = sorted(part, key=lambda i: (number[part[i]], names[i]))
    return Labelled(images(order), np.array([number[part[i]] for i in order], np.int64))
