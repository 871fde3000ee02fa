"""Mixing against torchvision's, and what it draws against scipy's and torchvision's distributions."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import v2

from trickbag.errors import InputError
from trickbag.mixing import Box, cutmix, draw_box, draw_lambda, draw_patch, mixup, resize_mix
from trickbag.rng import Streams
from trickbag.train.operations import BATCH_OPERATIONS
from trickbag.train.seams import Batch, Context


class FixedMixUp(v2.MixUp):
    """torchvision's MixUp with the λ it is told, not drawn."""

    def make_params(self, flat_inputs):
        return {"lam": self.alpha}


class FixedCutMix(v2.CutMix):
    """torchvision's CutMix with the box it is told, not drawn."""

    def make_params(self, flat_inputs):
        top, left, bottom, right = self.told
        share = (bottom - top) * (right - left) / 64
        return {"box": (left, top, right, bottom), "lam_adjusted": 1 - share}


BOXES = [Box(0, 0, 8, 8), Box(2, 3, 5, 4), Box(0, 6, 8, 8), Box(4, 4, 4, 4)]


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(7, 3, 8, 8, generator=generator)
    return x, torch.randint(10, (7,), generator=generator)


@pytest.mark.parametrize("lam", [0.0, 0.3, 0.97, 1.0])
def test_equal_to_torchvision(batch, lam):
    theirs = FixedMixUp(num_classes=10)
    theirs.alpha = lam
    before = [values.clone() for values in batch]
    mixed, targets = mixup(*batch, lam, 10)
    torchvisions, labels = theirs(*batch)
    assert torch.equal(mixed, torchvisions)
    assert torch.equal(targets, labels)
    assert targets.dtype == torch.float32
    assert all(map(torch.equal, batch, before))  # the inputs are left alone


def test_soft_targets_mix_like_their_labels(batch):
    """Mixing is linear: smoothing first or last gives the same."""
    x, y = batch
    soft = 0.9 * torch.nn.functional.one_hot(y, 10) + 0.01
    torch.testing.assert_close(mixup(x, soft, 0.3, 10)[1], 0.9 * mixup(x, y, 0.3, 10)[1] + 0.01)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_keeps_memory_format_and_type(batch, dtype):
    x, y = batch
    x = x.to(dtype=dtype, memory_format=torch.channels_last)
    mixed, targets = mixup(x, y, 0.3, 10)
    assert mixed.is_contiguous(memory_format=torch.channels_last)
    assert (mixed.dtype, targets.dtype) == (dtype, torch.float32)
    assert torch.equal(mixed, mixup(x.contiguous(), y, 0.3, 10)[0])


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_lambda_is_beta(alpha):
    generator = np.random.Generator(np.random.Philox(key=1))
    draws = [draw_lambda(generator, alpha) for _ in range(2000)]
    assert stats.kstest(draws, stats.beta(alpha, alpha).cdf).pvalue > 0.001


@pytest.mark.parametrize("box", BOXES)
def test_cutmix_is_torchvisions(batch, box):
    theirs, before = FixedCutMix(num_classes=10), [values.clone() for values in batch]
    theirs.told = box
    mixed, targets = cutmix(*batch, box, 10)
    torchvisions, labels = theirs(*batch)
    assert torch.equal(mixed, torchvisions)
    torch.testing.assert_close(targets, labels)
    assert all(map(torch.equal, batch, before))  # the inputs are left alone


@pytest.mark.parametrize("box", BOXES[:3])
def test_resize_mix_pastes_torchvisions_resized_image(batch, box):
    x, y = batch
    mixed, targets = resize_mix(x, y, box, 10)
    height, width = box.bottom - box.top, box.right - box.left
    expected = x.clone()
    small = v2.functional.resize(x.roll(1, 0), [height, width], antialias=True)
    expected[:, :, box.top : box.bottom, box.left : box.right] = small
    torch.testing.assert_close(mixed, expected)
    torch.testing.assert_close(targets, mixup(x, y, 1 - height * width / 64, 10)[1])  # by the areas


@pytest.mark.parametrize("mix", [cutmix, resize_mix])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_pasting_keeps_memory_format_and_type(batch, mix, dtype):
    x = batch[0].to(dtype=dtype, memory_format=torch.channels_last)
    mixed, targets = mix(x, batch[1], Box(1, 2, 6, 7), 10)
    assert mixed.is_contiguous(memory_format=torch.channels_last)
    assert (mixed.dtype, targets.dtype) == (dtype, torch.float32)


def test_boxes_are_distributed_as_torchvisions():
    """Against what torchvision's CutMix draws for alpha 1 and images of 24 x 40."""
    theirs, x = v2.CutMix(alpha=1.0, num_classes=2), torch.zeros(1, 1, 24, 40)
    torch.manual_seed(0)
    given = [theirs.make_params([x])["box"] for _ in range(3000)]
    theirs = np.array([(top, left, bottom, right) for left, top, right, bottom in given])
    generator = np.random.Generator(np.random.Philox(key=1))
    ours = np.array([draw_box(generator, draw_lambda(generator, 1.0), 24, 40) for _ in range(3000)])
    assert ours.min() >= 0
    for side in range(4):
        assert stats.ks_2samp(ours[:, side], theirs[:, side]).pvalue > 1e-3
    areas = [(b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) for b in (ours, theirs)]
    assert stats.ks_2samp(*areas).pvalue > 1e-3


def test_patches_lie_anywhere_inside_with_uniform_scale():
    generator = np.random.Generator(np.random.Philox(key=1))
    boxes = np.array([draw_patch(generator, (0.1, 0.8), 1000, 2000) for _ in range(2000)])
    assert stats.kstest((boxes[:, 2] - boxes[:, 0]) / 1000, stats.uniform(0.1, 0.7).cdf).pvalue > 1e-3
    assert (boxes.min(0)[:2] >= 0).all()
    assert (boxes[:, 2] <= 1000).all()
    assert (boxes[:, 3] <= 2000).all()
    room = 1000 - (boxes[:, 2] - boxes[:, 0])
    assert stats.kstest(boxes[:, 0] / room, "uniform").pvalue > 1e-3
    assert draw_patch(generator, (0.01, 0.02), 8, 8).share(8, 8) == 1 / 64  # one pixel at least


@pytest.fixture
def context():
    mean = torch.zeros(3)
    return Context(
        streams=Streams(5), classes=tuple("0123456789"), in_channels=3, mean=mean, sd=mean + 1,
        device=torch.device("cpu"), base=Path(), find_model=None, steps_per_epoch=10, total_steps=100,
    )  # fmt: skip


def test_each_operation_draws_from_its_own_stream_and_mixes_images_and_targets(batch, context):
    for name in ("mixup", "cutmix", "resize_mix"):
        operation = BATCH_OPERATIONS[name](context)
        mixed = [operation(Batch(*batch, step)) for step in range(5)]
        assert all(result.y.shape == (7, 10) for result in mixed)
        assert len({result.x.numpy().tobytes() for result in mixed}) == 5
        assert torch.equal(operation(Batch(*batch, 3)).x, mixed[3].x)


def test_mixup_or_cutmix_is_one_of_the_two_at_every_step(batch, context):
    alone = [BATCH_OPERATIONS[name](context) for name in ("mixup", "cutmix")]
    either = BATCH_OPERATIONS["mixup_or_cutmix"](context, cutmix_share=0.3)
    cut = 0
    for step in range(400):
        by_mixup, by_cutmix, drawn = (mix(Batch(*batch, step)) for mix in (*alone, either))
        cut += torch.equal(drawn.x, by_cutmix.x)
        assert torch.equal(drawn.x, by_cutmix.x) or torch.equal(drawn.x, by_mixup.x)
    assert stats.binomtest(cut, 400, 0.3).pvalue > 1e-3


@pytest.mark.parametrize("scale", [(0.5, 0.1), (0.0, 0.5)])
def test_a_wrong_scale_is_an_input_error(context, scale):
    with pytest.raises(InputError, match="resize_mix: scale is"):
        BATCH_OPERATIONS["resize_mix"](context, scale=scale)
