import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms.v2 import functional as reference

from trickbag.data.sample import colour
from trickbag.data.sample.colour import ColourJitter
from trickbag.data.sample.lighting import EIGENVALUES, EIGENVECTORS, PcaLighting, pca_lighting
from trickbag.errors import InputError
from trickbag.rng import Streams

RANDOM = np.random.default_rng(0)


def batch(channels=3, count=32):
    """Noise, with a black, a white, a grey and a saturated image among it."""
    x = torch.from_numpy(RANDOM.integers(0, 256, (count, channels, 14, 11), dtype=np.uint8))
    x[0], x[1], x[2] = 0, 255, 128
    x[3] = 0
    x[3, 0] = 255
    return x


def draws(count=32, seed=0):
    return Streams(seed).images(0, torch.arange(count))


@pytest.mark.parametrize(
    ("name", "channels"),
    [("brightness", 1), ("brightness", 3), ("contrast", 1), ("contrast", 3), ("saturation", 3), ("hue", 3)],
)
def test_each_adjustment_is_torchvisions_image_by_image(name, channels):
    x = batch(channels).float()
    factors = torch.linspace(-0.5, 0.5, 32) if name == "hue" else torch.linspace(0, 2, 32)
    out = getattr(colour, f"adjust_{name}")(x, factors)
    for i, factor in enumerate(factors.tolist()):
        expected = 255 * getattr(reference, f"adjust_{name}")(x[i] / 255, factor)
        torch.testing.assert_close(out[i], expected, rtol=0, atol=2e-3)


@pytest.mark.parametrize("strengths", [(0.4, 0.4, 0.4, 0.0), (0.4, 0.0, 0.4, 0.1), (0.0, 1.0, 0.0, 0.5)])
def test_jitter_is_the_four_in_order_with_the_coefficients_of_each_image(strengths):
    x = batch()
    out = ColourJitter(*strengths)(x, draws())
    u = 2 * draws().uniform("color_jitter", 4) - 1
    names = ("brightness", "contrast", "saturation", "hue")
    for i in range(len(x)):
        expected = x[i].float() / 255
        for name, strength, value in zip(names, strengths, u[i].tolist(), strict=True):
            if strength:
                factor = strength * value if name == "hue" else 1 + strength * value
                expected = getattr(reference, f"adjust_{name}")(expected, factor)
        torch.testing.assert_close(out[i], 255 * expected, rtol=0, atol=5e-3)
    assert out.dtype == torch.float32


def test_coefficients_are_uniform_around_one():
    x = torch.full((5000, 1, 1, 1), 100.0)
    out = ColourJitter(0.4, 0, 0, 0)(x, draws(5000)).flatten() / 100
    assert stats.kstest(out.double(), stats.uniform(0.6, 0.8).cdf).pvalue > 1e-3


def test_grey_images_have_brightness_and_contrast_only():
    x = batch(channels=1)
    assert ColourJitter(0.4, 0.4, 0, 0)(x, draws()).shape == x.shape
    for arguments in ({"hue": 0.0}, {"saturation": 0.0, "hue": 0.1}):
        with pytest.raises(InputError, match="1 channel have no saturation or hue"):
            ColourJitter(**arguments)(x, draws())


def test_lighting_adds_alexnets_components():
    # Krizhevsky et al. 2012, section 4.1: every pixel gets [p1 p2 p3] [a1 l1, a2 l2, a3 l3]^T
    x, a = batch(), np.array([[0.1, -0.2, 0.05]])
    shift = np.array(EIGENVECTORS) @ (a[0] * np.array(EIGENVALUES))
    out = pca_lighting(x[:1].expand(1, -1, -1, -1), torch.tensor(a, dtype=torch.float32))
    np.testing.assert_allclose(
        out[0] - x[0].float(), np.broadcast_to(shift[:, None, None], x[0].shape), atol=1e-4
    )


def test_the_components_are_orthonormal_and_ordered():
    vectors = np.array(EIGENVECTORS)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(3), atol=1e-3)
    assert EIGENVALUES[0] > EIGENVALUES[1] > EIGENVALUES[2]


def test_lighting_has_the_declared_deviation_for_each_image():
    x = torch.zeros(20_000, 3, 1, 1)
    shift = PcaLighting(sd=0.1)(x, draws(20_000))[:, :, 0, 0].double().numpy()
    coefficients = shift @ np.linalg.inv(np.array(EIGENVECTORS).T) / np.array(EIGENVALUES)
    for component in range(3):
        assert stats.kstest(coefficients[:, component] / 0.1, "norm").pvalue > 1e-3
    assert np.abs(np.corrcoef(coefficients.T) - np.eye(3)).max() < 0.03


def test_lighting_refuses_grey_images():
    with pytest.raises(InputError, match="it needs 3"):
        PcaLighting()(batch(channels=1), draws())
