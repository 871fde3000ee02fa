"""Cutout and random erasing: where the rectangle lies and what fills it."""

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision import transforms

from trickbag.data.sample import told
from trickbag.data.sample.erasing import Cutout, RandomErasing, rectangle, square
from trickbag.data.sample.geometry import Flip
from trickbag.errors import InputError
from trickbag.recipe import apply
from trickbag.rng import Streams
from trickbag.train.resolve import resolve
from trickbag.train.session import build_session


def draws(count, seed=0, epoch=0):
    return Streams(seed).images(epoch, torch.arange(count))


def noise(shape):
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(("height", "width", "size", "length"), [(32, 32, 0.5, 16), (24, 40, 0.34, 8)])
def test_cutouts_squares_are_the_papers(height, width, size, length):
    """For every centre, the square of DeVries and Taylor's code: half of `length` each way, clipped."""
    rows, columns = np.divmod(np.arange(height * width), width)
    middle = np.stack([(rows + 0.5) / height, (columns + 0.5) / width], 1)
    box = square(torch.from_numpy(middle), height, width, size)
    half = length // 2
    expected = np.stack([
        np.clip(rows - half, 0, height), np.clip(columns - half, 0, width),
        np.clip(rows + half, 0, height), np.clip(columns + half, 0, width),
    ], 1)  # fmt: skip
    assert np.array_equal(box, expected)


def test_cutout_fills_its_square_and_nothing_else():
    x = noise((50, 3, 32, 32))
    out = Cutout(fill=(9, 8, 7))(x, draws(50))
    for image, old, (top, left, bottom, right) in zip(
        out, x, square(draws(50).uniform("cutout", 2), 32, 32, 0.5).tolist(), strict=True
    ):
        expected = old.clone()
        expected[:, top:bottom, left:right] = torch.tensor([9, 8, 7], dtype=torch.uint8)[:, None, None]
        assert torch.equal(image, expected)


def test_rectangles_are_distributed_as_torchvisions():
    """Against what torchvision's RandomErasing.get_params draws for the same scale and ratio."""
    x, scale, ratio = torch.zeros(3, 40, 64), (0.02, 0.4), (0.3, 3.3)
    torch.manual_seed(0)
    given = [transforms.RandomErasing.get_params(x, scale, ratio, [0.0])[:4] for _ in range(2500)]
    theirs = np.array([box for box in given if box[2:] != (40, 64)])  # whole image: none of ten tries fitted
    box = rectangle(draws(2500).uniform("random_erasing", 23)[:, 1:], 40, 64, scale, ratio).numpy()
    box = box[box[:, 2] > box[:, 0]]
    ours = np.column_stack([box[:, :2], box[:, 2:] - box[:, :2]])
    assert abs(len(ours) - len(theirs)) < 30
    features = [lambda b, i=i: b[:, i] for i in range(4)] + [lambda b: b[:, 2] * b[:, 3]]
    for feature in features:
        assert stats.ks_2samp(feature(ours), feature(theirs)).pvalue > 1e-3


def test_rectangles_that_never_fit_are_empty():
    box = rectangle(draws(50).uniform("u", 22), 8, 8, (1.0, 1.0), (1.0, 1.0))
    assert torch.equal(box[:, :2], box[:, 2:])


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_erasing_happens_with_probability_p(p):
    x = torch.full((4000, 1, 12, 12), 200, dtype=torch.uint8)
    erased = int((RandomErasing(p=p, fill=0.0)(x, draws(4000)) == 0).flatten(1).any(1).sum())
    assert stats.binomtest(erased, 4000, p).pvalue > 1e-3


def test_the_mean_is_that_of_the_training_images_once_told():
    x, mean = noise((20, 3, 16, 16)), torch.tensor([125.3, 122.9, 113.6]).view(1, 3, 1, 1)
    ours = told(Cutout(), mean)(x, draws(20))
    assert torch.equal(ours, Cutout(fill=(125, 123, 114))(x, draws(20)))
    as_floats = told(RandomErasing(p=1.0), mean)(x.float(), draws(20))
    assert torch.equal(as_floats, RandomErasing(p=1.0, fill=(125.3, 122.9, 113.6))(x.float(), draws(20)))
    flip = Flip()
    assert told(flip, mean) is flip
    assert told(Cutout(fill="noise"), mean) == Cutout(fill="noise")


def test_a_run_tells_its_operations_the_mean_of_its_training_images(small, machine):
    recipe = apply(small, {"sample.cutout": {}, "sample.random_erasing": {"p": 1.0}})
    resolved = resolve(recipe, machine)
    mean = resolved.images.train_images[resolved.train_ids].double().mean()  # by torch, one channel
    operations = build_session(resolved, 0, machine).sample
    assert [type(operation) for operation in operations] == [Cutout, RandomErasing]
    for operation in operations:
        assert operation.fill == pytest.approx((mean.item(),), rel=1e-5)


def test_alone_the_mean_is_that_of_each_image():
    x = noise((2, 1, 6, 6))
    out = Cutout(size=1.0)(x, draws(2))
    changed = out != x
    for image, new, where in zip(x, out, changed, strict=True):
        assert set(new[where].tolist()) == {round(image.float().mean().item())}


def test_noise_is_uniform_and_differs_between_images_and_epochs():
    x = torch.zeros(60, 3, 20, 20, dtype=torch.uint8)
    field = draws(60).noise("n", 1200)
    assert stats.chisquare(np.bincount(field.flatten(), minlength=256)).pvalue > 1e-3
    for other in (field.roll(1, 0), field.roll(1, 1), draws(60, epoch=1).noise("n", 1200)):
        assert stats.pearsonr(field.flatten().double(), other.flatten().double()).pvalue > 1e-3
    out = RandomErasing(p=1.0, fill="noise")(x, draws(60))
    assert len({image.numpy().tobytes() for image in out}) == 60


@pytest.mark.parametrize("count", [1, 7, 8, 9, 3072])
def test_noise_of_an_image_does_not_depend_on_its_batch_or_length(count):
    long = Streams(0).images(2, torch.arange(5)).noise("n", 4000)
    assert torch.equal(Streams(0).images(2, torch.tensor([3])).noise("n", count)[0], long[3, :count])


def test_a_fill_for_other_channels_is_an_input_error():
    with pytest.raises(InputError, match=r"cutout: fill has 3 levels, the images have 1 channel"):
        Cutout(fill=(1, 2, 3))(noise((2, 1, 8, 8)), draws(2))
