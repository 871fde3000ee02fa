"""Where the official files of the data sets are, and what they must be."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from trickbag.data.fetch.download import download
from trickbag.data.fetch.part import need_room, part_path
from trickbag.data.progress import Tell
from trickbag.data.sources.cifar import CIFAR10, CIFAR100
from trickbag.data.sources.fashion_mnist import FILES as FASHION_MNIST
from trickbag.errors import InputError

MIRROR = "TRICKBAG_MIRROR"
"""Environment variable: the address of a folder that holds the official files, used instead of theirs."""


class File(NamedTuple):
    """A file of a data set."""

    home: str  # address of its folder
    name: str
    size: int  # bytes
    checksum: str


_TORONTO = "https://www.cs.toronto.edu/~kriz"
_STANFORD = "http://cs231n.stanford.edu"
_FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"

# Fashion-MNIST's address is that of torchvision.datasets.FashionMNIST. No sum for Tiny ImageNet was found at
# Stanford: size and MD5 are the ones that public data-set classes agree on.
OFFICIAL: Mapping[str, tuple[File, ...]] = {
    "cifar10": (File(_TORONTO, CIFAR10.archive, 170_498_071, f"md5:{CIFAR10.archive_md5}"),),
    "cifar100": (File(_TORONTO, CIFAR100.archive, 169_001_437, f"md5:{CIFAR100.archive_md5}"),),
    "fashion_mnist": tuple(
        File(_FASHION, f"{file.name}.gz", size, f"md5:{file.md5}")
        for file, size in zip(FASHION_MNIST, (26_421_880, 29_515, 4_422_102, 5_148), strict=True)
    ),
    "tiny_imagenet": (
        File(_STANFORD, "tiny-imagenet-200.zip", 248_100_043, "md5:90528d7ca1a48142e341f4ef8d21d0de"),
    ),
}


def fetch_official(name: str, into: Path, tell: Tell) -> Path:
    """All the files of a data set of the table, in `into`."""
    files = OFFICIAL[name]
    into.mkdir(parents=True, exist_ok=True)
    need_room(into, sum(_missing(file, into) for file in files))
    for file in files:
        try:
            download(_url(file), into / file.name, size=file.size, checksum=file.checksum, tell=tell)
        except InputError as error:
            raise InputError(
                f"{error}; or get {file.name} elsewhere and give its folder with --from"
            ) from None
    return into


def _url(file: File) -> str:
    """Where to take a file: from the mirror where one is set."""
    home = os.environ.get(MIRROR) or file.home
    if not home.startswith(("http://", "https://")):
        raise InputError(f"{MIRROR} is {home!r}; it is an address that begins with http:// or https://")
    return f"{home.rstrip('/')}/{file.name}"


def _missing(file: File, into: Path) -> int:
    """How many bytes of a file are still to come."""
    path = into / file.name
    if path.is_file():
        return 0
    part = part_path(path)
    return max(0, file.size - (part.stat().st_size if part.is_file() else 0))
