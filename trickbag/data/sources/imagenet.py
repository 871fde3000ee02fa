"""ImageNet (ILSVRC 2012) as it is delivered or usually extracted: tars read in place, class folders, flat val/.

Each part is sorted by class, then by name, so that image ids agree between the layouts; but for Parquet, whose
rows stay in their order, and whose classes have names of their own.
"""

import os
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trickbag.data.encoded import Files, Labelled, Names, Source, Spans, no_images
from trickbag.data.sources.archives import Member, Read, check_single, is_image, opened, tar_members
from trickbag.data.sources.devkit import ARCHIVE as DEVKIT
from trickbag.data.sources.devkit import validation_classes
from trickbag.data.sources.folder import class_folder
from trickbag.data.sources.shards import has_shards, parquet_rows
from trickbag.errors import InputError

TRAIN = "ILSVRC2012_img_train.tar"
VALIDATION = "ILSVRC2012_img_val.tar"
LAYOUTS = (
    f"train/<wnid>/ or {TRAIN}; val/<wnid>/, or a flat val/ or {VALIDATION} with {DEVKIT}; or train*.parquet"
)
_PAGE = "image-net.org gives the files after registration"
_CLASS_BYTES = 8 * 2**30 - 1  # of the tar of one class
_AT_ONCE = 8  # requests for headers: three times as fast from a cold disk


def imagenet_source(root: Path | None) -> Source:
    """The images in the folder `root`, or beside the archive `root`; without validation images no test part.

    Raises InputError, one line, where nothing is recognised, a file is missing, or an archive is not safe.
    """
    if root is None or not root.exists():
        given = "machine.data_root is not set" if root is None else f"{root} does not exist"
        raise InputError(f"imagenet: {given}; give a folder with {LAYOUTS}; {_PAGE}")
    home = root.parent if root.is_file() else root
    validation = (home / "val").is_dir() or (home / VALIDATION).is_file()
    left_out: Mapping[str, int] = {}
    if _subfolders(home / "train"):
        if not validation:
            return class_folder(home)
        source = class_folder(home / "train")
        train, classes, left_out = source.train, source.classes, source.left_out
    elif (home / TRAIN).is_file():
        train, classes = _train_tar(home / TRAIN)
    elif has_shards(home):
        return parquet_rows(home)
    elif validation:
        raise InputError(f"{home}: has validation images, but no train/<wnid>/ and no {TRAIN}; {_PAGE}")
    elif len(_subfolders(home)) > 1:
        return class_folder(home)
    else:
        raise InputError(f"{home}: no ImageNet here; it can be {LAYOUTS}; {_PAGE}")
    test = _validation(home, classes) if validation else no_images()
    return Source(train, test, classes, left_out=left_out)


def _train_tar(path: Path) -> tuple[Labelled, tuple[str, ...]]:
    """The images in the tar of one tar per class, and the classes."""
    with opened(path) as (read, size):
        tars = sorted(tar_members(read, size, str(path), most_bytes=_CLASS_BYTES))
        check_single((tar.name for tar in tars), str(path))
        if len(tars) < 2:
            raise InputError(f"{path}: holds {len(tars)} classes; at least 2 are needed")
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            names, places = zip(*pool.map(partial(_class_tar, read, path), tars), strict=True)
    classes = tuple(tar.name.removesuffix(".tar") for tar in tars)
    starts, sizes = np.concatenate(places).T
    labels = np.repeat(np.arange(len(classes)), [len(part) for part in names])
    return Labelled(Spans(path, starts, sizes, _joined(names)), labels), classes


def _class_tar(read: Read, path: Path, tar: Member) -> tuple[Names, NDArray[np.int64]]:
    """The names of the images of a class, sorted, and where they lie: start and size, [N, 2]."""
    where = f"{path}: {tar.name}"
    if not re.fullmatch(r"n\d{8}\.tar", tar.name):
        raise InputError(f"{where}: is not the tar of a class, as n01440764.tar; take the official archive")
    members = tar_members(read, tar.start + tar.size, where, start=tar.start)
    images = sorted(member for member in members if is_image(member.name))
    check_single((image.name for image in images), where)
    if len(images) < 2:
        raise InputError(f"{where}: too few images for a class: {len(images)}; at least 2 are needed")
    wnid = tar.name.removesuffix(".tar")
    return Names.of(f"{wnid}/{image.name}" for image in images), np.array([image[1:] for image in images])


def _joined(parts: Sequence[Names]) -> Names:
    """The names of all parts; as lists they would take 150 MB."""
    before = np.cumsum([0, *(len(part.text) for part in parts)])
    ends = [part.ends + start for part, start in zip(parts, before, strict=False)]
    return Names(np.concatenate([part.text for part in parts]), np.concatenate(ends))


def _validation(home: Path, classes: tuple[str, ...]) -> Labelled:
    """The validation images: in class folders, flat in val/, or in their tar."""
    folder, tar = home / "val", home / VALIDATION
    folders, loose = _subfolders(folder), _images(folder)
    if folders and loose:
        raise InputError(f"{folder}: holds class folders and also loose images, as {loose[0]!r}")
    if not folders and not loose and tar.is_file():
        return _validation_tar(tar, home, classes)
    names = loose or [f"{wnid}/{name}" for wnid in folders for name in _images(folder / wnid)]
    if not names:
        raise InputError(f"{folder}: holds no images; it can be val/<wnid>/, a flat val/ or {VALIDATION}")
    wnids = _by_number(loose, home, folder) if loose else [name.split("/")[0] for name in names]
    order, labels = _ordered(names, wnids, classes, folder)
    return Labelled(Files(folder, Names.of(names[i] for i in order)), labels)


def _validation_tar(path: Path, home: Path, classes: tuple[str, ...]) -> Labelled:
    """The validation images in their tar, under the names that class folders would give them."""
    with opened(path) as (read, size):
        images = [member for member in tar_members(read, size, str(path)) if is_image(member.name)]
    check_single((image.name for image in images), str(path))
    files = [image.name for image in images]
    wnids = _by_number(files, home, path)
    order, labels = _ordered(files, wnids, classes, path)
    starts, sizes = np.array([images[i][1:] for i in order]).T
    return Labelled(Spans(path, starts, sizes, Names.of(f"{wnids[i]}/{files[i]}" for i in order)), labels)


def _by_number(files: Sequence[str], home: Path, where: Path) -> list[str]:
    """The wnids of validation images by the number in their names; InputError unless they are all there."""
    truth = validation_classes(home)
    numbers = []
    for name in files:
        match = re.fullmatch(r"ILSVRC2012_val_(\d{8})\.JPEG", name)
        if not match or not 1 <= int(match[1]) <= len(truth):
            raise InputError(
                f"{where}: {name!r} is not one of the {len(truth):,} validation images of the devkit"
            )
        numbers.append(int(match[1]))
    if len(files) != len(truth):
        raise InputError(
            f"{where}: has {len(files):,} images, and the devkit lists {len(truth):,}; some are missing"
        )
    return [truth[number - 1] for number in numbers]


def _ordered(
    names: Sequence[str], wnids: Sequence[str], classes: tuple[str, ...], where: Path
) -> tuple[list[int], NDArray[np.int64]]:
    """The order by class and name, and the labels in it; InputError for a class without training images."""
    number = {wnid: label for label, wnid in enumerate(classes)}
    for name, wnid in zip(names, wnids, strict=True):
        if wnid not in number:
            raise InputError(f"{where}: {name!r} is of class {wnid}, which has no training images")
    order = sorted(range(len(names)), key=lambda i: (number[wnids[i]], names[i]))
    return order, np.array([number[wnids[i]] for i in order], np.int64)


def _subfolders(path: Path) -> list[str]:
    """The names of the folders in a folder, but hidden ones, sorted; none where there is no such folder."""
    return [entry.name for entry in _entries(path) if entry.is_dir()]


def _images(path: Path) -> list[str]:
    """The names of the images in a folder, sorted; none where there is no such folder."""
    return [entry.name for entry in _entries(path) if is_image(entry.name) and entry.is_file()]


def _entries(path: Path) -> list[os.DirEntry[str]]:
    """What is in a folder and not hidden, sorted by name."""
    if not path.is_dir():
        return []
    with os.scandir(path) as entries:
        return sorted(
            (entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name
        )
