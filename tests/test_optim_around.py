"""What stands around an optimizer's step: SAM, Lookahead and clipping; references are equations, timm and torch."""

import copy

import pytest
import timm.optim
import torch
from torch import Tensor, nn

from trickbag.models import MODELS
from trickbag.optim import (
    agc,
    before_classifier,
    clip_norm,
    lookahead_sync,
    sam_perturb,
    sam_restore,
    statistics_kept,
)


def loss(w: Tensor, b: Tensor) -> Tensor:
    """A small function whose gradient is known: w0^2 + 3 w1^2 + b^4; (2 w0, 6 w1, 4 b^3)."""
    return w[0] ** 2 + 3 * w[1] ** 2 + b**4


def weights() -> tuple[nn.Parameter, nn.Parameter]:
    return nn.Parameter(torch.tensor([1.0, -0.5]).double()), nn.Parameter(torch.tensor(0.5).double())


def gradient(w: Tensor, b: Tensor) -> Tensor:
    return torch.stack([2 * w[0], 6 * w[1], 4 * b**3])


def test_sam_follows_its_two_passes() -> None:
    """Foret et al. 2020, equations 2 and 3 by hand: w + rho g / ||g||, then a step of SGD from w."""
    w, b = weights()
    optimizer = torch.optim.SGD([w, b], 0.1)
    start = torch.tensor([1.0, -0.5, 0.5]).double()
    for _ in range(3):
        optimizer.zero_grad()
        loss(w, b).backward()
        saved = sam_perturb([w, b], 0.05)
        g = gradient(start[:2], start[2])
        up = start + 0.05 * g / (g**2).sum().sqrt()
        assert torch.allclose(torch.cat([w, b[None]]), up, rtol=1e-12)
        optimizer.zero_grad()
        loss(w, b).backward()
        sam_restore([w, b], saved)
        assert torch.equal(torch.cat([w, b[None]]), start)  # bit for bit
        optimizer.step()
        expected = start - 0.1 * gradient(up[:2], up[2])
        start = torch.cat([w, b[None]]).detach().clone()
        assert torch.allclose(start, expected, rtol=1e-12)


def test_adaptive_sam_follows_its_equation() -> None:
    """Kwon et al. 2021: epsilon = rho T^2 g / ||T g|| with T = |w|, elementwise."""
    w, b = weights()
    loss(w, b).backward()
    start = torch.cat([w, b[None]]).detach().clone()
    sam_perturb([w, b], 0.5, adaptive=True)
    g = gradient(start[:2], start[2])
    expected = start + 0.5 * start**2 * g / ((start.abs() * g) ** 2).sum().sqrt()
    assert torch.allclose(torch.cat([w, b[None]]), expected, rtol=1e-12)


@pytest.mark.parametrize("adaptive", [False, True])
def test_sam_stays_where_there_is_no_gradient(adaptive: bool) -> None:
    flat, none = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(2))
    flat.grad = torch.zeros(3)
    saved = sam_perturb([flat, none], 0.05, adaptive)
    assert torch.equal(flat, torch.ones(3))
    sam_restore([flat, none], saved)
    assert torch.equal(none, torch.ones(2))
    assert len(sam_perturb([none], 0.05, adaptive)) == 1


def test_statistics_kept_in_the_second_pass() -> None:
    """The outputs are those of training, the running statistics those of before."""
    model, x = MODELS["resnet20"](10, width=0.25), torch.randn(4, 3, 8, 8)
    plain = copy.deepcopy(model)
    before = copy.deepcopy(dict(model.named_buffers()))
    with statistics_kept(model):
        kept = model(x)
    assert torch.equal(kept, plain(x))
    assert all(torch.equal(value, before[name]) for name, value in model.named_buffers())
    model(x)
    theirs = dict(plain.named_buffers())
    assert all(torch.equal(value, theirs[name]) for name, value in model.named_buffers())


def test_lookahead_is_timms() -> None:
    """Twelve steps of SGD with k = 5: timm.optim.Lookahead, whose slow weights begin at the first sync."""
    ours = MODELS["resnet20"](10, width=0.25)
    theirs = copy.deepcopy(ours)
    inner = torch.optim.SGD(ours.parameters(), 0.1, momentum=0.9)
    reference = timm.optim.Lookahead(torch.optim.SGD(theirs.parameters(), 0.1, momentum=0.9), alpha=0.5, k=5)
    slow = [p.detach().clone() for p in ours.parameters()]
    for p in theirs.parameters():
        p.grad = torch.zeros_like(p)
    reference.sync_lookahead()
    for step in range(1, 13):
        generator = torch.Generator().manual_seed(step)
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            p.grad = torch.randn(p.shape, generator=generator)
            q.grad = p.grad.clone()
        inner.step()
        reference.step()
        if step % 5 == 0:
            lookahead_sync(ours.parameters(), slow, 0.5)
    assert all(torch.equal(p, q) for p, q in zip(ours.parameters(), theirs.parameters(), strict=True))


def test_lookahead_by_hand() -> None:
    fast, slow = [nn.Parameter(torch.tensor([2.0, 4.0]))], [torch.tensor([0.0, 8.0])]
    lookahead_sync(fast, slow, 0.25)
    assert slow[0].tolist() == fast[0].tolist() == [0.5, 7.0]


def test_clip_norm_by_hand() -> None:
    """A gradient (3, 4) of norm 5 is scaled to norm 1; one of norm 0.5 is left alone."""
    p, q = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    p.grad, q.grad = torch.tensor([3.0]), torch.tensor([4.0])
    assert clip_norm([p, q], 1.0).item() == 5
    assert (p.grad.item(), q.grad.item()) == pytest.approx((0.6, 0.8), rel=1e-5)
    p.grad, q.grad = torch.tensor([0.3]), torch.tensor([0.4])
    clip_norm([p, q], 1.0)
    assert (p.grad.item(), q.grad.item()) == pytest.approx((0.3, 0.4), rel=1e-6)


def test_agc_by_hand() -> None:
    """Brock et al. 2021, equation 3: rows of norm 5 and 0 with gradients of norm 10; lambda 0.1, eps 0.001."""
    p = nn.Parameter(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    p.grad = torch.tensor([[6.0, 8.0], [6.0, 8.0]])
    agc([p], clipping=0.1, eps=1e-3)
    assert p.grad.flatten().tolist() == pytest.approx([0.3, 0.4, 0.6e-4, 0.8e-4], rel=1e-5)


def test_agc_leaves_the_classifier_out() -> None:
    model = MODELS["resnet20"](10, width=0.25)
    clipped = {id(p) for p in before_classifier(model)}
    left = {name for name, p in model.named_parameters() if id(p) not in clipped}
    assert left == {"fc.weight", "fc.bias"}
