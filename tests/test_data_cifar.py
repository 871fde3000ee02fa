import dataclasses
import hashlib
import os
import pickle
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from cifar_files import (
    CIFAR10_NAMES,
    COARSE_NAMES,
    FINE_NAMES,
    cifar10_files,
    cifar100_files,
    python2,
    write_archive,
    write_parquet,
)

from trickbag.data import DATASETS
from trickbag.data.sources import cifar
from trickbag.data.sources.unpickle import unpickle
from trickbag.errors import InputError


def md5(data):
    return hashlib.md5(data).hexdigest()


def with_sums_of(layout, files, archive):
    """The layout with the MD5 sums of these files instead of the official ones."""
    parts = {
        part: {name: md5(files[name]) for name in getattr(layout, part)} for part in ("train", "test", "meta")
    }
    return dataclasses.replace(layout, archive_md5=md5(archive.read_bytes()), **parts)


@pytest.fixture
def official10(tmp_path, monkeypatch):
    """A folder with a small CIFAR-10 archive in the official layout."""
    files = cifar10_files()
    write_archive(tmp_path / "cifar-10-python.tar.gz", "cifar-10-batches-py", files)
    layout = with_sums_of(cifar.CIFAR10, files, tmp_path / "cifar-10-python.tar.gz")
    monkeypatch.setattr(cifar, "CIFAR10", layout)
    return tmp_path


@pytest.fixture
def official100(tmp_path, monkeypatch):
    """A folder with a small CIFAR-100 archive in the official layout."""
    files = cifar100_files()
    write_archive(tmp_path / "cifar-100-python.tar.gz", "cifar-100-python", files)
    layout = with_sums_of(cifar.CIFAR100, files, tmp_path / "cifar-100-python.tar.gz")
    monkeypatch.setattr(cifar, "CIFAR100", layout)
    return tmp_path


def extract(root):
    for path in root.glob("*.tar.gz"):
        # not by tarfile: before Python 3.11.4 it knows no filter, and later ones warn where none is named
        subprocess.run(["tar", "-xzf", path, "-C", root], check=True)
        path.unlink()


def test_the_sums_are_torchvisions():
    for layout, reference in (
        (cifar.CIFAR10, torchvision.datasets.CIFAR10),
        (cifar.CIFAR100, torchvision.datasets.CIFAR100),
    ):
        assert (layout.archive, layout.archive_md5) == (reference.filename, reference.tgz_md5)
        assert layout.folder == reference.base_folder
        assert list(layout.train.items()) == [tuple(pair) for pair in reference.train_list]
        assert list(layout.test.items()) == [tuple(pair) for pair in reference.test_list]
        assert layout.meta == {reference.meta["filename"]: reference.meta["md5"]}


def pairs(images, labels):
    return sorted((bytes(image), int(label)) for image, label in zip(images, labels, strict=True))


def check_against_torchvision(ours, reference, layout, root, labels_key=None):
    """Same images, labels and class names as torchvision's reader of the extracted folder."""
    sums = {part: [list(item) for item in getattr(layout, part).items()] for part in ("train", "test")}
    (meta, meta_md5) = next(iter(layout.meta.items()))
    patched = type(
        "Patched",
        (reference,),
        {
            "train_list": sums["train"],
            "test_list": sums["test"],
            "meta": {**reference.meta, "filename": meta, "md5": meta_md5},
        },
    )
    for train, images, labels in (
        (True, ours.train_images, ours.train_labels),
        (False, ours.test_images, ours.test_labels),
    ):
        theirs = patched(root, train=train)
        assert images.dtype == torch.uint8
        assert labels.dtype == torch.int64
        expected = pairs(theirs.data.transpose(0, 3, 1, 2), theirs.targets)
        assert pairs(images.numpy(), labels) == expected
        assert pairs(images.numpy(), labels) == [
            (bytes(i), int(y)) for i, y in zip(images.numpy(), labels, strict=True)
        ]
        assert list(ours.classes) == theirs.classes


def test_cifar10_is_what_torchvision_reads(official10):
    ours = cifar.cifar10(official10 / "cifar-10-python.tar.gz")
    extract(official10)
    check_against_torchvision(ours, torchvision.datasets.CIFAR10, cifar.CIFAR10, official10)


def test_cifar100_is_what_torchvision_reads(official100):
    ours = cifar.cifar100(official100 / "cifar-100-python.tar.gz")
    extract(official100)
    check_against_torchvision(ours, torchvision.datasets.CIFAR100, cifar.CIFAR100, official100)


def test_archive_folder_and_parquet_in_any_order_give_one_digest(official10, tmp_path):
    archive = cifar.cifar10(official10 / "cifar-10-python.tar.gz")
    assert cifar.cifar10(official10).digest == archive.digest
    extract(official10)
    digests = {cifar.cifar10(official10).digest, cifar.cifar10(official10 / "cifar-10-batches-py").digest}
    contents = {name: unpickle(data, name) for name, data in cifar10_files().items()}
    home = tmp_path / "hub"
    for i, name in enumerate(
        ["data_batch_4", "data_batch_1", "data_batch_5", "data_batch_2", "data_batch_3"]
    ):
        write_parquet(
            home / "plain_text" / f"train-{i:05d}-of-00005.parquet",
            contents[name][b"data"],
            {"label": contents[name][b"labels"]},
            {"label": CIFAR10_NAMES},
        )
    write_parquet(
        home / "plain_text" / "test-00000-of-00001.parquet",
        contents["test_batch"][b"data"],
        {"label": contents["test_batch"][b"labels"]},
        {"label": CIFAR10_NAMES},
    )
    digests |= {cifar.cifar10(home).digest, cifar.cifar10(home / "plain_text").digest}
    assert digests == {archive.digest}


@pytest.mark.parametrize("labels", ["fine", "coarse"])
def test_cifar100_parquet_equals_the_archive(official100, tmp_path, labels):
    contents = {name: unpickle(data, name) for name, data in cifar100_files().items()}
    hub_names = {
        "fine_label": ["cra" if n == "crab" else n for n in FINE_NAMES],
        "coarse_label": COARSE_NAMES,
    }
    for part in ("train", "test"):
        columns = {f"{kind}_label": contents[part][f"{kind}_labels".encode()] for kind in ("fine", "coarse")}
        write_parquet(
            tmp_path / "hub" / f"{part}.parquet", contents[part][b"data"], columns, hub_names, "image"
        )
    archive, parquet = (cifar.cifar100(root, labels=labels) for root in (official100, tmp_path / "hub"))
    assert archive.digest == parquet.digest
    assert archive.classes == tuple(FINE_NAMES if labels == "fine" else COARSE_NAMES)
    assert (
        cifar.cifar100(official100, labels="fine").digest
        != cifar.cifar100(official100, labels="coarse").digest
    )


def test_the_digest_sees_every_part(official10):
    whole = cifar.cifar10(official10)
    for field in ("train_images", "train_labels", "test_images", "test_labels"):
        changed = {
            name: getattr(whole, name).numpy()
            for name in ("train_images", "train_labels", "test_images", "test_labels")
        }
        changed[field] = changed[field].copy()
        changed[field].flat[0] ^= 1
        train, test = tuple(changed.values())[:2], tuple(changed.values())[2:]
        assert type(whole).of(train, test, whole.classes).digest != whole.digest
    same = (whole.train_images.numpy(), whole.train_labels.numpy())
    test = (whole.test_images.numpy(), whole.test_labels.numpy())
    assert type(whole).of(same, test, whole.classes).digest == whole.digest
    assert type(whole).of(same, test, whole.classes[::-1]).digest != whole.digest


def test_official_sums_refuse_other_files(tmp_path):
    write_archive(tmp_path / "cifar-10-python.tar.gz", "cifar-10-batches-py", cifar10_files())
    for root in (tmp_path, tmp_path / "cifar-10-python.tar.gz"):
        with pytest.raises(
            InputError, match=r"cifar-10-python.tar.gz: MD5 is .* has c58f30108f718f92721af3b95e74349a"
        ):
            DATASETS["cifar10"](root)
    extract(tmp_path)
    with pytest.raises(
        InputError, match=r"data_batch_1: MD5 is .*; download it again from https://www.cs.toronto.edu"
    ):
        DATASETS["cifar10"](tmp_path)


def test_a_truncated_archive_is_refused(official10):
    path = official10 / "cifar-10-python.tar.gz"
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InputError, match="incomplete or another file"):
        cifar.cifar10(path)


def test_a_changed_or_missing_batch_file_is_named(official10):
    extract(official10)
    batch = official10 / "cifar-10-batches-py" / "data_batch_3"
    batch.write_bytes(batch.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match="data_batch_3: MD5 is"):
        cifar.cifar10(official10)
    batch.unlink()
    with pytest.raises(InputError, match="data_batch_3 is missing"):
        cifar.cifar10(official10)


def test_a_member_missing_from_the_archive_or_outside_its_folder_is_named(tmp_path, monkeypatch):
    files = cifar10_files()
    renamed = {("../" + name if name == "test_batch" else name): data for name, data in files.items()}
    path = tmp_path / "cifar-10-python.tar.gz"
    write_archive(path, "cifar-10-batches-py", renamed)
    monkeypatch.setattr(cifar, "CIFAR10", with_sums_of(cifar.CIFAR10, files, path))
    with pytest.raises(InputError, match="test_batch is missing"):
        cifar.cifar10(path)
    assert sorted(tmp_path.iterdir()) == [path]


class Hostile:
    def __reduce__(self):
        return os.system, ("touch /tmp/should-not-exist",)


@pytest.mark.parametrize("hostile", [Hostile(), {b"data": [Hostile()]}, Path("x"), np.float64(1), eval])
def test_a_pickle_that_asks_for_anything_but_arrays_is_refused(hostile):
    with pytest.raises(InputError, match=r"batch 7: refused to unpickle: .*only numpy arrays are allowed"):
        unpickle(pickle.dumps(hostile), "batch 7")


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_arrays_and_plain_values_are_unpickled(protocol):
    content = {"a": np.arange(6, dtype=np.uint8).reshape(2, 3), "b": [1, 2.5, "x", None]}
    data = pickle.dumps(content, protocol=protocol)
    if (
        protocol == 0 or b"_codecs" in data
    ):  # Python 3 writes bytes for Python 2 readers by calling _codecs.encode
        data = python2(content)
    assert unpickle(data, "here")["b"] == [1, 2.5, "x", None]
    np.testing.assert_array_equal(unpickle(data, "here")["a"], content["a"])


@pytest.mark.parametrize("root", [None, "missing", "."])
def test_nothing_there_says_what_is_needed(tmp_path, root):
    root = root and tmp_path / root
    for name, archive in (("cifar10", "cifar-10-python.tar.gz"), ("cifar100", "cifar-100-python.tar.gz")):
        with pytest.raises(InputError, match=archive):
            DATASETS[name](root)
