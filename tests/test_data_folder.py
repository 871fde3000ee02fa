import os

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as reference

from trickbag.data import DATASETS
from trickbag.data.sources import folder as folder_module
from trickbag.errors import InputError

RANDOM = np.random.default_rng(0)
read = DATASETS["folder"]


def photo(path, width=40, height=30, mode="RGB"):
    """A smooth random picture, saved where `path` says."""
    small = Image.fromarray(RANDOM.integers(0, 256, (5, 5, 3), dtype=np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    small.resize((width, height), Image.Resampling.BICUBIC).convert(mode).save(path)


def expected(path, size):
    """The image by torchvision: resize of the shorter side, then centre crop."""
    image = Image.open(path).convert("RGB")
    image = reference.center_crop(reference.resize(image, [size], antialias=True), [size, size])
    return torch.from_numpy(np.asarray(image).transpose(2, 0, 1).copy())


def check(image, path, size):
    """Equal to torchvision's, but for PIL's rounding between two passes, whose order depends on the box."""
    difference = image.int() - expected(path, size).int()
    assert difference.abs().max() <= 1, path
    assert difference.float().mean().abs() < 0.05, path


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
    (tmp_path / "train" / ".hidden").mkdir()
    images = read(tmp_path, resize=16)
    assert images.classes == ("cat", "dog")
    assert images.train_labels.tolist() == [0] * 4 + [1] * 3
    assert images.test_labels.tolist() == [1]
    check(images.test_images[0], tmp_path / "test" / "dog" / "0.png", 16)


def test_layout_with_val_and_layout_with_classes_only(tmp_path):
    two_classes(tmp_path / "a" / "train")
    photo(tmp_path / "a" / "val" / "cat" / "0.png")
    assert len(read(tmp_path / "a", resize=8).test_images) == 1
    two_classes(tmp_path / "b")
    images = read(tmp_path / "b", resize=8)
    assert images.train_images.shape == (6, 3, 8, 8)
    assert images.test_images.shape == (0, 3, 8, 8)
    assert images.test_labels.shape == (0,)


def test_too_few_images_for_a_class_names_it(tmp_path):
    two_classes(tmp_path)
    photo(tmp_path / "eel" / "0.png")
    with pytest.raises(InputError, match="eel: too few images for a class: 1; at least 2"):
        read(tmp_path, resize=8)


def test_wrong_folders_are_input_errors(tmp_path):
    for root, message in (
        (None, "machine.data_root is not set"),
        (tmp_path / "x", "x is not a folder"),
        (tmp_path, "0 class folders"),
    ):
        with pytest.raises(InputError, match=message):
            read(root)
    two_classes(tmp_path / "a" / "val")
    with pytest.raises(InputError, match="has val/ but no train/"):
        read(tmp_path / "a")
    two_classes(tmp_path / "a" / "train")
    photo(tmp_path / "a" / "val" / "eel" / "0.png")
    with pytest.raises(InputError, match="eel: there is no class of this name"):
        read(tmp_path / "a")
    with pytest.raises(InputError, match="resize is 0"):
        read(tmp_path / "a", resize=0)


def test_a_set_larger_than_the_memory_is_refused_before_decoding(tmp_path, monkeypatch):
    two_classes(tmp_path)
    available = folder_module.available_memory()
    assert 2**20 < available < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    monkeypatch.setattr(folder_module, "available_memory", lambda: 2**30)
    with pytest.raises(
        InputError, match=r"6 images of 8000×8000 need 1.1 GiB of memory and 1.0 GiB are available"
    ):
        read(tmp_path, resize=8000)
