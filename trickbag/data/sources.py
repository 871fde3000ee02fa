"""The catalogue of data sets, and which files each reader reads."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from trickbag.data import cifar
from trickbag.data.cifar import cifar10, cifar100
from trickbag.data.digits import digits
from trickbag.data.folder import folder, folder_files
from trickbag.data.images import ImageSet

Reader = Callable[..., ImageSet]  # (root: Path | None, *, arguments of its own) -> ImageSet

DATASETS: dict[str, Reader] = {
    "digits": digits,
    "cifar10": cifar10,
    "cifar100": cifar100,
    "folder": folder,
    "imagenet": folder,
}

_FILES: dict[str, Callable[[Path | None], list[Path]]] = {
    "digits": lambda root: [],
    "cifar10": partial(cifar.locate, cifar.CIFAR10),
    "cifar100": partial(cifar.locate, cifar.CIFAR100),
    "folder": folder_files,
    "imagenet": folder_files,  # its usual layout is train/<wnid>/ and val/<wnid>/
}


def source_files(name: str, root: Path | None) -> list[Path]:
    """The files that make up a source; for a reader outside the catalogue, all the files under `root`."""
    if name in _FILES:
        return _FILES[name](root)
    if root is None or not root.is_dir():
        return [root] if root else []
    return sorted(path for path in root.rglob("*") if path.is_file())
