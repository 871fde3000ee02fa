"""An epoch of real images through `trickbag train`, from every form that they come in: the same to the last bit."""

import dataclasses
import hashlib
import io
import json
import shutil
import tarfile

import numpy as np
import pytest
import torch
from cifar_files import CIFAR10_NAMES, python2
from command_line import trickbag
from safetensors.torch import load_file

from trickbag.data.sources import cifar
from trickbag.data.sources.parquet import read_parquet

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def archive(shared_data, tmp_path_factory):
    """The real CIFAR-10 images in the official archive's layout, in the order of the Parquet files."""
    layout, members = cifar.CIFAR10, {"batches.meta": {b"label_names": [n.encode() for n in CIFAR10_NAMES]}}
    for part, names in (("train", list(layout.train)), ("test", list(layout.test))):
        images, labels = read_parquet([shared_data / "cifar10" / f"{part}.parquet"], "label", 32, 32)
        rows = images.reshape(len(images), -1)
        for name, some, known in zip(
            names, np.array_split(rows, len(names)), np.array_split(labels, len(names)), strict=True
        ):
            members[name] = {b"data": some, b"labels": known.tolist()}
    path = tmp_path_factory.mktemp("official") / layout.archive
    sums = {}
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, content in members.items():
            data = python2(content)
            sums[name] = hashlib.md5(data).hexdigest()
            member = tarfile.TarInfo(f"{layout.folder}/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    with path.open("rb") as file:
        whole = hashlib.file_digest(file, "md5").hexdigest()
    parts = {part: {n: sums[n] for n in getattr(layout, part)} for part in ("train", "test", "meta")}
    return path, dataclasses.replace(layout, archive_md5=whole, **parts)


def trained(out, *words):
    """What a training run says of itself, but for times and places, and its weights."""
    trickbag("train", *words, "machine.device=cpu", "machine.keep=all", "--out", out)
    record = json.loads((out / "run.json").read_text())
    told = {key: record[key] for key in ("fingerprint", "top1", "top5", "validation_images", "status")}
    told["losses"] = [row["loss"] for row in record["epochs"]]
    return told, load_file(out / "weights.safetensors")


def check_the_same(runs):
    (told, weights), *others = runs
    assert told["status"] == "done"
    for other, other_weights in others:
        assert other == told
        assert all(torch.equal(weights[name], other_weights[name]) for name in weights)


def test_an_epoch_of_cifar10_is_the_same_from_archive_parquet_and_prepared_form(
    archive, shared_data, tmp_path, monkeypatch
):
    path, layout = archive
    monkeypatch.setattr(cifar, "CIFAR10", layout)
    parquet, form = shared_data / "cifar10", tmp_path / "form"
    cache = f"machine.cache={tmp_path / 'cache'}"
    trickbag("data", "prepare", "cifar10", cache, "--from", parquet, "--to", form)
    recipe = ["cifar10_baseline", "budget.epochs=1", "model.width=0.25", cache]
    check_the_same(
        [
            trained(tmp_path / f"run{i}", *recipe, f"machine.data_root={root}")
            for i, root in enumerate((path.parent, parquet, form))
        ]
    )


@pytest.fixture(scope="module")
def photographs(shared_data, tmp_path_factory):
    """A class folder of ImageNet's sample images, two of a kind in each of eight classes."""
    root = tmp_path_factory.mktemp("photographs")
    for i, path in enumerate(sorted((shared_data / "imagenet-samples").rglob("*.JPEG"))):
        home = root / ("val" if i % 8 == 7 else "train") / f"n{i // 8:08}"
        home.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, home)
    return root


def test_an_epoch_of_imagenets_samples_is_the_same_from_folder_and_prepared_form(photographs, tmp_path):
    form, cache = tmp_path / "form", f"machine.cache={tmp_path / 'cache'}"
    trickbag("data", "prepare", "imagenet", cache, "--from", photographs, "--to", form)
    recipe = [
        "imagenet_paper_baseline",
        "model.width=0.25",
        "budget.epochs=1",
        "budget.batch_size=8",
        "data.validation=0.2",
        "schedule.milestones=[50%]",
        cache,
    ]
    runs = [
        trained(tmp_path / f"run{i}", *recipe, f"machine.data_root={root}", f"machine.loaders={loaders}")
        for i, (root, loaders) in enumerate([(photographs, 1), (photographs, 3), (form, 2)])
    ]
    check_the_same(runs)
