"""Any class folder: root/train/<class>/*.jpg and root/test or root/val, or just root/<class>/*.jpg."""

import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from trickbag.data.decode import decode, open_rgb
from trickbag.data.images import ImageSet
from trickbag.errors import InputError

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
_GIB = 2**30


def folder(root: Path | None, *, resize: int = 256) -> ImageSet:
    """The images of a class folder, held as `resize` × `resize` RGB in memory, sorted by path.

    The shorter side is resized (antialiased bilinear) and the centre square kept. Raises InputError for an
    image that cannot be decoded, a class with fewer than two training images, a set larger than the memory.
    """
    if resize < 1:
        raise InputError(f"folder: resize is {resize}; it must be at least 1 pixel")
    train, test = _parts(root)
    classes = tuple(path.name for path in _subfolders(train))
    train_files = {name: _images(train / name) for name in classes}
    test_files = {path.name: _images(path) for path in _subfolders(test)} if test else {}
    _check_classes(train, train_files, test, test_files)
    count = sum(map(len, [*train_files.values(), *test_files.values()]))
    _check_memory(f"{root}: {count} images of {resize}×{resize}", count * 3 * resize * resize)
    pairs = []
    for files in (train_files, test_files):
        paths = [path for name in classes for path in files.get(name, [])]
        labels = [label for label, name in enumerate(classes) for _ in files.get(name, [])]
        images = decode(paths, lambda path: _square(path, resize), resize, resize)
        pairs.append((images, np.array(labels, np.int64)))
    return ImageSet.of(pairs[0], pairs[1], classes)


def folder_files(root: Path | None) -> list[Path]:
    """The image files that `folder` reads."""
    return [path for part in _parts(root) if part for home in _subfolders(part) for path in _images(home)]


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


def _images(path: Path) -> list[Path]:
    """The image files of a class, at any depth, sorted by path; other files are left out."""
    return sorted(
        file
        for file in path.rglob("*")
        if file.suffix.lower() in _SUFFIXES and not file.name.startswith(".") and file.is_file()
    )


def _check_classes(
    train: Path, train_files: dict[str, list[Path]], test: Path | None, test_files: dict[str, list[Path]]
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


def _check_memory(what: str, needed: int) -> None:
    """InputError if `needed` bytes are more than what is free."""
    available = available_memory()
    if needed > available:
        raise InputError(
            f"{what} need {needed / _GIB:.1f} GiB of memory and {available / _GIB:.1f} GiB are available; "
            "use a smaller resize, fewer images or a larger machine"
        )


def available_memory() -> int:
    """Bytes of memory that can be used without swapping; unknown (no limit) outside Linux."""
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        return sys.maxsize
    fields = dict(line.split(":") for line in meminfo.read_text().splitlines())
    return int(fields["MemAvailable"].split()[0]) * 1024


def _square(path: Path, size: int) -> Image.Image:
    """The image's centre square after resizing the shorter side to `size`, as torchvision defines the two.

    Only the part that is kept is resized, so that an image of 1×10000 pixels costs no more than others.
    """

    def prepare(image: Image.Image) -> Image.Image:
        short = min(image.size)
        resized = [size * side // short for side in image.size]
        starts = [round((side - size) / 2) for side in resized]
        scales = [side / new for side, new in zip(image.size, resized, strict=True)]
        left, top = (start * scale for start, scale in zip(starts, scales, strict=True))
        right, bottom = ((start + size) * scale for start, scale in zip(starts, scales, strict=True))
        box = (left, top, min(right, image.width), min(bottom, image.height))
        return image.resize((size, size), Image.Resampling.BILINEAR, box=box)

    return open_rgb(path, os.fspath(path), prepare)
