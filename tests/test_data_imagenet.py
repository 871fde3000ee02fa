import hashlib
import io
import random
import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
import torchvision
from imagenet_files import (
    DEVKIT,
    IDS,
    devkit_archive,
    devkit_files,
    meta_mat,
    tar_of,
    train_files,
    validation_files,
    write_official,
    write_train_tar,
    write_tree,
)
from test_data_parquet import write_rows

from trickbag.data.opening.opening import open_images
from trickbag.data.sources.devkit import validation_classes
from trickbag.data.sources.imagenet import imagenet_source
from trickbag.data.sources.matlab import read_structures
from trickbag.data.sources.tiny_imagenet import tiny_imagenet_source
from trickbag.errors import InputError

TRAIN, VALIDATION = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"


def by_torchvision(official, home, monkeypatch):
    """torchvision's training and validation sets, which it extracts into `home` from the same archives."""
    shutil.copytree(official, home)
    reference = torchvision.datasets.imagenet
    sums = {
        part: (name, hashlib.md5((home / name).read_bytes()).hexdigest())
        for part, (name, _) in reference.ARCHIVE_META.items()
    }
    monkeypatch.setattr(reference, "ARCHIVE_META", sums)
    parts = [reference.ImageNet(home, part) for part in ("train", "val")]
    for path in home.iterdir():
        if path.is_file():
            path.unlink()
    return parts


def flat_validation(root):
    write_tree(root / "val", validation_files())


def extracted_train(root):
    write_tree(
        root / "train",
        {f"{wnid}/{name}": data for wnid, files in train_files().items() for name, data in files.items()},
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of tarfile, for how torchvision extracts
def test_official_tars_are_read_as_torchvision_extracts_them(tmp_path, monkeypatch):
    write_official(tmp_path / "official")
    before = {path.name for path in (tmp_path / "official").iterdir()}
    source = imagenet_source(tmp_path / "official")
    references = by_torchvision(tmp_path / "official", tmp_path / "extracted", monkeypatch)
    for part, reference in zip((source.train, source.test), references, strict=True):
        assert list(source.classes) == reference.wnids
        assert part.labels.tolist() == reference.targets
        assert list(part.images.names) == [
            path.split("/", -1)[-2] + "/" + path.split("/")[-1] for path, _ in reference.imgs
        ]
        assert [part.images.read(i) for i in range(len(part.images))] == [
            Path(path).read_bytes() for path, _ in reference.imgs
        ]
    assert {path.name for path in (tmp_path / "official").iterdir()} == before


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_layout_gives_the_same_data_set(tmp_path, monkeypatch):
    write_official(tmp_path / "tars")
    by_torchvision(tmp_path / "tars", tmp_path / "class_folders", monkeypatch)
    extracted_train(tmp_path / "flat")
    flat_validation(tmp_path / "flat")
    write_tree(tmp_path / "flat", {f"{DEVKIT}.tar.gz": devkit_archive()})
    write_train_tar(tmp_path / "mixed")
    flat_validation(tmp_path / "mixed")
    write_tree(tmp_path / "mixed", devkit_files())
    shutil.copytree(tmp_path / "class_folders" / "val", tmp_path / "sorted_val" / "val")
    write_train_tar(tmp_path / "sorted_val")
    (tmp_path / "sorted_val" / "test").mkdir()  # as extracted with the rest; it has no labels
    args = {"resize": 12, "form": "squares"}
    roots = ("tars", f"tars/{TRAIN}", "class_folders", "flat", "mixed", "sorted_val")
    sets = [open_images("imagenet", tmp_path / root, args, tmp_path / "cache") for root in roots]
    for images in sets[1:]:
        assert images.digest == sets[0].digest
        assert images.classes == sets[0].classes == tuple(sorted(IDS))
        assert torch.equal(images.train_images, sets[0].train_images)
        assert torch.equal(images.test_images, sets[0].test_images)
        assert torch.equal(images.test_labels, sets[0].test_labels)
    assert sets[0].train_images.shape == (10, 3, 12, 12)


def test_without_validation_images_there_is_no_test_part(tmp_path):
    write_train_tar(tmp_path / "tar")
    extracted_train(tmp_path / "folder")
    extracted_train(tmp_path / "bare")
    (tmp_path / "bare" / "train").rename(tmp_path / "classes")
    for root in ("tar", "folder", "classes"):
        source = imagenet_source(tmp_path / root)
        assert len(source.train.labels) == 10
        assert len(source.test.images) == len(source.test.labels) == 0


def test_what_is_missing_is_named(tmp_path):
    def refused(message):
        with pytest.raises(InputError, match=message) as caught:
            imagenet_source(tmp_path)
        assert "\n" not in str(caught.value)

    (tmp_path / "unrelated").mkdir()
    refused(rf"no ImageNet here; it can be train/<wnid>/ or {TRAIN}; .*image-net.org gives the files after")
    flat_validation(tmp_path)
    refused(rf"has validation images, but no train/<wnid>/ and no {TRAIN}")
    write_train_tar(tmp_path)
    refused(rf"{DEVKIT}.tar.gz .* is missing; image-net.org gives it after registration")
    write_tree(tmp_path, devkit_files())
    assert len(imagenet_source(tmp_path).test.labels) == 8
    (tmp_path / DEVKIT / "data" / "ILSVRC2012_validation_ground_truth.txt").unlink()
    with pytest.raises(InputError, match=r"ground_truth.txt: cannot be read: No such file"):
        imagenet_source(tmp_path)
    with pytest.raises(InputError, match=r"machine.data_root is not set; give a folder with train/<wnid>/"):
        imagenet_source(None)
    with pytest.raises(InputError, match="nowhere does not exist"):
        imagenet_source(tmp_path / "nowhere")


def test_validation_images_must_be_those_of_the_devkit(tmp_path):
    write_official(tmp_path)
    files = validation_files()
    first = min(files)

    def refused(message, content):
        (tmp_path / VALIDATION).write_bytes(tar_of(content))
        with pytest.raises(InputError, match=message):
            imagenet_source(tmp_path)

    refused(
        "has 7 images, and the devkit lists 8", {name: data for name, data in files.items() if name != first}
    )
    refused(
        "'ILSVRC2012_val_00000009.JPEG' is not one of the 8", {**files, "ILSVRC2012_val_00000009.JPEG": b""}
    )
    refused("'ILSVRC2012_val_00000000.JPEG' is not one of", {**files, "ILSVRC2012_val_00000000.JPEG": b""})
    refused(
        r"'\.\./ILSVRC.*JPEG' has a name that is not safe",
        {f"../{name}": data for name, data in files.items()},
    )
    (tmp_path / VALIDATION).write_bytes(tar_of(files))
    (tmp_path / f"{DEVKIT}.tar.gz").write_bytes(
        devkit_archive(meta=meta_mat({**IDS, "n09999999": 5}), truth=[5] * 8)
    )
    with pytest.raises(InputError, match="is of class n09999999, which has no training images"):
        imagenet_source(tmp_path)


def test_a_validation_part_without_images_is_refused(tmp_path):
    extracted_train(tmp_path)
    (tmp_path / "val" / "n01440764").mkdir(parents=True)
    with pytest.raises(
        InputError, match=r"val: holds no images; it can be val/<wnid>/, a flat val/ or ILSVRC2012"
    ):
        imagenet_source(tmp_path)
    write_tree(tmp_path, {VALIDATION: tar_of({}), **devkit_files(truth=[])})
    (tmp_path / "val" / "n01440764").rmdir()
    with pytest.raises(InputError, match=r"ground_truth.txt: is empty"):
        imagenet_source(tmp_path)


def test_a_half_sorted_validation_folder_is_refused(tmp_path):
    write_official(tmp_path)
    flat_validation(tmp_path)
    write_tree(tmp_path / "val" / "n01440764", {"ILSVRC2012_val_00000001.JPEG": b""})
    with pytest.raises(
        InputError, match=r"holds class folders and also loose images, as 'ILSVRC2012_val_00000001"
    ):
        imagenet_source(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n01440764.tar": b"not a tar"}, r"n01440764.tar: the archive is cut off, or is no tar archive"),
        ({"notes.txt": b"x"}, r"notes.txt: is not the tar of a class, as n01440764.tar"),
        (
            {"n09999999.tar": tar_of({"n09999999_1.JPEG": b"1"})},
            r"n09999999.tar: too few images for a class: 1",
        ),
        (
            {"n09999999.tar": tar_of({"/etc/passwd.JPEG": b"1"})},
            r"n09999999.tar: member '/etc/passwd.JPEG' has a name",
        ),
    ],
)
def test_hostile_class_tars_are_named(tmp_path, change, message):
    tars = {f"{wnid}.tar": tar_of(files) for wnid, files in train_files().items()}
    (tmp_path / TRAIN).write_bytes(tar_of({**tars, **change}))
    with pytest.raises(InputError, match=message):
        imagenet_source(tmp_path)
    (tmp_path / TRAIN).write_bytes(tar_of({"n01440764.tar": tars["n01440764.tar"]}))
    with pytest.raises(InputError, match="holds 1 classes; at least 2"):
        imagenet_source(tmp_path)


@pytest.mark.filterwarnings(
    "ignore:Python 3.14 will, by default, filter"
)  # torchvision unpacks as it ever did
def test_the_devkit_is_read_as_by_torchvision(tmp_path, monkeypatch):
    (tmp_path / f"{DEVKIT}.tar.gz").write_bytes(devkit_archive())
    reference = torchvision.datasets.imagenet
    digest = hashlib.md5((tmp_path / f"{DEVKIT}.tar.gz").read_bytes()).hexdigest()
    monkeypatch.setattr(reference, "ARCHIVE_META", {"devkit": (f"{DEVKIT}.tar.gz", digest)})
    reference.parse_devkit_archive(tmp_path)
    assert validation_classes(tmp_path) == reference.load_meta_file(tmp_path)[1]


def bomb():
    """A MATLAB file whose one element unpacks to 20 MiB."""
    packed = zlib.compress(bytes(20 * 2**20), 9)
    return meta_mat()[:128] + (15).to_bytes(4, "little") + len(packed).to_bytes(4, "little") + packed


def mat(content):
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        (b"no MATLAB file", "is not a MATLAB file of format 5"),
        (bomb(), "unpacks to more than 16,777,216 bytes"),
        (mat({"other": 1}), "has no array 'synsets'"),
        (mat({"synsets": np.arange(3)}), "no array of structures 'synsets'"),
        (mat({"synsets": {"WNID": "n01440764"}}), "is not the kit's list of classes: 'num_children'"),
        (meta_mat({"../../x": 1}), "is no wnid"),
        (meta_mat({"n01440764": 1}), "lists a class that data/meta.mat does not have: 4"),
    ],
    ids=["text", "bomb", "no synsets", "numbers", "no children", "path", "missing class"],
)
def test_hostile_devkits_are_refused(tmp_path, meta, message):
    write_tree(tmp_path, devkit_files(meta=meta))
    with pytest.raises(InputError, match=message):
        validation_classes(tmp_path)


def test_damaged_devkit_archives_are_refused(tmp_path):
    path, whole = tmp_path / f"{DEVKIT}.tar.gz", devkit_archive()
    for content, message in (
        (b"", "data/meta.mat is missing|cut off"),
        (whole[: len(whole) // 2], "cannot be unpacked"),
        (whole[:-5], "cannot be unpacked"),
        (tar_of(devkit_files()), "cannot be unpacked: Not a gzipped file"),
        (tar_of({"zeros": bytes(65 * 2**20)}, mode="w:gz"), "more than 67,108,864 bytes unpacked"),
        (tar_of({f"{DEVKIT}/readme.txt": b""}, mode="w:gz"), "data/meta.mat is missing"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=message):
            validation_classes(tmp_path)


@pytest.mark.parametrize("name", ["6.1_SOL2", "6.5.1_GLNX86", "7.1_GLNX86", "7.4_GLNX86"])
def test_files_that_matlab_wrote_are_read(name):
    """scipy's own test files: big and little endian, with and without compression."""
    data = Path(scipy.io.matlab.__file__).parent / "tests" / "data"
    if not data.exists():
        pytest.skip("needs the test files of scipy.io.matlab")
    read = read_structures((data / f"teststructarr_{name}.mat").read_bytes(), "teststructarr", name)
    assert read == [{"one": [1], "two": [2]}, {"one": "number 1", "two": "number 2"}]
    (read,) = read_structures((data / f"teststruct_{name}.mat").read_bytes(), "teststruct", name)
    reference = scipy.io.loadmat(data / f"teststruct_{name}.mat", squeeze_me=True)["teststruct"]
    assert read["stringfield"] == reference["stringfield"].item()
    assert read["doublefield"] == reference["doublefield"].item().tolist()


def test_changed_bytes_in_meta_mat_are_refused_or_give_wnids():
    """Of these, scipy's own reader ends the process with a segmentation fault."""
    synsets = scipy.io.loadmat(io.BytesIO(meta_mat()))["synsets"]
    draw, whole, outcomes = random.Random(0), mat({"synsets": synsets}), set()
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        outcomes.add(outcome(bytes(data)))
    assert outcomes == {"read", "refused in one line"}


def outcome(data):
    try:
        synsets = read_structures(data, "synsets", "meta.mat")
    except InputError as error:
        return "refused in one line" if "\n" not in str(error) else str(error)
    return "read" if len(synsets) == 5 else synsets


@pytest.mark.parametrize("find", [imagenet_source, tiny_imagenet_source])
def test_the_hubs_parquet_is_read(tmp_path, find):
    images, names = list(train_files()["n01440764"].values()), ("tench, Tinca tinca", "goldfish")
    for part, labels in (("train", [0, 1]), ("validation", [1, 0]), ("test", [-1, -1])):
        write_rows(tmp_path / "data" / f"{part}-00000-of-00001.parquet", images[:2], labels, names=names)
    source = find(tmp_path)
    assert source.classes == names
    assert source.train.labels.tolist() == [0, 1]
    assert source.test.labels.tolist() == [1, 0]  # the labels of the test part are kept back
    assert source.train.images.read(1) == images[1]
