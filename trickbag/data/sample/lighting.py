"""PCA lighting noise (Krizhevsky, Sutskever and Hinton 2012, section 4.1)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from trickbag.errors import InputError
from trickbag.rng import ImageDraws

# Eigenvalues and eigenvectors (columns) of ImageNet's RGB values for the [0, 255] scale, as in the code that
# He et al. 2018 released (MXNet's LightingAug).
EIGENVALUES = (55.46, 4.794, 1.148)
EIGENVECTORS = ((-0.5675, 0.7192, 0.4009), (-0.5808, -0.0045, -0.8140), (-0.5836, -0.6948, 0.4203))


@dataclass(frozen=True)
class PcaLighting:
    """Add to every pixel of an image the principal components times coefficients ~ N(0, `sd`) of its own."""

    rank: ClassVar[int] = 50
    sd: float = 0.1

    def __post_init__(self) -> None:
        """Check the deviation."""
        if self.sd <= 0:
            raise InputError(f"pca_lighting: sd is {self.sd}; it must be above 0")

    def __call__(self, x: Tensor, draws: ImageDraws) -> Tensor:
        """float32 images, not clamped."""
        if x.shape[1] != 3:
            raise InputError(f"pca_lighting: images have {x.shape[1]} channel(s); it needs 3 (RGB)")
        return pca_lighting(x, self.sd * draws.normal("pca_lighting", 3))


def pca_lighting(x: Tensor, coefficients: Tensor) -> Tensor:
    """RGB images [B, 3, H, W] plus their shift, coefficients [B, 3] one per component."""
    components = torch.tensor(EIGENVECTORS, device=x.device) * torch.tensor(EIGENVALUES, device=x.device)
    return x.float() + (coefficients @ components.T)[:, :, None, None]
