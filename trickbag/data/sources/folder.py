"""Any class folder: root/train/<class>/*.jpg and root/test or root/val, or just root/<class>/*.jpg."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from trickbag.data.encoded import Files, Labelled, Names, Source, listed, no_images, printable
from trickbag.errors import InputError

SUFFIXES = {
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".png",
    ".bmp",
    ".gif",
    ".webp",
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
}


def class_folder(root: Path | None) -> Source:
    """The image files of a class folder, sorted by class and path.

    Raises InputError for a folder without classes, a class with fewer than two training images, and a class
    that only the test part has.
    """
    train, test = _parts(root)
    classes = _subfolders(train)
    if len(classes) < 2:
        raise InputError(f"{printable(train)}: has {len(classes)} class folders; at least 2 are needed")
    test_classes = _subfolders(test) if test else []
    for name in sorted(set(test_classes) - set(classes)):
        raise InputError(
            f"{printable(f'{test}/{name}')}: there is no class of this name in {printable(train)}"
        )
    left_out = Counter[str]()
    return Source(
        _labelled(train, classes, left_out, least=2),
        _labelled(test, classes, left_out, present=set(test_classes)) if test else no_images(),
        tuple(map(printable, classes)),
        left_out=dict(left_out),
    )


def _labelled(
    home: Path,
    classes: Sequence[str],
    left_out: Counter[str],
    *,
    present: set[str] | None = None,
    least: int = 0,
) -> Labelled:
    """The files of a part with their labels, in the order of the classes, of which not all need be `present`."""
    counts = []

    def names() -> Iterator[str]:
        for name in classes:
            here = Counter[str]()
            found = sorted(_images(f"{home}/{name}", here)) if present is None or name in present else []
            if len(found) < least:
                beside = f", beside {listed(here)}" if here else ""
                raise InputError(
                    f"{printable(home / name)}: too few images for a class: {len(found)}{beside}; "
                    f"at least {least} are needed"
                )
            left_out.update(here)
            counts.append(len(found))
            for path in found:
                yield f"{name}/{path}"

    packed = Names.of(names())
    return Labelled(Files(home, packed), np.repeat(np.arange(len(classes)), counts))


def _parts(root: Path | None) -> tuple[Path, Path | None]:
    """The folders that hold the training and the test classes."""
    if root is None or not root.is_dir():
        given = "machine.data_root is not set" if root is None else f"{printable(root)} is not a folder"
        raise InputError(f"folder: {given}; give a folder with train/<class>/ or <class>/ sub-folders")
    test = next((root / name for name in ("test", "val") if (root / name).is_dir()), None)
    if (root / "train").is_dir():
        return root / "train", test
    if test:
        raise InputError(
            f"{printable(root)}: has {test.name}/ but no train/; put the training classes in train/<class>/"
        )
    return root, None


def _subfolders(path: Path) -> list[str]:
    """The names of the class folders, sorted; hidden ones are left out."""
    with os.scandir(path) as entries:
        return sorted(entry.name for entry in entries if entry.name[0] != "." and entry.is_dir())


def _images(
    home: str, left_out: Counter[str], below: str = "", above: frozenset[tuple[int, int]] = frozenset()
) -> Iterator[str]:
    """The image files of a class at any depth, as paths below it; other files are counted, hidden ones are not.

    A million of them must not cost a million stats. InputError for a link that leads back to a folder `above`.
    """
    found = os.stat(home)
    here = (found.st_dev, found.st_ino)
    if here in above:
        raise InputError(f"{printable(home)}: a link back to a folder that it lies in; remove it")
    with os.scandir(home) as entries:
        for entry in entries:
            if entry.name[0] == ".":
                continue
            if entry.is_dir():
                yield from _images(entry.path, left_out, f"{below}{entry.name}/", above | {here})
            elif (ending := os.path.splitext(entry.name)[1].lower()) in SUFFIXES:
                yield below + entry.name
            else:
                left_out[ending] += 1
