import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as reference

from trickbag.data import DATASETS
from trickbag.data.sources import folder as folder_module
from trickbag.errors import InputError

SHARED = Path(os.environ.get("TRICKBAG_SHARED", Path(__file__).parents[2] / "shared"))
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


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(40, 30, 16), (30, 41, 16), (500, 375, 64), (20, 20, 33), (21, 97, 20), (300, 9, 12)],
)
def test_images_are_resized_and_cropped_as_by_torchvision(tmp_path, width, height, size):
    two_classes(tmp_path, width=width, height=height)
    images = read(tmp_path, resize=size)
    paths = [tmp_path / name / f"{i}.png" for name in ("cat", "dog") for i in range(3)]
    for image, path in zip(images.train_images, paths, strict=True):
        check(image, path, size)


@pytest.mark.parametrize("mode", ["L", "P", "1", "RGBA", "LA"])
def test_other_8_bit_modes_become_rgb(tmp_path, mode):
    two_classes(tmp_path, mode=mode)
    check(read(tmp_path, resize=20).train_images[0], tmp_path / "cat" / "0.png", 20)


def test_broken_images_are_named(tmp_path):
    two_classes(tmp_path)
    bad = tmp_path / "dog" / "1.png"
    whole = bad.read_bytes()
    for content in (b"", b"not an image", whole[: len(whole) // 2]):
        bad.write_bytes(content)
        with pytest.raises(InputError, match=r"dog/1.png: the image cannot be read"):
            read(tmp_path, resize=8)
    Image.fromarray(np.zeros((9, 9), np.uint16)).save(bad)
    with pytest.raises(InputError, match=r"dog/1.png: the image has mode I;16"):
        read(tmp_path, resize=8)


@pytest.mark.parametrize(
    "limit", [900, 500]
)  # 1200 pixels: beyond the limit a warning, beyond twice it an error
def test_decompression_bombs_are_refused(tmp_path, monkeypatch, limit):
    two_classes(tmp_path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(InputError, match=r"cat/0.png: the image cannot be read .*decompression bomb"):
        read(tmp_path, resize=8)


def test_a_very_long_image_costs_no_more_than_others(tmp_path):
    two_classes(tmp_path)
    photo(tmp_path / "cat" / "0.png", width=1, height=20_000)  # resized whole: 64 × 1,280,000
    assert read(tmp_path, resize=64).train_images.shape == (6, 3, 64, 64)


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


def test_real_photographs(tmp_path):
    samples = SHARED / "data" / "imagenet-samples"
    if not samples.exists():
        pytest.skip("needs the ImageNet samples in shared/data/imagenet-samples")
    paths = sorted(samples.rglob("*.JPEG"))
    for i, path in enumerate(paths):
        target = tmp_path / "ab"[i % 2] / path.name
        target.parent.mkdir(exist_ok=True)
        target.symlink_to(path)
    images = read(tmp_path, resize=64)
    assert len(images.train_images) == len(paths) == 64
    by_name = sorted(paths[0::2], key=lambda p: p.name) + sorted(paths[1::2], key=lambda p: p.name)
    for image, path in zip(images.train_images, by_name, strict=True):
        check(image, path, 64)
