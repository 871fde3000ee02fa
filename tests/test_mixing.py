"""Mixup against torchvision's, and the distribution of λ against scipy's."""

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import v2

from trickbag.mixing import draw_lambda, mixup


class FixedMixUp(v2.MixUp):
    """torchvision's MixUp with the λ it is told, not drawn."""

    def make_params(self, flat_inputs):
        return {"lam": self.alpha}


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
