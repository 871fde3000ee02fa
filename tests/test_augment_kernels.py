"""The batched operations against torchvision's, image by image: every operation, level and sign."""

import itertools

import pytest
import torch
from torchvision.transforms import autoaugment
from torchvision.transforms.v2 import functional as reference
from torchvision_operations import THEIR_NAMES, theirs

from trickbag.data.sample.augmix import augmix_space
from trickbag.data.sample.spaces import SIGNED, WARPS, Scale, run, standard_space, wide_space
from trickbag.data.sample.three_augment import gaussian_blur
from trickbag.data.sample.tones import grayscale

SHAPES = [(3, 32, 32), (1, 32, 32), (3, 24, 40), (1, 25, 13)]


def images(channels, height, width):
    """Noise, low contrast, a gradient, one value only, and black and white."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (5, channels, height, width), dtype=torch.uint8, generator=generator)
    x[1] = x[1] // 4 + 90
    x[2] = (torch.arange(width) * 5 % 256).to(torch.uint8)
    x[3] = 77
    x[4] = x[4] // 128 * 255
    return x


def assert_same(ours, expected):
    """Images identical, or one grey level apart in fewer than 5 % of the values of each."""
    assert ours.dtype == torch.uint8
    difference = (ours.int() - expected.int()).abs()
    assert difference.max() <= 1
    assert (difference > 0).float().mean((1, 2, 3)).max() < 0.05


def spaces(height, width):
    return {
        "TrivialAugment": wide_space(31),
        "RandAugment": standard_space(31, height, width),
        "AutoAugment": (*standard_space(10, height, width), Scale("invert")),
        "AugMix": augmix_space(height, width, True),
    }


@pytest.mark.parametrize("policy", ["TrivialAugment", "RandAugment", "AutoAugment", "AugMix"])
@pytest.mark.parametrize("size", [(32, 32), (24, 40)])
def test_magnitudes_are_torchvisions(policy, size):
    published = {
        "TrivialAugment": lambda: autoaugment.TrivialAugmentWide()._augmentation_space(31),
        "RandAugment": lambda: autoaugment.RandAugment()._augmentation_space(31, size),
        "AutoAugment": lambda: autoaugment.AutoAugment()._augmentation_space(10, size),
        "AugMix": lambda: autoaugment.AugMix()._augmentation_space(10, size),
    }[policy]()
    ours = {THEIR_NAMES[scale.operation]: scale for scale in spaces(*size)[policy]}
    assert set(ours) - set(published) <= {"Identity"}
    for name, (magnitudes, signed) in published.items():
        assert ours[name].magnitudes == tuple(magnitudes.flatten().tolist())
        assert (ours[name].operation in SIGNED) == signed


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("policy", ["TrivialAugment", "RandAugment", "AutoAugment", "AugMix"])
def test_every_operation_level_and_sign_is_torchvisions(policy, mode, shape):
    x = images(*shape)
    for scale in spaces(*shape[1:])[policy]:
        levels, signs = len(scale.magnitudes), 2 if scale.operation in SIGNED else 1
        if mode == "bilinear" and scale.operation not in WARPS:
            continue  # interpolates nothing
        every = torch.cartesian_prod(torch.arange(signs), torch.arange(levels), torch.arange(len(x)))
        ours = run(scale, x[every[:, 2]], every[:, 1], every[:, 0], mode).split(len(x))
        for i, (sign, level) in enumerate(itertools.product(range(signs), range(levels))):
            magnitude = scale.magnitudes[level] * (-1) ** sign
            assert_same(ours[i], theirs(x, scale.operation, magnitude, mode))


@pytest.mark.parametrize("name", ["brightness", "colour", "contrast", "sharpness", "equalize", "rotate"])
@pytest.mark.parametrize("shape", [(3, 2, 2), (1, 1, 5), (3, 64, 3)])
def test_small_and_narrow_images(name, shape):
    x = images(*shape)
    scale = next(scale for scale in wide_space(31) if scale.operation == name)
    level = torch.full((5,), 17 if len(scale.magnitudes) > 1 else 0)
    magnitude = scale.magnitudes[level[0]] if name in SIGNED else 0.0
    ours = run(scale, x, level, torch.zeros_like(level))
    assert_same(ours, torch.stack([theirs(image, name, magnitude, "nearest") for image in x]))


def test_operations_leave_their_input_alone():
    x = images(3, 16, 12)
    before, zero = x.clone(), torch.zeros(5, dtype=torch.int64)
    for scale in (*wide_space(31), Scale("invert")):
        for mode in ("nearest", "bilinear"):
            run(scale, x, zero + 9, zero + 1, mode)
            assert torch.equal(x, before), scale.operation


@pytest.mark.parametrize("shape", SHAPES)
def test_gray_and_blur_are_torchvisions(shape):
    x = images(*shape)
    sigma = torch.tensor([0.1, 0.6, 1.1, 1.7, 2.0])
    assert_same(grayscale(x), reference.rgb_to_grayscale(x, num_output_channels=shape[0]))
    expected = [reference.gaussian_blur(x[i], [13, 13], [sigma[i].item()] * 2) for i in range(5)]
    assert_same(gaussian_blur(x, sigma, 6), torch.stack(expected))


def test_blur_reaches_as_far_as_the_edges_of_a_small_image_can_be_mirrored():
    x = images(3, 8, 5)
    expected = reference.gaussian_blur(x, [9, 9], [2.0, 2.0])  # 4 pixels to each side
    assert_same(gaussian_blur(x, torch.full((5,), 2.0), 6), expected)
