"""The policies: what they draw, against the published distributions; what they do, against torchvision's."""

import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision import transforms
from torchvision.transforms.v2 import functional as reference
from torchvision_operations import THEIR_NAMES, theirs

from trickbag.data.sample.augmix import AugMix, augmix_space, dirichlet
from trickbag.data.sample.policies import AutoAugment, RandAugment, TrivialAugment
from trickbag.data.sample.spaces import SIGNED
from trickbag.data.sample.three_augment import ThreeAugment
from trickbag.errors import InputError
from trickbag.rng import Streams

POLICIES = {
    "trivial_augment": TrivialAugment(),
    "rand_augment": RandAugment(),
    "auto_augment": AutoAugment(),
    "auto_augment cifar10": AutoAugment(policy="cifar10"),
    "auto_augment svhn": AutoAugment(policy="svhn"),
}
ROWS = {"imagenet": "IMAGENET", "cifar10": "CIFAR10", "svhn": "SVHN"}


def draws(count, seed=0):
    return Streams(seed).images(0, torch.arange(count))


def noise(shape):
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


def applied(image, scales, operation, level, negative, mode="nearest"):
    """One drawn operation on one image, by torchvision."""
    name, magnitudes = scales[operation]
    magnitude = magnitudes[level if len(magnitudes) > 1 else 0]
    return theirs(image, name, -magnitude if negative and name in SIGNED else magnitude, mode)


@pytest.mark.parametrize("name", list(POLICIES))
def test_other_channels_than_grey_or_rgb_are_refused(name):
    with pytest.raises(InputError, match=r"grey or RGB images, not 4 channels$"):
        POLICIES[name](torch.zeros(2, 4, 8, 8, dtype=torch.uint8), Streams(0).images(0, torch.arange(2)))


def test_trivial_augment_draws_operation_level_and_sign_uniformly():
    """Müller and Hutter 2021, Algorithm 1: both uniform; 14 operations, 31 levels, 2 signs."""
    (choice,) = TrivialAugment().choices(draws(40_000))
    cells = (choice.operation * 31 + choice.level) * 2 + choice.negative
    assert stats.chisquare(torch.bincount(cells, minlength=14 * 31 * 2)).pvalue > 1e-3
    names = [THEIR_NAMES[scale.operation] for scale in TrivialAugment().space(32, 32)]
    assert names == list(transforms.TrivialAugmentWide()._augmentation_space(31))


def test_rand_augment_draws_its_operations_uniformly_and_independently():
    """Cubuk et al. 2020, Figure 2: each of N operations uniform over K = 14, all at the one magnitude."""
    first, second = RandAugment(magnitude=7).choices(draws(20_000))
    cells = ((first.operation * 14 + second.operation) * 2 + first.negative) * 2 + second.negative
    assert stats.chisquare(torch.bincount(cells, minlength=14 * 14 * 4)).pvalue > 1e-3
    assert first.level.unique().tolist() == second.level.unique().tolist() == [7]
    names = [THEIR_NAMES[scale.operation] for scale in RandAugment().space(32, 32)]
    assert names == list(transforms.RandAugment()._augmentation_space(31, (32, 32)))
    assert len(RandAugment(num_ops=5).choices(draws(3))) == 5


@pytest.mark.parametrize("policy", ["imagenet", "cifar10", "svhn"])
def test_auto_augment_draws_pairs_with_their_probabilities(policy):
    """Every outcome of 25 equally likely pairs whose operations have the probabilities of the policy."""
    outcomes = Counter()
    for pair in transforms.AutoAugment(transforms.AutoAugmentPolicy[ROWS[policy]]).policies:
        for done in itertools.product([True, False], repeat=2):
            chance = np.prod([p if on else 1 - p for (_, p, _), on in zip(pair, done, strict=True)])
            parts = [
                (name, level or 0) if on else ("Identity", None)
                for (name, _, level), on in zip(pair, done, strict=True)
            ]
            outcomes[tuple(parts)] += chance / 25
    count, names = 20_000, [THEIR_NAMES[name] for name, _ in AutoAugment(policy=policy).space(32, 32)]
    rounds = AutoAugment(policy=policy).choices(draws(count))
    sides = [
        [(names[o], None if names[o] == "Identity" else level) for o, level in zip(*pair, strict=True)]
        for pair in ((r.operation.tolist(), r.level.tolist()) for r in rounds)
    ]
    drawn = Counter(zip(*sides, strict=True))
    possible = [outcome for outcome, chance in outcomes.items() if chance > 0]
    assert set(drawn) <= set(possible)
    expected = [count * outcomes[outcome] for outcome in possible]
    assert stats.chisquare([drawn[outcome] for outcome in possible], expected).pvalue > 1e-3
    for r in rounds:
        assert stats.binomtest(int(r.negative.sum()), count).pvalue > 1e-3


@pytest.mark.parametrize("name", list(POLICIES))
@pytest.mark.parametrize("shape", [(120, 3, 32, 32), (60, 1, 24, 40)])
def test_images_are_those_of_torchvision_for_the_same_choices(name, shape):
    x, policy = noise(shape), POLICIES[name]
    ours, rounds = policy(x, draws(len(x))), policy.choices(draws(len(x)))
    scales, apart = policy.space(*shape[2:]), []
    for i, image in enumerate(x):
        for choice in rounds:
            image = applied(image, scales, *(int(values[i]) for values in choice))
        apart.append((ours[i].int() - image.int()).abs())
    assert (torch.stack(apart) > 0).float().mean() < 0.05
    assert (torch.stack(apart) > 1).float().mean() < 0.005  # a second operation may widen one grey level


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_augmix_is_torchvisions_mixture_for_the_same_draws(interpolation):
    x, operation = noise((40, 3, 24, 32)), AugMix(interpolation=interpolation)
    ours = operation(x, draws(40))
    own = dirichlet(draws(40), "augmix.image", 1.0, 2)
    weights = dirichlet(draws(40), "augmix.chains", 1.0, 3)
    scales = augmix_space(24, 32, True)
    expected = own[:, 0, None, None, None] * x
    for chain in range(3):
        u = draws(40).uniform(f"augmix.chain{chain}", 10)
        for i, image in enumerate(x):
            for j in range(1 + int(3 * u[i, 0])):  # a depth of 1 to 3
                of_op, of_level, of_sign = u[i, 1 + 3 * j : 4 + 3 * j].tolist()
                image = applied(
                    image, scales, 1 + int(13 * of_op), int(3 * of_level), int(2 * of_sign), interpolation
                )
            expected[i] += own[i, 1] * weights[i, chain] * image
    apart = (ours.int() - expected.to(torch.uint8).int()).abs()
    assert (apart > 1).float().mean() < 0.01
    assert (apart > 0).float().mean() < 0.05


def test_augmix_depth_and_operations_can_be_set():
    names = {scale.operation for scale in augmix_space(32, 32, False)} - {"identity"}
    published = transforms.AugMix(all_ops=False)._augmentation_space(10, (32, 32))
    assert {THEIR_NAMES[name] for name in names} == set(published)
    x = noise((30, 1, 16, 16))
    one, four = (AugMix(depth=depth, width=1)(x, draws(30)).float() for depth in (1, 4))
    assert (four - x).abs().mean() > 1.3 * (one - x).abs().mean()


@pytest.mark.parametrize(("alpha", "k"), [(0.2, 2), (1.0, 2), (1.0, 3), (4.0, 8)])
def test_dirichlet_weights_have_beta_margins_and_sum_to_one(alpha, k):
    """A component of Dirichlet(alpha, …) is Beta(alpha, (k - 1) alpha): scipy's distribution."""
    weights = dirichlet(draws(4000), "w", alpha, k)
    torch.testing.assert_close(weights.sum(1), torch.ones(4000))
    for column in weights.double().unbind(1):
        assert stats.kstest(column, stats.beta(alpha, (k - 1) * alpha).cdf).pvalue > 1e-3


def test_dirichlet_of_a_tiny_alpha_stays_finite():
    weights = dirichlet(draws(1000), "w", 0.001, 4)
    assert weights.isfinite().all()
    assert (weights.amax(1) > 0.999).float().mean() > 0.95


def test_three_augment_does_one_of_three_uniformly():
    x = noise((300, 3, 32, 32))
    out, u = ThreeAugment()(x, draws(300)), draws(300).uniform("three_augment", 2)
    which = (u[:, 0] * 3).long()
    assert stats.chisquare(torch.bincount(which)).pvalue > 1e-3
    grey, inverted, blurred = (which == i for i in range(3))
    apart = (out[grey].int() - reference.rgb_to_grayscale(x[grey], num_output_channels=3).int()).abs()
    assert apart.max() <= 1
    assert torch.equal(out[inverted], reference.solarize(x[inverted], 128))
    for image, ours, v in zip(x[blurred], out[blurred], u[blurred, 1].tolist(), strict=True):
        expected = reference.gaussian_blur(image, [13, 13], [0.1 + 1.9 * v] * 2)  # DeiT: radius 0.1 to 2
        assert (ours.int() - expected.int()).abs().max() <= 1


@pytest.mark.parametrize("name", list(POLICIES))
def test_float_images_are_taken_as_whole_grey_levels(name):
    x = noise((20, 3, 16, 16))
    assert torch.equal(POLICIES[name](x.float() + 0.3, draws(20)), POLICIES[name](x, draws(20)))
