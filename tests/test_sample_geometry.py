import itertools

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms.v2 import functional as reference

from trickbag.data import SAMPLE_OPERATIONS
from trickbag.data.sample.geometry import Flip, PadCrop, crop, crop_anywhere, flip, flip_anywhere
from trickbag.errors import InputError
from trickbag.rng import Streams

RANDOM = np.random.default_rng(0)
ARGUMENTS = {"random_resized_crop": {"size": 9}, "random_erasing": {"p": 1.0}}
LEAST_DISTINCT = {"flip": 2, "three_augment": 5, "auto_augment": 8}  # of 30: some have no magnitude
SHAPES = [(40, 3, 32, 32), (40, 1, 8, 8), (40, 3, 20, 13)]


def batch(shape):
    return torch.from_numpy(RANDOM.integers(0, 256, shape, dtype=np.uint8))


def draws(count, seed=0, epoch=0):
    return Streams(seed).images(epoch, torch.arange(count))


def built(name):
    return SAMPLE_OPERATIONS[name](**ARGUMENTS.get(name, {}))


@pytest.mark.parametrize("shape", SHAPES)
def test_flip_mirrors_the_images_with_a_low_draw(shape):
    x = batch(shape)
    out = Flip(p=0.3)(x, draws(40))
    mask = draws(40).uniform("flip")[:, 0] < 0.3
    assert 0 < mask.sum() < 40
    assert torch.equal(out[mask], reference.horizontal_flip(x[mask]))
    assert torch.equal(out[~mask], x[~mask])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_what_runs_on_a_gpu_is_torchvisions_too_and_so_the_same_as_on_a_cpu(shape, dtype, layout):
    x = batch(shape).to(dtype, memory_format=layout)
    corners, mask = draws(40).integers("corner", 3, 2), draws(40).uniform("mask")[:, 0] < 0.4
    kept, size = x.clone(), [side - 2 for side in shape[2:]]
    cut = [reference.crop(*image, *size) for image in zip(x, *corners.T.tolist(), strict=True)]
    mirrored = [reference.horizontal_flip(a) if b else a for a, b in zip(x, mask, strict=True)]
    for way in (crop, crop_anywhere):
        assert torch.equal(way(x, corners, *size), torch.stack(cut))
    for turn in (flip, flip_anywhere):
        assert torch.equal(turn(x, mask), torch.stack(mirrored))
    assert torch.equal(x, kept)


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_flip_happens_with_probability_p(p):
    x = torch.zeros(20_000, 1, 1, 2, dtype=torch.uint8)
    x[..., 1] = 1
    flipped = int(Flip(p=p)(x, draws(20_000))[:, 0, 0, 0].sum())
    assert stats.binomtest(flipped, 20_000, p).pvalue > 1e-3


@pytest.mark.parametrize("p", [0.3, 0.5])
def test_alternating_flips_are_random_once_and_then_take_turns(p):
    """Jordan 2024, Section 3.6: two epochs in a row show both sides of every image."""
    x = batch((400, 1, 4, 5))
    shown = [Flip(p=p, alternating=True)(x, draws(400, epoch=epoch)) for epoch in range(4)]
    assert torch.equal(shown[0], Flip(p=p)(x, draws(400)))
    for before, after in itertools.pairwise(shown):
        assert torch.equal(after, reference.horizontal_flip(before))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mode", ["constant", "reflect"])
def test_pad_crop_is_torchvisions_pad_and_crop_image_by_image(shape, mode):
    x = batch(shape)
    out = PadCrop(padding=3, mode=mode)(x, draws(40))
    offsets = draws(40).integers("pad_crop", 7, 2).tolist()
    assert len(set(map(tuple, offsets))) > 20
    for i, (top, left) in enumerate(offsets):
        padded = reference.pad(x[i], [3] * 4, padding_mode=mode)
        assert torch.equal(out[i], reference.crop(padded, top, left, shape[2], shape[3]))
    assert out.dtype == torch.uint8


def test_pad_crop_offsets_are_uniform_and_independent():
    position = torch.arange(64, dtype=torch.uint8).view(1, 1, 8, 8).expand(20_000, 1, 8, 8)
    corner = PadCrop(padding=2, mode="reflect")(position, draws(20_000))[:, 0, 2, 2].long()  # unique there
    table = torch.bincount((corner // 8) * 5 + corner % 8, minlength=25)
    assert stats.chisquare(table).pvalue > 1e-3


@pytest.mark.parametrize("name", sorted(SAMPLE_OPERATIONS))
def test_copies_of_one_image_get_different_draws(name):
    x = batch((1, 3, 16, 12)).expand(30, 3, 16, 12)
    out = built(name)(x, draws(30))
    distinct = len({image.numpy().tobytes() for image in out})
    assert distinct >= LEAST_DISTINCT.get(name, 18)


@pytest.mark.parametrize("name", sorted(SAMPLE_OPERATIONS))
def test_an_image_does_not_depend_on_its_batch(name):
    x, ids = batch((30, 3, 16, 12)), torch.arange(100, 130)
    out = built(name)(x, Streams(0).images(4, ids))
    order = torch.from_numpy(RANDOM.permutation(30)[:11])
    part = built(name)(x[order], Streams(0).images(4, ids[order]))
    torch.testing.assert_close(part, out[order], rtol=0, atol=1e-4)
    again = built(name)(x, Streams(0).images(5, ids))
    assert not torch.equal(again, out)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", sorted(SAMPLE_OPERATIONS))
def test_a_gpu_gives_the_images_of_the_cpu(name):
    x, ids = batch((30, 3, 16, 12)), torch.arange(30)
    on_cpu = built(name)(x, Streams(0).images(0, ids)).float()
    on_gpu = built(name)(x.cuda(), Streams(0).images(0, ids.cuda())).float()
    assert (on_gpu.cpu() - on_cpu).abs().max() <= 1


@pytest.mark.parametrize("name", sorted(SAMPLE_OPERATIONS))
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_the_input_is_left_alone(name, dtype):
    x = batch((10, 3, 16, 12)).to(dtype)
    before = x.clone()
    built(name)(x, draws(10))
    assert torch.equal(x, before)


def test_ranks_put_geometry_before_policies_before_colour_before_lighting_before_erasing():
    ranked = sorted(SAMPLE_OPERATIONS, key=lambda name: SAMPLE_OPERATIONS[name].rank)
    assert ranked == [
        "random_resized_crop", "pad_crop", "flip",
        "auto_augment", "rand_augment", "trivial_augment", "augmix", "three_augment",
        "color_jitter", "pca_lighting", "cutout", "random_erasing",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("flip", {"p": 1.5}, "flip: p is 1.5"),
        ("pad_crop", {"padding": 0}, "padding is 0"),
        ("pad_crop", {"mode": "edge"}, "mode is 'edge'"),
        ("random_resized_crop", {"size": 0}, "size is 0"),
        ("random_resized_crop", {"scale": (0.5, 0.1)}, "scale is"),
        ("random_resized_crop", {"ratio": (0, 1)}, "ratio is"),
        ("color_jitter", {"hue": 0.6}, "hue is 0.6"),
        ("color_jitter", {"contrast": -0.1}, "contrast is -0.1"),
        ("pca_lighting", {"sd": 0}, "sd is 0"),
        ("trivial_augment", {"bins": 1}, "bins is 1"),
        ("trivial_augment", {"interpolation": "cubic"}, "interpolation is 'cubic'"),
        ("rand_augment", {"num_ops": 0}, "num_ops is 0"),
        ("rand_augment", {"magnitude": 31}, "magnitude is 31; with 31 bins it must be between 0 and 30"),
        ("rand_augment", {"bins": 0}, "bins is 0"),
        ("rand_augment", {"interpolation": ""}, "interpolation is ''"),
        ("auto_augment", {"policy": "cifar100"}, "policy is 'cifar100'"),
        ("auto_augment", {"interpolation": 1}, "interpolation is 1"),
        ("augmix", {"severity": 11}, "severity is 11"),
        ("augmix", {"width": 0}, "width is 0"),
        ("augmix", {"depth": 0}, "depth is 0"),
        ("augmix", {"alpha": 0}, "alpha is 0"),
        ("augmix", {"interpolation": None}, "interpolation is None"),
        ("three_augment", {"sigma": (0, 2)}, "sigma is"),
        ("cutout", {"size": 0}, "size is 0"),
        ("cutout", {"fill": "grey"}, "cutout: fill is 'grey'"),
        ("cutout", {"fill": 256}, "fill is 256"),
        ("random_erasing", {"p": -0.1}, "p is -0.1"),
        ("random_erasing", {"scale": (0.4, 0.02)}, "scale is"),
        ("random_erasing", {"ratio": (0, 3)}, "ratio is"),
        ("random_erasing", {"fill": (0, "x", 0)}, "random_erasing: fill is"),
    ],
)
def test_wrong_arguments_are_input_errors(name, arguments, message):
    with pytest.raises(InputError, match=message):
        SAMPLE_OPERATIONS[name](**arguments)


def test_padding_that_cannot_be_reflected_is_an_input_error():
    with pytest.raises(InputError, match="padding 8 cannot be reflected"):
        PadCrop(padding=8, mode="reflect")(batch((2, 1, 8, 8)), draws(2))
