import dataclasses
import gzip
import hashlib
import importlib
import tracemalloc

import numpy as np
import pytest
import torch
import torchvision

from trickbag.data import DATASETS
from trickbag.data.opening.opening import open_images
from trickbag.errors import InputError

# The package has a function of the same name.
fashion_mnist = importlib.import_module("trickbag.data.sources.fashion_mnist")
COUNTS = {"train": 40, "t10k": 15}


def idx(array):
    """The bytes of an IDX file, as the format's description (LeCun's page of MNIST) has it."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 0x08, array.ndim]) + sizes + array.tobytes()


def small_files():
    rng, files = np.random.default_rng(0), {}
    for part, count in COUNTS.items():
        files[f"{part}-images-idx3-ubyte"] = idx(rng.integers(0, 256, (count, 28, 28), dtype=np.uint8))
        files[f"{part}-labels-idx1-ubyte"] = idx(rng.integers(0, 10, count, dtype=np.uint8))
    return files


def write(root, files, monkeypatch):
    """The compressed files, whose sums and counts then stand in for the official ones."""
    root.mkdir(parents=True, exist_ok=True)
    packed = {name: gzip.compress(data, mtime=0) for name, data in files.items()}
    for name, data in packed.items():
        (root / f"{name}.gz").write_bytes(data)
    monkeypatch.setattr(
        fashion_mnist,
        "FILES",
        tuple(
            dataclasses.replace(
                file,
                md5=hashlib.md5(packed[file.name]).hexdigest(),
                shape=(COUNTS[file.name.split("-")[0]], *file.shape[1:]),
            )
            for file in fashion_mnist.FILES
        ),
    )


def test_names_sums_and_classes_are_torchvisions():
    reference = torchvision.datasets.FashionMNIST
    assert [(f"{file.name}.gz", file.md5) for file in fashion_mnist.FILES] == reference.resources
    assert list(fashion_mnist.CLASSES) == reference.classes


def test_the_files_are_read_as_by_torchvision(tmp_path, monkeypatch):
    files = small_files()
    write(tmp_path / "packed", files, monkeypatch)
    raw = tmp_path / "unpacked" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name, data in files.items():
        (raw / name).write_bytes(data)
    train, test = (torchvision.datasets.FashionMNIST(tmp_path / "unpacked", train) for train in (True, False))
    for root in (tmp_path / "packed", tmp_path / "unpacked", raw):
        images = open_images("fashion_mnist", root, {}, tmp_path / "cache")
        assert images.train_images.shape == (40, 1, 28, 28)
        assert torch.equal(images.train_images[:, 0], train.data)
        assert torch.equal(images.train_labels, train.targets)
        assert torch.equal(images.test_images[:, 0], test.data)
        assert torch.equal(images.test_labels, test.targets)
        assert images.digest == DATASETS["fashion_mnist"](root).digest


def test_wrong_bytes_are_refused_before_unpacking(tmp_path, monkeypatch):
    write(tmp_path, small_files(), monkeypatch)
    path = tmp_path / "t10k-labels-idx1-ubyte.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(InputError, match=r"t10k-labels-idx1-ubyte.gz: MD5 is .*, the official file has"):
        DATASETS["fashion_mnist"](tmp_path)
    path.unlink()
    with pytest.raises(InputError, match=r"t10k-labels-idx1-ubyte.gz is missing; the official files are at"):
        DATASETS["fashion_mnist"](tmp_path)
    with pytest.raises(InputError, match=r"machine.data_root is not set; give the folder of train-images"):
        DATASETS["fashion_mnist"](None)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("train-images-idx3-ubyte", lambda data: data[:-1]),
        ("train-images-idx3-ubyte", lambda data: data + b"\0"),
        ("train-images-idx3-ubyte", lambda data: data + bytes(5_000_000)),
        ("train-images-idx3-ubyte", lambda data: b"\0\0\x09" + data[3:]),
        ("train-images-idx3-ubyte", lambda data: data[:4] + (41).to_bytes(4, "big") + data[8:]),
        ("t10k-labels-idx1-ubyte", lambda data: b""),
    ],
)
@pytest.mark.parametrize("packed", [True, False])
def test_files_of_another_shape_are_refused(tmp_path, monkeypatch, name, change, packed):
    files = small_files()
    files[name] = change(files[name])
    write(tmp_path, files, monkeypatch)
    if not packed:
        (tmp_path / f"{name}.gz").unlink()
        (tmp_path / name).write_bytes(files[name])
    count = COUNTS[name.split("-")[0]]
    with pytest.raises(InputError, match=rf"{name}\S*: is not an IDX file of {count}(×28×28)? bytes"):
        DATASETS["fashion_mnist"](tmp_path)


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    files = small_files()
    files["t10k-labels-idx1-ubyte"] += bytes(10_000_000)
    write(tmp_path, files, monkeypatch)
    tracemalloc.start()
    with pytest.raises(InputError, match="is not an IDX file of 15 bytes"):
        DATASETS["fashion_mnist"](tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000  # bytes


def test_labels_beyond_the_classes_are_refused(tmp_path, monkeypatch):
    files = small_files()
    files["t10k-labels-idx1-ubyte"] = idx(np.full(15, 10, np.uint8))
    write(tmp_path, files, monkeypatch)
    with pytest.raises(InputError, match=r"t10k-labels-idx1-ubyte has the label 10; labels are 0 … 9"):
        DATASETS["fashion_mnist"](tmp_path)


def test_what_gzip_cannot_read_is_named(tmp_path, monkeypatch):
    write(tmp_path, small_files(), monkeypatch)
    path = tmp_path / "train-labels-idx1-ubyte.gz"
    for content in (b"plain", path.read_bytes()[:-12], b"\x1f\x8b\x08\0\0\0\0\0\0\0\xff\xff\xff"):
        path.write_bytes(content)
        images, labels, *rest = fashion_mnist.FILES
        labels = dataclasses.replace(labels, md5=hashlib.md5(content).hexdigest())
        monkeypatch.setattr(fashion_mnist, "FILES", (images, labels, *rest))
        with pytest.raises(InputError, match=r"train-labels-idx1-ubyte.gz: cannot be unpacked"):
            DATASETS["fashion_mnist"](tmp_path)
