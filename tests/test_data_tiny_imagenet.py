import zipfile

import pytest
import torch
import torchvision
from imagenet_files import jpeg, write_tree

from trickbag.data import DATASETS
from trickbag.data.opening.opening import open_images
from trickbag.data.sources.tiny_imagenet import tiny_imagenet_source
from trickbag.errors import InputError

WNIDS = ["n02124075", "n01443537", "n04067472"]  # not sorted, as in the official list
HOME = "tiny-imagenet-200"


def official_files():
    """The official layout: images and boxes of each class, annotated validation images, unlabelled test images."""
    files = {"wnids.txt": "\n".join(WNIDS).encode(), "words.txt": b"n02124075\tEgyptian cat\n"}
    for n, wnid in enumerate(WNIDS):
        for i in (0, 2, 10):
            files[f"train/{wnid}/images/{wnid}_{i}.JPEG"] = jpeg(10 * n + i, 64, 64)
        files[f"train/{wnid}/{wnid}_boxes.txt"] = f"{wnid}_0.JPEG\t0\t10\t63\t58\n".encode()
    annotations = {i: WNIDS[(i * 5 + 1) % 3] for i in range(11)}
    lines = [f"val_{i}.JPEG\t{wnid}\t0\t32\t44\t62\n" for i, wnid in annotations.items()]
    files["val/val_annotations.txt"] = "".join(lines).encode()
    for i in annotations:
        files[f"val/images/val_{i}.JPEG"] = jpeg(500 + i, 64, 64)
    files["test/images/test_0.JPEG"] = jpeg(999, 64, 64)
    return files, annotations


def write_zip(root, files):
    root.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(root / f"{HOME}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{HOME}/", b"")
        for name, data in files.items():
            archive.writestr(f"{HOME}/{name}", data)


def test_the_zip_is_read_as_its_extracted_folder(tmp_path):
    files, annotations = official_files()
    write_zip(tmp_path / "zip", files)
    with zipfile.ZipFile(tmp_path / "zip" / f"{HOME}.zip") as archive:
        archive.extractall(tmp_path / "folder")
    reference = torchvision.datasets.ImageFolder(tmp_path / "folder" / HOME / "train")
    # by class, then by name: val_10.JPEG precedes val_2.JPEG
    truth = sorted((sorted(WNIDS).index(wnid), f"val_{i}.JPEG") for i, wnid in annotations.items())
    for root in ("zip", f"zip/{HOME}.zip", "folder", f"folder/{HOME}"):
        source = tiny_imagenet_source(tmp_path / root)
        assert list(source.classes) == reference.classes
        assert source.train.labels.tolist() == reference.targets
        homes = [f"{tmp_path}/folder/{HOME}/{name}" for name in source.train.images.names]
        assert homes == [path for path, _ in reference.imgs]
        assert list(source.test.images.names) == [f"val/images/{name}" for _, name in truth]
        assert source.test.labels.tolist() == [label for label, _ in truth]
        for part in (source.train, source.test):
            read = [part.images.read(i) for i in range(len(part.labels))]
            assert read == [files[name] for name in part.images.names]


def test_images_have_their_own_size_and_are_the_same_from_both(tmp_path):
    files, _ = official_files()
    write_zip(tmp_path / "zip", files)
    write_tree(tmp_path / "folder" / HOME, files)
    from_zip, from_folder = (
        open_images("tiny_imagenet", tmp_path / root, {}, tmp_path / "cache") for root in ("zip", "folder")
    )
    assert from_zip.train_images.shape == (9, 3, 64, 64)
    assert from_zip.digest == from_folder.digest == DATASETS["tiny_imagenet"](tmp_path / "zip").digest
    assert torch.equal(from_zip.test_images, from_folder.test_images)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wnids.txt": None}, "wnids.txt is missing|holds neither"),
        ({"val/val_annotations.txt": None}, "val/val_annotations.txt is missing"),
        (
            {"val/images/val_3.JPEG": None},
            "'val/images/val_3.JPEG' is missing, and val/val_annotations.txt lists it",
        ),
        (
            {"val/images/val_99.JPEG": b""},
            "'val/images/val_99.JPEG' is of class 'unknown', which wnids.txt does not",
        ),
        (
            {"train/n09999999/images/a.JPEG": b""},
            "a.JPEG' is of class 'n09999999', which wnids.txt does not list",
        ),
        ({"wnids.txt": b"n01443537 n02124075 n04067472 n05"}, "fewer than 2 training images of n05"),
        (
            {"wnids.txt": b"\xff\xfe"},
            "n01443537_0.JPEG' is of class 'n01443537', which wnids.txt does not list",
        ),
        ({"wnids.txt": b""}, "n01443537_0.JPEG' is of class 'n01443537', which wnids.txt does not list"),
    ],
)
def test_lists_that_do_not_fit_the_images_are_refused(tmp_path, change, message):
    files, _ = official_files()
    files = {name: data for name, data in {**files, **change}.items() if data is not None}
    write_zip(tmp_path / "zip", files)
    write_tree(tmp_path / "folder" / HOME, files)
    for root in ("zip", "folder"):
        with pytest.raises(InputError, match=message) as caught:
            tiny_imagenet_source(tmp_path / root)
        assert "\n" not in str(caught.value)


def test_what_is_missing_is_named(tmp_path):
    for root, message in (
        (None, "machine.data_root is not set; give tiny-imagenet-200.zip"),
        (tmp_path / "x", "x does not exist"),
        (tmp_path, "holds neither tiny-imagenet-200.zip nor tiny-imagenet-200/ with wnids.txt"),
    ):
        with pytest.raises(InputError, match=message):
            tiny_imagenet_source(root)
    (tmp_path / f"{HOME}.zip").write_text("<html>please log in</html>")
    with pytest.raises(InputError, match=r"tiny-imagenet-200.zip: cannot be read as a zip archive"):
        tiny_imagenet_source(tmp_path)
