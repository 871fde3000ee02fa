"""Image data sets as Parquet files in the Hugging Face layout: image struct{bytes, path}, integer labels."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from trickbag.data.decoding.decode import Pixels, decode
from trickbag.data.encoded import printable
from trickbag.data.threads import each
from trickbag.errors import InputError

T = TypeVar("T")

_IMAGE_COLUMNS = ("img", "image")


def parquet_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """The shards (train, test) in a folder or one of the sub-folders, sorted; both empty if there is none."""
    train, test = (
        sorted(folder.glob(f"{part}*.parquet")) or sorted(folder.glob(f"*/{part}*.parquet"))
        for part in ("train", "test")
    )
    homes = sorted({str(path.parent) for path in (*train, *test)})
    if len(homes) > 1:
        raise InputError(f"{folder}: Parquet files in several folders ({', '.join(homes)}); name one of them")
    if bool(train) != bool(test):
        missing = "test" if train else "train"
        raise InputError(f"{homes[0]}: there are no {missing}*.parquet files beside the others")
    return train, test


def read_parquet(
    files: Sequence[Path], label_column: str, height: int, width: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All the rows of the shards, in order: images uint8 [N, 3, height, width] and labels int64 [N]."""
    parts = [_read_file(path, label_column, height, width) for path in files]
    if len(parts) == 1:  # the copy below would cost another 150 MB for CIFAR-10
        return parts[0]
    return np.concatenate([images for images, _ in parts]), np.concatenate([labels for _, labels in parts])


def class_labels(path: Path) -> dict[str, tuple[str, ...]]:
    """Column → class names, of those that the schema's `huggingface` metadata tells to be classes."""
    metadata = schema_of(path).metadata or {}
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
        named = {str(column): feature["names"] for column, feature in features.items() if "names" in feature}
    except (ValueError, TypeError, AttributeError, RecursionError):  # it is whoever's text
        return {}
    return {
        column: tuple(names)
        for column, names in named.items()
        if isinstance(names, list) and names and all(isinstance(name, str) for name in names)
    }


def from_file(path: Path, read: Callable[[pq.ParquetFile], T]) -> T:
    """What `read` takes from a file; InputError where it is no readable Parquet file."""
    try:
        with pq.ParquetFile(path) as file:
            return read(file)
    except InputError:
        raise
    except Exception as error:  # pyarrow raises nearly everything on broken input
        said = " ".join(str(error).split())
        raise InputError(f"{printable(path)}: is not a readable Parquet file: {said}") from error


def schema_of(path: Path) -> pa.Schema:
    """The schema of a file."""
    return from_file(path, lambda file: file.schema_arrow)


def _read_file(
    path: Path, label_column: str, height: int, width: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images and labels of one file."""
    known = schema_of(path).names
    image_column = next((name for name in _IMAGE_COLUMNS if name in known), None)
    if image_column is None or label_column not in known:
        wanted = f"'img' or 'image', and {label_column!r}"
        raise InputError(f"{path}: has the columns {', '.join(known)}; needed are {wanted}")
    table = from_file(path, lambda file: file.read(columns=[image_column, label_column]))
    try:
        images = [row["bytes"] for row in table[image_column].to_pylist()]
        labels = table[label_column].to_numpy().astype(np.int64, casting="safe")
    except (pa.ArrowException, ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{path}: cannot be read as images (struct with bytes) and labels: {error}"
        ) from error
    out = np.empty((len(images), 3, height, width), np.uint8)

    def read(row: int) -> None:
        out[row] = _image(row, path, images, height, width).transpose(2, 0, 1)

    each(read, len(images))
    return out, labels


def _image(row: int, path: Path, images: list[bytes], height: int, width: int) -> Pixels:
    """The decoded image of a row, of the size the data set has."""
    where = f"{path}, row {row}"
    pixels = decode(images[row], where)
    if pixels.shape[:2] != (height, width):
        found = f"{pixels.shape[1]}×{pixels.shape[0]}"
        raise InputError(f"{where}: the image cannot be read (it is {found}, expected {width}×{height})")
    return pixels
