"""Parquet shards in the layout of the Hugging Face hub as an encoded data set."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from trickbag.data.encoded import Labelled, Source, no_images, printable
from trickbag.data.sources.parquet import class_labels, from_file, schema_of
from trickbag.data.sources.rows import HELD, Group, Rows
from trickbag.errors import InputError

MOST_CLASSES = 100_000  # without names; a larger label is none, and would make as many names


def parquet_rows(root: Path | None, label: str | None = None) -> Source:
    """The rows of the shards train*.parquet, and of test* or, where those have no labels, validation*, at `root`.

    `label`: the column of the classes (null: `label`, or the only one of type ClassLabel). Rows stay in their
    order, since reading them in another would read every group many times. Raises InputError for missing shards
    or columns, for labels outside the classes, and for fewer than two of these.
    """
    train = _shards(root, "train")
    columns = _columns(train[0], label)
    parts = _part(train, *columns), _test_part(root, *columns)
    classes = class_labels(train[0]).get(columns[1]) or _numbers(parts, columns[1])
    for part in parts:
        _check_labels(part, columns[1], len(classes))
    if not len(parts[0].labels):
        raise InputError(f"{printable(train[0])}: there are no training images in the shards")
    if len(classes) < 2:
        raise InputError(f"{printable(train[0])}: {columns[1]} has 1 class; at least 2 are needed")
    shuffled = sum(part.images.nbytes for part in parts) > HELD
    return Source(*parts, tuple(map(printable, classes)), slow=shuffled)


def _numbers(parts: Sequence[Labelled], label: str) -> tuple[str, ...]:
    """The names of classes that have none: their numbers."""
    for part in parts:
        for i in np.flatnonzero(part.labels >= MOST_CLASSES)[:1].tolist():
            raise InputError(
                f"{part.images.where(i)}: {label} is {part.labels[i]}, and the shards name no classes; "
                f"then it must be less than {MOST_CLASSES:,}"
            )
    return tuple(map(str, range(max(int(part.labels.max(initial=-1)) for part in parts) + 1)))


def _check_labels(part: Labelled, label: str, classes: int) -> None:
    """InputError for a label outside the classes."""
    for i in np.flatnonzero((part.labels < 0) | (part.labels >= classes))[:1].tolist():
        raise InputError(f"{part.images.where(i)}: {label} is {part.labels[i]}, outside 0 … {classes - 1}")


def has_shards(root: Path) -> bool:
    """Whether there are training shards at `root`."""
    return any(next(root.glob(layout), None) for layout in _layouts("train"))


def _layouts(part: str) -> tuple[str, ...]:
    """Where the shards of a part may lie."""
    return f"{part}*.parquet", f"{part}/*.parquet", f"*/{part}*.parquet", f"*/{part}/*.parquet"


def _shards(root: Path | None, part: str) -> list[Path]:
    """The files of a part, sorted; InputError where there are none of the training part."""
    if root is None or not root.exists():
        given = "machine.data_root is not set" if root is None else f"{printable(root)} does not exist"
        raise InputError(f"parquet: {given}; give a folder with train*.parquet")
    if root.is_file():
        return [root] if part == "train" else []
    found = next((files for layout in _layouts(part) if (files := sorted(root.glob(layout)))), [])
    homes = sorted({printable(path.parent) for path in found})
    if len(homes) > 1:
        raise InputError(
            f"{printable(root)}: Parquet files in several folders ({', '.join(homes)}); name one of them"
        )
    if not found and part == "train":
        raise InputError(f"{printable(root)}: holds no train*.parquet")
    return found


def _test_part(root: Path | None, image: str, label: str) -> Labelled:
    """The test images; those of the validation part where there are none, or the hub keeps their labels back."""
    for name in ("test", "validation", "valid", "val"):
        files = _shards(root, name)
        if not any(label in schema_of(path).names for path in files):
            continue
        part = _part(files, image, label)
        if (part.labels != -1).any():
            return part
    return no_images()


def _part(files: Sequence[Path], image: str, label: str) -> Labelled:
    """The rows of some shards."""
    found = [(group, labels) for path in files for group, labels in _groups(path, image, label)]
    labels = np.concatenate([np.empty(0, np.int64), *(labels for _, labels in found)])
    return Labelled(Rows([group for group, _ in found], image), labels)


def _groups(path: Path, image: str, label: str) -> Iterator[tuple[Group, NDArray[np.int64]]]:
    """The row groups of a shard with their labels."""
    schema = schema_of(path)
    if image not in schema.names or label not in schema.names:
        known = ", ".join(schema.names)
        raise InputError(f"{printable(path)}: has the columns {known}; the first shard has {image}, {label}")
    labels = from_file(path, lambda file: file.read(columns=[label])[label])
    if labels.null_count or not pa.types.is_integer(labels.type):
        raise InputError(f"{printable(path)}: {label} must be an integer in every row")
    values = labels.to_numpy().astype(np.int64)
    sizes = from_file(path, lambda file: _sizes(file.metadata))
    if sum(sizes) != len(values) or min(sizes, default=0) < 0:
        raise InputError(f"{printable(path)}: is not a readable Parquet file: rows are missing")
    before = 0
    for number, rows in enumerate(sizes):
        yield Group(path, number, rows, before), values[before : before + rows]
        before += rows


def _sizes(metadata: pq.FileMetaData) -> list[int]:
    """The rows of every row group."""
    return [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]


def _columns(path: Path, label: str | None) -> tuple[str, str]:
    """The columns of images and labels; InputError where they cannot be told."""
    schema, classes = schema_of(path), class_labels(path)
    images = [name for name in ("img", "image") if name in schema.names and _holds_bytes(schema.field(name))]
    images = images[:1] or [column.name for column in schema if _holds_bytes(column)]
    usual = ["label"] if "label" in schema.names else [name for name in classes if name in schema.names]
    labels = usual if label is None else [name for name in schema.names if name == label]
    if len(images) == len(labels) == 1:
        return images[0], labels[0]
    if len(images) == 1 and len(labels) > 1:
        raise InputError(
            f"{printable(path)}: has several columns of classes, {', '.join(labels)}; "
            f"choose one, as data.label={labels[0]}"
        )
    wanted = "'label' or the only one of type ClassLabel" if label is None else f"data.label={label}"
    raise InputError(
        f"{printable(path)}: has the columns {', '.join(schema.names)}; needed are one of images (struct with "
        f"bytes) and one of labels, {wanted}"
    )


def _holds_bytes(column: pa.Field) -> bool:
    """Whether a column is a struct with bytes."""
    return pa.types.is_struct(column.type) and "bytes" in [inner.name for inner in column.type]
