"""ImageNet's development kit: which class each validation image has."""

import gzip
import importlib
import io
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trickbag.data.sources.archives import tar_members
from trickbag.errors import InputError

ARCHIVE = "ILSVRC2012_devkit_t12.tar.gz"
FOLDER = "ILSVRC2012_devkit_t12"
_META = "data/meta.mat"
_TRUTH = "data/ILSVRC2012_validation_ground_truth.txt"
_MOST_BYTES = (
    64 * 2**20
)  # of the unpacked kit, and of the unpacked meta.mat; the official ones are far smaller
_COMPRESSED = 15  # the type of an element of a MAT file that zlib has packed


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
        return [wnids[int(line)] for line in read(_TRUTH).split()]
    except (ValueError, KeyError) as error:
        raise InputError(f"{where}{_TRUTH}: lists a class that {_META} does not have: {error}") from None


def _in_folder(folder: Path) -> tuple[Callable[[str], bytes], str]:
    """How to read an extracted file, and how its name begins in messages."""

    def read(name: str) -> bytes:
        with (folder / name).open("rb") as file:
            return file.read(_MOST_BYTES)

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
    _check_size(data, where)
    try:
        # Imported here since it costs 0.2 s, and only this file needs it.
        synsets = importlib.import_module("scipy.io").loadmat(io.BytesIO(data), variable_names=["synsets"])[
            "synsets"
        ]
        return dict(_leaf(synset) for synset in synsets.ravel() if int(synset["num_children"].item()) == 0)
    except Exception as error:  # scipy's parser raises nearly everything on broken input
        raise InputError(f"{where}: cannot be read as the kit's list of classes: {error!r}") from None


def _leaf(synset: Any) -> tuple[int, str]:
    """Id and wnid of an entry; ValueError where they are not that."""
    wnid = synset["WNID"].item()
    if not isinstance(wnid, str) or not re.fullmatch(r"n\d{8}", wnid):
        raise ValueError(f"{wnid!r} is no wnid")
    return int(synset["ILSVRC2012_ID"].item()), wnid


def _check_size(data: bytes, where: str) -> None:
    """InputError for what is not MATLAB's format 5, or whose elements unpack to too many bytes."""
    order: Any = {b"IM": "little", b"MI": "big"}.get(data[126:128])
    if not data.startswith(b"MATLAB 5.0") or order is None:
        raise InputError(f"{where}: is not a MAT file of format 5; take the official kit")
    position, unpacked = 128, 0
    while position + 8 <= len(data):
        kind, size = (int.from_bytes(data[at : at + 4], order) for at in (position, position + 4))
        position += 8
        if kind == _COMPRESSED:
            try:
                element = zlib.decompressobj().decompress(data[position : position + size], _MOST_BYTES)
            except zlib.error as error:
                raise InputError(f"{where}: damaged: {error}; take the official kit") from None
            unpacked += len(element)
        if unpacked >= _MOST_BYTES:
            raise InputError(f"{where}: unpacks to {_MOST_BYTES:,} bytes and more; take the official kit")
        position += size
