"""Every bridged optimizer follows its paper's equations, written out here in float64, with the catalogue's defaults.

Eight steps on fixed gradients, with a learning rate that changes in each step as the schedule's does.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import nn

from trickbag.optim import DECAY, DECAY_MEANS, OPTIMIZERS

STEPS = 8
Array = np.ndarray
RNG = np.random.default_rng(0)
START = RNG.normal(size=(6, 4))
GRADIENTS = [RNG.normal(size=(6, 4)) for _ in range(STEPS)]
RATES = [0.02 / (t + 1) for t in range(STEPS)]
Rule = Callable[[Array, float], Iterator[Array]]


def norm(x: Array) -> float:
    return float(np.sqrt((x**2).sum()))


def steps() -> Iterator[tuple[int, Array, float]]:
    """(t counted from 1, gradient, learning rate)."""
    return zip(range(1, STEPS + 1), GRADIENTS, RATES, strict=True)


def sgd(w: Array, wd: float) -> Iterator[Array]:
    """v = 0.9 v + g; w = w - lr v (Sutskever et al. 2013 in torch's form)."""
    v = np.zeros_like(w)
    for _, g, lr in steps():
        v = 0.9 * v + g + wd * w
        w = w - lr * v
        yield w


def nag(w: Array, wd: float) -> Iterator[Array]:
    v = np.zeros_like(w)
    for _, g, lr in steps():
        g = g + wd * w
        v = 0.9 * v + g
        w = w - lr * (g + 0.9 * v)
        yield w


def rmsprop(w: Array, wd: float) -> Iterator[Array]:
    """Hinton's lecture 6e: MeanSquare = 0.9 MeanSquare + 0.1 g^2, divide by its root."""
    s = np.zeros_like(w)
    for _, g, lr in steps():
        g = g + wd * w
        s = 0.9 * s + 0.1 * g**2
        w = w - lr * g / (np.sqrt(s) + 1e-8)
        yield w


def rmsprop_tf(w: Array, wd: float) -> Iterator[Array]:
    """TensorFlow's ApplyRMSProp: ms from one, mom = 0.9 mom + lr g / sqrt(ms + epsilon); var -= mom."""
    ms, mom = np.ones_like(w), np.zeros_like(w)
    for _, g, lr in steps():
        g = g + wd * w
        ms = ms + 0.1 * (g**2 - ms)
        mom = 0.9 * mom + lr * g / np.sqrt(ms + 1e-3)
        w = w - mom
        yield w


def adam(w: Array, wd: float) -> Iterator[Array]:
    """Kingma and Ba, Algorithm 1."""
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t, g, lr in steps():
        g = g + wd * w
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        w = w - lr * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        yield w


def adamw(w: Array, wd: float) -> Iterator[Array]:
    """Loshchilov and Hutter, Algorithm 2, with the decay multiplied by the learning rate as in torch."""
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t, g, lr in steps():
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        w = w - lr * (m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8) + wd * w)
        yield w


def nadam(w: Array, wd: float) -> Iterator[Array]:
    """Dozat's Algorithm 8 with his momentum schedule mu_t = 0.9 (1 - 0.5 x 0.96^(0.004 t))."""
    m, v, product = np.zeros_like(w), np.zeros_like(w), 1.0
    for t, g, lr in steps():
        g = g + wd * w
        mu, following = (0.9 * (1 - 0.5 * 0.96 ** (0.004 * k)) for k in (t, t + 1))
        product *= mu
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        bar = following * m / (1 - product * following) + (1 - mu) * g / (1 - product)
        w = w - lr * bar / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        yield w


def radam(w: Array, wd: float) -> Iterator[Array]:
    """Liu et al., Algorithm 2; the first five steps are not adaptive, steps six to eight are."""
    m, v, limit = np.zeros_like(w), np.zeros_like(w), 2 / (1 - 0.999) - 1
    for t, g, lr in steps():
        g = g + wd * w
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        rho = limit - 2 * t * 0.999**t / (1 - 0.999**t)
        step = m / (1 - 0.9**t)
        if rho > 5:
            r = np.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
            step = step * r * np.sqrt(1 - 0.999**t) / (np.sqrt(v) + 1e-8)
        assert (rho > 5) == (t > 5)
        w = w - lr * step
        yield w


def adagrad(w: Array, wd: float) -> Iterator[Array]:
    """Duchi et al., diagonal form: divide by the root of the sum of squares."""
    s = np.zeros_like(w)
    for _, g, lr in steps():
        g = g + wd * w
        s = s + g**2
        w = w - lr * g / (np.sqrt(s) + 1e-10)
        yield w


def adadelta(w: Array, wd: float) -> Iterator[Array]:
    """Zeiler, Algorithm 1: the ratio of the root mean squares of past steps and of gradients."""
    square, delta = np.zeros_like(w), np.zeros_like(w)
    for _, g, lr in steps():
        g = g + wd * w
        square = 0.95 * square + 0.05 * g**2
        step = np.sqrt(delta + 1e-6) / np.sqrt(square + 1e-6) * g
        delta = 0.95 * delta + 0.05 * step**2
        w = w - lr * step
        yield w


def lamb(w: Array, wd: float) -> Iterator[Array]:
    """You et al. 2019, Algorithm 2, phi the identity; without decay timm takes the ratio as one."""
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t, g, lr in steps():
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        r = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-6) + wd * w
        w = w - lr * (norm(w) / norm(r) if wd else 1) * r
        yield w


def lars(w: Array, wd: float) -> Iterator[Array]:
    """You et al. 2017, Algorithm 1, with the rate outside the momentum as in torch's SGD."""
    v = np.zeros_like(w)
    for _, g, lr in steps():
        local = 0.001 * norm(w) / (norm(g) + wd * norm(w) + 1e-8) if wd else 1
        v = 0.9 * v + local * (g + wd * w)
        w = w - lr * v
        yield w


def lion(w: Array, wd: float) -> Iterator[Array]:
    """Chen et al., Algorithm 2."""
    m = np.zeros_like(w)
    for _, g, lr in steps():
        w = w - lr * (np.sign(0.9 * m + 0.1 * g) + wd * w)
        m = 0.99 * m + 0.01 * g
        yield w


def adan(w: Array, wd: float) -> Iterator[Array]:
    """Xie et al., Algorithm 1; its betas are one minus the code's, which also corrects the averages' bias."""
    m, v, n, old = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w), GRADIENTS[0]
    for t, g, lr in steps():
        m = 0.98 * m + 0.02 * g
        v = 0.92 * v + 0.08 * (g - old)
        n = 0.99 * n + 0.01 * (g + 0.92 * (g - old)) ** 2
        root = np.sqrt(n / (1 - 0.99**t)) + 1e-8
        w = (w - lr * (m / (1 - 0.98**t) + 0.92 * v / (1 - 0.92**t)) / root) / (1 + lr * wd)
        old = g
        yield w


RULES: dict[str, Rule] = {
    "sgd": sgd, "nag": nag, "rmsprop": rmsprop, "rmsprop_tf": rmsprop_tf, "adam": adam, "adamw": adamw,
    "nadam": nadam, "radam": radam, "adagrad": adagrad, "adadelta": adadelta, "lamb": lamb,
    "lars": lars, "lion": lion, "adan": adan,
}  # fmt: skip


def follow(name: str, weight_decay: float, gradients: list[Array] = GRADIENTS) -> list[Array]:
    """The weights after each step of the catalogue's optimizer."""
    weight = nn.Parameter(torch.from_numpy(START.copy()))
    optimizer = OPTIMIZERS[name]([{"params": [weight], "weight_decay": weight_decay}], RATES[0])
    found = []
    for gradient, lr in zip(gradients, RATES, strict=False):
        for group in optimizer.param_groups:
            group["lr"] = lr
        weight.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
        found.append(weight.detach().numpy().copy())
    return found


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
@pytest.mark.parametrize("name", RULES)
def test_follows_its_papers_equations(name: str, weight_decay: float) -> None:
    for ours, theirs in zip(follow(name, weight_decay), RULES[name](START, weight_decay), strict=True):
        # torch keeps the product of NAdam's momentum schedule in float32
        np.testing.assert_allclose(ours, theirs, rtol=1e-6 if name == "nadam" else 1e-9, atol=1e-12)


def test_every_optimizer_has_equations_or_a_test_file_of_its_own() -> None:
    assert {*RULES, "muon", "kron"} == OPTIMIZERS.keys()


def test_every_kind_of_decay_is_named() -> None:
    assert DECAY.keys() == OPTIMIZERS.keys()
    assert set(DECAY.values()) == DECAY_MEANS.keys()


@pytest.mark.parametrize("name", RULES)
def test_weight_decay_is_what_the_table_says(name: str) -> None:
    """By its first step: an L2 penalty is a gradient more, decoupled decay a shrinking beside the step."""
    decayed, plain = follow(name, 0.3)[0], follow(name, 0.0)[0]
    penalised = follow(name, 0.0, [GRADIENTS[0] + 0.3 * START])[0]
    is_l2 = np.allclose(decayed, penalised, rtol=1e-9, atol=0)
    shrinks = np.allclose(
        plain - decayed, RATES[0] * 0.3 * START, rtol=0.01, atol=2e-4
    )  # Adan: after the step
    assert is_l2 == (DECAY[name] == "l2")
    assert is_l2 or shrinks == (DECAY[name] == "decoupled")
