"""Any class folder: root/train/<class>/*.jpg and root/test or root/val, or just root/<class>/*.jpg."""

import os
from pathlib import Path

import numpy as np

from trickbag.data.encoded import Files, Labelled, Names, Source, no_images
from trickbag.errors import InputError

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}


def class_folder(root: Path | None) -> Source:
    """The image files of a class folder, sorted by class and path.

    Raises InputError for a folder without classes, a class with fewer than two training images, and a class
    that only the test part has.
    """
    train, test = _parts(root)
    classes = tuple(path.name for path in _subfolders(train))
    train_files = {name: _images(train / name) for name in classes}
    test_files = {path.name: _images(path) for path in _subfolders(test)} if test else {}
    _check_classes(train, train_files, test, test_files)
    return Source(
        _labelled(train, train_files, classes),
        _labelled(test, test_files, classes) if test else no_images(),
        classes,
    )


def _labelled(home: Path, files: dict[str, list[str]], classes: tuple[str, ...]) -> Labelled:
    """The files of a part with their labels, in the order of the classes."""
    counts = [len(files.get(name, ())) for name in classes]
    names = Names.of(f"{name}/{path}" for name in classes for path in files.get(name, ()))
    return Labelled(Files(home, names), np.repeat(np.arange(len(classes)), counts))


def _parts(root: Path | None) -> tuple[Path, Path | None]:
    """The folders that hold the training and the test classes."""
    if root is None or not root.is_dir():
        given = "machine.data_root is not set" if root is None else f"{root} is not a folder"
        raise InputError(f"folder: {given}; give a folder with train/<class>/ or <class>/ sub-folders")
    test = next((root / name for name in ("test", "val") if (root / name).is_dir()), None)
    if (root / "train").is_dir():
        return root / "train", test
    if test:
        raise InputError(
            f"{root}: has {test.name}/ but no train/; put the training classes in train/<class>/"
        )
    return root, None


def _subfolders(path: Path) -> list[Path]:
    """The class folders, sorted by name; hidden ones are left out."""
    return sorted(child for child in path.iterdir() if child.is_dir() and not child.name.startswith("."))


def _images(path: Path) -> list[str]:
    """The image files of a class, at any depth, as paths below it, sorted; other files are left out."""
    found = []
    for home, _, files in os.walk(path, followlinks=True):
        below = os.path.relpath(home, path)
        found += [
            os.path.normpath(os.path.join(below, name))
            for name in files
            if os.path.splitext(name)[1].lower() in SUFFIXES and not name.startswith(".")
        ]
    return sorted(found)


def _check_classes(
    train: Path, train_files: dict[str, list[str]], test: Path | None, test_files: dict[str, list[str]]
) -> None:
    """InputError for no classes at all, a class with too few images, or one that only the test part has."""
    if len(train_files) < 2:
        raise InputError(f"{train}: has {len(train_files)} class folders; at least 2 are needed")
    for name, files in train_files.items():
        if len(files) < 2:
            raise InputError(
                f"{train / name}: too few images for a class: {len(files)}; at least 2 are needed"
            )
    for name in test_files:
        if name not in train_files:
            raise InputError(f"{test}/{name}: there is no class of this name in {train}")
