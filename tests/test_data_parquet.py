import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from cifar_files import CIFAR10_NAMES, encoded, random_batch, write_parquet

from trickbag.data.sources import cifar
from trickbag.errors import InputError

SHARED = Path(os.environ.get("TRICKBAG_SHARED", Path(__file__).parents[2] / "shared"))


def parquet_pair(folder, **changes):
    data = random_batch(np.random.default_rng(3))
    arguments = {"labels": {"label": [*range(10), 0, 1]}, "names": {"label": CIFAR10_NAMES}, **changes}
    for part in ("train", "test"):
        write_parquet(folder / f"{part}.parquet", data, **arguments)


def test_parquet_without_metadata_numbers_its_classes(tmp_path):
    parquet_pair(tmp_path, names={})
    assert cifar.cifar10(tmp_path / "train.parquet").classes == tuple("0123456789")


def test_wrong_parquet_files_are_input_errors(tmp_path):
    parquet_pair(tmp_path / "a", labels={"class": [0] * 12})
    with pytest.raises(InputError, match="has the columns img, class; needed are"):
        cifar.cifar10(tmp_path / "a")
    parquet_pair(tmp_path / "b", labels={"label": [10] * 12})
    with pytest.raises(InputError, match="label has values outside 0 … 9"):
        cifar.cifar10(tmp_path / "b")
    parquet_pair(tmp_path / "c")
    whole = (tmp_path / "c" / "test.parquet").read_bytes()
    (tmp_path / "c" / "test.parquet").write_bytes(whole[:-100])
    with pytest.raises(InputError, match=r"test.parquet: is not a readable Parquet file"):
        cifar.cifar10(tmp_path / "c")
    (tmp_path / "c" / "test.parquet").unlink()
    with pytest.raises(InputError, match=r"there are no test\*.parquet files"):
        cifar.cifar10(tmp_path / "c")
    with pytest.raises(InputError, match="in several folders"):
        cifar.cifar10(tmp_path)
    parquet_pair(tmp_path / "d", labels={"label": [0.5] * 12})
    with pytest.raises(InputError, match="cannot be read as images"):
        cifar.cifar10(tmp_path / "d")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (b"no image", "row 1: the image cannot be read"),
        (encoded(np.zeros(3072, np.uint8))[:60], "row 1: the image cannot be read"),
        (None, "row 1: the image cannot be read"),
    ],
)
def test_a_broken_image_in_a_parquet_file_is_named(tmp_path, broken, message):
    parquet_pair(tmp_path)
    table = pq.read_table(tmp_path / "train.parquet")
    images = table["img"].to_pylist()
    images[1]["bytes"] = broken
    pq.write_table(
        table.set_column(0, "img", pa.array(images, table["img"].type)), tmp_path / "train.parquet"
    )
    with pytest.raises(InputError, match=message):
        cifar.cifar10(tmp_path)


def test_an_image_of_another_size_in_a_parquet_file_is_named(tmp_path, monkeypatch):
    parquet_pair(tmp_path)
    monkeypatch.setattr(cifar, "_SIZE", 28)
    with pytest.raises(
        InputError, match=r"train.parquet, row 0: the image cannot be read \(it is 32×32, expected 28×28\)"
    ):
        cifar.cifar10(tmp_path)


@pytest.mark.slow
def test_the_real_cifar10_in_parquet():
    root = SHARED / "data" / "cifar10"
    if not root.exists():
        pytest.skip("needs the CIFAR-10 Parquet files in shared/data/cifar10")
    images = cifar.cifar10(root)
    assert images.train_images.shape == (50_000, 3, 32, 32)
    assert images.test_images.shape == (10_000, 3, 32, 32)
    assert torch.bincount(images.train_labels).tolist() == [5000] * 10
    assert torch.bincount(images.test_labels).tolist() == [1000] * 10
    assert images.classes == tuple(CIFAR10_NAMES)
