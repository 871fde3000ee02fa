"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009): the official archives, the extracted folders, or Parquet files.

Images and labels are held in the order of their bytes, since carriers differ in the order of the images: so
image ids (and with them splits, per-image draws and the digest) are the same from every carrier.
"""

import hashlib
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trickbag.data.images import ImageSet
from trickbag.data.sources.parquet import class_labels, parquet_files, read_parquet
from trickbag.data.sources.unpickle import unpickle
from trickbag.errors import InputError

_PAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"
_SIZE = 32
Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]


@dataclass(frozen=True)
class Layout:
    """Names and official MD5 sums of a data set's archive, batch files and class-name file."""

    name: str
    archive: str
    archive_md5: str
    folder: str
    train: Mapping[str, str]
    test: Mapping[str, str]
    meta: Mapping[str, str]

    @property
    def batches(self) -> dict[str, str]:
        """File name → MD5 of everything that is read."""
        return {**self.train, **self.test, **self.meta}


CIFAR10 = Layout(
    name="cifar10",
    archive="cifar-10-python.tar.gz",
    archive_md5="c58f30108f718f92721af3b95e74349a",
    folder="cifar-10-batches-py",
    train={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    },
    test={"test_batch": "40351d587109b95175f43aff81a1287e"},
    meta={"batches.meta": "5ff9c542aee3614f3951f8cda6e48888"},
)
CIFAR100 = Layout(
    name="cifar100",
    archive="cifar-100-python.tar.gz",
    archive_md5="eb9058c3a382ffc7106e4002c42a8d85",
    folder="cifar-100-python",
    train={"train": "16019d7e3df5f24257cddd939b257f8d"},
    test={"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
    meta={"meta": "7973b15100ade9c7d40fb424638fde48"},
)


def cifar10(root: Path | None) -> ImageSet:
    """CIFAR-10 from its archive, its extracted folder or Parquet files in `root`."""
    return _read(CIFAR10, root, key="labels", names="label_names", column="label", num_classes=10)


def cifar100(root: Path | None, *, labels: Literal["fine", "coarse"] = "fine") -> ImageSet:
    """CIFAR-100 with its 100 fine or 20 coarse labels."""
    if labels not in ("fine", "coarse"):
        raise InputError(f"cifar100: labels is {labels!r}; it can be 'fine' or 'coarse'")
    num_classes = {"fine": 100, "coarse": 20}[labels]
    key, names, column = f"{labels}_labels", f"{labels}_label_names", f"{labels}_label"
    return _read(CIFAR100, root, key=key, names=names, column=column, num_classes=num_classes)


def locate(layout: Layout, root: Path | None) -> list[Path]:
    """The files to read: batch files, or the archive, or Parquet shards; InputError if none is there."""
    if root is None or not root.exists():
        given = "machine.data_root is not set" if root is None else f"{root} does not exist"
        raise InputError(f"{layout.name}: {given}; give {layout.archive} from {_PAGE}, or its folder")
    if root.is_file() and root.suffix != ".parquet":
        return [root]
    root = root.parent if root.is_file() else root
    folder = next((path for path in (root / layout.folder, root) if _holds_batches(path, layout)), None)
    if folder:
        return [folder / name for name in layout.batches]
    if (root / layout.archive).is_file():
        return [root / layout.archive]
    train, test = parquet_files(root)
    if train:
        return [*train, *test]
    wanted = f"{layout.archive}, {layout.folder}/ or train*.parquet"
    raise InputError(f"{root}: holds neither {wanted}; the official files are at {_PAGE}")


def _holds_batches(folder: Path, layout: Layout) -> bool:
    """Whether any of the batch files is there (a missing one is reported when read)."""
    return any((folder / name).is_file() for name in layout.batches)


def _read(
    layout: Layout, root: Path | None, *, key: str, names: str, column: str, num_classes: int
) -> ImageSet:
    """The data set in whichever form `locate` finds."""
    files = locate(layout, root)
    if files[0].suffix == ".parquet":
        train, test, classes = _from_parquet(files, column, num_classes)
    else:
        content = _from_batches(layout, files)
        train, test = (
            _joined([_arrays(*content[name], key, num_classes) for name in part])
            for part in (layout.train, layout.test)
        )
        ((meta, where),) = (content[name] for name in layout.meta)
        classes = _class_names(meta, names, where)
    return ImageSet.of(_ordered(*train), _ordered(*test), classes)


def _from_batches(layout: Layout, files: list[Path]) -> dict[str, tuple[dict[bytes, Any], str]]:
    """File name → unpickled content, and where it is; nothing is unpickled before its MD5 sum is found right."""
    if len(files) > 1:
        data = {path.name: _bytes(path) for path in files}
    else:
        _check(_md5(files[0]), layout.archive_md5, str(files[0]))
        data = _from_archive(layout, files[0])
    home, extracted = (files[0].parent, True) if len(files) > 1 else (files[0], False)
    where = {name: f"{home / name}" if extracted else f"{home}: {name}" for name in layout.batches}
    for name, expected in layout.batches.items():
        if name not in data:
            raise InputError(f"{where[name]} is missing; take the official archive from {_PAGE}")
        _check(hashlib.md5(data[name], usedforsecurity=False).hexdigest(), expected, where[name])
    return {name: (unpickle(content, where[name]), where[name]) for name, content in data.items()}


def _from_archive(layout: Layout, path: Path) -> dict[str, bytes]:
    """The members of exactly the expected names, read as streams: nothing is extracted to disk."""
    wanted = {f"{layout.folder}/{name}": name for name in layout.batches}
    data = {}
    try:
        with tarfile.open(path, "r|gz") as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.name in wanted and member.isfile() else None
                if stream:
                    data[wanted[member.name]] = stream.read()
    except (tarfile.TarError, EOFError, ValueError, zlib.error) as error:
        raise InputError(f"{path}: cannot be unpacked ({error}); download it again from {_PAGE}") from None
    return data


def _bytes(path: Path) -> bytes:
    """The content of a batch file."""
    if not path.is_file():
        raise InputError(f"{path} is missing; take the official archive from {_PAGE}")
    return path.read_bytes()


def _md5(path: Path) -> str:
    """The MD5 sum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _check(actual: str, expected: str, where: str) -> None:
    """InputError unless the sums agree."""
    if actual != expected:
        raise InputError(
            f"{where}: MD5 is {actual}, the official file has {expected} (incomplete or another file); "
            f"download it again from {_PAGE}"
        )


def _arrays(batch: dict[bytes, Any], where: str, key: str, num_classes: int) -> Arrays:
    """Images [N, 3, 32, 32] and labels [N] of a batch file."""
    try:
        images = np.asarray(batch[b"data"]).reshape(-1, 3, _SIZE, _SIZE)
        labels = np.asarray(batch[key.encode()]).astype(np.int64)
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"{where}: holds no images and labels ({error}); use the official files") from None
    if images.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise InputError(f"{where}: images and labels do not fit together; use the official files")
    _check_labels(labels, num_classes, where)
    return images, labels


def _joined(parts: list[Arrays]) -> Arrays:
    """The images and labels of some files as one; a copy of a single file's would cost 150 MB for nothing."""
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([images for images, _ in parts]), np.concatenate([labels for _, labels in parts])


def _check_labels(labels: NDArray[np.int64], num_classes: int, where: str) -> None:
    """InputError for labels that are no classes."""
    if labels.size and not 0 <= labels.min() <= labels.max() < num_classes:
        raise InputError(f"{where}: has labels outside 0 … {num_classes - 1}")


def _class_names(meta: dict[bytes, Any], key: str, where: str) -> tuple[str, ...]:
    """The class names in the official file of them."""
    try:
        return tuple(name.decode() for name in meta[key.encode()])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{where}: holds no class names ({error!r}); use the official files") from None


def _from_parquet(files: list[Path], column: str, num_classes: int) -> tuple[Arrays, Arrays, tuple[str, ...]]:
    """Train, test and class names ("0", "1", … where the schema has none) of Parquet shards."""
    train, test = (
        _joined([_of_shard(path, column, num_classes) for path in files if path.name.startswith(part)])
        for part in ("train", "test")
    )
    names = class_labels(files[0]).get(column) or tuple(str(label) for label in range(num_classes))
    if len(names) != num_classes:
        raise InputError(f"{files[0]}: {column} has {len(names)} class names, expected {num_classes}")
    # The Hugging Face hub's CIFAR-100 calls class 26 "cra"; the official archive calls it "crab".
    return train, test, tuple({"cra": "crab"}.get(name, name) for name in names)


def _of_shard(path: Path, column: str, num_classes: int) -> Arrays:
    """Images and labels of a Parquet file."""
    images, labels = read_parquet([path], column, _SIZE, _SIZE)
    _check_labels(labels, num_classes, str(path))
    return images, labels


def _ordered(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Arrays:
    """Images and labels in the order of the images' bytes, equal images in the order of their labels."""
    order = _order(np.column_stack([images.reshape(len(images), -1), labels.astype(np.uint8)]))
    return images[order], labels[order]


def _order(rows: NDArray[np.uint8]) -> NDArray[np.intp]:
    """The indices that sort rows of bytes."""
    return np.argsort(rows.view(f"V{rows.shape[1]}")[:, 0], kind="stable")
