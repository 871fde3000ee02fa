"""ImageNet's development kit: which class each validation image has."""

import gzip
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trickbag.data.sources.archives import tar_members
from trickbag.data.sources.matlab import MOST_BYTES, read_structures
from trickbag.errors import InputError

ARCHIVE = "ILSVRC2012_devkit_t12.tar.gz"
FOLDER = "ILSVRC2012_devkit_t12"
_META = "data/meta.mat"
_TRUTH = "data/ILSVRC2012_validation_ground_truth.txt"
_MOST_BYTES = 64 * 2**20  # of the unpacked kit; the official one has 2.5 million, packed


def validation_classes(home: Path) -> list[str]:
    """The wnid of every validation image, in the order of their numbers, from the kit in `home`.

    It may be the archive, or what was extracted from it. Raises InputError where it is missing or damaged.
    """
    folder = next((place for place in (home / FOLDER, home) if (place / _META).is_file()), None)
    if folder is None and not (home / ARCHIVE).is_file():
        raise InputError(
            f"{home}: {ARCHIVE} (or {FOLDER}/{_META}), which says the classes of the validation images, "
            "is missing; image-net.org gives it after registration"
        )
    read, where = _in_folder(folder) if folder else _in_archive(home / ARCHIVE)
    wnids = _wnids(read(_META), f"{where}{_META}")
    try:
        truth = [wnids[int(line)] for line in read(_TRUTH).split()]
    except (ValueError, KeyError) as error:
        raise InputError(f"{where}{_TRUTH}: lists a class that {_META} does not have: {error}") from None
    if not truth:
        raise InputError(f"{where}{_TRUTH}: is empty; take the official kit")
    return truth


def _in_folder(folder: Path) -> tuple[Callable[[str], bytes], str]:
    """How to read an extracted file, and how its name begins in messages."""

    def read(name: str) -> bytes:
        try:
            with (folder / name).open("rb") as file:
                return file.read(MOST_BYTES)
        except OSError as error:
            raise InputError(
                f"{folder / name}: cannot be read: {error.strerror}; take the official kit"
            ) from None

    return read, f"{folder}/"


def _in_archive(path: Path) -> tuple[Callable[[str], bytes], str]:
    """How to read a file of the archive, which is unpacked in memory, and how its name begins in messages."""
    try:
        with gzip.open(path) as stream:
            data = stream.read(_MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be unpacked: {error}; download it again") from None
    if len(data) > _MOST_BYTES:
        raise InputError(f"{path}: more than {_MOST_BYTES:,} bytes unpacked, so it is not the official file")
    members = tar_members(lambda length, offset: data[offset : offset + length], len(data), str(path))
    files = {member.name: data[member.start : member.start + member.size] for member in members}

    def read(name: str) -> bytes:
        if f"{FOLDER}/{name}" not in files:
            raise InputError(f"{path}: {FOLDER}/{name} is missing; download it again")
        return files[f"{FOLDER}/{name}"]

    return read, f"{path}: {FOLDER}/"


def _wnids(data: bytes, where: str) -> dict[int, str]:
    """ILSVRC2012 id → wnid of the classes without children, of which the images are."""
    try:
        synsets = read_structures(data, "synsets", where)
        return dict(_leaf(synset) for synset in synsets if synset["num_children"] == [0])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{where}: is not the kit's list of classes: {error}; take the official kit"
        ) from None


def _leaf(synset: dict[str, Any]) -> tuple[int, str]:
    """Id and wnid of an entry; ValueError where they are not that."""
    (number,), wnid = synset["ILSVRC2012_ID"], synset["WNID"]
    if not isinstance(wnid, str) or not re.fullmatch(r"n\d{8}", wnid):
        raise ValueError(f"{wnid!r} is no wnid")
    return int(number), wnid
