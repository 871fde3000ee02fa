import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as reference

from trickbag.data.sample.resized_crop import (
    RandomResizedCrop,
    random_boxes,
    resized_crop,
    resized_crop_batched,
)
from trickbag.rng import Streams

RANDOM = np.random.default_rng(0)
SIZES = [(32, 32, 32), (48, 31, 20), (17, 90, 24), (64, 64, 7), (8, 8, 40)]  # height, width, size


def batch(count, height, width):
    return torch.from_numpy(RANDOM.integers(0, 256, (count, 3, height, width), dtype=np.uint8))


def uniform(count, seed=0):
    return Streams(seed).images(0, torch.arange(count)).uniform("random_resized_crop", 22)


def boxes_of(count, height, width, scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3), seed=0):
    return random_boxes(uniform(count, seed), height, width, scale, ratio)


@pytest.mark.parametrize(("height", "width", "size"), SIZES)
@pytest.mark.parametrize("resize", [resized_crop, resized_crop_batched])
@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
def test_every_image_equals_torchvisions_resized_crop(resize, dtype, height, width, size):
    x, boxes = batch(24, height, width).to(dtype), boxes_of(24, height, width)
    out = resize(x, boxes, size, size)
    assert out.dtype == dtype
    assert out.shape == (24, 3, size, size)
    tolerance = 1e-3 if dtype == torch.float32 else 1  # uint8: torch's fixed-point kernel rounds twice
    for i, box in enumerate(boxes.tolist()):
        expected = reference.resized_crop(x[i], *box, [size, size], antialias=True)
        assert (out[i].double() - expected.double()).abs().max() <= tolerance


def test_photographs_at_the_papers_size_agree_too():
    x, boxes = batch(4, 256, 256).float(), boxes_of(4, 256, 256)
    out = resized_crop_batched(x, boxes, 224, 224)
    for i, box in enumerate(boxes.tolist()):
        expected = reference.resized_crop(x[i], *box, [224, 224], antialias=True)
        assert (out[i] - expected).abs().max() < 0.02  # float32 centres of 256 pixels: 1e-4 of the scale


@pytest.mark.parametrize(("height", "width", "size"), [(30, 30, None), (24, 40, None), (24, 40, 16)])
def test_the_operation_keeps_the_size_or_makes_a_square(height, width, size):
    x = batch(5, height, width)
    out = RandomResizedCrop(size=size)(x, Streams(0).images(0, torch.arange(5)))
    assert out.shape[2:] == ((size, size) if size else (height, width))
    assert out.dtype == torch.uint8


@pytest.mark.parametrize(
    ("height", "width", "scale", "ratio"),
    [
        (256, 256, (0.08, 1.0), (3 / 4, 4 / 3)),
        (375, 500, (0.08, 1.0), (3 / 4, 4 / 3)),
        (60, 400, (0.3, 1.0), (3 / 4, 4 / 3)),  # many tries fail, some images fall back
    ],
)
def test_boxes_have_torchvisions_distribution(height, width, scale, ratio):
    count = 3000
    ours = boxes_of(count, height, width, scale, ratio).numpy()
    torch.manual_seed(0)
    transform = v2.RandomResizedCrop(8, scale=scale, ratio=ratio)
    image = torch.empty(1, height, width)
    theirs = np.array(
        [
            [params[name] for name in ("top", "left", "height", "width")]
            for params in (transform.make_params([image]) for _ in range(count))
        ]
    )
    for column in range(4):
        assert stats.ks_2samp(ours[:, column], theirs[:, column]).pvalue > 1e-3
    for derive in (lambda b: b[:, 2] * b[:, 3], lambda b: b[:, 3] / b[:, 2]):
        assert stats.ks_2samp(derive(ours), derive(theirs)).pvalue > 1e-3


def test_corners_are_uniform_over_all_the_places_where_the_box_fits():
    area = 30 * 30 / 32**2  # always the box 30 × 30, which fits at 3 × 3 places
    top, left, h, w = boxes_of(9000, 32, 32, scale=(area, area), ratio=(1.0, 1.0)).T
    assert ((h == 30) & (w == 30)).all()
    assert stats.chisquare(torch.bincount(top * 3 + left, minlength=9)).pvalue > 1e-3


@pytest.mark.parametrize(("height", "width"), [(32, 32), (7, 50), (50, 7), (1, 1)])
def test_boxes_lie_inside_the_image(height, width):
    top, left, h, w = boxes_of(2000, height, width).T
    assert ((top >= 0) & (left >= 0) & (h > 0) & (w > 0)).all()
    assert ((top + h <= height) & (left + w <= width)).all()


@pytest.mark.parametrize(("height", "width"), [(10, 100), (100, 10), (30, 32)])
def test_the_fallback_is_torchvisions(height, width):
    # a scale above 1 fits nowhere, so torchvision takes its fallback
    transform = v2.RandomResizedCrop(8, scale=(90.0, 100.0))
    params = transform.make_params([torch.empty(1, height, width)])
    expected = tuple(params[name] for name in ("top", "left", "height", "width"))
    boxes = boxes_of(5, height, width, scale=(90.0, 100.0))
    assert boxes.tolist() == [list(expected)] * 5


def test_a_box_of_the_whole_image_at_its_own_size_changes_nothing():
    x = batch(3, 20, 26)
    whole = torch.tensor([[0, 0, 20, 26]] * 3)
    assert torch.equal(resized_crop(x, whole, 20, 26), x)
    assert torch.equal(resized_crop_batched(x, whole, 20, 26), x)
