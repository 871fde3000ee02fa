"""Class folders: which files are found, under which labels, and what is said of folders that are none."""

import os
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import ImageFolder
from typer.testing import CliRunner

from trickbag.cli.main import app
from trickbag.data import DATASETS, ImageSet, check_readable, held, open_images
from trickbag.data.sources.folder import class_folder
from trickbag.errors import InputError

RANDOM = np.random.default_rng(0)


def photo(path, width=40, height=30):
    """A smooth random picture, saved where `path` says."""
    small = Image.fromarray(RANDOM.integers(0, 256, (5, 5, 3), dtype=np.uint8))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    small.resize((width, height), Image.Resampling.BICUBIC).save(path)


def two_classes(root, **options):
    for name in ("cat", "dog"):
        for i in range(3):
            photo(root / name / f"{i}.png", **options)


def test_layout_with_train_and_test(tmp_path):
    two_classes(tmp_path / "train")
    photo(tmp_path / "train" / "cat" / "nested" / "9.JPEG")
    photo(tmp_path / "test" / "dog" / "0.png")
    photo(tmp_path / "val" / "cat" / "0.png")  # not read beside test/
    (tmp_path / "train" / "cat" / "notes.txt").write_text("no image")
    (tmp_path / "train" / "cat" / ".trash.png").write_text("no image")
    (tmp_path / "train" / ".hidden").mkdir()
    images = DATASETS["folder"](tmp_path, resize=16)
    assert images.classes == ("cat", "dog")
    assert images.train_labels.tolist() == [0] * 4 + [1] * 3
    assert images.test_labels.tolist() == [1]
    assert images.train_images.shape == (7, 3, 16, 16)
    assert images.test_images.encoded.where(0) == str(tmp_path / "test" / "dog" / "0.png")


def test_files_and_labels_are_those_of_torchvision(tmp_path):
    for name in ("b/1.jpg", "b/10.jpg", "b/2.PNG", "a/x/y/z.jpeg", "a/A.jpg", "a/a.jpg", "a/é.jpg"):
        photo(tmp_path / name)
    reference = ImageFolder(tmp_path)
    part = class_folder(tmp_path).train
    found = {(part.images.where(i), int(label)) for i, label in enumerate(part.labels)}
    assert found == set(reference.samples)
    assert list(class_folder(tmp_path).classes) == reference.classes


def test_layout_with_val_and_layout_with_classes_only(tmp_path):
    two_classes(tmp_path / "a" / "train")
    photo(tmp_path / "a" / "val" / "cat" / "0.png")
    assert len(class_folder(tmp_path / "a").test.images) == 1
    two_classes(tmp_path / "b")
    images = DATASETS["folder"](tmp_path / "b", resize=8)
    assert images.train_images.shape == (6, 3, 8, 8)
    assert images.test_images.shape == (0, 3, 8, 8)
    assert images.test_labels.shape == (0,)


def test_links_are_followed_and_a_circle_of_links_is_named(tmp_path):
    two_classes(tmp_path / "data")
    two_classes(tmp_path / "elsewhere")
    (tmp_path / "data" / "cat" / "more").symlink_to(tmp_path / "elsewhere" / "dog")
    assert np.bincount(class_folder(tmp_path / "data").train.labels).tolist() == [6, 3]
    (tmp_path / "data" / "cat" / "back").symlink_to(tmp_path / "data" / "cat")
    with pytest.raises(InputError, match="cat/back: a link back to a folder that it lies in"):
        class_folder(tmp_path / "data")


@pytest.mark.parametrize("kind", ["pipe", "link to nothing", "empty", "text", "endless"])
def test_what_is_no_image_is_named(tmp_path, kind):
    two_classes(tmp_path / "data")
    bad = tmp_path / "data" / "cat" / "7.jpg"
    if kind == "pipe":
        os.mkfifo(bad)  # opened like a file it would wait for ever
    elif kind == "link to nothing":
        bad.symlink_to(tmp_path / "gone.jpg")
    elif kind == "endless":
        bad.touch()
        os.truncate(bad, 2**41)  # sparse: no machine has the memory for it
    else:
        bad.write_bytes(b"" if kind == "empty" else b"some text")
    strict = open_images("folder", tmp_path / "data", {"resize": 8}, tmp_path / "cache")
    with pytest.raises(InputError, match=r"cat/7.jpg: "):
        check_readable(strict, torch.arange(7))
    check_readable(strict, torch.tensor([0, 1, 2, 4]))  # without the bad one
    tolerant = {"resize": 8, "bad_files": 1}
    images = open_images("folder", tmp_path / "data", tolerant, tmp_path / "cache")
    assert (images.some(torch.tensor([3])) == 128).all()  # the fourth file of the cats, shown grey
    check_readable(images, torch.arange(7))
    assert list(images.bad) == [str(bad)]
    again = open_images("folder", tmp_path / "data", tolerant, tmp_path / "cache")
    check_readable(again, torch.arange(7))
    assert dict(again.bad) == dict(images.bad)


def test_names_that_are_no_utf8_are_read_and_printed(tmp_path):
    root = os.fsencode(tmp_path) + b"/data"
    for i in range(2):
        photo(os.fsdecode(root + b"/caf\xe9/%d\xff.png" % i))
        photo(os.fsdecode(root + b"/tea/%d.png" % i))
    images = open_images("folder", tmp_path / "data", {"resize": 8, "form": "originals"}, tmp_path / "cache")
    assert images.classes == ("caf\\xe9", "tea")
    assert images.train_images.whole(0).shape == (3, 8, 8)
    where = images.train_images.encoded.where(0)
    assert where == f"{tmp_path}/data/caf\\xe9/0\\xff.png"
    assert where.encode("utf-8")
    again = open_images("folder", tmp_path / "data", {"resize": 8, "form": "originals"}, tmp_path / "cache")
    assert list(again.train_images.index.names) == list(images.train_images.encoded.names)


def test_names_with_control_characters_are_printed_in_one_line(tmp_path):
    two_classes(tmp_path)
    photo(tmp_path / "cat" / "x\n\x1b[31my\u2028é.png")
    part = class_folder(tmp_path).train
    assert part.images.where(3) == f"{tmp_path}/cat/x\\n\\x1b[31my\\u2028é.png"
    assert part.images.read(3) == (tmp_path / "cat" / "x\n\x1b[31my\u2028é.png").read_bytes()


def test_files_that_are_left_out_are_counted_and_said(tmp_path):
    two_classes(tmp_path / "data")
    for name in ("a.heic", "b.HEIC", "notes"):
        (tmp_path / "data" / "cat" / name).write_text("no image")
    for ending in ("jpe", "jfif"):
        shutil.copy(tmp_path / "data" / "dog" / "0.png", tmp_path / "data" / "dog" / f"x.{ending}")
    for gib in (0, 1):
        images = open_images("folder", tmp_path / "data", {"resize": 8}, tmp_path / "cache", memory_gib=gib)
        assert len(images.train_labels) == 8
        assert held(images).endswith("; 3 other files (no ending 1, .heic 2) left out")
    shown = CliRunner().invoke(
        app, ["data", "info", f"folder:{tmp_path / 'data'}", f"machine.cache={tmp_path / 'cache'}"]
    )
    assert "left out: 3 other files (no ending 1, .heic 2)" in shown.output
    (tmp_path / "data" / "cat" / "0.png").unlink()
    (tmp_path / "data" / "cat" / "1.png").unlink()
    with pytest.raises(
        InputError, match=r"for a class: 1, beside 3 other files \(no ending 1, .heic 2\); at"
    ):
        class_folder(tmp_path / "data")


def test_bytes_of_a_folder_whatever_the_names_are(tmp_path):
    two_classes(tmp_path)
    photo(os.fsdecode(os.fsencode(tmp_path) + b"/cat/\xff\n.png"))
    (tmp_path / "dog" / "gone.png").symlink_to(tmp_path / "nowhere")
    assert class_folder(tmp_path).train.images.nbytes == sum(
        path.stat().st_size for path in tmp_path.glob("*/*") if path.exists()
    )


def test_too_few_images_for_a_class_names_it(tmp_path):
    two_classes(tmp_path)
    photo(tmp_path / "eel" / "0.png")
    with pytest.raises(InputError, match="eel: too few images for a class: 1; at least 2"):
        class_folder(tmp_path)


def test_wrong_folders_are_input_errors(tmp_path):
    for root, message in (
        (None, "machine.data_root is not set"),
        (tmp_path / "x", "x is not a folder"),
        (tmp_path, "0 class folders"),
    ):
        with pytest.raises(InputError, match=message):
            class_folder(root)
    two_classes(tmp_path / "a" / "val")
    with pytest.raises(InputError, match="has val/ but no train/"):
        class_folder(tmp_path / "a")
    two_classes(tmp_path / "a" / "train")
    photo(tmp_path / "a" / "val" / "eel" / "0.png")
    with pytest.raises(InputError, match="eel: there is no class of this name"):
        class_folder(tmp_path / "a")
    two_classes(tmp_path / "b")
    for args, message in (
        ({"resize": 0}, "data.resize: 0; it must be at least 1"),
        ({"bad_files": -1}, "data.bad_files: -1"),
    ):
        with pytest.raises(InputError, match=message):
            open_images("folder", tmp_path / "b", args, tmp_path / "cache")


def test_a_set_larger_than_the_budget_is_streamed_with_the_same_pixels(tmp_path):
    two_classes(tmp_path / "data", width=45)
    photo(tmp_path / "data" / "cat" / "odd.png", width=31, height=77)

    def opened(memory_gib) -> ImageSet:
        return open_images(
            "folder", tmp_path / "data", {"resize": 20}, tmp_path / "cache", memory_gib=memory_gib
        )

    streamed, kept = opened(0), opened(None)
    assert not isinstance(streamed.train_images, type(kept.train_images))
    for i in range(7):
        assert (streamed.train_images.whole(i) == kept.train_images[i]).all()
    assert streamed.digest == kept.digest
