"""Losses against torch's own and against the papers' equations worked out in float64 numpy."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from torch.nn import functional

from trickbag.losses import cross_entropy, distillation, paper_smoothing, smooth_targets

B, K = 16, 10
GENERATOR = np.random.default_rng(0)
LOGITS = GENERATOR.normal(0, 3, (B, K))
TEACHER = GENERATOR.normal(0, 3, (B, K))
LABELS = GENERATOR.integers(0, K, B)
MIXED = GENERATOR.dirichlet(np.ones(K), B)


def numpy_cross_entropy(targets: np.ndarray, logits: np.ndarray) -> float:
    return float(-(targets * log_softmax(logits, axis=1)).sum(1).mean())


def tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values)


def test_hard_targets():
    """-log p of the class; and bit-equal to torch's in float32."""
    ours = cross_entropy(tensor(LOGITS), tensor(LABELS))
    assert ours.item() == pytest.approx(numpy_cross_entropy(np.eye(K)[LABELS], LOGITS), rel=1e-12)
    logits = tensor(LOGITS).float()
    assert torch.equal(
        cross_entropy(logits, tensor(LABELS)), functional.cross_entropy(logits, tensor(LABELS))
    )


@pytest.mark.parametrize("smoothing", [0.05, 0.1, 0.3])
def test_smoothed_hard_targets_are_torchs_label_smoothing(smoothing):
    """(1 - e) one-hot + e/K: Szegedy et al. 2016, section 7, and torch's `label_smoothing`."""
    logits = tensor(LOGITS).float()
    ours = cross_entropy(logits, smooth_targets(tensor(LABELS), smoothing, K))
    torchs = functional.cross_entropy(logits, tensor(LABELS), label_smoothing=smoothing)
    torch.testing.assert_close(ours, torchs, rtol=1e-6, atol=0)


def test_smoothed_soft_targets():
    """Mixed and smoothed: smoothing is linear, so it is the mixture of the smoothed targets."""
    ours = cross_entropy(tensor(LOGITS), smooth_targets(tensor(MIXED), 0.1, K))
    assert ours.item() == pytest.approx(numpy_cross_entropy(0.9 * MIXED + 0.1 / K, LOGITS), rel=1e-12)


def test_paper_smoothing():
    """He et al. 2018, equation 4: 1 - e on the true class, e/(K - 1) on each other."""
    targets = np.where(np.eye(K)[LABELS] == 1, 0.9, 0.1 / (K - 1))
    ours = smooth_targets(tensor(LABELS), paper_smoothing(0.1, K), K)
    np.testing.assert_allclose(ours.numpy(), targets, rtol=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 20.0])
def test_distillation(temperature):
    """He et al. 2018, equation 6, and the weighted form of the authors' released code."""
    hard = numpy_cross_entropy(np.eye(K)[LABELS], LOGITS)
    soft = temperature**2 * numpy_cross_entropy(softmax(TEACHER / temperature, axis=1), LOGITS / temperature)

    def ours(hard_weight):
        loss = cross_entropy(tensor(LOGITS), tensor(LABELS))
        both = tensor(LOGITS), tensor(TEACHER)
        return distillation(*both, loss, temperature=temperature, hard_weight=hard_weight).item()

    assert ours(None) == pytest.approx(hard + soft, rel=1e-12)
    assert ours(0.5) == pytest.approx(0.5 * hard + 0.5 * soft, rel=1e-12)
    assert ours(0.3) == pytest.approx(0.3 * hard + 0.7 * soft, rel=1e-12)


def test_distillation_gradient():
    """Only the student's: T/B (softmax(z/T) - softmax(r/T)), T² times Hinton et al. 2015, equation 2."""
    student, teacher = tensor(LOGITS).requires_grad_(), tensor(TEACHER).requires_grad_()
    distillation(student, teacher, torch.zeros(()), hard_weight=None).backward()
    expected = 20 / B * (softmax(LOGITS / 20, axis=1) - softmax(TEACHER / 20, axis=1))
    np.testing.assert_allclose(student.grad.numpy(), expected, rtol=1e-9)
    assert teacher.grad is None


def test_low_precision_logits_are_lost_in_float32():
    """The loss of bfloat16 logits is that of the same numbers in float32, under autocast too."""
    logits = tensor(LOGITS).bfloat16()
    expected = cross_entropy(logits.float(), tensor(LABELS))
    with torch.autocast("cpu", torch.bfloat16):
        ours = cross_entropy(logits, tensor(LABELS))
        soft = distillation(logits, tensor(TEACHER).bfloat16(), ours)
    assert ours.dtype == soft.dtype == torch.float32
    assert torch.equal(ours, expected)
    teacher = tensor(TEACHER).bfloat16().float()
    assert torch.equal(soft, distillation(logits.float(), teacher, expected))
