"""What a person brings along to a study, without touching the package: one of each kind.

Run it with the study beside it:  trickbag study examples/my_study.yaml --out my_study
A study or a recipe names each as `my_lab.py:NAME`; the file is copied into the study's folder, and its content is
part of the fingerprint of every recipe that names it. Keyword arguments with defaults are what a recipe may set.
"""

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from trickbag import Card, Trick
from trickbag.data import ImageSet
from trickbag.rng import ImageDraws


def parity(root: Path | None, *, test: int = 360) -> ImageSet:
    """A data set: scikit-learn's 1,797 handwritten digits, even against odd; the last `test` are set apart.

    `root` is the study's machine.data_root, where the files of a larger data set would lie.
    """
    bunch = load_digits()
    images = np.minimum(bunch.images * 16, 255).astype(np.uint8)[:, None]  # [N, C, H, W]
    labels = bunch.target.astype(np.int64) % 2
    return ImageSet.of((images[:-test], labels[:-test]), (images[-test:], labels[-test:]), ("even", "odd"))


def small_net(num_classes: int, in_channels: int = 3, *, width: int = 16) -> nn.Module:
    """A model: two convolutions with batch norm and a classifier, [B, C, H, W] to [B, K]."""
    return nn.Sequential(
        nn.Conv2d(in_channels, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2 * width, num_classes),
    )


class Signum(torch.optim.Optimizer):
    """An optimizer: steps of equal size along the sign of the momentum (Bernstein et al. 2018, arXiv 1802.04434)."""

    def __init__(self, groups: list[dict[str, object]], lr: float, *, momentum: float = 0.9) -> None:
        """`groups` bring their own weight_decay, here decoupled."""
        super().__init__(groups, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """One update; the loop sets lr of every group before it."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                average = self.state[p].setdefault("momentum", torch.zeros_like(p))
                average.lerp_(p.grad, 1 - group["momentum"])
                p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * average.sign())


class Shift:
    """An augmentation: every image moves by up to `pixels` along both sides, what leaves comes in again."""

    def __init__(self, *, pixels: int = 1) -> None:
        """How far an image may move."""
        self.pixels = pixels

    def __call__(self, x: Tensor, draws: ImageDraws) -> Tensor:
        """uint8 [B, C, H, W] to the same; draws are named, so that they shift nobody else's."""
        by = draws.integers("shift", 2 * self.pixels + 1, 2) - self.pixels
        return torch.stack([image.roll(tuple(s), (1, 2)) for image, s in zip(x, by.tolist(), strict=True)])


SIGNUM = Trick(
    name="signum",
    patch={"optimizer.name": "my_lab.py:Signum", "optimizer.lr": 0.003},
    card=Card(
        summary="Steps of equal size along the sign of the momentum.",
        source="Bernstein et al. 2018 (arXiv 1802.04434), Algorithm 2",
    ),
    space={"optimizer.lr": (0.1, 10.0)},  # where a study with `tune` looks around it
)
SHIFT = Trick(
    name="shift",
    patch={"sample.my_lab.py:Shift.pixels": 1},
    card=Card(summary="Moves every image by up to a pixel.", source="this file"),
)
