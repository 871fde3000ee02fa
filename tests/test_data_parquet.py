import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from cifar_files import CIFAR10_NAMES, encoded, random_batch, write_parquet
from PIL import Image

from trickbag.data import check_readable, held, open_images
from trickbag.data.sources import cifar
from trickbag.data.sources import rows as rows_module
from trickbag.data.sources import shards as shards_module
from trickbag.data.sources.shards import parquet_rows
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
    with pytest.raises(InputError, match="has labels outside 0 … 9"):
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


def photo(width, height, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def write_rows(path, images, labels, *, label="label", names=(), column="image", group=3, **more):
    """A shard in the Hugging Face layout with rows of encoded images, in row groups of `group`."""
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = [None if data is None else {"bytes": data, "path": f"{i}.jpg"} for i, data in enumerate(images)]
    features = {label: {"names": list(names), "_type": "ClassLabel"}} if names else {}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table({column: pa.array(rows, struct), label: labels, **more})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata(metadata), path, row_group_size=group)


def shards(folder, names=("cat", "dog"), test="test", **options):
    """Two training shards of 7 and 5 rows and one of 4 for the test; the images and labels of all."""
    images = [photo(20 + i, 30 - i, i) for i in range(16)]
    labels = [i % 2 for i in range(16)]
    for name, rows in (("train-00000", slice(0, 7)), ("train-00001", slice(7, 12)), (test, slice(12, 16))):
        write_rows(folder / f"{name}.parquet", images[rows], labels[rows], names=names, **options)
    return images, labels


def test_rows_are_the_images_in_any_order_and_from_any_thread(tmp_path):
    images, labels = shards(tmp_path / "data")
    source = parquet_rows(tmp_path)
    assert source.classes == ("cat", "dog")
    part = source.train
    assert part.labels.tolist() == labels[:12]
    assert source.test.labels.tolist() == labels[12:]
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(12), 20))
    with ThreadPoolExecutor(5) as pool:
        assert list(pool.map(part.images.read, order.tolist())) == [images[i] for i in order]
    assert [source.test.images.read(i) for i in range(4)] == images[12:]
    assert part.images.where(8) == f"{tmp_path}/data/train-00001.parquet, row 1"
    assert list(part.images.names)[5:9] == [
        "train-00000.parquet/5", "train-00000.parquet/6", "train-00001.parquet/0", "train-00001.parquet/1",
    ]  # fmt: skip


def test_few_row_groups_are_held_and_in_order_each_is_read_once(tmp_path, monkeypatch):
    images, _ = shards(tmp_path)
    monkeypatch.setattr(rows_module, "HELD", 4 * len(images[0]))
    rows, loaded = parquet_rows(tmp_path).train.images, []
    load = type(rows)._load
    monkeypatch.setattr(type(rows), "_load", lambda self, group: loaded.append(group) or load(self, group))
    assert [rows.read(i) for i in range(12)] == images[:12]
    assert [(group.path.stem, group.number) for group in loaded] == [
        ("train-00000", 0), ("train-00000", 1), ("train-00000", 2), ("train-00001", 0), ("train-00001", 1),
    ]  # fmt: skip
    assert sum(group.result().nbytes for group in rows._kept.values()) <= rows_module.HELD
    rows.read(0)
    assert len(loaded) == 6


def test_threads_read_different_groups_at_once(tmp_path, monkeypatch):
    images, _ = shards(tmp_path)
    rows, both = parquet_rows(tmp_path).train.images, Barrier(2)
    load = type(rows)._load

    def together(self, group):
        both.wait(30)  # for another thread that reads too
        return load(self, group)

    monkeypatch.setattr(type(rows), "_load", together)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(rows.read, (0, 7))) == [images[0], images[7]]


def test_a_shard_that_could_not_be_read_is_read_when_it_is_back(tmp_path):
    images, _ = shards(tmp_path)
    rows, path = parquet_rows(tmp_path).train.images, tmp_path / "train-00000.parquet"
    path.rename(tmp_path / "away")
    with pytest.raises(InputError, match="is not a readable Parquet file"):
        rows.read(0)
    (tmp_path / "away").rename(path)
    assert rows.read(0) == images[0]


def test_parquet_opens_by_its_path_streamed_as_in_memory(tmp_path):
    shards(tmp_path / "data", test="validation-00000-of-00001")
    name, args = f"parquet:{tmp_path / 'data'}", {"resize": 16}
    kept = open_images(name, None, args, tmp_path / "cache")
    streamed = open_images(name, None, args, tmp_path / "cache", memory_gib=0)
    assert kept.digest == streamed.digest
    assert kept.test_labels.tolist() == [0, 1, 0, 1]
    for i in range(12):
        assert (streamed.train_images.whole(i) == kept.train_images[i]).all()
    assert open_images("parquet", tmp_path / "data", args, tmp_path / "cache").digest == kept.digest
    assert open_images("hub:some/one", tmp_path / "data", args, tmp_path / "cache").digest == kept.digest
    one = tmp_path / "data" / "train-00000.parquet"
    single = open_images(f"parquet:{one}", None, args, tmp_path / "cache")
    assert (len(single.train_labels), len(single.test_labels)) == (7, 0)


def test_a_test_part_whose_labels_are_kept_back_gives_way_to_the_validation_part(tmp_path):
    images, _ = shards(tmp_path)
    write_rows(tmp_path / "test.parquet", images[:5], [-1] * 5, names=("cat", "dog"))
    assert len(parquet_rows(tmp_path).test.images) == 0
    write_rows(tmp_path / "validation.parquet", images[:3], [0, 1, 1], names=("cat", "dog"))
    assert parquet_rows(tmp_path).test.labels.tolist() == [0, 1, 1]


def test_columns_are_found_by_what_they_hold(tmp_path):
    images, _ = shards(tmp_path / "a", label="species", column="picture")
    source = parquet_rows(tmp_path / "a")
    assert source.classes == ("cat", "dog")
    assert source.train.images.read(3) == images[3]
    shards(tmp_path / "b", names=())
    assert parquet_rows(tmp_path / "b").classes == ("0", "1")


def test_a_test_part_without_labels_gives_way_to_the_validation_part(tmp_path):
    images, _ = shards(tmp_path, test="valid")
    write_rows(tmp_path / "test.parquet", images[:5], [0] * 5, label="id")
    assert parquet_rows(tmp_path).test.labels.tolist() == [0, 1, 0, 1]


def two_kinds_of_classes(folder):
    """Shards as those of CIFAR-100 on the hub, with two columns of type ClassLabel."""
    images, fine = [photo(20, 20, i) for i in range(6)], [0, 1, 2, 0, 1, 2]
    names = {"fine": ["a", "b", "c"], "coarse": ["x", "y"]}
    info = {"info": {"features": {f"{kind}_label": {"names": names[kind]} for kind in names}}}
    for part in ("train", "test"):
        path = folder / f"{part}.parquet"
        write_rows(path, images, fine, label="fine_label", coarse_label=[i // 2 for i in fine])
        set_metadata(path, json.dumps(info))


def test_of_two_columns_of_classes_one_is_chosen(tmp_path):
    two_kinds_of_classes(tmp_path / "data")
    name, cache = f"parquet:{tmp_path / 'data'}", tmp_path / "cache"
    with pytest.raises(InputError, match=r"fine_label, coarse_label; choose one, as data.label=fine_label$"):
        open_images(name, None, {}, cache)
    fine, coarse = (open_images(name, None, {"label": f"{kind}_label"}, cache) for kind in ("fine", "coarse"))
    assert (fine.classes, fine.train_labels.tolist()) == (("a", "b", "c"), [0, 1, 2, 0, 1, 2])
    assert (coarse.classes, coarse.train_labels.tolist()) == (("x", "y"), [0, 0, 1, 0, 0, 1])
    assert fine.digest != coarse.digest
    with pytest.raises(InputError, match=r"has the columns image, fine_label, .*of labels, data.label=fine$"):
        open_images(name, None, {"label": "fine"}, cache)


def test_large_shards_that_are_streamed_are_said_to_be_slow(tmp_path, monkeypatch):
    shards(tmp_path / "data")
    name, home = f"parquet:{tmp_path / 'data'}", tmp_path / "data"

    def said(name, root):
        return held(open_images(name, root, {"form": "originals"}, tmp_path / "cache"))

    assert "slow" not in said(name, None)
    monkeypatch.setattr(shards_module, "HELD", 1000)
    assert f"streamed from {home}, which is slow in this form: trickbag data prepare {name} (" in said(
        name, None
    )
    assert f"trickbag data prepare imagenet --from {home} (" in said("imagenet", home)


def set_metadata(path, value):
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({"huggingface": value}), path)


WRONG = {
    "a label outside the classes": (
        lambda f: shards(f, names=("cat",)), r"train-00000.parquet, row 1: label is 1, outside 0 … 0",
    ),
    "a negative label": (
        lambda f: write_rows(f / "train.parquet", [b"x"] * 2, [0, -1]), "row 1: label is -1, outside",
    ),
    "a label that is missing": (
        lambda f: write_rows(f / "train.parquet", [b"x"] * 2, [0, None]), "label must be an integer in every row",
    ),
    "labels that are no integers": (
        lambda f: write_rows(f / "train.parquet", [b"x"] * 2, [0.5, 1.0]), "label must be an integer in every row",
    ),
    "a huge label without class names": (
        lambda f: write_rows(f / "train.parquet", [b"x"] * 2, [0, 10**9]),
        "row 1: label is 1000000000, and the shards name no classes; then it must be less than 100,000",
    ),
    "no rows": (lambda f: write_rows(f / "train.parquet", [], pa.array([], pa.int64())), "no training images in the"),
    "no rows, but class names": (
        lambda f: write_rows(f / "train.parquet", [], pa.array([], pa.int64()), names=("a", "b")),
        "there are no training images in the shards",
    ),
    "one class": (lambda f: write_rows(f / "train.parquet", [b"x"] * 2, [0, 0]), "label has 1 class; at least 2"),
    "no labels": (
        lambda f: write_rows(f / "train.parquet", [b"x"], [0], label="y"), "has the columns image, y; needed are",
    ),
    "no images": (
        lambda f: (f.mkdir(), pq.write_table(pa.table({"label": [0]}), f / "train.parquet")), "has the columns label",
    ),
    "no training shards": (lambda f: (shards(f), [p.unlink() for p in f.glob("train*")]), r"no train\*.parquet"),
    "shards in two folders": (lambda f: (shards(f / "a"), shards(f / "b")), "several folders .*/a, .*/b.; name one"),
    "other columns in a later shard": (
        lambda f: (shards(f), write_rows(f / "train-1.parquet", [b"x"], [0], label="y")), "the first shard has image",
    ),
    "a truncated shard": (
        lambda f: (shards(f), os.truncate(f / "train-00001.parquet", 900)), "train-00001.parquet: is not a readable",
    ),
    "an empty shard": (
        lambda f: (shards(f), os.truncate(f / "test.parquet", 0)), "test.parquet: is not a readable",
    ),
}  # fmt: skip


@pytest.mark.parametrize("wrong", sorted(WRONG))
def test_wrong_shards_are_one_line(tmp_path, wrong):
    make, message = WRONG[wrong]
    make(tmp_path / "data")
    with pytest.raises(InputError, match=message) as caught:
        parquet_rows(tmp_path / "data")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[1]", "{", '{"info": {"features": [3]}}', '{"info": {"features": {"label": 1}}}',
                                  '{"info": {"features": {"label": {"names": [1, 2]}}}}', "[" * 50_000])  # fmt: skip
def test_class_names_that_are_none_are_numbers(tmp_path, text):
    shards(tmp_path)
    set_metadata(tmp_path / "train-00000.parquet", text)
    assert parquet_rows(tmp_path).classes == ("0", "1")


def test_a_row_without_an_image_is_named_or_tolerated(tmp_path):
    images, _ = shards(tmp_path / "data")
    write_rows(tmp_path / "data" / "train-00001.parquet", [images[0], None, b"text"], [0, 1, 0])
    name = f"parquet:{tmp_path / 'data'}"
    strict = open_images(name, None, {"resize": 8}, tmp_path / "cache")
    ids = torch.arange(len(strict.train_labels))
    with pytest.raises(InputError, match=r"train-00001.parquet, row 1: the row holds no bytes of an image"):
        check_readable(strict, ids)
    kept = open_images(name, None, {"resize": 8, "bad_files": 2}, tmp_path / "cache")
    check_readable(kept, ids)
    assert sorted(kept.bad) == [f"{tmp_path}/data/train-00001.parquet, row {row}" for row in (1, 2)]
    assert (kept.train_images[8:] == 128).all()


def test_the_real_cifar10_opens_as_any_parquet(shared_data):
    if not (shared_data / "cifar10").exists():
        pytest.skip("needs the CIFAR-10 Parquet files in shared/data/cifar10")
    source = parquet_rows(shared_data / "cifar10")
    assert source.classes == tuple(CIFAR10_NAMES)
    assert np.bincount(source.train.labels).tolist() == [5000] * 10
    assert np.bincount(source.test.labels).tolist() == [1000] * 10
    table = pq.read_table(shared_data / "cifar10" / "test.parquet")
    assert source.test.images.read(7777) == table["img"][7777]["bytes"].as_py()
